"""The pipeline that a notebook means: steps, what flows between them, and in which order."""

from dataclasses import dataclass, field
from enum import Enum

from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.requirement import Requirement
from kernelpipe.model.settings import PipelineSettings, StepSettings


class ParameterType(Enum):
    """Type of a parameter; the values are the wire text."""

    STRING = "str"
    INTEGER = "int"
    DOUBLE = "float"
    BOOLEAN = "bool"
    LIST = "list"
    STRUCT = "dict"
    ANY = "any"
    """The default is None and nothing annotates it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that can be set before a run; ``default`` is JSON text."""

    name: str
    type: ParameterType
    default: str
    is_nullable: bool
    """None is accepted: the default is None or the annotation says so."""
    cell_index: int


class ArtifactKind(Enum):
    """What a stored value is, as far as the code tells before it runs."""

    DATASET = "dataset"
    MODEL = "model"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPort:
    """A name that a step receives; ``source`` is None for a pipeline parameter."""

    name: str
    source: StepName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPort:
    """A name that a step hands on.

    Names with the same ``group`` may share objects, so they are stored in one file, the group's;
    groups are numbered from zero by their first name in sorted order. ``cell_index`` is the cell
    of the step that last binds or changes the name (for messages). Hidden interpreter state (a
    seeded random generator, the working directory, ...) travels under names that begin with ``@``
    (see ``kernelpipe.runtime.states``).
    """

    name: str
    group: int
    cell_index: int
    kind: ArtifactKind = ArtifactKind.ANY


class EdgeKind(Enum):
    """Why one step comes after another; the values are the wire text."""

    DATA = "data"
    ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``consumer`` starts after ``producer``; ``names`` flow along it (sorted; empty for order)."""

    producer: StepName
    consumer: StepName
    kind: EdgeKind
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Known files and folders that both may touch, one of them writing, sorted."""


STORE = "/%store"
"""Stands for IPython's folder of what ``%store`` keeps; ``/%store/NAME`` for one value in it."""


def is_store(path: str) -> bool:
    """Tell whether a path stands for what ``%store`` keeps."""
    return path == STORE or path.startswith(f"{STORE}/")


def describe_path(path: str) -> str:
    """Return what messages call the file or folder at a path."""
    if not is_store(path):
        return f"the file '{path}'"
    name = path.removeprefix(STORE).strip("/")
    return f"the value '{name}' of '%store'" if name else "the values of '%store'"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTie:
    """``consumer`` may touch a file that ``producer`` touched before; at least one may write it.

    ``path`` is as the notebook writes it, None when it cannot be told. ``is_read`` is set when the
    consumer may read what the producer wrote.
    """

    producer: StepName
    consumer: StepName
    path: str | None
    is_read: bool
    files: tuple[str, ...] = ()
    """All paths that are known of what both touch, sorted: of two the longer one."""


WORKING_DIRECTORY = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFlow:
    """``consumer`` starts with ``path`` as ``producer`` leaves it: a file, a folder, or nothing.

    ``path`` is absolute, or relative to the working directory, which is ``WORKING_DIRECTORY``.
    """

    producer: StepName
    consumer: StepName
    path: str
    is_read: bool
    """May be read; else it is only changed or made anew."""
    given: tuple[str, ...] = ()
    """The parameters that the path depends on, sorted: it is what their defaults make of it, or the
    working directory if that is where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """A cell may read a file or folder that was there before the notebook ran.

    ``path`` is in normal form. ``is_sure`` unless an earlier cell may have made it, in part at
    least, or changed the working directory.
    """

    path: str
    location: Location
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupCell:
    """A cell that runs at the start of a step, in notebook order.

    ``source`` is the cell's, less the imports that this step has no use for. Parameters cells are
    setup, too (``cell.role`` tells).
    """

    cell: Cell
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What decides whether a step runs; closed, the step and all that comes after it is SKIPPED.

    ``expression`` is Python over ``metrics``, (name, step that reports it), and ``parameters``;
    both are sorted. Every step that reports one has finished before the gate is looked at.
    """

    expression: str
    metrics: tuple[tuple[str, StepName], ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A step runs once per item of the list ``parameter``, with the item as ``variable``.

    Later steps see, for each name that it hands on, the list of what the items gave.
    """

    variable: str
    parameter: str
    is_ordered: bool = False
    """The items write one file: where they share a file system, each waits for the one before."""
    handed_on: tuple[str, ...] = ()
    """Files that an item may find as another one left them, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, linked.

    Tuples of names are sorted; cells are in notebook order.
    """

    name: StepName
    cells: tuple[Cell, ...]
    """Its own cells, metrics cells among them, without tests."""
    tests: tuple[Cell, ...]
    setup: tuple[SetupCell, ...]
    after: tuple[StepName, ...]
    """Every step that must have finished: data and order edges, sorted."""
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    metrics: tuple[str, ...]
    """Names whose values at the end of the step are run metrics."""
    removed: tuple[str, ...] = ()
    """Names that setup binds but that no longer exist where this step begins."""
    shared_definitions: tuple[tuple[str, int], ...] = ()
    """(name, number) of what setup defines, sorted: it travels by name, so that every step has one
    object for each. The number counts the statements of setup that bind the name, so that cells
    may be moved without making other objects of what earlier runs stored."""
    setup_names: tuple[str, ...] = ()
    """Names bound by setup that the step reads, sorted; functions and methods that it calls
    through its inputs read them, too."""
    modules: tuple[str, ...] = ()
    """Full dotted names of the modules that the step's code and setup import."""
    settings: StepSettings = field(default_factory=StepSettings)
    gate: Gate | None = None
    """Of ``when:``; None if the step always runs."""
    loop: Loop | None = None
    """Of ``foreach:``; None if the step runs once."""

    @property
    def is_exit(self) -> bool:
        """Tell whether it runs when all other steps have ended, whatever happened."""
        return self.settings.on_exit is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A linked notebook; ``steps`` are in order of first appearance, which is a valid order to run.

    The on-exit step, if there is one, is the last; no edge and no tie leads to it or from it.

    ``edges`` are sorted by (producer, consumer, kind); ``parameters`` are in notebook order.
    ``diagnostics`` holds every finding so far; the pipeline can run only if none is an error.
    """

    name: str
    path: str
    kernel_name: str | None
    settings: PipelineSettings
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    file_ties: tuple[FileTie, ...] = ()
    """Steps that files tie in notebook order; each is an order edge, too, unless data flows."""
    file_flows: tuple[FileFlow, ...] = ()
    """What steps start from, by consumer and then in the order in which it is to be put in place,
    later ones over earlier ones. The on-exit step's are there, too."""
    file_reads: tuple[FileRead, ...] = ()
    """Files from outside, each once, in notebook order."""
    requirements: tuple[Requirement, ...] = ()
    """What cells install, in notebook order; their code has no such lines any more."""
    skipped: tuple[int, ...] = ()
    """Indexes of ``skip`` cells."""
    diagnostics: tuple[Diagnostic, ...] = ()

    def errors(self) -> tuple[Diagnostic, ...]:
        """Return the diagnostics that stop the pipeline from being run or compiled."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)
