"""Writes down in a run's directory what happens in it, for those who watch from elsewhere."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, StepFacts, StepRun
from kernelpipe.runs.events import EVENTS, EventFile

_FACTS: Final = ("started_s", "cell_count", "attempts", "made_in")
"""Of what is recorded about a step, what watching it takes; the rest can be long."""


class RecordingReporter:
    """Passes everything on to another reporter, after it was written to ``events.jsonl``.

    As a context manager it closes the file when the run cannot go on.
    """

    def __init__(
        self,
        reporter: Reporter,
        *,
        cells: Mapping[StepName, int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; the file is made when the run starts.

        Args:
            reporter: Is told everything, too.
            cells: Step name -> how many cells it executes, in pipeline order.
            clock: Seconds since the epoch.
        """
        self._reporter = reporter
        self._cells = cells
        self._clock = clock
        self._file: EventFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._close()

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Begin the file."""
        self._file = EventFile(directory / EVENTS)
        sizes = [{"name": step, "cells_total": self._cells[step]} for step in steps]
        self._write("run_started", steps=sizes)
        self._reporter.run_started(run_id, directory, steps, cells_total)

    def step_started(self, step: StepName) -> None:
        """Write that the step starts."""
        self._write("step_started", step=step)
        self._reporter.step_started(step)

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Write that the cell starts."""
        self._write("cell_started", step=step, cell=cell_index)
        self._reporter.cell_started(step, cell_index)

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Write that the cell has ended."""
        self._write("cell_finished", step=step, cell=cell_index)
        self._reporter.cell_finished(step, cell_index)

    def step_finished(self, step: StepRun) -> None:
        """Write how the step went."""
        facts: StepFacts = json.loads(step.facts)
        self._write(
            "step_finished",
            step=step.name,
            state=step.state.value,
            cached=step.is_cached,
            reason=step.reason,
            duration_s=step.duration_s,
            facts=_watched(facts),
            error=None if step.error is None else asdict(step.error),
        )
        self._reporter.step_finished(step)

    def message(self, text: str) -> None:
        """Write the text."""
        self._write("message", text=text)
        self._reporter.message(text)

    def run_finished(self, run: Run) -> None:
        """Write how the run went, and end the file."""
        self._write("run_finished", state=run.state.value, reason=run.reason)
        self._close()
        self._reporter.run_finished(run)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, kind: str, **facts: object) -> None:
        if self._file is not None:
            self._file.append({"time": self._clock(), "kind": kind, **facts})


def _watched(facts: StepFacts) -> dict[str, object]:
    """Return what watching a step takes; of the items of a loop all but what can be long."""
    found: dict[str, object] = {name: value for name, value in facts.items() if name in _FACTS}
    if "items" in facts:
        found["items"] = [
            {name: value for name, value in item.items() if name != "facts"}
            for item in facts["items"]
        ]
    return found
