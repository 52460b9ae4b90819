"""What a run tells whoever watches it, and the plain way of showing that."""

from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepRun


class Reporter(Protocol):
    """Watches a run; every method is called from the thread that called ``run_pipeline``."""

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Take note of the run: its steps in pipeline order and how many cells they execute."""

    def step_started(self, step: StepName) -> None:
        """Take note that a step's kernel is being started."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Take note that a step executed a cell; ``cell_index`` is the source notebook's."""

    def step_finished(self, step: StepRun) -> None:
        """Take note of a step's final state; called for steps that never started, too."""

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

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Do nothing."""

    def step_finished(self, step: StepRun) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def run_finished(self, run: Run) -> None:
        """Do nothing."""


class PlainReporter:
    """Writes one line per event to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Write the run's id, size and directory."""
        self._line(f"run {run_id}: {len(steps)} steps, {cells_total} cells, in {directory}")

    def step_started(self, step: StepName) -> None:
        """Write that the step starts."""
        self._line(f"{step}: {RunState.RUNNING.value}")

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Write nothing: a line per cell would drown the steps."""

    def step_finished(self, step: StepRun) -> None:
        """Write the step's state, how long it took, and what went wrong."""
        text = f"{step.name}: {step.state.value}"
        if step.duration_s is not None:
            text += f" ({step.duration_s:.1f} s)"
        if step.reason:
            text += f": {step.reason}"
        self._line(text)

    def message(self, text: str) -> None:
        """Write the text."""
        self._line(text)

    def run_finished(self, run: Run) -> None:
        """Write the run's state and where the executed notebook is."""
        duration = "" if run.duration_s is None else f" ({run.duration_s:.1f} s)"
        reason = f": {run.reason}" if run.reason else ""
        self._line(f"run {run.id}: {run.state.value}{duration}{reason}")
        if run.notebook:
            self._line(f"executed notebook: {run.notebook}")

    def _line(self, text: str) -> None:
        # A reader that is gone (a closed terminal or pipe) is no reason to end the run.
        with suppress(OSError):
            self._stream.write(f"{text}\n")
            self._stream.flush()
