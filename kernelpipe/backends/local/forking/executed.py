"""A step notebook while it is executed, with the metadata that papermill writes."""

import importlib.util
import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

_VERSION = re.compile(r"""^version = ['"]([^'"]+)['"]""", re.MULTILINE)


class ExecutedNotebook:
    """The content of ``executed.ipynb``; cells are named by their index in it."""

    def __init__(self, source: Path, target: Path) -> None:
        """Read ``source``; nothing is written."""
        self.content: JSON = json.loads(source.read_bytes())
        self.cells: list[JSON] = self.content["cells"]
        self._papermill = self.content["metadata"].setdefault(
            "papermill",
            {
                "default_parameters": {},
                "parameters": {},
                "environment_variables": {},
                "version": _papermill_version(),
            },
        )
        self._papermill["input_path"] = str(source)
        self._papermill["output_path"] = str(target)
        self._started_at: dict[int | None, datetime] = {}

    def start(self) -> None:
        """Note that the execution begins."""
        self._started_at[None] = now = datetime.now(UTC)
        self._papermill.update(
            start_time=now.isoformat(), end_time=None, duration=None, exception=None
        )
        for cell in self.cells:
            cell["metadata"].setdefault("tags", [])
            cell["metadata"]["papermill"] = {
                "exception": None,
                "start_time": None,
                "end_time": None,
                "duration": None,
                "status": "pending",
            }
            if cell["cell_type"] == "code":
                cell["execution_count"] = None
                cell["outputs"] = []

    def start_cell(self, index: int) -> None:
        """Note that a cell begins."""
        self._started_at[index] = now = datetime.now(UTC)
        self._of(index).update(start_time=now.isoformat(), status="running", exception=False)

    def fail_cell(self, index: int) -> None:
        """Note that a cell stops the step."""
        self._of(index).update(exception=True, status="failed")
        self._papermill["exception"] = True

    def finish_cell(self, index: int) -> None:
        """Note that a cell is over."""
        now = datetime.now(UTC)
        duration_s = (now - self._started_at[index]).total_seconds()
        self._of(index).update(end_time=now.isoformat(), duration=duration_s)
        if self._of(index)["status"] != "failed":
            self._of(index)["status"] = "completed"

    def finish(self, last: int | None) -> None:
        """Note that the execution is over; cells after ``last`` did not run."""
        now = datetime.now(UTC)
        duration_s = (now - self._started_at[None]).total_seconds()
        self._papermill.update(end_time=now.isoformat(), duration=duration_s)
        for index in range(len(self.cells)):
            if last is None or index > last:
                self._of(index)["status"] = "pending"

    def _of(self, index: int) -> JSON:
        found: JSON = self.cells[index]["metadata"]["papermill"]
        return found


@cache
def _papermill_version() -> str:
    """Return papermill's version without importing it, which would take half a second."""
    spec = importlib.util.find_spec("papermill")
    if spec is not None and spec.origin is not None:
        found = _VERSION.search(Path(spec.origin).with_name("version.py").read_text("utf-8"))
        if found:
            return found[1]
    from importlib.metadata import version  # noqa: PLC0415 - slow to import

    return version("papermill")
