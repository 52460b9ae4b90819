"""What the checks say about a notebook."""

from dataclasses import dataclass, replace
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
    KP5xx run. The first line of ``message`` stands alone; ``hint`` says what to do; ``related``
    are other places of the notebook that the finding is about, and what stands there.
    """

    code: str
    severity: Severity
    message: str
    location: Location
    hint: str | None = None
    related: tuple[tuple[Location, str], ...] = ()

    @property
    def headline(self) -> str:
        """Return place, severity, code and message."""
        return f"{self.location}: {self.severity.value}[{self.code}]: {self.message}"

    def shown_as(self, path: str) -> "Diagnostic":
        """Return the finding as one about the notebook that users know as ``path``."""
        return replace(
            self,
            location=replace(self.location, path=path),
            related=tuple((replace(place, path=path), text) for place, text in self.related),
        )

    def __str__(self) -> str:
        lines = [self.headline]
        lines += [f"  see {place.inside}: {text}" for place, text in self.related]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


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
