"""Steps that run once per item, with gates, batches, papermill, the commands, and stops."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import kit
import loop_kit
import papermill
import pytest
from papermill.engines import papermill_engines

import kernelpipe
from kernelpipe import api
from kernelpipe.backends.papermill_engine import KernelpipeEngine
from kernelpipe.cli.main import main
from kernelpipe.errors import RunInterruptedError
from kernelpipe.model.plan import Verdict
from kernelpipe.model.run import RunState

pytestmark = pytest.mark.integration


def test_run__gate_of_a_loop__is_looked_at_once(tmp_path: Path) -> None:
    """Closed, the step is skipped as one, also when it has no items."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2]\nlimit = 5", "parameters"),
        kit.code("acc = 4", "step:first"),
        kit.code("acc", "metrics"),
        kit.code("x = lr", "step:fit", "foreach:lr in rates", "when:acc > limit"),
        kit.code("print(x)", "step:after"),
    )
    home = tmp_path / "home"

    before = api.plan(path, home=home)
    closed = api.run(path, jobs=2, home=home, track=False)
    plan = api.plan(path, home=home)
    empty = api.run(path, {"rates": []}, jobs=2, home=home, track=False)
    opened = api.run(path, {"limit": 3}, jobs=2, home=home, track=False)
    nothing = api.run(path, {"limit": 3, "rates": []}, jobs=2, home=home, track=False)

    assert before.steps[1].verdict is Verdict.MAYBE
    assert before.steps[1].reasons[:2] == (
        "depends on whether acc > limit",
        "2 of 2 items may run",
    )
    for run in (closed, empty):
        assert run.state is RunState.SUCCEEDED
        assert loop_kit.states(run) == {
            "first": "SUCCEEDED" + "*" * (run is empty),
            "fit": "SKIPPED",
            "after": "SKIPPED",
        }
        assert [step.reason for step in run.steps[1:]] == [
            "when acc > limit: acc is 4, limit is 5",
            "step 'fit' was skipped",
        ]
    assert plan.steps[1].verdict is Verdict.SKIPPED
    assert loop_kit.shown(opened, 4) == ["[1, 2]\n"]
    assert loop_kit.shown(nothing, 4) == ["[]\n"]


def test_run__step_before_fails__the_loop_is_skipped_as_one(tmp_path: Path) -> None:
    """Its items are not told of."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2]", "parameters"),
        kit.code("n = 1 / 0", "step:first"),
        kit.code("x = lr + n", "step:fit", "foreach:lr in rates"),
        kit.code("print(x)", "step:after"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert {step.name: step.reason for step in run.steps[1:]} == {
        "fit": "step 'first' failed",
        "after": "step 'first' failed",
    }
    assert [(step.state, loop_kit.facts(step).get("items")) for step in run.steps[1:]] == [
        (RunState.SKIPPED, None)
    ] * 2


def test_batch__lists_that_overlap__share_items(tmp_path: Path) -> None:
    """Each item runs once for all points."""
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)

    batch = kernelpipe.batch(
        path,
        points=[{"rates": [1, 2]}, {"rates": [2, 3, 1]}, {"rates": []}],
        jobs=2,
        home=tmp_path / "home",
    )

    runs = [api.find_run(str(point.run_id), home=tmp_path / "home") for point in batch.points]
    assert [point.state for point in batch.points] == [
        RunState.SUCCEEDED,
        RunState.SUCCEEDED,
        RunState.FAILED,  # max of nothing
    ]
    assert [loop_kit.shown(run, 3) for run in runs[:2]] == [["[11, 12]\n"], ["[12, 13, 11]\n"]]
    ran = [
        item["text"]
        for run in runs
        for item in loop_kit.facts(run.steps[0])["items"]
        if not item["is_cached"]
    ]
    assert sorted(ran) == ["lr = 1", "lr = 2", "lr = 3"]


@pytest.mark.parametrize("engine", ["auto", "kernel"])
def test_run__either_engine__gives_the_same(tmp_path: Path, engine: str) -> None:
    """Objects of the notebook's classes, too."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2]", "parameters"),
        kit.code("class M:\n    def __init__(self, lr):\n        self.lr = lr", "functions"),
        kit.code("m = M(lr)", "step:fit", "foreach:lr in rates"),
        kit.code("print([x.lr for x in m], type(m[0]) is M)", "step:after"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False, engine=engine)

    assert loop_kit.shown(run, 3) == ["[1, 2] True\n"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_papermill__engine_kernelpipe__runs_loops(tmp_path: Path) -> None:
    """The output notebook is the run's; an item that fails is papermill's error."""
    papermill_engines.register("kernelpipe", KernelpipeEngine)
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)
    options = {"engine_name": "kernelpipe", "progress_bar": False}

    done = papermill.execute_notebook(path, None, {"rates": [5, 6]}, **options)
    with pytest.raises(papermill.PapermillExecutionError, match="TypeError"):
        papermill.execute_notebook(path, None, {"rates": [5, "x"]}, **options)

    assert done.cells[-1].outputs[0]["text"] == "[15, 16]\n"
    assert {cell.metadata.papermill["status"] for cell in done.cells} == {"completed"}


def test_commands__loop__show_its_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for the step, and what there is to say of each item; run again, it is the same."""
    monkeypatch.chdir(tmp_path)
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [2, 0]", "parameters"),
        kit.code("print('dividing by', lr)\nx = 1 / lr", "step:fit", "foreach:lr in rates"),
        kit.code("print(x)", "step:after"),
    )

    def tell(*words: str) -> list[str]:
        main([*words])
        return capsys.readouterr().out.splitlines()

    runs = [json.loads(tell("run", "n.ipynb", "-p", "rates", "[2, 4]", "--json")[0]) for _ in "123"]
    tell("run", "n.ipynb")
    table = [re.split("  +", line.strip()) for line in tell("runs", "show")]
    logs = tell("runs", "logs", "latest", "fit")
    log = tell("runs", "logs", "latest", "fit[1]")
    assert main(["runs", "logs", "latest", "fit[0]"]) == 0
    found = capsys.readouterr().err
    plan = [re.split("  +", line) for line in tell("plan", "n.ipynb")]

    told = [[(s["name"], s["state"], s["cached"]) for s in run["steps"]] for run in runs]
    assert told[0] == [("fit", "SUCCEEDED", False), ("after", "SUCCEEDED", False)]
    assert told[1] == told[2] == [("fit", "SUCCEEDED", True), ("after", "SUCCEEDED", True)]
    assert [item["text"] for item in runs[2]["steps"][0]["items"]] == ["lr = 2", "lr = 4"]
    why = "cell 1, line 2: ZeroDivisionError: division by zero"
    assert table[1][-1] == f"2 items, 1 found, 1 failed; item 1 (lr = 0): {why}"
    first = table.index(["items:"]) + 1
    assert table[first][:3] == ["fit[0]", "lr = 2", "SUCCEEDED (found)"]
    assert [*table[first + 1][:3], table[first + 1][-1]] == ["fit[1]", "lr = 0", "FAILED", why]
    assert [line for line in logs if line.startswith(("===", "dividing"))] == [
        "=== fit, lr = 0",
        "dividing by 0",
    ]
    assert log == logs
    assert found.startswith("step 'fit[0]' was found, not run; its log: kernelpipe runs logs ")
    assert [plan[0][0], plan[0][1], plan[0][-1]] == [
        "fit",
        "run",
        "1 of 2 items found, 1 would run; never run for lr = 0",
    ]


def test_run__is_stopped_within_a_loop__items_that_were_done_are_found_again(
    tmp_path: Path,
) -> None:
    """The step is CANCELED; resume runs what was not done."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2, 3]", "parameters"),
        kit.code("import os, signal, time", "imports"),
        kit.code(
            "if lr == 2 and not os.path.exists('ok'):\n"
            "    os.kill(os.getppid(), signal.SIGINT)\n    time.sleep(99)\nx = lr",
            "step:fit",
            "foreach:lr in rates",
        ),
        kit.code("print(x)", "step:after"),
    )
    home = tmp_path / "home"

    with pytest.raises(RunInterruptedError) as caught:
        api.run(path, jobs=1, home=home, track=False, engine="kernel")
    stopped = api.find_run(str(caught.value.run_id), home=home)
    (tmp_path / "ok").touch()
    resumed = api.resume(home=home, track=False)

    assert loop_kit.states(stopped) == {
        "fit": "CANCELED",
        "fit[0]": "SUCCEEDED",
        "fit[1]": "CANCELED",
        "fit[2]": "SKIPPED",
        "after": "SKIPPED",
    }
    assert stopped.steps[0].reason == "stopped by SIGINT in cell 2"
    assert loop_kit.states(resumed)["fit[0]"] == "SUCCEEDED*"
    assert loop_kit.shown(resumed, 3) == ["[1, 2, 3]\n"]


def test_run__is_killed_within_a_loop__items_that_were_done_are_found_again(
    tmp_path: Path,
) -> None:
    """What is recorded of the run that was killed says which items had ended."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2, 3]", "parameters"),
        kit.code("import os, signal, time", "imports"),
        kit.code(
            "if lr == 2 and not os.path.exists('ok'):\n"
            "    os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(99)\nx = lr",
            "step:fit",
            "foreach:lr in rates",
        ),
        kit.code("print(x)", "step:after"),
    )
    words = ("run", path.name, "--jobs", "1", "--engine", "kernel", "--no-mlflow")
    ended = subprocess.run(
        [sys.executable, "-m", "kernelpipe", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    home = tmp_path / ".kernelpipe"
    (tmp_path / "ok").touch()

    killed = api.find_run(home=home)
    resumed = api.resume(home=home, track=False)

    assert ended.returncode == -signal.SIGKILL
    assert killed.state is RunState.FAILED
    assert [item["state"] for item in loop_kit.facts(killed.steps[0])["items"]] == [
        "SUCCEEDED",
        "RUNNING",
        "PENDING",
    ]
    assert loop_kit.states(resumed)["fit[0]"] == "SUCCEEDED*"
    assert loop_kit.shown(resumed, 3) == ["[1, 2, 3]\n"]
