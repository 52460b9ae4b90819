"""Whole pipelines, typed out: what ``kernelpipe graph --json`` says of some notebooks.

Of those that have control flow also the graph of tasks in the YAML.
``pytest --update-golden tests/golden`` writes the expectations anew; read the difference.
"""

import json
from pathlib import Path
from typing import Any

import kit
import pytest
import yaml

from kernelpipe import api

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
EXPECTED = Path(__file__).with_name("expected")
NAMES = ["biopsy_release", "wine_classification", "diabetes_etl", "untidy"]
GATED = (
    kit.code("lr = 0.85\nleast = 0.9\nmode = 'full'", "parameters"),
    kit.code("accuracy = lr", "step:fit"),
    kit.code("accuracy", "metrics"),
    kit.code("best = accuracy", "step:publish", "when:accuracy > least"),
    kit.code("shift = 2", "step:full", "when:mode == 'full'"),
    kit.code("print(best, shift)", "step:tell"),
)
"""A gate over a metric, one over a parameter, and a step after both."""
ON_EXIT = (
    kit.code("where = 'a'", "parameters"),
    kit.code("x = 1", "step:make"),
    kit.code("print(x)", "step:show", "retry:2"),
    kit.code("print(where)", "step:tell", "on-exit"),
)
"""A step that runs at the end, after a step with retries."""


@pytest.mark.parametrize("name", NAMES)
def test_graph_document__example__is_as_expected(
    name: str, *, is_updating_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps, ports, edges, parameters and findings of the examples."""
    monkeypatch.chdir(EXAMPLES)
    found = api.graph_document(api.graph(f"{name}.ipynb"))

    check(found, EXPECTED / f"{name}.json", is_updating_golden=is_updating_golden)


@pytest.mark.parametrize(
    ("name", "cells"),
    [pytest.param("gated", GATED, id="gated"), pytest.param("on_exit", ON_EXIT, id="on-exit")],
)
def test_control_flow__pipeline_and_ir__are_as_expected(
    name: str,
    cells: tuple[kit.JSON, ...],
    tmp_path: Path,
    *,
    is_updating_golden: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Gates, their conditions and the handler, as Kubeflow is told of them."""
    kit.write(tmp_path / f"{name}.ipynb", *cells)
    monkeypatch.chdir(tmp_path)

    document = api.graph_document(api.graph(f"{name}.ipynb"))
    outline = ir_outline(f"{name}.ipynb")

    check(document, EXPECTED / f"{name}.json", is_updating_golden=is_updating_golden)
    check(outline, EXPECTED / f"{name}.ir.json", is_updating_golden=is_updating_golden)


def test_ir__example_with_control_flow__is_as_expected(
    *, is_updating_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate, what comes after it, retries and an on-exit step in one pipeline."""
    monkeypatch.chdir(EXAMPLES)
    found = ir_outline("biopsy_release.ipynb")

    check(found, EXPECTED / "biopsy_release.ir.json", is_updating_golden=is_updating_golden)


def ir_outline(path: str) -> dict[str, Any]:
    """Return the IR of a notebook without its programs, which change with every part of ours."""
    spec, *_ = yaml.safe_load_all(api.compile_notebook(path))
    return {
        "root": spec["root"],
        "dags": {
            name: component["dag"]
            for name, component in spec["components"].items()
            if "dag" in component
        },
    }


def check(found: object, expected: Path, *, is_updating_golden: bool) -> None:
    """Compare with the expected document, or make it the expected one."""
    if is_updating_golden:
        expected.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_compile__twice__gives_the_same_bytes(name: str) -> None:
    """Compiled text is a function of the notebook."""
    path = EXAMPLES / f"{name}.ipynb"

    assert api.compile_notebook(path) == api.compile_notebook(path)
