"""ipykernel's application without sockets and threads, to be forked and then brought to life."""

import io
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from logging import StreamHandler
from select import POLLIN, poll
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.kernelapp import IPKernelApp
from traitlets import Any as AnyTrait

READ_BYTES = 1 << 16


class Channel:
    """One of the kernel's channels, as something that ZeroMQ's callers can send to."""

    def __init__(self, name: bytes, publisher: "Publisher") -> None:
        self._name = name
        self._publisher = publisher

    def send_multipart(self, parts: list[bytes], *_: object, **__: object) -> None:
        """Send a message to the command."""
        self._publisher.send(self._name, parts)


class _Timers:
    """What the streams need of an event loop: a call after some seconds."""

    def __init__(self, calls: "queue.SimpleQueue[tuple[float, Callable[[], Any]]]") -> None:
        self._calls = calls

    def call_later(self, delay_s: float, function: Callable[[], Any]) -> None:
        """Call ``function`` in the publisher's thread."""
        self._calls.put((time.monotonic() + delay_s, function))


class Publisher(IOPubThread):  # type: ignore[misc]  # ipykernel has no types
    """Sends what the kernel publishes, in a thread of its own as ipykernel does.

    So an interrupt or a signal handler in the main thread never cuts a message in two. Before
    ``go_live`` there is no thread, and what would be sent is only noticed.
    """

    def __init__(self) -> None:  # not IOPubThread's own, which opens sockets
        self._calls: queue.SimpleQueue[tuple[float, Callable[[], Any]]] = queue.SimpleQueue()
        self.io_loop = _Timers(self._calls)
        self.socket: Any = Channel(b"iopub", self)
        self.session = None
        self.background_socket = self.socket
        self.has_spoken = False
        self._write: Callable[[list[bytes]], None] | None = None
        self._pipe_flag = False
        self._stopped = False
        self._master_pid = os.getpid()
        self.thread = self._new_thread()

    def go_live(self, write: Callable[[list[bytes]], None]) -> None:
        """Start to send, with ``write``; for a process that was just forked."""
        self._master_pid = os.getpid()
        self._write = write
        self.thread = self._new_thread()  # a fork makes an end of every thread, begun or not
        self.thread.start()

    def send(self, channel: bytes, parts: list[bytes]) -> None:
        """Send a message once everything that was scheduled before has been done."""
        self.schedule(lambda: self._send_now([channel, *parts]))

    def send_multipart(self, msg: list[bytes], *_: object, **__: object) -> None:
        """Send on the IOPub channel; what streams and displays call."""
        self.send(b"iopub", msg)

    def schedule(self, f: Callable[[], Any]) -> None:
        """Call ``f`` in the thread; at once where there is none, as in a user's own fork."""
        if self.thread.is_alive():
            self._calls.put((0.0, f))
        else:
            f()

    def finish(self) -> None:
        """Wait until everything that was scheduled has been done."""
        done = threading.Event()
        self.schedule(done.set)
        done.wait()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._work, name="IOPub", daemon=True)

    def _send_now(self, parts: list[bytes]) -> None:
        if self._write is None:
            self.has_spoken = True
            return
        try:
            self._write([bytes(part) for part in parts])
        except OSError:
            self._write = _nowhere  # the command is gone or does not listen any more

    def _work(self) -> None:
        due: list[tuple[float, Callable[[], Any]]] = []
        while True:
            wait_s = max(0.0, due[0][0] - time.monotonic()) if due else None
            try:
                at, function = self._calls.get(timeout=wait_s)
            except queue.Empty:
                due.pop(0)[1]()
                continue
            if at <= time.monotonic():
                function()
            else:
                due.append((at, function))
                due.sort(key=lambda call: call[0])


def _nowhere(parts: list[bytes]) -> None:
    del parts


class Stream(OutStream):  # type: ignore[misc]  # ipykernel has no types
    """ipykernel's stream; it misses nothing that was written to the file descriptor.

    ipykernel's watching thread may still hold what a child process wrote when the cell's end is
    told. Here whoever flushes takes out of the pipe what is there first.
    """

    def __init__(self, session: Any, pub_thread: Publisher, name: str, echo: Any = None) -> None:
        super().__init__(session, pub_thread, name, echo=echo, watchfd=False)
        self._drain_lock = threading.Lock()

    def go_live(self) -> None:
        """Take over the file descriptor, if the settings want it; for a forked process."""
        self._master_pid = os.getpid()
        if "PYTEST_CURRENT_TEST" in os.environ:  # ipykernel's own rule
            return
        original = getattr(sys, f"__{self.name}__").fileno()
        reading, writing = os.pipe()
        self._original_stdstream_fd = original
        self._original_stdstream_copy = os.dup(original)
        os.dup2(writing, original)
        os.close(writing)
        os.set_blocking(reading, False)
        self._fid = reading
        self._exc = None
        self._should_watch = True
        self.watch_fd_thread = threading.Thread(target=self._watch_pipe_fd, daemon=True)
        self.watch_fd_thread.start()

    def flush(self) -> None:
        """Send what was written, also to the file descriptor."""
        if self._should_watch and self.pub_thread and self.pub_thread.thread.is_alive():
            self.pub_thread.schedule(self._drain)
        super().flush()

    def _watch_pipe_fd(self) -> None:
        ready = poll()
        ready.register(self._fid, POLLIN)
        while self._should_watch:
            ready.poll()
            self._drain()

    def _drain(self) -> None:
        with self._drain_lock:
            while True:
                try:
                    found = os.read(self._fid, READ_BYTES)
                except (BlockingIOError, OSError):
                    return
                if not found:
                    return
                self.write(found.decode(errors="replace"))
                os.write(self._original_stdstream_copy, found)


Stream.__name__ = OutStream.__name__
Stream.__qualname__ = OutStream.__qualname__
Stream.__module__ = OutStream.__module__


class _OneShell:
    """Stands in for the thread that hands messages to subshells: there is the main shell only."""

    def __init__(self, app: "ForkedKernelApp") -> None:
        self._app = app
        self.parent_thread = threading.current_thread()
        self.manager = self
        self.io_loop = self
        self.name = "Shell channel"

    def get_subshell_to_shell_channel_socket(self, subshell_id: str | None) -> Channel:
        """Return where replies are sent."""
        del subshell_id
        channel: Channel = self._app.shell_channel
        return channel

    def add_callback(self, function: Callable[..., Any], *arguments: Any) -> None:
        """End the abort of queued requests: there is no queue, the command waits for replies."""
        del function, arguments
        self._app.io_loop.add_callback(partial(setattr, self._app.kernel, "_aborting", False))

    def list_subshell(self) -> list[str]:
        """Return the ids of subshells."""
        return []

    def subshell_id_from_thread_id(self, thread_id: int) -> str | None:
        """Return the subshell of a thread."""
        del thread_id
        return None

    def is_alive(self) -> bool:
        """Tell whether there is a thread."""
        return False


class ForkedKernelApp(IPKernelApp):  # type: ignore[misc]  # ipykernel has no types
    """Builds the kernel in :meth:`initialize`, before the fork; serves after :meth:`go_live`."""

    hidden = AnyTrait()
    """What was imported beforehand, see :class:`.hiding.Hidden`."""
    preloaded = AnyTrait()
    """Names of all modules that were there before the fork."""
    publisher = AnyTrait()
    shell_channel = AnyTrait()

    def init_connection_file(self) -> None:
        """Have none: there are no sockets to connect to."""

    def init_poller(self) -> None:
        """Watch no parent: the server does it."""

    def init_sockets(self) -> None:
        """Make channels instead of sockets."""
        self.session.key = b""  # between a command and its own child
        self.publisher = Publisher()
        self.iopub_thread = self.publisher
        self.iopub_socket = self.publisher.background_socket
        self.shell_channel = Channel(b"shell", self.publisher)
        self.stdin_socket = Channel(b"stdin", self.publisher)
        self.shell_channel_thread = _OneShell(self)
        self.configure_tornado_logger()

    def init_heartbeat(self) -> None:
        """Have none: the end of the process shows."""

    def write_connection_file(self, **_: Any) -> None:
        """Have none."""

    def log_connection_info(self) -> None:
        """Have none."""

    def init_io(self) -> None:
        """Put our streams in place of ipykernel's."""
        self.outstream_class = None  # so that it makes none
        sys.stdout.flush()
        sys.stderr.flush()
        echo = (None, None) if self.quiet else (sys.__stdout__, sys.__stderr__)
        sys.stdout = Stream(self.session, self.publisher, "stdout", echo=echo[0])
        sys.stderr = Stream(self.session, self.publisher, "stderr", echo=echo[1])
        super().init_io()

    def init_kernel(self) -> None:
        """Make the kernel without streams of ZeroMQ."""
        kernel = self.kernel_class.instance(
            parent=self,
            session=self.session,
            control_stream=None,
            debugpy_stream=None,
            debug_shell_socket=None,
            shell_stream=None,
            control_thread=None,
            shell_channel_thread=self.shell_channel_thread,
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            stdin_socket=self.stdin_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        kernel._execute_sleep = 0.0  # noqa: SLF001 - what it waits for cannot be late here
        self.kernel = kernel
        publish = kernel._publish_execute_input  # noqa: SLF001 - the last moment before the code

        def publish_and_wait(code: str, parent: Any, execution_count: int) -> None:
            publish(code, parent, execution_count)
            self.publisher.finish()  # the code may be the end of the process

        kernel._publish_execute_input = publish_and_wait  # noqa: SLF001
        self.displayhook.get_execution_count = lambda: kernel.execution_count

    def init_extensions(self) -> None:
        """Load IPython's own extension; those of the user's settings wait for the process."""
        if not self._has_own_extensions():
            super().init_extensions()

    def init_code(self) -> None:
        """Wait: startup files are the user's code."""

    def go_live(self, write: Callable[[list[bytes]], None]) -> None:
        """Do in the forked process what could not be done before.

        Args:
            write: Sends a message's parts, the name of its channel first.
        """
        import asyncio  # noqa: PLC0415 - after the fork, with the loop

        from tornado.ioloop import IOLoop  # noqa: PLC0415

        self.session.pid = os.getpid()
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.io_loop = IOLoop.current()
        self.publisher.go_live(write)
        streams: list[Any] = [sys.stdout, sys.stderr]
        for stream in streams:
            stream.go_live()
        self._log_beside_the_outputs()
        if self._has_own_extensions():
            super().init_extensions()
        super().init_code()
        self.kernel.shell.exit_now = False
        super(type(self.kernel), self.kernel).start()  # not its own: it wants a debugger's stream

    def warm_up(self) -> None:
        """Do once, before any fork, what every first cell would do anew; it leaves no trace."""
        import asyncio  # noqa: PLC0415 - with what needs it

        from tornado.ioloop import IOLoop  # noqa: PLC0415

        shell = self.kernel.shell
        shell.transform_cell("x = f(1)  # a comment\nx.y['z'] + 2\n")
        shell.display_formatter.format(1)
        shell.run_cell("1", store_history=False, silent=True)
        shell.last_execution_result = None
        self.session.serialize(self.session.msg("status", {"execution_state": "busy"}))
        asyncio.set_event_loop(asyncio.new_event_loop())
        IOLoop.current().close()
        asyncio.set_event_loop(None)

    def _has_own_extensions(self) -> bool:
        return bool(self.extensions or self.extra_extensions or "StoreMagics" in self.config)

    def _log_beside_the_outputs(self) -> None:
        copy = getattr(sys.stderr, "_original_stdstream_copy", None)
        if copy is None:
            return
        for handler in self.log.handlers:
            if isinstance(handler, StreamHandler) and handler.stream.buffer.fileno() == 2:  # noqa: PLR2004 - stderr
                handler.stream = io.TextIOWrapper(io.FileIO(copy, "w", closefd=False))


# Settings, logger and configuration files go by the name of the class.
ForkedKernelApp.__name__ = IPKernelApp.__name__
ForkedKernelApp.__qualname__ = IPKernelApp.__qualname__
ForkedKernelApp.__module__ = IPKernelApp.__module__
