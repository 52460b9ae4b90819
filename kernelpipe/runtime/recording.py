"""Records what a cell prints, displays and raises as notebook outputs."""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Output = dict[str, Any]


class Recorder:
    """Collects the outputs of the running cell, in order, as nbformat JSON.

    Displays with an id can be updated later, whichever cell made them.
    """

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self._shown: dict[str, list[Output]] = {}
        self._must_clear = False
        self._before = sys.stdout, sys.stderr

    def start(self) -> list[Output]:
        """Begin a cell and return the list that will hold its outputs."""
        self.outputs = []
        self._must_clear = False
        return self.outputs

    def _add(self, output: Output) -> None:
        if self._must_clear:
            self.outputs.clear()
            self._must_clear = False
        self.outputs.append(output)

    def stream(self, name: str, text: str) -> None:
        """Record text written to ``name`` ("stdout" or "stderr"); text in a row is one output."""
        last = self.outputs[-1] if self.outputs and not self._must_clear else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["text"] += text
        elif text:
            self._add({"output_type": "stream", "name": name, "text": text})

    def display(
        self,
        content: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        display_id: str | None = None,
        is_update: bool = False,
    ) -> None:
        """Record a display: ``content`` is MIME type -> representation."""
        facts = {"data": dict(content), "metadata": dict(metadata or {})}
        if is_update:
            for shown in self._shown.get(display_id or "", []):
                shown.update(facts)
            return
        output = {"output_type": "display_data", **facts}
        if display_id is not None:
            self._shown.setdefault(display_id, []).append(output)
        self._add(output)

    def result(
        self, content: Mapping[str, Any], metadata: Mapping[str, Any], execution_count: int
    ) -> None:
        """Record the value of the cell's last expression."""
        self._add(
            {
                "output_type": "execute_result",
                "data": dict(content),
                "metadata": dict(metadata),
                "execution_count": execution_count,
            }
        )

    def error(self, ename: str, evalue: str, traceback: Sequence[str]) -> None:
        """Record the exception that ended the cell."""
        self._add(
            {
                "output_type": "error",
                "ename": ename,
                "evalue": evalue,
                "traceback": list(traceback),
            }
        )

    def clear(self, *, must_wait: bool) -> None:
        """Drop the cell's outputs, now or when the next one comes."""
        if must_wait:
            self._must_clear = True
        else:
            self.outputs.clear()

    @contextmanager
    def streams(self) -> Iterator[None]:
        """Record what is written to ``sys.stdout`` and ``sys.stderr`` meanwhile."""
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(self, "stdout"), _Stream(self, "stderr")
        self._before = before
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside ``streams``: let what is written meanwhile go where it went before."""
        recording = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._before
        try:
            yield
        finally:
            sys.stdout, sys.stderr = recording


class _Stream(io.TextIOBase):
    """A text file that writes to a recorder."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        super().__init__()
        self._recorder = recorder
        self.name = f"<{name}>"
        self._stream = name

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Text encoding, for code that asks."""
        return "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Record ``text``."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._recorder.stream(self._stream, text)
        return len(text)
