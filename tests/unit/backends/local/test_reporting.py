"""Tests of telling in lines how a run goes."""

import io
import json
from pathlib import Path

import pytest

from kernelpipe.backends.local.reporting import (
    LenientStream,
    PlainReporter,
    Reporter,
    SilentReporter,
    describe_step,
)
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepRun

LOAD = StepName("load")
TRAIN = StepName("train")
RUN = Run(
    id=RunId("r1"),
    pipeline="n",
    source="/n.ipynb",
    state=RunState.FAILED,
    started_at=0.0,
    duration_s=2.5,
    directory="/runs/1",
    notebook=None,
    parameters="{}",
    metrics=(),
    steps=(),
)


class ClosedPipe(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, _text: str) -> int:
        """Refuse."""
        raise BrokenPipeError

    def flush(self) -> None:
        """Refuse."""
        raise BrokenPipeError


def _play(reporter: Reporter) -> None:
    reporter.run_started(RUN.id, Path("/runs/1"), (LOAD, TRAIN), 1)
    reporter.step_started(LOAD)
    reporter.cell_started(LOAD, 0)
    reporter.cell_finished(LOAD, 0)
    reporter.message("something else")
    reporter.step_finished(StepRun(name=LOAD, state=RunState.SUCCEEDED, duration_s=1.25))
    reporter.step_finished(StepRun(name=TRAIN, state=RunState.SKIPPED, reason="'load' failed"))
    reporter.run_finished(RUN)


def test_plain_reporter__a_run__is_a_line_per_event() -> None:
    """Cells are silent; the end is reported by whoever started the run."""
    stream = io.StringIO()
    reporter = PlainReporter(stream)

    _play(reporter)

    assert stream.getvalue().splitlines() == [
        "run r1: 2 steps, 1 cell",
        "load: started",
        "something else",
        "load: SUCCEEDED in 1.2 s",
        "train: SKIPPED: 'load' failed",
    ]
    assert reporter.run is RUN


def test_silent_reporter__a_run__tells_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written."""
    _play(SilentReporter())

    assert capsys.readouterr() == ("", "")


def test_plain_reporter__reader_is_gone__goes_on() -> None:
    """A closed terminal does not end the run."""
    reporter = PlainReporter(ClosedPipe())

    _play(reporter)

    assert reporter.run is RUN


def test_plain_reporter__stream_was_closed__goes_on() -> None:
    """Neither does a stream that our own process closed."""
    stream = io.StringIO()
    stream.close()

    PlainReporter(stream).message("hello")

    assert LenientStream(stream).isatty() is False


def test_plain_reporter__encoding_lacks_a_character__escapes_it() -> None:
    """Text that the terminal cannot show is shown all the same."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict", newline="")

    PlainReporter(stream).message("größe")

    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        pytest.param(
            StepRun(name=TRAIN, state=RunState.SUCCEEDED, duration_s=2.06),
            "train: SUCCEEDED in 2.1 s",
            id="ran",
        ),
        pytest.param(
            StepRun(
                name=LOAD,
                state=RunState.SUCCEEDED,
                is_cached=True,
                facts=json.dumps({"made_in": "20261121-0501", "made_at": 820.0}),
            ),
            "load: found (ran 3 min ago in run 20261121-0501)",
            id="found",
        ),
        pytest.param(
            StepRun(name=LOAD, state=RunState.SUCCEEDED, is_cached=True),
            "load: found",
            id="found-nobody-knows-where",
        ),
        pytest.param(
            StepRun(
                name=TRAIN,
                state=RunState.FAILED,
                duration_s=61.0,
                reason="timeout after 1 min",
                facts=json.dumps({"attempts": 3}),
            ),
            "train: FAILED in 1 min 1 s after 3 attempts: timeout after 1 min",
            id="retried",
        ),
    ],
)
def test_describe_step__finished_step__is_one_line(step: StepRun, text: str) -> None:
    """State, time, attempts and reason, or where it was found."""
    assert describe_step(step, now=1000.0) == text
