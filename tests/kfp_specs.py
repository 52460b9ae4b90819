"""Builders for pipelines and tasks that the KFP backend is tested with; no analysis takes part."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kernelpipe.compiler.task import Task, TaskInput, TaskOutput
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import (
    ArtifactKind,
    Edge,
    EdgeKind,
    Parameter,
    ParameterType,
    Pipeline,
    Step,
)
from kernelpipe.model.settings import PipelineSettings, StepSettings

JSON = dict[str, Any]


def parameter(
    name: str,
    default: object,
    kind: ParameterType,
    *,
    is_nullable: bool = False,
) -> Parameter:
    """Return a parameter of cell 0."""
    return Parameter(
        name=name,
        type=kind,
        default=json.dumps(default),
        is_nullable=is_nullable,
        cell_index=0,
    )


def task(  # noqa: PLR0913 - a builder
    step: str,
    *,
    source: str = "pass",
    after: Iterable[str] = (),
    parameters: Iterable[Parameter] = (),
    inputs: Iterable[tuple[str, str]] = (),
    outputs: Iterable[str] = (),
    kinds: dict[str, ArtifactKind] | None = None,
    metrics: tuple[str, ...] = (),
    modules: tuple[str, ...] = (),
    settings: StepSettings | None = None,
) -> Task:
    """Return a task of one cell; each output port holds the one name that it is called after.

    Args:
        step: Its name; ``source`` is its cell.
        source: Of its only cell.
        after: Steps that come before.
        parameters: That it reads.
        inputs: (step, port) of values that it receives.
        outputs: Names that it hands on.
        kinds: Of its outputs; ANY unless given.
        metrics: Names.
        modules: That it imports.
        settings: Its settings.
    """
    chosen = tuple(parameters)
    received = tuple(inputs)
    ports = tuple(outputs)
    document = {
        "version": 1,
        "pipeline": "demo",
        "step": step,
        "setup": [_parameters_cell(chosen)] if chosen else [],
        "cells": [{"index": 1, "id": "c1", "role": "step", "source": source}],
        "tests": [{"index": 9, "id": "c9", "role": "test", "source": "assert False"}],
        "parameters": [
            {
                "name": each.name,
                "type": each.type.value,
                "default": json.loads(each.default),
                "nullable": each.is_nullable,
                "cell": 0,
            }
            for each in chosen
        ],
        "derivations": {},
        "inputs": [{"step": a, "port": b, "names": [b]} for a, b in received],
        "outputs": [{"port": port, "names": [port], "cells": {port: 1}} for port in ports],
        "metrics": list(metrics),
        "removed": [],
        "shared": {},
    }
    return Task(
        step=StepName(step),
        after=tuple(StepName(name) for name in after),
        document=json.dumps(document),
        parameters=tuple(each.name for each in chosen),
        inputs=tuple(
            TaskInput(step=StepName(producer), port=port, names=(port,))
            for producer, port in received
        ),
        outputs=tuple(
            TaskOutput(port=port, names=(port,), kind=(kinds or {}).get(port, ArtifactKind.ANY))
            for port in ports
        ),
        metrics=metrics,
        modules=modules,
        settings=settings or StepSettings(),
    )


def _parameters_cell(parameters: Iterable[Parameter]) -> JSON:
    lines = [f"{each.name} = {json.loads(each.default)!r}" for each in parameters]
    return {"index": 0, "id": "c0", "role": "parameters", "source": "\n".join(lines)}


def pipeline(
    *tasks: Task,
    name: str = "demo",
    path: Path | str = "demo.ipynb",
    parameters: tuple[Parameter, ...] = (),
    settings: PipelineSettings | None = None,
) -> Pipeline:
    """Return the pipeline of ``tasks``: each step has the one cell of its task."""
    edges = {
        (
            name,
            one.step,
            EdgeKind.DATA if any(i.step == name for i in one.inputs) else EdgeKind.ORDER,
        )
        for one in tasks
        for name in one.after
    }
    return Pipeline(
        name=name,
        path=str(path),
        kernel_name="python3",
        settings=settings or PipelineSettings(),
        parameters=parameters,
        steps=tuple(_step(one, str(path)) for one in tasks),
        edges=tuple(
            Edge(producer=a, consumer=b, kind=kind)
            for a, b, kind in sorted(edges, key=lambda edge: (edge[0], edge[1]))
        ),
    )


def _step(one: Task, path: str) -> Step:
    cell = json.loads(one.document)["cells"][0]
    place = Location(path=path, cell_index=cell["index"], cell_id=cell["id"])
    return Step(
        name=one.step,
        cells=(
            Cell(
                index=cell["index"],
                id=cell["id"],
                source=cell["source"],
                location=place,
                step=one.step,
                settings=one.settings,
            ),
        ),
        tests=(),
        setup=(),
        after=one.after,
        inputs=(),
        outputs=(),
        metrics=one.metrics,
        modules=one.modules,
        settings=one.settings,
    )
