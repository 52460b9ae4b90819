"""Tests of what is told about real runs: shown, compared, reported, notified, removed."""

import json
import sys
from pathlib import Path

import kit
import pytest

from kernelpipe.cli import main
from kernelpipe.runs import RunStore

pytestmark = pytest.mark.integration


def _write(folder: Path, *, last: str, **own: object) -> Path:
    """Write the notebook; ``own`` is its metadata under ``kernelpipe``."""
    return kit.write(
        folder / "churn.ipynb",
        kit.code("lr = 0.1", "parameters"),
        kit.code("rows = open('data.csv').read().split()\nprint(rows)", "step:load"),
        kit.code("score = len(rows) * lr", "step:train"),
        kit.code(last, "step:report"),
        kit.code("print(score)", "metrics"),
        metadata={"kernelpipe": {"version": 1, **own}},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which holds a notebook of three steps and its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("1 2 3\n")
    _write(tmp_path, last="print(score)")
    return tmp_path


def test_runs__good_run_then_a_failed_one__tell_what_changed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameter, code and data; the notification says the same; the page has it all."""
    assert main(["run", "churn.ipynb"]) == 0
    told, also = folder / "told.json", folder / "also.json"
    program = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    command = f"command:'{sys.executable}' -c \"{program}\""
    failing = "print(score, rows)\nraise ValueError('<b>no</b>')"
    _write(folder, last=failing, notify=[f"{command} '{also}'"])
    (folder / "data.csv").write_text("1 2 3 4\n")
    words = ["run", "churn.ipynb", "-p", "lr", "0.5", "--notify", f"{command} '{told}'"]
    assert main(words) == 5
    assert "warning" not in capsys.readouterr().err

    assert main(["runs", "diff", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["state"] == {"before": "SUCCEEDED", "after": "FAILED"}
    assert found["parameters"] == [{"name": "lr", "before": 0.1, "after": 0.5}]
    assert [change["name"] for change in found["files"]] == [str(folder / "data.csv")]
    assert [(cell["before"], cell["after"]) for cell in found["cells"]] == [(3, 3)]
    assert [change["after"] for change in found["outputs"]] == [1, 3]
    assert "packages" not in found
    good, failed = found["before"], found["after"]
    assert also.read_bytes() == told.read_bytes()
    message = json.loads(told.read_bytes())
    assert message["run"]["run_id"] == failed
    state, step, changes, *_ = message["text"].split("\n")
    assert state.startswith("churn FAILED in ")
    assert step == "step 'report' failed at cell 3, line 2: ValueError: <b>no</b>"
    assert changes == (
        f"changed since run {good}, the last that succeeded: parameter lr 0.1 -> 0.5;"
        f" cell 3 changed; {folder / 'data.csv'} changed"
    )
    assert main(["report"]) == 0
    page = Path(RunStore(folder / ".kernelpipe").load(failed).directory, "report.html").read_text()
    assert f"Difference from run {good}" in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert '<svg viewBox="0 0 800 ' in page  # the timeline: when steps started is recorded


def test_runs__steps_that_were_found__say_where(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the progress, in show, in logs; figures are those of this run only."""
    assert main(["run", "churn.ipynb"]) == 0
    first = RunStore(folder / ".kernelpipe").load("latest")
    assert f"run {first.id}: 3 steps, 7 cells\nload: started\n" in capsys.readouterr().err

    assert main(["run", "churn.ipynb", "-p", "lr", "0.5"]) == 0

    assert f" ago in run {first.id})\n" in capsys.readouterr().err
    assert main(["runs", "show", "--cells"]) == 0
    shown = capsys.readouterr().out
    assert f"ran in run {first.id}\n" in shown
    assert "  lr  0.5  given\n" in shown
    assert "slowest cells:\n  cell " in shown
    assert main(["runs", "logs"]) == 0
    logs = capsys.readouterr()
    assert "=== train\n" in logs.out
    assert "=== report\n" in logs.out
    assert f"its log: kernelpipe runs logs {first.id} load\n" in logs.err
    assert main(["runs", "logs", first.id, "load"]) == 0
    assert "['1', '2', '3']\n" in capsys.readouterr().out


def test_runs_rm__run_whose_result_is_used__keeps_the_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results belong to the home, not to the run that made them."""
    assert main(["run", "churn.ipynb"]) == 0

    assert main(["runs", "rm", "latest"]) == 0

    assert RunStore(folder / ".kernelpipe").list_runs() == ()
    capsys.readouterr()
    assert main(["run", "churn.ipynb", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [step["cached"] for step in document["steps"]] == [True, True, True]
    assert main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["against"] is None
