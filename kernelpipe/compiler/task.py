"""A step lowered to something a backend can run."""

from dataclasses import dataclass

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind
from kernelpipe.model.settings import StepSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """Names (sorted) that a task takes out of the file ``port`` of ``step``."""

    step: StepName
    port: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutput:
    """One file that a task writes; it holds ``names`` (sorted).

    ``port`` is an ASCII identifier, unique in its task also where case does not count. ``kind`` is
    ANY unless every name in the file is of one kind.
    """

    port: str
    names: tuple[str, ...]
    kind: ArtifactKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step with everything that running it takes.

    ``document`` is the JSON text that the runtime reads: cells, setup, parameters, files. The
    other fields repeat what backends need to know without reading it. ``parameters`` and
    ``metrics`` are names; ``parameters`` are in notebook order, ``inputs`` are sorted by step and
    port, ``outputs`` by group.
    """

    step: StepName
    after: tuple[StepName, ...]
    document: str
    parameters: tuple[str, ...]
    inputs: tuple[TaskInput, ...]
    outputs: tuple[TaskOutput, ...]
    metrics: tuple[str, ...]
    modules: tuple[str, ...]
    settings: StepSettings
    setup_names: tuple[str, ...] = ()
    """What the step is known to use of its setup (see ``model.pipeline.Step``)."""
