"""Lanes beside an ordered list of steps, with lines between its rows, like a commit graph."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where a step stands, and the lines from its row to the next as (lane, lane), sorted.

    Lanes count from zero.
    """

    lane: int
    lines: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Track:
    """A line on its way down: each step that it comes from leads to each row that it seeks.

    So whoever follows it, from any of its beginnings to any of its ends, follows an edge.
    """

    starts: frozenset[int]
    """Lanes of the row above in which it is."""
    lane: int
    """Where it goes on if it goes on."""
    sought: frozenset[int]
    """Rows that it still leads to."""


def draw_lanes(count: int, edges: Iterable[tuple[int, int]]) -> tuple[Row, ...]:
    """Return the rows of a list of ``count`` steps.

    Edges that a longer way replaces are not drawn. Lines run in one lane where that says nothing
    that is not so, and pass no step that is not theirs.

    Args:
        count: How many rows.
        edges: (row of the producer, row of the consumer); those that do not lead down are left out.
    """
    consumers = reduced(count, edges)
    rows: list[Row] = []
    tracks: list[_Track] = []
    lane = 0
    for row in range(count):
        tracks = _merged(_departed(tracks, lane, consumers[row]))
        next_lane = _lane_of(row + 1, tracks)
        lines = sorted(_lines(row + 1, next_lane, tracks))
        rows.append(Row(lane=lane, lines=tuple(lines) if row + 1 < count else ()))
        tracks = [
            _Track(starts=frozenset({each.lane}), lane=each.lane, sought=each.sought - {row + 1})
            for each in tracks
            if each.sought != {row + 1}
        ]
        lane = next_lane
    return tuple(rows)


def reduced(count: int, edges: Iterable[tuple[int, int]]) -> tuple[frozenset[int], ...]:
    """Return for each row the rows it leads to, without those that others of them lead to."""
    down: list[set[int]] = [set() for _ in range(count)]
    for producer, consumer in edges:
        if producer < consumer:
            down[producer].add(consumer)
    reached: list[set[int]] = [set() for _ in range(count)]
    for row in reversed(range(count)):
        reached[row] = set().union(down[row], *(reached[each] for each in down[row]))
    return tuple(
        frozenset(each - set().union(*(reached[other] for other in each))) for each in down
    )


def _departed(tracks: list[_Track], lane: int, consumers: frozenset[int]) -> list[_Track]:
    """Return the tracks below a step in ``lane`` that leads to ``consumers``, by their lanes."""
    found: list[_Track] = []
    left = consumers
    for track in tracks:
        if track.sought < left:
            left -= track.sought
            starts = track.starts | {lane}
            found.append(_Track(starts=starts, lane=track.lane, sought=track.sought))
        else:
            found.append(track)
    if left:
        found.append(_Track(starts=frozenset({lane}), lane=lane, sought=left))
    return sorted(found, key=lambda track: track.lane)


def _merged(tracks: list[_Track]) -> list[_Track]:
    """Return ``tracks`` with those that seek the same in one lane, the first of theirs."""
    found: dict[frozenset[int], _Track] = {}
    for track in tracks:
        same = found.get(track.sought)
        found[track.sought] = (
            track
            if same is None
            else _Track(starts=same.starts | track.starts, lane=same.lane, sought=same.sought)
        )
    return list(found.values())


def _lane_of(row: int, tracks: list[_Track]) -> int:
    """Return the lane of the step in ``row``: below a line that ends there, else a free one."""
    taken = {track.lane for track in tracks if track.sought != {row}}
    ending = [track.lane for track in tracks if track.sought == {row}]
    if ending:
        return min(ending)
    return next(lane for lane in range(len(taken) + 1) if lane not in taken)


def _lines(row: int, lane: int, tracks: list[_Track]) -> set[tuple[int, int]]:
    """Return the lines that lead to ``row``, where the step is in ``lane``."""
    return {
        (start, end)
        for track in tracks
        for start in track.starts
        for end in [
            *([lane] if row in track.sought else []),
            *([track.lane] if track.sought != {row} else []),
        ]
    }
