"""Runs one pipeline at many points: side by side on one machine, each point a run of its own."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from kernelpipe.backends.local.batch_records import BatchRecord, BatchRecords, notebook_sha256
from kernelpipe.backends.local.machine import Machine
from kernelpipe.backends.local.pipeline import run_pipeline
from kernelpipe.backends.local.reporting import SilentReporter
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.signals import on_stop_signal
from kernelpipe.compiler import Task
from kernelpipe.errors import KernelpipeError, RunInterruptedError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Metric, Run, RunFacts, RunState, StepError
from kernelpipe.notebook import write_notebook
from kernelpipe.runs import RunStore
from kernelpipe.runs.json_files import read_json
from kernelpipe.runs.tracking import Tracker

_RUNS_BESIDE_JOBS = 1
"""While one run begins or ends it needs no job slot; another can use it."""
_NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What the user asks of a batch besides its points."""

    run: RunRequest
    """How each point runs; its job slots are for all points together."""
    out_dir: Path | None = None
    """Where to put a copy of each point's executed notebook; an existing folder."""
    is_fail_fast: bool = False
    """Start no further point once one has FAILED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRun:
    """How one point went; PENDING when it was not started.

    ``given`` is JSON text of name -> value. ``steps_run`` and ``steps_found`` count steps that were
    executed and steps whose stored results were used.
    """

    index: int
    """Its place in the batch, from zero."""
    given: str
    state: RunState = RunState.PENDING
    run_id: RunId | None = None
    reason: str | None = None
    duration_s: float | None = None
    steps_run: int = 0
    steps_found: int = 0
    metrics: tuple[Metric, ...] = ()
    notebook: str | None = None
    failed_step: StepName | None = None
    error: StepError | None = None
    is_from_before: bool = False
    """It SUCCEEDED before the batch was continued."""

    def values(self) -> dict[str, object]:
        """Return the given values by name."""
        found: dict[str, object] = json.loads(self.given)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch; ``points`` are in order, ``varying`` are the parameters that differ."""

    id: str
    source: str
    home: str
    varying: tuple[str, ...]
    points: tuple[PointRun, ...]
    duration_s: float
    stopped_by: str | None = None
    """Name of the signal that stopped it."""

    @property
    def state(self) -> RunState:
        """CANCELED when it was stopped, else SUCCEEDED if every point did."""
        if all(point.state is RunState.SUCCEEDED for point in self.points):
            return RunState.SUCCEEDED
        return RunState.FAILED if self.stopped_by is None else RunState.CANCELED


class BatchReporter(Protocol):
    """Watches a batch; every method is called from the thread that called ``run_batch``."""

    def batch_started(self, batch_id: str, points_total: int, points_done: int) -> None:
        """Take note of the batch, and how many points SUCCEEDED before it was continued."""

    def point_started(self, index: int, values: Mapping[str, object]) -> None:
        """Take note that a point starts; ``values`` are those that vary."""

    def point_finished(self, point: PointRun) -> None:
        """Take note of how a point went."""

    def message(self, text: str) -> None:
        """Tell the user something else."""


class SilentBatchReporter:
    """Tells nobody."""

    def batch_started(self, batch_id: str, points_total: int, points_done: int) -> None:
        """Do nothing."""

    def point_started(self, index: int, values: Mapping[str, object]) -> None:
        """Do nothing."""

    def point_finished(self, point: PointRun) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A message from a point's run."""

    index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bug:
    """An exception that nobody expected, from a point's thread."""

    index: int
    error: Exception


_Event = PointRun | _Told | _Bug


def run_batch(
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    record: BatchRecord,
    store: RunStore,
    request: BatchRequest,
    reporter: BatchReporter,
) -> Batch:
    """Run the points of ``record`` that have not SUCCEEDED yet; return how all of them went.

    SIGINT and SIGTERM stop it when this is the main thread; a second one ends kernels at once.

    Args:
        pipeline: What ``tasks`` were lowered from; checked.
        tasks: In pipeline order.
        record: Of the batch; its points are checked against the pipeline.
        store: Where runs are recorded and their files are kept.
        request: How to run it.
        reporter: Who is told what happens.

    Raises:
        UsageError: If the home cannot be written; nothing was started.
    """
    records = BatchRecords(store.home)
    record = records.begin(record)
    with Machine(jobs=request.run.jobs) as machine:
        execution = _BatchExecution(
            pipeline,
            tasks,
            record=record,
            store=store,
            request=request,
            reporter=reporter,
            machine=machine,
        )
        with on_stop_signal(execution.stop):
            batch = execution.carry_out()
    Tracker(store.home, is_wanted=request.run.is_tracked).deliver_what_waits()
    if batch.state is RunState.SUCCEEDED:
        records.finish(record)
    return batch


class _BatchExecution:
    """The points of one batch; every method is called from one thread, runs have their own."""

    def __init__(  # noqa: PLR0913 - the facts of a batch, by name
        self,
        pipeline: Pipeline,
        tasks: Sequence[Task],
        *,
        record: BatchRecord,
        store: RunStore,
        request: BatchRequest,
        reporter: BatchReporter,
        machine: Machine,
    ) -> None:
        self._pipeline = pipeline
        self._tasks = tasks
        self._record = record
        self._store = store
        self._request = request
        self._reporter = reporter
        self._machine = machine
        self._most_runs = request.run.jobs + _RUNS_BESIDE_JOBS
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._points = {
            index: PointRun(index=index, given=given) for index, given in enumerate(record.points)
        }
        self._resumes: dict[int, RunId] = {}
        self._active: set[int] = set()
        self._stopped_by: str | None = None
        self._bug: Exception | None = None

    def stop(self, signal_name: str) -> None:
        """Start no further point and stop the runs; for signal handlers."""
        self._stopped_by = self._stopped_by or signal_name
        self._machine.stop(signal_name)

    def carry_out(self) -> Batch:
        """Run the points and return how they went."""
        started_at = time.monotonic()
        self._look_back()
        waiting = iter([p.index for p in self._points.values() if p.state is RunState.PENDING])
        done = sum(point.is_from_before for point in self._points.values())
        self._reporter.batch_started(self._record.id, len(self._points), done)
        self._start_more(waiting)
        while self._active:
            self._take(self._events.get())
            self._start_more(waiting)
        if self._bug is not None:
            raise self._bug
        return Batch(
            id=self._record.id,
            source=self._record.source,
            home=str(self._store.home),
            varying=self._record.varying,
            points=tuple(self._points.values()),
            duration_s=time.monotonic() - started_at,
            stopped_by=self._stopped_by,
        )

    def _look_back(self) -> None:
        """Take over the points that SUCCEEDED with the notebook as it is now."""
        sha256 = notebook_sha256(Path(self._record.source))
        seen: set[int] = set()
        for run in self._store.list_runs():  # the newest first
            facts: RunFacts = json.loads(run.facts)
            index = facts.get("point", -1)
            if facts.get("batch") != self._record.id or index not in self._points:
                continue
            is_done = run.state is RunState.SUCCEEDED and facts.get("notebook_sha256") == sha256
            if is_done and not self._points[index].is_from_before:
                self._points[index] = replace(
                    describe_point(self._points[index], run), is_from_before=True
                )
                self._copy_notebook(self._points[index])
            if index not in seen and run.state in {RunState.FAILED, RunState.CANCELED}:
                self._resumes[index] = run.id
            seen.add(index)

    def _copy_notebook(self, point: PointRun) -> None:
        """Put the executed notebook of a point that was done before where it is wanted."""
        out = self._out(point)
        if out is not None and not out.exists() and point.notebook is not None:
            write_notebook(read_json(Path(point.notebook)), out)

    def _start_more(self, waiting: Iterator[int]) -> None:
        while len(self._active) < self._most_runs and not self._is_ending():
            index = next(waiting, None)
            if index is None:
                return
            self._active.add(index)
            self._reporter.point_started(index, self._varying(self._points[index]))
            threading.Thread(
                target=self._work, args=(self._points[index],), name=f"point {index}", daemon=True
            ).start()

    def _is_ending(self) -> bool:
        if self._stopped_by is not None or self._bug is not None:
            return True
        return self._request.is_fail_fast and any(
            point.state is RunState.FAILED for point in self._points.values()
        )

    def _take(self, event: _Event) -> None:
        if isinstance(event, _Told):
            self._reporter.message(f"point {event.index + 1}: {event.text}")
            return
        self._active.discard(event.index)
        if isinstance(event, _Bug):
            self._bug = self._bug or event.error
            self._machine.stop("an error of kernelpipe itself")
            return
        self._points[event.index] = event
        self._reporter.point_finished(event)

    def _varying(self, point: PointRun) -> dict[str, object]:
        values = point.values()
        return {name: values[name] for name in self._record.varying if name in values}

    def _out(self, point: PointRun) -> Path | None:
        if self._request.out_dir is None:
            return None
        name = point_name(point.index, len(self._points), self._varying(point))
        return self._request.out_dir / f"{name}.ipynb"

    # -- in the threads of the points ------------------------------------------------------------
    def _work(self, point: PointRun) -> None:
        try:
            self._events.put(self._run(point))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: carry_out raises it
            self._events.put(_Bug(index=point.index, error=error))

    def _run(self, point: PointRun) -> PointRun:
        reporter = _RunReporter(
            lambda text: self._events.put(_Told(index=point.index, text=text)),
        )
        request = replace(
            self._request.run,
            out=self._out(point),
            resumes=self._resumes.get(point.index),
            batch=self._record.id,
            point=point.index,
        )
        try:
            run = run_pipeline(
                self._pipeline,
                self._tasks,
                given=point.values(),
                store=self._store,
                request=request,
                reporter=reporter,
                machine=self._machine,
            )
        except RunInterruptedError as error:
            if reporter.run is None:
                return replace(point, state=RunState.CANCELED, reason=str(error))
            run = reporter.run
        except KernelpipeError as error:
            ended = point if reporter.run is None else describe_point(point, reporter.run)
            return replace(ended, state=RunState.FAILED, reason=str(error))
        return describe_point(point, run)


class _RunReporter(SilentReporter):
    """Keeps the run of a point once it has ended, and passes messages on."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.run: Run | None = None
        self._tell = tell

    def message(self, text: str) -> None:
        """Pass the text on."""
        self._tell(text)

    def run_finished(self, run: Run) -> None:
        """Keep the run."""
        self.run = run


def describe_point(point: PointRun, run: Run) -> PointRun:
    """Return ``point`` as its run went."""
    failed = next((step for step in run.steps if step.state is RunState.FAILED), None)
    found = sum(step.is_cached for step in run.steps)
    ran = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED)
    return replace(
        point,
        state=run.state,
        run_id=run.id,
        reason=run.reason or (None if failed is None else failed.reason),
        duration_s=run.duration_s,
        steps_run=sum(step.state in ran for step in run.steps) - found,
        steps_found=found,
        metrics=run.metrics,
        notebook=run.notebook,
        failed_step=None if failed is None else failed.name,
        error=None if failed is None else failed.error,
    )


def point_name(index: int, points_total: int, values: Mapping[str, object]) -> str:
    """Return a file's name, without ending, for a point: its number and its values.

    Args:
        index: Its place in the batch, from zero; numbers in names count from one.
        points_total: How many points there are; numbers are as wide as the last one.
        values: Those that vary.
    """
    number = f"{index + 1:0{len(str(points_total))}d}"
    texts = [f"{name}={_plain(value)}" for name, value in values.items()]
    return "-".join([number, *texts])[:_NAME_CHARACTERS].rstrip(".-")


def _plain(value: object) -> str:
    """Return a value as text that is safe in a file's name."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(c if c.isalnum() or c in "._+-" else "_" for c in text)
