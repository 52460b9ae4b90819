"""Tests of showing how a run goes."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from kernelpipe.cli.progress import BarReporter, LineReporter, choose_reporter
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepRun

LOAD = StepName("load")
TRAIN = StepName("train")
RUN = Run(
    id=RunId("r1"),
    pipeline="p",
    source="nb.ipynb",
    state=RunState.FAILED,
    started_at=0.0,
    duration_s=1.0,
    directory="/d",
    notebook=None,
    parameters="{}",
    metrics=(),
    steps=(),
)


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def _play(reporter: LineReporter | BarReporter) -> None:
    reporter.run_started(RUN.id, Path("/d"), (LOAD, TRAIN), 3)
    reporter.step_started(LOAD)
    reporter.cell_finished(LOAD, 1)
    reporter.message("something else")
    reporter.step_finished(StepRun(name=LOAD, state=RunState.SUCCEEDED, duration_s=1.25))
    reporter.step_finished(StepRun(name=TRAIN, state=RunState.SKIPPED, reason="'load' failed"))
    reporter.run_finished(replace(RUN))


def test_choose_reporter__stream__decides() -> None:
    """A terminal gets a bar, a file gets lines."""
    assert isinstance(choose_reporter(_Terminal()), BarReporter)
    assert isinstance(choose_reporter(io.StringIO()), LineReporter)


def test_line_reporter__run__is_a_line_per_event() -> None:
    """Cells are not shown; the end is the command's report."""
    stream = io.StringIO()

    _play(LineReporter(stream))

    assert stream.getvalue().split("\n") == [
        "run r1: 2 steps, 3 cells",
        "load: started",
        "something else",
        "load: SUCCEEDED in 1.2 s",
        "train: SKIPPED: 'load' failed",
        "",
    ]


def test_bar_reporter__run__shows_steps_and_leaves_no_bar() -> None:
    """States stay on the terminal; the bar is drawn over and removed at the end."""
    stream = _Terminal()

    _play(BarReporter(stream))

    shown = stream.getvalue()
    assert "run r1:   0%" in shown
    assert "load: SUCCEEDED in 1.2 s\n" in shown
    assert "train: SKIPPED: 'load' failed\n" in shown
    assert shown.endswith("\r")


def test_bar_reporter__before_the_run__writes_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    """Events outside a run need no bar."""
    stream = _Terminal()
    reporter = BarReporter(stream)

    reporter.message("hello")
    reporter.step_started(LOAD)
    reporter.cell_finished(LOAD, 0)
    reporter.run_finished(RUN)

    assert stream.getvalue() == "hello\n"
    assert capsys.readouterr() == ("", "")
