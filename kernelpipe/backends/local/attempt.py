"""One attempt at one step, carried out in a thread of its own."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.backends.local.collecting import attempt_facts
from kernelpipe.backends.local.outcome import find_error, kernel_log_tail
from kernelpipe.backends.local.session import EXECUTED, Ending, KernelStartError
from kernelpipe.compiler import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.result import Result
from kernelpipe.model.run import StepError, StepFacts

if TYPE_CHECKING:
    from queue import SimpleQueue

    from kernelpipe.backends.local.engine import StepSession
    from kernelpipe.backends.local.stopping import Stopping

_MIB = 1 << 20
_MEMORY_ROOM = 1.25
"""How much more memory is advised than what was used when it ran out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted:
    """A step began to execute a cell of the source notebook."""

    step: StepName
    cell_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished:
    """A step executed a cell of the source notebook."""

    step: StepName
    cell_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt is over and nothing of it runs any more.

    ``result`` is there when it succeeded; ``error`` is None then, too, and when it was stopped
    before a cell failed; ``bug`` is an exception that nobody expected.
    """

    step: StepName
    number: int
    result: Result | None = None
    facts: StepFacts
    error: StepError | None = None
    bug: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """A signal asks the run to stop."""

    signal_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMade:
    """Another run gave back what this one may have waited for."""


Event = CellStarted | CellFinished | AttemptEnded | StopRequested | RoomMade


class Attempt:
    """Runs in its own thread from :meth:`start` until its AttemptEnded is in the queue."""

    def __init__(
        self,
        task: Task,
        directory: Path,
        *,
        number: int,
        begin: Callable[[], "StepSession"],
        collect: Callable[[float], Result],
        events: "SimpleQueue[Event]",
    ) -> None:
        """Prepare; nothing starts.

        Args:
            task: The step.
            directory: Of this attempt.
            number: From one.
            begin: Makes the directory, its files and the session; called in the thread.
            collect: Stores what the step made, given how long it took in seconds; likewise.
            events: Where the end is told.
        """
        self.task = task
        self.directory = directory
        self.number = number
        self.stopping: Stopping | None = None
        self.is_timed_out = False
        self.timeout_at: float | None = None
        self._begin = begin
        self._collect = collect
        self._events = events
        self._lock = threading.Lock()
        self._session: StepSession | None = None
        self._is_stopped = False

    @property
    def notebook(self) -> str | None:
        """The executed step notebook, None as long as there is none."""
        path = self.directory / EXECUTED
        return str(path) if path.exists() else None

    def start(self) -> None:
        """Start the thread; it does not keep the process alive."""
        threading.Thread(target=self._work, name=f"step {self.task.step}", daemon=True).start()

    def interrupt(self) -> None:
        """Stop the running cell with KeyboardInterrupt and start no further one."""
        self._stop(lambda session: session.interrupt())

    def terminate(self) -> None:
        """Ask the step's processes to end."""
        self._stop(lambda session: session.terminate())

    def kill(self) -> None:
        """End the step's processes at once."""
        self._stop(lambda session: session.kill())

    def _stop(self, end: Callable[["StepSession"], None]) -> None:
        with self._lock:
            self._is_stopped = True
            session = self._session
        if session is not None:
            end(session)

    def _work(self) -> None:
        try:
            ended = self._run()
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the run raises it
            ended = AttemptEnded(
                step=self.task.step, number=self.number, facts=StepFacts(), bug=error
            )
        self._events.put(ended)

    def _run(self) -> AttemptEnded:
        started_at = time.monotonic()
        try:
            session = self._begin()
            with self._lock:
                self._session = session
                is_stopped = self._is_stopped
            if is_stopped:
                session.interrupt()
            ending = session.execute()
        except KernelStartError as error:
            detail = kernel_log_tail(self.directory) or str(error)
            return self._failed(_step_error(error, f"the kernel did not start: {detail}"))
        except OSError as error:
            return self._failed(_file_error(error))
        facts = attempt_facts(self.directory, ending, number=self.number)
        if not ending.is_complete:
            return self._failed(self._find_error(ending), facts)
        try:
            result = self._collect(time.monotonic() - started_at)
        except OSError as error:
            return self._failed(_file_error(error), facts)
        return AttemptEnded(step=self.task.step, number=self.number, result=result, facts=facts)

    def _failed(self, error: StepError | None, facts: StepFacts | None = None) -> AttemptEnded:
        return AttemptEnded(
            step=self.task.step,
            number=self.number,
            facts=StepFacts(attempts=self.number) if facts is None else facts,
            error=error,
        )

    def _find_error(self, ending: Ending) -> StepError | None:
        if ending.ename is None:
            return None
        error = find_error(self.directory, ending)
        if ending.memory is None:
            return error
        limit = self.task.settings.memory
        advised = int(ending.memory * _MEMORY_ROOM / _MIB) + 1
        return StepError(
            cell_index=error.cell_index,
            line=error.line,
            ename="MemoryError",
            evalue=f"it used {ending.memory / _MIB:.0f} MiB, more than its limit memory:{limit};"
            f" set memory:{advised}Mi or more on the step",
        )


def _file_error(error: OSError) -> StepError:
    place = f": {error.filename}" if error.filename else ""
    return _step_error(error, f"{error.strerror or error}{place}")


def _step_error(error: Exception, evalue: str) -> StepError:
    return StepError(cell_index=None, line=None, ename=type(error).__name__, evalue=evalue)
