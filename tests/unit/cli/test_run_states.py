"""Tests of what ``kernelpipe run`` and ``runs`` print, with runs made up."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit as rk

from kernelpipe.api import find_runs
from kernelpipe.backends import local
from kernelpipe.cli import main
from kernelpipe.errors import RunInterruptedError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepError, StepRun
from kernelpipe.runs import RunStore

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
    store.record_steps(run.id, [StepRun(name=STEP, state=RunState.FAILED, error=error)])
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


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with five runs of two notebooks, the last of them still RUNNING."""
    home = tmp_path / "home"
    cell = kit.code("x = 1\nprint(x)", "step:a")
    steps = [rk.step("a", duration_s=1.0)]
    rk.record(home, cell, steps=steps, parameters={"n": 1}, metrics={"m": 1.0})
    rk.record(home, cell, steps=steps, at=rk.NOON + 1, notebook="other.ipynb", state="FAILED")
    rk.record(home, cell, steps=steps, at=rk.NOON + 2, facts=rk.FACTS | {"batch": "b1"})
    rk.record(
        home,
        cell,
        steps=[rk.step("a", is_cached=True, facts={"made_in": "r0"}), rk.step("b", "FAILED")],
        parameters={"n": 2},
        metrics={"m": 2.0},
        state="FAILED",
        at=rk.NOON + 3,
    )
    rk.record(home, cell, steps=[rk.step("a", "RUNNING")], at=rk.NOON + 4, state="RUNNING")
    return home


def _listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    assert main(["runs", "list", *words, "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    return [(run["pipeline"], run["state"]) for run in runs]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        pytest.param(["--limit", "2"], [("churn", "RUNNING"), ("churn", "FAILED")], id="limit"),
        pytest.param(["--state", "FAILED"], [("churn", "FAILED"), ("other", "FAILED")], id="state"),
        pytest.param(["--batch", "b1"], [("churn", "SUCCEEDED")], id="batch"),
        pytest.param(["--batch", "b2"], [], id="no-such-batch"),
    ],
)
def test_runs_list__filters__choose(
    words: list[str],
    runs: list[tuple[str, str]],
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The newest runs come first."""
    assert _listed(capsys, "--home", str(home), *words) == runs


def test_runs_list__notebook__is_found_wherever_it_is_named_from(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --home, runs are looked for beside the notebook."""
    words = ["--home", str(home), "--notebook"]
    monkeypatch.chdir(home.parent)
    assert _listed(capsys, *words, "other.ipynb") == [("other", "FAILED")]
    home.rename(home.parent / ".kernelpipe")
    monkeypatch.chdir("/")

    assert _listed(capsys, "--notebook", str(home.parent / "other.ipynb")) == [("other", "FAILED")]


def test_runs_list__no_such_runs__says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would look like a mistake."""
    assert main(["runs", "--home", str(home), "--batch", "b2"]) == 0

    assert capsys.readouterr().err == f"there are no such runs in {home}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ["lst"], "'lst' is not one of list, show, diff, logs, stop, rm; did you", id="action"
        ),
        pytest.param(["list", "r1"], "'runs list' takes no run, got 'r1'", id="list-run"),
        pytest.param(["show", "latest", "x"], "'x' is one word too many", id="words"),
        pytest.param(["show", "--limit", "2"], "'runs show' takes no --limit", id="option"),
        pytest.param(["list", "--older-than", "1d"], "takes no --older-than", id="older"),
        pytest.param(["list", "--state", "FAILD"], "did you mean 'FAILED'?", id="state"),
        pytest.param(["show", "latset"], "did you mean 'latest'?", id="reference"),
        pytest.param(["show", "--notebook", "x.ipynb"], "there are no runs of x.ipynb in", id="nb"),
        pytest.param(["logs", "latest~1", "bb"], "did you mean 'b'?", id="step"),
        pytest.param(["logs", "latest~1", "zzz"], "its steps are: a, b", id="far-step"),
        pytest.param(["rm"], "'runs rm' needs to know which runs", id="rm-nothing"),
        pytest.param(["rm", "latest", "--state", "FAILED"], "not both", id="rm-both"),
        pytest.param(["rm", "latest"], "is still RUNNING; nothing was removed", id="rm-running"),
        pytest.param(["rm", "--older-than", "soon"], "'soon' is no time", id="rm-time"),
    ],
)
def test_runs__wrong_use__is_explained(
    words: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No option is accepted and then ignored; nothing is removed."""
    assert main(["runs", *words, "--home", str(home)]) == 2

    assert message in capsys.readouterr().err
    assert len(RunStore(home).list_runs()) == 5


def test_runs_show__cells__are_there_when_recorded(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where they are not, that is said."""
    assert main(["runs", "show", "latest~1", "--cells", "--home", str(home)]) == 0

    shown = capsys.readouterr().out
    assert "no figures of its cells were recorded" in shown
    assert "  a  SUCCEEDED (found)  ran in run r0\n" in shown
    assert "kernelpipe 0.2.0, CPython 3.11.9, git commit 0123456789 with uncommitted" in shown
    assert "\n  n  2  default\n" in shown


def test_runs_diff__two_runs__says_what_differs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one named run, the latest is the other."""
    words = ["--home", str(home), "--notebook", str(home.parent / "churn.ipynb")]
    ids = [run.id for run in RunStore(home).list_runs()]

    assert main(["runs", "diff", "latest~3", "latest~1", *words, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["before"], found["after"]) == (ids[4], ids[1])
    assert found["state"] == {"before": "SUCCEEDED", "after": "FAILED"}
    assert found["parameters"] == [{"name": "n", "before": 1, "after": 2}]
    assert found["metrics"] == [
        {"name": "m", "before": 1.0, "after": 2.0, "delta": 1.0, "percent": 100.0}
    ]
    assert found["steps"] == [{"name": "b", "before": None, "after": "FAILED"}]
    assert "cells" not in found
    assert main(["runs", "diff", ids[4], *words]) == 0
    assert capsys.readouterr().out.startswith(f"run {ids[4]} -> run {ids[0]}\n")
    assert main(["runs", "diff", *words]) == 0
    assert capsys.readouterr().out.startswith(f"run {ids[1]} -> run {ids[0]}\n")


def test_runs_diff__code_and_outputs__are_in_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are in the text."""
    before = rk.ran(kit.code("x = 1", "step:a"), 1, rk.stream("1\n"))
    after = rk.ran(kit.code("x = 2", "step:b"), 1, rk.stream("2\n"))
    rk.record(tmp_path, before, facts={})
    rk.record(tmp_path, after, at=rk.NOON + 1)

    assert main(["runs", "diff", "--home", str(tmp_path), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == [
        {
            "before": 0,
            "after": 0,
            "diff": "@@ -1 +1 @@\n-x = 1\n+x = 2",
            "moved": False,
            "tags": {"before": "step:a", "after": "step:b"},
        }
    ]
    assert found["outputs"] == [
        {"before": 0, "after": 0, "diff": "@@ -1 +1 @@\n-1\n+2", "kinds": []}
    ]
    assert found["not_compared"] == [f"run {found['before']} has no record of its package versions"]


def test_runs_logs__failed_run__is_the_log_of_the_failed_step(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its last attempt, or of all of them; a found step's log is elsewhere."""
    run = RunStore(home).load("latest~1")
    rk.write_log(run, 2, "b", "first try\n")
    rk.write_log(run, 2, "b", "grüße\n", attempt=2)
    words = ["--home", str(home)]

    assert main(["runs", "logs", "latest~1", *words]) == 0
    shown = capsys.readouterr()
    assert shown.out == "grüße\n"
    assert "'a' was found, not run; its log: kernelpipe runs logs r0 a\n" in shown.err
    assert main(["runs", "logs", "latest~1", "b", "--all-attempts", *words]) == 0
    assert capsys.readouterr() == (
        "=== b, attempt 1\nfirst try\n=== b, attempt 2\ngrüße\n",
        "",
    )
    assert main(["runs", "logs", "latest~1", "b", "--json", *words]) == 0
    (log,) = json.loads(capsys.readouterr().out)["logs"]
    assert (log["step"], log["attempt"], log["text"]) == ("b", 2, "grüße\n")


def test_runs_logs__step_without_one__says_why(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing at all would look like an empty log."""
    assert main(["runs", "logs", "latest", "a", "--home", str(home)]) == 0

    assert capsys.readouterr() == ("", "step 'a' has no log: it is RUNNING\n")


def test_runs_rm__named_runs__are_gone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their directories; named twice, a run is removed once."""
    run = RunStore(home).load("latest~1")

    assert main(["runs", "rm", "latest~1", run.id, "--home", str(home)]) == 0

    shown = capsys.readouterr()
    assert shown.out.startswith(f"removed run {run.id}: churn, FAILED, started ")
    assert shown.err == "1 run removed\n"
    assert run.id not in {each.id for each in RunStore(home).list_runs()}
    assert not Path(run.directory).exists()


def test_runs_rm__choice__keeps_younger_runs_and_those_that_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes on is named."""
    now = time.time()
    old = rk.record(tmp_path, at=now - 200_000)
    failed = rk.record(tmp_path, at=now - 200_001, state="FAILED")
    running = rk.record(tmp_path, at=now - 200_002, state="RUNNING")
    young = rk.record(tmp_path, at=now - 5000)
    words = ["--home", str(tmp_path), "--older-than", "2d"]

    assert main(["runs", "rm", *words, "--state", "FAILED", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": [failed.id]}
    assert main(["runs", "rm", *words]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"removed run {old.id}: ")
    assert shown.err == f"run {running.id} is still RUNNING and is kept\n1 run removed\n"
    assert [run.id for run in RunStore(tmp_path).list_runs()] == [young.id, running.id]


def test_report__command__says_where_the_page_is(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default is beside the run's other files."""
    run = RunStore(home).load("latest~1")
    words = ["--home", str(home)]

    assert main(["report", "latest~1", *words]) == 0
    assert capsys.readouterr().out.startswith(f"{run.directory}/report.html: run {run.id}, ")
    out = tmp_path / "out.html"
    assert main(["report", run.id, "-o", str(out), "--against", "latest~4", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "run_id": run.id,
        "against": RunStore(home).load("latest~4").id,
        "report": str(out),
        "bytes": out.stat().st_size,
    }
