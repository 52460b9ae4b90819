"""What the checks say about a notebook."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.location import Location


class Severity(Enum):
    """How much a finding matters; the values are the wire text."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a notebook.

    ``code`` is stable: KP1xx tags and reading, KP2xx data flow, KP3xx graph, KP4xx backend,
    KP5xx run. The first line of ``message`` stands alone; ``hint`` says what to do.
    """

    code: str
    severity: Severity
    message: str
    location: Location
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.location}: {self.severity.value}[{self.code}]: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


def in_notebook_order(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return ``diagnostics`` by cell, line, column and code; those without a cell come first."""

    def key(diagnostic: Diagnostic) -> tuple[int, int, int, str, str]:
        place = diagnostic.location
        return (
            -1 if place.cell_index is None else place.cell_index,
            place.line or 0,
            place.column or 0,
            diagnostic.code,
            diagnostic.message,
        )

    return tuple(sorted(diagnostics, key=key))
