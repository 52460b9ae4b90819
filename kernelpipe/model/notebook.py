"""A notebook as it was read: cells with parsed tags, no raw JSON."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.settings import NO_SETTINGS, PipelineSettings, StepSettings


class CellRole(Enum):
    """What a code cell is for; the values are the tags (ours) that say so."""

    STEP = "step"
    """Belongs to a step: its own tag's, or that of the cell above."""
    IMPORTS = "imports"
    FUNCTIONS = "functions"
    PARAMETERS = "parameters"
    METRICS = "metrics"
    TEST = "test"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One code cell.

    Markdown and raw cells are not kept: ``index`` still counts them. ``source`` is what the user
    wrote, with newline characters as line ends. ``step`` is set when the cell itself has a
    ``step:`` tag; ``after`` and ``settings`` are what its own tags say. ``role`` is STEP for an
    untagged cell.
    """

    index: int
    id: str
    source: str
    location: Location
    role: CellRole = CellRole.STEP
    step: StepName | None = None
    after: tuple[StepName, ...] = ()
    settings: StepSettings = NO_SETTINGS
    may_raise: bool = False
    """Tagged ``raises-exception``: the notebook goes on when this cell raises."""
    execution_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A readable Python notebook; ``cells`` are its code cells in notebook order.

    ``diagnostics`` are the findings of reading and of parsing tags (KP1xx).
    """

    path: str
    name: str
    """Pipeline name: from metadata, else the file's name without its suffix."""
    kernel_name: str | None
    cells: tuple[Cell, ...]
    settings: PipelineSettings
    diagnostics: tuple[Diagnostic, ...] = ()
