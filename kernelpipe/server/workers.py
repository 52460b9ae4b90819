"""Processes that do what would hold up the server: started when needed, replaced when they fail."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from kernelpipe.api.documents import JsonObject
from kernelpipe.server.refusals import plain_refusal

PROGRAM: Final = (sys.executable, "-P", "-m", "kernelpipe.server.computing")
Answer = tuple[int, JsonObject]
"""An HTTP status and the document that goes with it."""

_MOST_WAITING: Final = 100
_WARM_UP: Final = "warm-up"


@dataclass(slots=True)
class Workers:
    """Up to ``most`` processes; each does one task at a time.

    They end when the server does, however it ends: they notice that nobody holds their input.
    """

    timeout_s: float
    """How long a task may take; then its process is killed."""
    subject: str = "this notebook"
    """What takes its time, for messages."""
    most: int = 2
    program: tuple[str, ...] = PROGRAM
    _idle: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    _all: "set[subprocess.Popen[bytes]]" = field(default_factory=set)
    _turns: asyncio.Semaphore = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _waiting: int = 0
    _is_closed: bool = False
    _warming: "asyncio.Task[Answer] | None" = None

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.most)
        self._threads = ThreadPoolExecutor(self.most, thread_name_prefix="kernelpipe-worker")

    def warm(self) -> None:
        """Start a process in the background, so that the first task need not wait for it."""
        if not self._all and self._warming is None:
            self._warming = asyncio.ensure_future(self.ask({"task": _WARM_UP}))

    async def ask(
        self,
        request: Mapping[str, object],
        content: bytes = b"",
        *,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """Let a process do a task.

        Args:
            request: ``task`` names it; see :mod:`kernelpipe.server.computing`.
            content: Bytes of a notebook.
            is_wanted: Is asked when it is the task's turn; if nobody waits for the answer any
                more, nothing is done.

        Returns:
            What to answer: a refusal, too, if the task takes too long or its process dies.
        """
        if self._waiting >= _MOST_WAITING:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the server is busy; try again later")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            if not is_wanted():
                return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the request was given up")
            return await self._do(request, content)
        finally:
            self._turns.release()

    def close(self) -> None:
        """End all processes."""
        self._is_closed = True
        for process in tuple(self._all):
            self._drop(process)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _do(self, request: Mapping[str, object], content: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        process = await loop.run_in_executor(self._threads, self._take)
        asked = loop.run_in_executor(self._threads, _exchange, process, request, content)
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await asyncio.shield(asked)
        except TimeoutError:
            self._drop(process)
            await asyncio.gather(asked, return_exceptions=True)
            return _refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{self.subject} took longer than {self.timeout_s:g} s and was given up",
            )
        except (OSError, EOFError, ValueError):
            code = self._drop(process)
            return _refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the process that worked on {self.subject} died (exit code {code}); "
                "the next try has a new one",
            )
        self._idle.append(process)
        return answer

    def _take(self) -> "subprocess.Popen[bytes]":
        """Return an idle process that lives, else a new one."""
        while self._idle:
            process = self._idle.pop()
            if process.poll() is None:
                return process
            self._drop(process)
        process = subprocess.Popen(  # noqa: S603  # our own program
            self.program, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._all.add(process)
        if self._is_closed:
            self._drop(process)
        return process

    def _drop(self, process: "subprocess.Popen[bytes]") -> int:
        """Kill a process and return its exit code."""
        self._all.discard(process)
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent yet
                    pipe.close()
        return code


def _exchange(
    process: "subprocess.Popen[bytes]", request: Mapping[str, object], content: bytes
) -> Answer:
    """Send a request to a process and wait for its answer.

    Raises:
        OSError: If the process has gone; EOFError and ValueError if it went while it answered.
    """
    if process.stdin is None or process.stdout is None:
        raise EOFError
    head = json.dumps({**request, "bytes": len(content)}).encode()
    process.stdin.write(head + b"\n" + content)
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    status, document = json.loads(line)
    return status, document


def _refused(status: HTTPStatus, message: str) -> Answer:
    return status, plain_refusal(status, message)
