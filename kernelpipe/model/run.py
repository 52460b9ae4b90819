"""What came back from running a pipeline."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.names import RunId, StepName


class RunState(Enum):
    """States of runs and step runs; the words are KFP's."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepError:
    """Why a step failed; ``cell_index`` and ``line`` are the source notebook's, None if unknown."""

    cell_index: int | None
    line: int | None
    ename: str
    evalue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step in one run; paths are absolute, None until the file exists."""

    name: StepName
    state: RunState
    reason: str | None = None
    """Why it did not run or was stopped, in the user's words."""
    is_cached: bool = False
    duration_s: float | None = None
    notebook: str | None = None
    error: StepError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that the run reported: ``value`` is an int, a float or a bool."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a pipeline.

    ``parameters`` is JSON text of name -> value (defaults included); ``started_at`` is seconds
    since the epoch; ``directory`` and ``notebook`` (the one executed notebook) are absolute paths.
    """

    id: RunId
    pipeline: str
    source: str
    """Path of the source notebook."""
    state: RunState
    started_at: float
    duration_s: float | None
    directory: str
    notebook: str | None
    parameters: str
    metrics: tuple[Metric, ...]
    steps: tuple[StepRun, ...]
    reason: str | None = None
    """Why it failed or was stopped when no step says so, in the user's words."""
