"""How the work of an analysis grows with the notebook: calls are counted, no time is taken."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import pytest
from benchmarks.analysis_time import SHAPES, notebook_of

from kernelpipe.analysis import Session, build_pipeline
from kernelpipe.model.notebook import Notebook
from kernelpipe.model.pipeline import Pipeline

FEW, MANY = 60, 240
MOST_RATIO = 6
"""Of the calls for four times the cells; where each cell looks at all others it nears sixteen."""


def calls(run: Callable[[Notebook], Pipeline], notebook: Notebook) -> int:
    """Return how many functions ``run`` calls, those written in C among them."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run(notebook)
    finally:
        sys.setprofile(before)
    return count


def edited_in_the_middle(notebook: Notebook) -> Notebook:
    """Return the notebook with one more line in its middle cell."""
    cells = list(notebook.cells)
    middle = len(cells) // 2
    cells[middle] = replace(cells[middle], source=f"{cells[middle].source}\nnew_name = 3")
    return replace(notebook, cells=tuple(cells))


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_build_pipeline__four_times_the_cells__calls_grow_as_much(shape: str) -> None:
    """No step looks at all other steps, no cell at all other cells."""
    few, many = (notebook_of(SHAPES[shape](count)) for count in (FEW, MANY))
    for notebook in (few, many):
        build_pipeline(notebook)  # caches that are filled once count for neither
    least, most = calls(build_pipeline, few), calls(build_pipeline, many)
    assert most < MOST_RATIO * least


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_session__edit_that_nothing_reads__executes_one_cell(shape: str) -> None:
    """What the edit cannot reach is not executed again."""
    notebook = notebook_of(SHAPES[shape](MANY))
    session = Session()
    session.build(notebook)
    edited = edited_in_the_middle(notebook)
    again = calls(session.build, edited)
    assert session.executed() == 1
    assert again < calls(build_pipeline, edited)
