"""How a step that did not complete is recorded."""

import json

from kernelpipe.compiler import Task
from kernelpipe.model.run import RunState, StepError, StepRun


def timed_out(task: Task, error: StepError | None) -> StepRun:
    """Return the record of a step that took too long; ``error`` says where it was stopped."""
    reason = f"it took longer than its timeout of {task.settings.timeout_s:g} s"
    found = StepError(
        cell_index=None if error is None else error.cell_index,
        line=None if error is None else error.line,
        ename="TimeoutError",
        evalue=reason,
    )
    return StepRun(name=task.step, state=RunState.FAILED, reason=reason, error=found)


def stopped(task: Task, error: StepError | None, *, reason: str) -> StepRun:
    """Return the record of a step that was stopped; ``error`` says where, if a cell ran."""
    cell = None if error is None else error.cell_index
    where = "" if cell is None else f" in cell {cell}"
    return StepRun(name=task.step, state=RunState.CANCELED, reason=f"{reason}{where}")


def failed(task: Task, error: StepError | None) -> StepRun:
    """Return the record of a step that failed; ``error`` is None if nobody knows why."""
    return StepRun(
        name=task.step,
        state=RunState.FAILED,
        reason=None if error is None else describe_error(error),
        error=error,
    )


def describe_error(error: StepError) -> str:
    """Return one line that says where a step failed and why."""
    where = "" if error.cell_index is None else f"cell {error.cell_index}"
    if where and error.line is not None:
        where += f", line {error.line}"
    first_line = error.evalue.partition("\n")[0]
    what = f"{error.ename}: {first_line}" if first_line else error.ename
    return f"{where}: {what}" if where else what


def count_cells(task: Task) -> int:
    """Return how many cells of the source a step executes, its setup included."""
    document = json.loads(task.document)
    return sum(
        bool(cell["source"].strip())
        for part in ("setup", "cells", "tests")
        for cell in document[part]
    )
