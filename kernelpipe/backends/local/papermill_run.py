"""Executes the notebook that papermill hands to its engine ``kernelpipe``."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.machine import Machine
from kernelpipe.backends.local.papermill_pipeline import (
    PapermillPipeline,
    build_papermill_pipeline,
    source_path,
)
from kernelpipe.backends.local.papermill_progress import (
    CellLog,
    PapermillProgress,
    SteadyManager,
    ticking,
)
from kernelpipe.backends.local.pipeline import run_pipeline
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.compiler import lower
from kernelpipe.errors import RunError, RunInterruptedError, UsageError, did_you_mean
from kernelpipe.model.run import Run, RunState
from kernelpipe.runs import RunStore, default_home

_LEAST_JOBS = 2
_USUAL_START_TIMEOUT_S = 60
"""papermill's own; it always hands one on."""
_WATCH_EVERY_S = 0.2
_OWN_OPTIONS = ("kernelpipe_home", "kernelpipe_jobs", "kernelpipe_use_cache")
_TIMEOUT = "the execution timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What papermill hands to its engines, and our own options."""

    manager: Mapping[str, Any]
    """What papermill's manager of the notebook takes."""
    log: CellLog
    source: Path
    home: Path
    jobs: int
    is_cache_used: bool
    autosave_s: float
    """0 means never."""
    timeout_s: float | None
    """Of each cell."""


def execute(nb: Any, kernel_name: str, **options: Any) -> Any:
    """Execute the notebook as a pipeline; see :mod:`kernelpipe.backends.papermill_engine`."""
    from jupyter_client.kernelspec import KernelSpecManager
    from papermill.log import logger

    asked = _read(dict(options))
    KernelSpecManager().get_kernel_spec(kernel_name)
    found = build_papermill_pipeline(nb, source=asked.source, kernel_name=kernel_name)
    for warning in () if found is None else found.warnings:
        logger.warning("%s", warning)
    manager = SteadyManager(nb, **asked.manager)
    manager.notebook_start()
    try:
        if found is None:
            for index, cell in enumerate(nb.cells):
                manager.cell_start(cell, index)
                manager.cell_complete(cell, index)
        else:
            _run(manager, found, asked)
    finally:
        manager.cleanup_pbar()
        manager.notebook_complete()
    return manager.nb


def _run(manager: SteadyManager, found: PapermillPipeline, asked: _Options) -> None:
    from papermill.log import logger

    logger.info("Executing notebook with kernel: %s", found.pipeline.kernel_name)
    progress = PapermillProgress(manager, found.pipeline, asked.log)
    interruption: RunInterruptedError | None = None
    with Machine(jobs=asked.jobs) as machine:
        watch = _Watch(progress, machine, asked)
        with ticking(watch.look, every_s=watch.every_s), _only_own_log():
            try:
                run_pipeline(
                    found.pipeline,
                    lower(found.pipeline),
                    given={},
                    store=RunStore(asked.home),
                    request=RunRequest(
                        jobs=asked.jobs,
                        is_cache_used=asked.is_cache_used,
                        working_directory=Path.cwd(),
                        content=found.content,
                    ),
                    reporter=progress,
                    machine=machine,
                )
            except RunInterruptedError as error:
                interruption = error
    if watch.timed_out is not None:
        raise _timeout(manager.nb.cells[watch.timed_out], asked.timeout_s)
    if interruption is not None:
        if progress.run is not None and "SIGINT" in (progress.run.reason or ""):
            raise KeyboardInterrupt from interruption
        raise interruption
    if progress.run is not None:
        _raise_unshown(progress.run, manager.nb)


@contextmanager
def _only_own_log() -> Iterator[None]:
    """Keep out of papermill's log what it says of the notebooks of single steps.

    Kernels that cannot be forked execute those with papermill, in threads of their own.
    """
    from papermill.log import logger

    here = threading.get_ident()

    def is_own(record: logging.LogRecord) -> bool:
        return record.thread == here

    logger.addFilter(is_own)
    try:
        yield
    finally:
        logger.removeFilter(is_own)


class _Watch:
    """Saves the notebook now and then, and stops the run when a cell takes too long."""

    def __init__(self, progress: PapermillProgress, machine: Machine, asked: _Options) -> None:
        self.timed_out: int | None = None
        self._progress = progress
        self._machine = machine
        self._timeout_s = asked.timeout_s
        self._autosave_s = asked.autosave_s
        self._saved_at = time.monotonic()

    @property
    def every_s(self) -> float | None:
        """How often to look; None: never."""
        if self._timeout_s is not None:
            return _WATCH_EVERY_S
        return self._autosave_s or None

    def look(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._autosave_s and now - self._saved_at >= self._autosave_s:
            self._progress.save_now()
            self._saved_at = time.monotonic()
        if self._timeout_s is None or self.timed_out is not None:
            return
        for index, started_at in self._progress.running_since().items():
            if now - started_at > self._timeout_s:
                self.timed_out = index
                self._machine.stop(_TIMEOUT)
                return


def _read(options: dict[str, Any]) -> _Options:
    from papermill.iorw import papermill_io

    local_files = papermill_io.get_handler("local")
    directory = local_files.cwd(None)  # where papermill was called; it may have gone elsewhere
    local_files.cwd(directory)
    source = source_path(options.pop("input_path", None), directory=directory)
    home = options.pop("kernelpipe_home", None) or os.environ.get("KERNELPIPE_HOME")
    start_timeout_s = options.pop("start_timeout", _USUAL_START_TIMEOUT_S)
    autosave_s = options.pop("autosave_cell_every", 30)
    read = _Options(
        manager={
            "output_path": options.pop("output_path", None),
            "progress_bar": options.pop("progress_bar", True),
        },
        log=CellLog(
            is_logged=options.pop("log_output", False),
            stdout_file=options.pop("stdout_file", None),
            stderr_file=options.pop("stderr_file", None),
        ),
        source=source,
        home=default_home(source) if not home else Path(directory or "", home),
        jobs=_jobs(options.pop("kernelpipe_jobs", os.environ.get("KERNELPIPE_JOBS") or None)),
        is_cache_used=options.pop("kernelpipe_use_cache", True),
        autosave_s=autosave_s,
        timeout_s=options.pop("execution_timeout", None) or options.pop("timeout", None),
    )
    if start_timeout_s != _USUAL_START_TIMEOUT_S:
        options["start_timeout"] = start_timeout_s
    _refuse_unknown(options)
    return read


def _jobs(given: object) -> int:
    if given is None:
        return max(_LEAST_JOBS, os.cpu_count() or 1)
    try:
        jobs = int(str(given))
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise UsageError(
            f"'{given}' is not a whole number of at least 1",
            hint="KERNELPIPE_JOBS (kernelpipe_jobs in Python) says how many steps may run at once",
        )
    return jobs


def _refuse_unknown(options: Mapping[str, object]) -> None:
    """Refuse misspelt options of ours; tell which of other engines' have no effect."""
    from papermill.log import logger

    for name in options:
        if name.startswith("kernelpipe"):
            near = did_you_mean(name, _OWN_OPTIONS)
            raise UsageError(f"engine 'kernelpipe' has no option '{name}'", hint=near)
        if options[name] is not None:
            logger.warning("engine 'kernelpipe' does without the option '%s'", name)


def _timeout(cell: Any, timeout_s: float | None) -> Exception:
    from nbclient.exceptions import CellTimeoutError

    error: Exception = CellTimeoutError.error_from_timeout_and_cell(
        "Cell execution timed out", timeout_s, cell
    )
    return error


def _raise_unshown(run: Run, nb: Any) -> None:
    """Raise for a failed step whose cell shows no error; papermill raises for those that do."""
    from nbclient.exceptions import DeadKernelError

    for step in run.steps:
        error = step.error
        if step.state is not RunState.FAILED or (
            error is not None and _shows_error(nb, error.cell_index)
        ):
            continue
        if error is not None and error.ename == "DeadKernelError":
            raise DeadKernelError(error.evalue)
        raise RunError(f"step '{step.name}' failed: {step.reason}; its files: {run.directory}")


def _shows_error(nb: Any, cell_index: int | None) -> bool:
    return cell_index is not None and any(
        output["output_type"] == "error" for output in nb.cells[cell_index].get("outputs", ())
    )
