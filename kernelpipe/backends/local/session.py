"""One step's papermill execution: its progress, its saves, its log, and how it ended."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.kernels import Kernel
from kernelpipe.backends.local.memory_limit import (
    MemoryLimit,
    Usage,
    cpu_seconds,
    forget_peak,
    peak_bytes,
)
from kernelpipe.backends.local.saves import Saves
from kernelpipe.backends.local.steplog import StepLog
from kernelpipe.model.run import CellUsage

EXECUTED = "executed.ipynb"
KERNEL_LOG = "kernel.log"
STEP_LOG = "log.txt"
STEP_NOTEBOOK = "step.ipynb"

_ENGINE = "kernelpipe-step"
_AUTOSAVE_EVERY_S = 5
_IOPUB_TIMEOUT_S = 120
"""How long outputs may lag behind the reply; papermill's 4 s lose the outputs of busy machines."""
_STARTUP_TIMEOUT_S = 120

# Heard by whoever configures logging; not printed when nobody does: run_pipeline reports it all.
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


class StepStoppedError(Exception):
    """The step was stopped from outside before it could start its next cell."""


class KernelStartError(Exception):
    """The kernel did not start or never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the execution of a step notebook ended.

    ``cell`` is the index in the step notebook of the last cell that was started, None if none was.
    ``ename`` is None when no cell raised; ``is_complete`` tells that every cell ran and none
    stopped the step.
    """

    cell: int | None
    is_complete: bool = False
    ename: str | None = None
    evalue: str = ""
    kernel_end: str | None = None
    """How the kernel's process ended ("" if unknown) when it did before it should; else None."""
    usage: Usage | None = None
    cells: tuple[CellUsage, ...] = ()
    """What the source cells used that were executed to their end, in that order."""
    memory: int | None = None
    """Bytes that were in use when it was ended for exceeding its limit; None if it was not."""


class Session:
    """Executes one step notebook with papermill, in the thread that calls :meth:`execute`.

    The other methods may be called from any thread.
    """

    def __init__(  # noqa: PLR0913 - the facts of a step, by name
        self,
        directory: Path,
        *,
        kernel: str,
        working_directory: Path,
        env: Mapping[str, str],
        on_cell: Callable[[int], None],
        on_cell_started: Callable[[int], None] | None = None,
        memory_bytes: int | None = None,
        take_kernel: Callable[[], Kernel] | None = None,
    ) -> None:
        """Prepare; nothing starts.

        Args:
            directory: The step's, with ``step.ipynb`` in it.
            kernel: Name of an installed kernelspec.
            working_directory: Of the kernel.
            env: Added to this process's environment.
            on_cell: Called with the source notebook's cell index after a cell was executed.
            on_cell_started: Likewise, before it is.
            memory_bytes: How much the step's processes may use together, None for no limit.
            take_kernel: Gives a kernel, maybe one that was started before; None makes a new one.
        """
        self._directory = directory
        self._kernel_name = kernel
        self._working_directory = working_directory
        self._env = env
        self._on_cell = on_cell
        self._on_cell_started = on_cell_started
        self._memory_bytes = memory_bytes
        self._take_kernel = take_kernel or (lambda: Kernel(kernel))
        self._lock = threading.Lock()
        self._kernel: Kernel | None = None
        self._client: Any = None
        self._is_stopping = False
        self._is_ready = False
        self._current: int | None = None
        self._kernel_end = ""
        self._error: Mapping[str, Any] | None = None
        self._meter = _Meter()

    def interrupt(self) -> None:
        """Stop the running cell with KeyboardInterrupt and start no further one."""
        self._stop(Kernel.interrupt)

    def terminate(self) -> None:
        """Ask the kernel's processes to end."""
        self._stop(Kernel.terminate)

    def kill(self) -> None:
        """End the kernel's processes at once."""
        self._stop(Kernel.kill)

    def execute(self) -> Ending:
        """Execute ``step.ipynb`` to ``executed.ipynb``; return when nothing of it runs any more.

        Raises:
            KernelStartError: If there is no kernel to execute it.
            OSError: If the step's files cannot be written.
        """
        started_at = time.monotonic()
        limit = MemoryLimit(self._memory_bytes, group=self._group, kill=self._kill_group)
        with limit:
            ending = self._execute()
        return replace(
            ending,
            usage=Usage(
                engine="kernel",
                wall_s=time.monotonic() - started_at,
                cpu_s=self._meter.cpu_s,
                peak_bytes=self._meter.peak_bytes,
            ),
            cells=tuple(self._meter.cells),
            memory=limit.exceeded if ending.kernel_end is not None else None,
        )

    def _execute(self) -> Ending:
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError

        papermill_engines.register(_ENGINE, _Engine)
        # papermill fills parameters into paths with str.format.
        path = str(self._directory / STEP_NOTEBOOK).replace("{", "{{").replace("}", "}}")
        is_stopped = False
        with _thread_loop():
            try:
                papermill.execute_notebook(
                    path,
                    None,  # the session itself saves the notebook: atomically, not too often
                    engine_name=_ENGINE,
                    kernel_name=self._kernel_name,
                    language="python",
                    progress_bar=False,
                    session=self,
                )
            except DeadKernelError:
                return Ending(
                    cell=self._current, ename="DeadKernelError", kernel_end=self._kernel_end
                )
            except PapermillExecutionError:
                # Raised for every error in the outputs, also for those that a cell's tag allows;
                # what stopped the step is in _error.
                _log.debug("papermill found an error in the outputs", exc_info=True)
            except StepStoppedError:
                is_stopped = True
        if self._error is None:
            return Ending(cell=self._current, is_complete=not is_stopped)
        return Ending(
            cell=self._current,
            ename=str(self._error.get("ename", "")),
            evalue=str(self._error.get("evalue", "")),
        )

    def run_cells(self, notebook: Any) -> Any:
        """Execute papermill's loaded notebook; called by the engine."""
        from nbclient.exceptions import DeadKernelError
        from papermill.engines import NotebookExecutionManager

        saves = Saves(notebook, self._directory / EXECUTED)
        manager = NotebookExecutionManager(
            notebook, progress_bar=False, autosave_cell_every=_AUTOSAVE_EVERY_S
        )
        manager.save = saves  # instead of its own, which writes in place around every cell
        notebook.metadata.papermill["input_path"] = str(self._directory / STEP_NOTEBOOK)
        notebook.metadata.papermill["output_path"] = str(self._directory / EXECUTED)
        manager.notebook_start()
        try:
            self._run_kernel(manager)
        except DeadKernelError as error:
            manager.cell_exception(notebook.cells[self._current], exception=error)
            raise
        finally:
            manager.notebook_complete()
            self._mark_unfinished(notebook)
            saves.save_now()
        return notebook

    def _run_kernel(self, manager: Any) -> None:
        from papermill.clientwrap import PapermillNotebookClient

        log = StepLog(self._directory / STEP_LOG)
        kernel_log = (self._directory / KERNEL_LOG).open("wb")
        with log, kernel_log, self._started_kernel() as kernel:
            self._client = PapermillNotebookClient(
                manager,
                km=kernel.manager,
                kernel_name=self._kernel_name,
                timeout=None,
                startup_timeout=_STARTUP_TIMEOUT_S,
                iopub_timeout=_IOPUB_TIMEOUT_S,
                log=_log,
                stdout_file=log,
                stderr_file=log,
                on_notebook_start=lambda **_: self._note_ready(kernel),
                on_cell_start=lambda cell, cell_index: self._start_cell(log, cell, cell_index),
                on_cell_execute=lambda cell, **_: self._begin_cell(cell),
                on_cell_executed=lambda cell, **_: self._finish_cell(cell),
                on_cell_error=lambda cell, execute_reply, **_: self._note_error(
                    log, cell, execute_reply["content"]
                ),
            )
            kernel.end_without_race(self._client)
            try:
                self._client.execute(
                    cleanup_kc=True,
                    env=os.environ | dict(self._env),
                    cwd=str(self._working_directory),
                    stdout=kernel_log,
                    stderr=kernel_log,
                )
            except (RuntimeError, OSError) as error:
                if self._is_ready:
                    raise
                raise KernelStartError(str(error)) from error

    @contextmanager
    def _started_kernel(self) -> Iterator[Kernel]:
        """Make a kernel that the stopping methods can reach; leave nothing of it behind."""
        kernel = self._take_kernel()
        with self._lock:
            self._kernel = kernel
        try:
            yield kernel
        finally:
            with self._lock:
                self._kernel = None
            self._kernel_end = kernel.describe_end()
            kernel.close()
            kernel.keep_log(self._directory / KERNEL_LOG)

    def _group(self) -> int | None:
        with self._lock:
            return None if self._kernel is None else self._kernel.group

    def _pid(self) -> int | None:
        with self._lock:
            return None if self._kernel is None else self._kernel.pid

    def _kill_group(self) -> None:
        with self._lock:
            if self._kernel is not None:
                self._kernel.kill()

    def _stop(self, signal_kernel: Callable[[Kernel], None]) -> None:
        with self._lock:
            self._is_stopping = True
            if self._kernel is None:
                return
            if self._client is not None:
                self._client.shutdown_kernel = "immediate"
            signal_kernel(self._kernel)

    def _note_ready(self, kernel: Kernel) -> None:
        self._is_ready = True
        kernel.guard()

    def _start_cell(self, log: StepLog, cell: Any, cell_index: int) -> None:
        if self._is_stopping:
            raise StepStoppedError
        self._current = cell_index
        log.cell(cell_title(cell))

    def _begin_cell(self, cell: Any) -> None:
        source = source_cell(cell)
        self._meter.begin(self._pid())
        if source is not None and self._on_cell_started is not None:
            self._on_cell_started(source)

    def _finish_cell(self, cell: Any) -> None:
        source = source_cell(cell)
        self._meter.finish(source)
        if source is not None:
            self._on_cell(source)

    def _note_error(self, log: StepLog, cell: Any, content: Mapping[str, Any]) -> None:
        for text in content.get("traceback", ()):
            log.line(text)
        if "raises-exception" not in cell.metadata.get("tags", ()):
            self._error = content

    def _mark_unfinished(self, notebook: Any) -> None:
        """Correct papermill's status of the cells that did not run or did not end."""
        last = -1 if self._current is None else self._current
        for index, cell in enumerate(notebook.cells):
            if index > last:
                cell.metadata.papermill["status"] = "pending"


def source_cell(cell: Mapping[str, Any]) -> int | None:
    """Return which cell of the source notebook a step notebook's cell stands for."""
    found = cell["metadata"].get("kernelpipe", {}).get("cell")
    return found if isinstance(found, int) else None


def cell_title(cell: Mapping[str, Any]) -> str:
    """Return how a step notebook's cell is called in the log: "cell 5", or its role."""
    source = source_cell(cell)
    if source is not None:
        return f"cell {source}"
    return str(cell["metadata"].get("kernelpipe", {}).get("role", "cell"))


class _Meter:
    """Measures, from outside, what the cells of one kernel use."""

    def __init__(self) -> None:
        self.cells: list[CellUsage] = []
        self.cpu_s: float | None = None
        """Of the kernel until its last cell ended."""
        self.peak_bytes: int | None = None
        self._pid: int | None = None
        self._started_at = 0.0
        self._cpu_s: float | None = None

    def begin(self, pid: int | None) -> None:
        """Begin with a cell that the process ``pid`` executes."""
        self._pid = pid
        if pid is not None:
            self._note_peak(pid)
            forget_peak(pid)
            self._cpu_s = cpu_seconds(pid)
        self._started_at = time.monotonic()

    def finish(self, source: int | None) -> None:
        """End with the cell; ``source`` is its index in the source notebook, if it has one."""
        if self._pid is None:
            return
        wall_s = time.monotonic() - self._started_at
        before, self.cpu_s = self._cpu_s, cpu_seconds(self._pid)
        cpu_s = None if self.cpu_s is None or before is None else self.cpu_s - before
        peak = self._note_peak(self._pid)
        if source is not None:
            self.cells.append(CellUsage(cell=source, wall_s=wall_s, cpu_s=cpu_s, peak_bytes=peak))

    def _note_peak(self, pid: int) -> int | None:
        peak = peak_bytes(pid)
        if peak is not None:
            self.peak_bytes = max(peak, self.peak_bytes or 0)
        return peak


class _Engine:
    """papermill's engine interface; the session that comes with each call does the work."""

    @staticmethod
    def execute_notebook(notebook: Any, kernel_name: str, *, session: Session, **_: object) -> Any:
        """Execute the notebook."""
        del kernel_name  # the session chose it
        return session.run_cells(notebook)

    @staticmethod
    def nb_kernel_name(nb: object, name: str) -> str:
        """Return the kernel's name."""
        del nb
        return name


@contextmanager
def _thread_loop() -> Iterator[None]:
    """Close the event loop that jupyter_core makes for this thread."""
    from jupyter_core.utils import ensure_event_loop  # noqa: PLC0415 - slow to import

    loop = ensure_event_loop()
    try:
        yield
    finally:
        with suppress(RuntimeError):
            loop.close()
