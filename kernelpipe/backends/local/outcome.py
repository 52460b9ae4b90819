"""Reads from an executed step notebook and its result what became of the step."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.session import EXECUTED, KERNEL_LOG, Ending, source_cell
from kernelpipe.backends.local.steplog import without_colours
from kernelpipe.model.run import Metric, StepError
from kernelpipe.runs.json_files import read_json

RESULT = "result.json"

_FRAME = re.compile(r"In ?\[(\d+)\], line (\d+)")
_TIMED_FRAME = re.compile(r"<timed exec>:(\d+)")
_NEXT_EXCEPTION = ("The above exception was the direct cause", "During handling of the above")
_LOG_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedCell:
    """A cell of the source notebook as a step executed it; ``outputs`` is JSON text."""

    index: int
    execution_count: int | None
    outputs: str


def read_metrics(directory: Path) -> tuple[Metric, ...]:
    """Return the metrics that a step recorded, in the order it did."""
    metrics = read_json(directory / RESULT).get("metrics") or {}
    return tuple(
        Metric(name=str(name), value=value)
        for name, value in metrics.items()
        if isinstance(value, int | float)
    )


def read_executed(directory: Path) -> tuple[ExecutedCell, ...]:
    """Return the source cells that a step executed, in the order of the step notebook.

    An error in a cell of ours (loading, saving) is shown at the source cell it is about.
    """
    cells = read_json(directory / EXECUTED).get("cells", [])
    error_cell = (read_json(directory / RESULT).get("error") or {}).get("cell")
    stray = [
        output
        for cell in cells
        if source_cell(cell) is None
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]
    found = []
    for cell in cells:
        index = source_cell(cell)
        if index is None or cell.get("execution_count") is None:
            continue
        outputs = list(cell["outputs"]) + (stray if index == error_cell else [])
        found.append(
            ExecutedCell(
                index=index,
                execution_count=cell["execution_count"],
                outputs=json.dumps(outputs),
            )
        )
    return tuple(found)


def find_error(directory: Path, ending: Ending) -> StepError:
    """Return why a step failed, by the source notebook's cells and lines.

    Args:
        directory: The step's.
        ending: Of an execution that did not end well.
    """
    cells = read_json(directory / EXECUTED).get("cells", [])
    cell = cells[ending.cell] if ending.cell is not None and ending.cell < len(cells) else None
    index = None if cell is None else source_cell(cell)
    if ending.kernel_end is not None:
        return StepError(
            cell_index=index,
            line=None,
            ename=ending.ename or "DeadKernelError",
            evalue=f"the kernel died ({ending.kernel_end})"
            if ending.kernel_end
            else "the kernel died",
        )
    recorded = read_json(directory / RESULT).get("error")
    if recorded and index is None:
        return StepError(
            cell_index=recorded.get("cell"),
            line=None,
            ename=str(recorded["ename"]),
            evalue=str(recorded["evalue"]),
        )
    return StepError(
        cell_index=index,
        line=None if cell is None or index is None else error_line(cell),
        ename=ending.ename or "",
        evalue=ending.evalue,
    )


def error_line(cell: Mapping[str, Any]) -> int | None:
    """Return the line (one-based) of ``cell`` where its error came from, None if unknown.

    It is the innermost frame that lies in the cell itself; code of libraries and of other cells
    may have raised deeper.
    """
    line = None
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            line = _innermost_line(output["traceback"], cell["execution_count"])
    return line


def _innermost_line(traceback: list[str], execution_count: int) -> int | None:
    line = None
    for entry in map(without_colours, traceback):
        if entry.lstrip().startswith(_NEXT_EXCEPTION):
            line = None
            continue
        header = entry.lstrip().partition("\n")[0]
        frame, timed = _FRAME.search(header), _TIMED_FRAME.search(header)
        if frame and int(frame[1]) == execution_count:
            line = int(frame[2])
        elif timed and line == 1:
            line = 1 + int(timed[1])  # %%time counts from the line below itself
    return line


def kernel_log_tail(directory: Path) -> str:
    """Return the last line that the kernel's process itself wrote, "" when there is none."""
    try:
        written = (directory / KERNEL_LOG).read_bytes()
    except OSError:
        return ""
    lines = without_colours(written[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")).split("\n")
    fatal = [line.strip() for line in lines if line.startswith("Fatal Python error")]
    return (fatal or [line.strip() for line in lines if line.strip()] or [""])[-1]
