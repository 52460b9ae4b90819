"""One attempt at one step, carried out in a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.backends.local.outcome import find_error, kernel_log_tail
from kernelpipe.backends.local.session import EXECUTED, KernelStartError, Session
from kernelpipe.compiler import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.run import StepError

if TYPE_CHECKING:
    from queue import SimpleQueue

    from kernelpipe.backends.local.stopping import Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished:
    """A step executed a cell of the source notebook."""

    step: StepName
    cell_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt is over and nothing of it runs any more.

    ``error`` is None when it succeeded or was stopped before a cell failed; ``bug`` is an
    exception that nobody expected.
    """

    step: StepName
    number: int
    is_complete: bool
    error: StepError | None = None
    bug: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """A signal asks the run to stop."""

    signal_name: str


Event = CellFinished | AttemptEnded | StopRequested


class Attempt:
    """Runs in its own thread from :meth:`start` until its AttemptEnded is in the queue."""

    def __init__(
        self,
        task: Task,
        directory: Path,
        *,
        number: int,
        session: Session,
        prepare: Callable[[], None],
        events: "SimpleQueue[Event]",
    ) -> None:
        """Prepare; nothing starts.

        Args:
            task: The step.
            directory: Of this attempt.
            number: From one.
            session: To execute; in ``directory``.
            prepare: Makes the directory and its files; called in the thread.
            events: Where the end is told.
        """
        self.task = task
        self.directory = directory
        self.number = number
        self.session = session
        self.stopping: Stopping | None = None
        self.is_timed_out = False
        self.timeout_at: float | None = None
        self._prepare = prepare
        self._events = events

    @property
    def notebook(self) -> str | None:
        """The executed step notebook, None as long as there is none."""
        path = self.directory / EXECUTED
        return str(path) if path.exists() else None

    def start(self) -> None:
        """Start the thread; it does not keep the process alive."""
        threading.Thread(target=self._work, name=f"step {self.task.step}", daemon=True).start()

    def _work(self) -> None:
        try:
            ended = self._run()
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the run raises it
            ended = self._ended(bug=error)
        self._events.put(ended)

    def _run(self) -> AttemptEnded:
        try:
            self._prepare()
            ending = self.session.execute()
        except KernelStartError as error:
            detail = kernel_log_tail(self.directory) or str(error)
            return self._ended(error=_step_error(error, f"the kernel did not start: {detail}"))
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            return self._ended(error=_step_error(error, f"{error.strerror or error}{place}"))
        if ending.ename is None:
            return self._ended(is_complete=ending.is_complete)
        return self._ended(error=find_error(self.directory, ending))

    def _ended(
        self,
        *,
        is_complete: bool = False,
        error: StepError | None = None,
        bug: Exception | None = None,
    ) -> AttemptEnded:
        return AttemptEnded(
            step=self.task.step,
            number=self.number,
            is_complete=is_complete,
            error=error,
            bug=bug,
        )


def _step_error(error: Exception, evalue: str) -> StepError:
    return StepError(cell_index=None, line=None, ename=type(error).__name__, evalue=evalue)
