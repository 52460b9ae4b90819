"""Tests of what an editor shows of a notebook."""

import json
import os
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.api.analysing import analyse_notebook
from kernelpipe.backends.kfp.cluster import ClusterSettings, KnownClusters

JSON = dict[str, Any]


def _analyse(*cells: JSON, metadata: JSON | None = None, path: str = "/root/sub/a.ipynb") -> Any:
    content = kit.notebook(*cells, metadata=metadata)
    for cell in content["cells"]:
        cell.pop("outputs", None)
    return analyse_notebook(kit.encode(content), path=path, shown="sub/a.ipynb")


def _marks(analysis: Any, *keys: str) -> list[list[object]]:
    return [[mark[key] for key in keys] for mark in analysis["cells"]]


def test_analyse_notebook__notebook__has_the_shape_of_the_extension() -> None:
    """Everything in the one answer, as ``IAnalysis`` in the extension says it."""
    found = _analyse(
        kit.code("n = 3\nname: str | None = None", "parameters"),
        kit.code("x = n", "step:a", "cpu:2", "mine"),
        kit.code("print(x)", "step:b"),
    )

    assert found == {
        "path": "sub/a.ipynb",
        "name": "a",
        "parameters": [
            {"name": "n", "type": "int", "default": "3", "nullable": False, "cell": 0},
            {"name": "name", "type": "str", "default": "null", "nullable": True, "cell": 0},
        ],
        "steps": [
            {
                "name": "a",
                "cells": [1],
                "after": [],
                "inputs": [{"name": "n", "from": None}],
                "outputs": ["x"],
                "metrics": [],
                "settings": {"cpu": "2"},
            },
            {
                "name": "b",
                "cells": [2],
                "after": ["a"],
                "inputs": [{"name": "x", "from": "a"}],
                "outputs": [],
                "metrics": [],
                "settings": {},
            },
        ],
        "edges": [{"from": "a", "to": "b", "kind": "data", "names": ["x"]}],
        "diagnostics": [],
        "cells": [
            {
                "id": "c0",
                "index": 0,
                "role": "parameters",
                "step": None,
                "is_tagged": True,
                "colour": None,
                "after": [],
                "settings": {},
                "foreign": [],
            },
            {
                "id": "c1",
                "index": 1,
                "role": "step",
                "step": "a",
                "is_tagged": True,
                "colour": 0,
                "after": [],
                "settings": {"cpu": "2"},
                "foreign": ["mine"],
            },
            {
                "id": "c2",
                "index": 2,
                "role": "step",
                "step": "b",
                "is_tagged": True,
                "colour": 1,
                "after": [],
                "settings": {},
                "foreign": [],
            },
        ],
        "lanes": [
            {"step": "a", "lane": 0, "lines": [{"from": 0, "to": 0}]},
            {"step": "b", "lane": 0, "lines": []},
        ],
        "cluster": None,
        "backends": {"local": [], "kfp": []},
    }


def test_analyse_notebook__names_a_cluster__is_told_once_the_user_has_used_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook may come from anybody: its word alone offers nothing."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    host = "http://example.com"
    named = kit.notebook(kit.code("x = 1", "step:a"))
    named["metadata"]["kernelpipe"] = {"version": 1, "cluster": {"host": host}}

    def cluster() -> object:
        content = kit.encode(named)
        return analyse_notebook(content, path="/p/n.ipynb", shown="n.ipynb")["cluster"]

    before = cluster()
    KnownClusters(os.environ).add(ClusterSettings(host=host))

    assert (before, cluster()) == (None, host)


def test_analyse_notebook__cells_of_every_role__are_marked() -> None:
    """Tests and metrics belong to their step; setup, skipped cells and texts to none."""
    found = _analyse(
        kit.code("import json"),
        kit.code("def f(): return 1", "functions"),
        kit.markdown("text"),
        kit.code("a = f()", "step:one"),
        kit.code("b = a"),
        kit.code("assert b", "test"),
        kit.code("1 / 0", "skip"),
        kit.raw("raw"),
        kit.code("score = b", "metrics"),
    )

    assert _marks(found, "index", "role", "step", "is_tagged", "colour") == [
        [0, "imports", None, False, None],
        [1, "functions", None, True, None],
        [2, None, None, False, None],
        [3, "step", "one", True, 0],
        [4, "step", "one", False, 0],
        [5, "test", "one", True, 0],
        [6, "skip", None, True, None],
        [7, None, None, False, None],
        [8, "metrics", "one", True, 0],
    ]


def test_analyse_notebook__step_goes_on_below__has_one_colour() -> None:
    """Colours are the places of steps in the list."""
    found = _analyse(
        kit.code("a = 1", "step:one"), kit.code("b = 2", "step:two"), kit.code("c = a", "step:one")
    )

    assert _marks(found, "step", "colour") == [["one", 0], ["two", 1], ["one", 0]]


def test_analyse_notebook__own_tags__are_told_apart() -> None:
    """What a cell's own tags say, also a text cell's, without what is not ours."""
    found = _analyse(
        kit.code("a = 1", "step:one"),
        kit.code("b = 2", "hide-input", "step:two", "prev:one", "gpu:1", "retry:2"),
        kit.code("c = 3", "step:"),
        kit.markdown("text") | {"metadata": {"tags": ["step:one", "slide", 3]}},
    )

    assert _marks(found, "is_tagged", "after", "settings", "foreign") == [
        [True, [], {}, []],
        [True, ["one"], {"gpu": 1, "retry": 2}, ["hide-input"]],
        [True, [], {}, []],
        [False, [], {}, ["slide"]],
    ]


def test_analyse_notebook__ids_of_the_editor__are_kept() -> None:
    """Ids that the format does not allow, or of old notebooks, are the editor's all the same."""
    found = _analyse(
        kit.code("a = 1", "step:one") | {"id": "odd id!"},
        kit.code("b = nothing", "step:two") | {"id": None},
        kit.code("c = nothing", "step:three") | {"id": "c2"},
    )

    assert _marks(found, "id") == [["odd id!"], [None], ["c2"]]
    assert [(d["code"], d["cell_id"]) for d in found["diagnostics"]] == [
        ("KP203", None),
        ("KP203", "c2"),
    ]


def test_analyse_notebook__finding__leads_to_cell_and_line() -> None:
    """Zero-based cell and column, one-based line, and the path that users know."""
    found = _analyse(kit.code("a = 1", "step:one"), kit.code("\nb = nothing", "step:two"))

    (diagnostic,) = found["diagnostics"]
    assert {key: diagnostic[key] for key in ("path", "cell", "cell_id", "line", "column")} == {
        "path": "sub/a.ipynb",
        "cell": 1,
        "cell_id": "c1",
        "line": 2,
        "column": 4,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"{", "the file is not JSON", id="no JSON"),
        pytest.param(kit.encode({"cells": []}), "'nbformat' is null", id="no format"),
        pytest.param(
            kit.encode(kit.notebook(metadata={"kernelspec": {"name": "ir"}, "language_info": {}})),
            "the notebook's language is 'ir'",
            id="another language",
        ),
    ],
)
def test_analyse_notebook__unreadable__is_a_finding(content: bytes, message: str) -> None:
    """What cannot be read has no steps, and says why."""
    found: Any = analyse_notebook(content, path="/root/a.ipynb", shown="a.ipynb")

    (diagnostic,) = found.pop("diagnostics")
    assert diagnostic["code"] == "KP100"
    assert message in diagnostic["message"]
    assert diagnostic["path"] == "a.ipynb"
    assert diagnostic["cell_id"] is None
    assert found == {
        "path": "a.ipynb",
        "name": "a",
        "parameters": [],
        "steps": [],
        "edges": [],
        "cells": [],
        "lanes": [],
        "cluster": None,
        "backends": {"local": [], "kfp": []},
    }


def test_analyse_notebook__backends__say_what_only_they_do_not_do() -> None:
    """What one backend ignores is said under its name."""
    found = _analyse(kit.code("a = 1", "step:one", "gpu:1", "checkpoint:on"))

    backends = {
        name: [(d["code"], d["cell_id"], d["message"]) for d in said]
        for name, said in found["backends"].items()
    }
    assert found["diagnostics"] == []
    assert [(code, cell) for code, cell, _ in backends["local"]] == [("KP401", "c0")]
    assert "'gpu'" in backends["local"][0][2]
    assert [(code, cell) for code, cell, _ in backends["kfp"]] == [("KP401", "c0")]
    assert "'checkpoint'" in backends["kfp"][0][2]


def test_analyse_notebook__errors__keep_kubeflow_silent() -> None:
    """What cannot be compiled is not judged."""
    found = _analyse(kit.code("a = nothing", "step:one", "checkpoint:on"))

    assert [d["code"] for d in found["diagnostics"]] == ["KP203"]
    assert found["backends"]["kfp"] == []


def test_analyse_notebook__error_in_a_test__does_not_concern_kubeflow() -> None:
    """Tests take no part there."""
    found = _analyse(
        kit.code("a = 1", "step:one", "checkpoint:on"), kit.code("assert nothing", "test")
    )

    assert [d["code"] for d in found["diagnostics"]] == ["KP203"]
    assert [d["code"] for d in found["backends"]["kfp"]] == ["KP401"]


def test_analyse_notebook__star_import__follows_the_module_as_it_is_now(tmp_path: Path) -> None:
    """A server lives longer than a module stays as it is."""
    module = tmp_path / "mine.py"
    cells = [kit.code("from mine import *"), kit.code("print(one, two)", "step:a")]
    path = str(tmp_path / "a.ipynb")
    module.write_text("one = 1\n")
    before = _analyse(*cells, path=path)

    module.write_text("one = 1\ntwo = 2\n")
    after = _analyse(*cells, path=path)

    assert [d["code"] for d in before["diagnostics"]] == ["KP203"]
    assert [d["code"] for d in after["diagnostics"]] == []


def test_analyse_notebook__document__is_json() -> None:
    """Workers send it as text."""
    found = _analyse(kit.code("n = float('nan')\nm = 1e999", "parameters"))

    assert json.loads(json.dumps(found)) is not None


@pytest.mark.parametrize(
    ("value", "default"),
    [
        pytest.param("1152921504606846977", "1152921504606846977", id="more-digits-than-a-double"),
        pytest.param("1.0", "1.0", id="a-float-that-is-whole"),
        pytest.param("[0.5, 1.0, 1]", "[0.5, 1.0, 1]", id="floats-beside-ints"),
        pytest.param("'é'", '"é"', id="text"),
        pytest.param(
            "[1000000000.5, 2000000000.5, 3.0]",
            "[\n  1000000000.5,\n  2000000000.5,\n  3.0\n]",
            id="on-several-lines",
        ),
    ],
)
def test_analyse_notebook__default_of_a_parameter__keeps_type_and_digits(
    value: str, default: str
) -> None:
    """A browser's numbers have neither all digits nor ``1.0``: defaults are JSON in texts."""
    found = _analyse(kit.code(f"p = {value}", "parameters"), kit.code("print(p)", "step:a"))

    assert [each["default"] for each in found["parameters"]] == [default]
