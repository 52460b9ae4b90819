"""The notebook that executes a step."""

import math
from typing import Any

import nbformat
import pytest

from kernelpipe.runtime.notebook import (
    build_step_notebook,
    given_values,
    is_equal_json,
    python_text,
)


def parameter(name: str, default: object, kind: str = "any", **more: object) -> dict[str, object]:
    """Return a parameter's entry of a task document, defined by cell 1."""
    return {"name": name, "type": kind, "default": default, "nullable": False, "cell": 1, **more}


def document(**parts: object) -> dict[str, Any]:
    """Return a task document with a parameters cell, one step cell and a test cell."""
    return {
        "version": 1,
        "pipeline": "churn",
        "step": "train",
        "setup": [
            {"index": 0, "id": "c0", "role": "imports", "source": "import json"},
            {"index": 1, "id": "c1", "role": "parameters", "source": "lr = 0.1\ntotal = lr * 2"},
        ],
        "cells": [{"index": 5, "id": "c5", "role": "metrics", "source": "acc = total"}],
        "tests": [{"index": 6, "id": "c6", "role": "test", "source": "assert acc"}],
        "parameters": [parameter("lr", 0.1, "float")],
        "derivations": {},
        "inputs": [],
        "outputs": [],
        "metrics": ["acc"],
        "removed": [],
        "shared": {},
        **parts,
    }


def build(task: dict[str, Any], **given: object) -> list[dict[str, Any]]:
    """Return the cells of the step notebook."""
    notebook = build_step_notebook(
        task, {"parameters": given}, step_directory="/run/it's", runtime_directory="/run/rt"
    )
    nbformat.validate(notebook)
    cells: list[dict[str, Any]] = notebook["cells"]
    return cells


def sources(cells: list[dict[str, Any]], role: str) -> list[str]:
    """Return the sources of the cells with a role."""
    return [c["source"] for c in cells if c["metadata"]["kernelpipe"]["role"] == role]


def test_build_step_notebook__no_values_given__has_the_cells_in_order() -> None:
    """Setup stands before loading, tests after saving; every cell says what it is."""
    cells = build(document())

    assert [cell["metadata"]["kernelpipe"] for cell in cells] == [
        {"role": "begin"},
        {"cell": 0, "role": "imports"},
        {"cell": 1, "role": "parameters"},
        {"role": "load"},
        {"cell": 5, "role": "metrics"},
        {"role": "save"},
        {"cell": 6, "role": "test"},
    ]
    assert cells[2]["metadata"]["tags"] == ["parameters"]
    assert cells[0]["metadata"]["jupyter"] == {"source_hidden": True}


def test_build_step_notebook__recorded_step_with_tests__ends_with_a_cell_of_ours() -> None:
    """What the tests touch is known after them only."""
    notebook = build_step_notebook(
        document(), {"record": True}, step_directory="/run", runtime_directory="/run/rt"
    )
    plain = build_step_notebook(
        document(tests=[]), {"record": True}, step_directory="/run", runtime_directory="/run/rt"
    )

    assert sources(notebook["cells"][-1:], "end") == [
        '__import__("kernelpipe_runtime.step", fromlist=["end"]).end()'
    ]
    assert sources(plain["cells"], "end") == []


def test_build_step_notebook__our_cells__bind_no_names() -> None:
    """They are expressions, with paths quoted."""
    places = "\"/run/it's\", '/run/rt'"

    cells = build(document())

    begin = sources(cells, "begin")[0].splitlines()
    assert begin == [
        "__import__(\"sys\").path.insert(0, '/run/rt')",
        f'__import__("kernelpipe_runtime.step", fromlist=["begin"]).begin({places})',
    ]
    assert sources(cells, "load") == [
        '__import__("kernelpipe_runtime.step", fromlist=["load"]).load()'
    ]


def test_build_step_notebook__value_given__is_injected_after_the_parameters_cell() -> None:
    """The injected cell looks as papermill's."""
    cells = build(document(), lr=0.5)

    injected = cells[3]
    assert injected["source"] == "# Parameters\nlr = 0.5\n"
    assert injected["metadata"]["tags"] == ["injected-parameters"]
    assert cells[4]["metadata"]["kernelpipe"] == {"role": "load"}


def test_build_step_notebook__cell_that_may_raise__has_jupyters_tag() -> None:
    """A notebook that goes on after an error of a cell goes on here."""
    cell = {"index": 5, "id": "c5", "role": "step", "source": "1 / 0", "may_raise": True}

    cells = build(document(cells=[cell]))

    assert cells[4]["metadata"]["tags"] == ["raises-exception"]


def test_build_step_notebook__value_equal_to_the_default__is_not_injected() -> None:
    """The cell runs as it is."""
    assert sources(build(document(), lr=0.1), "injected") == []


def test_build_step_notebook__value_of_another_steps_parameter__is_left_out() -> None:
    """Only parameters of the document are injected."""
    assert sources(build(document(), other=1), "injected") == []


def test_build_step_notebook__derived_values__are_computed_again_if_they_depend_on_it() -> None:
    """Transitively, in order, and nothing else."""
    derivations = [
        {"source": "total = lr * 2", "reads": ["lr"], "binds": ["total"]},
        {"source": "print('hi')", "reads": ["print"], "binds": []},
        {"source": "half = total / 2", "reads": ["total"], "binds": ["half"]},
    ]

    cells = build(document(derivations={"1": derivations}), lr=0.5)

    assert sources(cells, "derived") == ["total = lr * 2\nhalf = total / 2"]


def test_build_step_notebook__derivation_that_changes_a_default__starts_from_it_again() -> None:
    """A parameter that is not given is reset, one that is given is not."""
    derivation = {
        "source": "items.append(lr); extra.append(lr)",
        "reads": ["lr", "items", "extra"],
        "binds": ["items", "extra"],
        "resets": {"items": "[1]", "extra": "[]"},
    }
    parameters = [parameter("lr", 0.1), parameter("items", [1]), parameter("extra", [])]
    task = document(derivations={"1": [derivation]}, parameters=parameters)

    cells = build(task, lr=2, extra=[7])

    assert sources(cells, "injected") == ["# Parameters\nlr = 2\nextra = [7]\n"]
    assert sources(cells, "derived") == ["items = [1]\nitems.append(lr); extra.append(lr)"]


def test_given_values__integer_for_a_float__becomes_a_float() -> None:
    """The type of the default stays."""
    chosen = given_values([parameter("lr", 0.1, "float")], {"lr": 2})

    assert [(name, type(value)) for name, value in chosen.items()] == [("lr", float)]


def test_given_values__list_for_a_tuple__becomes_a_tuple() -> None:
    """JSON has no tuples, so the compiler notes them."""
    chosen = given_values([parameter("size", [1, 2], "list", tuple=True)], {"size": [3, 4]})

    assert chosen == {"size": (3, 4)}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(1, 1.0, True, id="int_and_float"),
        pytest.param(1, True, False, id="int_and_bool"),
        pytest.param(False, False, True, id="bools"),
        pytest.param([1, [2]], [1.0, [2.0]], True, id="nested"),
        pytest.param([1], [1, 2], False, id="longer"),
        pytest.param([1], [True], False, id="nested_bool"),
        pytest.param({"a": 1}, {"a": 1.0}, True, id="dicts"),
        pytest.param({"a": 1}, {"b": 1}, False, id="keys"),
        pytest.param("1", 1, False, id="text"),
        pytest.param(None, None, True, id="none"),
        pytest.param(None, 0, False, id="none_and_zero"),
    ],
)
def test_is_equal_json__two_values__compares_as_json_does(
    left: object, right: object, *, expected: bool
) -> None:
    """Numbers are equal by value, booleans are no numbers."""
    assert is_equal_json(left, right) is expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        -(10**30),
        0.1,
        1e300,
        -0.0,
        True,
        None,
        'it\'s "quoted"\n\ttab \\ back \x00 ü 💡 \ud800',
        [],
        [1, [2.5, None], {"a": [True]}],
        (1,),
        (1, "b"),
        (),
        {"k'": {"n": float("inf")}},
        float("-inf"),
    ],
)
def test_python_text__any_value__evaluates_to_itself(value: object) -> None:
    """The text is exact."""
    again = eval(python_text(value))  # noqa: S307 - text of our own

    assert again == value
    assert repr(again) == repr(value)


def test_python_text__nan__is_nan() -> None:
    """NaN has no literal."""
    assert python_text([math.nan]) == "[float('nan')]"
