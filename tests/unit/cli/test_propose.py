"""``kernelpipe propose``."""

import json
from pathlib import Path

import kit
import pytest

from kernelpipe.cli import main


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook without tags."""
    return kit.write(
        tmp_path / "churn.ipynb",
        kit.code("import math"),
        kit.markdown("## Load"),
        kit.code("rows = [math.sqrt(n) for n in range(9)]"),
        kit.code("more = rows + [1]"),
        kit.markdown("## Report"),
        kit.code("print(len(more))"),
        kit.code("print(max(rows))"),
    )


def test_propose__text__shows_steps_and_writes_nothing(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for setup, one per step, and how to go on."""
    before = notebook.read_bytes()

    assert main(["propose", str(notebook)]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"{notebook}: 2 steps for 5 cells",
        "  imports      cell 0",
        '  step:load    cells 2-3  "Load"',
        '  step:report  cells 5-6  "Report"  takes more, rows',
        "nothing is written; --write OUT.ipynb writes the notebook with these tags",
    ]
    assert notebook.read_bytes() == before


def test_propose__write__the_copy_runs_as_proposed(
    notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file has the tags; a second proposal for it is refused."""
    target = tmp_path / "out.ipynb"

    assert main(["propose", str(notebook), "--write", str(target)]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == f"{target}: tagged 3 cells"
    tags = [cell["metadata"].get("tags") for cell in kit.read(target)["cells"]]
    assert tags == [["imports"], None, ["step:load"], None, None, ["step:report"], None]
    assert main(["propose", str(target)]) == 2
    assert "has steps already: cell 2" in capsys.readouterr().err


def test_propose__json__one_document(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the steps and what was written, and nothing else is on standard output."""
    assert main(["propose", str(notebook), "--json", "--steps", "1"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["written"] is None
    assert document["steps"] == [
        {"name": "load", "cells": [2, 3, 5, 6], "heading": "Load", "inputs": []}
    ]


def test_propose__cut_that_is_not_right__says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps that cannot be two are named with the reason."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("lines = (n for n in range(3))"),
        kit.code("print(next(lines))"),
    )

    assert main(["propose", str(path), "--steps", "2"]) == 0

    assert "not cut further: 'report' goes with 'lines': " in capsys.readouterr().out


def test_propose__notebook_with_an_error__tells_it_and_exits_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps are shown all the same: no tag is to blame."""
    path = kit.write(tmp_path / "n.ipynb", kit.code("x = ("), kit.code("y = 1"))

    assert main(["propose", str(path)]) == 3

    shown = capsys.readouterr()
    assert "error[KP201]" in shown.err
    assert "1 step for 2 cells" in shown.out
