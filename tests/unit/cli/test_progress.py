"""Tests of showing how a run goes."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kernelpipe.backends.local.reporting import PlainReporter
from kernelpipe.cli.progress import BarReporter, choose_reporter
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


class _ClosedTerminal(_Terminal):
    """A terminal whose window was closed."""

    def write(self, _text: str) -> int:
        """Refuse as the system does."""
        raise OSError(5, "Input/output error")


class _AsciiTerminal(_Terminal):
    """A terminal that knows ASCII only, and says so."""

    encoding = "ascii"  # type: ignore[assignment]  # a property there

    def write(self, text: str) -> int:
        """Refuse other characters."""
        text.encode("ascii")
        return super().write(text)


def _play(reporter: BarReporter) -> None:
    reporter.run_started(RUN.id, Path("/d"), (LOAD, TRAIN), 3)
    reporter.step_started(LOAD)
    reporter.cell_started(LOAD, 1)
    reporter.cell_finished(LOAD, 1)
    reporter.message("größe")
    reporter.step_finished(StepRun(name=LOAD, state=RunState.SUCCEEDED, duration_s=1.25))
    reporter.step_finished(StepRun(name=TRAIN, state=RunState.SKIPPED, reason="'load' failed"))
    reporter.run_finished(replace(RUN))


def test_choose_reporter__stream__decides() -> None:
    """A terminal gets a bar, a file or a closed stream gets lines."""
    closed = _Terminal()
    closed.close()

    assert isinstance(choose_reporter(_Terminal()), BarReporter)
    assert isinstance(choose_reporter(io.StringIO()), PlainReporter)
    closed_file = io.StringIO()
    closed_file.close()
    assert isinstance(choose_reporter(closed_file), PlainReporter)


def test_bar_reporter__run__shows_steps_and_leaves_no_bar() -> None:
    """States stay on the terminal; the bar is drawn over and removed at the end."""
    stream = _Terminal()

    _play(BarReporter(stream))

    shown = stream.getvalue()
    assert "run r1:   0%" in shown
    assert "load cell 1" in shown
    assert "größe\n" in shown
    assert "load: SUCCEEDED in 1.2 s\n" in shown
    assert "train: SKIPPED: 'load' failed\n" in shown
    assert shown.endswith("\r")


def test_bar_reporter__step_was_found__moves_by_its_cells() -> None:
    """A run whose steps are all found ends with a full bar."""
    stream = _Terminal()
    reporter = BarReporter(stream, clock=lambda: 100.0)
    facts = json.dumps({"cell_count": 4, "made_in": "r0", "made_at": 40.0})

    reporter.run_started(RUN.id, Path("/d"), (LOAD,), 4)
    reporter.step_finished(
        StepRun(name=LOAD, state=RunState.SUCCEEDED, is_cached=True, facts=facts)
    )
    reporter.message("after")

    shown = stream.getvalue()
    assert "load: found (ran 1 min ago in run r0)\n" in shown
    assert "4/4" in shown.rpartition("after")[2]


def test_bar_reporter__another_attempt__counts_no_cell_twice() -> None:
    """The bar never shows more cells than there are."""
    stream = _Terminal()
    reporter = BarReporter(stream)

    reporter.run_started(RUN.id, Path("/d"), (LOAD,), 2)
    for cell in (0, 0, 1):
        reporter.cell_finished(LOAD, cell)
    reporter.message("after")

    assert "2/2" in stream.getvalue().rpartition("after")[2]


def test_bar_reporter__many_steps_at_once__names_the_first() -> None:
    """The line stays short."""
    stream = _Terminal()
    reporter = BarReporter(stream)

    reporter.run_started(RUN.id, Path("/d"), (), 9)
    for name in "abcde":
        reporter.step_started(StepName(name))
    reporter.run_finished(RUN)

    assert "a, b, c, 2 more" in stream.getvalue()


@pytest.mark.parametrize("kind", [_ClosedTerminal, _AsciiTerminal])
def test_bar_reporter__terminal_that_refuses__goes_on(kind: type[_Terminal]) -> None:
    """Neither a closed window nor a missing character ends the run."""
    stream = kind()
    reporter = BarReporter(stream)

    _play(reporter)

    assert reporter.run == RUN
    assert ("gr\\xf6\\xdfe" in stream.getvalue()) is (kind is _AsciiTerminal)


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
