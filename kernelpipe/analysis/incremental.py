"""The walk through a notebook that was walked before: only what an edit can reach is done again.

The world after the last cell is taken back to where the first cell differs. From there on a cell is
executed again if it is not the same, or if it saw something that differs from what it saw before.
All the others get the result that they had, and their changes of the world are done again as they
were noted. What differs is known by comparing what a cell did with what it did before.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from kernelpipe.analysis.changes import Binding, Change, Field, Member, Seed
from kernelpipe.analysis.heap import Obj, Value
from kernelpipe.analysis.history import Executed, execute, new_world
from kernelpipe.analysis.recording import (
    CELL_SERIALS,
    Maker,
    Record,
    RecordedWorld,
    State,
    kept,
    recording,
    restore_summaries,
    state_of,
)
from kernelpipe.analysis.source import Program
from kernelpipe.model.notebook import Cell, CellRole

_LEAST_SERIALS = 1 << 64


@dataclass(slots=True, eq=False, repr=False)
class _Done:
    """A cell that was executed."""

    tree: ast.Module
    role: CellRole
    may_raise: bool
    record: Record
    executed: Executed

    def is_of(self, cell: Cell, tree: ast.Module) -> bool:
        """Tell whether this was the execution of such a cell."""
        return self.tree is tree and self.may_raise == cell.may_raise and self.role is cell.role


@dataclass(slots=True)
class _Difference:
    """What differs at one point from what was there when the same cells were executed before.

    May hold more than what differs.
    """

    rebound: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    names: set[str] = field(default_factory=set)
    seeded: set[str] = field(default_factory=set)
    objects: set[Obj] = field(default_factory=set)
    held: set[Obj] = field(default_factory=set)
    """Objects that may be held by others than before."""
    named: set[Obj] = field(default_factory=set)
    """Objects to which other names may be bound than before."""

    def is_seen_by(self, record: Record) -> bool:
        """Tell whether a cell saw anything of it."""
        names = self.names
        return (
            bool(names and (record.saw_all_names or not names.isdisjoint(record.names)))
            or not self.objects.isdisjoint(record.seen)
            or not self.held.isdisjoint(record.seen_held)
            or not self.named.isdisjoint(record.seen_named)
            or not self.seeded.isdisjoint(record.seeded)
            or self.is_mentioned_by(record)
        )

    def is_mentioned_by(self, record: Record) -> bool:
        """Tell whether a cell saw what cells mention elsewhere, above it or below."""
        return not (
            self.rebound.isdisjoint(record.rebound) and self.methods.isdisjoint(record.methods)
        )

    def redone(self, record: Record) -> None:
        """Account for a cell that did the same again: what it binds is what it was."""
        if self.names:
            self.names.difference_update(record.effect.bindings)

    def compare(self, before: Sequence[Change], now: Sequence[Change]) -> None:
        """Account for a cell that did other things than before."""
        for name in _unequal(_bindings(before), _bindings(now), self.names):
            self.names.add(name)
        for log in (before, now):
            for change in log:
                if isinstance(change, Binding) and change.name in self.names:
                    self.named.update(change.before or (), change.after or ())
        seeds = [{c.state for c in log if isinstance(c, Seed)} for log in (before, now)]
        self.seeded = (self.seeded - (seeds[0] & seeds[1])) | (seeds[0] ^ seeds[1])
        old, new = _changes(before), _changes(now)
        self.objects |= {o for o in {*old, *new} if old.get(o) != new.get(o)}
        held, holds = _holders(before), _holders(now)
        self.held |= {o for o in {*held, *holds} if held.get(o) != holds.get(o)}

    def without(self, record: Record) -> None:
        """Account for a cell that is gone."""
        self.compare(record.log, ())
        self.objects.update(o for made in record.made for o in made.objects)

    def compare_made(self, states: Mapping[Obj, State], record: Record) -> None:
        """Account for the objects of a cell that it made before, and may have made again."""
        again = {o for made in record.made for o in made.objects}
        for o, state in states.items():
            if o not in again:
                self.objects.add(o)
                continue
            now = state_of(o)
            if now.values != state.values:
                self.objects.add(o)
            if now.holders != state.holders:
                self.held.add(o)


def _bindings(log: Sequence[Change]) -> dict[str, Value | None]:
    return {c.name: c.after for c in log if isinstance(c, Binding)}


def _unequal(
    before: Mapping[str, Value | None], now: Mapping[str, Value | None], known: set[str]
) -> list[str]:
    """Return the names that differ; those that are bound to the same leave ``known``."""
    found = []
    for name in {*before, *now}:
        if name in before and name in now and before[name] == now[name]:
            known.discard(name)
        else:
            found.append(name)
    return found


def _changes(log: Sequence[Change]) -> dict[Obj, dict[object, object]]:
    """Return object -> what was changed of it, in any order."""
    found: dict[Obj, dict[object, object]] = {}
    for change in log:
        if isinstance(change, Field):
            found.setdefault(change.o, {})[change.attribute] = kept(change.after)
        elif isinstance(change, Member) and change.attribute != "holders":
            found.setdefault(change.o, {})[change.attribute, change.item] = change.is_in
    return found


def _holders(log: Sequence[Change]) -> dict[Obj, set[Obj]]:
    found: dict[Obj, set[Obj]] = {}
    for change in log:
        if isinstance(change, Member) and change.attribute == "holders":
            found.setdefault(change.o, set()).add(change.item)
    return found


class Walk:
    """Executes the cells of one notebook again and again."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._done: list[_Done] = []
        self._world: RecordedWorld | None = None
        self.executed = 0
        """How many cells the last walk has executed."""

    @property
    def names(self) -> dict[str, Value]:
        """What names are after all cells."""
        return dict.copy(self._world.names) if self._world is not None else {}

    def walk(self, cells: Sequence[Cell], program: Program) -> list[Executed]:
        """Return what executing each of ``cells`` gives, in order.

        Args:
            cells: Those that have code, in notebook order.
            program: Their code.
        """
        try:
            return self._walk(cells, program)
        except BaseException:
            self._done, self._world = [], None  # half of it is done: begin anew next time
            raise

    def _walk(self, cells: Sequence[Cell], program: Program) -> list[Executed]:
        world = new_world(program)
        if self._world is None or not self._world.is_like(world):
            self._done, self._world = [], RecordedWorld(world)
        difference = _Difference()
        difference.rebound, difference.methods = self._world.mentions(world)
        trees = [program.trees[cell.index] for cell in cells]
        partners = self._partners(cells, trees)
        first = self._first(cells, trees, partners, difference)
        for last in reversed(self._done[first:]):
            self._world.undo(last.record)
        before, self._done = self._done, self._done[:first]
        expected = first
        self.executed = 0
        for index in range(first, len(cells)):
            partner = partners[index]
            if partner is not None:
                for gone in before[expected:partner]:
                    difference.without(gone.record)
                expected = partner + 1
            done = before[partner] if partner is not None else None
            if done is None:
                number = next((p for p in islice(partners, index, None) if p is not None), None)
                following = before[number] if number is not None else None
            else:
                following = done
            self._step(cells[index], trees[index], done, following, difference)
        return [done.executed for done in self._done]

    def _partners(self, cells: Sequence[Cell], trees: Sequence[ast.Module]) -> list[int | None]:
        """Return for each cell which one it was before, None for a new one; in order."""
        least = min(len(cells), len(self._done))
        start = 0
        while start < least and self._done[start].is_of(cells[start], trees[start]):
            start += 1
        end = 0
        while end < least - start and self._done[-1 - end].is_of(cells[-1 - end], trees[-1 - end]):
            end += 1
        paired, new = least - end, len(cells) - end
        shift = len(self._done) - len(cells)
        return [
            index if index < paired else None if index < new else index + shift
            for index in range(len(cells))
        ]

    def _first(
        self,
        cells: Sequence[Cell],
        trees: Sequence[ast.Module],
        partners: Sequence[int | None],
        difference: _Difference,
    ) -> int:
        """Return the first cell that may have to be executed again."""
        everywhere = bool(difference.rebound or difference.methods)
        for index, partner in enumerate(partners):
            if partner != index:
                return index
            done = self._done[index]
            if (
                not done.is_of(cells[index], trees[index])
                or done.record.saw_outside
                or (everywhere and difference.is_mentioned_by(done.record))
            ):
                return index
        return len(cells)

    def _step(
        self,
        cell: Cell,
        tree: ast.Module,
        done: _Done | None,
        following: _Done | None,
        difference: _Difference,
    ) -> None:
        if self._world is None:
            raise RuntimeError("no world")
        if (
            done is not None
            and done.is_of(cell, tree)
            and not done.record.saw_outside
            and not difference.is_seen_by(done.record)
        ):
            self._world.redo(done.record)
            difference.redone(done.record)
            self._done.append(done)
            return
        before = done.record if done is not None else None
        made = before.made if before is not None else []
        states = {o: state_of(o) for each in made for o in each.objects}
        record = Record(base=before.base if before is not None else self._base(following))
        maker = Maker(record, made)
        with recording(record, maker):
            executed = execute(cell, maker.statements(tree.body), self._world)
        self.executed += 1
        restore_summaries(states, record)
        difference.compare(before.log if before is not None else (), record.log)
        difference.compare_made(states, record)
        self._done.append(_Done(tree, cell.role, cell.may_raise, record, executed))

    def _base(self, following: _Done | None) -> int:
        """Return the first serial number of a new cell, between those of its neighbours."""
        last = self._done[-1].record.base if self._done else 0
        return last + CELL_SERIALS if following is None else (last + following.record.base) // 2
