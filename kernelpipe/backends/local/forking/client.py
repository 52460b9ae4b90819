"""The command's side of a fork server: starts it, asks it for steps, notices when it is gone."""

import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("server.py")
_REPLY_BYTES = 1 << 16
_LOOK_EVERY_MS = 100
"""How soon a stop is noticed while the server still imports modules."""
_END_TIMEOUT_S = 5.0


class ForkError(Exception):
    """No step can be forked; nothing of the user's ran. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What determines a fork server."""

    python: tuple[str, ...]
    """The interpreter and its options."""
    arguments: tuple[str, ...]
    """Of the kernel's application."""
    runtime: Path
    """The directory that holds ``kernelpipe_runtime``."""
    modules: tuple[str, ...]
    """Modules to import before the fork."""
    working_directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnd:
    """How a forked process ended; ``code`` is negative for a signal, None if unknown."""

    code: int | None
    cpu_s: float | None = None
    peak_bytes: int | None = None


class ForkServer:
    """One fork server; may be used from several threads."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        environment: Mapping[str, str],
        on_note: Callable[[str], None],
    ) -> None:
        """Prepare; nothing starts."""
        self._settings = settings
        self._environment = environment
        self._on_note = on_note
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._log: int | None = None

    def start(self) -> None:
        """Start the server without waiting for it; do nothing if that was done before.

        Raises:
            ForkError: If it cannot be started.
        """
        with self._lock:
            if self._process is not None:
                return
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            log = os.memfd_create("kernelpipe-server")
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the kernel's own interpreter
                    [*self._settings.python, str(_PROGRAM), str(its.fileno()), self._text()],
                    env=dict(self._environment),
                    cwd=self._settings.working_directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[its.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                os.close(log)
                raise ForkError(f"{self._settings.python[0]} does not start: {error}") from error
            finally:
                its.close()
            self._control = ours
            self._log = log

    def fork(self, log: int, *, is_stopped: Callable[[], bool]) -> "ForkedStep | None":
        """Return a new process that waits for its first request.

        Args:
            log: File descriptor that gets what the process itself writes.
            is_stopped: Asked while there is nothing to do but wait.

        Returns:
            None if ``is_stopped`` said so.

        Raises:
            ForkError: If there is none.
        """
        self.start()
        end, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        status, its_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_end, its_status:
            fds = [its_end.fileno(), its_status.fileno(), log]
            try:
                with self._lock:
                    if self._control is None:
                        raise ForkError("the fork server was closed")
                    socket.send_fds(self._control, [b"fork"], fds)
            except OSError:
                pass  # shows as the end of ``status``
        reply = self._wait(status, is_stopped)
        self._tell_notes()
        if reply is not None and "pid" in reply:
            return ForkedStep(reply["pid"], end, status)
        end.close()
        status.close()
        if reply is None:
            return None
        raise ForkError(reply.get("refused") or self._last_words())

    def close(self) -> None:
        """End the server and whatever it still runs."""
        with self._lock:
            process, self._process = self._process, None
            control, self._control = self._control, None
            log, self._log = self._log, None
        if control is not None:
            control.close()
        if process is not None:
            try:
                process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if log is not None:
            os.close(log)

    def _text(self) -> str:
        return json.dumps(
            {
                "argv": list(self._settings.arguments),
                "runtime": str(self._settings.runtime),
                "modules": list(self._settings.modules),
                "left_out": {},
            }
        )

    @staticmethod
    def _wait(status: socket.socket, is_stopped: Callable[[], bool]) -> dict[str, Any] | None:
        ready = select.poll()
        ready.register(status, select.POLLIN)
        while not ready.poll(_LOOK_EVERY_MS):
            if is_stopped():
                return None
        return _received(status) or {}

    def _tell_notes(self) -> None:
        """Say which modules every step imports itself, once the server told it."""
        with self._lock:
            if self._control is None:
                return
            try:
                found = self._control.recv(_REPLY_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                return
        if found:
            for name, reason in json.loads(found)["left_out"].items():
                self._on_note(f"'{name}' is not imported beforehand: {reason}")

    def _last_words(self) -> str:
        with self._lock:
            if self._log is None:
                return "the fork server was closed"
            written = os.pread(self._log, os.fstat(self._log).st_size, 0)
        lines = written.decode("utf-8", "replace").strip().splitlines()
        return f"the fork server ended: {lines[-1] if lines else 'without a word'}"


class ForkedStep:
    """A process that executes one step.

    The signal methods may be called from any thread; they do nothing once the process was reaped.
    """

    def __init__(self, pid: int, end: socket.socket, status: socket.socket) -> None:
        self.pid = pid
        self.socket = end
        self.status = status
        self._lock = threading.Lock()
        self._is_gone = False
        self._end: StepEnd | None = None

    def signal(self, number: int) -> None:
        """Send a signal to every process of the step's group."""
        with self._lock:
            if self._is_gone:
                return
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # just forked: it has not made its group yet
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            except PermissionError:
                return

    def end(self) -> StepEnd:
        """Wait for the process to end and return how it did; nothing of its group is left."""
        if self._end is None:
            found = _received(self.status)
            if found is None:
                # The server is gone, and took the process with it; not what that had started.
                self.signal(signal.SIGKILL)
            with self._lock:
                self._is_gone = True
            self._end = StepEnd(code=None) if found is None else StepEnd(**found)
        return self._end

    def close(self) -> None:
        """End the process if it runs, and let go of it."""
        self.signal(signal.SIGKILL)
        self.end()
        self.socket.close()
        self.status.close()


def _received(status: socket.socket) -> dict[str, Any] | None:
    try:
        found = status.recv(_REPLY_BYTES)
    except OSError:
        return None
    return dict(json.loads(found)) if found else None


def settings_for(
    *,
    argv: Sequence[str],
    runtime: Path,
    modules: Sequence[str],
    working_directory: Path,
    connection_file: str,
    executable: str,
) -> ServerSettings | str:
    """Return the settings of a server for a kernelspec, or why its kernels cannot be forked.

    Args:
        argv: The kernelspec's.
        runtime: See :class:`ServerSettings`.
        modules: Likewise.
        working_directory: Likewise.
        connection_file: A path to stand in ``sys.argv``; nothing is there.
        executable: What a kernelspec that just says ``python`` means.
    """
    if "-m" not in argv:
        return "its kernel is not started as 'python -m ipykernel_launcher'"
    place = argv.index("-m")
    python, launched = list(argv[:place]), list(argv[place + 1 :])
    if not python or launched[:1] != ["ipykernel_launcher"]:
        return "its kernel is not started as 'python -m ipykernel_launcher'"
    if any(not option.startswith("-X") for option in python[1:]):
        return f"its kernel is started with {' '.join(python[1:])}"
    if Path(python[0]).name == python[0] and python[0].startswith("python"):
        python[0] = executable
    arguments = [part.replace("{connection_file}", connection_file) for part in launched[1:]]
    return ServerSettings(
        python=tuple(python),
        arguments=(*arguments, "--HistoryManager.hist_file=:memory:"),
        runtime=runtime,
        modules=tuple(modules),
        working_directory=working_directory,
    )
