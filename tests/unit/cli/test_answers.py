"""Answers of ``kernelpipe graph`` that are remembered, and when they are not given again."""

from pathlib import Path

import kit
import pytest

from kernelpipe.cli import answers
from kernelpipe.cli.main import main


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a notebook; what is remembered goes to a place of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return kit.write(tmp_path / "a.ipynb", kit.code("x = 1", "step:a"))


def test_graph__asked_twice__remembers_and_says_the_same(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second answer is the first one."""
    first = main(["graph", str(notebook), "--json"]), capsys.readouterr()

    known = answers.recall(str(notebook), "json")
    second = main(["graph", str(notebook), "--json"]), capsys.readouterr()

    assert known is not None
    assert first == second


def test_graph__notebook_changed__answers_anew(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The notebook's text decides, not its time or size."""
    main(["graph", str(notebook), "--json"])
    capsys.readouterr()
    kit.write(notebook, kit.code("x = 1", "step:b"))

    main(["graph", str(notebook), "--json"])

    assert '"name": "b"' in capsys.readouterr().out


def test_graph__findings__are_remembered_with_the_exit_code(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors are said again, and the exit code stays 3."""
    kit.write(notebook, kit.code("print(y)", "step:a"))

    codes = [main(["graph", str(notebook)]) for _ in range(2)]

    assert codes == [3, 3]
    assert capsys.readouterr().err.count("error[KP203]") == 2


def test_recall__star_import__is_never_remembered(notebook: Path) -> None:
    """Its meaning depends on another file."""
    kit.write(notebook, kit.code("from math import *\nx = pi", "step:a"))

    main(["graph", str(notebook)])

    assert answers.recall(str(notebook), "text") is None


def test_recall__damaged_file__is_no_answer(notebook: Path) -> None:
    """Whatever lies there, the notebook is analysed."""
    main(["graph", str(notebook)])
    for file in (notebook.parent / "cache" / "kernelpipe").iterdir():
        file.write_text("{")

    assert answers.recall(str(notebook), "text") is None


def test_remember__nowhere_to_write__is_no_error(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that cannot be written costs time, nothing else."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")

    assert main(["graph", str(notebook)]) == 0
