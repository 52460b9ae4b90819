"""A step lowered to something a backend can run."""

import json
from dataclasses import dataclass

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Gate, Loop
from kernelpipe.model.settings import StepSettings
from kernelpipe.runtime.notebook import python_text


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
class TaskFile:
    """A file or folder that a task hands on as ``port``, or finds as ``step`` has left it.

    ``path`` is as in ``model.pipeline.FileFlow``.
    """

    step: StepName
    port: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the list that a step runs over."""

    step: StepName
    """The step; the task of the item has a name of its own."""
    number: int
    """Its place in the list, from zero."""
    loop: Loop
    value: str
    """JSON text."""
    repeats: int = 0
    """How many items before it are equal: each runs, as in a loop."""

    @property
    def text(self) -> str:
        """What the loop's variable is, as Python: "lr = 0.1"."""
        return f"{self.loop.variable} = {python_text(json.loads(self.value))}"

    def binding(self) -> dict[str, object]:
        """Return the loop's variable -> its value."""
        return {self.loop.variable: json.loads(self.value)}


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
    file_inputs: tuple[TaskFile, ...] = ()
    """Files that are there when the step begins, in the order to put them in place. They, and
    ``file_outputs``, are for backends whose steps do not share a file system."""
    file_outputs: tuple[TaskFile, ...] = ()
    setup_names: tuple[str, ...] = ()
    """What the step is known to use of its setup (see ``model.pipeline.Step``)."""
    gate: Gate | None = None
    """What decides whether the step runs; it is no part of what determines the result."""
    loop: Loop | None = None
    item: Item | None = None
    """The item that a backend runs the step's cells for, when each has a task of its own."""

    @property
    def public_step(self) -> StepName:
        """The step of the pipeline, which an item's task is a part of."""
        return self.step if self.item is None else self.item.step

    @property
    def arrivals(self) -> tuple[tuple[StepName, str], ...]:
        """(step, port) of the values and of the files that it takes."""
        values = [(each.step, each.port) for each in self.inputs]
        return (*values, *((each.step, each.port) for each in self.file_inputs))

    @property
    def is_exit(self) -> bool:
        """Tell whether it runs when all other tasks have ended, whatever happened."""
        return self.settings.on_exit is True
