"""Carries out the steps of one run: finds, starts, watches, retries and stops them, records all."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from kernelpipe.backends.local.attempt import (
    Attempt,
    AttemptEnded,
    CellFinished,
    CellStarted,
    Event,
    RoomMade,
    StopRequested,
)
from kernelpipe.backends.local.collecting import Purpose, collect, found_step, result_facts
from kernelpipe.backends.local.endings import count_cells, failed, stopped, timed_out
from kernelpipe.backends.local.machine import Machine, Need, amount_bytes
from kernelpipe.backends.local.merged import found_cells
from kernelpipe.backends.local.outcome import ExecutedCell, read_executed, read_metrics
from kernelpipe.backends.local.planning import Planner
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.schedule import Schedule
from kernelpipe.backends.local.stopping import Stopping
from kernelpipe.backends.local.workspace import Call, Workspace
from kernelpipe.compiler import Task
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.plan import Plan, Verdict
from kernelpipe.model.result import Result
from kernelpipe.model.run import LEFT_OUT, Metric, RunState, StepError, StepFacts, StepRun
from kernelpipe.runs import FileDigests, ResultStore, RunStore
from kernelpipe.runs.tracking import Tracker

if TYPE_CHECKING:
    from kernelpipe.backends.local.engine import Engine, StepSession
    from kernelpipe.backends.local.resuming import Restart

_CLEAN_UP_S = 15.0
"""How long to wait for kernels to end when the run cannot go on."""
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
"""Retries wait 1 s, 2 s, 4 s ... up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the steps of one run have in common."""

    run_id: RunId
    source: Path
    """The source notebook."""
    given: Mapping[str, object]
    """Parameter name -> value that the user gave."""
    request: RunRequest
    plan: Plan
    planner: Planner
    workspace: Workspace
    store: RunStore
    results: ResultStore
    digests: FileDigests
    machine: Machine
    engine: "Engine | None"
    """None when every step is found."""
    reporter: Reporter
    restarts: Mapping[StepName, "Restart"]
    """Steps that begin within: where the run that is continued stopped."""
    tracker: Tracker


class Execution:
    """The steps of one run; every method is called from one thread.

    Attempts run in threads of their own and tell what happens through ``events``, the only thing
    that is shared; signal handlers and other runs use it, too.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        surroundings: Surroundings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing starts.

        Args:
            tasks: In pipeline order.
            surroundings: What they have in common.
            clock: Seconds that only go forward.
        """
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.stop_reason: str | None = None
        self.is_timed_out = False
        self._around = surroundings
        self._reporter = surroundings.reporter
        self._tasks = {task.step: task for task in tasks}
        self._positions = {task.step: position for position, task in enumerate(tasks)}
        self._planned = {planned.name: planned for planned in surroundings.plan.steps}
        self._clock = clock
        self._schedule = Schedule({task.step: task.after for task in tasks})
        self._active: dict[StepName, Attempt] = {}
        self._retries: dict[StepName, tuple[float, int]] = {}
        self._claims: dict[StepName, str] = {}
        self._started_at: dict[StepName, float] = {}
        self._directories: dict[StepName, Path] = {}
        self._found: dict[StepName, Result] = {}
        self._values: dict[tuple[StepName, str], str] = {}
        self._unrecorded: dict[StepName, StepRun] = {}
        self._begun_at = clock()
        timeout_s = surroundings.request.timeout_s
        self._timeout_at = None if timeout_s is None else clock() + timeout_s

    def carry_out(self) -> RunState:
        """Run every step that can run; return the run's final state.

        Raises:
            RunError: If the run cannot be recorded any more.
        """
        try:
            self._leave_out()
            self._start_ready()
            self._write_down()
            while self._schedule.is_unfinished():
                self._wait()
                self._start_ready()
                self._write_down()
        except BaseException:
            self._clean_up()
            raise
        state = self._schedule.final_state()
        if self.stop_reason is not None and state is not RunState.SUCCEEDED:
            return RunState.FAILED if self.is_timed_out else RunState.CANCELED
        return state

    def executed(self) -> tuple[tuple[ExecutedCell, ...], ...]:
        """Return what each step executed, now or when its result was made, in pipeline order."""
        return tuple(
            found_cells(
                self._directories[step],
                self._found[step],
                self._tasks[step],
                self._around.planner.code(step),
            )
            if step in self._found
            else self._executed_with_kept(step)
            for step in self._tasks
            if step in self._directories
        )

    def metrics(self) -> dict[StepName, tuple[Metric, ...]]:
        """Return step name -> its metrics, in pipeline order."""
        return {
            step: self._found[step].metrics
            if step in self._found
            else read_metrics(self._directories[step])
            for step in self._tasks
            if step in self._directories
        }

    def _executed_with_kept(self, step: StepName) -> tuple[ExecutedCell, ...]:
        executed = read_executed(self._directories[step])
        restart = self._around.restarts.get(step)
        if restart is None:
            return executed
        ran = {cell.index for cell in executed}
        return tuple(cell for cell in restart.executed if cell.index not in ran) + executed

    # -- starting --------------------------------------------------------------------------------
    def _leave_out(self) -> None:
        for step, planned in self._planned.items():
            if planned.verdict is Verdict.LEFT_OUT:
                self._schedule.leave_out(step)
                self._record_skipped(step, LEFT_OUT)

    def _start_ready(self) -> None:
        self._retry_due()
        has_changed = True
        while has_changed and self.stop_reason is None:
            has_changed = False
            for blocked, blame in self._schedule.skip_blocked():
                self._record_skipped(blocked, f"step '{blame}' failed")
            for step in self._schedule.ready():
                has_changed = self._start(step) or has_changed

    def _start(self, step: StepName) -> bool:
        """Start a step, or find its result; return whether there was room for that."""
        planned = self._planned[step]
        if planned.result is not None:
            self._finish_found(step, planned.result)
            return True
        if len(self._active) >= self._around.request.jobs:
            return False
        task = self._tasks[step]
        machine = self._around.machine
        need = Need.of(task.settings)
        key = self._around.planner.key(step, self._values)
        if not machine.begin(key, need, self._wake):
            return False
        planned = self._around.planner.decide(step, self._values)
        if planned.result is not None:
            machine.end(key, need)
            self._finish_found(step, planned.result)
            return True
        self._claims[step] = key
        self._schedule.mark(step, RunState.RUNNING)
        self._started_at[step] = self._clock()
        self._unrecorded[step] = StepRun(name=step, state=RunState.RUNNING)
        if self._around.request.is_verbose:
            self._reporter.message(f"{step}: runs: {'; '.join(planned.reasons)}")
        self._reporter.step_started(step)
        self._start_attempt(task, 1)
        return True

    def _wake(self) -> None:
        self.events.put(RoomMade())

    def _retry_due(self) -> None:
        now = self._clock()
        for step, (due_at, number) in tuple(self._retries.items()):
            task = self._tasks[step]
            if due_at <= now and self._around.machine.go_on(Need.of(task.settings), self._wake):
                del self._retries[step]
                self._start_attempt(task, number)

    def _start_attempt(self, task: Task, number: int) -> None:
        step = task.step
        directory = self._around.workspace.step(self._positions[step], step, number)
        purpose = Purpose(
            key=self._claims[step],
            conditions=self._around.planner.conditions(step, self._values),
            source=str(self._around.source),
            run_id=self._around.run_id,
            created_at=time.time(),
        )
        attempt = Attempt(
            task,
            directory,
            number=number,
            begin=lambda: self._begin(task, directory, purpose),
            collect=lambda duration_s: collect(
                task,
                directory,
                purpose,
                duration_s=duration_s,
                results=self._around.results,
                digests=self._around.digests,
            ),
            events=self.events,
        )
        if task.settings.timeout_s is not None:
            attempt.timeout_at = self._clock() + task.settings.timeout_s
        self._active[step] = attempt
        self._directories[step] = directory
        attempt.start()

    def _begin(self, task: Task, directory: Path, purpose: Purpose) -> "StepSession":
        """Make the session of an attempt; called in the attempt's thread."""
        step = task.step
        restart = self._around.restarts.get(step)
        results = self._around.results
        call = Call(
            given=self._around.given,
            inputs={
                f"{port.step}/{port.port}": results.path(self._values[port.step, port.port])
                for port in task.inputs
            },
            conditions=purpose.conditions,
            restart=None if restart is None else restart.entry,
        )
        self._around.workspace.prepare_step(task, directory, call)
        settings = {entry.key: entry.value for entry in task.settings.env}
        assert self._around.engine is not None  # noqa: S101 - there is one when a step may run
        return self._around.engine.session(
            directory,
            env={**self._around.tracker.step_environment(step), **settings},
            on_cell_started=lambda index: self.events.put(CellStarted(step=step, cell_index=index)),
            on_cell=lambda index: self.events.put(CellFinished(step=step, cell_index=index)),
            memory_bytes=amount_bytes(task.settings.memory) or None,
        )

    # -- waiting ---------------------------------------------------------------------------------
    def _wait(self) -> None:
        """Take one event, or do what has become due."""
        due_at = [
            attempt.stopping.due_at if attempt.stopping else attempt.timeout_at
            for attempt in self._active.values()
        ]
        due_at += [at for at, _ in self._retries.values() if at > self._clock()]
        next_at = min((at for at in (*due_at, self._timeout_at) if at is not None), default=None)
        try:
            event = self.events.get(
                timeout=None if next_at is None else max(0.0, next_at - self._clock())
            )
        except Empty:
            self._stop_due()
            return
        match event:
            case CellStarted():
                self._reporter.cell_started(event.step, event.cell_index)
            case CellFinished():
                self._reporter.cell_finished(event.step, event.cell_index)
            case StopRequested():
                self._stop_all(f"stopped by {event.signal_name}")
            case AttemptEnded():
                self._end_attempt(event)
            case RoomMade():
                pass

    def _stop_due(self) -> None:
        now = self._clock()
        if self._timeout_at is not None and self._timeout_at <= now:
            self._timeout_at = None
            self.is_timed_out = True
            timeout_s = self._around.request.timeout_s
            self._stop_all(f"the run took longer than its timeout of {timeout_s:g} s")
        for attempt in tuple(self._active.values()):
            if attempt.stopping is not None and attempt.stopping.due_at <= now:
                attempt.stopping.advance()
                if attempt.stopping.is_given_up:
                    self._finish(attempt, self._unfinished(attempt, None), StepFacts())
            elif attempt.timeout_at is not None and attempt.timeout_at <= now:
                attempt.timeout_at = None
                attempt.is_timed_out = True
                attempt.stopping = Stopping(attempt, clock=self._clock)

    def _stop_all(self, reason: str) -> None:
        """Begin to stop every step; a second request ends their kernels at once."""
        is_first = self.stop_reason is None
        for attempt in self._active.values():
            if attempt.stopping is None:
                attempt.stopping = Stopping(attempt, clock=self._clock)
            elif not is_first:
                attempt.stopping.kill()
        if not is_first:
            return
        self.stop_reason = reason
        self._around.store.record_run(self._around.run_id, RunState.CANCELING)
        self._reporter.message(f"{reason}: stopping; once more to kill the kernels at once")
        for step in tuple(self._retries):
            del self._retries[step]
            self._around.machine.drop(self._claims.pop(step))
            canceled = StepRun(name=step, state=RunState.CANCELED, reason=reason)
            self._close(step, canceled, StepFacts())
        for step in self._schedule.skip_pending():
            self._record_skipped(step, "the run was stopped")

    # -- ending ----------------------------------------------------------------------------------
    def _end_attempt(self, ended: AttemptEnded) -> None:
        attempt = self._active.get(ended.step)
        if attempt is None or attempt.number != ended.number:
            return  # it was given up
        if ended.bug is not None:
            del self._active[ended.step]
            reason = f"kernelpipe itself failed: {ended.bug!r}"
            self._around.store.record_run(self._around.run_id, RunState.FAILED, reason=reason)
            raise ended.bug
        if ended.result is not None:
            self._keep(ended.result)
            facts = StepFacts(**{**ended.facts, **result_facts(ended.result)})
            self._finish(attempt, StepRun(name=ended.step, state=RunState.SUCCEEDED), facts)
            return
        unfinished = self._unfinished(attempt, ended.error)
        tries = 1 + (attempt.task.settings.retry or 0)
        may_go_on = unfinished.state is RunState.FAILED and not self.stop_reason
        if may_go_on and attempt.number < tries and self._is_within(attempt.task):
            self._retry_later(attempt, unfinished, tries)
            return
        self._finish(attempt, unfinished, ended.facts)

    def _keep(self, result: Result) -> None:
        self._around.results.add(result)
        self._around.planner.note_ran(result.touched)
        self._note_values(result)

    def _note_values(self, result: Result) -> None:
        self._values |= {(result.step, value.port): value.digest for value in result.values}

    def _is_within(self, task: Task) -> bool:
        """Return whether a step may be tried again after the pauses and attempts so far."""
        within_s = None if task.settings.backoff is None else task.settings.backoff.within_s
        return within_s is None or self._clock() - self._started_at[task.step] <= within_s

    def _retry_later(self, attempt: Attempt, unfinished: StepRun, tries: int) -> None:
        step, number = attempt.task.step, attempt.number
        pause_s = min(_FIRST_RETRY_S * 2 ** (number - 1), _LAST_RETRY_S)
        if (backoff := attempt.task.settings.backoff) is not None:
            pause_s = float(backoff.first_s * backoff.factor ** (number - 1))
        self._reporter.message(
            f"step '{step}' failed ({unfinished.reason});"
            f" attempt {number + 1} of {tries} in {pause_s:g} s"
        )
        del self._active[step]
        self._around.machine.pause(Need.of(attempt.task.settings))
        self._retries[step] = (self._clock() + pause_s, number + 1)

    def _unfinished(self, attempt: Attempt, error: StepError | None) -> StepRun:
        """Return how a step that did not complete is recorded."""
        if attempt.is_timed_out:
            return timed_out(attempt.task, error)
        if attempt.stopping is not None:
            return stopped(attempt.task, error, reason=str(self.stop_reason))
        return failed(attempt.task, error)

    def _finish(self, attempt: Attempt, outcome: StepRun, facts: StepFacts) -> None:
        task = attempt.task
        del self._active[task.step]
        self._around.machine.end(self._claims.pop(task.step), Need.of(task.settings))
        self._close(
            attempt.task.step,
            replace(outcome, notebook=attempt.notebook),
            facts,
        )

    def _close(self, step: StepName, outcome: StepRun, facts: StepFacts) -> None:
        """Record the final state of a step that was started."""
        self._schedule.mark(step, outcome.state)
        started_at = self._started_at[step]
        known = StepFacts(
            started_s=started_at - self._begun_at, cell_count=count_cells(self._tasks[step])
        )
        self._record(
            replace(
                outcome,
                duration_s=self._clock() - started_at,
                facts=json.dumps({**known, **facts}),
            )
        )

    def _finish_found(self, step: StepName, result: Result) -> None:
        directory = self._around.workspace.step(self._positions[step], step, 1)
        self._around.workspace.show_found(directory, self._around.results.path(result.executed))
        self._directories[step] = directory
        self._found[step] = result
        self._note_values(result)
        self._schedule.mark(step, RunState.SUCCEEDED)
        self._record(
            found_step(
                result,
                notebook=self._around.workspace.executed_step(directory),
                cell_count=count_cells(self._tasks[step]),
                started_s=self._clock() - self._begun_at,
            )
        )

    def _record_skipped(self, step: StepName, reason: str) -> None:
        self._record(StepRun(name=step, state=RunState.SKIPPED, reason=reason))

    def _record(self, step: StepRun) -> None:
        self._unrecorded[step.name] = step
        self._around.tracker.step_finished(step)
        self._reporter.step_finished(step)

    def _write_down(self) -> None:
        """Record all that has changed, in one go: each transaction waits for the disk."""
        if self._unrecorded:
            self._around.store.record_steps(self._around.run_id, tuple(self._unrecorded.values()))
            self._unrecorded.clear()

    def _clean_up(self) -> None:
        """End all kernels when the run cannot go on."""
        for attempt in self._active.values():
            attempt.kill()
        give_up_at = self._clock() + _CLEAN_UP_S
        waiting = set(self._active)
        while waiting and self._clock() < give_up_at:
            try:
                event = self.events.get(timeout=max(0.0, give_up_at - self._clock()))
            except Empty:
                break
            if isinstance(event, AttemptEnded):
                waiting.discard(event.step)
        for step, key in self._claims.items():
            if step in self._active:
                self._around.machine.end(key, Need.of(self._tasks[step].settings))
            else:
                self._around.machine.drop(key)
