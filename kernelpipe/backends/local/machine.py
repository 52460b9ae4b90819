"""What the runs of one command share: room on this machine, warm processes, steps in progress."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kernelpipe.backends.local.engine import Engine, Mode
from kernelpipe.backends.local.git import GitQuestion
from kernelpipe.model.settings import StepSettings
from kernelpipe.notebook.values import parse_quantity

Wake = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is kept free for a step: its requests, else its limits; zero when there are none."""

    cpus: float
    memory_bytes: int

    @classmethod
    def of(cls, settings: StepSettings) -> "Need":
        """Return what a step with these settings takes."""
        cpu = settings.cpu_request or settings.cpu
        return cls(
            cpus=(cpu and parse_quantity(cpu)) or 0.0,
            memory_bytes=amount_bytes(settings.memory_request or settings.memory),
        )


def amount_bytes(quantity: str | None) -> int:
    """Return a quantity of memory in bytes, zero for None."""
    return int((quantity and parse_quantity(quantity)) or 0)


class Machine:
    """Shared by the runs of one command, which may each have a thread; use as a context manager.

    Steps run side by side as long as there are job slots and as long as the CPUs and the memory
    that they ask for are there; one that asks for more than the machine has runs alone.
    """

    def __init__(
        self, *, jobs: int, cpus: float | None = None, memory_bytes: int | None = None
    ) -> None:
        """Prepare; nothing starts.

        Args:
            jobs: How many steps may run at the same time, at least one.
            cpus: How many processors there are; None means as many as this process may use.
            memory_bytes: How much memory there is; None means what the system says.
        """
        self._jobs = jobs
        self._cpus = float(cpus or _usable_cpus())
        self._memory_bytes = memory_bytes or _physical_memory_bytes()
        self._lock = threading.Lock()
        self._taken: list[Need] = []
        self._claimed: set[str] = set()
        self._waiting: dict[Wake, None] = {}
        self._runs: list[Callable[[str], None]] = []
        self._stopped_by: str | None = None
        self._engines: dict[tuple[object, ...], Engine] = {}
        self._questions: dict[Path, GitQuestion] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begin(self, key: str, need: Need, wake: Wake) -> bool:
        """Take a job slot and what a step needs, and claim to compute the result with its key.

        Args:
            key: Two runs never compute the result with the same key at the same time.
            need: What the step takes; it is given back with :meth:`end`.
            wake: Called once something has changed, when this returned False.
        """
        with self._lock:
            if key in self._claimed or not self._has_room(need):
                self._waiting[wake] = None
                return False
            self._claimed.add(key)
            self._taken.append(need)
            return True

    def end(self, key: str, need: Need) -> None:
        """Give back what :meth:`begin` took."""
        with self._lock:
            self._claimed.discard(key)
            self._taken.remove(need)
        self._wake_all()

    def pause(self, need: Need) -> None:
        """Give back what a step needs while it waits for its next attempt; its claim stays."""
        with self._lock:
            self._taken.remove(need)
        self._wake_all()

    def go_on(self, need: Need, wake: Wake) -> bool:
        """Take again what :meth:`pause` gave back, if it is there; else see :meth:`begin`."""
        with self._lock:
            if not self._has_room(need):
                self._waiting[wake] = None
                return False
            self._taken.append(need)
            return True

    def drop(self, key: str) -> None:
        """End the claim of a step that paused and has no further attempt."""
        with self._lock:
            self._claimed.discard(key)
        self._wake_all()

    def engine(
        self,
        *,
        kernel: str,
        working_directory: Path,
        runtime: Path,
        modules: Sequence[str],
        mode: Mode,
        on_note: Callable[[str], None],
    ) -> Engine:
        """Return the engine for these circumstances, started; it ends with this machine."""
        key = (kernel, working_directory, runtime, mode)
        with self._lock:
            engine = self._engines.get(key)
            if engine is None:
                engine = Engine(
                    kernel=kernel,
                    working_directory=working_directory,
                    runtime=runtime,
                    modules=modules,
                    mode=mode,
                    jobs=self._jobs,
                    on_note=on_note,
                )
                self._engines[key] = self._stack.enter_context(engine)
                engine.start()
        return engine

    def git(self, directory: Path) -> GitQuestion:
        """Return the question which commit ``directory`` belongs to; it is asked once."""
        with self._lock:
            if directory not in self._questions:
                question = self._stack.enter_context(GitQuestion.asked(directory))
                self._questions[directory] = question
            return self._questions[directory]

    @contextmanager
    def stopping(self, stop: Callable[[str], None]) -> Iterator[None]:
        """Let :meth:`stop` call ``stop`` with the signal's name while the block runs."""
        with self._lock:
            self._runs.append(stop)
        if self._stopped_by is not None:  # it came while this run was being prepared
            stop(self._stopped_by)
        try:
            yield
        finally:
            with self._lock:
                self._runs.remove(stop)

    def stop(self, signal_name: str) -> None:
        """Stop every run, also those that begin later; safe to call from a signal handler."""
        self._stopped_by = signal_name
        for stop in tuple(self._runs):
            stop(signal_name)

    def _has_room(self, need: Need) -> bool:
        if len(self._taken) >= self._jobs:
            return False
        if not self._taken:
            return True
        cpus = need.cpus + sum(taken.cpus for taken in self._taken)
        memory_bytes = need.memory_bytes + sum(taken.memory_bytes for taken in self._taken)
        return (need.cpus == 0 or cpus <= self._cpus) and (
            need.memory_bytes == 0 or memory_bytes <= self._memory_bytes
        )

    def _wake_all(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for wake in waiting:
            wake()


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _physical_memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 1 << 62
