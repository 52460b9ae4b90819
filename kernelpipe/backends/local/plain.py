"""Runs a notebook plainly, from top to bottom in one kernel, and keeps what its steps hand on."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.files import write_json
from kernelpipe.backends.local.looping import expand, items_by_step
from kernelpipe.backends.local.merged import joined_items
from kernelpipe.backends.local.outcome import ExecutedCell, find_error, read_executed
from kernelpipe.backends.local.session import STEP_NOTEBOOK, Ending
from kernelpipe.compiler import Task
from kernelpipe.compiler.given_sources import with_values
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import StepError, item_name
from kernelpipe.runs.attempts import attempt_name
from kernelpipe.runs.json_files import read_json
from kernelpipe.runtime.notebook import given_values, python_text

_PLAN = "plan.json"
_RESULT = "stored.json"
_EARLY = "early"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRun:
    """What came of a notebook that was run from top to bottom.

    ``outputs`` is cell index -> outputs, of the cells that were executed. ``error`` is what ended
    it before its last cell.
    """

    directory: Path
    outputs: Mapping[int, Sequence[Mapping[str, Any]]]
    error: StepError | None
    problems: Mapping[str, str]
    """Path of a value file, or name of a step -> why there are no values, or no metrics."""
    metrics: Mapping[str, Mapping[str, object]]
    """Step, or item of a step -> metric -> number or series."""

    def values(self, position: int, step: StepName, *, item: int | None = None) -> Path:
        """Return the directory with the value files of a step, or of one of its items."""
        return self.directory / attempt_name(position, step, item=item)

    def early_values(self, position: int, step: StepName) -> Path:
        """Return where values are as they were after the step's last cell that touches them."""
        return self.directory / _EARLY / attempt_name(position, step)


@dataclass(kw_only=True)
class _Entry:
    """A cell that will be executed; ``index`` is that of the source, None of ours."""

    source: str
    index: int | None = None
    item: str | None = None
    may_raise: bool = False
    due: list[dict[str, object]] = field(default_factory=list)


class PlainNotebook:
    """A notebook as it is run plainly: less some cells, with parameters set and loops unrolled."""

    def __init__(
        self,
        notebook: Notebook,
        pipeline: Pipeline,
        tasks: Sequence[Task],
        *,
        given: Mapping[str, object],
        left_out: Collection[StepName],
    ) -> None:
        """Prepare; nothing is written.

        Args:
            notebook: What ``pipeline`` was made of.
            pipeline: Without errors.
            tasks: Lowered from ``pipeline``.
            given: Parameter name -> JSON value; checked.
            left_out: Steps whose cells do not run, as their gate was closed.
        """
        self._pipeline = pipeline
        self._tasks = {task.step: task for task in tasks}
        self._items = items_by_step(expand(tasks, pipeline, given))
        self._given = given
        self._owners = {
            cell.index: step.name for step in pipeline.steps for cell in (*step.cells, *step.tests)
        }
        out = {index for index, step in self._owners.items() if step in left_out}
        self._cells = [
            cell
            for cell in notebook.cells
            if cell.index not in {*pipeline.skipped, *out} and cell.source.strip()
        ]

    @property
    def count(self) -> int:
        """How many cells will be executed."""
        return len(self._cells)

    @property
    def owners(self) -> Mapping[int, StepName]:
        """Cell index -> step, of cells that belong to one."""
        return self._owners

    def run(
        self,
        directory: Path,
        runtime: Path,
        execute: Callable[[Path], Ending],
    ) -> PlainRun:
        """Run it.

        Args:
            directory: Is made; for the notebook and its values.
            runtime: The directory that holds ``kernelpipe_runtime``.
            execute: Executes the notebook in a directory.

        Raises:
            OSError: If a file cannot be written.
        """
        directory.mkdir()
        entries = list(self._entries(directory))
        plan = {
            "cells": [{"source": each.source, "due": each.due} for each in entries],
            "result": str(directory / _RESULT),
        }
        write_json(plan, directory / _PLAN)
        begin = _Entry(source=_watching(directory / _PLAN, runtime))
        write_json(_document([begin, *entries]), directory / STEP_NOTEBOOK)
        ending = execute(directory)
        told = read_json(directory / _RESULT)
        return PlainRun(
            directory=directory,
            outputs=self._outputs(directory, entries),
            error=None if ending.is_complete else find_error(directory, ending),
            problems=told.get("problems", {}),
            metrics=told.get("metrics", {}),
        )

    def _entries(self, directory: Path) -> Iterator[_Entry]:
        """Yield the cells in the order in which they run, and make directories for values."""
        own = {step.name: {cell.index for cell in step.cells} for step in self._pipeline.steps}
        loops: dict[StepName, list[Cell]] = {step: [] for step in self._items}
        ends = {}
        for cell in self._cells:
            step = self._owners.get(cell.index)
            if step is not None and (cell.index in own[step] or step in loops):
                ends[step] = cell.index
        for cell in self._cells:
            step = self._owners.get(cell.index)
            if step in loops:
                loops[step].append(cell)
                if cell.index == ends[step]:
                    yield from self._unrolled(step, loops[step], directory)
                continue
            entry = _Entry(source=self._source(cell), index=cell.index, may_raise=cell.may_raise)
            if step is not None and ends.get(step) == cell.index:
                entry.due.append(self._due(step, directory))
            elif step is not None:
                entry.due += self._early_due(step, cell.index, directory)
            yield entry

    def _unrolled(self, step: StepName, cells: Sequence[Cell], directory: Path) -> Iterator[_Entry]:
        """Yield a loop's cells once per item; after the last one its names hold lists."""
        items, task = self._items[step], self._tasks[step]
        names = sorted({n for port in task.outputs for n in port.names if not n.startswith("@")})
        if not items and names:
            yield _Entry(source="".join(f"{name} = []\n" for name in names))
        last = max(cell.index for cell in cells)
        for number, task in enumerate(items):
            assert task.item is not None  # noqa: S101 - it is one
            bound = task.item.binding().items()
            yield _Entry(source="\n".join(f"{n} = {python_text(value)}" for n, value in bound))
            for cell in cells:
                entry = _Entry(
                    source=cell.source,
                    index=cell.index,
                    item=f"{task.step}: {task.item.text}",
                    may_raise=cell.may_raise,
                )
                if cell.index == last:
                    entry.due.append(self._due(step, directory, item=number))
                    is_last = number == len(items) - 1
                    entry.due.append({"collect": names, "is_last": is_last})
                yield entry

    def _due(
        self, step: StepName, directory: Path, *, item: int | None = None
    ) -> dict[str, object]:
        document = json.loads(self._tasks[step].document)
        values = directory / attempt_name(self._position(step), step, item=item)
        values.mkdir()
        return {
            "step": step if item is None else item_name(step, item),
            "shared": document["shared"],
            "files": {str(values / each["port"]): each["names"] for each in document["outputs"]},
            "metrics": document["metrics"],
        }

    def _early_due(
        self, step: StepName, index: int, directory: Path
    ) -> Iterator[dict[str, object]]:
        """Yield what was touched last by a cell after which other steps' cells come."""
        document = json.loads(self._tasks[step].document)
        ports = [p for p in document["outputs"] if max(p["cells"].values(), default=-1) == index]
        if ports:
            values = directory / _EARLY / attempt_name(self._position(step), step)
            values.mkdir(parents=True, exist_ok=True)
            files = {str(values / each["port"]): each["names"] for each in ports}
            yield {"step": step, "shared": document["shared"], "files": files, "metrics": []}

    def _position(self, step: StepName) -> int:
        return [each.name for each in self._pipeline.steps].index(step)

    def _source(self, cell: Cell) -> str:
        if cell.role is not CellRole.PARAMETERS or not self._given:
            return cell.source
        entries = [
            entry
            for task in self._tasks.values()
            for entry in json.loads(task.document)["parameters"]
            if entry["cell"] == cell.index
        ]
        given = given_values(entries, self._given)
        return with_values(cell.source, given) if given else cell.source

    def _outputs(
        self, directory: Path, entries: Iterable[_Entry]
    ) -> dict[int, Sequence[Mapping[str, Any]]]:
        """Return the outputs by cell; those of a loop's items one after another."""
        executed = read_executed(directory)
        found = {cell.index: json.loads(cell.outputs) for cell in executed}
        names = [each.item for each in entries if each.index is not None]
        by_step: dict[StepName, dict[str, list[ExecutedCell]]] = {}
        for cell, name in zip(executed, names, strict=False):
            if name is not None:
                items = by_step.setdefault(self._owners[cell.index], {})
                items.setdefault(name, []).append(cell)
        for step, items in by_step.items():
            parts = [(name, tuple(cells)) for name, cells in items.items()]
            for joined in joined_items(self._tasks[step], parts):
                found[joined.index] = json.loads(joined.outputs)
        return found


def _watching(plan: Path, runtime: Path) -> str:
    return (
        f'__import__("sys").path.insert(0, {str(runtime)!r})\n'
        '__import__("kernelpipe_runtime.boundaries", fromlist=["watch"])'
        f".watch({str(plan)!r}, {str(runtime)!r})"
    )


def _document(entries: Sequence[_Entry]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {
                    "kernelpipe": {"role": "plain"}
                    | ({} if each.index is None else {"cell": each.index}),
                    "tags": ["raises-exception"] if each.may_raise else [],
                },
                "source": each.source,
                "outputs": [],
                "execution_count": None,
            }
            for number, each in enumerate(entries)
        ],
    }
