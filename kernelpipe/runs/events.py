"""What happens in a run, as lines of a file in its directory: who wants to watch it reads them."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
"""In a run's directory: one JSON object per line, each with its ``kind`` and its ``time``.

``time`` is in seconds since the epoch; cells are indexes in the source notebook.

* ``run_started``: ``steps``, a list of {"name", "cells_total"} in pipeline order.
* ``step_started``: ``step``.
* ``cell_started``, ``cell_finished``: ``step``, ``cell``. A cell that fails finishes, too.
* ``step_finished``: ``step``, ``state``, ``cached``, ``reason``, ``duration_s``, ``facts`` (some
  of ``model.run.StepFacts``) and ``error``: null or {"cell_index", "line", "ename", "evalue"}.
  A step that runs once per item starts and finishes once; its cells start and finish once per item.
* ``message``: ``text``.
* ``run_finished``: ``state``, ``reason``.
"""

_MOST_BYTES_AT_ONCE = 1 << 22


class EventFile:
    """Appends events to a file; a disk that is full loses events, but is no reason to fail."""

    def __init__(self, path: Path) -> None:
        self._begins_line = True
        try:
            self._file: int | None = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError:
            self._file = None

    def append(self, event: dict[str, object]) -> None:
        """Write an event with one call, so that a reader sees all of its line or nothing."""
        if self._file is None:
            return
        # Escapes, not UTF-8: texts may hold halves of characters.
        line = json.dumps(event).encode("ascii") + b"\n"
        if not self._begins_line:
            line = b"\n" + line
        written = 0
        with suppress(OSError):
            written = os.write(self._file, line)
        if written:
            self._begins_line = written == len(line)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class EventTail:
    """Reads the events of a file as they are appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """Return the events since the last time; [] when there are none, or no file.

        A line that is cut off by the file's end is left for the next time. A line that is no event
        is left out: a disk was full then.
        """
        found: list[dict[str, Any]] = []
        while lines := self._read_lines():
            found += [event for event in map(_event, lines) if event is not None]
        return found

    def _read_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read(_MOST_BYTES_AT_ONCE)
                while content and b"\n" not in content and (more := file.read(_MOST_BYTES_AT_ONCE)):
                    content += more
        except OSError:
            return []
        whole, end, _ = content.rpartition(b"\n")
        self._offset += len(whole) + len(end)
        return whole.split(b"\n") if end else []


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    is_event = isinstance(found, dict) and isinstance(found.get("kind"), str)
    return found if is_event and isinstance(found.get("time"), int | float) else None
