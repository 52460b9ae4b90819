"""Figures of matplotlib that stay open from cell to cell, which no step sees of another."""

import re
from collections.abc import Iterator
from functools import lru_cache

from kernelpipe.analysis.rules import FIGURE_STAYS_OPEN
from kernelpipe.analysis.subject import Subject, who
from kernelpipe.analysis.summaries import Effects, FigureUse
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName

_OTHER_BACKENDS = frozenset({"matplotlib.use", "matplotlib.pyplot.switch_backend"})
_OTHER_BACKEND = re.compile(
    r"MPLBACKEND|close_figures|['\"]backend['\"]|%(matplotlib|pylab)(?!\s+(inline|-l|--list))"
)


def figures_left_open(subject: Subject) -> Iterator[Diagnostic]:
    """Yield where a step may draw into a figure that another step has left open.

    IPython's own backend closes all figures at the end of each cell.
    """
    if not _has_other_backend(subject):
        return
    left: dict[StepName | None, int] = {}
    """Owner of cells -> how many figures it has open."""
    for placed in subject.placement.cells:
        facts = subject.history.facts.get(placed.position)
        for use in facts.effects.figures if facts is not None else ():
            own = left.get(placed.step, 0)
            is_another = any(n for step, n in left.items() if step != placed.step)
            if use is FigureUse.DRAW and own == 0 and is_another:
                yield FIGURE_STAYS_OPEN.at(
                    subject.statement(placed, _draws),
                    f"{who(placed)} may draw into a figure that stayed open before: the notebook "
                    "does not use IPython's backend of matplotlib, which closes figures",
                    "begin the step's drawing with plt.figure() or plt.subplots(), or end the "
                    "drawing before it with plt.close('all')",
                )
                return
            left[placed.step] = _opened(use, own)


def _opened(use: FigureUse, count: int) -> int:
    if use is FigureUse.CLOSE_ALL:
        return 0
    if use is FigureUse.CLOSE:
        return max(0, count - 1)
    return count + 1 if use is FigureUse.OPEN else max(1, count)


def _draws(effects: Effects) -> bool:
    return FigureUse.DRAW in effects.figures


def _has_other_backend(subject: Subject) -> bool:
    return any(name in _OTHER_BACKENDS for _, name in subject.history.foreign_stores) or any(
        _may_choose_backend(placed.cell.source) for placed in subject.placement.cells
    )


@lru_cache(maxsize=4096)
def _may_choose_backend(source: str) -> bool:
    return _OTHER_BACKEND.search(source) is not None
