"""How a run is to be carried out."""

from dataclasses import dataclass
from pathlib import Path

from kernelpipe.backends.local.engine import Mode
from kernelpipe.model.names import RunId, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the user asks of a run besides its parameters.

    ``only``, ``start_from`` and ``until`` are steps: of the first, only these run and the others'
    stored results are used; the second and all steps after them run anew; of the third, only they
    and the steps before them take part. Empty means no such wish. ``timeout_s`` is for the whole
    run.
    """

    jobs: int
    """How many steps may run at the same time, at least one."""
    out: Path | None = None
    """Where to put a copy of the executed notebook, besides the run's directory."""
    is_cache_used: bool = True
    only: tuple[StepName, ...] = ()
    start_from: tuple[StepName, ...] = ()
    until: tuple[StepName, ...] = ()
    resumes: RunId | None = None
    """The run that this one continues."""
    timeout_s: float | None = None
    engine: Mode = Mode.AUTO
    batch: str | None = None
    """Id of the batch that the run belongs to, with its ``point`` in it (from zero)."""
    point: int | None = None
    working_directory: Path | None = None
    """Of the kernels; None means the notebook's."""
    content: bytes | None = None
    """The source notebook, when it is not what the file at its path holds."""
    is_tracked: bool = True
    """Log to MLflow where that is installed."""
    are_values_tracked: bool = False
    """Log tables and models that steps hand on, too."""
    is_verbose: bool = False
    """Tell why steps are not reused and why kernels are not forked."""

    def document(self) -> dict[str, object]:
        """Return what a run that continues this one needs, as JSON."""
        return {
            "only": list(self.only),
            "from": list(self.start_from),
            "until": list(self.until),
            "cache": self.is_cache_used,
            "timeout_s": self.timeout_s,
        }
