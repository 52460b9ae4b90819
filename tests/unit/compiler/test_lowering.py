"""Tests of lowering pipelines to tasks."""

import json
from dataclasses import replace

import pytest

from kernelpipe.compiler import Task, TaskInput, TaskOutput, lower
from kernelpipe.errors import CompileError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.model.pipeline import (
    ArtifactKind,
    InputPort,
    OutputPort,
    Parameter,
    ParameterType,
    Pipeline,
    SetupCell,
    Step,
)
from kernelpipe.model.settings import PipelineSettings, StepSettings

SPLIT = StepName("split")
TRAIN = StepName("train")


def _cell(index: int, source: str, role: CellRole = CellRole.STEP) -> Cell:
    return Cell(
        index=index,
        id=f"c{index}",
        source=source,
        location=Location(path="nb.ipynb", cell_index=index),
        role=role,
    )


def _setup(index: int, source: str, role: CellRole) -> SetupCell:
    return SetupCell(cell=_cell(index, source, role), source=source)


def _step(name: StepName, *cells: Cell, **facts: object) -> Step:
    step = Step(
        name=name,
        cells=cells,
        tests=(),
        setup=(),
        after=(),
        inputs=(),
        outputs=(),
        metrics=(),
    )
    return replace(step, **facts)  # type: ignore[arg-type]  # by name


def _pipeline(*steps: Step, parameters: tuple[Parameter, ...] = ()) -> Pipeline:
    return Pipeline(
        name="churn",
        path="/somewhere/nb.ipynb",
        kernel_name="python3",
        settings=PipelineSettings(),
        parameters=parameters,
        steps=steps,
        edges=(),
    )


def _parameter(name: str, default: str, kind: ParameterType, *, cell: int = 1) -> Parameter:
    return Parameter(name=name, type=kind, default=default, is_nullable=False, cell_index=cell)


def _output(name: str, group: int, kind: ArtifactKind = ArtifactKind.ANY) -> OutputPort:
    return OutputPort(name=name, group=group, cell_index=5, kind=kind)


def _document(task: Task) -> dict[str, object]:
    document: dict[str, object] = json.loads(task.document)
    return document


def test_lower__step_with_everything__is_the_whole_document() -> None:
    """The document holds everything the runtime needs, under the agreed keys."""
    split = _step(SPLIT, _cell(3, "X = y = f()"), outputs=(_output("X", 0), _output("y", 0)))
    train = _step(
        TRAIN,
        _cell(5, "model = fit(X, lr)"),
        _cell(6, "acc = 1", CellRole.METRICS),
        tests=(_cell(7, "assert acc", CellRole.TEST),),
        setup=(
            _setup(0, "import os", CellRole.IMPORTS),
            _setup(1, "lr = 0.1\nshape = (1, 2)\ntotal = lr * 2", CellRole.PARAMETERS),
            _setup(2, "def fit(): pass", CellRole.FUNCTIONS),
            _setup(4, "leading = 1", CellRole.STEP),
        ),
        after=(SPLIT,),
        inputs=(
            InputPort(name="X", source=SPLIT),
            InputPort(name="lr", source=None),
            InputPort(name="shape", source=None),
            InputPort(name="y", source=SPLIT),
        ),
        outputs=(_output("model", 0, ArtifactKind.MODEL),),
        metrics=("acc",),
        removed=("tmp",),
        shared_definitions=(("fit", 2),),
        modules=("os",),
        settings=StepSettings(memory="4Gi"),
    )
    parameters = (
        _parameter("lr", "0.1", ParameterType.DOUBLE),
        _parameter("shape", "[1, 2]", ParameterType.LIST),
        _parameter("unread", "3", ParameterType.INTEGER),
    )

    task = lower(_pipeline(split, train, parameters=parameters))[1]

    assert _document(task) == {
        "version": 1,
        "pipeline": "churn",
        "step": "train",
        "setup": [
            {"index": 0, "id": "c0", "role": "imports", "source": "import os"},
            {
                "index": 1,
                "id": "c1",
                "role": "parameters",
                "source": "lr = 0.1\nshape = (1, 2)\ntotal = lr * 2",
            },
            {"index": 2, "id": "c2", "role": "functions", "source": "def fit(): pass"},
            {"index": 4, "id": "c4", "role": "imports", "source": "leading = 1"},
        ],
        "cells": [
            {"index": 5, "id": "c5", "role": "step", "source": "model = fit(X, lr)"},
            {"index": 6, "id": "c6", "role": "metrics", "source": "acc = 1"},
        ],
        "tests": [{"index": 7, "id": "c7", "role": "test", "source": "assert acc"}],
        "parameters": [
            {"name": "lr", "type": "float", "default": 0.1, "nullable": False, "cell": 1},
            {
                "name": "shape",
                "type": "list",
                "default": [1, 2],
                "nullable": False,
                "cell": 1,
                "tuple": True,
            },
        ],
        "derivations": {
            "1": [{"source": "total = lr * 2", "reads": ["lr"], "binds": ["total"]}],
        },
        "inputs": [{"step": "split", "port": "X", "names": ["X", "y"]}],
        "outputs": [{"port": "model", "names": ["model"], "cells": {"model": 5}}],
        "metrics": ["acc"],
        "removed": ["tmp"],
        "shared": {"fit": 2},
    }
    assert task == Task(
        step=TRAIN,
        after=(SPLIT,),
        document=task.document,
        parameters=("lr", "shape"),
        inputs=(TaskInput(step=SPLIT, port="X", names=("X", "y")),),
        outputs=(TaskOutput(port="model", names=("model",), kind=ArtifactKind.MODEL),),
        metrics=("acc",),
        modules=("os",),
        settings=StepSettings(memory="4Gi"),
    )


def test_lower__same_pipeline_elsewhere__gives_the_same_tasks() -> None:
    """Where the notebook lies does not show."""
    pipeline = _pipeline(_step(SPLIT, _cell(0, "x = 1")))

    assert lower(replace(pipeline, path="/elsewhere/nb.ipynb")) == lower(pipeline)


def test_lower__pipeline_with_errors__raises_all_findings() -> None:
    """Warnings come along, so that they are seen, too."""
    findings = tuple(
        Diagnostic(
            code=code,
            severity=severity,
            message="m",
            location=Location(path="nb.ipynb", cell_index=index),
        )
        for code, severity, index in (
            ("KP203", Severity.ERROR, 2),
            ("KP301", Severity.WARNING, 1),
        )
    )
    pipeline = replace(_pipeline(), diagnostics=findings)

    with pytest.raises(CompileError, match="KP203") as caught:
        lower(pipeline)

    assert [d.code for d in caught.value.diagnostics] == ["KP301", "KP203"]


def test_lower__parameter_read_through_a_derived_name__is_passed() -> None:
    """A step that reads only what is computed from a parameter gets the parameter."""
    source = "n = 1\nm = 2\nk = 3\ndouble = n * 2\nmore = double + m"
    step = _step(
        TRAIN,
        _cell(2, "print(more)"),
        setup=(_setup(1, source, CellRole.PARAMETERS),),
        inputs=(InputPort(name="more", source=None),),
    )
    parameters = tuple(_parameter(name, "1", ParameterType.INTEGER) for name in "nmk")

    (task,) = lower(_pipeline(step, parameters=parameters))

    assert task.parameters == ("n", "m")


def test_lower__changed_parameter__says_what_it_starts_from() -> None:
    """A derivation that changes a parameter carries the parameter's literal."""
    source = "names = ['a']\nnames.append('b')"
    step = _step(
        TRAIN,
        _cell(2, "print(names)"),
        setup=(_setup(1, source, CellRole.PARAMETERS),),
        inputs=(InputPort(name="names", source=None),),
    )

    (task,) = lower(_pipeline(step, parameters=(_parameter("names", '["a"]', ParameterType.LIST),)))

    assert _document(task)["derivations"] == {
        "1": [
            {
                "source": "names.append('b')",
                "reads": ["names"],
                "binds": ["names"],
                "resets": {"names": "['a']"},
            }
        ]
    }


def test_lower__two_parameters_cells__keep_theirs_apart() -> None:
    """Each parameter belongs to its cell."""
    step = _step(
        TRAIN,
        _cell(3, "print(a, b)"),
        setup=(
            _setup(1, "a = 1", CellRole.PARAMETERS),
            _setup(2, "b = 2\nc = b", CellRole.PARAMETERS),
        ),
        inputs=(InputPort(name="a", source=None), InputPort(name="b", source=None)),
    )
    parameters = (
        _parameter("a", "1", ParameterType.INTEGER, cell=1),
        _parameter("b", "2", ParameterType.INTEGER, cell=2),
    )

    (task,) = lower(_pipeline(step, parameters=parameters))

    assert _document(task)["derivations"] == {
        "1": [],
        "2": [{"source": "c = b", "reads": ["b"], "binds": ["c"]}],
    }


@pytest.mark.parametrize(
    ("names", "ports"),
    [
        pytest.param(["model"], ["model"], id="plain"),
        pytest.param(["@numpy.random"], ["state_numpy_random"], id="hidden state"),
        pytest.param(["größe"], ["gr__e"], id="not ASCII"),
        pytest.param(["größe", "grüäe"], ["gr__e", "gr__e_2"], id="the same in ASCII"),
        pytest.param(["X", "x"], ["X", "x_2"], id="the same without case"),
        pytest.param(["@random", "state_random"], ["state_random", "state_random_2"], id="taken"),
    ],
)
def test_lower__outputs__have_safe_ports(names: list[str], ports: list[str]) -> None:
    """Ports are ASCII, and differ also where case does not count."""
    step = _step(
        SPLIT, _cell(0, "x"), outputs=tuple(_output(name, i) for i, name in enumerate(names))
    )

    (task,) = lower(_pipeline(step))

    assert [output.port for output in task.outputs] == ports


def test_lower__group_of_several_kinds__is_any() -> None:
    """A file's kind is known only if all values in it are of that kind."""
    step = _step(
        SPLIT,
        _cell(0, "x"),
        outputs=(
            _output("a", 0, ArtifactKind.DATASET),
            _output("b", 0, ArtifactKind.MODEL),
            _output("c", 1, ArtifactKind.DATASET),
        ),
    )

    (task,) = lower(_pipeline(step))

    assert [output.kind for output in task.outputs] == [ArtifactKind.ANY, ArtifactKind.DATASET]


def test_lower__inputs_of_several_steps__are_sorted() -> None:
    """Inputs are by step and port, with the names taken from each."""
    load = StepName("load")
    first = _step(load, _cell(0, "z"), outputs=(_output("z", 0), _output("a", 1)))
    second = _step(SPLIT, _cell(1, "b"), outputs=(_output("b", 0),))
    third = _step(
        TRAIN,
        _cell(2, "use"),
        inputs=(
            InputPort(name="a", source=load),
            InputPort(name="b", source=SPLIT),
            InputPort(name="z", source=load),
        ),
    )

    task = lower(_pipeline(first, second, third))[2]

    assert task.inputs == (
        TaskInput(step=load, port="a", names=("a",)),
        TaskInput(step=load, port="z", names=("z",)),
        TaskInput(step=SPLIT, port="b", names=("b",)),
    )
