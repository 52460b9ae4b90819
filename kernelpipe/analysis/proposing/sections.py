"""Where a notebook's headings and comments suggest that a step begins."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from kernelpipe.analysis.proposing.cutting import Unit
from kernelpipe.analysis.proposing.naming import comment_of
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.notebook.headings import Heading

_NONE: Final = 99
_AT_MAIN: Final = 0.2
_BELOW_MAIN: Final = 1.3
_DEEPER: Final = 1.8
_NOWHERE: Final = 2.6
_COMMENT: Final = -0.6
_ONLY_SHOWS: Final = 1.5
_NEVER: Final = 1000.0
_FEW_CELLS: Final = 3
"""Cells of a step in a short notebook. In longer ones people make five to eight steps, hardly more
the longer it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The units with what it costs to cut above each, and how long a step usually is.

    ``count`` is how many steps there should be where no heading says it, else None.
    """

    units: tuple[Unit, ...]
    usual: float
    count: int | None


def find_sections(
    cells: Sequence[Cell], trees: Mapping[int, ast.Module], headings: Sequence[Heading]
) -> Sections:
    """Return how headings and comments divide the cells of steps.

    Args:
        cells: Those that are neither setup nor skipped, in notebook order.
        trees: Cell index -> code.
        headings: In notebook order, without the title.
    """
    levels = _levels_above(cells, headings)
    by_size = max(1.0, min(len(cells) / _FEW_CELLS, 3.5 + len(cells) / 25))
    main, sections = _main_level(levels, by_size)
    units = tuple(
        Unit(index=cell.index, cut=_cut_cost(cell, trees.get(cell.index), levels, main))
        for cell in cells
    )
    return Sections(
        units=units,
        usual=max(1.0, len(cells) / max(sections, by_size)),
        count=None if sections else max(1, round(by_size)),
    )


def without_title(headings: Sequence[Heading], first_cell: int) -> tuple[Heading, ...]:
    """Return the headings without the notebook's title.

    Args:
        headings: All headings, in notebook order.
        first_cell: Index of the first code cell.
    """
    if not headings or headings[0].cell_index > first_cell:
        return tuple(headings)
    title, *others = headings
    is_alone = all(each.level > title.level for each in others)
    has_another = any(each.cell_index < first_cell for each in others)
    return tuple(others) if is_alone or has_another else tuple(headings)


def _levels_above(cells: Iterable[Cell], headings: Sequence[Heading]) -> dict[int, int]:
    """Return the highest level of the headings between each cell and the one above it."""
    found: dict[int, int] = {}
    before = -1
    for cell in cells:
        levels = [each.level for each in headings if before < each.cell_index < cell.index]
        found[cell.index] = min(levels, default=_NONE)
        before = cell.index
    return found


def _main_level(levels: Mapping[int, int], by_size: float) -> tuple[int, int]:
    """Return the level whose headings divide the notebook best, and into how many sections.

    Both are 0 if there is none.
    """
    best, sections, least = 0, 0, log(2.5)
    for level in sorted({*levels.values()} - {_NONE}):
        count = sum(each <= level for each in levels.values())
        off = abs(log(count / by_size))
        if count > 1 and off < least:
            best, sections, least = level, count, off
    return best, sections


def _cut_cost(cell: Cell, tree: ast.Module | None, levels: Mapping[int, int], main: int) -> float:
    if cell.role in {CellRole.TEST, CellRole.METRICS}:
        return _NEVER
    level = levels[cell.index]
    if level == _NONE:
        cost = _NOWHERE
        if comment_of(cell.source) is not None:
            cost += _COMMENT
    elif level <= main:
        return _AT_MAIN
    else:
        cost = _BELOW_MAIN if level == main + 1 else _DEEPER
    return cost + (_ONLY_SHOWS if tree is None or _only_shows(tree) else 0)


def _only_shows(tree: ast.Module) -> bool:
    """Tell whether a cell binds nothing, so that it belongs to what is above it."""
    return all(isinstance(each, ast.Expr) for each in tree.body)
