"""Tests that documents are what the extension's TypeScript says they are."""

from pathlib import Path
from typing import Any

import kit
import pytest
from typescript_types import API, Types

from kernelpipe.api.analysing import analyse_notebook

EXAMPLES = sorted((Path(__file__).parents[3] / "example_notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def types() -> Types:
    """Return the types that the extension declares."""
    return Types.read(API)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_analysis__example__is_an_ianalysis(types: Types, example: Path) -> None:
    """Every field is there, and none that is not declared."""
    document = analyse_notebook(example.read_bytes(), path=str(example), shown=example.name)

    assert types.problems("IAnalysis", document) == []


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([], id="empty"),
        pytest.param([kit.code("x = y", "step:a", "cpu:many", "prev:b")], id="wrong"),
        pytest.param(
            [
                kit.code("n: int | None = None\ns = ['a']\nd = {}\nb = True", "parameters"),
                kit.code("x = n", "step:a", "gpu:1", "env:A:B", "secret:S:K:E", "limit:r/x:2"),
                kit.markdown("text"),
                kit.code("assert x", "test"),
                kit.code("y = 1", "metrics"),
                kit.code("z = 1", "skip"),
            ],
            id="everything",
        ),
    ],
)
def test_analysis__notebook__is_an_ianalysis(types: Types, cells: list[dict[str, Any]]) -> None:
    """Whatever is in the notebook, and whatever is wrong with it."""
    content = kit.encode(kit.notebook(*cells))

    document = analyse_notebook(content, path="/a.ipynb", shown="a.ipynb")

    assert types.problems("IAnalysis", document) == []


def test_analysis__unreadable__is_an_ianalysis(types: Types) -> None:
    """It has no steps, but every field."""
    document = analyse_notebook(b"", path="/a.ipynb", shown="a.ipynb")

    assert types.problems("IAnalysis", document) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"name": None}, "ILane.step", id="renamed"),
        pytest.param({"lane": "0"}, "ILane.lane is no number: '0'", id="another type"),
        pytest.param({"lane": True}, "ILane.lane is no number: True", id="a truth for a number"),
        pytest.param({"lines": [{"from": 0}]}, "ILane.lines[0].to is missing", id="missing"),
        pytest.param({"more": 1}, "ILane.more is not declared", id="more"),
    ],
)
def test_problems__other_document__are_named(
    types: Types, change: dict[str, Any], problem: str
) -> None:
    """The check itself can fail."""
    document: dict[str, Any] = {"step": "a", "lane": 0, "lines": []} | change
    if change == {"name": None}:
        del document["step"]

    assert types.problems("ILane", document)[0].startswith(problem)


def test_problems__unions_and_maps__are_read(types: Types) -> None:
    """The less simple of the types."""
    run = {"can_compile": True, "can_run": False, "reason": None}
    status = {"version": "1", "server": "s", "event_schema": "e", "backends": {"local": run}}

    assert types.problems("IStatus", status) == [
        "IStatus.backends has other keys than ['local', 'kfp']"
    ]
    assert types.problems("State", "SUCCEEDED") == []
    assert types.problems("State", "DONE") != []
