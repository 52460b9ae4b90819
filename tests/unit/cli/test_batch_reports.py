"""Tests of saying how batches went."""

import io
import json
from dataclasses import replace

import pytest

from kernelpipe.backends.local.batch import Batch, PointRun
from kernelpipe.cli.batch_reports import (
    BatchLines,
    batch_table,
    describe_batch,
    describe_failed_points,
    resume_command,
    show_values,
)
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, RunState, StepError

DONE = PointRun(
    index=0,
    given='{"lr": 0.1, "name": "a, b", "layers": [1, 2]}',
    state=RunState.SUCCEEDED,
    run_id=RunId("r1"),
    duration_s=1.25,
    steps_run=1,
    steps_found=2,
    metrics=(Metric(name="score", value=0.97222222), Metric(name="train/score", value=3)),
    notebook="/home/r1/nb.ipynb",
)
BATCH = Batch(
    id="b1",
    source="/nb/my nb.ipynb",
    home="/nb/.kernelpipe",
    varying=("lr", "name", "layers", "state"),
    points=(
        replace(DONE, is_from_before=True),
        replace(
            DONE,
            index=1,
            given='{"lr": 10.0, "state": null}',
            state=RunState.FAILED,
            run_id=RunId("r2"),
            reason="cell 4, line 2: ValueError: bad",
            duration_s=75.0,
            metrics=(Metric(name="lr", value=True),),
            notebook="/home/r2/nb.ipynb",
            failed_step=StepName("train"),
            error=StepError(cell_index=4, line=2, ename="ValueError", evalue="bad"),
        ),
        PointRun(index=2, given='{"lr": 3, "name": "' + "x" * 12 + '"}'),
    ),
    duration_s=80.0,
    stopped_by="SIGINT",
)


def test_describe_batch__stopped__has_a_line_per_point() -> None:
    """Numbers stand at the right; what never ran has no time."""
    batch = replace(BATCH, varying=("lr", "name"))

    assert (
        describe_batch(batch)
        == """\
batch b1 CANCELED in 1 min 20 s, stopped by SIGINT: 1 PENDING, 1 SUCCEEDED, 1 FAILED
point   lr  name          state               time_s      run  found     score  lr_2
    1  0.1  a, b          SUCCEEDED (before)  1.2 s         1      2  0.972222
    2   10                FAILED              1 min 15 s    1      2            true
    3    3  xxxxxxxxxxxx  PENDING"""
    )


def test_batch_table__csv__has_every_column() -> None:
    """Columns that have the name of one before them are numbered; cells read back as JSON."""
    assert batch_table(BATCH, ".csv").split("\n") == [
        (
            "point,lr,name,layers,state,state_2,time_s,run,found,score,train/score,lr_2,run_id,"
            "notebook,error"
        ),
        '1,0.1,"a, b","[1, 2]",,SUCCEEDED,1.25,1,2,0.97222222,3,,r1,/home/r1/nb.ipynb,',
        "2,10.0,,,,FAILED,75.0,1,2,,,true,r2,/home/r2/nb.ipynb,ValueError: bad",
        "3,3," + "x" * 12 + ",,,PENDING,,,,,,,,,",
        "",
    ]


def test_batch_table__json__is_the_document() -> None:
    """Points are numbered from one; errors name step, cell and line."""
    document = json.loads(batch_table(BATCH, ".json"))

    assert (document["batch_id"], document["state"], document["stopped_by"]) == (
        "b1",
        "CANCELED",
        "SIGINT",
    )
    assert document["points"][1] == {
        "point": 2,
        "given": {"lr": 10.0, "state": None},
        "state": "FAILED",
        "from_before": False,
        "reason": "cell 4, line 2: ValueError: bad",
        "duration_s": 75.0,
        "steps_run": 1,
        "steps_found": 2,
        "metrics": {"lr": True},
        "run_id": "r2",
        "notebook": "/home/r2/nb.ipynb",
        "error": {"step": "train", "cell": 4, "line": 2, "ename": "ValueError", "evalue": "bad"},
    }


def test_show_values__long_text__is_cut() -> None:
    """A value takes at most 40 characters, in one line."""
    assert show_values({"s": "a\nb", "t": "x" * 41}) == "s=a b, t=" + "x" * 37 + "..."


def test_describe_failed_points__cell_known__names_it() -> None:
    """Each failed point says where and why, and where its outputs are."""
    assert describe_failed_points(BATCH).split("\n") == [
        (
            "/nb/my nb.ipynb cell 4, line 2: error[KP501]: point 2 (lr=10, state=): step 'train'"
            " failed: ValueError: bad"
        ),
        "  hint: its outputs are in /home/r2/nb.ipynb",
    ]


def test_describe_failed_points__no_step_failed__tells_the_reason() -> None:
    """A run that could not be carried out has no failed step."""
    failed = PointRun(index=0, given="{}", state=RunState.FAILED, reason="the disk is full")

    assert describe_failed_points(replace(BATCH, varying=(), points=(failed,))) == (
        "/nb/my nb.ipynb: error[KP501]: point 1: the disk is full"
    )


def test_resume_command__other_home__is_named() -> None:
    """The command can be pasted; the usual home is left out."""
    assert resume_command(BATCH) == "kernelpipe batch '/nb/my nb.ipynb' --resume b1"
    assert resume_command(replace(BATCH, home="/other")) == (
        "kernelpipe batch '/nb/my nb.ipynb' --resume b1 --home /other"
    )


@pytest.mark.parametrize(
    ("states", "stopped_by", "state"),
    [
        pytest.param("SUCCEEDED SUCCEEDED", None, RunState.SUCCEEDED, id="all"),
        pytest.param("SUCCEEDED SUCCEEDED", "SIGINT", RunState.SUCCEEDED, id="stopped-too-late"),
        pytest.param("SUCCEEDED FAILED", None, RunState.FAILED, id="failed"),
        pytest.param("FAILED PENDING", None, RunState.FAILED, id="fail-fast"),
        pytest.param("FAILED CANCELED", "SIGTERM", RunState.CANCELED, id="stopped"),
    ],
)
def test_batch__state__follows_from_its_points(
    states: str, stopped_by: str | None, state: RunState
) -> None:
    """Only a batch whose points all SUCCEEDED has SUCCEEDED."""
    points = tuple(replace(DONE, state=RunState(word)) for word in states.split())

    assert replace(BATCH, points=points, stopped_by=stopped_by).state is state


def test_batch_lines__points__are_told_with_their_values() -> None:
    """Each point has a line when it ends; reasons are cut at their first line."""
    stream = io.StringIO()
    lines = BatchLines(stream)

    lines.batch_started("b1", 2, 1)
    lines.point_started(1, {"lr": 0.1, "name": "x"})
    lines.message("point 2: a note")
    lines.point_finished(replace(DONE, index=1, state=RunState.FAILED, reason="bad\nworse"))
    lines.point_finished(PointRun(index=0, given="{}", state=RunState.CANCELED))

    assert stream.getvalue().split("\n") == [
        "batch b1: 2 points, 1 of them done before",
        "point 2: a note",
        "point 2/2 (lr=0.1, name=x): FAILED in 1.2 s, 1 run, 2 found: bad",
        "point 1/2: CANCELED",
        "",
    ]
