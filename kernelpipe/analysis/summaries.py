"""What is known of a function or a class before it is used."""

from dataclasses import dataclass, field
from enum import Enum

from kernelpipe.analysis.heap import NOTHING, Obj, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a call: ``keyword`` is None for a positional one."""

    value: Value
    keyword: str | None = None
    is_starred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredCall:
    """A call in a function body whose callee is only known where the function is used.

    ``method`` is None for a call of ``callee`` itself, else the attribute that is called, with a
    dot before it where it is only read (it may be a property), or ``=`` where it is stored
    (``=`` alone stores an item, ``=[]`` one that may be a cell of a frame).
    """

    callee: Value
    method: str | None
    arguments: tuple[Argument, ...]
    result: Obj
    site: object = field(default=None, compare=False)
    """The code of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUse:
    """A file or folder that code may read or write.

    ``path`` is in normal form; None means that any file may be meant.
    """

    path: str | None
    is_write: bool
    is_import: bool = False
    """Read as a module: only a write to that very path matters."""
    is_reload: bool = False
    """Read as a module though it was imported before."""
    is_whole: bool = False
    """Surely written, and nothing is left of what was there."""
    given: tuple[str, ...] = ()
    """The parameters that the path depends on: ``path`` is what their defaults make of it."""


class StateUse(Enum):
    """What code does to hidden state of the interpreter."""

    SET = "set"
    """Sets it anew, whatever it was."""
    CHANGE = "change"
    DRAW = "draw"
    """Takes the next values of a random generator: matters once it was seeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEvent:
    """One use of hidden state, by its name in ``kernelpipe.runtime.states``."""

    state: str
    use: StateUse


class FigureUse(Enum):
    """What code does with the figures of pyplot."""

    OPEN = "open"
    DRAW = "draw"
    """Takes the current figure, whoever opened it; opens one if there is none."""
    CLOSE = "close"
    CLOSE_ALL = "close all"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUse:
    """A use of what the shell keeps for itself, which reaches no other step.

    ``kind``: "history" of inputs, "directories" that were visited, a "magic" that a cell may have
    registered, a "connection" of an extension's, a "configuration" that cannot be repeated.
    """

    kind: str
    text: str
    """What the cell says."""
    line: int
    is_change: bool


@dataclass(slots=True, kw_only=True)
class Effects:
    """What running some code does besides giving a value; names are the notebook's globals.

    ``changed`` maps objects that may be changed in place to whether what they hold may be
    changed, too. ``states`` lists what happens to hidden state, in order.
    """

    reads: set[str] = field(default_factory=set)
    binds: dict[str, Value] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    changed: dict[Obj, bool] = field(default_factory=dict)
    identity: set[Obj] = field(default_factory=set)
    lookups: set[Obj] = field(default_factory=set)
    """Symbols and parts that are subscripted: some dicts grow by that."""
    states: list[StateEvent] = field(default_factory=list)
    files: set[FileUse] = field(default_factory=set)
    calls: list[DeferredCall] = field(default_factory=list)
    foreign_stores: list[str] = field(default_factory=list)
    """Dotted names of library objects that an attribute is set on."""
    module_reads: set[str] = field(default_factory=set)
    """Names of modules beside the notebook that may be read, as "module.name"."""
    module_changes: set[str] = field(default_factory=set)
    """Those whose value, or what it holds, may be changed."""
    session: list[SessionUse] = field(default_factory=list)
    figures: list[FigureUse] = field(default_factory=list)
    shows: bool = False
    """Prints or displays something."""
    cached_calls: set[str] = field(default_factory=set)
    """Cached functions that may be called here, though more than their result is seen."""
    cache_looks: set[str] = field(default_factory=set)
    """Cached functions that are asked how often they were called."""
    cached_values: dict[str, Value] = field(default_factory=dict)
    """Cached function -> what calls of it may have given, which its cache holds."""
    reads_everything: bool = False
    """May read any global (a query text that is not known)."""
    reads_unseen: bool = False
    """May read globals by names that only exist as texts."""
    names_definitions: bool = False
    """Reads or writes files that name functions and classes of the notebook."""
    hidden: set[Obj] = field(default_factory=set)
    """What stands for the namespace in which code binds names unseen."""
    lists_classes: bool = False
    """Asks a class for its subclasses."""
    is_opaque: bool = False
    """May read, bind and change any global (exec, globals(), an unknown magic)."""

    def add(self, other: "Effects") -> None:
        """Make these the effects of this code and then of that of ``other``."""
        self.reads |= other.reads
        self.deletes |= other.deletes
        self.identity |= other.identity
        self.lookups |= other.lookups
        self.hidden |= other.hidden
        self.files |= other.files
        self.cached_calls |= other.cached_calls
        self.cache_looks |= other.cache_looks
        for ours, others in (
            (self.binds, other.binds),
            (self.cached_values, other.cached_values),
        ):
            for name, value in others.items():
                ours[name] = ours.get(name, NOTHING) | value
        for o, is_deep in other.changed.items():
            self.changed[o] = self.changed.get(o, False) or is_deep
        self.module_reads |= other.module_reads
        self.module_changes |= other.module_changes
        self.states += other.states
        self.session += other.session
        self.figures += other.figures
        self.calls += other.calls
        self.foreign_stores += other.foreign_stores
        self.shows |= other.shows
        self.reads_everything |= other.reads_everything
        self.reads_unseen |= other.reads_unseen
        self.names_definitions |= other.names_definitions
        self.is_opaque |= other.is_opaque
        self.lists_classes |= other.lists_classes


@dataclass(slots=True, kw_only=True, eq=False)
class FunctionSummary:
    """A function: its parameters as symbols, what it does when called, what it may return."""

    name: str
    positional: list[str]
    keyword_only: list[str]
    vararg: str | None
    kwarg: str | None
    parameters: dict[str, Obj]
    defaults: dict[str, Value]
    effects: Effects = field(default_factory=Effects)
    result: set[Obj] = field(default_factory=set)
    is_generator: bool = False
    is_cached: bool = False
    """Decorated with ``functools.cache`` or ``lru_cache``."""
    binding: str | None = None
    """``builtins.staticmethod``, ``classmethod`` or ``property`` where it is one."""
    fills: bool = False
    """A cached property: reading it changes its object."""
    swallows: bool = False
    """Leaving the context that it makes or ends may swallow an exception."""
    serials: range = range(0)
    """Serial numbers of the objects that stand for what the body makes."""


@dataclass(slots=True, kw_only=True, eq=False)
class ClassSummary:
    """A class of the notebook: its own methods, and its bases as objects."""

    name: str
    methods: dict[str, Value]
    bases: tuple[Value, ...]
    is_plain: bool = False
    """No metaclass and no decorator of unknown code has made it."""
    arguments: tuple[str, ...] | None = None
    """Of a dataclass: the fields that ``__init__`` takes, in order, less those of the bases."""
