"""Whole pipelines, typed out: what ``kernelpipe graph --json`` says of some notebooks.

``pytest --update-golden tests/golden`` writes the expectations anew; read the difference.
"""

import json
from pathlib import Path

import pytest

from kernelpipe import api

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
EXPECTED = Path(__file__).with_name("expected")


@pytest.mark.parametrize("name", ["wine_classification", "diabetes_etl", "untidy"])
def test_graph_document__example__is_as_expected(
    name: str, *, is_updating_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps, ports, edges, parameters and findings of the examples."""
    monkeypatch.chdir(EXAMPLES)
    found = api.graph_document(api.graph(f"{name}.ipynb"))

    expected = EXPECTED / f"{name}.json"
    if is_updating_golden:
        expected.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize("name", ["wine_classification", "diabetes_etl", "untidy"])
def test_compile__twice__gives_the_same_bytes(name: str) -> None:
    """Compiled text is a function of the notebook."""
    path = EXAMPLES / f"{name}.ipynb"

    assert api.compile_notebook(path) == api.compile_notebook(path)
