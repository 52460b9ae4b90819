"""The one executed notebook: every source cell with the outputs it had in its step."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.outcome import ExecutedCell, read_executed
from kernelpipe.compiler import CodePart, Task, read_conditions
from kernelpipe.compiler.fingerprints import SETUP
from kernelpipe.model.result import Result
from kernelpipe.notebook import assemble

_PROMPT = re.compile(r"(In(?:\x1b\[[0-9;]*m)* ?\[)(\d+)(\])")


def merge_executed(source: Path, steps: Iterable[tuple[ExecutedCell, ...]]) -> dict[str, Any]:
    """Return the source notebook with the outputs of all steps.

    Execution counts are numbered anew in notebook order, so that the notebook reads as if it had
    been run in one go; prompts in tracebacks follow.

    Args:
        source: The source notebook as it was when the run started.
        steps: What each step executed, in pipeline order; of a cell that several executed (setup),
            the first counts.
    """
    executed = [list(step) for step in steps]
    ran = sorted({cell.index for step in executed for cell in step})
    counts = {index: number for number, index in enumerate(ran, start=1)}
    found: dict[int, dict[str, Any]] = {}
    for step in executed:
        prompts = {cell.execution_count: counts[cell.index] for cell in step}
        for cell in step:
            if cell.index not in found:
                number = counts[cell.index]
                outputs = [_renumber(o, number, prompts) for o in json.loads(cell.outputs)]
                found[cell.index] = {"outputs": outputs, "execution_count": number}
    merged: dict[str, Any] = assemble(source, found)
    return merged


def found_cells(
    directory: Path, result: Result, task: Task, code: Sequence[CodePart]
) -> tuple[ExecutedCell, ...]:
    """Return what a found step executed when its result was made, by today's cell indexes.

    Cells may have moved since then; what a cell does decides which one it is. Cells without code
    of their own (definitions that the step does not use, comments) have no outputs.

    Args:
        directory: Holds the executed step notebook.
        result: What was found.
        task: The step as it is now.
        code: What of it counts (``compiler.fingerprint``).
    """
    then = read_conditions(result.conditions).fingerprint.code
    moved = _moves(then, code)
    found: dict[int, list[ExecutedCell]] = {}
    for cell in read_executed(directory):
        if cell.index in moved:
            found.setdefault(moved[cell.index], []).append(cell)
    document = json.loads(task.document)
    entries = [entry for part in ("setup", "cells", "tests") for entry in document[part]]
    return tuple(
        _joined(entry["index"], found.get(entry["index"], []))
        for entry in entries
        if entry["source"].strip()
    )


def joined_items(
    task: Task, items: Sequence[tuple[str, tuple[ExecutedCell, ...]]]
) -> tuple[ExecutedCell, ...]:
    """Return what the items of a loop executed as one: each cell with the outputs of all of them.

    Where a cell put out something, that of each item begins with the item's name; the cells of
    setup do the same for every item, and what they put out is there once.

    Args:
        task: The loop's own task.
        items: (the item's name, what it executed), in order.
    """
    setup = {entry["index"] for entry in json.loads(task.document)["setup"]}
    cells: dict[int, list[tuple[str, ExecutedCell]]] = {}
    for name, executed in items:
        for cell in executed:
            cells.setdefault(cell.index, []).append((name, cell))
    return tuple(
        found[0][1]
        if index in setup
        else replace(found[0][1], outputs=json.dumps([o for each in found for o in _named(*each)]))
        for index, found in cells.items()
    )


def _named(name: str, cell: ExecutedCell) -> list[dict[str, Any]]:
    """Return the outputs of a cell, if it has any, after the item's name."""
    outputs: list[dict[str, Any]] = json.loads(cell.outputs)
    title = {"output_type": "display_data", "data": {"text/plain": name}, "metadata": {}}
    return [title, *outputs] if outputs else []


def _moves(then: Sequence[CodePart], now: Sequence[CodePart]) -> dict[int, int]:
    """Return cell index then -> cell index now.

    Cells of the step itself have kept their order. A cell of setup is where its first statement
    that does more than define went.
    """
    own = [[part for part in parts if part.role != SETUP] for parts in (then, now)]
    moves = {old.cell_index: new.cell_index for old, new in zip(*own, strict=True)}
    places = [
        (statement.digest, part.cell_index)
        for part in now
        if part.role == SETUP
        for statement in part.statements
        if not statement.is_free
    ]
    for part in then:
        for statement in part.statements if part.role == SETUP else ():
            place = next((p for p in places if p[0] == statement.digest), None)
            if place is not None:
                places.remove(place)
                moves.setdefault(part.cell_index, place[1])
    return moves


def _joined(index: int, cells: Sequence[ExecutedCell]) -> ExecutedCell:
    """Return the cells that became one, as one."""
    outputs = [output for cell in cells for output in json.loads(cell.outputs)]
    count = cells[0].execution_count if cells else None
    return ExecutedCell(index=index, execution_count=count, outputs=json.dumps(outputs))


def _renumber(
    output: dict[str, Any], number: int, prompts: dict[int | None, int]
) -> dict[str, Any]:
    """Return an output with the numbers of the merged notebook."""
    if output["output_type"] == "execute_result":
        return output | {"execution_count": number}
    if output["output_type"] == "error":

        def prompt(found: re.Match[str]) -> str:
            return f"{found[1]}{prompts.get(int(found[2]), int(found[2]))}{found[3]}"

        return output | {"traceback": [_PROMPT.sub(prompt, line) for line in output["traceback"]]}
    return output
