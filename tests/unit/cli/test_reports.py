"""Tests of saying how runs went."""

from dataclasses import replace

import pytest

from kernelpipe.cli.reports import (
    describe_failures,
    describe_parameters,
    describe_run,
    describe_runs,
    show_number,
)
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepError, StepRun

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
        "  load    SUCCEEDED (cached)  1.2 s",
        "  train   FAILED              0.5 s",
        "  report  SKIPPED                    step 'train' failed",
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(3, "3", id="int"),
        pytest.param(True, "True", id="bool"),
        pytest.param(0.97222222, "0.972222", id="float"),
        pytest.param(1e-9, "1e-09", id="small"),
        pytest.param(float("nan"), "nan", id="nan"),
    ],
)
def test_show_number__metric__is_readable(value: float, text: str) -> None:
    """Floats are rounded for reading; the JSON has all digits."""
    assert show_number(value) == text
