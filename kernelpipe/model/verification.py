"""What came of comparing a notebook's plain run with its run as a pipeline."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState, StepError


class DifferenceKind(Enum):
    """What differs; the values are the wire text."""

    OUTPUT = "output"
    VALUE = "value"
    METRIC = "metric"
    FILE = "file"
    ENDING = "ending"
    """The one fails where the other does not, or with another error."""


class Reason(Enum):
    """Why something probably differs; the values are the wire text."""

    NON_DETERMINISM = "non-determinism"
    """Two runs of the notebook itself differ, or probably would."""
    HIDDEN_STATE = "hidden state"
    FILES = "files"
    OURS = "kernelpipe"
    """Nothing in the notebook explains it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """``what`` ("value x[3]", "output 1 (stdout)") is not the same in both runs.

    ``cell`` is the index of the cell that shows it, or that bound the value last; None if no cell
    is known. ``explanation`` says why it probably differs, in a sentence.
    """

    kind: DifferenceKind
    step: StepName | None
    cell: int | None
    what: str
    plain: str
    pipeline: str
    location: Location | None
    reason: Reason
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A step that was not compared, and why."""

    step: StepName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Both runs of a notebook and what differs between them, in notebook order.

    ``cells``, ``values``, ``metrics`` and ``files`` are how many were compared. ``unstable`` is
    what differs between two plain runs, too, so that it says nothing about the pipeline: known
    only when the notebook ran plainly ``plain_runs`` = 2 times. ``error`` is what both runs end
    with, None if they succeed. ``notes`` says what could not be compared.
    """

    name: str
    path: str
    state: RunState
    plain_s: float
    pipeline_s: float
    plain_runs: int
    cells: int
    values: int
    metrics: int
    files: int
    found: tuple[Discrepancy, ...]
    unstable: tuple[Discrepancy, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    error: StepError | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether the pipeline gave what the notebook gives."""
        return not self.found
