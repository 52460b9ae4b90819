"""Watches the execution of a cell: what it sees of the world, and how it changes the world.

Objects that a cell has made are sealed when it ends. From then on each look at them and each change
is noted in the record of the cell that is being executed, whatever part of the interpreter does it.
Three things keep that whole: what objects hold is changed only by ``hold`` and ``keep``, objects
are made only by ``new``, and summaries of functions and classes stay as they are when the cell that
made them ends.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from kernelpipe.analysis.changes import Binding, Change, Effect, Field, Member, Seed
from kernelpipe.analysis.core import World
from kernelpipe.analysis.heap import Kind, Obj, Value, make_with
from kernelpipe.analysis.summaries import ClassSummary, FunctionSummary
from kernelpipe.analysis.texts import given_of

CELL_SERIALS = 1 << 80
"""How many serial numbers one cell has; far more than it uses, so that cells fit in between."""
_STATEMENT_SERIALS = 1 << 40
_LEAST_SERIALS = 1 << 24


@dataclass(slots=True, eq=False, repr=False)
class Made:
    """The objects that one statement of a cell made, in order."""

    statement: ast.stmt | None
    base: int
    """The serial number of the first."""
    objects: list[Obj] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Record:
    """What one execution of a cell saw and did; ``base`` is the first of its serial numbers."""

    base: int = 0
    seen: set[Obj] = field(default_factory=set)
    """Objects of earlier cells that it looked at or changed."""
    seen_held: set[Obj] = field(default_factory=set)
    """Those of which it saw what holds them."""
    seen_named: set[Obj] = field(default_factory=set)
    """Those of which it saw to which names they are bound."""
    names: set[str] = field(default_factory=set)
    """Names whose values it saw."""
    saw_all_names: bool = False
    seeded: set[str] = field(default_factory=set)
    rebound: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    saw_outside: bool = False
    """It looked at files, which may change at any time."""
    log: list[Change] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    effect: Effect = field(default_factory=Effect)
    """What the log comes to, when the cell has ended."""


_record = Record()
"""Of the cell that is being executed."""


class Sealed(Obj):
    """An object of an earlier cell; it is watched while a cell is executed."""

    __slots__ = ()


def _look(o: Obj, name: str) -> Any:  # any attribute
    (_record.seen_held if name == "holders" else _record.seen).add(o)
    return object.__getattribute__(o, name)


def _set(o: Obj, name: str, value: object) -> None:
    before = getattr(o, name)
    if before is not value:
        _record.log.append(Field(o, name, before, value))
        object.__setattr__(o, name, value)


def _hold(self: Obj, others: Iterable[Obj], *, is_certain: bool = True) -> None:
    others = tuple(others)
    fresh = [o for o in others if o not in self.contains]
    guessed = [o in self.guessed for o in others]
    Obj.hold(self, others, is_certain=is_certain)
    log = _record.log
    log += [Member(self, "contains", o, is_in=True) for o in fresh if o in self.contains]
    for o, was_guessed in zip(others, guessed, strict=True):
        if (o in self.guessed) is not was_guessed:
            log.append(Member(self, "guessed", o, is_in=not was_guessed))


def _keep(self: Obj, others: Iterable[Obj]) -> None:
    others = tuple(others)
    fresh = [o for o in others if o not in self.keeps]
    Obj.keep(self, others)
    _record.log += [Member(self, "keeps", o, is_in=True) for o in fresh if o in self.keeps]


def _held_by(self: Obj, holder: Obj) -> None:
    holders = object.__getattribute__(self, "holders")
    if holder not in holders:
        _record.log.append(Member(self, "holders", holder, is_in=True))
        holders.add(holder)


_HOOKS: dict[str, Callable[..., object]] = {
    "__getattribute__": _look,
    "__setattr__": _set,
    "hold": _hold,
    "keep": _keep,
    "held_by": _held_by,
}


def seal(o: Obj) -> None:
    """Watch an object from now on."""
    o.__class__ = Sealed


class _Names(dict[str, Value]):
    """The names of the world; tells the record who is asked for."""

    def get(self, name: str, default: Any = None) -> Any:  # as in ``dict``
        _record.names.add(name)
        return dict.get(self, name, default)

    def __getitem__(self, name: str) -> Value:
        _record.names.add(name)
        return dict.__getitem__(self, name)

    def __contains__(self, name: object) -> bool:
        _record.names.add(str(name))
        return dict.__contains__(self, name)

    def __iter__(self) -> Iterator[str]:
        _record.saw_all_names = True
        return dict.__iter__(self)

    def items(self) -> Any:  # a view, whose type has no public name
        _record.saw_all_names = True
        return dict.items(self)

    def keys(self) -> Any:  # likewise
        _record.saw_all_names = True
        return dict.keys(self)

    def values(self) -> Any:  # likewise
        _record.saw_all_names = True
        return dict.values(self)


class _Seeded(set[str]):
    def __contains__(self, state: object) -> bool:
        _record.seeded.add(str(state))
        return set.__contains__(self, state)

    def add(self, state: str) -> None:
        if state not in self:
            _record.log.append(Seed(state))
            set.add(self, state)


class _Rebound(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        _record.rebound.add(str(name))
        return frozenset.__contains__(self, name)

    def isdisjoint(self, names: Iterable[object], /) -> bool:
        names = tuple(names)
        _record.rebound.update(map(str, names))
        return frozenset.isdisjoint(self, names)


class _Methods(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        _record.methods.add(str(name))
        return frozenset.__contains__(self, name)

    def isdisjoint(self, names: Iterable[object], /) -> bool:
        names = tuple(names)
        _record.methods.update(map(str, names))
        return frozenset.isdisjoint(self, names)


class _Symbols(dict[str, Obj]):
    """Symbols stay for good: nobody sees whether one is there."""

    def __setitem__(self, name: str, o: Obj) -> None:
        seal(o)
        dict.__setitem__(self, name, o)


class RecordedWorld(World):
    """A world that notes what a cell sees of it and how the cell changes it."""

    __slots__ = ("_directory", "_is_named", "_mentioned")

    def __init__(self, world: World) -> None:
        """Take a world before its first cell."""
        self._is_named = True  # ``named`` is kept while cells are executed, else made when asked
        super().__init__(
            rebound=_Rebound(world.rebound),
            methods=_Methods(world.methods),
            builtins=world.builtins,
            directory=world.directory,
            aliases=world.aliases,
            own_magics=world.own_magics,
            written=world.written,
            mentioned=world.mentioned,
            own_modules=world.own_modules,
            plain_attributes=world.plain_attributes,
            names=_Names(),
            seeded=_Seeded(),
            symbols=_Symbols(),
        )

    @property
    def directory(self) -> str:
        """Where the notebook lies: who asks for it looks at files."""
        _record.saw_outside = True
        return self._directory

    @directory.setter
    def directory(self, directory: str) -> None:
        self._directory = directory

    @property
    def mentioned(self) -> frozenset[str]:
        """Names that any cell reads: who asks for it looks at all cells."""
        _record.saw_outside = True
        return self._mentioned

    @mentioned.setter
    def mentioned(self, names: frozenset[str]) -> None:
        self._mentioned = names

    def is_like(self, world: World) -> bool:
        """Tell whether nothing differs from ``world`` of what all cells are taken to see."""
        return (
            self._directory == world.directory
            and self.aliases == world.aliases
            and self.own_magics == world.own_magics
            and self.own_modules == world.own_modules
            and self.plain_attributes == world.plain_attributes
            and self.builtins == world.builtins
        )

    def mentions(self, world: World) -> tuple[frozenset[str], frozenset[str]]:
        """Take what all cells together mention from ``world``; return which of it is new or gone.

        Returns:
            Names that something binds, and names of methods.
        """
        self.written = world.written  # only cells that look at files ask for it
        self.mentioned = world.mentioned
        rebound, methods = self.rebound ^ world.rebound, self.methods ^ world.methods
        self.rebound, self.methods = _Rebound(world.rebound), _Methods(world.methods)
        return frozenset(rebound), frozenset(methods)

    def bind(self, name: str, value: Value | None) -> None:
        """Let ``name`` be ``value``; nobody is said to have seen what it was."""
        before = dict.get(self.names, name)
        _record.log.append(Binding(name, before, value))
        if self._is_named:
            for o in before or ():
                self.named[o].discard(name)
            for o in value or ():
                self.named.setdefault(o, set()).add(name)
        if value is None:
            dict.pop(self.names, name, None)
        else:
            dict.__setitem__(self.names, name, value)

    def names_of(self, objects: Iterable[Obj]) -> set[str]:
        """Return the names that may be bound to one of ``objects``."""
        objects = tuple(objects)
        _record.seen_named.update(objects)
        if not self._is_named:
            self.named.clear()
            for name, value in dict.items(self.names):
                for o in value:
                    self.named.setdefault(o, set()).add(name)
            self._is_named = True
        return super().names_of(objects)

    def undo(self, record: Record) -> None:
        """Take back what a cell did; the cells after it have been taken back."""
        self._is_named = False
        record.effect.undo(self.names, self.seeded)

    def redo(self, record: Record) -> None:
        """Do again what a cell did that sees what it saw then."""
        self._is_named = False
        record.effect.redo(self.names, self.seeded, record.log)


class Maker:
    """Makes the objects of one execution of a cell.

    Where the cell was executed before, objects that the same statement makes at the same point are
    the same objects: what later cells hold of them stays true as far as it is the same.
    """

    def __init__(self, record: Record, before: Sequence[Made]) -> None:
        """Take the record that is written, and what an earlier execution made."""
        self._record = record
        self._before = before
        self._now = Made(None, record.base)
        self._serial = record.base
        self._reused: list[Obj] = []

    def statements(self, body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield the statements of the cell; what is made meanwhile belongs to each."""
        partners = _partners([made.statement for made in self._before], body)
        known = [self._before[p].base if p is not None else 0 for p in partners]
        bases = _bases(self._record.base, known)
        for partner, base, statement in zip(partners, bases, body, strict=True):
            self._now = Made(statement, base)
            self._record.made.append(self._now)
            self._reused = self._before[partner].objects if partner is not None else []
            self._serial = base
            yield statement

    def make(self, kind: Kind, **attributes: Any) -> Obj:  # as ``Obj`` has them
        """Make an object."""
        objects = self._now.objects
        attributes["serial"] = self._serial
        self._serial += 1
        if len(objects) < len(self._reused):
            made = self._reused[len(objects)]
            object.__setattr__(made, "__class__", Obj)  # nobody is to notice
            Obj.__init__(made, kind, **attributes)
        else:
            made = Obj(kind, **attributes)
        objects.append(made)
        return made


def _partners(before: Sequence[ast.stmt | None], now: Sequence[ast.stmt]) -> list[int | None]:
    """Return for each statement which one it was before; None for a new one."""
    least = min(len(before), len(now))
    start = 0
    while start < least and _is_same(before[start], now[start]):
        start += 1
    end = 0
    while end < least - start and _is_same(before[-1 - end], now[-1 - end]):
        end += 1
    paired = least - end
    new = len(now) - end
    shift = len(before) - len(now)
    return [
        index if index < paired else None if index < new else index + shift
        for index in range(len(now))
    ]


def _is_same(one: ast.stmt | None, other: ast.stmt) -> bool:
    return one is other or (one is not None and ast.dump(one) == ast.dump(other))


def _bases(first: int, known: Sequence[int]) -> list[int]:
    """Return the first serial number of each statement, in order; zero stands for a new one."""
    bases: list[int] = []
    for index, base in enumerate(known):
        before = bases[-1] if bases else first
        after = next((each for each in known[index:] if each), 0)
        if base:
            bases.append(base)
        elif after:
            bases.append((before + after) // 2)
        else:
            bases.append(before + _STATEMENT_SERIALS)
    if any(after - before < _LEAST_SERIALS for before, after in pairwise(bases)):
        return [first + (index + 1) * _STATEMENT_SERIALS for index in range(len(known))]
    return bases


@contextmanager
def recording(record: Record, maker: Maker) -> Iterator[None]:
    """Note in ``record`` what happens meanwhile, and seal what is made when it ends."""
    global _record  # noqa: PLW0603  # what the hooks write to
    _record = record
    make_with(maker.make)
    for name, hook in _HOOKS.items():
        setattr(Sealed, name, hook)
    try:
        yield
    finally:
        for name in _HOOKS:
            delattr(Sealed, name)
        make_with(Obj)
        _record = Record()
        record.effect = Effect.of(record.log)
        for made in record.made:
            for o in made.objects:
                seal(o)


_COMPARED = tuple(each.name for each in fields(Obj) if each.name != "holders")


@dataclass(slots=True, eq=False, repr=False)
class State:
    """What an object was when the cell that made it ended."""

    values: tuple[object, ...]
    holders: frozenset[Obj]
    function: FunctionSummary | None
    klass: ClassSummary | None


def state_of(o: Obj) -> State:
    """Return what an object is."""
    return State(
        tuple(kept(getattr(o, name)) for name in _COMPARED),
        frozenset(o.holders),
        o.function,
        o.klass,
    )


def kept(value: object) -> object:
    """Return what an attribute of an object is now, to be compared with what it is later."""
    if isinstance(value, str):
        return (value, given_of(value))
    if isinstance(value, set):
        return frozenset(value)
    return dict(value) if isinstance(value, dict) else value


def restore_summaries(states: dict[Obj, State], record: Record) -> None:
    """Give objects that were made anew the summaries they had, where these say the same."""
    pairs = [
        pair
        for o, state in states.items()
        for pair in ((o.function, state.function), (o.klass, state.klass))
    ]
    same: dict[Any, Any] = {
        now: before
        for now, before in pairs
        if now is not None and now is not before and _says_same(now, before)
    }
    for made in record.made if same else ():
        for o in made.objects:
            o.function = same.get(o.function, o.function)
            o.klass = same.get(o.klass, o.klass)


def _says_same(one: object, other: object) -> bool:
    return type(one) is type(other) and all(
        getattr(one, each.name) == getattr(other, each.name)
        for each in fields(type(one))  # type: ignore[arg-type]  # summaries are dataclasses
    )
