"""Listens to the live events of a server as a browser does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import websocket
from server_kit import Server

SCHEMA = "urn:kernelpipe:run:1"
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
_PATIENCE_S = 60.0

Event = dict[str, Any]


class Listener:
    """Keeps the events that came, in the order in which they did."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def take(self, event: Event) -> None:
        """Keep an event."""
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(self, is_meant: Callable[[Event], bool]) -> Event:
        """Return the first event that is meant, once it is there."""

        def find() -> Event | None:
            return next((event for event in self.events if is_meant(event)), None)

        with self._changed:
            found = self._changed.wait_for(find, timeout=_PATIENCE_S)
        assert found is not None, self.events
        return found

    def wait_for_end(self, run_id: str) -> dict[str, Any]:
        """Return a run once it has ended."""
        run: dict[str, Any] = self.wait(
            lambda e: e["kind"] == "run" and e["run_id"] == run_id and e["run"]["state"] in ENDED
        )["run"]
        return run

    def wait_for_cell(self, run_id: str, step: str, state: str = "RUNNING") -> Event:
        """Return the event that says that a cell of a step is in a state."""
        return self.wait(
            lambda e: (
                e["kind"] == "cell"
                and e["run_id"] == run_id
                and (e["cell"]["step"], e["cell"]["state"]) == (step, state)
            )
        )

    def of(self, run_id: str, kind: str) -> list[Event]:
        """Return the events of one kind about a run."""
        return [e for e in self.events if e["run_id"] == run_id and e["kind"] == kind]


@contextmanager
def listening(server: Server) -> Iterator[Listener]:
    """Listen until the block ends."""
    listener = Listener()
    socket = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/api/events/subscribe",
        header=[f"Authorization: token {server.token}"],
        timeout=_PATIENCE_S,
    )

    def listen() -> None:
        try:
            while text := socket.recv():
                event = json.loads(text)
                if event["schema_id"] == SCHEMA:
                    listener.take(event)
        except (websocket.WebSocketException, OSError):
            return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        socket.abort()  # wakes the thread up, which closing would not
        thread.join()
        socket.shutdown()
