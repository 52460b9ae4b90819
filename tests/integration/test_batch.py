"""Batches on the real command line, with real kernels."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import kit
import pytest

import kernelpipe
from kernelpipe.model.run import RunState
from kernelpipe.runs import RunStore

pytestmark = pytest.mark.integration

CELLS = (
    kit.code("import time", "imports"),
    kit.code("lr = 0.5\ndepth = 3\nwait = 0.0", "parameters"),
    kit.code("data = list(range(4))", "step:load"),
    kit.code("features = [x * depth for x in data]", "step:prepare"),
    kit.code(
        "time.sleep(wait)\nif lr > 1:\n    raise ValueError(f'lr is {lr}')\n"
        "score = sum(features) * lr",
        "step:train",
    ),
    kit.code("score", "metrics"),
)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return the path of a notebook of three steps: the last reads ``lr``, the second ``depth``."""
    return kit.write(tmp_path / "nb.ipynb", *CELLS)


def start(notebook: Path, *words: str) -> "subprocess.Popen[str]":
    """Start ``kernelpipe batch`` beside the notebook."""
    return subprocess.Popen(
        [sys.executable, "-m", "kernelpipe", "batch", notebook.name, *words],
        cwd=notebook.parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def batch(notebook: Path, *words: str) -> tuple[int, str, str]:
    """Return the exit code, standard output and standard error of ``kernelpipe batch``."""
    command = start(notebook, *words)
    out, err = command.communicate(timeout=120)
    return command.returncode, out, err


def wait_for(command: "subprocess.Popen[str]", *texts: str) -> None:
    """Read the command's standard error until each text was in a line."""
    assert command.stderr is not None
    missing = set(texts)
    for line in command.stderr:
        missing = {text for text in missing if text not in line}
        if not missing:
            return
    raise AssertionError(missing)


def states(document: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return each point's state and whether it was done before."""
    return [(point["state"], point["from_before"]) for point in document["points"]]


def executed_steps(notebook: Path) -> dict[str, int]:
    """Return step -> how often it was executed in all runs."""
    counts: dict[str, int] = {}
    for run in RunStore(notebook.parent / ".kernelpipe").list_runs():
        for step in run.steps:
            if step.state is not RunState.SKIPPED and not step.is_cached:
                counts[step.name] = counts.get(step.name, 0) + 1
    return counts


def test_batch__grid__runs_each_step_once_per_value_that_reaches_it(notebook: Path) -> None:
    """Steps are shared between points; the table, the notebooks and the JSON tell the same."""
    folder = notebook.parent

    code, out, err = batch(
        notebook, "--grid", "lr=0.1,1", "--grid", "depth=1..2", "--json", "-p", "wait", "0",
        "--table", "table.csv", "--out-dir", "executed", "--jobs", "2",
    )  # fmt: skip

    assert code == 0, err
    assert executed_steps(notebook) == {"load": 1, "prepare": 2, "train": 4}
    document = json.loads(out)
    assert [point["given"] for point in document["points"]] == [
        {"lr": 0.1, "depth": 1, "wait": 0},
        {"lr": 0.1, "depth": 2, "wait": 0},
        {"lr": 1.0, "depth": 1, "wait": 0},
        {"lr": 1.0, "depth": 2, "wait": 0},
    ]
    scores = [pytest.approx(score) for score in (0.6, 1.2, 6.0, 12.0)]
    assert [point["metrics"]["score"] for point in document["points"]] == scores
    assert sorted(path.name for path in (folder / "executed").iterdir()) == [
        "1-lr=0.1-depth=1.ipynb",
        "2-lr=0.1-depth=2.ipynb",
        "3-lr=1.0-depth=1.ipynb",
        "4-lr=1.0-depth=2.ipynb",
    ]
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert [(row["point"], row["lr"], row["depth"], row["state"]) for row in rows] == [
        ("1", "0.1", "1", "SUCCEEDED"),
        ("2", "0.1", "2", "SUCCEEDED"),
        ("3", "1.0", "1", "SUCCEEDED"),
        ("4", "1.0", "2", "SUCCEEDED"),
    ]
    assert [float(row["score"]) for row in rows] == scores
    facts = [json.loads(run.facts) for run in RunStore(folder / ".kernelpipe").list_runs()]
    assert sorted(fact["point"] for fact in facts) == [0, 1, 2, 3]
    assert {fact["batch"] for fact in facts} == {document["batch_id"]}


def test_batch__failed_point__is_listed_and_resumes_after_a_fix(notebook: Path) -> None:
    """The others go on; the command that is named runs what the fix changed, and nothing else."""
    (notebook.parent / "p.csv").write_text("lr,depth\n0.1,\n7,\n0.2,\n")

    code, out, err = batch(notebook, "-f", "p.csv")

    assert code == 5
    assert "nb.ipynb cell 4, line 3: error[KP501]: point 2 (lr=7): step 'train' failed" in err
    assert "ValueError: lr is 7.0" in err
    assert out.splitlines()[1].split() == [
        "point",
        "lr",
        "state",
        "time_s",
        "run",
        "found",
        "score",
    ]
    resume = err.rpartition("to continue: kernelpipe batch nb.ipynb ")[2].split()
    assert resume[0] == "--resume"
    before = executed_steps(notebook)
    assert before == {"load": 1, "prepare": 1, "train": 3}

    again = json.loads(batch(notebook, *resume, "--json")[1])
    assert states(again) == [("SUCCEEDED", True), ("FAILED", False), ("SUCCEEDED", True)]

    cells = [
        *CELLS[:4],
        kit.code("time.sleep(wait)\nscore = sum(features) * lr", "step:train"),
        CELLS[5],
    ]
    kit.write(notebook, *cells)
    code, out, _ = batch(notebook, *resume, "--json")

    assert code == 0
    assert states(json.loads(out)) == [("SUCCEEDED", False)] * 3
    assert executed_steps(notebook) == {"load": 1, "prepare": 1, "train": 3 + 1 + 3}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_batch__ended_early__the_same_command_continues_it(
    notebook: Path, number: signal.Signals
) -> None:
    """Points that are done are not run again; Ctrl-C prints the table so far and exits with 130."""
    words = ("--grid", "wait=0,0.01,90", "--jobs", "2", "--json")
    command = start(notebook, *words)
    wait_for(command, "point 1/3 (wait=0): SUCCEEDED", "point 2/3 (wait=0.01): SUCCEEDED")
    command.send_signal(number)
    out, err = command.communicate(timeout=60)
    if number is signal.SIGINT:
        assert command.returncode == 130, err
        first = json.loads(out)
        assert [state for state, _ in states(first)] == ["SUCCEEDED", "SUCCEEDED", "CANCELED"]
        assert (first["state"], first["stopped_by"]) == ("CANCELED", "SIGINT")
        assert f"to continue: kernelpipe batch nb.ipynb --resume {first['batch_id']}" in err
    done = executed_steps(notebook)["prepare"]

    again = start(notebook, *words)
    wait_for(again, "3 points, 2 of them done before")
    again.send_signal(signal.SIGTERM)
    out, err = again.communicate(timeout=60)

    assert again.returncode == 130, err
    assert states(json.loads(out))[:2] == [("SUCCEEDED", True)] * 2
    assert executed_steps(notebook)["prepare"] == done
    assert len(list((notebook.parent / ".kernelpipe" / "batches").glob("*.json"))) == 1


def test_batch__two_at_once_on_one_home__do_not_disturb_each_other(notebook: Path) -> None:
    """The same command twice at the same time makes two batches; both SUCCEED."""
    commands = [start(notebook, "--grid", "lr=0.1,0.2", "--json") for _ in range(2)]

    documents = [json.loads(command.communicate(timeout=120)[0]) for command in commands]

    assert [command.returncode for command in commands] == [0, 0]
    assert documents[0]["batch_id"] != documents[1]["batch_id"]
    assert [state for document in documents for state, _ in states(document)] == ["SUCCEEDED"] * 4


def test_batch__from_python__takes_points_and_a_grid(notebook: Path) -> None:
    """A batch that is finished is not continued; with --fail-fast no further point starts."""
    found = kernelpipe.batch(notebook, [{"lr": 0.1}, {"lr": 0.2}], grid={"depth": [1]})
    again = kernelpipe.batch(notebook, [{"lr": 0.1}, {"lr": 0.2}], grid={"depth": [1]})
    failed = kernelpipe.batch(
        notebook, grid={"lr": [9, 8, 0.1, 0.2, 0.3, 0.4]}, fail_fast=True, jobs=1
    )

    assert found.state is again.state is RunState.SUCCEEDED
    assert found.varying == ("lr",)
    assert again.id != found.id
    assert [(point.steps_run, point.steps_found) for point in again.points] == [(0, 3)] * 2
    assert failed.points[0].state is RunState.FAILED
    assert failed.points[-1].state is RunState.PENDING
    assert failed.state is RunState.FAILED


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param([], "a batch needs points", id="no-points"),
        pytest.param(["--grid", "lrr=1"], "did you mean 'lr'?", id="unknown"),
        pytest.param(["--grid", "lr=1", "--table", "t.txt"], "ends with .csv or .json", id="table"),
        pytest.param(["--grid", "lr=1", "--table", "no/t.csv"], "cannot be written", id="folder"),
        pytest.param(["--resume"], "no batch of nb.ipynb in", id="nothing-to-resume"),
        pytest.param(["--resume", "x"], "there is no batch 'x' of nb.ipynb", id="no-batch"),
        pytest.param(["--grid", "lr=1", "--out-dir", "nb.ipynb"], "cannot be made", id="out-dir"),
    ],
)
def test_batch__wrong_use__starts_nothing(
    notebook: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    """Mistakes are told before a home is made; the exit code is 2."""
    from kernelpipe.cli import main

    monkeypatch.chdir(notebook.parent)

    assert main(["batch", "nb.ipynb", *words]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in notebook.parent.iterdir()) == ["nb.ipynb"]
