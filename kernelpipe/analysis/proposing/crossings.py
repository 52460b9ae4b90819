"""What would cross each cut of a notebook, and how much that weighs."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kernelpipe.analysis.file_flows import file_ties
from kernelpipe.analysis.heap import Kind, Value
from kernelpipe.analysis.history import Event, History, walk
from kernelpipe.analysis.pipeline import parse_cells
from kernelpipe.analysis.placement import SETUP_ROLES, place_cells
from kernelpipe.analysis.source import Program
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook

_UNSTORABLE: Final = 60.0
_WEIGHTS: Final = {
    Kind.IMMUTABLE: 0.25,
    Kind.MODULE: 0.05,
    Kind.IMPORTED: 0.05,
    Kind.FUNCTION: 0.2,
    Kind.CLASS: 0.3,
    Kind.LIST: 0.6,
    Kind.DICT: 0.6,
    Kind.SET: 0.6,
    Kind.TUPLE: 0.6,
    Kind.ARRAY: 1.2,
    Kind.FRAME: 1.5,
    Kind.ESTIMATOR: 1.0,
    Kind.INSTANCE: 1.0,
    Kind.FIGURE: 8.0,
    Kind.GENERATOR: _UNSTORABLE,
    Kind.FILE: _UNSTORABLE,
    Kind.HANDLE: _UNSTORABLE,
}
"""A frame is large, a number is small, and what is half a drawing or cannot be stored stays."""
_ELSE: Final = 1.0
_STATE: Final = 0.3
_FILE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A value that a cell takes from the cell ``maker``, by its index, and what it weighs."""

    name: str
    maker: int
    weight: float


@dataclass(slots=True, kw_only=True)
class Crossings:
    """How the cells of a notebook hang together; all maps are by the index of a cell."""

    program: Program
    taken: dict[int, tuple[Crossing, ...]] = field(default_factory=dict)
    """What each cell takes from which cell above."""
    makers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Name -> the cells that bind, delete or change it, in notebook order; code that may bind any
    name does not count."""

    def is_made_once(self, name: str) -> bool:
        """Tell whether one cell alone binds a name, and none changes what it stands for."""
        return len(self.makers.get(name, ())) == 1

    def users(self, index: int) -> set[int]:
        """Return the cells that take something from a cell."""
        return {
            user for user, taken in self.taken.items() if any(each.maker == index for each in taken)
        }


def find_crossings(notebook: Notebook) -> Crossings:
    """Return what each cell takes from which, as if each were a step of its own.

    Cells that are setup already, by their tags, give to all for nothing.
    """
    cells = tuple(_alone(cell) for cell in notebook.cells)
    program, _ = parse_cells(cells, str(Path(notebook.path).parent))
    placement = place_cells(replace(notebook, cells=cells), {})
    history = walk(placement.cells, program)
    return Crossings(program=program, taken=_taken(history), makers=_makers(history))


def _alone(cell: Cell) -> Cell:
    if cell.role in {CellRole.SKIP, *SETUP_ROLES} and cell.step is None:
        return cell
    return replace(cell, step=_name(cell.index), after=())


def _name(index: int) -> StepName:
    return StepName(f"c{index}")


def _taken(history: History) -> dict[int, tuple[Crossing, ...]]:
    found: dict[int, dict[tuple[str, int], float]] = {}
    for read in history.reads:
        if read.version < 0 or _is_quiet_state(read.name, history):
            continue
        version = history.versions[read.name][read.version]
        maker = version.placed
        if maker.step is None or maker.cell.index == read.placed.cell.index:
            continue
        weight = _STATE if read.name.startswith("@") else _weight(version.value)
        found.setdefault(read.placed.cell.index, {})[read.name, maker.cell.index] = weight
    for tie in file_ties(history):
        producer, consumer = int(tie.producer[1:]), int(tie.consumer[1:])
        found.setdefault(consumer, {})[f"file {tie.path}", producer] = _FILE
    return {
        index: tuple(
            Crossing(name=name, maker=maker, weight=weight)
            for (name, maker), weight in sorted(taken.items())
        )
        for index, taken in found.items()
    }


def _is_quiet_state(name: str, history: History) -> bool:
    """Tell whether a name is hidden state that was set once: it weighs nothing to hand it on."""
    return name.startswith("@") and len(history.versions.get(name, ())) == 1


def _weight(value: Value) -> float:
    """Return the weight of a value that may be any of several objects: that of the heaviest."""
    return max((_WEIGHTS.get(each.kind, _ELSE) for each in value), default=_ELSE)


def _makers(history: History) -> dict[str, tuple[int, ...]]:
    unseen = {placed.position for placed in history.unknown_binders}
    return {
        name: tuple(
            dict.fromkeys(
                version.placed.cell.index
                for version in versions
                if version.event is not Event.MAYBE
                or version.placed.position not in unseen
                or name in history.facts[version.placed.position].bound
            )
        )
        for name, versions in history.versions.items()
    }
