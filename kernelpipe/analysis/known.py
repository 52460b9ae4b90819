"""What an analysis takes over from the one before it, of the same notebook."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from kernelpipe.analysis.history import History, HistoryWriter, walk
from kernelpipe.analysis.incremental import Walk
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.source import ParsedCell, Program, parse_cell
from kernelpipe.model.names import StepName


@dataclass(slots=True)
class Known:
    """What is known from an earlier analysis; without ``walk`` nothing is ever known."""

    walk: Walk | None = None
    parsed: dict[str, ParsedCell] = field(default_factory=dict)
    writer: HistoryWriter = field(default_factory=HistoryWriter)
    placed: tuple[PlacedCell, ...] = ()

    def same_cells(self, placement: Placement) -> Placement:
        """Return ``placement`` with the cells of the last one where these are equal."""
        if self.walk is None:
            return placement
        pairs = zip_longest(placement.cells, self.placed[: len(placement.cells)])
        self.placed = tuple(old if old == new else new for new, old in pairs)
        return replace(placement, cells=self.placed)

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
