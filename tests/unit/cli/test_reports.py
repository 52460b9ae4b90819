"""Tests of saying how runs went."""

import json
from dataclasses import replace

import pytest

from kernelpipe.cli.comparisons import describe_comparison
from kernelpipe.cli.reports import (
    describe_cells,
    describe_failures,
    describe_origin,
    describe_parameters,
    describe_run,
    describe_runs,
)
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import ItemFacts, Metric, Run, RunState, StepError, StepFacts, StepRun
from kernelpipe.runs.comparing import (
    CellChange,
    Comparison,
    MetricChange,
    OutputChange,
    ValueChange,
)

RUN = Run(
    id=RunId("20250102-030405-abcd"),
    pipeline="churn",
    source="/nb/churn.ipynb",
    state=RunState.FAILED,
    started_at=0.0,
    duration_s=75.4,
    directory="/home/runs/x",
    notebook="/home/runs/x/churn.ipynb",
    parameters='{"lr": 0.1, "name": "ä"}',
    metrics=(Metric(name="accuracy", value=0.97222222), Metric(name="n", value=3)),
    steps=(
        StepRun(name=StepName("load"), state=RunState.SUCCEEDED, duration_s=1.25, is_cached=True),
        StepRun(
            name=StepName("train"),
            state=RunState.FAILED,
            duration_s=0.5,
            notebook="/home/runs/x/train/executed.ipynb",
            error=StepError(cell_index=5, line=3, ename="ValueError", evalue="bad"),
        ),
        StepRun(name=StepName("report"), state=RunState.SKIPPED, reason="step 'train' failed"),
    ),
)


def test_describe_run__failed_run__says_everything() -> None:
    """The report has states, times, reasons, metrics and paths."""
    assert describe_run(RUN).split("\n") == [
        "run 20250102-030405-abcd FAILED in 1 min 15 s",
        "  load    SUCCEEDED (found)  1.2 s",
        "  train   FAILED             0.5 s",
        "  report  SKIPPED                   step 'train' failed",
        "metrics:",
        "  accuracy  0.972222",
        "  n         3",
        "executed notebook: /home/runs/x/churn.ipynb",
        "run directory: /home/runs/x",
    ]


def test_describe_run__nothing_known__is_short() -> None:
    """What is not there is left out."""
    run = replace(
        RUN, duration_s=None, notebook=None, metrics=(), steps=(), reason="the machine stopped"
    )

    assert describe_run(run).split("\n") == [
        "run 20250102-030405-abcd FAILED: the machine stopped",
        "run directory: /home/runs/x",
    ]


def test_describe_failures__failed_step__names_cell_and_line() -> None:
    """The first line stands alone; the hint says where to look."""
    assert describe_failures(RUN).split("\n") == [
        "/nb/churn.ipynb cell 5, line 3: error[KP501]: step 'train' failed: ValueError: bad",
        "  hint: its outputs so far are in /home/runs/x/train/executed.ipynb",
    ]


def test_describe_failures__no_error_known__gives_the_reason() -> None:
    """A step that was killed has a reason, or else a plain word."""
    steps = (
        StepRun(name=StepName("a"), state=RunState.FAILED, reason="timeout after 5 s"),
        StepRun(name=StepName("b"), state=RunState.FAILED),
    )

    assert describe_failures(replace(RUN, steps=steps)).split("\n") == [
        "/nb/churn.ipynb: error[KP501]: step 'a' failed: timeout after 5 s",
        "/nb/churn.ipynb: error[KP501]: step 'b' failed: it ended early",
    ]


def test_describe_parameters__values__are_json() -> None:
    """Parameters are shown as they can be given again."""
    assert describe_parameters(RUN) == 'parameters:\n  lr    0.1\n  name  "ä"'


def test_describe_parameters__none__is_nothing() -> None:
    """Without parameters there is no heading."""
    assert describe_parameters(replace(RUN, parameters="{}")) == ""


def test_describe_runs__some__are_a_table() -> None:
    """One line per run, columns aligned."""
    other = replace(RUN, id=RunId("x"), state=RunState.RUNNING, duration_s=None, started_at=9.0)

    assert describe_runs([RUN, other], show_time=lambda s: f"t{s:g}").split("\n") == [
        "RUN                   STATE    STARTED  TIME        PIPELINE",
        "20250102-030405-abcd  FAILED   t0       1 min 15 s  churn",
        "x                     RUNNING  t9                   churn",
    ]


FACTS = {
    "cpu_s": 61.2,
    "peak_bytes": 212_400_000,
    "attempts": 2,
    "cells": [
        {"cell": 3, "wall_s": 0.1, "cpu_s": None, "peak_bytes": None},
        {"cell": 5, "wall_s": 70.0, "cpu_s": 61.0, "peak_bytes": 212_400_000},
    ],
}


def test_describe_run__figures_recorded__are_shown() -> None:
    """CPU time, peak memory and attempts, and where a result was found."""
    steps = (
        StepRun(
            name=StepName("load"),
            state=RunState.SUCCEEDED,
            is_cached=True,
            facts=json.dumps({"made_in": "r0"}),
        ),
        StepRun(
            name=StepName("train"),
            state=RunState.FAILED,
            duration_s=71.0,
            facts=json.dumps(FACTS),
        ),
    )

    assert describe_run(replace(RUN, steps=steps)).split("\n")[1:3] == [
        "  load   SUCCEEDED (found)" + " " * 54 + "ran in run r0",
        "  train  FAILED             1 min 11 s  CPU 1 min 1 s  peak 212 MB  2 attempts",
    ]


def test_describe_cells__figures_recorded__are_the_slowest_first() -> None:
    """Cells of a result that was found took their time in another run."""
    ran = StepRun(name=StepName("train"), state=RunState.SUCCEEDED, facts=json.dumps(FACTS))
    found = replace(ran, name=StepName("load"), is_cached=True)

    assert describe_cells(replace(RUN, steps=(found, ran))).split("\n") == [
        "slowest cells:",
        "  cell 5  train  1 min 10 s  CPU 1 min 1 s  peak 212 MB",
        "  cell 3  train  0.1 s",
    ]
    assert describe_cells(RUN) == ""


def test_describe_cells__step_per_item__tells_them_apart() -> None:
    """The cells of items that were found took their time in another run."""
    ran = ItemFacts(
        text="lr = 1",
        state="SUCCEEDED",
        reason=None,
        is_cached=False,
        duration_s=71.0,
        notebook=None,
        facts=StepFacts(cells=FACTS["cells"]),
    )
    found = ItemFacts(**(ran | {"is_cached": True}))
    facts = StepFacts(cells=FACTS["cells"] * 2, items=[found, ran])
    loop = StepRun(name=StepName("train"), state=RunState.SUCCEEDED, facts=json.dumps(facts))

    assert describe_cells(replace(RUN, steps=(loop,))).split("\n") == [
        "slowest cells:",
        "  cell 5  train[1]  1 min 10 s  CPU 1 min 1 s  peak 212 MB",
        "  cell 3  train[1]  0.1 s",
    ]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param(
            {"version": "0.2.0", "python": "CPython 3.11.9", "git_commit": "0123456789abcdef"},
            "kernelpipe 0.2.0, CPython 3.11.9, git commit 0123456789",
            id="all-but-dirty",
        ),
        pytest.param(
            {"git_commit": "01", "git_is_dirty": True, "resumes": "r0"},
            "git commit 01 with uncommitted changes, continues run r0",
            id="resumed",
        ),
        pytest.param({"batch": "b7", "point": 3}, "point 3 of batch b7", id="batch"),
        pytest.param({"batch": "b7"}, "batch b7", id="whole-batch"),
    ],
)
def test_describe_origin__facts__are_one_line(facts: dict[str, object], text: str) -> None:
    """What was run with what."""
    assert describe_origin(replace(RUN, facts=json.dumps(facts))) == text


def test_describe_parameters__given_ones_recorded__says_which() -> None:
    """The others have their defaults."""
    run = replace(RUN, facts='{"given": ["lr"]}')

    assert describe_parameters(run).split("\n") == [
        "parameters:",
        "  lr    0.1  given",
        '  name  "ä"  default',
    ]


def test_describe_comparison__everything_differs__is_part_by_part() -> None:
    """Only what differs; digests are shortened."""
    comparison = Comparison(
        before=RunId("r1"),
        after=RunId("r2"),
        source=ValueChange(name="notebook", before="/nb/a.ipynb", after="/nb/b.ipynb"),
        state=ValueChange(name="run", before="SUCCEEDED", after="FAILED"),
        steps=(ValueChange(name="train", before=None, after="FAILED"),),
        parameters=(
            ValueChange(name="lr", before="0.1", after="0.2"),
            ValueChange(name="depth", before="3", after=None),
        ),
        cells=(
            CellChange(before=2, after=3, diff="@@ -1 +1 @@\n-a\n+b", is_moved=True),
            CellChange(before=4, after=None),
        ),
        files=(
            ValueChange(name="/nb/train.csv", before="a" * 64, after=f"{'b' * 64}, absent"),
            ValueChange(name="/data", before=None, after="dir:" + "c" * 64),
        ),
        packages=(ValueChange(name="pandas", before="2.2", after="3.0"),),
        versions=(ValueChange(name="Python", before="3.11.9", after="3.12.1"),),
        metrics=(
            MetricChange(name="score", before=0.8, after=0.9),
            MetricChange(name="n", before=3, after=2),
            MetricChange(name="new", before=None, after=1.5),
        ),
        outputs=(
            OutputChange(before=2, after=3, diff="-x\n+y", kinds=("image/png", "image/jpeg")),
            OutputChange(before=5, after=5, diff="", kinds=("text/html",)),
        ),
        unknown=("run r1 has no record of its package versions",),
    )

    assert describe_comparison(comparison, source="/nb/b.ipynb").split("\n") == [
        "run r1 -> run r2",
        "notebook: /nb/a.ipynb -> /nb/b.ipynb",
        "run: SUCCEEDED -> FAILED",
        "steps:",
        "  train  (none) -> FAILED",
        "parameters:",
        "  lr     0.1 -> 0.2",
        "  depth  3 -> (none)",
        "code:",
        "  cell 3 changed, cell 3 moved (it was cell 2)",
        "    @@ -1 +1 @@",
        "    -a",
        "    +b",
        "  cell 4 was removed",
        "data files:",
        "  train.csv  changed      aaaaaaaaaaaa -> bbbbbbbbbbbb, absent",
        "  /data      is read now  (none) -> cccccccccccc",
        "packages:",
        "  pandas  2.2 -> 3.0",
        "versions:",
        "  Python  3.11.9 -> 3.12.1",
        "metrics:",
        "  score  0.8 -> 0.9     +0.1 (+12.5 %)",
        "  n      3 -> 2         -1 (-33.3 %)",
        "  new    (none) -> 1.5",
        "outputs:",
        "  cell 3: image differs",
        "    -x",
        "    +y",
        "  cell 5: text/html differs",
        "not compared:",
        "  run r1 has no record of its package versions",
    ]


def test_describe_comparison__nothing_differs__says_so() -> None:
    """Two lines."""
    comparison = Comparison(before=RunId("r1"), after=RunId("r2"))

    assert describe_comparison(comparison, source="/nb/a.ipynb").split("\n") == [
        "run r1 -> run r2",
        "nothing differs",
    ]
