"""Show how a run goes: a bar on a terminal, lines elsewhere."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from kernelpipe.backends.local.reporting import LenientStream, PlainReporter, describe_step
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, StepFacts, StepRun

if TYPE_CHECKING:
    from tqdm import tqdm

_MOST_STEPS = 3


def choose_reporter(stream: TextIO) -> "PlainReporter | BarReporter":
    """Return a reporter that suits ``stream``."""
    return BarReporter(stream) if LenientStream(stream).isatty() else PlainReporter(stream)


class BarReporter:
    """Draws one bar over all cells of the run, with the steps and cells that run now beside it.

    ``run`` is the run once it has ended.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.time) -> None:
        self.run: Run | None = None
        self._stream = LenientStream(stream)
        self._clock = clock
        self._bar: tqdm[NoReturn] | None = None
        self._running: dict[StepName, int | None] = {}
        """Step -> index of the cell that it executes, None before its first."""
        self._finished: dict[StepName, set[int]] = {}
        """Step -> its cells that the bar has counted; another attempt counts none again."""

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
        self._running[step] = None
        self._redraw()

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Show the cell beside its step."""
        self._running[step] = cell_index
        self._redraw()

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Move the bar by one cell."""
        finished = self._finished.setdefault(step, set())
        if cell_index not in finished:
            finished.add(cell_index)
            self._advance(1)

    def step_finished(self, step: StepRun) -> None:
        """Write a line above the bar; a step that was found moves it by all of its cells."""
        self._running.pop(step.name, None)
        if step.is_cached:
            facts: StepFacts = json.loads(step.facts)
            self._advance(facts.get("cell_count", 0))
        self.message(describe_step(step, now=self._clock()))
        self._redraw()

    def message(self, text: str) -> None:
        """Write the text above the bar."""
        if self._bar is None:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        else:
            self._bar.write(text, file=self._stream)

    def run_finished(self, run: Run) -> None:
        """Remove the bar; the command prints its report."""
        self.run = run
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _advance(self, cells: int) -> None:
        if self._bar is not None:
            self._bar.update(cells)

    def _redraw(self) -> None:
        if self._bar is None:
            return
        shown = [
            step if cell is None else f"{step} cell {cell}" for step, cell in self._running.items()
        ]
        if len(shown) > _MOST_STEPS:
            shown[_MOST_STEPS:] = [f"{len(shown) - _MOST_STEPS} more"]
        self._bar.set_postfix_str(", ".join(shown))
