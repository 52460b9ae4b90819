"""The abstract objects that names may stand for, and which of them hold which.

An ``Obj`` stands for all objects made at one place in the code. A value of an expression is a
frozenset of them: what it may be. ``contains`` says what an object may hold, so two names may
share an object when what can be reached from them overlaps.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelpipe.analysis.summaries import ClassSummary, FunctionSummary


ANYTHING = "*"
"""The name of the symbol that stands for any global in function summaries."""


class Kind(Enum):
    """What an object is, as far as the code tells."""

    __hash__ = object.__hash__  # members are single: much faster than by name

    UNKNOWN = "unknown"
    IMMUTABLE = "immutable"
    """Numbers, texts, None and what is made of them only: never changed, never shared."""
    MODULE = "module"
    IMPORTED = "imported"
    """A function, class or constant of a library; ``Obj.dotted`` names it."""
    FUNCTION = "function"
    CLASS = "class"
    INSTANCE = "instance"
    LIST = "list"
    DICT = "dict"
    SET = "set"
    TUPLE = "tuple"
    ARRAY = "array"
    FRAME = "frame"
    """pandas: frames, series, indexes and what is grouped or rolled from them."""
    ESTIMATOR = "estimator"
    FIGURE = "figure"
    ITERATOR = "iterator"
    GENERATOR = "generator"
    FILE = "file"
    BUFFER = "buffer"
    """A file in memory."""
    HANDLE = "handle"
    """A connection, lock, thread or socket."""
    RANDOM = "random"
    """A random generator object."""
    FIELD = "field"
    """What one attribute of an instance may be: no object of the notebook's, only a place."""


ATOMS = frozenset({Kind.IMMUTABLE, Kind.MODULE, Kind.IMPORTED})
"""Kinds that nothing changes in place and whose sharing nobody can see."""
CONTAINERS = frozenset({Kind.LIST, Kind.DICT, Kind.SET, Kind.TUPLE, Kind.ITERATOR})
WITH_CODE = frozenset({Kind.FUNCTION, Kind.CLASS, Kind.INSTANCE})
"""Kinds that code belongs to; they have attributes of their own."""
_LEAVES = frozenset(
    {
        Kind.INSTANCE,
        Kind.ARRAY,
        Kind.FRAME,
        Kind.ESTIMATOR,
        Kind.RANDOM,
        Kind.FUNCTION,
        Kind.CLASS,
        Kind.FIGURE,
    }
)
DRAWN = frozenset({Kind.FIGURE, Kind.FUNCTION, Kind.CLASS, Kind.INSTANCE})
"""Kinds that a figure may hold; data it copies."""
VIEWS = frozenset({Kind.ARRAY, Kind.FRAME})
"""Kinds whose objects may show data that others of these kinds hold."""
CELLS = CONTAINERS - {Kind.ITERATOR} | {Kind.INSTANCE, Kind.ESTIMATOR, Kind.RANDOM, Kind.BUFFER}
"""Kinds that lie in the cells of data: copies of the data share them."""
UNSTORABLE = {
    Kind.GENERATOR: "a generator",
    Kind.FILE: "an open file",
    Kind.HANDLE: "a connection, a lock, a thread or a display",
}


@dataclass(slots=True, eq=False)
class Obj:
    """One abstract object; compared and hashed by identity.

    ``keeps`` is held but never changed through this object (the training data that an estimator
    may refer to). ``items`` are the values of a display, in order. ``symbol`` marks what stands
    for a caller's value in a function summary: ("parameter", "global" or "attribute", name).
    """

    kind: Kind
    contains: "set[Obj]" = field(default_factory=set)
    keeps: "set[Obj]" = field(default_factory=set)
    holders: "set[Obj]" = field(default_factory=set)
    """The other way round: what contains or keeps this object."""
    guessed: "set[Obj]" = field(default_factory=set)
    """What it contains if code that nothing is known of has put it there, having had both."""
    dotted: str | None = None
    constant: object = None
    items: "tuple[frozenset[Obj], ...] | None" = None
    symbol: tuple[str, str] | None = None
    function: "FunctionSummary | None" = None
    klass: "ClassSummary | None" = None
    closure: "dict[Obj, frozenset[Obj]] | None" = None
    part: "Obj | None" = None
    is_part: bool = False
    wholes: "tuple[Obj, ...]" = ()
    """What this is a part of: what is put into a part is put into the whole."""
    has_identity: bool = False
    """Found in dicts and lists by its identity, so every step must have one object for it."""
    serial: int = field(default_factory=count().__next__)
    """Grows with each object: tells what was made while a function was summarised."""
    is_tainted: bool = False
    """Made by a call whose result differs from process to process (clock, uuid, ...)."""
    is_open: bool = False
    """Code that nothing is known of may have put anything into it."""
    has_plain_keys: bool = False
    """A dict whose keys are immutable, as far as known code goes."""
    fields: "dict[str, Obj] | None" = None
    """Attribute -> its place in an instance or a class, or the symbol that stands for it.

    None means that attributes are not told apart.
    """
    base: "Obj | None" = None
    """What this is an attribute of, if it is the symbol of one."""
    has_code: bool = False
    """Is, or holds, a function, a class or an instance, whose code may run."""
    has_cells: bool = False
    """Data with objects in its cells, or a view of such data."""

    def __post_init__(self) -> None:
        """Tell objects with code from data."""
        self.has_code = self.kind in WITH_CODE

    def hold(self, others: "Iterable[Obj]", *, is_certain: bool = True) -> None:
        """Record that this object may contain ``others``; uncertain is what is only guessed.

        What is a part of it anyway, as in ``a[0] = a[1]``, adds nothing; only the symbol for
        anything stands for several objects at once.
        """
        is_one = self.symbol is None or self.symbol[1] != ANYTHING
        others = tuple(o for o in others if o is not self.part or not is_one)
        self.is_open = self.is_open or self in others
        for whole in self.wholes:
            whole.hold(others, is_certain=is_certain)
        for o in others:
            if o.kind not in ATOMS and self.kind not in ATOMS and o is not self:
                if is_certain:
                    self.guessed.discard(o)
                elif o not in self.contains:
                    self.guessed.add(o)
                self.contains.add(o)
                o.held_by(self)
                if o.has_code and not self.has_code:
                    _gains_code(self)
                if self.kind in VIEWS and not self.has_cells and (o.kind in CELLS or o.has_cells):
                    _gains_cells(self)

    def keep(self, others: "Iterable[Obj]") -> None:
        """Record that this object may keep ``others`` without ever changing them."""
        for o in others:
            if o.kind not in ATOMS and self.kind not in ATOMS and o is not self:
                self.keeps.add(o)
                o.held_by(self)

    def held_by(self, holder: "Obj") -> None:
        """Record the other way round that ``holder`` contains or keeps this object."""
        self.holders.add(holder)


def _gains_code(o: Obj) -> None:
    """Mark an object that got to hold code, and all that hold it; each is marked once."""
    stack = [o]
    while stack:
        each = stack.pop()
        if not each.has_code:
            each.has_code = True
            stack.extend(each.holders)


def _gains_cells(o: Obj) -> None:
    """Mark data that got objects in its cells, and all views of it; each is marked once."""
    stack = [o]
    while stack:
        each = stack.pop()
        if not each.has_cells:
            each.has_cells = True
            stack.extend(view for view in each.holders if view.kind in VIEWS)


Value = frozenset[Obj]
NOTHING: Value = frozenset()


_maker: Callable[..., Obj] = Obj


def make_with(maker: Callable[..., Obj]) -> None:
    """Let ``new`` make objects with ``maker``, which takes what ``Obj`` takes."""
    global _maker  # noqa: PLW0603  # an argument would have to pass through the whole interpreter
    _maker = maker


@contextmanager
def made_apart() -> Iterator[None]:
    """Let ``new`` make objects that belong to no cell meanwhile."""
    before = _maker
    make_with(Obj)
    try:
        yield
    finally:
        make_with(before)


def new(
    kind: Kind,
    contains: Iterable[Obj] = (),
    *,
    dotted: str | None = None,
    constant: object = None,
    symbol: tuple[str, str] | None = None,
) -> Obj:
    """Return a new object that may hold ``contains``."""
    made = _maker(kind, dotted=dotted, constant=constant, symbol=symbol)
    made.hold(contains)
    return made


CLASS_OF = object()
"""The constant of what stands for the class of an object that is not known."""
LABELS = object()
"""The constant of the labels of a frame: what they give is immutable."""
GROUPS = object()
"""The constant of what ``groupby`` gives: pairs of a key and a copy."""
WINDOWS = object()
"""The constant of what ``rolling`` and its like give, which look at the frame when asked."""
ATOM = new(Kind.IMMUTABLE)
ATOM_VALUE: Value = frozenset({ATOM})
NONE: Value = frozenset({new(Kind.IMMUTABLE, constant=type(None))})
"""What the constant None is."""
TRUE: Value = frozenset({new(Kind.IMMUTABLE, constant=True)})
"""What the constant True is."""
FALSE: Value = frozenset({new(Kind.IMMUTABLE, constant=False)})
"""What the constant False is."""


def part_of(value: Value) -> Value:
    """Return what an attribute, an item or an element of ``value`` may be."""
    result: set[Obj] = set()
    for o in value:
        inside = _in_tuple(o)
        if inside:
            result |= inside
            result.add(ATOM)
        else:
            result.add(_part(o))
            result |= cells(o)
    return frozenset(result)


def with_base(o: Obj) -> set[Obj]:
    """Return an object and what it may be a view of, or the dict of."""
    found = {o} if o.is_part else {o, *o.wholes}
    stack = [o] if o.kind in VIEWS else []
    while stack:
        more = {each for each in stack.pop().contains if each.kind in VIEWS} - found
        found |= more
        stack.extend(more)
    return found


def cells(o: Obj) -> Value:
    """Return the objects in the cells of ``o``, which copies of it share; nothing unless data."""
    if o.kind not in VIEWS or not o.has_cells:
        return NOTHING
    return frozenset(c for each in with_base(o) for c in each.contains if c.kind in CELLS)


def _in_tuple(o: Obj) -> set[Obj]:
    """Return all that is in a tuple of data and of such tuples; nothing for anything else."""
    found = reach((o,)) if o.kind is Kind.TUPLE and o.contains else set()
    is_data = all(
        each.kind in VIEWS
        or (each.kind is Kind.TUPLE and not (each.guessed or each.is_open or each.keeps))
        for each in found
    )
    return found - {o} if is_data else set()


def pair(*items: Value) -> Value:
    """Return a tuple of ``items``."""
    held = frozenset[Obj]().union(*items)
    is_plain = all(o.kind is Kind.IMMUTABLE for o in held)
    made = new(Kind.IMMUTABLE if is_plain else Kind.TUPLE, held)
    made.items = items
    made.is_tainted = any(o.is_tainted for o in held)
    return frozenset({made})


GROWING = "collections.defaultdict"
"""The class whose objects grow when a missing item is read."""
ATOM_ITEMS = object()
"""The constant of such an object whose new items are immutable."""


def _may_grow(o: Obj) -> bool:
    """Tell whether reading an item of ``o`` may make an object that it then holds."""
    return o.dotted == GROWING and o.constant is not ATOM_ITEMS


def items_of(value: Value) -> Value:
    """Return what iterating over ``value``, or a subscript of it, gives."""
    found: set[Obj] = set()
    for o in value:
        is_plain = o.kind in CONTAINERS and not (o.is_open or o.is_tainted or _may_grow(o))
        if is_plain and _is_flat(o):
            found |= {ATOM, *o.contains}
        else:
            found.add(_part(o))
    return frozenset(found.union(*map(cells, value)))


def _is_flat(o: Obj) -> bool:
    """Tell whether nothing that ``o`` holds can be walked into, as lists of lists are."""
    known = VIEWS if o.guessed else _LEAVES
    return all(each.kind in known for each in o.contains)


_ACCESSORS = frozenset("loc iloc at iat values array T flat flags str dt cat plot".split())
"""Attributes of data that surely are no object in a cell."""


def data_attribute(o: Obj, name: str) -> Value | None:
    """Return what is known of attribute ``name`` of an array, a frame or a data set."""
    return frozenset({o}) if name in _ACCESSORS else dataset_part(o, name)


def item_at(o: Obj, index: object) -> Value | None:
    """Return the item of a display or a data set at ``index``, None if it is not known."""
    if not isinstance(index, int):
        return dataset_part(o, index)
    if o.items is None or not -len(o.items) <= index < len(o.items):
        return None
    return o.items[index]


def deep_copy(value: Value) -> Value:
    """Return what ``copy.deepcopy`` gives: nothing is shared but classes and functions."""
    copies: dict[Obj, Obj] = {}
    for o in reach(value):
        if o.kind not in (Kind.FUNCTION, Kind.CLASS):
            copies[o] = made = new(o.kind, dotted=o.dotted, constant=o.constant)
            made.klass, made.is_tainted = o.klass, o.is_tainted
            made.is_part, made.is_open = o.is_part, o.is_open
    for o, made in copies.items():
        if o.fields is not None and o.kind in WITH_CODE:
            made.fields = {name: copies[place] for name, place in o.fields.items()}
        if o.kind is Kind.FIELD and o.items is not None:
            made.items = tuple(frozenset(copies.get(i, i) for i in each) for each in o.items)
        made.hold(copies.get(each, each) for each in o.contains)
        made.keep(copies.get(each, each) for each in o.keeps)
        made.wholes = tuple(copies.get(each, each) for each in o.wholes)
    return frozenset(copies.get(o, o) for o in value)


def class_of(o: Obj) -> Value:
    """Return the class of an instance of the notebook's, or what stands for the class of ``o``."""
    if o.kind is Kind.INSTANCE:
        return frozenset(each for each in o.keeps if each.klass is o.klass)
    if o.kind is not Kind.UNKNOWN:
        return NOTHING
    made = new(Kind.UNKNOWN, {o}, constant=CLASS_OF)
    made.is_part = True
    made.wholes = (o,)
    return frozenset({made})


def _part(whole: Obj) -> Obj:
    if whole.kind is Kind.IMMUTABLE:
        return whole if whole.is_tainted else ATOM
    if whole.kind in (Kind.FRAME, Kind.ARRAY, Kind.FIGURE) or whole.is_part:
        return whole
    if whole.part is None:
        whole.part = new(Kind.UNKNOWN, {whole})
        whole.part.is_part = True
        whole.part.wholes = (whole,)
        whole.part.is_tainted = whole.is_tainted
    return whole.part


def reach(value: Iterable[Obj], *, kept: bool = False, among: set[Obj] | None = None) -> set[Obj]:
    """Return everything that can be reached from ``value``, itself included, atoms left out.

    Args:
        value: Where to start.
        kept: Follow ``keeps``, too.
        among: Pass only over these; None means over all.
    """
    seen: set[Obj] = set()
    stack = [o for o in value if o.kind not in ATOMS and (among is None or o in among)]
    while stack:
        o = stack.pop()
        if o in seen:
            continue
        seen.add(o)
        held = o.contains | o.keeps if kept else o.contains
        stack.extend(held - seen if among is None else (held & among) - seen)
    return seen


def holders(objects: Iterable[Obj]) -> set[Obj]:
    """Return ``objects`` and everything from which one of them can be reached."""
    seen: set[Obj] = set()
    stack = list(objects)
    while stack:
        o = stack.pop()
        if o not in seen:
            seen.add(o)
            stack.extend(o.holders - seen)
    return seen


def find_method(o: Obj, name: str) -> Value | None:
    """Return method ``name`` of an instance's class, None if the notebook defines none.

    What a cell has stored in its place may be meant as well.
    """
    if o.klass is None:
        return None
    found = o.klass.methods.get(name)
    for base in o.klass.bases if found is None else ():
        for each in base:
            if found is None and each.klass is not None:
                found = find_method(each, name)
    if found is None:
        return None
    later = (k for k in (o, *o.keeps) if k.kind is Kind.CLASS and k.klass is o.klass)
    places = (k.fields[name] for k in later if k.fields is not None and name in k.fields)
    return found.union(*map(in_place, places))


def in_place(place: Obj) -> Value:
    """Return what an attribute may be, given its place."""
    return frozenset(place.contains).union(*(place.items or ()))


def all_methods(o: Obj) -> set[str]:
    """Return the names of the methods of an instance's class, inherited ones included."""
    if o.klass is None:
        return set()
    inherited = (b for base in o.klass.bases for b in base)
    return set(o.klass.methods).union(*(all_methods(b) for b in inherited))


_DATASET_PARTS = {
    "data": 0,
    "images": 0,
    "target": 1,
    "frame": 1,
    "feature_names": 2,
    "target_names": 3,
}
"""Attribute of a data set of scikit-learn -> which of its items it is, or looks at."""


def is_dataset(o: Obj) -> bool:
    """Tell whether ``o`` is what a loader of scikit-learn gave: its parts are its items."""
    return o.kind is Kind.FRAME and (o.dotted or "").startswith("sklearn.datasets.")


def dataset_items(*, is_pair: bool) -> tuple[Value, ...]:
    """Return the items of a data set: data and target, and unless it is a pair lists of names."""
    data, target, features, classes = (Kind.FRAME, Kind.FRAME, Kind.LIST, Kind.ARRAY)
    kinds = (data, target) if is_pair else (data, target, features, classes)
    return tuple(frozenset({new(kind)}) for kind in kinds)


def dataset_part(o: Obj, name: object) -> Value | None:
    """Return attribute or item ``name`` of a data set of scikit-learn, None of anything else."""
    place = _DATASET_PARTS.get(str(name), -1)
    if not is_dataset(o) or o.items is None or not 0 <= place < len(o.items):
        return None
    return o.items[place]


def library_attribute(o: Obj, name: str) -> Obj:
    """Return the object for an attribute of a module or of something imported."""
    dotted = f"{o.dotted}.{name}" if o.dotted else name
    made = new(Kind.IMPORTED, dotted=dotted, constant=o.constant)
    made.has_code = o.has_code
    return made
