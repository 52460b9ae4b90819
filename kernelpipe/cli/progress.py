"""Show how a run goes: a bar on a terminal, lines elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, StepRun

if TYPE_CHECKING:
    from tqdm import tqdm


def choose_reporter(stream: TextIO) -> "LineReporter | BarReporter":
    """Return a reporter that suits ``stream``."""
    return BarReporter(stream) if stream.isatty() else LineReporter(stream)


class LineReporter:
    """Writes a line when the run starts, and when a step starts or ends.

    ``run`` is the run once it has ended.
    """

    def __init__(self, stream: TextIO) -> None:
        self.run: Run | None = None
        self._stream = stream

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Write the run's id and size."""
        del directory  # the report at the end names it
        self._write(f"run {run_id}: {len(steps)} steps, {cells_total} cells")

    def step_started(self, step: StepName) -> None:
        """Write that the step starts."""
        self._write(f"{step}: started")

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Write nothing: a line per cell would hide the steps."""

    def step_finished(self, step: StepRun) -> None:
        """Write the step's state, how long it took, and why it is not SUCCEEDED."""
        self._write(describe_step(step))

    def message(self, text: str) -> None:
        """Write the text."""
        self._write(text)

    def run_finished(self, run: Run) -> None:
        """Write nothing: the command prints its report."""
        self.run = run

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class BarReporter:
    """Draws one bar over all cells of the run, with the steps that run now beside it.

    ``run`` is the run once it has ended.
    """

    def __init__(self, stream: TextIO) -> None:
        self.run: Run | None = None
        self._stream = stream
        self._bar: tqdm[NoReturn] | None = None
        self._running: list[StepName] = []

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Draw the empty bar."""
        from tqdm import tqdm

        del directory, steps
        self._bar = tqdm(
            total=cells_total, desc=f"run {run_id}", unit="cell", file=self._stream, leave=False
        )

    def step_started(self, step: StepName) -> None:
        """Add the step to those that run now."""
        self._running.append(step)
        self._redraw()

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Move the bar by one cell."""
        del step, cell_index
        if self._bar is not None:
            self._bar.update()

    def step_finished(self, step: StepRun) -> None:
        """Write a line above the bar."""
        if step.name in self._running:
            self._running.remove(step.name)
        self.message(describe_step(step))
        self._redraw()

    def message(self, text: str) -> None:
        """Write the text above the bar."""
        if self._bar is None:
            self._stream.write(f"{text}\n")
        else:
            self._bar.write(text, file=self._stream)

    def run_finished(self, run: Run) -> None:
        """Remove the bar; the command prints its report."""
        self.run = run
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _redraw(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(self._running))


def describe_step(step: StepRun) -> str:
    """Return the state of a finished step in one line."""
    time = "" if step.duration_s is None else f" in {step.duration_s:.1f} s"
    reason = f": {step.reason}" if step.reason else ""
    return f"{step.name}: {step.state.value}{time}{reason}"
