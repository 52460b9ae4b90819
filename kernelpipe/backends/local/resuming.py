"""What a run that is continued left: results that still count, and where its steps stopped."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.outcome import ExecutedCell, read_executed
from kernelpipe.backends.local.workspace import CHECKPOINTS, CONDITIONS
from kernelpipe.compiler import CodePart, Conditions, Task, read_conditions, result_key
from kernelpipe.model.run import Run, RunState, parts_of
from kernelpipe.runs import FileDigests
from kernelpipe.runs.attempts import find_attempts
from kernelpipe.runs.json_files import read_json

_STATE = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a step begins: ``entry`` is for the runtime, ``executed`` what was executed before."""

    entry: Mapping[str, object]
    executed: tuple[ExecutedCell, ...]


def kept_results(run: Run) -> frozenset[str]:
    """Return the ids of the results that a run's steps made or used."""
    return frozenset(
        str(facts["result"])
        for step in run.steps
        for part in parts_of(step)
        if part.state is RunState.SUCCEEDED and "result" in (facts := json.loads(part.facts))
    )


def find_restart(run: Run, task: Task, conditions: Conditions) -> Restart | None:
    """Return where the step can begin, None if only at its first cell.

    It can begin after the last cell whose state was kept, if nothing that was executed before then
    has changed since.

    Args:
        run: The run that is continued.
        task: The step as it is now.
        conditions: All that determines it now, its inputs included.
    """
    directory = _directory(run, task)
    if directory is None:
        return None
    kept = read_json(directory / CHECKPOINTS / _STATE)
    try:
        before = read_conditions((directory / CONDITIONS).read_text(encoding="utf-8"))
    except OSError:
        return None
    if not kept:
        return None
    cells = [entry["index"] for entry in json.loads(task.document)["cells"]]
    number = int(kept["cells"])
    if number >= len(cells) or not _is_same(before, conditions, number):
        return None
    if not _finds_same_files(kept.get("touched") or {}):
        return None
    old = read_executed(directory)
    return Restart(
        entry={"path": str(directory / CHECKPOINTS / str(kept["file"])), "cell": cells[number]},
        executed=_moved(old, before, conditions, number),
    )


def _finds_same_files(touched: Mapping[str, Any]) -> bool:
    """Tell whether the files that were read before the checkpoint are still what they were."""
    own = set(touched.get("writes", ()))
    return all(
        path in own or FileDigests.signature(path) == signature
        for path, signature in touched.get("reads", ())
    )


def _directory(run: Run, task: Task) -> Path | None:
    """Return the directory of the last attempt at a step that failed or was stopped."""
    item = None if task.item is None else task.item.number
    attempts = (
        find_attempts(Path(run.directory), position, task.public_step, item=item)
        for position, step in enumerate(run.steps)
        if step.name == task.public_step
    )
    found = [path for paths in attempts for path in paths if (path / CONDITIONS).exists()]
    return found[-1] if found else None


def _own(parts: Sequence[CodePart]) -> list[CodePart]:
    """Return the step's own cells, metrics cells among them."""
    return [part for part in parts if part.role not in {"setup", "test"}]


def _is_same(before: Conditions, now: Conditions, cells: int) -> bool:
    """Tell whether everything up to and with the first ``cells`` own cells is unchanged."""

    def until(conditions: Conditions) -> str:
        code = conditions.fingerprint.code
        kept = [part for part in code if part.role == "setup"] + _own(code)[:cells]
        return result_key(
            replace(conditions, fingerprint=replace(conditions.fingerprint, code=tuple(kept)))
        )

    return until(before) == until(now)


def _moved(
    executed: Sequence[ExecutedCell], before: Conditions, now: Conditions, cells: int
) -> tuple[ExecutedCell, ...]:
    old, new = _own(before.fingerprint.code)[:cells], _own(now.fingerprint.code)[:cells]
    moved = {o.cell_index: n.cell_index for o, n in zip(old, new, strict=True)}
    return tuple(replace(cell, index=moved[cell.index]) for cell in executed if cell.index in moved)
