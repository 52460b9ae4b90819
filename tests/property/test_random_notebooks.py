"""Random notebooks of lists that share, change and hide in functions, against a plain run.

Each step runs in a namespace of its own, in an order that the edges allow but the notebook does not
suggest; values cross through the real value files.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from percent import pipeline_of

from kernelpipe.model.pipeline import Pipeline, Step
from kernelpipe.runtime.links import Links
from kernelpipe.runtime.values import dump_group, load_group

NAMES = ("a", "b", "c", "d")
SETUP = """import copy
LOG = []
class Box:
    def __init__(self, item):
        self.item = item
    def put(self, n):
        self.item.append(n)
        return self
def push(to, n):
    to.append(n)
def make(n):
    return [n, LOG]
def note(n):
    LOG.append(n)
def fresh(values):
    return [copy.copy(v) if isinstance(v, list) else v for v in values]
"""
FIRST = "# %% step:s0\na = [1]\nb = [2]\nc = a\nd = {'k': b}['k']\nbox = Box(c)\nf = lambda: d\n"
STATEMENTS = (
    "{x} = [{n}]",
    "{x} = {y}",
    "{x} = [{y}, {n}]",
    "{x} = {y} + [{n}]",
    "{x}.append({n})",
    "{x}.append(len({y}))",
    "{x} += [{n}]",
    "{x}[0:1] = [{n}]",
    "{x} = list({y})",
    "{x} = [v for v in {y}]",
    "{x}, {y} = {y}, {x}",
    "if len({x}) % 2:\n    {y} = [{n}]",
    "for v in {x}:\n    if isinstance(v, list):\n        v.append({n})",
    "while len({x}) < 3:\n    {x}.append({n})",
    "try:\n    {x}.append({y}[9])\nexcept IndexError:\n    {x} = [{n}]",
    "push({x}, {n})",
    "list(map(lambda v: push({x}, v), [{n}]))",
    "{x} = make({n})",
    "note({n})",
    "{x} = fresh({y})",
    "{x} = LOG",
    "box = Box({x})",
    "box.put({n})",
    "{x} = box.item",
    "f = lambda: {x}",
    "{x} = f()",
    "f().append({n})",
    "def g():\n    global {x}\n    {x} = [{n}]\ng()",
    "def g(p={x}):\n    p.append({n})\n    return p\n{y} = g()",
    (
        "def outer():\n    held = {x}\n    def inner():\n        held.append({n})\n"
        "        return held\n    return inner\nf = outer()"
    ),
    "m = {{'k': {x}, 'n': {n}}}\nm['k'].append({n})",
    "{x} = [w for w in [{y}] if (a := [{n}])][0]",
    "match {x}:\n    case [first, *rest]:\n        {y} = rest\n    case _:\n        {y} = [{n}]",
    "del {x}[:]\n{x}.append({n})",
    "assert {x} is not None",
    "print({x} is {y})",
)
SHOW = "print(a, b, c, d, box.item, f(), LOG)"

statement = st.builds(
    lambda text, x, y, n: text.format(x=x, y=y, n=n),
    st.sampled_from(STATEMENTS),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.integers(min_value=3, max_value=99),
)
cell = st.tuples(st.lists(statement, min_size=1, max_size=3), st.sampled_from(("", SHOW)))


@st.composite
def notebooks(draw: st.DrawFn) -> str:
    """Draw a notebook in percent format: setup, a first step, then steps of one cell each."""
    parts = [SETUP, FIRST]
    for number, (lines, shown) in enumerate(draw(st.lists(cell, min_size=2, max_size=6)), start=1):
        parts.append("\n".join([f"# %% step:s{number}", *lines, shown]))
    parts.append(f"# %% step:last\n{SHOW}")
    return "\n".join(parts) + "\n"


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks())
def test_pipeline__random_notebook__prints_what_the_notebook_prints(text: str) -> None:
    """Whatever is shared, changed or rebound, each step prints what its cells print plainly."""
    pipeline = pipeline_of(text)

    assert pipeline.errors() == ()
    plain = _run_plainly(pipeline)
    with tempfile.TemporaryDirectory() as directory:
        assert _run_as_pipeline(pipeline, Path(directory)) == plain


def _run_plainly(pipeline: Pipeline) -> dict[str, str]:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for setup in pipeline.steps[0].setup:
        exec(setup.cell.source, namespace)  # noqa: S102 - the notebook under test
    by_place = sorted(pipeline.steps, key=lambda s: s.cells[0].index)
    return {step.name: _printed(step, namespace) for step in by_place}


def _printed(step: Step, namespace: dict[str, object]) -> str:
    output = io.StringIO()
    with redirect_stdout(output):
        for each in step.cells:
            exec(each.source, namespace)  # noqa: S102 - the notebook under test
    return output.getvalue()


def _run_as_pipeline(pipeline: Pipeline, directory: Path) -> dict[str, str]:
    printed: dict[str, str] = {}
    for step in _adverse_order(pipeline):
        namespace: dict[str, object] = {"__name__": "__main__"}
        for setup in step.setup:
            exec(setup.source, namespace)  # noqa: S102 - the notebook under test
        links = Links(namespace)
        links.register(dict(step.shared_definitions))
        for producer in {port.source for port in step.inputs if port.source is not None}:
            names = {port.name for port in step.inputs if port.source == producer}
            for path in sorted(directory.glob(f"{producer}.*")):
                held = set(path.suffix[1:].split("-"))
                load_group(path, sorted(held & names), namespace, links=links)
        printed[step.name] = _printed(step, namespace)
        for group in sorted({port.group for port in step.outputs}):
            names_out = [port.name for port in step.outputs if port.group == group]
            path = directory / f"{step.name}.{'-'.join(names_out)}"
            dump_group(names_out, namespace, path, links=links)
    return printed


def _adverse_order(pipeline: Pipeline) -> Iterator[Step]:
    """Yield the steps so that of those that may run the last in the notebook goes first."""
    waiting = list(pipeline.steps)
    done: set[str] = set()
    while waiting:
        ready = [s for s in waiting if set(s.after) <= done]
        step = max(ready, key=lambda s: s.cells[0].index)
        waiting.remove(step)
        done.add(step.name)
        yield step
