"""What an analysis takes over from the one before it, of the same notebook."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TypeVar, cast

from kernelpipe.analysis.history import History, HistoryWriter, walk
from kernelpipe.analysis.incremental import Walk
from kernelpipe.analysis.placement import PlacedCell, Placement, place_cells
from kernelpipe.analysis.source import ParsedCell, Program, parse_cell
from kernelpipe.analysis.steps import KeptSteps
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, Notebook

T = TypeVar("T")


@dataclass(slots=True)
class Known:
    """What is known from an earlier analysis; without ``walk`` nothing is ever known."""

    walk: Walk | None = None
    parsed: dict[str, ParsedCell] = field(default_factory=dict)
    writer: HistoryWriter = field(default_factory=HistoryWriter)
    placed: "_Placed | None" = None
    steps: KeptSteps = field(default_factory=KeptSteps)
    _results: dict[str, tuple[object, object]] = field(default_factory=dict)
    """What was asked -> what it was asked of, and the answer."""

    def answer(self, what: str, of: object, find: Callable[[], T]) -> T:
        """Return what ``find`` gives, or gave when the same was asked of something equal.

        Args:
            what: Names the question.
            of: All that the answer depends on.
            find: Gives what nobody changes.
        """
        known = self._results.get(what)
        if known is not None and known[0] == of:
            return cast("T", known[1])
        found = find()
        if self.walk is not None:
            self._results[what] = of, found
        return found

    def place(
        self, notebook: Notebook, cells: tuple[Cell, ...], promoted: Mapping[int, StepName | None]
    ) -> Placement:
        """Return the placement of ``cells``, with the placed cells of the last one that are equal.

        Args:
            notebook: As read.
            cells: What it comes to.
            promoted: As ``place_cells`` takes them.
        """
        if self.walk is None:
            return place_cells(replace(notebook, cells=cells), promoted)
        before = self.placed
        placement = before.with_cells(notebook, cells, promoted) if before is not None else None
        if placement is None:
            placement = place_cells(replace(notebook, cells=cells), promoted)
            known = before.placement.cells if before is not None else ()
            pairs = zip_longest(placement.cells, known[: len(placement.cells)])
            same = tuple(old if old == new else new for new, old in pairs)
            placement = replace(placement, cells=same)
        self.placed = _Placed(notebook, cells, dict(promoted), placement)
        return placement

    def parse(self, source: str) -> ParsedCell:
        """Return the code of a cell."""
        return self.parsed.get(source) or parse_cell(source)

    def history(
        self, cells: tuple[PlacedCell, ...], program: Program, loops: Collection[StepName]
    ) -> History:
        """Return what the cells do; with loops, whose end changes names, nothing is kept."""
        if self.walk is None or loops:
            return walk(cells, program, loops)
        coded = [placed for placed in cells if placed.cell.index in program.trees]
        found = self.walk.walk([placed.cell for placed in coded], program)
        return self.writer.write(zip(coded, found, strict=True), self.walk.names)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A placement and what it was made of."""

    notebook: Notebook
    cells: tuple[Cell, ...]
    promoted: dict[int, StepName | None]
    placement: Placement

    def with_cells(
        self, notebook: Notebook, cells: tuple[Cell, ...], promoted: Mapping[int, StepName | None]
    ) -> Placement | None:
        """Return the placement of other cells, None where more than code differs."""
        if (
            len(cells) != len(self.cells)
            or promoted != self.promoted
            or notebook.path != self.notebook.path
            or notebook.settings != self.notebook.settings
        ):
            return None
        pairs = zip(cells, self.cells, strict=True)
        others = [(new, old) for new, old in pairs if new is not old and new != old]
        if not all(_is_placed_alike(new, old) for new, old in others):
            return None
        changed = {new.index: new for new, _ in others}
        placed = tuple(
            replace(each, cell=changed[each.cell.index]) if each.cell.index in changed else each
            for each in self.placement.cells
        )
        return replace(self.placement, cells=placed)


def _is_placed_alike(new: Cell, old: Cell) -> bool:
    """Tell whether two cells differ in nothing that a placement says."""
    code = replace(old, source=new.source, execution_count=new.execution_count)
    return code == new and not new.after
