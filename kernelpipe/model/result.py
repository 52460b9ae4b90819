"""What a step's execution left behind, and all that it depended on."""

from dataclasses import dataclass

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What was at an absolute path: ``digest`` is the SHA-256 of the file's content in hex.

    None means that nothing was there; ``dir:`` and a SHA-256 stand for the sorted names in a
    directory; ``is:file`` and ``is:dir`` say what was there where nothing else mattered.
    """

    path: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a step used besides the values that it was given, sorted by path or name.

    ``reads`` are states before the step itself wrote there, ``writes`` are states at its end.
    ``environment`` holds (variable, SHA-256 of its text or None if it was not set) for what the
    user's code read. ``unseen`` says, in the user's words, what else it may depend on that cannot
    be watched; such a step is only reused when its settings say so.
    """

    reads: tuple[FileState, ...] = ()
    writes: tuple[FileState, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """A value file of a step; ``digest`` names it in the store.

    It is the SHA-256 of the file's header, which holds that of its content.
    """

    port: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A step that SUCCEEDED, stored for use by later runs.

    ``key`` is the SHA-256 of all that determines the result and is known before the step runs;
    ``conditions`` is that as JSON text (``compiler.Conditions``), to explain differences.
    ``executed`` is the digest of the executed step notebook in the store.
    """

    id: str
    key: str
    source: str
    """Path of the source notebook."""
    step: StepName
    run_id: RunId
    created_at: float
    """Seconds since the epoch."""
    duration_s: float
    conditions: str
    values: tuple[StoredValue, ...]
    executed: str
    metrics: tuple[Metric, ...]
    touched: Touched

    @property
    def digests(self) -> tuple[str, ...]:
        """Digests of all files in the store that it consists of."""
        return (self.executed, *(value.digest for value in self.values))
