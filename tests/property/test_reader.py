"""Whatever a file holds, reading it gives a notebook or a clear refusal."""

import copy
import json
from typing import Any

import kit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernelpipe.errors import NotebookReadError
from kernelpipe.model.diagnostic import Severity
from kernelpipe.notebook import parse_notebook, transform

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["step:a", "step:", "prev:x", "cpu:1", "skip", "code", "python", "%ls", "R"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["tags", "source", "name", "cells", "id", "kernelspec", "version", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)

BASE_4 = kit.notebook(
    kit.code("x = 1\n!ls", "step:a", "cpu:1", "prev:b"),
    kit.markdown("text"),
    kit.code("y = x", "parameters"),
    metadata=kit.kale_2(steps_defaults=["retry:1"])
    | {"kernelpipe": {"version": 1, "name": "n", "step_defaults": ["cache:on"]}},
)
BASE_3 = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 1, "source": ["T"], "metadata": {}},
                {"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [],
                 "collapsed": False, "metadata": {}},
            ],
        }
    ],
}  # fmt: skip
FRAGMENTS = [
    "{m} = {n}", "%time {m} = {n}", "!ls \\\n  -l", "%ls \\\n a \\\n b", "{m} = !ls \\\n x", "x?",
    "if True:\n    !ls \\\n    x\n    {m} = {n}", "{m} = '''\n%ls\n'''", "", "# text", "f(\n 1)",
    "  ",
]  # fmt: skip


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to everything inside ``value``."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [p for key, inner in items for p in [(*above, key), *_places(inner, (*above, key))]]


def _replaced(base: Any, place: tuple[Any, ...], value: Any) -> Any:
    content = copy.deepcopy(base)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    return content


def _read(content: bytes) -> None:
    """Read a file and use what comes of it."""
    try:
        notebook = parse_notebook(content, path="n.ipynb")
    except NotebookReadError as error:
        refusal = str(error)
        assert refusal.startswith("n.ipynb: error[KP100]: ")  # one of two outcomes
        return
    for diagnostic in notebook.diagnostics:
        assert diagnostic.severity in Severity
        assert diagnostic.code.startswith("KP1")
        assert str(diagnostic)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        cell.source.encode()
        transform(cell.source)


@given(value=JSON_VALUES)
def test_parse_notebook__any_json__is_read_or_refused(value: object) -> None:
    """JSON that has nothing to do with notebooks is refused, and nothing else happens."""
    _read(json.dumps(value).encode())


@given(place=st.sampled_from(_places(BASE_4)), value=JSON_VALUES)
@settings(max_examples=400)
def test_parse_notebook__one_value_replaced__is_read_or_refused(
    place: tuple[Any, ...], value: object
) -> None:
    """Any part of a notebook may be something else."""
    _read(json.dumps(_replaced(BASE_4, place, value)).encode())


@given(place=st.sampled_from(_places(BASE_3)), value=JSON_VALUES)
def test_parse_notebook__old_format_with_one_value_replaced__is_read_or_refused(
    place: tuple[Any, ...], value: object
) -> None:
    """Nor does nbformat's upgrade break out."""
    _read(json.dumps(_replaced(BASE_3, place, value)).encode())


@given(
    cut=st.integers(0, 3000),
    junk=st.binary(max_size=4),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "latin-1"]),
)
@example(cut=3000, junk=b"", encoding="utf-16")
def test_parse_notebook__damaged_bytes__are_read_or_refused(
    cut: int, junk: bytes, encoding: str
) -> None:
    """Bytes may be lost or written over, in any encoding."""
    content = json.dumps(BASE_4).encode(encoding)

    _read(content[:cut] + junk + content[cut + len(junk) :])
    _read(content[:cut] + junk)


@given(tag=st.text(st.characters(codec="utf-8"), max_size=30) | st.from_regex(
    r"(step|prev|cpu|memory|limit|timeout|env|secret|label|foreach|when|image):.{0,12}",
    fullmatch=True,
))  # fmt: skip
@settings(max_examples=400)
def test_parse_notebook__any_tag__is_read_or_found(tag: str) -> None:
    """A tag with one of our names before its colon either sets something or is an error."""
    content = kit.notebook(kit.code("x", "step:a"), kit.code("y", tag))

    notebook = parse_notebook(kit.encode(content), path="n.ipynb")

    cell = notebook.cells[1]
    says = cell.step or cell.after or cell.settings.names_set()
    if tag.partition(":")[0] in {"cpu", "memory", "limit", "timeout", "label", "when", "image"}:
        assert bool(says) != any(d.severity is Severity.ERROR for d in notebook.diagnostics)


@given(fragments=st.lists(st.sampled_from(FRAGMENTS), max_size=8))
@settings(max_examples=300)
def test_transform__any_mix_of_lines__keeps_the_lines(fragments: list[str]) -> None:
    """Every assignment stands in the line in which it is in the cell."""
    import ast

    lines: list[str] = []
    expected: dict[str, int] = {}
    for number, fragment in enumerate(fragments):
        parts = fragment.format(m=f"m{number}", n=number).split("\n")
        for offset, part in enumerate(parts, start=len(lines) + 1):
            if part.strip().startswith(f"m{number} ="):
                expected[f"m{number}"] = offset
        lines += parts

    text = transform("\n".join(lines))

    if text.error is None:
        found = {
            ast.unparse(node.targets[0]): node.lineno
            for node in ast.walk(ast.parse(text.text))
            if isinstance(node, ast.Assign)
        }
        assert found == expected
