"""What the findings are about: one finished analysis, and where in the cells things happen."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from kernelpipe.analysis.history import History, Read
from kernelpipe.analysis.linking import Links, Source
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.places import Places, first_mention, location_in
from kernelpipe.analysis.source import Program
from kernelpipe.analysis.summaries import Effects
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.pipeline import Edge, EdgeKind, FileTie


@dataclass(kw_only=True, eq=False)
class Subject:
    """A linked notebook; ``edges`` are all edges, ``ties`` those of files."""

    notebook: Notebook
    placement: Placement
    history: History
    links: Links
    program: Program
    edges: tuple[Edge, ...]
    ties: tuple[FileTie, ...]
    places: Places
    """Asking it takes as long as the analysis: only where something is wrong."""

    @cached_property
    def sources(self) -> Sequence[tuple[tuple[StepName, str], Source]]:
        """What each step takes from others, sorted by the step and the name."""
        return sorted(self.links.sources.items(), key=itemgetter(0))

    @cached_property
    def reads_of(self) -> Mapping[str, Sequence[Read]]:
        """Every read of each name, in notebook order."""
        found: dict[str, list[Read]] = {}
        for read in self.history.reads:
            found.setdefault(read.name, []).append(read)
        return found

    @cached_property
    def definers_of(self) -> Mapping[str, Sequence[PlacedCell]]:
        """The cells that bind each name, tests among them, in notebook order."""
        found: dict[str, list[PlacedCell]] = {}
        for placed in self.placement.cells:
            facts = self.history.facts.get(placed.position)
            for name in facts.bound if facts is not None else ():
                found.setdefault(name, []).append(placed)
        return found

    @cached_property
    def skipped(self) -> Sequence[Cell]:
        """The cells that take no part."""
        return [cell for cell in self.notebook.cells if cell.role is CellRole.SKIP]

    @cached_property
    def cells_of(self) -> Mapping[StepName, Sequence[PlacedCell]]:
        """The cells of each step, tests among them."""
        found: dict[StepName, list[PlacedCell]] = {}
        for placed in self.placement.cells:
            if placed.step is not None:
                found.setdefault(placed.step, []).append(placed)
        return found

    @cached_property
    def producers_of(self) -> Mapping[StepName, frozenset[StepName]]:
        """The steps from which each step takes values."""
        found: dict[StepName, set[StepName]] = {}
        for (step, _), source in self.links.sources.items():
            found.setdefault(step, set()).add(source.producer)
        return {step: frozenset(producers) for step, producers in found.items()}

    @cached_property
    def _names(self) -> Mapping[tuple[StepName, StepName], tuple[str, ...]]:
        return {(e.producer, e.consumer): e.names for e in self.edges if e.kind is EdgeKind.DATA}

    def names_between(self, producer: StepName, consumer: StepName) -> tuple[str, ...]:
        """Return the names that flow along a data edge; none if there is no such edge."""
        return self._names.get((producer, consumer), ())

    def tree(self, placed: PlacedCell) -> ast.Module | None:
        """Return a cell's code, None if it does not parse."""
        return self.program.trees.get(placed.cell.index)

    def mention(self, placed: PlacedCell, name: str, *, is_read: bool) -> Location:
        """Return where a cell's own code first reads or last binds a name; cheap."""
        return first_mention(placed, self.tree(placed), name, is_read=is_read)

    def statements(self, placed: PlacedCell, does: Callable[[Effects], bool]) -> Iterator[ast.stmt]:
        """Yield the statements of a cell whose effects are asked for."""
        for effects, statement in self._statements_of.get(placed.position, ()):
            if does(effects):
                yield statement

    @cached_property
    def _statements_of(self) -> Mapping[int, Sequence[tuple[Effects, ast.stmt]]]:
        """Position of a cell -> its statements with what each does."""
        found: dict[int, list[tuple[Effects, ast.stmt]]] = {}
        for position, facts in self.places.history.facts.items():
            placed, statement = self.places.origin_at(position)
            found.setdefault(placed.position, []).append((facts.effects, statement))
        return found

    def statement(
        self, placed: PlacedCell, does: Callable[[Effects], bool], name: str = ""
    ) -> Location:
        """Return the place of the first of :meth:`statements`, else the cell.

        Args:
            placed: The cell.
            does: Tells whether it is the statement.
            name: What to mark in its first line.
        """
        for statement in self.statements(placed, does):
            return location_in(placed, statement, name)
        return placed.cell.location


def who(placed: PlacedCell) -> str:
    """Return the owner of a cell in words."""
    return f"step '{placed.step}'" if placed.step else "setup"
