"""What executes step notebooks: the warm processes that the runs of one command share."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from kernelpipe.backends.local.forking.client import (
    ForkError,
    ForkServer,
    ServerSettings,
    settings_for,
)
from kernelpipe.backends.local.forking.reasons import kernel_reason
from kernelpipe.backends.local.forking.session import ForkedSession
from kernelpipe.backends.local.kernels import KernelPool
from kernelpipe.backends.local.kernelspecs import KernelSpec, read_kernelspec
from kernelpipe.backends.local.session import STEP_NOTEBOOK, Ending, Session

BASE_ENV = {"PYTHONHASHSEED": "0"}
"""The order of sets must not differ between steps."""


class Mode(Enum):
    """Which engine executes the steps; ``AUTO`` forks where a step cannot tell the difference."""

    AUTO = "auto"
    KERNEL = "kernel"


class StepSession(Protocol):
    """Executes one step notebook; everything but ``execute`` may be called from any thread."""

    def execute(self) -> Ending:
        """Execute ``step.ipynb`` to ``executed.ipynb``.

        Raises:
            KernelStartError: If there is nothing to execute it.
            OSError: If the step's files cannot be written.
        """

    def interrupt(self) -> None:
        """Stop the running cell with KeyboardInterrupt and start no further one."""

    def terminate(self) -> None:
        """Ask the step's processes to end."""

    def kill(self) -> None:
        """End the step's processes at once."""


class Engine:
    """Gives each step a session; use as a context manager. Its methods may be called anywhere."""

    def __init__(  # noqa: PLR0913 - what an engine depends on, by name
        self,
        *,
        kernel: str,
        working_directory: Path,
        runtime: Path,
        modules: Sequence[str],
        mode: Mode,
        on_note: Callable[[str], None],
        jobs: int = 1,
    ) -> None:
        """Prepare; nothing starts.

        Args:
            kernel: Name of an installed kernelspec.
            working_directory: Of the steps.
            runtime: The directory that holds ``kernelpipe_runtime``.
            modules: Dotted names of the modules that steps which will run import.
            mode: Which engine to use.
            on_note: Told, in the user's words, why something is not forked.
            jobs: How many full kernels may be started before they are needed.
        """
        self._kernel = kernel
        self._working_directory = working_directory
        self._runtime = runtime
        self._modules = tuple(dict.fromkeys(modules))
        self._mode = mode
        self._on_note = on_note
        self._lock = threading.Lock()
        self._spec: KernelSpec | None = None
        self._servers: dict[frozenset[tuple[str, str]], ForkServer] = {}
        self._settings: ServerSettings | str | None = None
        self._noted: set[str] = set()
        self._pool = KernelPool(kernel, working_directory=working_directory, most=jobs)
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closed = True
            servers = tuple(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.close()
        self._pool.close()

    def start(self) -> None:
        """Begin to warm up, without waiting."""
        server = self._server({})
        if server is not None:
            try:
                server.start()
            except ForkError as error:
                self._note(f"steps are not forked: {error}")

    def session(
        self,
        directory: Path,
        *,
        env: Mapping[str, str],
        on_cell_started: Callable[[int], None],
        on_cell: Callable[[int], None],
        memory_bytes: int | None,
    ) -> StepSession:
        """Return what will execute the step in ``directory``.

        Args:
            directory: Has ``step.ipynb`` in it when the session executes.
            env: Added to this process's environment.
            on_cell_started: Called with the source notebook's cell index before a cell runs.
            on_cell: Likewise, after it was executed.
            memory_bytes: How much the step's processes may use together, None for no limit.
        """
        kernel = Session(
            directory,
            kernel=self._kernel,
            working_directory=self._working_directory,
            env=BASE_ENV | dict(env),
            on_cell=on_cell,
            on_cell_started=on_cell_started,
            memory_bytes=memory_bytes,
            take_kernel=lambda: self._pool.take(os.environ | BASE_ENV | dict(env)),
        )
        server = self._server(env)
        if server is None:
            return kernel
        forked = ForkedSession(
            directory,
            server=server,
            on_cell_started=on_cell_started,
            on_cell=on_cell,
            memory_bytes=memory_bytes,
        )
        return _FirstThatStarts(directory, forked, kernel, self._note)

    def _server(self, env: Mapping[str, str]) -> ForkServer | None:
        """Return the fork server for steps with ``env``, None if they cannot be forked."""
        if self._mode is Mode.KERNEL:
            return None
        with self._lock:
            if self._settings is None:
                self._settings = self._find_settings()
            settings = self._settings
            if isinstance(settings, ServerSettings) and not self._is_closed:
                assert self._spec is not None  # noqa: S101 - settings come from it
                environment = _environment(self._spec, BASE_ENV | dict(env))
                key = frozenset(environment.items())
                if key not in self._servers:
                    self._servers[key] = ForkServer(
                        settings, environment=environment, on_note=self._note
                    )
                return self._servers[key]
        if isinstance(settings, str):
            self._note(f"steps are not forked: {settings}")
        return None

    def _find_settings(self) -> ServerSettings | str:
        if sys.platform != "linux":
            return "that works on Linux only"
        self._spec = read_kernelspec(self._kernel)
        if self._spec is None:
            return f"the kernel '{self._kernel}' is not installed"
        if self._spec.special is not None:
            return self._spec.special
        return settings_for(
            argv=self._spec.argv,
            runtime=self._runtime,
            modules=self._modules,
            working_directory=self._working_directory,
            connection_file=str(Path(tempfile.gettempdir()) / "kernel.json"),
            executable=sys.executable,
        )

    def _note(self, text: str) -> None:
        with self._lock:
            if text in self._noted:
                return
            self._noted.add(text)
        self._on_note(text)


def _environment(spec: KernelSpec, env: Mapping[str, str]) -> dict[str, str]:
    """Return a kernel's environment variables as jupyter_client would set them."""
    found = os.environ | dict(env)
    found |= spec.environment(found)
    found.pop("PYTHONEXECUTABLE", None)
    found["JPY_PARENT_PID"] = str(os.getpid())
    return found


class _FirstThatStarts:
    """A session that uses a full kernel when its step cannot be forked after all."""

    def __init__(
        self,
        directory: Path,
        forked: ForkedSession,
        kernel: Session,
        on_note: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._forked = forked
        self._kernel = kernel
        self._on_note = on_note

    def execute(self) -> Ending:
        """Execute the step, with the first one of both that has a process."""
        reason = kernel_reason(self._directory / STEP_NOTEBOOK)
        if reason is not None:
            self._on_note(f"the step in {self._directory.name} is not forked: {reason}")
            return self._kernel.execute()
        try:
            return self._forked.execute()
        except ForkError as error:
            self._on_note(f"steps are not forked: {error}")
        return self._kernel.execute()

    def interrupt(self) -> None:
        """Interrupt both; only one has a process."""
        self._forked.interrupt()
        self._kernel.interrupt()

    def terminate(self) -> None:
        """Terminate both."""
        self._forked.terminate()
        self._kernel.terminate()

    def kill(self) -> None:
        """Kill both."""
        self._forked.kill()
        self._kernel.kill()
