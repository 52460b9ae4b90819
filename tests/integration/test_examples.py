"""Every example notebook, three ways: plainly, as a local pipeline, and as IR under kfp.local."""

import json
import pickle
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_local
import kit
import pytest
from plain_run import first_difference, run_in_kernel

from kernelpipe import api
from kernelpipe.api import value_differences
from kernelpipe.api.output_differences import outputs_of
from kernelpipe.compiler import Task, lower
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import RunState
from kernelpipe.runtime.values import read_values

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
JSON = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Example:
    """An example notebook and what came of running it in the three ways.

    ``plain`` is cell index -> outputs; ``plain_values`` is step -> name -> value at its end;
    ``kept`` has the files of the two runs that ``check`` compared.
    """

    path: Path
    source: bytes
    pipeline: Pipeline
    tasks: tuple[Task, ...]
    plain: Mapping[int, list[JSON]]
    plain_values: Mapping[str, Mapping[str, object]]
    check: api.Parity
    kept: Path


@pytest.fixture(scope="module", params=sorted(path.name for path in EXAMPLES.glob("*.ipynb")))
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Return each example, run in the three ways."""
    directory = tmp_path_factory.mktemp("example")
    path = directory / "notebook" / request.param
    path.parent.mkdir()
    shutil.copyfile(EXAMPLES / request.param, path)
    source = path.read_bytes()
    pipeline = api.graph(path)
    tasks = lower(pipeline)
    plain, plain_values = run_plain(pipeline, tasks, directory / "plain")
    return Example(
        path=path,
        source=source,
        pipeline=pipeline,
        tasks=tasks,
        plain=plain,
        plain_values=plain_values,
        check=api.parity(path, keep=directory / "kept", kfp=kfp_local.executor()),
        kept=directory / "kept",
    )


def run_plain(
    pipeline: Pipeline, tasks: tuple[Task, ...], directory: Path
) -> tuple[dict[int, list[JSON]], dict[str, dict[str, object]]]:
    """Run the notebook from top to bottom; after each step's last cell, copy what it hands on."""
    directory.mkdir()
    names = {task.step: sorted(_stored_names(task)) for task in tasks}
    ends = {max(cell.index for cell in step.cells): step.name for step in pipeline.steps}
    notebook = kit.read(Path(pipeline.path))
    indexes: list[int | None] = []
    cells = []
    for index, cell in enumerate(notebook["cells"]):
        cells.append(cell)
        indexes.append(index)
        if index in ends:
            step = ends[index]
            copy = kit.code(_copying(names[step], directory / step))
            cells.append(copy | {"id": f"copy-{step}"})
            indexes.append(None)
    outputs = run_in_kernel(notebook | {"cells": cells}, directory)
    values = {
        step: pickle.loads((directory / step).read_bytes())  # noqa: S301 - written just before
        for step in ends.values()
    }
    plain = {indexes[index]: found for index, found in outputs.items()}
    return {index: found for index, found in plain.items() if index is not None}, values


def _stored_names(task: Task) -> Iterator[str]:
    return (name for port in task.outputs for name in port.names if not name.startswith("@"))


def _copying(names: list[str], path: Path) -> str:
    """Return an expression that copies the values of ``names`` to ``path`` and shows nothing."""
    values = "{" + ", ".join(f"{name!r}: {name}" for name in names) + "}"
    data = f"__import__('cloudpickle').dumps({values})"
    return f"__import__('pathlib').Path({str(path)!r}).write_bytes({data});"


def local_values(example: Example) -> dict[tuple[str, str], dict[str, object]]:
    """Return (step, port) -> the values that the local run's step wrote there."""
    steps = Path(example.check.run.directory) / "steps"
    return {
        (task.step, port.port): read_values(
            steps / f"{number:02d}-{task.step}" / "outputs" / port.port
        )
        for number, task in enumerate(example.tasks, start=1)
        for port in task.outputs
    }


def test_local_run__example__equals_the_plain_run_cell_by_cell(example: Example) -> None:
    """The one executed notebook reads as if the notebook had been run in one go."""
    run = example.check.run
    assert run.state is RunState.SUCCEEDED, run
    assert run.notebook

    executed = outputs_of(kit.read(Path(run.notebook)))

    assert first_difference(example.plain, executed) is None


def test_local_run__example__leaves_the_source_alone(example: Example) -> None:
    """Neither way of running it writes to the source notebook."""
    assert example.path.read_bytes() == example.source
    assert example.source == (EXAMPLES / example.path.name).read_bytes()


def test_local_run__example__hands_on_the_plain_runs_values(example: Example) -> None:
    """What a step stores is what the plain run has when the step's last cell is done."""
    for (step, port), values in local_values(example).items():
        for name in sorted(set(values) & set(example.plain_values[step])):
            plain = example.plain_values[step][name]
            where = f"{name} of {step} ({port})"
            found = value_differences.first_difference(plain, values[name], where=where)
            assert found is None


def test_parity__example__holds(example: Example) -> None:
    """kfp.local executes the IR file and finds the same states, metrics and values."""
    check = example.check

    assert check.found == (), check.log
    assert check.state is RunState.SUCCEEDED
    assert check.metrics == len(check.run.metrics) > 0
    assert {step.name: step.values for step in check.steps} == {
        task.step: sum(len(port.names) for port in task.outputs) for task in example.tasks
    }


def test_kfp_run__example__reports_every_step(example: Example) -> None:
    """Each step leaves its executed notebook as HTML."""
    reports = {path.parent.name for path in example.kept.glob("kfp/*/*/run-report")}

    assert reports == {step.name for step in example.pipeline.steps}


def test_graph__wine_classification__trains_in_parallel() -> None:
    """The example that shows parallel branches has them."""
    pipeline = api.graph(EXAMPLES / "wine_classification.ipynb")

    after = {step.name: set(step.after) for step in pipeline.steps}

    assert after["forest"] == after["boosting"] == {"split"} or (
        "boosting" not in after["forest"] and "forest" not in after["boosting"]
    )
    assert {"forest", "boosting"} <= after["evaluate"]


def test_run__derived_parameters__follow_the_given_ones(tmp_path: Path) -> None:
    """Giving a parameter equals editing the parameters cell and running the notebook."""
    given = {"age_bins": [0, 50, 120], "seed": 3}
    path = Path(shutil.copy(EXAMPLES / "diabetes_etl.ipynb", tmp_path))
    edited = kit.read(path)
    (cell,) = (cell for cell in edited["cells"] if cell["id"] == "parameters")
    source = "".join(cell["source"])
    cell["source"] = source.replace("[0, 35, 50, 65, 120]", "[0, 50, 120]").replace("11", "3")

    plain = run_in_kernel(edited, tmp_path)
    run = api.run(path, given, jobs=2, home=tmp_path / "home")

    assert run.state is RunState.SUCCEEDED
    assert run.notebook
    assert json.loads(run.parameters).items() >= given.items()
    assert first_difference(plain, outputs_of(kit.read(Path(run.notebook)))) is None
