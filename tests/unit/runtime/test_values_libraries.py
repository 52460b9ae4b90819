"""Modules and figures that one process stores and another loads."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from unit.runtime.hop_program import run_step
from unit.runtime.test_values_between_processes import PROGRAM, ROOT, forget_classes, two

from kernelpipe.runtime import libraries

SHOWN = "[p._backend_mod is not None, p.rcParams['backend'].lower(), p.get_fignums()]"
PYPLOT = f"import matplotlib.pyplot as p\nshown = {SHOWN}"

CASES: dict[str, tuple[dict[str, Any], object]] = {
    "module_with_submodules": (
        two("import xml.sax.saxutils", ["xml"], "xml.sax.saxutils.escape('<')"),
        "&lt;",
    ),
    "module_that_is_no_package": (
        two("import bisect as b", ["b"], "b.bisect([1, 3], 2)"),
        1,
    ),
    "figure_not_shown_yet": (
        two("import matplotlib.figure\nf = matplotlib.figure.Figure()", ["f"], "len(f.axes)"),
        0,
    ),
    "figure_closed": (
        two(
            "import matplotlib.pyplot as plt\nf, ax = plt.subplots()\nplt.close(f)",
            ["f", "ax"],
            "[f.axes[0] is ax, *shown]",
            then=PYPLOT,
        ),
        [True, True, "agg", []],
    ),
    "figure_open": (
        two(
            "import matplotlib.pyplot as plt\nf, ax = plt.subplots()",
            ["ax"],
            "[p.gcf() is ax.figure, p.gca() is ax, *shown]",
            then=PYPLOT,
        ),
        [True, True, True, "agg", [1]],
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Return what the second step of each case shows; each step has a process of its own."""
    shown: dict[str, object] = {}
    for name, (case, _) in CASES.items():
        directory = tmp_path_factory.mktemp(name)
        path = directory / "cases.json"
        path.write_text(json.dumps([{"id": name, **case}]))
        for step in "AB":
            subprocess.run(
                [sys.executable, "-W", "error", str(PROGRAM), str(path), step, str(directory)],
                check=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
            )
        shown |= json.loads((directory / "results-B.json").read_text())
    return shown


@pytest.mark.parametrize("name", sorted(CASES))
def test_library_objects__loaded_in_another_process__are_what_they_were(
    name: str, results: dict[str, object]
) -> None:
    """Each case shows in the loading process what it would show in the notebook."""
    assert results[name] == CASES[name][1]


@pytest.mark.parametrize("name", ["module_that_is_no_package", "module_with_submodules"])
def test_library_objects__loaded_in_the_process_that_stored_them__are_what_they_were(
    name: str, tmp_path: Path
) -> None:
    """Nothing depends on which process it is (compared as JSON, which has no tuples)."""
    case = {"id": name, **CASES[name][0]}

    shown: object = None
    for step in "AB":
        forget_classes()
        shown = run_step(case, step, tmp_path)

    assert json.loads(json.dumps(shown)) == CASES[name][1]


class FakeFigure:
    """Stands for a figure: its state is all that it has."""

    axes = 0


class SelfMadeFigure(FakeFigure):
    """Says itself how it is made again."""

    def __reduce_ex__(self, protocol: object) -> tuple[type, tuple[()]]:
        """Return its class."""
        return (FakeFigure, ())


class FakePyplot(types.ModuleType):
    """Stands for pyplot: the first figure loads the backend."""

    def __init__(self, backend: str | None) -> None:
        super().__init__("matplotlib.pyplot")
        self._backend_mod = backend

    def _get_backend_mod(self) -> None:
        self._backend_mod = "loaded"


@pytest.mark.parametrize("backend", [None, "there"])
def test_make_pyplot_figure__backend_not_loaded__is_loaded(
    backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is loaded already stays."""
    pyplot = FakePyplot(backend)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", pyplot)

    made = libraries.make_pyplot_figure(FakeFigure)

    assert type(made) is FakeFigure
    assert pyplot._backend_mod == (backend or "loaded")


@pytest.mark.parametrize(
    ("figure", "backend", "made_by"),
    [
        pytest.param(FakeFigure(), "there", "make_pyplot_figure", id="of pyplot"),
        pytest.param(FakeFigure(), None, "__newobj__", id="made without pyplot"),
        pytest.param(SelfMadeFigure(), "there", "FakeFigure", id="with its own way"),
    ],
)
def test_reduce_figure__with_and_without_pyplot__loads_the_backend_only_with_it(
    figure: FakeFigure, backend: str | None, made_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures are shown as images only where pyplot has been used."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", FakePyplot(backend))

    reduced = libraries.reduce_figure(None, figure)

    assert reduced[0].__name__ == made_by


def test_reduce_module__submodule_that_is_no_attribute__is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the user cannot reach by the package's name is not imported for it."""
    package, hidden = types.ModuleType("kp_package"), types.ModuleType("kp_package.hidden")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "kp_package", package)
    monkeypatch.setitem(sys.modules, "kp_package.hidden", hidden)

    reduced = libraries.reduce_module(types.SimpleNamespace(default=lambda _: None), package)

    assert reduced == (libraries.imported_module, ("kp_package", []))


def test_imported_module__submodule_that_fails__is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that cannot be imported here does not keep the package from being loaded."""
    package = tmp_path / "kp_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.py").write_text("raise OSError('no such library')")
    (package / "good.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("kp_package", "kp_package.good"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.delitem(sys.modules, name)

    made = libraries.imported_module("kp_package", ["kp_package.bad", "kp_package.good"])

    assert made.good.x == 1
    assert not hasattr(made, "bad")
