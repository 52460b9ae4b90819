"""Carries out the steps of one run: starts, watches, retries and stops them, and records it all."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from kernelpipe.backends.local.attempt import (
    Attempt,
    AttemptEnded,
    CellFinished,
    Event,
    StopRequested,
)
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.backends.local.schedule import Schedule
from kernelpipe.backends.local.session import Session
from kernelpipe.backends.local.stopping import Stopping
from kernelpipe.backends.local.workspace import Workspace
from kernelpipe.compiler import Task
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import RunState, StepError, StepRun
from kernelpipe.runs import RunStore

_CLEAN_UP_S = 15.0
"""How long to wait for kernels to end when the run cannot go on."""


class Execution:
    """The steps of one run; every method is called from one thread.

    Attempts run in threads of their own and tell what happens through ``events``, the only thing
    that is shared; signal handlers use it, too.
    """

    def __init__(  # noqa: PLR0913 - the facts of a run, by name
        self,
        tasks: Sequence[Task],
        *,
        run_id: RunId,
        workspace: Workspace,
        working_directory: Path,
        kernel: str,
        given: Mapping[str, object],
        store: RunStore,
        jobs: int,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing starts.

        Args:
            tasks: In pipeline order.
            run_id: Of the run, which is in the store.
            workspace: The run's files.
            working_directory: Of the kernels.
            kernel: Name of an installed kernelspec.
            given: Parameter name -> value that the user gave.
            store: Where states are recorded.
            jobs: How many steps may run at the same time.
            reporter: Who is told.
            clock: Seconds that only go forward.
        """
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.stopped_by: str | None = None
        self._tasks = {task.step: task for task in tasks}
        self._positions = {task.step: position for position, task in enumerate(tasks)}
        self._run_id = run_id
        self._workspace = workspace
        self._working_directory = working_directory
        self._kernel = kernel
        self._given = given
        self._store = store
        self._jobs = jobs
        self._reporter = reporter
        self._clock = clock
        self._schedule = Schedule({task.step: task.after for task in tasks})
        self._active: dict[StepName, Attempt] = {}
        self._started_at: dict[StepName, float] = {}
        self._directories: dict[StepName, Path] = {}

    def carry_out(self) -> RunState:
        """Run every step that can run; return the run's final state.

        Raises:
            RunError: If the run cannot be recorded any more.
        """
        try:
            self._start_ready()
            while self._active:
                self._wait()
                self._start_ready()
        except BaseException:
            self._clean_up()
            raise
        if self.stopped_by is not None and self._schedule.final_state() is not RunState.SUCCEEDED:
            return RunState.CANCELED
        return self._schedule.final_state()

    def directories(self) -> dict[StepName, Path]:
        """Return step name -> directory of its last attempt, in pipeline order."""
        return {step: self._directories[step] for step in self._tasks if step in self._directories}

    def _start_ready(self) -> None:
        for blocked, blame in self._schedule.skip_blocked():
            self._record_skipped(blocked, f"step '{blame}' failed")
        while self.stopped_by is None and len(self._active) < self._jobs:
            step = self._schedule.next_ready()
            if step is None:
                break
            self._schedule.mark(step, RunState.RUNNING)
            self._started_at[step] = self._clock()
            self._store.record_step(self._run_id, StepRun(name=step, state=RunState.RUNNING))
            self._reporter.step_started(step)
            self._start_attempt(self._tasks[step], 1)

    def _start_attempt(self, task: Task, number: int) -> None:
        directory = self._workspace.step(self._positions[task.step], task.step, number)
        finished = {port.step: self._directories[port.step] for port in task.inputs}
        attempt = Attempt(
            task,
            directory,
            number=number,
            session=Session(
                directory,
                kernel=self._kernel,
                working_directory=self._working_directory,
                # The order of sets must not differ between steps.
                env={"PYTHONHASHSEED": "0"} | {e.key: e.value for e in task.settings.env},
                on_cell=lambda index: self.events.put(
                    CellFinished(step=task.step, cell_index=index)
                ),
            ),
            prepare=lambda: self._workspace.prepare_step(
                task, directory, given=self._given, finished=finished
            ),
            events=self.events,
        )
        if task.settings.timeout_s is not None:
            attempt.timeout_at = self._clock() + task.settings.timeout_s
        self._active[task.step] = attempt
        self._directories[task.step] = directory
        attempt.start()

    def _wait(self) -> None:
        """Take one event, or do what has become due."""
        due_at = [
            attempt.stopping.due_at if attempt.stopping else attempt.timeout_at
            for attempt in self._active.values()
        ]
        next_at = min((at for at in due_at if at is not None), default=None)
        try:
            event = self.events.get(
                timeout=None if next_at is None else max(0.0, next_at - self._clock())
            )
        except Empty:
            self._stop_due()
            return
        if isinstance(event, CellFinished):
            self._reporter.cell_finished(event.step, event.cell_index)
        elif isinstance(event, StopRequested):
            self._stop_all(event.signal_name)
        else:
            self._end_attempt(event)

    def _stop_due(self) -> None:
        now = self._clock()
        for attempt in tuple(self._active.values()):
            if attempt.stopping is not None and attempt.stopping.due_at <= now:
                attempt.stopping.advance()
                if attempt.stopping.is_given_up:
                    self._finish(attempt, self._unfinished(attempt, None))
            elif attempt.timeout_at is not None and attempt.timeout_at <= now:
                attempt.timeout_at = None
                attempt.is_timed_out = True
                attempt.stopping = Stopping(attempt.session, clock=self._clock)

    def _stop_all(self, signal_name: str) -> None:
        """Begin to stop every step; a second request ends their kernels at once."""
        is_first = self.stopped_by is None
        if is_first:
            self.stopped_by = signal_name
        for attempt in self._active.values():
            if attempt.stopping is None:
                attempt.stopping = Stopping(attempt.session, clock=self._clock)
            elif not is_first:
                attempt.stopping.kill()
        if is_first:
            self._store.record_run(self._run_id, RunState.CANCELING)
            self._reporter.message(
                f"{signal_name}: stopping; once more to kill the kernels at once"
            )
            for step in self._schedule.skip_pending():
                self._record_skipped(step, "the run was stopped")

    def _end_attempt(self, ended: AttemptEnded) -> None:
        attempt = self._active.get(ended.step)
        if attempt is None or attempt.number != ended.number:
            return  # it was given up
        if ended.bug is not None:
            del self._active[ended.step]
            reason = f"kernelpipe itself failed: {ended.bug!r}"
            self._store.record_run(self._run_id, RunState.FAILED, reason=reason)
            raise ended.bug
        if ended.is_complete:
            self._finish(attempt, StepRun(name=ended.step, state=RunState.SUCCEEDED))
            return
        unfinished = self._unfinished(attempt, ended.error)
        tries = 1 + (attempt.task.settings.retry or 0)
        if unfinished.state is RunState.FAILED and attempt.number < tries and not self.stopped_by:
            self._reporter.message(
                f"step '{ended.step}' failed ({unfinished.reason});"
                f" attempt {attempt.number + 1} of {tries}"
            )
            self._start_attempt(attempt.task, attempt.number + 1)
            return
        self._finish(attempt, unfinished)

    def _unfinished(self, attempt: Attempt, error: StepError | None) -> StepRun:
        """Return how a step that did not complete is recorded."""
        step = attempt.task.step
        cell = None if error is None else error.cell_index
        if attempt.is_timed_out:
            reason = f"it took longer than its timeout of {attempt.task.settings.timeout_s:g} s"
            error = StepError(
                cell_index=cell,
                line=None if error is None else error.line,
                ename="TimeoutError",
                evalue=reason,
            )
            return StepRun(name=step, state=RunState.FAILED, reason=reason, error=error)
        if attempt.stopping is not None:
            where = "" if cell is None else f" in cell {cell}"
            reason = f"stopped by {self.stopped_by}{where}"
            return StepRun(name=step, state=RunState.CANCELED, reason=reason)
        return StepRun(
            name=step,
            state=RunState.FAILED,
            reason=None if error is None else describe_error(error),
            error=error,
        )

    def _finish(self, attempt: Attempt, outcome: StepRun) -> None:
        step = attempt.task.step
        del self._active[step]
        self._schedule.mark(step, outcome.state)
        self._record(
            StepRun(
                name=step,
                state=outcome.state,
                reason=outcome.reason,
                duration_s=self._clock() - self._started_at[step],
                notebook=attempt.notebook,
                error=outcome.error,
            )
        )

    def _record_skipped(self, step: StepName, reason: str) -> None:
        self._record(StepRun(name=step, state=RunState.SKIPPED, reason=reason))

    def _record(self, step: StepRun) -> None:
        self._store.record_step(self._run_id, step)
        self._reporter.step_finished(step)

    def _clean_up(self) -> None:
        """Kill every kernel and wait until their threads have let go of them."""
        for attempt in self._active.values():
            attempt.session.kill()
        give_up_at = self._clock() + _CLEAN_UP_S
        while self._active and (left := give_up_at - self._clock()) > 0:
            try:
                event = self.events.get(timeout=left)
            except Empty:
                break
            if isinstance(event, AttemptEnded):
                self._active.pop(event.step, None)


def describe_error(error: StepError) -> str:
    """Return one line that says where a step failed and why."""
    where = "" if error.cell_index is None else f"cell {error.cell_index}"
    if where and error.line is not None:
        where += f", line {error.line}"
    first_line = error.evalue.partition("\n")[0]
    what = f"{error.ename}: {first_line}" if first_line else error.ename
    return f"{where}: {what}" if where else what
