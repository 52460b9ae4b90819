"""Runs the tasks of a pipeline without kernels: each step in a process forked from a warm parent.

Steps run one at a time in an order that the edges allow but the notebook does not suggest: of the
steps that may start, the last in the notebook goes first. So a missing edge shows.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cloudpickle

import kernelpipe.runtime
from kernelpipe.analysis import build_pipeline
from kernelpipe.compiler import Task, lower
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook

JSON = dict[str, Any]

ENVIRONMENT = {"PYTHONHASHSEED": "0", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}


class ShellServer:
    """A warm process whose forks run cells; use as a context manager.

    ``runtime`` is a directory with what steps import: all steps have the same, as in a home.
    """

    def __init__(self, scratch: Path) -> None:
        self.runtime = _copy_runtime(scratch / "runtime")
        self._scratch = scratch
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("shell_server.py")), str(self.runtime)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT},
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run_cells(
        self,
        cells: Sequence[Mapping[str, Any]],
        directory: Path,
        *,
        engine: str = "shell",
        timeout_s: int = 60,
    ) -> list[list[JSON]]:
        """Run ``cells`` (nbformat JSON) in one new process in ``directory``.

        Args:
            cells: Code cells.
            directory: Their working directory.
            engine: ``shell``, the oracle's, or ``runtime``, the product's.
            timeout_s: How long they may take.

        Returns:
            The outputs of each cell that ran; the last cell that ran may be one that failed.
        """
        self._number += 1
        result = self._scratch / f"result-{self._number}.json"
        request = {
            "cells": [{"execution_count": None, "outputs": [], **cell} for cell in cells],
            "engine": engine,
            "directory": str(directory),
            "result": str(result),
            "environment": ENVIRONMENT,
            "timeout_s": timeout_s,
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status = json.loads(self._answer())["status"]
        if status:
            failure = result.with_suffix(".failure")
            text = failure.read_text(encoding="utf-8") if failure.exists() else ""
            raise RuntimeError(f"the process that ran the cells ended with status {status}\n{text}")
        outputs: list[list[JSON]] = json.loads(result.read_text(encoding="utf-8"))
        result.unlink()
        return outputs

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@dataclass(kw_only=True)
class InProcessRun:
    """What came of running a pipeline: ``outputs`` is cell index -> outputs of source cells.

    ``failures`` is step name -> (ename, evalue, index of the source cell or None); ``codes`` are
    those of the errors that stopped it before it began; ``values`` is step name -> the directory
    with the files that it wrote.
    """

    pipeline: Pipeline
    codes: tuple[str, ...] = ()
    outputs: dict[int, list[JSON]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str, int | None]] = field(default_factory=dict)
    values: dict[str, Path] = field(default_factory=dict)
    metrics: JSON = field(default_factory=dict)


def run_plain_in_process(
    notebook: JSON, server: ShellServer, directory: Path
) -> dict[int, list[JSON]]:
    """Run the code cells of ``notebook`` from top to bottom in one shell, less ``skip`` cells."""
    cells = [
        (index, cell)
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code" and "skip" not in cell["metadata"].get("tags", [])
    ]
    outputs = server.run_cells([cell for _, cell in cells], directory)
    return {index: found for (index, _), found in zip(cells, outputs, strict=False)}


def run_pipeline_in_process(
    path: Path,
    server: ShellServer,
    work: Path,
    *,
    given: Mapping[str, object] | None = None,
) -> InProcessRun:
    """Run the notebook at ``path`` as a pipeline; its steps run in the notebook's directory.

    Args:
        path: The notebook.
        server: Runs the steps.
        work: An empty directory for step directories.
        given: Parameters, as a user gives them.
    """
    pipeline = build_pipeline(parse_notebook(path.read_bytes(), path=str(path)))
    run = InProcessRun(pipeline=pipeline)
    if pipeline.errors():
        run.codes = tuple(diagnostic.code for diagnostic in pipeline.errors())
        return run
    tasks = lower(pipeline)
    for task in late_first(tasks):
        if not any(before in run.failures or before not in run.values for before in task.after):
            _run_task(task, run, server, path.parent, work, given or {})
    return run


def late_first(tasks: Sequence[Task]) -> list[Task]:
    """Return ``tasks`` in an order that ``after`` allows, the last that may start always first."""
    waiting = list(tasks)
    done: set[str] = set()
    order = []
    while waiting:
        ready = [task for task in waiting if done.issuperset(task.after)]
        assert ready, f"a cycle among {[task.step for task in waiting]}"
        order.append(ready[-1])
        done.add(ready[-1].step)
        waiting.remove(ready[-1])
    return order


def _copy_runtime(directory: Path) -> Path:
    """Put a copy of the runtime into ``directory``, as backends do, and return it."""
    for name, package in (("kernelpipe_runtime", kernelpipe.runtime), ("cloudpickle", cloudpickle)):
        assert package.__file__
        shutil.copytree(Path(package.__file__).parent, directory / name)
    return directory


def _run_task(
    task: Task,
    run: InProcessRun,
    server: ShellServer,
    home: Path,
    work: Path,
    given: Mapping[str, object],
) -> None:
    from kernelpipe.runtime.notebook import build_step_notebook

    directory = work / "steps" / task.step
    (directory / "values").mkdir(parents=True)
    document = json.loads(task.document)
    call: JSON = {
        "parameters": {name: given[name] for name in task.parameters if name in given},
        "inputs": {
            f"{port.step}/{port.port}": str(run.values[port.step] / port.port)
            for port in task.inputs
        },
        "outputs": {port.port: str(directory / "values" / port.port) for port in task.outputs},
        "result": str(directory / "result.json"),
    }
    (directory / "document.json").write_text(task.document, encoding="utf-8")
    (directory / "call.json").write_text(json.dumps(call), encoding="utf-8")
    notebook = build_step_notebook(
        document, call, step_directory=str(directory), runtime_directory=str(server.runtime)
    )
    (directory / "step.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    cells = notebook["cells"]
    outputs = server.run_cells(cells, home, engine="runtime")
    run.values[task.step] = directory / "values"
    _record(task, run, cells, outputs)
    if len(outputs) < len(cells) and task.step not in run.failures:
        run.failures[task.step] = ("UsageError", json.dumps(outputs[-1]), None)
    result = directory / "result.json"
    if task.step not in run.failures and result.exists():
        run.metrics |= json.loads(result.read_text(encoding="utf-8"))["metrics"]


def _record(
    task: Task, run: InProcessRun, cells: Sequence[JSON], outputs: Sequence[list[JSON]]
) -> None:
    """Put the outputs of a step's cells where they belong in the source notebook."""
    for cell, found in zip(cells, outputs, strict=False):
        index = cell["metadata"].get("kernelpipe", {}).get("cell")
        if index is not None and not run.outputs.get(index):
            run.outputs[index] = found
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        errors = [output for output in found if output["output_type"] == "error"]
        if errors and not expected:
            run.failures[task.step] = (errors[-1]["ename"], errors[-1]["evalue"], index)
        elif index is None and any(output.get("name") == "stdout" for output in found):
            run.failures[task.step] = ("OutputOfOurs", json.dumps(found), None)
