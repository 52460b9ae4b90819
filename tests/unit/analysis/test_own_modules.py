"""Modules beside the notebook: what functions of theirs change is seen, and edits of them are."""

from pathlib import Path

import kit

from kernelpipe.analysis import Session, build_pipeline
from kernelpipe.model.notebook import Notebook
from kernelpipe.notebook import parse_notebook

PURE = "def add(rows, x):\n    return [*rows, x]\n"
COUNTING = "ROWS = []\ndef add(rows, x):\n    ROWS.append(x)\n    return [*rows, x]\n"


def using(folder: Path) -> Notebook:
    """Return a notebook in ``folder`` whose steps b and c call a function of ``tools``."""
    cells = (
        kit.code("from lib import tools", "imports"),
        kit.code("rows = tools.add([], 1)", "step:b"),
        kit.code("print(tools.add(rows, 2))", "step:c"),
    )
    return parse_notebook(kit.encode(kit.notebook(*cells)), path=str(folder / "n.ipynb"))


def write(folder: Path, text: str) -> None:
    """Write the module ``lib.tools`` into ``folder``, and one that it imports names from."""
    (folder / "lib").mkdir(exist_ok=True)
    (folder / "lib" / "tools.py").write_text("from .inner import add\n")
    (folder / "lib" / "inner.py").write_text(text)


def test_build_pipeline__module_with_state__is_refused(tmp_path: Path) -> None:
    """The finding names the module that has the state, and where it is changed and used."""
    write(tmp_path, COUNTING)

    (error,) = build_pipeline(using(tmp_path)).errors()

    assert error.code == "KP212"
    assert error.message == (
        "step 'b' changes 'ROWS' of the module 'lib.inner', which step 'c' would not see: "
        "each step imports it anew"
    )
    assert (error.location.cell_index, error.location.line) == (1, 1)
    assert [place.cell_index for place, _ in error.related] == [2]


def test_build_pipeline__module_without_state__is_fine(tmp_path: Path) -> None:
    """Functions that only return a value leave nothing in their module."""
    write(tmp_path, PURE)

    assert build_pipeline(using(tmp_path)).errors() == ()


def test_build_pipeline__module_that_is_no_python__is_taken_for_unknown(tmp_path: Path) -> None:
    """A module that cannot be read says nothing."""
    write(tmp_path, "def add(:\n")

    assert build_pipeline(using(tmp_path)).errors() == ()


def test_session__module_is_edited__sees_it(tmp_path: Path) -> None:
    """A session gives what a new analysis gives when the file of a module has changed."""
    write(tmp_path, PURE)
    session, notebook = Session(), using(tmp_path)
    before = session.build(notebook)

    write(tmp_path, COUNTING)
    after = session.build(notebook)

    assert before.errors() == ()
    assert after == build_pipeline(notebook)
    assert [error.code for error in after.errors()] == ["KP212"]
