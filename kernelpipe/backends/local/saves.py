"""Saves a notebook while it is executed, as often as that costs little."""

import time
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.files import write_json

_SAVE_SHARE = 0.1
"""Saves between cells take at most this part of the time, however big the outputs are."""


class Saves:
    """Writes a notebook whenever it is asked to, unless that would slow the step down."""

    def __init__(self, notebook: Any, path: Path) -> None:
        self._notebook = notebook
        self._path = path
        self._next_at = 0.0

    def __call__(self, **_: object) -> None:
        """Write the notebook if enough time has passed since the last time."""
        if time.monotonic() >= self._next_at:
            self.save_now()

    def save_now(self) -> None:
        """Write the notebook."""
        started_at = time.monotonic()
        write_json(self._notebook, self._path)
        ended_at = time.monotonic()
        self._next_at = ended_at + (ended_at - started_at) / _SAVE_SHARE
