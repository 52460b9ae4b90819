"""Tells everybody how the steps of a run go; the items of a loop are told of as one step."""

import json
from collections.abc import Sequence
from dataclasses import replace

from kernelpipe.backends.local.endings import count_cells
from kernelpipe.backends.local.exiting import Failures
from kernelpipe.backends.local.loop_records import LoopRecord
from kernelpipe.backends.local.looping import items_by_step
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.compiler import Task
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import RunState, StepFacts, StepRun
from kernelpipe.runs import RunStore
from kernelpipe.runs.tracking import Tracker


class StepBook:
    """Takes down what becomes of each task; every method is called from one thread."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        run_id: RunId,
        store: RunStore,
        tracker: Tracker,
        reporter: Reporter,
    ) -> None:
        """Prepare.

        Args:
            tasks: In pipeline order, those of items among them.
            run_id: Of the run.
            store: Where it is recorded.
            tracker: Is told how each step ended.
            reporter: Is told when a step starts and how it ended.
        """
        self.failures = Failures()
        self._tasks = {task.step: task for task in tasks}
        self._run_id = run_id
        self._store = store
        self._tracker = tracker
        self._reporter = reporter
        self._unrecorded: dict[StepName, StepRun] = {}
        self._loops = {
            step: LoopRecord(self._tasks[step], items)
            for step, items in items_by_step(tasks).items()
        }

    def started(self, step: StepName) -> None:
        """Take down that a step runs."""
        task = self._tasks[step]
        if task.item is None:
            self._unrecorded[step] = StepRun(name=step, state=RunState.RUNNING)
            self._reporter.step_started(step)
            return
        loop = self._loops[task.item.step]
        is_first = not loop.is_running
        loop.start(task.item.number)
        self._unrecorded[task.item.step] = loop.step_run()
        if is_first:
            self._reporter.step_started(task.item.step)

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Tell that a step begins a cell."""
        self._reporter.cell_started(self._tasks[step].public_step, cell_index)

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Tell that a step executed a cell."""
        self._reporter.cell_finished(self._tasks[step].public_step, cell_index)

    def ended(self, outcome: StepRun, facts: StepFacts | None = None) -> None:
        """Take down how a step ended.

        Args:
            outcome: With the facts that are known already.
            facts: Further ones.
        """
        task = self._tasks[outcome.name]
        known: StepFacts = json.loads(outcome.facts)
        if task.loop is None:
            known.setdefault("cell_count", count_cells(task))
        ended = replace(outcome, facts=json.dumps({**known, **(facts or {})}))
        name = task.public_step
        if name not in self._loops:
            self._tell(ended)
            return
        loop = self._loops[name]
        was_over = loop.is_over
        loop.end(None if task.item is None else task.item.number, ended)
        if loop.is_over and not was_over:
            self._tell(loop.step_run())
            for path, numbers in loop.written_twice().items():
                text = ", ".join(map(str, numbers))
                self._reporter.message(
                    f"step '{name}': its items {text} wrote {path}, maybe at the same time: give"
                    " each a file of its own"
                )
        elif not was_over and loop.has_begun:
            self._unrecorded[name] = loop.step_run()

    def write_down(self) -> None:
        """Record all that has changed, in one go: each transaction waits for the disk."""
        if self._unrecorded:
            self._store.record_steps(self._run_id, tuple(self._unrecorded.values()))
            self._unrecorded.clear()

    def _tell(self, step: StepRun) -> None:
        self.failures.note(step)
        self._unrecorded[step.name] = step
        self._tracker.step_finished(step)
        self._reporter.step_finished(step)
