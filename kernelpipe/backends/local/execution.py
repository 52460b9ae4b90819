"""Carries out the steps of one run: finds, starts, watches, retries and stops them, records all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from kernelpipe.backends.local.looping import items_by_step
from kernelpipe.backends.local.machine import Need, amount_bytes
from kernelpipe.backends.local.remains import Remains
from kernelpipe.backends.local.schedule import Schedule
from kernelpipe.backends.local.stepbook import StepBook
from kernelpipe.backends.local.stopping import Stopping
from kernelpipe.backends.local.surroundings import Surroundings
from kernelpipe.backends.local.workspace import Call
from kernelpipe.compiler import Task, TaskInput
from kernelpipe.model.names import StepName
from kernelpipe.model.plan import Verdict
from kernelpipe.model.result import Result
from kernelpipe.model.run import LEFT_OUT, RunState, StepError, StepFacts, StepRun
from kernelpipe.runtime.gates import GateError

if TYPE_CHECKING:
    from kernelpipe.backends.local.engine import StepSession

_CLEAN_UP_S = 15.0
"""How long to wait for kernels to end when the run cannot go on."""
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
"""Retries wait 1 s, 2 s, 4 s ... up to this."""


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
        self.remains = Remains(tasks, planner=surroundings.planner, restarts=surroundings.restarts)
        self._around = surroundings
        self._book = StepBook(
            tasks,
            run_id=surroundings.run_id,
            store=surroundings.store,
            tracker=surroundings.tracker,
            reporter=surroundings.reporter,
        )
        self._reporter = surroundings.reporter
        self._tasks = {task.step: task for task in tasks}
        self._items = items_by_step(tasks)
        steps = dict.fromkeys(task.public_step for task in tasks)
        self._positions = {step: position for position, step in enumerate(steps)}
        self._planned = {planned.name: planned for planned in surroundings.plan.steps}
        self._clock = clock
        self._schedule = Schedule(
            {task.step: task.after for task in tasks},
            next((task.step for task in tasks if task.is_exit), None),
        )
        self._active: dict[StepName, Attempt] = {}
        self._retries: dict[StepName, tuple[float, int]] = {}
        self._looked_for_retries_at = clock()
        self._claims: dict[StepName, str] = {}
        self._started_at: dict[StepName, float] = {}
        self._values: dict[tuple[StepName, str], str] = {}
        self._let_in: set[StepName] = set()
        """Steps whose gate was open, or that have none."""
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
            self._book.write_down()
            while self._schedule.is_unfinished():
                self._wait()
                self._start_ready()
                self._book.write_down()
        except BaseException:
            self._clean_up()
            raise
        return self._ending(self._schedule.final_state())

    def _ending(self, state: RunState) -> RunState:
        """Return the state of a run whose steps ended as ``state`` says."""
        if self.stop_reason is not None and state is not RunState.SUCCEEDED:
            return RunState.FAILED if self.is_timed_out else RunState.CANCELED
        return state

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
                ending = "was skipped" if self._schedule.is_excused(blame) else "failed"
                name = self._tasks[blame].public_step
                self._record_skipped(blocked, f"step '{name}' {ending}")
            for step in self._schedule.ready():
                has_changed = self._start(step) or has_changed
        exit_step = self._schedule.exit_step()
        if exit_step is not None:
            self._start(exit_step)

    def _start(self, step: StepName) -> bool:
        """Start a step, find its result or skip it; return whether there was room for that."""
        if step not in self._let_in and not self._let_through(step):
            return True
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
        if self._around.request.is_verbose:
            self._reporter.message(f"{step}: runs: {'; '.join(planned.reasons)}")
        self._book.started(step)
        self._start_attempt(task, 1)
        return True

    def _begin_loop(self, step: StepName) -> None:
        """Let the items of a loop start; without any, it has ended."""
        self._schedule.mark(step, RunState.SUCCEEDED)
        self._values |= self._around.planner.collected(step, self._values)
        self._book.ended(StepRun(name=step, state=RunState.SUCCEEDED, duration_s=0.0))

    def _let_through(self, step: StepName) -> bool:
        """Look at the step's gate; return whether it may start now, else the task has ended."""
        try:
            outcome = self._around.planner.look_at_gate(step, self.remains.metrics_of)
        except GateError as error:
            self._schedule.mark(step, RunState.FAILED)
            failure = StepError(
                cell_index=None, line=None, ename=type(error).__name__, evalue=str(error)
            )
            failed = StepRun(name=step, state=RunState.FAILED, reason=str(error), error=failure)
            self._book.ended(failed)
            return False
        if outcome is None or outcome.is_open:
            self._let_in.add(step)
            if self._tasks[step].loop is None:
                return True
            self._begin_loop(step)
            return False
        self._schedule.leave_out(step)
        self._record_skipped(step, outcome.reason)
        return False

    def _wake(self) -> None:
        self.events.put(RoomMade())

    def _retry_due(self) -> None:
        now = self._looked_for_retries_at = self._clock()
        for step, (due_at, number) in tuple(self._retries.items()):
            task = self._tasks[step]
            if due_at <= now and self._around.machine.go_on(Need.of(task.settings), self._wake):
                del self._retries[step]
                self._start_attempt(task, number)

    def _start_attempt(self, task: Task, number: int) -> None:
        step = task.step
        directory = self._around.workspace.step(self._positions[task.public_step], task, number)
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
        self.remains.note_attempt(step, directory)
        attempt.start()

    def _begin(self, task: Task, directory: Path, purpose: Purpose) -> "StepSession":
        """Make the session of an attempt; called in the attempt's thread."""
        step = task.step
        restart = self._around.restarts.get(step)
        call = Call(
            given=self._around.given,
            inputs={f"{port.step}/{port.port}": self._files(port) for port in task.inputs},
            conditions=purpose.conditions,
            restart=None if restart is None else restart.entry,
        )
        self._around.workspace.prepare_step(task, directory, call)
        settings = {entry.key: entry.value for entry in task.settings.env}
        assert self._around.engine is not None  # noqa: S101 - there is one when a step may run
        return self._around.engine.session(
            directory,
            env={
                **self._around.tracker.step_environment(task.public_step),
                **settings,
                **self._told(task),
            },
            on_cell_started=lambda index: self.events.put(CellStarted(step=step, cell_index=index)),
            on_cell=lambda index: self.events.put(CellFinished(step=step, cell_index=index)),
            memory_bytes=amount_bytes(task.settings.memory) or None,
        )

    def _files(self, port: TaskInput) -> Path | tuple[Path, ...]:
        """Return where the values are that a port takes, of a loop's step those of each item."""
        path = self._around.results.path
        if port.step not in self._items:
            return path(self._values[port.step, port.port])
        items = self._items[port.step]
        return tuple(path(self._values[item.step, port.port]) for item in items)

    def _told(self, task: Task) -> dict[str, str]:
        """Return the variables that tell an on-exit step how the run has ended."""
        if not task.is_exit:
            return {}
        state = self._ending(self._schedule.state_so_far())
        return self._book.failures.variables(state, self.stop_reason)

    # -- waiting ---------------------------------------------------------------------------------
    def _wait(self) -> None:
        """Take one event, or do what has become due."""
        due_at = [
            attempt.stopping.due_at if attempt.stopping else attempt.timeout_at
            for attempt in self._active.values()
        ]
        # Those that were due when it was looked for them wait for room, not for a time.
        due_at += [at for at, _ in self._retries.values() if at > self._looked_for_retries_at]
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
                self._book.cell_started(event.step, event.cell_index)
            case CellFinished():
                self._book.cell_finished(event.step, event.cell_index)
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
            self._keep(ended.step, ended.result)
            facts = StepFacts(**{**ended.facts, **result_facts(ended.result)})
            self._finish(attempt, StepRun(name=ended.step, state=RunState.SUCCEEDED), facts)
            return
        unfinished = self._unfinished(attempt, ended.error)
        tries = 1 + (attempt.task.settings.retry or 0)
        may_go_on = unfinished.state is RunState.FAILED and not self.stop_reason
        due_at = self._clock() + _pause_s(attempt)
        if may_go_on and attempt.number < tries and self._is_within(attempt.task, due_at):
            self._retry_later(attempt, unfinished, tries)
            return
        self._finish(attempt, unfinished, ended.facts)

    def _keep(self, step: StepName, result: Result) -> None:
        self._around.results.add(result)
        self._around.planner.note_ran(result.touched)
        self._note_values(step, result)

    def _note_values(self, step: StepName, result: Result) -> None:
        self._values |= {(step, value.port): value.digest for value in result.values}
        self._values |= self._around.planner.collected(step, self._values)

    def _is_within(self, task: Task, due_at: float) -> bool:
        """Return whether a step may be tried again at ``due_at``."""
        within_s = None if task.settings.backoff is None else task.settings.backoff.within_s
        return within_s is None or due_at - self._started_at[task.step] <= within_s

    def _retry_later(self, attempt: Attempt, unfinished: StepRun, tries: int) -> None:
        step, number, pause_s = attempt.task.step, attempt.number, _pause_s(attempt)
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
        known = StepFacts(started_s=started_at - self._begun_at)
        self._book.ended(
            replace(outcome, duration_s=self._clock() - started_at), StepFacts(**{**known, **facts})
        )

    def _finish_found(self, step: StepName, result: Result) -> None:
        task = self._tasks[step]
        directory = self._around.workspace.step(self._positions[task.public_step], task, 1)
        self._around.workspace.show_found(directory, self._around.results.path(result.executed))
        self.remains.note_found(step, result, directory)
        self._note_values(step, result)
        self._schedule.mark(step, RunState.SUCCEEDED)
        found = found_step(
            result,
            notebook=self._around.workspace.executed_step(directory),
            cell_count=count_cells(task),
            started_s=self._clock() - self._begun_at,
        )
        self._book.ended(replace(found, name=step))

    def _record_skipped(self, step: StepName, reason: str) -> None:
        self._book.ended(StepRun(name=step, state=RunState.SKIPPED, reason=reason))

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


def _pause_s(attempt: Attempt) -> float:
    """Return how long to wait after a failed attempt."""
    backoff, number = attempt.task.settings.backoff, attempt.number
    if backoff is None:
        return min(_FIRST_RETRY_S * 2.0 ** (number - 1), _LAST_RETRY_S)
    return backoff.first_s * float(backoff.factor) ** (number - 1)
