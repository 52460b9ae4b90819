"""The analysis against the truth: cells are executed, and what they read and changed is compared.

The corpus are notebooks like those that people publish, and the examples; the programs are random.
"""

import sys
import tempfile
from pathlib import Path

import kit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline_in_process import ShellServer
from plain_run import JSON, first_difference
from published_kit import Published, example_notebooks, published_notebooks
from tracer.ground_truth import (
    Agreement,
    GroundTruth,
    needed_by_steps,
    run_hiding,
    static_reads,
    taken_by_steps,
    traced,
)

from kernelpipe.analysis import build_pipeline

CORPUS = [*published_notebooks(), *example_notebooks()]
NAMES = ("a", "b", "c", "d")
SETUP = """import copy, functools, itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field
LOG = []
TOTAL = 0
class Box:
    made = 0
    def __init__(self, item):
        self.item = item
    def put(self, n):
        self.item.append(n)
        return self
    @property
    def size(self):
        return len(self.item)
    def __enter__(self):
        return self.item
    def __exit__(self, *_):
        LOG.append(len(self.item))
@dataclass
class Pair:
    left: list
    right: list = field(default_factory=list)
def push(to, n):
    to.append(n)
def note(n):
    global TOTAL
    TOTAL += 1
    LOG.append(n)
def logged(f):
    @functools.wraps(f)
    def inner(*given):
        LOG.append(f.__name__)
        return f(*given)
    return inner
@logged
def grown(values):
    values.append(TOTAL)
    return values
def numbers(start):
    while True:
        yield start
        start += 1
"""
FIRST = """a = [1]
b = [2, 3]
c = a
d = {'k': b}['k']
box = Box(c)
pair = Pair(d)
f = lambda: d
add = functools.partial(push, b)
count = numbers(5)
m = {'x': a, 'n': 1}
"""
STATEMENTS = (
    "{x} = [{n}]",
    "{x} = {y}",
    "{x} = [{y}, {n}]",
    "{x} = {y} + [{n}]",
    "{x}.append({n})",
    "{x} += [{n}]",
    "{x}[0:1] = [{n}]",
    "{x} = list({y})",
    "{x} = [v for v in {y}]",
    "{x}, {y} = {y}, {x}",
    "first, *rest = {x}",
    "if len({x}) % 2:\n    {y} = [{n}]",
    "for v in {x}:\n    if isinstance(v, list):\n        v.append({n})",
    "for v, w in zip([{x}, {y}], (1, 2)):\n    v.append(w)",
    "for i, v in enumerate(({x}, {y})):\n    v.insert(0, i)",
    "for k, v in {{'p': {x}, 'q': {y}}}.items():\n    v.append({n})",
    "for v in itertools.chain([{x}], [{y}]):\n    v.append({n})",
    "try:\n    {x}.append({y}[9])\nexcept IndexError:\n    {x} = [{n}]",
    "push({x}, {n})",
    "push(to={y}, n={n})",
    "list(map(lambda v: push({x}, v), [{n}]))",
    "grown({x})",
    "note({n})",
    "add({n})",
    "add = functools.partial(push, {x})",
    "box = Box({x})",
    "box.put({n}).put({n})",
    "with box as held:\n    held.append({n})",
    "Box.made += 1",
    "{x} = [box.size, Box.made]",
    "{x} = box.item",
    "pair = Pair({x}, {y})",
    "pair.right.append({n})",
    "setattr(pair, 'left', {x})",
    "{x} = pair.left",
    "f = lambda: {x}",
    "{x} = f()",
    "f().append({n})",
    "put = {x}.append\nput({n})",
    "def g():\n    global {x}\n    {x} = [{n}]\ng()",
    "def g(p={x}):\n    p.append({n})\n    return p\n{y} = g()",
    "def h():\n    return {x}\n{y} = [h() for _ in range(2)]",
    "class Local:\n    held = {x}\n    def go(self):\n        self.held.append({n})\nLocal().go()",
    "m['x'].append({n})",
    "m.setdefault('y', {x}).append({n})",
    "m = dict(x={x}, n={n})",
    "{x} = [next(count)]",
    "count = numbers({n})",
    "{x} = [w for w in [{y}] if (last := {n})][0]",
    "del {x}[:]\n{x}.append({n})",
    "{x}.sort(key=str)",
    "{x} = sorted({y}, key=str)",
    "match {x}:\n    case [one, *others]:\n        {y} = others\n    case _:\n        {y} = [{n}]",
    "print({x} is {y}, len(LOG), TOTAL)",
    "%time {x} = {y}[:]",
    "eval('{x}').append({n})",
)
SHOW = "print(a, b, c, d, box.item, pair, f(), m, LOG, TOTAL, Box.made)"

statement = st.builds(
    lambda text, x, y, n: text.format(x=x, y=y, n=n),
    st.sampled_from(STATEMENTS),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.integers(min_value=3, max_value=99),
)
cell = st.lists(statement, min_size=1, max_size=3).map("\n".join)
programs = st.lists(cell, min_size=2, max_size=6)
PROGRAMS_AT_ONCE = 10
HIDDEN_IN = ("course_python_basics", "course_queue_simulation", "handbook_wine_frames", "untidy")
LEAST_RECALL, LEAST_PRECISION, LEAST_RIGHT_VERSIONS, MOST_ARTIFACTS = 0.995, 0.96, 0.985, 1.2
"""What notebooks like published ones reach, all of them together."""


def test_analysis__random_program__misses_no_read_and_no_change(
    shell_server: ShellServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a cell reads is in the analysis, and from no earlier maker than the true one."""
    total = Agreement()
    count = 0

    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(programs, min_size=PROGRAMS_AT_ONCE, max_size=PROGRAMS_AT_ONCE))
    def compare(drawn: list[list[str]]) -> None:
        nonlocal count
        for cells in drawn:
            notebook = kit.notebook(*map(kit.code, [SETUP, FIRST, *cells, SHOW]))
            truth = _traced(notebook, shell_server)
            static = static_reads(notebook)
            found = Agreement()
            for each in (found, total):
                each.add_cells("program", truth, static)
            assert found.missing == []
            assert [(read, said) for _, read, said in found.stale if said < read.maker] == []
            count += 1

    compare()
    _report(f"{count} random programs: {total}", capsys)
    assert count >= 300
    assert total.precision >= 0.8


@pytest.mark.timeout(600)
def test_analysis__notebooks_like_published_ones__agrees_with_what_cells_did(
    shell_server: ShellServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reads, versions and artifacts reach the bounds; no cell is lost, no notebook is refused."""
    total = Agreement()

    for each in CORPUS:
        pipeline = build_pipeline(each.notebook)
        truth = _traced(each.content, shell_server)
        total.add_cells(each.name, truth, static_reads(each.content))
        total.add_steps(truth, pipeline)
        assert (each.name, pipeline.errors()) == (each.name, ())
        assert needed_by_steps(truth, pipeline) <= taken_by_steps(pipeline), each.name

    _report(f"{len(CORPUS)} notebooks: {total}", capsys)
    assert total.lost == 0
    assert total.recall >= LEAST_RECALL, total.missing
    assert total.precision >= LEAST_PRECISION, total.needless
    assert total.versions >= LEAST_RIGHT_VERSIONS, total.stale
    assert total.artifacts <= MOST_ARTIFACTS, str(total)


@pytest.mark.parametrize(
    "published", [each for each in CORPUS if each.name in HIDDEN_IN], ids=lambda each: each.name
)
def test_tracer__all_that_it_did_not_see_is_hidden__notebook_gives_the_same(
    published: Published, shell_server: ShellServer, tmp_path: Path
) -> None:
    """The truth lacks no read: each cell sees only the names that the tracer saw it read."""
    truth = _traced(published.content, shell_server)

    outputs = run_hiding(published.content, truth, shell_server, tmp_path)

    assert first_difference(truth.outputs, outputs) is None


def _report(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Say in the tests' own output how far the two agree."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def _traced(notebook: JSON, server: ShellServer) -> GroundTruth:
    with tempfile.TemporaryDirectory() as directory:
        return traced(notebook, server, Path(directory))
