"""An analysis after edits gives exactly what a new analysis of the same notebook gives."""

from dataclasses import replace

import pytest
from equality.reader import read_cases
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kit import encode

from kernelpipe.analysis import Session, build_pipeline
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook

CASES = [parse_notebook(encode(case.notebook), path="n.ipynb") for case in read_cases()]
POOL = [cell for notebook in CASES for cell in notebook.cells]
LINES = (
    "print(x)",
    "new_name = 1",
    "x = [1]",
    "y = x",
    "x.append(2)",
    "df = df.dropna()",
    "del x",
    "import numpy as np",
    "x = [y, x]",
    "def f(a):\n    a.append(x)\n    return a",
    "y = f(x)",
    "class A:\n    def put(self, v):\n        self.v = v\n        return self",
    "a = A().put(x)",
    "np.random.seed(0)",
    "x = np.random.rand(3)",
    "exec('x = 1')",
    "list = [].copy()",
    "def append(self):\n    global y\n    y = self",
    "x.append(",
)
NAMES = ("a", "b", "c", "x", "y")
DENSE = (
    "{x} = [{n}]",
    "{x} = {y}",
    "{x} = [{y}, {z}]",
    "{x} = {y}[0]",
    "{x}.append({y})",
    "{x} = {y} + [{n}]",
    "{x} = {{'k': {y}}}",
    "{x} = ({y}, {z})",
    "{x}, {y} = {z}",
    "{x} = ({y}, [{n}])[1]",
    "{x} = {y}.item",
    "{x}.item = {y}",
    "{x} = Box({y})",
    "{x} = {y}.put({n})",
    "{x} = push({y}, {z})",
    "{x} = make({n})",
    "note({y})",
    "{x} = lambda: {y}",
    "{x} = {y}()",
    "{x} = unknown.use({y}, {z})",
    "{x} = {y} is {z}",
    "{x} = {y}\n{x} += [{z}]",
    "if {x}:\n    {y} = {z}",
    "for {x} in {y}:\n    {z} = {x}",
    "del {x}",
    "def {x}(v):\n    {y}.append(v)\n    return {z}",
    "def {x}(v, w={y}):\n    w.append(v)\n    return w",
    "def {x}():\n    global {y}\n    {y} = {z}",
    "def {x}():\n    return push({y}, {z})",
    "class {x}:\n    held = {y}\n    def put(self, v):\n        self.held.append(v)",
    "exec('{x} = {n}')",
    "np.random.seed({n})\n{x} = np.random.rand({n})",
    "{x} = np.random.rand({n})",
    "{x} = pd.DataFrame({{'k': {y}}})",
    "{x}['k'] = {y}",
    "{x} = {y}.T",
    "{x} = iter({y})",
    "{x} = next({y})",
    "print({x}, {y})",
    "import numpy as {x}",
    "{x} = open('f{n}')",
)
SETUP = """import numpy as np
import pandas as pd
import unknown
LOG = []
class Box:
    def __init__(self, item):
        self.item = item
    def put(self, n):
        self.item.append(n)
        return self
def push(to, n):
    to.append(n)
    return to
def make(n):
    return [n, LOG]
def note(n):
    LOG.append(n)
a = [1]
b = [2]
c = a
x = Box(b)
y = {'k': c}
"""
EDITS = ("replace", "insert", "delete", "swap", "append", "prepend", "undo", "retag")
Edit = tuple[str, int, int]
"""What to do, where, and with which piece of code."""


def edited(before: Notebook, notebook: Notebook, edit: Edit) -> Notebook:
    """Return ``notebook`` after an edit; ``before`` is what it was two edits ago."""
    kind, place, piece = edit
    cells = list(notebook.cells)
    index = place % len(cells)
    cell, other = cells[index], POOL[piece % len(POOL)]
    line = LINES[piece % len(LINES)]
    if kind == "undo":
        return before
    if kind == "replace":
        cells[index] = replace(cell, source=other.source)
    elif kind == "insert":
        cells.insert(index, other)
    elif kind == "delete" and len(cells) > 1:
        del cells[index]
    elif kind == "swap":
        cells[index], cells[piece % len(cells)] = cells[piece % len(cells)], cells[index]
    elif kind == "append":
        cells[index] = replace(cell, source=f"{cell.source}\n{line}")
    elif kind == "prepend":
        cells[index] = replace(cell, source=f"{line}\n{cell.source}")
    else:
        cells[index] = replace(other, source=cell.source)
    return replace(notebook, cells=tuple(_numbered(n, c) for n, c in enumerate(cells)))


def dense(numbers: list[int]) -> Notebook:
    """Return a notebook of one-line cells, three to a step, whose few names share a lot."""
    cells = [replace(POOL[0], source=SETUP)]
    cells += [replace(POOL[0], source=dense_line(number)) for number in numbers]
    return replace(
        CASES[0],
        cells=tuple(
            replace(_numbered(n, c), role=CellRole.STEP, step=None if n % 3 else StepName(f"s{n}"))
            for n, c in enumerate(cells)
        ),
        diagnostics=(),
    )


def dense_line(number: int) -> str:
    """Return a line of code for any number."""
    number, kind = divmod(number, len(DENSE))
    number, first = divmod(number, len(NAMES))
    number, second = divmod(number, len(NAMES))
    third = number % len(NAMES)
    return DENSE[kind].format(x=NAMES[first], y=NAMES[second], z=NAMES[third], n=number % 3)


def _numbered(index: int, cell: Cell) -> Cell:
    location = replace(cell.location, cell_index=index, cell_id=f"c{index}")
    return replace(cell, index=index, id=f"c{index}", location=location)


def shown(pipeline: Pipeline) -> list[str]:
    """Return the parts of a pipeline, for a difference that can be read."""
    return repr(pipeline).replace(", steps=", "\n").replace("Diagnostic(", "\n").split("\n")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    starts=st.lists(st.integers(0, len(CASES) - 1), min_size=1, max_size=5),
    edits=st.lists(
        st.tuples(st.sampled_from(EDITS), st.integers(0, 40), st.integers(0, 5000)),
        min_size=1,
        max_size=6,
    ),
)
def test_session__random_edits__gives_what_a_new_analysis_gives(
    starts: list[int], edits: list[Edit]
) -> None:
    """Cells of all equality cases, mixed and edited at random."""
    cells = [cell for start in starts for cell in CASES[start].cells]
    notebook = replace(
        CASES[starts[0]], cells=tuple(_numbered(n, c) for n, c in enumerate(cells)), diagnostics=()
    )
    session = Session()
    assert shown(session.build(notebook)) == shown(build_pipeline(notebook))
    before = notebook
    for edit in edits:
        before, notebook = notebook, edited(before, notebook, edit)
        assert shown(session.build(notebook)) == shown(build_pipeline(notebook))


_LINE = st.integers(0, len(DENSE) * len(NAMES) ** 3 - 1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=st.lists(_LINE, min_size=2, max_size=14),
    edits=st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(("put", "insert", "remove", "add")), _LINE),
        min_size=1,
        max_size=6,
    ),
)
@example(lines=[586, 925, 3253, 0, 0, 3253], edits=[(0, "insert", 0)])  # order within sets
def test_session__names_that_share__gives_what_a_new_analysis_gives(
    lines: list[int], edits: list[tuple[int, str, int]]
) -> None:
    """Lists, boxes, functions and frames that hold each other, line by line."""
    session = Session()
    notebook = dense(lines)
    assert shown(session.build(notebook)) == shown(build_pipeline(notebook))
    for edit in edits:
        notebook = dense_edit(notebook, edit)
        assert shown(session.build(notebook)) == shown(build_pipeline(notebook))


def dense_edit(notebook: Notebook, edit: tuple[int, str, int]) -> Notebook:
    """Return the notebook after one line was put, inserted, removed or added to a cell."""
    place, kind, number = edit
    cells = list(notebook.cells)
    index = place % len(cells)
    cell, line = cells[index], dense_line(number)
    if kind == "put":
        cells[index] = replace(cell, source=line)
    elif kind == "insert":
        cells.insert(index, replace(cell, source=line, step=None))
    elif kind == "remove" and len(cells) > 1:
        del cells[index]
    else:
        cells[index] = replace(cell, source=f"{cell.source}\n{line}")
    return replace(notebook, cells=tuple(_numbered(n, c) for n, c in enumerate(cells)))


SCRIPTS = {
    "hidden state goes": (
        ("import os\nos.environ['A'] = '1'", "x = 1", "print(x)"),
        ("import os", "x = 1", "print(x)"),
        ("import os", "x = 2", "print(x)"),
    ),
    "a name comes and goes between its versions": (
        ("x = [1]", "y = 2", "x.append(y)", "print(x)"),
        ("x = [1]", "x = y = [2]", "x.append(y)", "print(x)"),
        ("x = [1]", "y = 2", "x.append(y)", "print(x)"),
    ),
    "a file is written no more": (
        ("open('f', 'w').write('1')", "x = 1", "print(open('f').read())"),
        ("open('f').read()", "x = 1", "print(open('f').read())"),
        ("open('f', 'w').write('1')", "x = 1", "print(open('f').read())"),
    ),
    "a method of another class gets the name of an attribute": (
        ("class A:\n    def __init__(self):\n        self.v = [1]\na = A()", "y = a.v", "z = 1"),
        (
            "class A:\n    def __init__(self):\n        self.v = [1]\na = A()",
            "y = a.v",
            "class B:\n    def v(self):\n        return 1",
        ),
    ),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_session__edits_one_by_one__gives_what_a_new_analysis_gives(
    script: tuple[tuple[str, ...], ...],
) -> None:
    """Each cell is a step of its own."""
    session = Session()
    for sources in script:
        cells = [
            replace(POOL[0], source=source, role=CellRole.STEP, step=StepName(f"s{number}"))
            for number, source in enumerate(sources)
        ]
        notebook = replace(
            CASES[0], cells=tuple(_numbered(n, c) for n, c in enumerate(cells)), diagnostics=()
        )
        assert shown(session.build(notebook)) == shown(build_pipeline(notebook))
