"""The walk through the notebook: who made and changed each name, in notebook order."""

import ast
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import Enum

from kernelpipe.analysis.cells import (
    BUILTINS,
    CellFacts,
    execute_cell,
)
from kernelpipe.analysis.core import GlobalRead, World
from kernelpipe.analysis.heap import NOTHING, Kind, Obj, Value, holders, new, reach
from kernelpipe.analysis.knowledge import AMBIENT, GENERATORS
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.source import Program
from kernelpipe.analysis.summaries import FileUse, StateUse
from kernelpipe.model.names import StepName


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


def walk(
    cells: tuple[PlacedCell, ...], program: Program, loops: Collection[StepName] = ()
) -> History:
    """Execute all cells abstractly, in notebook order.

    Args:
        cells: Those that take part.
        program: Their code.
        loops: Steps that run once per item; what they bind is a list after their last cell.
    """
    world = World(
        rebound=frozenset(program.seen.rebound),
        methods=frozenset(program.seen.methods),
        builtins=BUILTINS,
        directory=program.directory,
    )
    walker = _Walker(world)
    last = {placed.step: placed.position for placed in cells if placed.step in loops}
    for placed in cells:
        tree = program.trees.get(placed.cell.index)
        if tree is not None:
            walker.step(placed, tree)
        if placed.step is not None and last.get(placed.step) == placed.position:
            walker.collect(placed.step)
    return walker.history


class _Walker:
    def __init__(self, world: World) -> None:
        self.world = world
        self.history = History(names=world.names)
        self._names_of: dict[Obj, set[str]] = {}

    def step(self, placed: PlacedCell, tree: ast.Module) -> None:
        facts = execute_cell(tree, self.world, may_raise=placed.cell.may_raise)
        self.history.facts[placed.position] = facts
        self._read_ambient(placed)
        for name, place in facts.reads.items():
            self._read(placed, name, place)
        if facts.binds_unknown or facts.effects.reads_everything:
            self._read_everything(placed)
        if placed.is_test:
            return
        self._apply_changes(placed, facts)
        self._apply_bindings(placed, facts)
        self._apply_states(placed, facts)
        self._apply_unknown(placed, facts)
        self.history.files += [(placed, use) for use in sorted(facts.effects.files, key=str)]
        self.history.foreign_stores += [(placed, name) for name in facts.effects.foreign_stores]

    def collect(self, step: StepName) -> None:
        """Make a list of each name that a loop's step has bound: what its items gave."""
        for name, versions in self.history.versions.items():
            latest = versions[-1]
            if latest.owner != step or latest.event is Event.DELETE or name.startswith("@"):
                continue
            made = new(Kind.LIST, latest.value)
            made.is_tainted = any(o.is_tainted for o in latest.value)
            versions[-1] = replace(latest, value=frozenset({made}), item=latest.value)
            self._set_name(name, versions[-1].value)

    # -- reads -----------------------------------------------------------------------------------
    def _read(self, placed: PlacedCell, name: str, place: GlobalRead) -> None:
        versions = self.history.versions.get(name, ())
        self.history.reads.append(
            Read(placed=placed, name=name, version=len(versions) - 1, place=place)
        )

    def _read_quietly(self, placed: PlacedCell, name: str) -> None:
        self._read(placed, name, GlobalRead(line=1, column=0, is_certain=False, is_written=False))

    def _read_everything(self, placed: PlacedCell) -> None:
        for name in sorted(self.world.names):
            self._read_quietly(placed, name)

    def _read_ambient(self, placed: PlacedCell) -> None:
        """Let each step that begins have the hidden state that earlier steps left."""
        if placed.step is None:
            return
        for state in AMBIENT:
            if self.history.versions.get(state):
                self._read_quietly(placed, state)

    # -- what a cell leaves ----------------------------------------------------------------------
    def _apply_changes(self, placed: PlacedCell, facts: CellFacts) -> None:
        changed = set(facts.effects.changed)
        for o in changed | _compared(facts.effects.identity):
            self.history.touched[o] = placed.position
        self.history.changed |= dict.fromkeys(changed, placed.position)
        if not changed:
            return
        names = set().union(*(self._names_of.get(o, ()) for o in holders(changed)))
        for name in sorted(names - facts.definite):
            self._version(name, Event.CHANGE, placed, self.world.names[name])

    def _apply_bindings(self, placed: PlacedCell, facts: CellFacts) -> None:
        for name, value in facts.bound.items():
            event = Event.BIND if name in facts.definite else Event.MAYBE
            self._version(name, event, placed, value)
            self._set_name(name, value)
        for name in facts.maybe_deleted - facts.definite:
            if name in self.world.names:
                self._version(name, Event.MAYBE, placed, self.world.names[name])
        for name in facts.deleted:
            self._version(name, Event.DELETE, placed, NOTHING)
            self._set_name(name, NOTHING)
            self.world.names.pop(name, None)

    def _apply_states(self, placed: PlacedCell, facts: CellFacts) -> None:
        for event in facts.effects.states:
            known = self.history.versions.get(event.state)
            if event.use is StateUse.SET:
                self._version(event.state, Event.BIND, placed, NOTHING)
                self.world.seeded.add(event.state)
            elif event.use is StateUse.CHANGE or (known and event.state in GENERATORS):
                self._read_quietly(placed, event.state)
                self._version(event.state, Event.CHANGE, placed, NOTHING)

    def _apply_unknown(self, placed: PlacedCell, facts: CellFacts) -> None:
        if not facts.binds_unknown:
            return
        self.history.unknown_binders.append(placed)
        for name, value in self.world.names.items():
            if name not in facts.definite:
                self._version(name, Event.MAYBE, placed, value)

    def _set_name(self, name: str, value: Value) -> None:
        for o in self.world.names.get(name, NOTHING):
            self._names_of.get(o, set()).discard(name)
        for o in value:
            self._names_of.setdefault(o, set()).add(name)
        self.world.names[name] = value

    def _version(self, name: str, event: Event, placed: PlacedCell, value: Value) -> None:
        versions = self.history.versions.setdefault(name, [])
        versions.append(Version(event=event, placed=placed, value=value))


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
