"""A forked process that executes one step: from the fork until its last instruction."""

import asyncio
import ctypes
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from ipykernel.utils import _async_in_context

from .kernel_app import ForkedKernelApp
from .leaving import leave
from .wire import PACKET_BYTES, Assembler, send_parts

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Part:
    """A part of a message as ZeroMQ hands it over."""

    def __init__(self, content: bytes) -> None:
        self.bytes = content
        self.buffer = memoryview(content)


def run_step(app: ForkedKernelApp, end: socket.socket, log: int, server: int) -> None:
    """Become a step's kernel, serve the requests that come from ``end``, and exit.

    Args:
        app: Initialized.
        end: The step's end of the socket to the command.
        log: File descriptor that gets what the process itself writes.
        server: Pid of the process that this one was forked from.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(0)
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    _reseed(app.hidden.modules)
    main_thread: Any = threading.main_thread()
    main_thread._set_native_id()  # noqa: SLF001 - Python forgets that a fork changes it
    app.go_live(partial(send_parts, end))
    _Requests(app, end).serve()
    leave(app)


def _reseed(modules: Mapping[str, Any]) -> None:
    """Seed what a fresh process seeds; ``random`` does it itself."""
    numpy_random = modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


class _Requests:
    """Takes the command's requests in the main thread's event loop."""

    def __init__(self, app: ForkedKernelApp, end: socket.socket) -> None:
        self._app = app
        self._end = end
        self._loop: Any = app.io_loop
        self._assembler = Assembler()
        self._tasks: set[asyncio.Task[None]] = set()
        # Context variables that a cell sets are there in the next one.
        self._handle = _async_in_context(partial(app.kernel.shell_main, None))

    def serve(self) -> None:
        """Return when the command wants the process to end, or the user's code does."""
        loop: asyncio.AbstractEventLoop = self._loop.asyncio_loop
        loop.add_reader(self._end.fileno(), self._take)
        self._app.publisher.send(b"ready", [json.dumps(self._app.kernel.language_info).encode()])
        try:
            self._app.io_loop.start()
        except KeyboardInterrupt:
            pass
        finally:
            if not loop.is_closed():
                loop.remove_reader(self._end.fileno())

    def _take(self) -> None:
        packet = self._end.recv(PACKET_BYTES)
        if not packet:  # the command let go
            self._app.io_loop.stop()
            return
        parts = self._assembler.add(packet)
        if parts is None:
            return
        channel, *message = parts
        if channel == b"end":
            self._app.kernel.do_shutdown(restart=False)
            self._app.io_loop.stop()
            return
        task = self._loop.asyncio_loop.create_task(self._execute(message))
        self._tasks.add(task)  # the loop itself does not hold on to it
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, message: list[bytes]) -> None:
        usage = _CellUsage()
        await self._handle([_Part(part) for part in message])
        self._app.publisher.send(b"usage", [json.dumps(usage.now()).encode()])


class _CellUsage:
    """What this process and its ended children use from now on."""

    def __init__(self) -> None:
        self._earlier_peak_bytes = _peak_bytes()
        try:
            with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123 - fast
                file.write("5")  # forget the peak
        except OSError:
            pass
        self._cpu_s = _cpu_s()
        self._started_at = time.monotonic()

    def now(self) -> dict[str, float | int | None]:
        """Return seconds since the start and the peak of the resident memory in bytes."""
        return {
            "wall_s": time.monotonic() - self._started_at,
            "cpu_s": _cpu_s() - self._cpu_s,
            "peak_bytes": _peak_bytes(),
            "earlier_peak_bytes": self._earlier_peak_bytes,
        }


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_bytes() -> int | None:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
