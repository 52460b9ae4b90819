"""Builders for runs on this machine: pipelines made by hand, and a reporter that remembers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import kit

from kernelpipe.compiler import Task, TaskInput, TaskOutput
from kernelpipe.model.location import Location
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import ArtifactKind, Parameter, Pipeline, Step
from kernelpipe.model.run import Run, StepRun
from kernelpipe.model.settings import PipelineSettings, StepSettings


def step(name: str, *sources: str, after: Sequence[str] = (), **settings: object) -> Task:
    """Return a task whose cells have no indexes yet; ``settings`` are those of StepSettings."""
    document = {
        "version": 1,
        "pipeline": "made",
        "step": name,
        "setup": [],
        "cells": [{"role": "step", "source": source} for source in sources],
        "tests": [],
        "parameters": [],
        "derivations": {},
        "inputs": [],
        "outputs": [],
        "metrics": [],
        "removed": [],
        "shared": {},
    }
    return Task(
        step=StepName(name),
        after=tuple(map(StepName, after)),
        document=json.dumps(document),
        parameters=(),
        inputs=(),
        outputs=(),
        metrics=(),
        modules=(),
        settings=StepSettings(**settings),  # type: ignore[arg-type]  # given by name
    )


def extended(task: Task, **entries: object) -> Task:
    """Return ``task`` with entries of its document replaced, and what repeats them."""
    document = json.loads(task.document) | entries
    return replace(
        task,
        document=json.dumps(document),
        parameters=tuple(entry["name"] for entry in document["parameters"]),
        inputs=tuple(
            TaskInput(step=entry["step"], port=entry["port"], names=tuple(entry["names"]))
            for entry in document["inputs"]
        ),
        outputs=tuple(
            TaskOutput(port=entry["port"], names=tuple(entry["names"]), kind=ArtifactKind.ANY)
            for entry in document["outputs"]
        ),
        metrics=tuple(document["metrics"]),
    )


def pipeline(
    path: Path,
    *tasks: Task,
    parameters: Sequence[Parameter] = (),
    kernel_name: str | None = "python3",
    settings: PipelineSettings | None = None,
) -> tuple[Pipeline, tuple[Task, ...]]:
    """Write the notebook of ``tasks`` to ``path`` and return its pipeline and numbered tasks.

    Setup cells come with their indexes and must be the same in all tasks; they stand first.
    """
    setup = {
        entry["index"]: entry for task in tasks for entry in json.loads(task.document)["setup"]
    }
    cells = [kit.code(entry["source"], entry["role"]) for _, entry in sorted(setup.items())]
    numbered = []
    for task in tasks:
        document = json.loads(task.document)
        for entry in (*document["cells"], *document["tests"]):
            entry |= {"index": len(cells), "id": f"c{len(cells)}"}
            cells.append(kit.code(entry["source"], f"step:{task.step}"))
        numbered.append(replace(task, document=json.dumps(document)))
    kit.write(path, *cells)
    return (
        Pipeline(
            name=path.stem,
            path=str(path),
            kernel_name=kernel_name,
            settings=settings or PipelineSettings(),
            parameters=tuple(parameters),
            steps=tuple(_step(path, task) for task in numbered),
            edges=(),
        ),
        tuple(numbered),
    )


def _step(path: Path, task: Task) -> Step:
    cells = tuple(
        Cell(
            index=entry["index"],
            id=entry["id"],
            source=entry["source"],
            location=Location(path=path.name, cell_index=entry["index"]),
            step=task.step,
            settings=task.settings,
        )
        for entry in json.loads(task.document)["cells"]
    )
    return Step(
        name=task.step,
        cells=cells,
        tests=(),
        setup=(),
        after=task.after,
        inputs=(),
        outputs=(),
        metrics=task.metrics,
        settings=task.settings,
    )


class RememberingReporter:
    """Keeps what it is told, as lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.runs: list[Run] = []

    def run_started(
        self, run_id: RunId, directory: Path, steps: tuple[StepName, ...], cells_total: int
    ) -> None:
        """Remember the size of the run."""
        assert directory.name == run_id
        self.lines.append(f"run {','.join(steps)} {cells_total}")

    def step_started(self, step: StepName) -> None:
        """Remember the step."""
        self.lines.append(f"start {step}")

    def cell_started(self, step: StepName, cell_index: int) -> None:
        """Remember nothing: it is remembered when it finishes."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Remember the cell."""
        self.lines.append(f"cell {step} {cell_index}")

    def step_finished(self, step: StepRun) -> None:
        """Remember the state."""
        self.lines.append(f"end {step.name} {step.state.value}")

    def message(self, text: str) -> None:
        """Remember the text."""
        self.lines.append(text)

    def run_finished(self, run: Run) -> None:
        """Remember the run."""
        self.runs.append(run)


def outputs(notebook: Mapping[str, object]) -> list[object]:
    """Return each cell's outputs as short texts: streams, results, names of errors."""
    found: list[object] = []
    for cell in notebook["cells"]:  # type: ignore[attr-defined]  # JSON
        texts = []
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain")
            texts.append("".join(text or output.get("ename", "")))
        found.append(texts)
    return found
