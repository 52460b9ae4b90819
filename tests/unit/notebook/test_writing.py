"""Writing notebooks: outputs in their places, files whole or untouched."""

import json
from pathlib import Path

import kit
import nbformat
import pytest

from kernelpipe.errors import NotebookReadError, UsageError
from kernelpipe.notebook import assemble, parse_notebook, write_notebook

OUTPUT = {"output_type": "stream", "name": "stdout", "text": "hi\n"}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_assemble__some_cells_ran__only_these_have_outputs(tmp_path: Path) -> None:
    """Cells that did not run lose the outputs that the source file had for them."""
    old = kit.code("y = 1") | {"outputs": [OUTPUT], "execution_count": 9}
    path = kit.write(tmp_path / "n.ipynb", kit.markdown("# Title"), kit.code("x = 1"), old)

    content = assemble(path, {1: {"outputs": [OUTPUT], "execution_count": 3}})

    nbformat.validate(content)
    assert [cell.get("outputs") for cell in content["cells"]] == [None, [OUTPUT], []]
    assert [cell.get("execution_count") for cell in content["cells"]] == [None, 3, None]


def test_assemble__bare_notebook__is_a_valid_one(tmp_path: Path) -> None:
    """What an old or careless tool left out is filled in: the result is a notebook of 4.5."""
    path = tmp_path / "bare.ipynb"
    cells = [{"cell_type": "code", "source": ["x = 1\n", "y"]}, {"cell_type": "raw", "source": ""}]
    path.write_bytes(kit.encode({"nbformat": 4, "nbformat_minor": 2, "cells": cells}))

    content = assemble(path, {})

    nbformat.validate(content)
    assert (content["nbformat_minor"], content["metadata"]) == (5, {})
    assert [cell["id"] for cell in content["cells"]] == ["cell-0", "cell-1"]


def test_assemble__format_3__keeps_the_places_of_cells(tmp_path: Path) -> None:
    """An upgraded notebook has each cell where it was."""
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Title", "metadata": {}},
        {"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [],
         "metadata": {}, "collapsed": False},
    ]  # fmt: skip
    path = tmp_path / "old.ipynb"
    sheets = [{"cells": cells, "metadata": {}}]
    path.write_bytes(
        kit.encode({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets})
    )

    content = assemble(path, {1: {"outputs": [OUTPUT], "execution_count": 1}})

    nbformat.validate(content)
    assert [cell["source"] for cell in content["cells"]] == ["# Title", "x = 1"]
    assert content["cells"][1]["outputs"] == [OUTPUT]


def test_assemble__no_file__is_a_read_error(tmp_path: Path) -> None:
    """Nothing is made up."""
    with pytest.raises(NotebookReadError, match="no such file"):
        assemble(tmp_path / "gone.ipynb", {})


def test_write_notebook__new_file__reads_back(tmp_path: Path) -> None:
    """The file is UTF-8 as Jupyter writes it, and nothing is left beside it."""
    path = tmp_path / "n.ipynb"
    content = kit.notebook(kit.code("x = 'é😀'", "step:a"))

    write_notebook(content, path)

    assert kit.read(path) == content
    assert "'é😀'" in path.read_text(encoding="utf-8")
    assert _names(tmp_path) == ["n.ipynb"]


def test_write_notebook__half_a_character__is_written_as_an_escape(tmp_path: Path) -> None:
    """Text cells may hold what UTF-8 cannot; the file stays readable."""
    path = tmp_path / "n.ipynb"

    write_notebook(kit.notebook(kit.markdown("\ud800")), path)

    assert json.loads(path.read_bytes())["cells"][0]["source"] == "\ud800"


def test_write_notebook__link_and_permissions__stay(tmp_path: Path) -> None:
    """A file keeps its permissions, and a link still leads to it."""
    path = kit.write(tmp_path / "real.ipynb", kit.code("x"))
    path.chmod(0o640)
    link = tmp_path / "link.ipynb"
    link.symlink_to(path)

    write_notebook(kit.notebook(kit.code("y", "step:a")), link)

    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert parse_notebook(path.read_bytes(), path="n").cells[0].source == "y"


@pytest.mark.parametrize("name", ["gone/n.ipynb", "folder", "file.txt/n.ipynb"])
def test_write_notebook__impossible_place__is_a_usage_error(tmp_path: Path, name: str) -> None:
    """The message names the path; nothing is left behind."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()

    with pytest.raises(UsageError, match=r"cannot write .*: .*\n  hint: choose a folder"):
        write_notebook(kit.notebook(), tmp_path / name)

    assert _names(tmp_path) == ["file.txt", "folder"]


def test_write_notebook__no_json__leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """What cannot be written changes nothing."""
    path = kit.write(tmp_path / "n.ipynb", kit.code("x"))
    before = path.read_bytes()

    with pytest.raises(TypeError, match="set"):
        write_notebook({"cells": {1}}, path)

    assert path.read_bytes() == before
