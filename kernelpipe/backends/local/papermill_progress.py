"""Shows a run in the notebook that papermill saves: outputs, times, states, logs, progress bar."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Only papermill's engine imports this module, so papermill is there already.
from papermill.engines import NotebookExecutionManager  # noqa: TID253
from papermill.log import logger  # noqa: TID253

from kernelpipe.backends.local.session import EXECUTED, source_cell
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run, RunState, StepRun
from kernelpipe.runs.json_files import read_json

_SAVE_SHARE = 0.1
"""Saving takes at most this part of the time, however big the outputs are."""
_ENDED = ("completed", "failed")


class SteadyManager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """papermill's manager of a notebook's metadata, which saves without slowing the run down.

    papermill writes the whole notebook twice per cell.
    """

    def __init__(self, nb: Any, **options: Any) -> None:
        super().__init__(nb, **options)
        self._next_save_at = 0.0

    def save(self, **_: object) -> None:
        """Write the notebook if enough time has passed since the last time."""
        if time.monotonic() >= self._next_save_at:
            self.save_now()

    def save_now(self) -> None:
        """Write the notebook."""
        started_at = time.monotonic()
        super().save()
        ended_at = time.monotonic()
        self._next_save_at = ended_at + (ended_at - started_at) / _SAVE_SHARE

    def notebook_complete(self, **_: object) -> None:
        """Note the end; papermill would call every cell completed that has not failed."""
        self.end_time = self.now()
        noted = self.nb.metadata.papermill
        noted["end_time"] = self.end_time.isoformat()
        noted["duration"] = (self.end_time - self.start_time).total_seconds()
        self.complete_pbar()
        self.cleanup_pbar()
        self.save_now()


class CellLog:
    """Where papermill's user wants to read what cells write: the log, files."""

    def __init__(self, *, is_logged: bool, stdout_file: Any, stderr_file: Any) -> None:
        self._is_logged = is_logged
        self._files = {"stdout": stdout_file, "stderr": stderr_file}
        self._announced: set[int] = set()
        self._ended: set[int] = set()

    @property
    def is_wanted(self) -> bool:
        """Tell whether anything is to be written at all."""
        return self._is_logged or any(self._files.values())

    def announce(self, index: int) -> None:
        """Write that a cell starts, once."""
        if self._is_logged and index not in self._announced:
            logger.info(f"Executing Cell {index + 1:-<40}")
        self._announced.add(index)

    def end(self, index: int, outputs: Iterable[Mapping[str, Any]]) -> None:
        """Write a cell's outputs and that it has ended, once."""
        if index in self._ended:
            return
        self._ended.add(index)
        self.announce(index)
        for output in outputs:
            self._write(output)
        if self._is_logged:
            logger.info(f"Ending Cell {index + 1:-<43}")

    def _write(self, output: Mapping[str, Any]) -> None:
        if output["output_type"] == "stream":
            text = "".join(output["text"])
            if self._is_logged:
                log = logger.info if output["name"] == "stdout" else logger.warning
                log("%s", text)
            file = self._files[output["name"]]
            if file:
                file.write(text)
                file.flush()
        elif self._is_logged and "text/plain" in output.get("data", {}):
            logger.info("%s", "".join(output["data"]["text/plain"]))


class PapermillProgress:
    """Reports a run to papermill; its methods may be called from any thread.

    Of a cell that several steps execute (setup), the step that began it first counts.
    """

    def __init__(self, manager: SteadyManager, pipeline: Pipeline, log: CellLog) -> None:
        self.run: Run | None = None
        self._manager = manager
        self._cells = manager.nb.cells
        self._steps = {step.name: step for step in pipeline.steps}
        self._log = log
        self._lock = threading.RLock()
        self._directory = Path()
        self._owners: dict[int, StepName] = {}
        self._running: dict[tuple[StepName, int], float] = {}
        self._unlogged: dict[StepName, list[int]] = {}
        self._numbers = _numbers(self._cells, pipeline.skipped)

    def running_since(self) -> dict[int, float]:
        """Return cell index -> ``time.monotonic`` of its start, of the cells that run now."""
        with self._lock:
            return {index: started for (_, index), started in self._running.items()}

    def save_now(self) -> None:
        """Write the notebook with the outputs so far, also of cells that still run."""
        with self._lock:
            for step in {step for step, _ in self._running}:
                self._take_outputs(step)
            self._manager.save_now()

    # -- what a run tells its reporter -----------------------------------------------------------
    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Take note of where the run's files are."""
        del run_id, steps, cells_total
        self._directory = directory

    def step_started(self, step: StepName) -> None:
        """Do nothing: papermill knows cells only."""

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Mark the cell as running."""
        with self._lock:
            self._running[step, cell_index] = time.monotonic()
            if self._owners.setdefault(cell_index, step) != step:
                return
            self._complete_above(cell_index, step)
            self._write_log(step, is_ended=False)
            if not self._unlogged.get(step):
                self._log.announce(cell_index)
            self._manager.cell_start(self._cells[cell_index], cell_index)

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Mark the cell as completed; whether it failed is known when its step ends."""
        with self._lock:
            self._running.pop((step, cell_index), None)
            if self._owners.get(cell_index) != step:
                return
            if self._log.is_wanted:
                self._unlogged.setdefault(step, []).append(cell_index)
                self._write_log(step, is_ended=False)
            self._manager.cell_complete(self._cells[cell_index], cell_index)

    def step_finished(self, step: StepRun) -> None:
        """Mark the cells of a step whose result was found; tell why others failed."""
        with self._lock:
            for running in [each for each in self._running if each[0] == step.name]:
                del self._running[running]
            if step.is_cached:
                self._show_found(step.name)
                return
            self._take_outputs(step.name)
            self._write_log(step.name, is_ended=True)
        if step.state is RunState.FAILED:
            logger.error("step '%s' failed: %s", step.name, step.reason)

    def message(self, text: str) -> None:
        """Write the text to papermill's log."""
        logger.info("%s", text)

    def run_finished(self, run: Run) -> None:
        """Complete the notebook from the run's own."""
        with self._lock:
            self.run = run
            self._take_merged(run)
            for step in run.steps:
                if not step.is_cached and step.notebook is not None:
                    self._take_metadata(step.name, read_json(Path(step.notebook)))
            self._settle(run)
            self._manager.nb.metadata.papermill["kernelpipe"] = {
                "run_id": run.id,
                "directory": run.directory,
                "found": [step.name for step in run.steps if step.is_cached],
            }

    # -- outputs ---------------------------------------------------------------------------------
    def _executed(self, step: StepName) -> dict[int, Mapping[str, Any]]:
        """Return source cell -> cell of the newest executed notebook of the step, so far."""
        found = [
            path
            for path in self._directory.glob(f"steps/*/{EXECUTED}")
            if path.parent.name.partition("-")[2].partition(".")[0] == step
        ]
        newest = max(found, key=lambda path: path.stat().st_mtime_ns, default=None)
        cells = [] if newest is None else read_json(newest).get("cells", [])
        return {index: cell for cell in cells if (index := source_cell(cell)) is not None}

    def _take_outputs(self, step: StepName) -> None:
        for index, cell in self._executed(step).items():
            if self._owners.get(index) == step and cell.get("execution_count") is not None:
                number = self._numbers.get(index)
                self._show(index, [_numbered(o, number) for o in cell["outputs"]], number)

    def _take_merged(self, run: Run) -> None:
        if run.notebook is None:
            return
        for index, cell in enumerate(read_json(Path(run.notebook)).get("cells", ())):
            if cell["cell_type"] == "code":
                self._show(index, cell["outputs"], cell["execution_count"])

    def _show(
        self, index: int, outputs: Sequence[Mapping[str, Any]], execution_count: int | None
    ) -> None:
        from nbformat import from_dict

        self._cells[index].outputs = [from_dict(dict(output)) for output in outputs]
        self._cells[index].execution_count = execution_count

    def _write_log(self, step: StepName, *, is_ended: bool) -> None:
        """Write the outputs of cells that have ended, in order, as far as they are known."""
        waiting = self._unlogged.get(step, []) if self._log.is_wanted else []
        executed = self._executed(step) if waiting else {}
        while waiting:
            cell = executed.get(waiting[0], {})
            status = cell.get("metadata", {}).get("papermill", {}).get("status")
            if not is_ended and status not in _ENDED and waiting[0] in self._numbers:
                return  # not saved yet; the next event comes soon
            self._log.end(waiting.pop(0), cell.get("outputs", ()))

    # -- metadata --------------------------------------------------------------------------------
    def _show_found(self, step: StepName) -> None:
        found = self._steps[step]
        for cell in (*(setup.cell for setup in found.setup), *found.cells, *found.tests):
            if cell.index not in self._owners:
                self._owners[cell.index] = step
                self._complete(cell.index)

    def _complete_above(self, index: int, step: StepName) -> None:
        """Complete the cells right above that have nothing to execute, as papermill does."""
        first = index
        while first > 0 and first - 1 not in self._numbers:
            first -= 1
        for above in range(first, index):
            if self._cells[above].metadata.papermill["status"] not in _ENDED:
                self._complete(above)
                if self._log.is_wanted:
                    self._unlogged.setdefault(step, []).append(above)

    def _complete(self, index: int) -> None:
        self._manager.cell_start(self._cells[index], index)
        self._manager.cell_complete(self._cells[index], index)

    def _take_metadata(self, step: StepName, executed: Mapping[str, Any]) -> None:
        """Take over times and states of cells, and what the kernel says of itself and widgets."""
        from nbformat import from_dict

        for cell in executed.get("cells", ()):
            index = source_cell(cell)
            if index is None or self._owners.get(index) != step:
                continue
            for key in ("papermill", "execution"):
                if key in cell["metadata"]:
                    self._cells[index].metadata[key] = from_dict(cell["metadata"][key])
        metadata, about = self._manager.nb.metadata, executed.get("metadata", {})
        if "version" in about.get("language_info", {}):
            metadata["language_info"] = from_dict(about["language_info"])
        for kind, states in about.get("widgets", {}).items():
            kept = metadata.setdefault("widgets", from_dict({})).setdefault(kind, from_dict(states))
            kept.setdefault("state", from_dict({})).update(from_dict(states.get("state", {})))

    def _settle(self, run: Run) -> None:
        """Mark cells that failed, and those that had nothing to execute."""
        failed = [step.error.cell_index for step in run.steps if step.error is not None]
        for index in sorted(index for index in failed if index is not None):
            self._manager.cell_exception(self._cells[index], index)
        bad = [i for i, c in enumerate(self._cells) if c.metadata.papermill["status"] == "failed"]
        end = min(bad, default=len(self._cells) if run.state is RunState.SUCCEEDED else 0)
        for index, cell in enumerate(self._cells):
            if cell.metadata.papermill["status"] in _ENDED:
                self._log.end(index, cell.get("outputs", ()))
            elif index < end and (run.state is RunState.SUCCEEDED or index not in self._numbers):
                self._complete(index)
                self._log.end(index, cell.get("outputs", ()))
            else:
                cell.metadata.papermill.update(
                    status="pending", exception=None, start_time=None, end_time=None, duration=None
                )


@contextmanager
def ticking(call: Any, *, every_s: float | None) -> Iterator[None]:
    """Call ``call`` again and again from a thread while the block runs; None: never."""
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.wait(every_s):
            call()

    if every_s is None:
        yield
        return
    thread = threading.Thread(target=tick, name="papermill autosave", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _numbers(cells: Sequence[Mapping[str, Any]], skipped: Sequence[int]) -> dict[int, int]:
    """Return cell index -> execution count, of the cells that have something to execute."""
    numbers: dict[int, int] = {}
    for index, cell in enumerate(cells):
        if cell["cell_type"] == "code" and cell["source"].strip() and index not in skipped:
            numbers[index] = len(numbers) + 1
    return numbers


def _numbered(output: Mapping[str, Any], number: int | None) -> Mapping[str, Any]:
    if output["output_type"] != "execute_result":
        return output
    return {**output, "execution_count": number}
