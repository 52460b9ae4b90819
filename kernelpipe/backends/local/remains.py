"""What the steps of a run left: the cells that they executed, and their metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelpipe.backends.local.looping import items_by_step
from kernelpipe.backends.local.merged import found_cells, joined_items
from kernelpipe.backends.local.outcome import ExecutedCell, read_executed, read_metrics
from kernelpipe.backends.local.planning import Planner
from kernelpipe.backends.local.resuming import Restart
from kernelpipe.compiler import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.result import Result
from kernelpipe.model.run import Metric


class Remains:
    """Knows the directory of each step that was found or started."""

    def __init__(
        self, tasks: Sequence[Task], *, planner: Planner, restarts: Mapping[StepName, Restart]
    ) -> None:
        """Begin with nothing.

        Args:
            tasks: In pipeline order, those of items among them.
            planner: Knows the code that counts.
            restarts: Steps that begin within: where the run that is continued stopped.
        """
        self._tasks = {task.step: task for task in tasks}
        self._items = items_by_step(tasks)
        self._planner = planner
        self._restarts = restarts
        self._directories: dict[StepName, Path] = {}
        self._found: dict[StepName, Result] = {}

    def note_attempt(self, step: StepName, directory: Path) -> None:
        """Take note of an attempt; the last one counts."""
        self._directories[step] = directory

    def note_found(self, step: StepName, result: Result, directory: Path) -> None:
        """Take note of a result that is used, shown in ``directory``."""
        self._directories[step] = directory
        self._found[step] = result

    def executed(self) -> tuple[tuple[ExecutedCell, ...], ...]:
        """Return what each step executed, now or when its result was made, in pipeline order.

        The items of a loop are one step.
        """
        return tuple(
            self._executed_by_items(step) if task.loop is not None else self._executed(step)
            for step, task in self._tasks.items()
            if step in self._directories or task.loop is not None
            if task.item is None
        )

    def metrics(self) -> dict[StepName, tuple[Metric, ...]]:
        """Return step name -> its metrics, in pipeline order; those of loops are series."""
        return {
            step: self.metrics_of(step)
            for step, task in self._tasks.items()
            if step in self._directories and task.item is None
        }

    def metrics_of(self, step: StepName) -> tuple[Metric, ...]:
        """Return the metrics of a step that was found or started."""
        if step in self._found:
            return self._found[step].metrics
        return read_metrics(self._directories[step])

    def _executed(self, step: StepName) -> tuple[ExecutedCell, ...]:
        directory = self._directories[step]
        if step in self._found:
            return found_cells(
                directory, self._found[step], self._tasks[step], self._planner.code(step)
            )
        executed = read_executed(directory)
        restart = self._restarts.get(step)
        if restart is None:
            return executed
        ran = {cell.index for cell in executed}
        return tuple(cell for cell in restart.executed if cell.index not in ran) + executed

    def _executed_by_items(self, loop: StepName) -> tuple[ExecutedCell, ...]:
        """Return what all items of a loop executed, cell by cell."""
        return joined_items(
            self._tasks[loop],
            [
                (f"{task.step}: {task.item.text}", self._executed(task.step))
                for task in self._items[loop]
                if task.item is not None and task.step in self._directories
            ],
        )
