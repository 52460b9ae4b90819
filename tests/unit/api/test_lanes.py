"""Tests of the lanes beside the list of steps."""

import itertools

import hypothesis
import hypothesis.strategies as st
import pytest

from kernelpipe.api.lanes import Row, draw_lanes, reduced

Edges = set[tuple[int, int]]


def _picture(rows: tuple[Row, ...]) -> list[tuple[int, list[tuple[int, int]]]]:
    return [(row.lane, list(row.lines)) for row in rows]


def _traced(rows: tuple[Row, ...]) -> Edges:
    """Return the edges that a reader finds who follows the lines from step to step."""
    found: Edges = set()
    for start, row in enumerate(rows):
        lanes = {row.lane}
        for below in range(start + 1, len(rows)):
            lanes = {to for at, to in rows[below - 1].lines if at in lanes}
            if rows[below].lane in lanes:
                found.add((start, below))
                lanes.discard(rows[below].lane)
    return found


@pytest.mark.parametrize(
    ("count", "edges", "expected"),
    [
        pytest.param(0, set(), [], id="nothing"),
        pytest.param(1, set(), [(0, [])], id="one step"),
        pytest.param(2, set(), [(0, []), (0, [])], id="two apart"),
        pytest.param(
            3, {(0, 1), (1, 2)}, [(0, [(0, 0)]), (0, [(0, 0)]), (0, [])], id="a chain is straight"
        ),
        pytest.param(
            3,
            {(0, 1), (1, 2), (0, 2)},
            [(0, [(0, 0)]), (0, [(0, 0)]), (0, [])],
            id="a shortcut is not drawn",
        ),
        pytest.param(
            4,
            {(0, 1), (0, 2), (1, 3), (2, 3)},
            [(0, [(0, 0), (0, 1)]), (1, [(0, 0), (1, 1)]), (0, [(0, 0), (1, 0)]), (0, [])],
            id="a diamond",
        ),
        pytest.param(
            4,
            {(0, 1), (0, 2), (0, 3)},
            [(0, [(0, 0), (0, 1)]), (1, [(0, 0), (0, 1)]), (1, [(0, 0)]), (0, [])],
            id="one to many takes one line",
        ),
        pytest.param(
            4,
            {(0, 3), (1, 3), (2, 3)},
            [(0, [(0, 0)]), (1, [(0, 0), (1, 0)]), (1, [(0, 0), (1, 0)]), (0, [])],
            id="many to one take one line",
        ),
        pytest.param(
            4,
            {(0, 2), (1, 3)},
            [(0, [(0, 0)]), (1, [(0, 0), (1, 1)]), (0, [(1, 1)]), (1, [])],
            id="two chains side by side",
        ),
        pytest.param(2, {(1, 0)}, [(0, []), (0, [])], id="an edge upwards is not drawn"),
    ],
)
def test_draw_lanes__shape__has_this_picture(
    count: int, edges: Edges, expected: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    """The pictures of the usual shapes."""
    assert _picture(draw_lanes(count, edges)) == expected


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[int, Edges]:
    count = draw(st.integers(0, 9))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    return count, set(draw(st.lists(st.sampled_from(pairs)))) if pairs else set()


@hypothesis.settings(max_examples=500)
@hypothesis.given(_graphs())
def test_draw_lanes__any_graph__shows_the_reduced_edges_and_no_others(
    graph: tuple[int, Edges],
) -> None:
    """Whoever follows the lines finds every edge that no longer way replaces, and nothing else."""
    count, edges = graph

    rows = draw_lanes(count, edges)

    expected = {(a, b) for a, consumers in enumerate(reduced(count, edges)) for b in consumers}
    assert _traced(rows) == expected


@hypothesis.given(_graphs())
def test_draw_lanes__any_graph__lines_end_where_lines_or_steps_begin(
    graph: tuple[int, Edges],
) -> None:
    """No line hangs in the air."""
    rows = draw_lanes(*graph)

    for above, below in itertools.pairwise(rows):
        ends = {to for _, to in above.lines}
        assert {at for at, _ in below.lines} <= ends | {below.lane}
        if below is not rows[-1]:
            assert ends <= {at for at, _ in below.lines} | {below.lane}
        else:
            assert ends <= {below.lane}


@pytest.mark.parametrize(
    ("count", "edges"),
    [
        pytest.param(20, {(0, b) for b in range(1, 20)}, id="one to many"),
        pytest.param(20, {(a, 19) for a in range(19)}, id="many to one"),
        pytest.param(
            20, {(0, b) for b in range(1, 19)} | {(b, 19) for b in range(1, 19)}, id="wide diamond"
        ),
        pytest.param(20, {(a, b) for a in range(10) for b in range(10, 20)}, id="all to all"),
    ],
)
def test_draw_lanes__many_edges__take_few_lanes(count: int, edges: Edges) -> None:
    """Lines share a lane wherever that says nothing that is not so."""
    rows = draw_lanes(count, edges)

    assert max(row.lane for row in rows) <= 2
