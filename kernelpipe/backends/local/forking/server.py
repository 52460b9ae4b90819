"""Program: imports modules once, then forks a process for each step that is asked for.

Run as ``PYTHON server.py NUMBER SETTINGS``: the number is a file descriptor, a packet socket to
the command; the settings are JSON, see :class:`Settings`. It ends, and ends its steps, when the
command closes the socket.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

_REQUEST_BYTES = 4096
_FDS = 3


def serve(control: socket.socket, settings: dict[str, Any]) -> None:
    """Prepare, tell the command, and fork until it closes ``control``."""
    from .kernel_app import ForkedKernelApp  # noqa: PLC0415 - once the path is right
    from .preloading import Preloader, preload_runtime  # noqa: PLC0415
    from .step_process import run_step  # noqa: PLC0415

    _look_like_a_kernel(settings["argv"])
    app: Any = ForkedKernelApp.instance()
    app.initialize(settings["argv"])
    app.warm_up()
    preload_runtime(settings["runtime"])
    preloader = Preloader(app.publisher, app.shell, runtime=settings["runtime"])
    left_out = dict(settings["left_out"])
    for name in settings["modules"]:
        if name in left_out:
            continue
        reason = preloader.load(name)
        if reason is not None:
            _start_again(control, settings | {"left_out": left_out | {name: reason}})
    app.hidden = preloader.hide()
    app.preloaded = frozenset(sys.modules) | frozenset(app.hidden.modules)
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"left_out": left_out}).encode())
    _Server(control, partial(run_step, app)).run()


def _look_like_a_kernel(arguments: list[str]) -> None:
    """Let ``sys.argv`` say what it says in a kernel that is started by its kernelspec."""
    from importlib.util import find_spec  # noqa: PLC0415 - once the path is right

    launcher = find_spec("ipykernel_launcher")
    path = str(launcher.origin) if launcher else "ipykernel_launcher.py"
    place = _command.index(sys.argv[0])
    sys.orig_argv = [*_command[:place], "-m", "ipykernel_launcher", *arguments]
    sys.argv = [path, *arguments]


def _start_again(control: socket.socket, settings: dict[str, Any]) -> None:
    """Become a new server that leaves out a module that does more than being imported."""
    os.set_inheritable(control.fileno(), True)
    arguments = [*_command[:-1], json.dumps(settings)]
    os.execve(sys.executable, arguments, _environment)  # noqa: S606 - this program again


class _Server:
    """Forks steps and waits for their ends, in one thread."""

    def __init__(
        self, control: socket.socket, run: Callable[[socket.socket, int, int], None]
    ) -> None:
        self._control = control
        self._run_step = run
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._steps: dict[int, tuple[int, socket.socket]] = {}
        """Pidfd -> pid and where the command hears of its end."""

    def run(self) -> None:
        """Return when the command has closed its end; every step is killed then."""
        try:
            while True:
                for ready, _ in self._poll.poll():
                    if ready != self._control.fileno():
                        self._tell_end(ready)
                    elif not self._take_request():
                        return
        finally:
            for pid, _ in self._steps.values():
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _take_request(self) -> bool:
        request, fds, _, _ = socket.recv_fds(self._control, _REQUEST_BYTES, _FDS)
        if not request:
            return False
        end, status, log = fds
        self._fork(end, socket.socket(fileno=status), log)
        return True

    def _fork(self, end: int, status: socket.socket, log: int) -> None:
        from .preloading import thread_count  # noqa: PLC0415 - it was imported

        if thread_count() != 1:
            status.send(json.dumps({"refused": "the server has more than one thread"}).encode())
            status.close()
            os.close(end)
            os.close(log)
            return
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._let_go(status)
                self._run_step(socket.socket(fileno=end), log, server)
            except BaseException:  # noqa: BLE001 - the edge of the process
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(1)
        os.close(end)
        os.close(log)
        pidfd = os.pidfd_open(pid)
        self._steps[pidfd] = (pid, status)
        self._poll.register(pidfd, select.POLLIN)
        status.send(json.dumps({"pid": pid}).encode())

    def _let_go(self, status: socket.socket) -> None:
        """Close, in a forked process, what belongs to the server."""
        status.close()
        self._control.close()
        for pidfd, (_, other) in self._steps.items():
            os.close(pidfd)
            other.close()
        self._steps.clear()

    def _tell_end(self, pidfd: int) -> None:
        pid, status = self._steps.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # what it started; not yet reaped, so the number holds
        _, code, used = os.wait4(pid, 0)
        end = {
            "code": os.waitstatus_to_exitcode(code),
            "cpu_s": used.ru_utime + used.ru_stime,
            "peak_bytes": used.ru_maxrss * 1024,
        }
        with suppress(OSError):
            status.send(json.dumps(end).encode())
        status.close()


def _run_as_package() -> None:
    """Import this file again as part of a package, so that it finds its siblings."""
    directory = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - no pathlib yet
    if sys.path and os.path.abspath(sys.path[0]) == directory:  # noqa: PTH100
        del sys.path[0]
    package = types.ModuleType("kernelpipe_forking")
    package.__path__ = [directory]
    sys.modules[package.__name__] = package
    from kernelpipe_forking import server  # type: ignore[import-not-found]  # noqa: PLC0415

    control = socket.socket(fileno=int(sys.argv[1]))
    server.serve(control, json.loads(sys.argv[2]))


_environment = dict(os.environ)
_command = list(sys.orig_argv)

if __name__ == "__main__":
    _run_as_package()
