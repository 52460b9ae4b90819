"""The plain-text log of one step: what its cells wrote, under the numbers of the cells."""

import re
import time
from pathlib import Path
from typing import Self

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def without_colours(text: str) -> str:
    """Return ``text`` without terminal escape sequences."""
    return _ANSI.sub("", text)


class StepLog:
    """Writes a step's log; also papermill's ``stdout_file`` and ``stderr_file``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace")
        self._is_at_line_start = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cell(self, title: str) -> None:
        """Begin the part of a cell, for example ``cell 5``."""
        self._start_line()
        self._file.write(f"--- {title}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        self.flush()

    def write(self, text: str) -> None:
        """Write what the cell wrote."""
        if text:
            self._file.write(text)
            self._is_at_line_start = text.endswith("\n")

    def line(self, text: str) -> None:
        """Write a line of its own, without colours."""
        self._start_line()
        self._file.write(without_colours(text).rstrip("\n") + "\n")

    def flush(self) -> None:
        """Hand everything to the system, so that a reader sees it."""
        self._file.flush()

    def close(self) -> None:
        """End the log."""
        self._start_line()
        self._file.close()

    def _start_line(self) -> None:
        if not self._is_at_line_start:
            self._file.write("\n")
            self._is_at_line_start = True
