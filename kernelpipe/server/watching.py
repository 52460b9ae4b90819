"""Follows all runs while the server is there, and tells browsers what happens in them.

Runs are processes of their own: they go on when the server ends, in good order or not, and the
next start of the server finds them again in the stores and follows them from there. Those that
were killed meanwhile are found to be lost.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from kernelpipe.api.documents import JsonObject
from kernelpipe.runs.wording import counted
from kernelpipe.server.homes import find_homes
from kernelpipe.server.ledger import Ledger
from kernelpipe.server.starting import Refused, Started

if TYPE_CHECKING:
    import subprocess

    from jupyter_events import EventLogger

EVENT_SCHEMA: Final = "urn:kernelpipe:run:1"
SCHEMA_FILE: Final = Path(__file__).with_name("events.yaml")

_LOG = logging.getLogger(__name__)
_LIVE_EVERY_S: Final = 0.15
_IDLE_EVERY_S: Final = 2.0
_EVENTS_AT_ONCE: Final = 50
_SCAN_PATIENCE_S: Final = 3.0

T = TypeVar("T")


class Sink(Protocol):
    """Takes events; see :class:`jupyter_events.EventLogger`."""

    def emit(self, *, schema_id: str, data: JsonObject) -> object:
        """Send an event to everybody who listens; called in the event loop only."""


class Watch:
    """Looks at the runs in a thread, and emits what has changed in the event loop."""

    def __init__(self, ledger: Ledger, events: Sink) -> None:
        """Prepare; nothing starts."""
        self.ledger = ledger
        self._events = events
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="kernelpipe-runs")
        self._telling = asyncio.Lock()
        self._wake = asyncio.Event()
        self._is_idle = False
        self._children: list[subprocess.Popen[bytes]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._scan: asyncio.Task[None] | None = None

    def start(self, root: Path) -> None:
        """Begin to watch, and to search ``root`` for homes."""
        self._scan = asyncio.ensure_future(self._find_homes(root))
        self._tasks += [self._scan, asyncio.ensure_future(self._watch())]

    async def stop(self) -> None:
        """End; runs go on without the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        count = self.ledger.count_unfinished()
        if count:
            verb = "goes" if count == 1 else "go"
            _LOG.warning("%s %s on without this server", counted(count, "run"), verb)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: Callable[[], T]) -> T:
        """Return what a function answers that waits for the disk; tell what it found out."""
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, question)
        await self._tell()
        if self._is_idle and self.ledger.has_unfinished():
            self.look_soon()
        return answer

    async def ask_slowly(self, question: Callable[[], T]) -> T:
        """Return what a function answers that may take long; it must not change the ledger."""
        return await asyncio.to_thread(question)

    async def start_worker(self, start: Callable[[], Started | Refused]) -> Started | Refused:
        """Return what became of a worker; planning a run may take its time."""
        started = await asyncio.to_thread(start)
        if isinstance(started, Started):
            self._children.append(started.process)  # so that it does not stay a zombie
        return started

    async def homes_found(self) -> None:
        """Wait until the homes are found, but not long."""
        if self._scan is not None:
            await asyncio.wait([self._scan], timeout=_SCAN_PATIENCE_S)

    def look_soon(self) -> None:
        """Look without waiting until it is time."""
        self._wake.set()

    async def _watch(self) -> None:
        while True:
            try:
                await self.ask(self.ledger.look)
            except Exception:  # noqa: BLE001  # the edge of the task: the next look is another try
                _LOG.exception("the runs cannot be watched")
            self._children = [child for child in self._children if child.poll() is None]
            self._is_idle = not (self.ledger.has_unfinished() or self._children)
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_EVERY_S if self._is_idle else _LIVE_EVERY_S):
                    await self._wake.wait()
            self._is_idle = False
            self._wake.clear()

    async def _find_homes(self, root: Path) -> None:
        def find() -> Sequence[Path]:
            return list(find_homes(root))

        for home in await asyncio.get_running_loop().run_in_executor(self._threads, find):
            await self.ask(partial(self.ledger.add_home, home))
        self.look_soon()

    async def _tell(self) -> None:
        """Emit what nobody was told yet, in order, a few at a time."""
        async with self._telling:
            for count, event in enumerate(self.ledger.take_events(), start=1):
                try:
                    self._events.emit(schema_id=EVENT_SCHEMA, data=event)
                except Exception:  # noqa: BLE001  # one event must not keep back those that follow
                    _LOG.exception("event %s cannot be sent", event["seq"])
                if count % _EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)


def register_schema(events: "EventLogger") -> None:
    """Make our events known; a second server in the same process finds them known already."""
    if EVENT_SCHEMA not in events.schemas:
        events.register_event_schema(SCHEMA_FILE)
