"""Matches the cells of two versions of a notebook."""

import difflib
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from kernelpipe.runs.notebooks import RecordedCell

_NEAR = 0.6
_MOST_COMPARED = 400
"""Comparing every text with every other takes long: of more pairs than that, none is compared."""

Pair = tuple[RecordedCell, RecordedCell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """``pairs`` are (before, after), in the order of after; each cell is in one place only."""

    pairs: tuple[Pair, ...]
    removed: tuple[RecordedCell, ...]
    added: tuple[RecordedCell, ...]
    moved: frozenset[int]
    """Indexes (after) of cells that stand in another order among the others than before."""


def match_cells(before: Sequence[RecordedCell], after: Sequence[RecordedCell]) -> Matching:
    """Match cells by their ids, the others by equal text, and what is left by similar text."""
    left, right = list(before), list(after)
    pairs = _match_by(lambda cell: cell.id, left, right)
    pairs += _match_by(lambda cell: cell.source, left, right)
    pairs += _match_similar(left, right)
    pairs.sort(key=lambda pair: pair[1].index)
    return Matching(
        pairs=tuple(pairs),
        removed=tuple(left),
        added=tuple(right),
        moved=_out_of_order(pairs),
    )


def _match_by(
    key: Callable[[RecordedCell], Hashable | None],
    left: list[RecordedCell],
    right: list[RecordedCell],
) -> list[Pair]:
    """Take from both sides the cells that have a key in common, in order."""
    known: dict[Hashable, list[RecordedCell]] = {}
    for cell in left:
        if key(cell) is not None:
            known.setdefault(key(cell), []).append(cell)
    pairs: list[Pair] = []
    for cell in tuple(right):
        same = known.get(key(cell))
        if same:
            pairs.append((same.pop(0), cell))
            left.remove(pairs[-1][0])
            right.remove(cell)
    return pairs


def _match_similar(left: list[RecordedCell], right: list[RecordedCell]) -> list[Pair]:
    pairs: list[Pair] = []
    if len(left) * len(right) > _MOST_COMPARED:
        return pairs
    for cell in tuple(right):
        ratio, _, near = max(
            (
                (difflib.SequenceMatcher(None, other.source, cell.source).ratio(), -at, other)
                for at, other in enumerate(left)
            ),
            default=(0.0, 0, None),
            key=lambda found: found[:2],
        )
        if near is not None and ratio >= _NEAR:
            pairs.append((near, cell))
            left.remove(near)
            right.remove(cell)
    return pairs


def _out_of_order(pairs: Sequence[Pair]) -> frozenset[int]:
    """Return the cells (their index after) outside the longest run of pairs in the old order."""
    ends: list[int] = []
    chain: list[int] = []
    back: list[int | None] = []
    for position, (before, _) in enumerate(pairs):
        length = bisect_left(ends, before.index)
        back.append(chain[length - 1] if length else None)
        ends[length:] = [before.index, *ends[length + 1 :]]
        chain[length:] = [position, *chain[length + 1 :]]
    kept: set[int] = set()
    last = chain[-1] if chain else None
    while last is not None:
        kept.add(last)
        last = back[last]
    return frozenset(
        after.index for position, (_, after) in enumerate(pairs) if position not in kept
    )
