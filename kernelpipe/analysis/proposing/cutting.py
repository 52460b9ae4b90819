"""Finds the cheapest cuts of a row of cells into steps, by dynamic programming."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from kernelpipe.analysis.proposing.crossings import Crossing

_LONG: Final = 4.0
_SHORT: Final = 2.0
_AVERAGE: Final = 1.5
"""What the average cut's crossing values weigh together, at most."""
_LONGEST: Final = 60
"""Units that a step of a long notebook may have, or four times the usual length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A cell that is not setup; ``cut`` is what it costs to begin a step with it."""

    index: int
    cut: float


def cheapest_cuts(
    units: Sequence[Unit],
    taken: Mapping[int, Sequence[Crossing]],
    *,
    usual: float,
    count: int | None = None,
) -> list[int]:
    """Return the indexes of the cells with which steps begin, the first unit's among them.

    Args:
        units: In notebook order, at least one.
        taken: Cell index -> what the cell takes from cells above.
        usual: How many units a step has if nothing speaks against it.
        count: How many steps there are to be; None for as many as are cheapest.
    """
    costs = _segment_costs(units, taken, usual, free=count is not None)
    starts = _best(costs, len(units)) if count is None else _exactly(costs, len(units), count)
    return [units[start].index for start in starts]


def _segment_costs(
    units: Sequence[Unit], taken: Mapping[int, Sequence[Crossing]], usual: float, *, free: bool
) -> list[list[float]]:
    """Return for each first unit the costs of the steps that begin there, by their length - 1.

    Args:
        units: All units.
        taken: What they take.
        usual: The usual length of a step.
        free: Any length will do, since there must be a certain number of steps.
    """
    scale = _scale(units, taken)
    longest = len(units) if free else max(_LONGEST, round(4 * usual))
    costs: list[list[float]] = []
    for first, unit in enumerate(units):
        cost = unit.cut if first else 0.0
        loaded: set[str] = set()
        row: list[float] = []
        for number, each in enumerate(units[first : first + longest], start=1):
            for crossing in taken.get(each.index, ()):
                if crossing.maker < unit.index and crossing.name not in loaded:
                    loaded.add(crossing.name)
                    cost += crossing.weight * scale
            row.append(cost + _size_cost(number, usual))
        costs.append(row)
    return costs


def _scale(units: Sequence[Unit], taken: Mapping[int, Sequence[Crossing]]) -> float:
    """Return what to multiply weights by, so that a notebook that hands on much is cut, too."""
    last_use: dict[tuple[str, int], tuple[int, float]] = {}
    for unit in units:
        for each in taken.get(unit.index, ()):
            last_use[each.name, each.maker] = unit.index, each.weight
    places = {unit.index: number for number, unit in enumerate(units)}
    total = sum(
        weight * (places[user] - places.get(maker, 0))
        for (_, maker), (user, weight) in last_use.items()
    )
    average = total / max(1, len(units) - 1)
    return min(1.0, _AVERAGE / average) if average else 1.0


def _size_cost(number: int, usual: float) -> float:
    off = number / usual - 1
    return (_LONG if off > 0 else _SHORT) * off * off


def _best(costs: Sequence[Sequence[float]], count: int) -> list[int]:
    best = [0.0] + [inf] * count
    begin = [0] * (count + 1)
    for first, row in enumerate(costs):
        for end, cost in enumerate(row, start=first + 1):
            if best[first] + cost < best[end]:
                best[end], begin[end] = best[first] + cost, first
    starts: list[int] = []
    end = count
    while end:
        end = begin[end]
        starts.append(end)
    return starts[::-1]


def _exactly(costs: Sequence[Sequence[float]], count: int, steps: int) -> list[int]:
    """Return the starts of exactly ``steps`` steps, or of one for each unit if there are fewer."""
    steps = min(steps, count)
    best = [0.0] + [inf] * count
    begins: list[list[int]] = []
    for _ in range(steps):
        longer = [inf] * (count + 1)
        begin = [0] * (count + 1)
        for first, row in enumerate(costs):
            if best[first] == inf:
                continue
            for end, cost in enumerate(row, start=first + 1):
                if best[first] + cost < longer[end]:
                    longer[end], begin[end] = best[first] + cost, first
        begins.append(begin)
        best = longer
    starts: list[int] = []
    end = count
    for begin in reversed(begins):
        end = begin[end]
        starts.append(end)
    return starts[::-1]
