"""What a run tells whoever watches it, and the plain way of showing that."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, StepFacts, StepRun
from kernelpipe.runs.wording import ago, counted, duration, items_summary


class Reporter(Protocol):
    """Watches a run; every method is called from the thread that called ``run_pipeline``."""

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Take note of the run: its steps in pipeline order and how many cells they execute."""

    def step_started(self, step: StepName) -> None:
        """Take note that a step is being started."""

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Take note that a step begins a cell; ``cell_index`` is the source notebook's."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Take note that a step executed a cell; ``cell_index`` is the source notebook's."""

    def step_finished(self, step: StepRun) -> None:
        """Take note of a step's final state.

        It is also called for steps that never started: those whose result was found, and those
        that cannot run.
        """

    def message(self, text: str) -> None:
        """Tell the user something that is not a state."""

    def run_finished(self, run: Run) -> None:
        """Take note of the run as it was recorded; called after interruptions, too."""


class SilentReporter:
    """Tells nobody."""

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Do nothing."""

    def step_started(self, step: StepName) -> None:
        """Do nothing."""

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Do nothing."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Do nothing."""

    def step_finished(self, step: StepRun) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def run_finished(self, run: Run) -> None:
        """Do nothing."""


class LenientStream:
    """A stream that takes every text.

    A reader that is gone (a closed terminal or pipe) is no reason to end the run, and neither is a
    character that the stream's encoding lacks: it comes out escaped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what can be written; return the length of ``text``."""
        with suppress(OSError, ValueError):  # ValueError: it was closed here
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                escaped = text.encode(self.encoding, "backslashreplace")
                self._stream.write(escaped.decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Hand everything to the system."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        with suppress(ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Return the number of the file, from which the width of a terminal is found."""
        return self._stream.fileno()


class PlainReporter:
    """Writes a line when the run starts, and when a step starts or ends.

    ``run`` is the run once it has ended; whoever started it reports on that.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.time) -> None:
        self.run: Run | None = None
        self._stream = LenientStream(stream)
        self._clock = clock

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Write the run's id and size."""
        del directory  # the report at the end names it
        sizes = f"{counted(len(steps), 'step')}, {counted(cells_total, 'cell')}"
        self.message(f"run {run_id}: {sizes}")

    def step_started(self, step: StepName) -> None:
        """Write that the step starts."""
        self.message(f"{step}: started")

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Write nothing: a line per cell would drown the steps."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Write nothing, likewise."""

    def step_finished(self, step: StepRun) -> None:
        """Write how it went."""
        self.message(describe_step(step, now=self._clock()))

    def message(self, text: str) -> None:
        """Write the text."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def run_finished(self, run: Run) -> None:
        """Keep the run."""
        self.run = run


def describe_step(step: StepRun, *, now: float) -> str:
    """Return the state of a finished step in one line.

    Args:
        step: The step.
        now: In seconds since the epoch, to say how old a result is that was found.
    """
    facts: StepFacts = json.loads(step.facts)
    if step.is_cached:
        items = f" all {counted(len(facts['items']), 'item')}" if "items" in facts else ""
        return f"{step.name}: found{items}{_origin(facts, now)}"
    time_text = "" if step.duration_s is None else f" in {duration(step.duration_s)}"
    attempts = facts.get("attempts", 1)
    tries = f" after {counted(attempts, 'attempt')}" if attempts > 1 else ""
    reason = f": {step.reason}" if step.reason else ""
    items = f" ({items_summary(facts['items'])})" if "items" in facts else ""
    return f"{step.name}: {step.state.value}{time_text}{tries}{items}{reason}"


def _origin(facts: StepFacts, now: float) -> str:
    """Return when and where the result that was found was made, as far as that is recorded."""
    age = f" {ago(now - facts['made_at'])}" if "made_at" in facts else ""
    where = f" in run {facts['made_in']}" if "made_in" in facts else ""
    return f" (ran{age}{where})" if age or where else ""
