"""The walk through the notebook: who made and changed each name, in notebook order."""

import ast
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from kernelpipe.analysis.cells import (
    BUILTINS,
    CellFacts,
    execute_cell,
)
from kernelpipe.analysis.core import GlobalRead, World
from kernelpipe.analysis.heap import NOTHING, Kind, Obj, Value, holders, new, part_of, reach
from kernelpipe.analysis.knowledge import AMBIENT, GENERATORS
from kernelpipe.analysis.own_modules import own_modules
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.source import Program, plain_attributes
from kernelpipe.analysis.summaries import FileUse, StateUse
from kernelpipe.analysis.texts import Computed, given_of
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole


class Event(Enum):
    """What happened to a name."""

    BIND = "bind"
    MAYBE = "maybe"
    """May have been bound anew or deleted; else it keeps its value."""
    CHANGE = "change"
    """An object that it may stand for may have been changed in place."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a name: the cell that made it, its owner (None: setup), what it may be."""

    event: Event
    placed: PlacedCell
    value: Value
    item: Value | None = None
    """What one item of a loop gave, where ``value`` is the list of what all gave."""

    @property
    def stored(self) -> Value:
        """What is stored for it: of a loop, what each item gives."""
        return self.value if self.item is None else self.item

    @property
    def owner(self) -> StepName | None:
        """The step that made the version, None for setup."""
        return self.placed.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read: ``version`` indexes the name's versions, -1 when nothing defined it before."""

    placed: PlacedCell
    name: str
    version: int
    place: GlobalRead


@dataclass(slots=True)
class History:
    """Everything that the walk found; positions are those of ``PlacedCell``."""

    versions: dict[str, list[Version]] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    facts: dict[int, CellFacts] = field(default_factory=dict)
    touched: dict[Obj, int] = field(default_factory=dict)
    """Object -> last position at which it may be changed or its identity seen."""
    changed: dict[Obj, int] = field(default_factory=dict)
    """Object -> last position at which it may be changed."""
    unknown_binders: list[PlacedCell] = field(default_factory=list)
    """Cells that may bind any name (star imports, exec, unknown magics)."""
    files: list[tuple[PlacedCell, FileUse]] = field(default_factory=list)
    foreign_stores: list[tuple[PlacedCell, str]] = field(default_factory=list)
    names: dict[str, Value] = field(default_factory=dict)


_QUIETLY = GlobalRead(line=1, column=0, is_certain=False, is_written=False)
"""Where a read is that no code says."""


@dataclass(slots=True, kw_only=True)
class Executed:
    """What executing one cell gave, whatever step it belongs to.

    The values are those of the names when the cell ends.
    """

    facts: CellFacts
    everything: tuple[str, ...] = ()
    """All names that there were, where the cell may read them all."""
    touched: frozenset[Obj] = frozenset()
    """Objects that it may change, or whose identity it sees."""
    changed: tuple[tuple[str, Value], ...] = ()
    """Names of objects that it may change in place and that it does not bind anew."""
    maybe_deleted: tuple[tuple[str, Value], ...] = ()
    unknown: tuple[tuple[str, Value], ...] = ()
    """Names that it may bind without saying so."""
    files: tuple[FileUse, ...] = ()


def new_world(program: Program) -> World:
    """Return the world before the first cell."""
    return World(
        rebound=frozenset(program.seen.rebound),
        methods=frozenset(program.seen.methods),
        builtins=BUILTINS,
        directory=program.directory,
        aliases=program.seen.aliases,
        own_magics=frozenset(program.seen.own_magics),
        written=program.seen.written,
        mentioned=frozenset(program.seen.read),
        own_modules=own_modules(program.seen.imported, program.directory, program.seen.written),
        plain_attributes=plain_attributes(program.seen),
    )


def execute(cell: Cell, body: Iterable[ast.stmt], world: World) -> Executed:
    """Execute a cell abstractly, and leave in ``world`` what it leaves; a test leaves nothing.

    Args:
        cell: A cell.
        body: Its statements.
        world: What is known before it.
    """
    facts = execute_cell(body, world, may_raise=cell.may_raise)
    if cell.role is CellRole.PARAMETERS:
        _mark_given(facts)
    found = Executed(facts=facts, files=tuple(sorted(facts.effects.files, key=str)))
    if facts.binds_unknown or facts.effects.reads_everything:
        found.everything = tuple(sorted(world.names))
    if cell.role is CellRole.TEST:
        return found
    changed = facts.effects.changed.keys()
    found.touched = frozenset(changed | _compared(facts.effects.identity))
    if changed:
        names = world.names_of(holders(changed)) - facts.definite
        found.changed = tuple((name, world.names[name]) for name in sorted(names))
    for name, value in facts.bound.items():
        world.bind(name, value)
    maybe = sorted(facts.maybe_deleted - facts.definite)
    found.maybe_deleted = tuple((n, world.names[n]) for n in maybe if n in world.names)
    for name in facts.deleted:
        world.bind(name, None)
    for event in facts.effects.states:
        if event.use is StateUse.SET:
            world.seeded.add(event.state)
    if facts.binds_unknown:
        _bind_unseen(facts, world)
        others = ((n, v) for n, v in world.names.items() if n not in facts.definite)
        found.unknown = tuple(others)
    return found


def _bind_unseen(facts: CellFacts, world: World) -> None:
    """Let code that may bind any name bind those that cells read and nothing has bound by now."""
    value = part_of(frozenset(facts.effects.hidden)) or frozenset({new(Kind.UNKNOWN)})
    for name in sorted(world.mentioned - BUILTINS - facts.deleted):
        if name not in world.names:
            world.bind(name, value)


def walk(
    cells: tuple[PlacedCell, ...], program: Program, loops: Collection[StepName] = ()
) -> History:
    """Execute all cells abstractly, in notebook order.

    Args:
        cells: Those that take part.
        program: Their code.
        loops: Steps that run once per item; what they bind is a list after their last cell.
    """
    world = new_world(program)
    writer = HistoryWriter()
    writer.history.names = world.names
    last = {placed.step: placed.position for placed in cells if placed.step in loops}
    for placed in cells:
        tree = program.trees.get(placed.cell.index)
        if tree is not None:
            writer.add(placed, execute(placed.cell, tree.body, world))
        if placed.step is not None and last.get(placed.step) == placed.position:
            _collect(placed.step, writer.history, world)
    return writer.history


def _collect(step: StepName, history: History, world: World) -> None:
    """Make a list of each name that a loop's step has bound: what its items gave."""
    for name, versions in history.versions.items():
        latest = versions[-1]
        if latest.owner != step or latest.event is Event.DELETE or name.startswith("@"):
            continue
        made = new(Kind.LIST, latest.value)
        made.is_tainted = any(o.is_tainted for o in latest.value)
        versions[-1] = replace(latest, value=frozenset({made}), item=latest.value)
        world.bind(name, versions[-1].value)


class HistoryWriter:
    """Writes histories, cell by cell in notebook order; amends what it wrote for the next one."""

    def __init__(self) -> None:
        """Begin with nothing kept."""
        self.history = History()
        self._entries: list[_Entry] = []
        self._has_states = False

    def write(
        self, cells: Iterable[tuple[PlacedCell, Executed]], names: dict[str, Value]
    ) -> History:
        """Return the history of cells; the one that was returned before is of no use any more.

        Args:
            cells: In notebook order, with what they did.
            names: What names are after all cells.
        """
        pairs = tuple(cells)
        before, self._entries = self._entries, []
        entries = [
            old if old.executed is executed and old.placed is placed else _Entry(placed, executed)
            for (placed, executed), old in zip(pairs, before, strict=False)
        ]
        entries += [_Entry(placed, executed) for placed, executed in pairs[len(before) :]]
        new = [pair for pair in zip(before, entries, strict=False) if pair[0] is not pair[1]]
        if len(before) == len(entries) and all(old.is_replaced_by(e) for old, e in new):
            self._amend(entries, new)
        else:
            self.history = History()
            self._has_states = False
            for entry in entries:
                self._add(entry)
        self._entries = entries
        self.history.names = names
        return self.history

    def add(self, placed: PlacedCell, executed: Executed) -> None:
        """Add what a cell did."""
        self._add(_Entry(placed, executed))

    def _add(self, entry: "_Entry") -> None:
        placed, executed = entry.placed, entry.executed
        facts, history = executed.facts, self.history
        history.facts[placed.position] = facts
        entry.ambient = self._read_ambient(placed) if self._has_states else []
        entry.number([len(history.versions.get(name, ())) - 1 for name, _ in entry.places])
        history.reads += entry.reads
        if placed.is_test:
            return
        if executed.touched:
            history.touched.update(entry.touched)
            history.changed.update(entry.changed)
        versions = history.versions
        for name, version in entry.versions:
            known = versions.get(name)
            if known is None:
                versions[name] = [version]
            else:
                known.append(version)
        if facts.effects.states:
            self._note_states(entry)
        if facts.binds_unknown:
            history.unknown_binders.append(placed)
            for name, value in executed.unknown:
                self._version(name, Event.MAYBE, placed, value)
        history.files += entry.files
        history.foreign_stores += entry.foreign_stores

    # -- cells that differ -----------------------------------------------------------------------
    def _amend(self, entries: Sequence["_Entry"], new: Sequence[tuple["_Entry", "_Entry"]]) -> None:
        """Change the history where entries differ, each pair being of one cell."""
        history = self.history
        renumbered = self._replace_versions(new)
        for old, entry in new:
            history.facts[entry.placed.position] = entry.executed.facts
            entry.ambient = [replace(read, placed=entry.placed) for read in old.ambient]
        is_new = {id(entry) for _, entry in new}
        for entry in entries:
            if id(entry) in is_new or not renumbered.isdisjoint(entry.names):
                at = entry.placed.position
                known = (history.versions.get(name, ()) for name, _ in entry.places)
                entry.number([bisect_left(each, at, key=_position) - 1 for each in known])
        both = [entry for pair in new for entry in pair]
        if new:
            parts = ((e.ambient, e.reads, e.quiet) for e in entries)
            history.reads = [read for part in parts for reads in part for read in reads]
        if any(e.touched for e in both):
            history.touched, history.changed = {}, {}
            for entry in entries:
                history.touched.update(entry.touched)
                history.changed.update(entry.changed)
        if any(e.files or e.foreign_stores for e in both):
            history.files = [use for e in entries for use in e.files]
            history.foreign_stores = [store for e in entries for store in e.foreign_stores]

    def _replace_versions(self, new: Sequence[tuple["_Entry", "_Entry"]]) -> set[str]:
        """Put versions in the place of others; return the names whose versions are counted anew."""
        versions = self.history.versions
        positions = {entry.placed.position for _, entry in new}
        made: dict[str, list[Version]] = {}
        for old, entry in new:
            for name, _ in old.versions:
                made.setdefault(name, [])
            for name, version in entry.versions:
                made.setdefault(name, []).append(version)
        renumbered: set[str] = set()
        for name, own in made.items():
            before = versions.get(name, [])
            now = [each for each in before if each.placed.position not in positions] + own
            now.sort(key=_position)
            if list(map(_position, now)) != list(map(_position, before)):
                renumbered.add(name)
            if now:
                versions[name] = now
            else:
                del versions[name]
        return renumbered

    # -- reads -----------------------------------------------------------------------------------
    def _read_quietly(self, placed: PlacedCell, name: str) -> Read:
        number = len(self.history.versions.get(name, ())) - 1
        read = Read(placed=placed, name=name, version=number, place=_QUIETLY)
        self.history.reads.append(read)
        return read

    def _read_ambient(self, placed: PlacedCell) -> list[Read]:
        """Let each step that begins have the hidden state that earlier steps left."""
        if placed.step is None:
            return []
        known = [state for state in AMBIENT if state in self.history.versions]
        return [self._read_quietly(placed, state) for state in known]

    # -- what a cell leaves ----------------------------------------------------------------------
    def _note_states(self, entry: "_Entry") -> None:
        entry.quiet = []
        for event in entry.executed.facts.effects.states:
            self._has_states = True
            if event.use is StateUse.SET:
                self._version(event.state, Event.BIND, entry.placed, NOTHING)
            elif event.use is StateUse.CHANGE or (
                event.state in self.history.versions and event.state in GENERATORS
            ):
                entry.quiet.append(self._read_quietly(entry.placed, event.state))
                self._version(event.state, Event.CHANGE, entry.placed, NOTHING)

    def _version(self, name: str, event: Event, placed: PlacedCell, value: Value) -> None:
        versions = self.history.versions.setdefault(name, [])
        versions.append(Version(event=event, placed=placed, value=value))


class _Entry:
    """What one cell adds to a history, as far as it can be told without the other cells."""

    __slots__ = (
        "ambient",
        "changed",
        "executed",
        "files",
        "foreign_stores",
        "names",
        "numbers",
        "placed",
        "places",
        "quiet",
        "reads",
        "touched",
        "versions",
    )

    def __init__(self, placed: PlacedCell, executed: Executed) -> None:
        self.placed = placed
        self.executed = executed
        facts = executed.facts
        self.places = [*facts.reads.items(), *((n, _QUIETLY) for n in executed.everything)]
        self.names = {*facts.reads, *executed.everything} if executed.everything else facts.reads
        self.numbers: list[int] = []
        """Of the versions that it reads, in the order of ``places``."""
        self.reads: list[Read] = []
        self.ambient: list[Read] = []
        """Reads of hidden state that come before ``reads``."""
        self.quiet: list[Read] = []
        """Those that come after them."""
        self.touched: dict[Obj, int] = {}
        self.changed: dict[Obj, int] = {}
        self.versions: list[tuple[str, Version]] = []
        self.files: list[tuple[PlacedCell, FileUse]] = []
        self.foreign_stores: list[tuple[PlacedCell, str]] = []
        if not placed.is_test:
            self._leave()

    def _leave(self) -> None:
        """Note what the cell leaves to others."""
        placed, executed = self.placed, self.executed
        effects = executed.facts.effects
        if executed.touched:
            self.touched = dict.fromkeys(executed.touched, placed.position)
            self.changed = dict.fromkeys(effects.changed, placed.position)
        self.versions = [
            (name, Version(event=event, placed=placed, value=value))
            for name, event, value in _events(executed)
        ]
        if executed.files:
            self.files = [(placed, use) for use in executed.files]
        if effects.foreign_stores:
            self.foreign_stores = [(placed, name) for name in effects.foreign_stores]

    def number(self, numbers: list[int]) -> None:
        """Take the numbers of the versions that it reads, in the order of ``places``."""
        if self.numbers != numbers:
            self.numbers = numbers
            self.reads = [
                Read(placed=self.placed, name=name, version=number, place=place)
                for number, (name, place) in zip(numbers, self.places, strict=True)
            ]

    def is_replaced_by(self, other: "_Entry") -> bool:
        """Tell whether ``other`` stands at the same place and neither affects any but by names."""
        return (
            self.placed.position == other.placed.position
            and self.placed.step == other.placed.step
            and self.is_plain
            and other.is_plain
        )

    @property
    def is_plain(self) -> bool:
        """Tell whether it neither uses hidden state nor binds names unseen."""
        facts = self.executed.facts
        return self.placed.is_test or not (facts.effects.states or facts.binds_unknown)


def _position(version: Version) -> int:
    return version.placed.position


def _events(executed: Executed) -> Iterator[tuple[str, Event, Value]]:
    """Yield what happens to names, hidden state and names that are bound unseen left out."""
    facts = executed.facts
    for name, value in executed.changed:
        yield name, Event.CHANGE, value
    for name, value in facts.bound.items():
        yield name, Event.BIND if name in facts.definite else Event.MAYBE, value
    for name, value in executed.maybe_deleted:
        yield name, Event.MAYBE, value
    for name in facts.deleted:
        yield name, Event.DELETE, NOTHING


def _mark_given(facts: CellFacts) -> None:
    """Let texts that are parameters, or made of some, tell that a run may be given others."""
    for name, value in facts.bound.items():
        stack = list(value)
        while stack:
            o = stack.pop()
            if o.kind is Kind.IMMUTABLE and isinstance(o.constant, str):
                o.constant = Computed.of(o.constant, [*given_of(o.constant), name])
            stack += [each for item in o.items or () for each in item]


def _compared(objects: set[Obj]) -> set[Obj]:
    """Return the objects whose identity a comparison may see.

    A class is one object in each process, however many files bring it, and so are its methods.
    """
    found: set[Obj] = set()
    for o in objects:
        found |= reach((o,)) if o.is_part or o.kind is Kind.UNKNOWN else {o}
    classes = {o for o in found if o.kind is Kind.CLASS}
    methods = {held for o in classes for held in o.contains if held.kind is Kind.FUNCTION}
    return found - classes - methods
