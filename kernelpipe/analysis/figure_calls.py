"""What functions of pyplot and seaborn do with the current figure."""

import re

from kernelpipe.analysis.summaries import Argument, FigureUse
from kernelpipe.analysis.texts import constant_of

_PYPLOT = frozenset({"matplotlib.pyplot", "matplotlib.pylab", "pylab"})
_OPENING = frozenset(
    "figure subplots subplot_mosaic relplot displot catplot lmplot pairplot jointplot "
    "clustermap".split()
)
_WITHOUT_FIGURE = frozenset(
    "show rc rcdefaults rc_context ion ioff isinteractive colormaps get_cmap set_cmap xkcd imread "
    "imsave switch_backend get_backend setp getp".split()
)
_SEABORN = re.compile(r"\w+(plot|map|grid)")


def figure_use(dotted: str, arguments: tuple[Argument, ...]) -> FigureUse | None:
    """Return what a function of pyplot or seaborn does with the current figure, None for nothing.

    What is told where to draw (``ax=``), does not look for the current figure.
    """
    owner, _, last = dotted.rpartition(".")
    if last in _WITHOUT_FIGURE or any(a.keyword == "ax" for a in arguments):
        return None
    is_drawing = owner in _PYPLOT and last[:1].islower()
    if not is_drawing and not (owner == "seaborn" and _SEABORN.fullmatch(last)):
        return None
    if last == "close":
        is_all = any(constant_of(a.value) == "all" for a in arguments)
        return FigureUse.CLOSE_ALL if is_all else FigureUse.CLOSE
    has_number = last == "figure" and any(a.keyword in (None, "num") for a in arguments)
    return FigureUse.OPEN if last in _OPENING and not has_number else FigureUse.DRAW
