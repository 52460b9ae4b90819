"""Tests of what ``kernelpipe run`` and ``runs`` print, with runs made up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.api import find_runs
from kernelpipe.backends import local
from kernelpipe.cli import main
from kernelpipe.errors import RunInterruptedError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepError, StepRun

STEP = StepName("a")


def _run(state: RunState, step: StepRun) -> Run:
    return Run(
        id=RunId("r1"),
        pipeline="nb",
        source="nb.ipynb",
        state=state,
        started_at=0.0,
        duration_s=1.0,
        directory="/d",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=(step,),
    )


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook of one step."""
    return kit.write(tmp_path / "nb.ipynb", kit.code("x = 1", "step:a"))


@pytest.fixture
def end_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Return a function that lets every run end as it is told."""

    def end(run: Run) -> None:
        def run_pipeline(*_: Any, reporter: local.Reporter, **__: Any) -> Run:
            reporter.run_finished(run)
            if run.state is RunState.CANCELED:
                raise RunInterruptedError("stopped by SIGINT")
            return run

        monkeypatch.setattr(local, "run_pipeline", run_pipeline)

    return end


def test_run__failed__prints_the_failure_and_exits_5(
    notebook: Path, end_with: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The failure is on stderr, the report on stdout."""
    error = StepError(cell_index=0, line=1, ename="ValueError", evalue="bad")
    end_with(_run(RunState.FAILED, StepRun(name=STEP, state=RunState.FAILED, error=error)))

    assert main(["run", str(notebook)]) == 5

    shown = capsys.readouterr()
    assert "cell 0, line 1: error[KP501]: step 'a' failed: ValueError: bad\n" in shown.err
    assert shown.out.startswith("run r1 FAILED in 1.0 s\n")


def test_run__interrupted__is_reported_and_exits_130(
    notebook: Path, end_with: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What came out so far is in the JSON."""
    end_with(_run(RunState.CANCELED, StepRun(name=STEP, state=RunState.CANCELED)))

    assert main(["run", str(notebook), "--json"]) == 130

    shown = capsys.readouterr()
    assert shown.err == "stopped by SIGINT\n"
    assert json.loads(shown.out)["steps"][0]["state"] == "CANCELED"


def test_run__interrupted_before_it_was_recorded__exits_130(
    notebook: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a run there is only the message."""

    def run_pipeline(*_: Any, **__: Any) -> Run:
        raise RunInterruptedError("stopped early")

    monkeypatch.setattr(local, "run_pipeline", run_pipeline)

    assert main(["run", str(notebook)]) == 130
    assert capsys.readouterr() == ("", "error: stopped early\n")


def test_run__empty_parameters_file__sets_nothing(
    notebook: Path, end_with: Callable[[Run], None], tmp_path: Path
) -> None:
    """A file of comments is a mapping without entries."""
    settings = tmp_path / "p.yaml"
    settings.write_text("# nothing yet\n", encoding="utf-8")
    end_with(_run(RunState.SUCCEEDED, StepRun(name=STEP, state=RunState.SUCCEEDED)))

    assert main(["run", str(notebook), "-f", str(settings)]) == 0


def test_runs__recorded_runs__are_listed_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table names each run; show tells all of one."""
    home = str(tmp_path / "home")
    store = find_runs("nb.ipynb", home=home)
    run = store.create(pipeline="p", source=Path("nb.ipynb"), parameters='{"n": 1}', steps=[STEP])
    error = StepError(cell_index=0, line=2, ename="ValueError", evalue="bad")
    store.record_step(run.id, StepRun(name=STEP, state=RunState.FAILED, error=error))
    store.record_run(run.id, RunState.FAILED, metrics=[Metric(name="m", value=0.5)])

    assert main(["runs", "--home", home]) == 0
    assert f"\n{run.id}  FAILED  " in capsys.readouterr().out
    assert main(["runs", "list", "--home", home, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert listed["run_id"] == run.id
    assert "steps" not in listed
    assert main(["runs", "show", "--home", home]) == 0
    shown = capsys.readouterr().out
    assert "\n  n  1\n" in shown
    assert "cell 0, line 2: error[KP501]: step 'a' failed: ValueError: bad" in shown
    assert main(["runs", "show", run.id, "--home", home, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metrics"] == {"m": 0.5}
    assert document["steps"][0]["error"] == {
        "cell": 0,
        "line": 2,
        "ename": "ValueError",
        "evalue": "bad",
    }
