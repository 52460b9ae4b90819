"""Executes one step notebook in a forked process."""

import json
import os
import select
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.forking.client import ForkedStep, ForkServer, StepEnd
from kernelpipe.backends.local.forking.executed import ExecutedNotebook
from kernelpipe.backends.local.forking.outputs import JSON, Outputs, timestamp
from kernelpipe.backends.local.forking.wire import PACKET_BYTES, Assembler, send_parts
from kernelpipe.backends.local.kernels import describe_end
from kernelpipe.backends.local.memory_limit import MemoryLimit, Usage
from kernelpipe.backends.local.saves import Saves
from kernelpipe.backends.local.session import (
    EXECUTED,
    KERNEL_LOG,
    STEP_LOG,
    STEP_NOTEBOOK,
    Ending,
    StepStoppedError,
    cell_title,
    source_cell,
)
from kernelpipe.backends.local.steplog import StepLog
from kernelpipe.model.run import CellUsage

_DELIMITER = b"<IDS|MSG>"
_PROTOCOL = "5.3"
_END_TIMEOUT_S = 5.0
"""How long a process that was asked to end may take, its ``atexit`` functions included."""
_AUTOSAVE_EVERY_S = 5.0


class _StepDiedError(Exception):
    """The step's process ended before it was asked to."""


class ForkedSession:
    """Executes one step notebook, in the thread that calls :meth:`execute`.

    The other methods may be called from any thread.
    """

    def __init__(
        self,
        directory: Path,
        *,
        server: ForkServer,
        on_cell_started: Callable[[int], None],
        on_cell: Callable[[int], None],
        memory_bytes: int | None,
    ) -> None:
        """Prepare; nothing starts.

        Args:
            directory: The step's, with ``step.ipynb`` in it.
            server: Makes the process.
            on_cell_started: Called with the source notebook's cell index before a cell runs.
            on_cell: Likewise, after it was executed.
            memory_bytes: How much the step's processes may use together, None for no limit.
        """
        self._directory = directory
        self._server = server
        self._on_cell_started = on_cell_started
        self._on_cell = on_cell
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._step: ForkedStep | None = None
        self._is_stopping = False

    def interrupt(self) -> None:
        """Stop the running cell with KeyboardInterrupt and start no further one."""
        self._stop(signal.SIGINT)

    def terminate(self) -> None:
        """Ask the step's processes to end."""
        self._stop(signal.SIGTERM)

    def kill(self) -> None:
        """End the step's processes at once."""
        self._stop(signal.SIGKILL)

    def execute(self) -> Ending:
        """Execute ``step.ipynb`` to ``executed.ipynb``; return when nothing of it runs any more.

        Raises:
            ForkError: If there is no process to execute it; nothing of the user's ran.
            OSError: If the step's files cannot be written.
        """
        started_at = time.monotonic()
        with (self._directory / KERNEL_LOG).open("wb") as kernel_log:
            step = self._server.fork(kernel_log.fileno(), is_stopped=lambda: self._is_stopping)
        with self._lock:
            self._step = step
        try:
            limit = MemoryLimit(
                self._memory_bytes, group=lambda: step.pid if step else None, kill=self._kill_group
            )
            with StepLog(self._directory / STEP_LOG) as log, limit:
                execution = _Execution(self, self._directory, step, log)
                ending = execution.run()
                end = execution.leave()
        finally:
            with self._lock:
                self._step = None
            if step is not None:
                step.close()
        return Ending(
            cell=ending.cell,
            is_complete=ending.is_complete,
            ename=ending.ename,
            evalue=ending.evalue,
            kernel_end=ending.kernel_end,
            usage=Usage(
                engine="forked",
                wall_s=time.monotonic() - started_at,
                cpu_s=end.cpu_s,
                peak_bytes=max(end.peak_bytes or 0, execution.peak_bytes) or None,
            ),
            cells=tuple(execution.usages),
            memory=limit.exceeded if ending.kernel_end is not None else None,
        )

    @property
    def is_stopping(self) -> bool:
        """Tell whether no further cell may start."""
        return self._is_stopping

    def tell_started(self, cell: int) -> None:
        """Report that a cell of the source notebook runs."""
        self._on_cell_started(cell)

    def tell_finished(self, cell: int) -> None:
        """Report that a cell of the source notebook ran."""
        self._on_cell(cell)

    def _stop(self, number: int) -> None:
        with self._lock:
            self._is_stopping = True
            if self._step is not None:
                self._step.signal(number)

    def _kill_group(self) -> None:
        with self._lock:
            if self._step is not None:
                self._step.signal(signal.SIGKILL)


class _Execution:
    """The conversation with one forked process, and the notebook that comes of it."""

    def __init__(
        self, session: ForkedSession, directory: Path, step: ForkedStep | None, log: StepLog
    ) -> None:
        self.usages: list[CellUsage] = []
        self.peak_bytes = 0
        """Of the step's own process until its last cell ended."""
        self._session = session
        self._step = step
        self._log = log
        self._notebook = ExecutedNotebook(directory / STEP_NOTEBOOK, directory / EXECUTED)
        self._saves = Saves(self._notebook.content, directory / EXECUTED)
        self._saved_at = time.monotonic()
        self._outputs = Outputs(self._notebook.cells, self._send_later)
        self._assembler = Assembler()
        self._session_id = uuid.uuid4().hex
        self._language: JSON | None = None
        self._current: int | None = None
        self._error: Mapping[str, Any] | None = None

    def run(self) -> Ending:
        """Execute the cells and save the notebook."""
        notebook = self._notebook
        notebook.start()
        self._saves.save_now()
        is_stopped = False
        died: StepEnd | None = None
        try:
            self._run_cells()
            self._conclude()
        except StepStoppedError:
            is_stopped = True
        except _StepDiedError:
            if self._current is not None:
                notebook.fail_cell(self._current)
            died = self.leave()
        finally:
            notebook.finish(self._current)
            self._saves.save_now()
        if died is not None:
            end = describe_end(died.code)
            return Ending(cell=self._current, ename="DeadKernelError", kernel_end=end)
        if self._error is None:
            return Ending(cell=self._current, is_complete=not is_stopped)
        return Ending(
            cell=self._current,
            ename=str(self._error.get("ename", "")),
            evalue=str(self._error.get("evalue", "")),
        )

    def leave(self) -> StepEnd:
        """Let the process end, with a bounded wait, and return how it did."""
        if self._step is None:
            return StepEnd(code=None)
        with suppress(OSError):  # it has ended, or does not listen any more
            send_parts(self._step.socket, [b"end"])
        give_up_at = time.monotonic() + _END_TIMEOUT_S
        ready = select.poll()
        ready.register(self._step.status, select.POLLIN)
        ready.register(self._step.socket, select.POLLIN)
        while (left_s := give_up_at - time.monotonic()) > 0 and not self._session.is_stopping:
            found = {fd for fd, _ in ready.poll(min(left_s, 0.1) * 1000)}
            if self._step.status.fileno() in found:
                return self._step.end()
            if found and not self._read():  # what it still says is for nobody
                ready.unregister(self._step.socket)
        self._step.signal(signal.SIGKILL)
        return self._step.end()

    def _run_cells(self) -> None:
        for index, cell in enumerate(self._notebook.cells):
            self._notebook.start_cell(index)
            self._saves()
            try:
                self._run_cell(index, cell)
            finally:
                self._notebook.finish_cell(index)
                self._saves()
            if self._error is not None:
                break

    def _run_cell(self, index: int, cell: JSON) -> None:
        if self._session.is_stopping or self._step is None:
            raise StepStoppedError
        self._current = index
        source = source_cell(cell)
        self._log.cell(cell_title(cell))
        if cell["cell_type"] != "code" or not cell["source"].strip():
            return
        cell["metadata"]["execution"] = {}
        self._outputs.begin_cell(index)
        if source is not None:
            self._session.tell_started(source)
        content = self._ask(index, cell)
        if source is not None:
            self._session.tell_finished(source)
        if content["status"] == "error":
            self._note_error(index, cell, content)

    def _note_error(self, index: int, cell: JSON, content: JSON) -> None:
        for text in content.get("traceback", ()):
            self._log.line(text)
        if "raises-exception" not in cell["metadata"]["tags"]:
            self._error = content
            self._notebook.fail_cell(index)

    def _ask(self, index: int, cell: JSON) -> JSON:
        """Have a cell executed; return the reply's content."""
        content = {
            "code": cell["source"],
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": "raises-exception" not in cell["metadata"]["tags"],
        }
        request = self._send(b"shell", "execute_request", content, {})
        reply: JSON | None = None
        while True:
            channel, message = self._receive()
            if channel == b"usage":  # the last word on a request
                self._add_usage(cell, json.loads(message[0]))
                break
            if channel == b"ready":
                self._language = json.loads(message[0])
                continue
            found = _parsed(message)
            if found["parent_header"].get("msg_id") != request:
                continue
            if channel == b"shell":
                cell["metadata"]["execution"]["shell.execute_reply"] = timestamp(found)
                reply = found["content"]
            else:
                self._take(found, index)
        if reply is None:  # interrupted before it could begin
            raise StepStoppedError
        return reply

    def _take(self, message: JSON, index: int) -> None:
        output = self._outputs.take(message, index)
        if output is not None and output["output_type"] == "stream":
            self._log.write(output["text"])
            self._log.flush()
        if time.monotonic() - self._saved_at >= _AUTOSAVE_EVERY_S:
            self._saved_at = time.monotonic()
            self._saves()

    def _add_usage(self, cell: JSON, found: JSON) -> None:
        source = source_cell(cell)
        peaks = (found["peak_bytes"], found["earlier_peak_bytes"])
        self.peak_bytes = max(self.peak_bytes, *(peak or 0 for peak in peaks))
        if source is not None:
            self.usages.append(
                CellUsage(
                    cell=source,
                    wall_s=found["wall_s"],
                    cpu_s=found["cpu_s"],
                    peak_bytes=found["peak_bytes"],
                )
            )

    def _conclude(self) -> None:
        """Write what nbclient writes once the cells have run."""
        metadata = self._notebook.content["metadata"]
        while self._language is None:
            channel, message = self._receive()
            if channel == b"ready":
                self._language = json.loads(message[0])
        metadata["language_info"] = self._language
        widgets = self._outputs.widgets_metadata()
        if widgets is not None:
            metadata["widgets"] = widgets

    def _send_later(self, kind: str, content: JSON, parent: JSON) -> None:
        self._send(b"shell", kind, content, parent)

    def _send(self, channel: bytes, kind: str, content: JSON, parent: JSON) -> str:
        """Send a request; return its id."""
        identifier = f"{self._session_id}_{os.getpid()}_{time.monotonic_ns()}"
        header = {
            "msg_id": identifier,
            "msg_type": kind,
            "username": "kernelpipe",
            "session": self._session_id,
            "date": datetime.now(UTC).isoformat(),
            "version": _PROTOCOL,
        }
        parts = [json.dumps(part).encode() for part in (header, parent, {}, content)]
        assert self._step is not None  # noqa: S101 - there is nobody to ask otherwise
        try:
            send_parts(self._step.socket, [channel, b"kernelpipe", _DELIMITER, b"", *parts])
        except OSError as error:
            raise _StepDiedError from error
        return identifier

    def _read(self) -> bytes:
        assert self._step is not None  # noqa: S101 - there is nobody to hear otherwise
        try:
            return self._step.socket.recv(PACKET_BYTES)
        except OSError:
            return b""

    def _receive(self) -> tuple[bytes, list[bytes]]:
        """Return the next message, after its channel.

        Raises:
            _StepDiedError: If there is none and will be none.
        """
        assert self._step is not None  # noqa: S101 - there is nobody to hear otherwise
        step, ready = self._step, select.poll()
        ready.register(step.socket, select.POLLIN)
        ready.register(step.status, select.POLLIN)
        while True:
            found = {fd for fd, _ in ready.poll()}
            if step.socket.fileno() not in found:  # it has ended, and all it said was heard
                raise _StepDiedError
            packet = self._read()
            if not packet:
                ready.unregister(step.socket)
                continue
            message = self._assembler.add(packet)
            if message is not None:
                return message[0], message[1:]


def _parsed(parts: list[bytes]) -> JSON:
    """Return a message of Jupyter's protocol; ``buffers`` are bytes."""
    place = parts.index(_DELIMITER)
    header, parent, metadata, content = (
        json.loads(part.decode("utf-8", "replace")) for part in parts[place + 2 : place + 6]
    )
    return {
        "header": header,
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
        "buffers": parts[place + 6 :],
    }
