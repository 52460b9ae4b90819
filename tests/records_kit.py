"""Builders for recorded runs: their store, their notebooks and their logs, made by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kit

from kernelpipe.model.names import StepName
from kernelpipe.model.run import Metric, Run, RunFacts, RunState, StepRun
from kernelpipe.runs import RunStore

NOON = 1795262400.0  # 2026-11-21 12:00:00 UTC
FACTS = RunFacts(
    version="0.2.0",
    python="CPython 3.11.9",
    packages={"numpy": "2.1.0", "pandas": "2.2.3"},
    given=["lr"],
    git_commit="0123456789abcdef0123456789abcdef01234567",
    git_is_dirty=True,
)


def step(name: str, state: str = "SUCCEEDED", *, facts: Any = None, **fields: Any) -> StepRun:
    """Return a step run; one that ran says that it read no file unless ``facts`` say otherwise."""
    known = {"reads": []} if facts is None else facts
    return StepRun(name=StepName(name), state=RunState(state), facts=json.dumps(known), **fields)


def ran(cell: Mapping[str, Any], count: int, *outputs: Mapping[str, Any]) -> kit.JSON:
    """Return a code cell as it is once it was executed."""
    return {**cell, "execution_count": count, "outputs": list(outputs)}


def stream(text: str, name: str = "stdout") -> kit.JSON:
    """Return what a cell printed."""
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> kit.JSON:
    """Return what a cell displayed; ``data`` are MIME types with ``__`` for the slash."""
    known = {name.replace("__", "/").replace("_xml", "+xml"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": known, "metadata": {}}


def record(  # noqa: PLR0913 - what a run is made of, by name
    home: Path,
    *cells: Mapping[str, Any],
    steps: Sequence[StepRun] = (),
    state: str = "SUCCEEDED",
    at: float = NOON,
    parameters: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    facts: RunFacts | None = None,
    notebook: str = "churn.ipynb",
) -> Run:
    """Record a run of ``cells`` that started at ``at`` and took 75 s; return it as loaded."""
    moment = [at]
    store = RunStore(home, clock=lambda: moment[0])
    run = store.create(
        pipeline=Path(notebook).stem,
        source=home.parent / notebook,
        parameters=json.dumps(parameters or {}),
        steps=[each.name for each in steps],
        facts=FACTS if facts is None else facts,
    )
    for each in steps:
        store.record_steps(run.id, [each])
    if state == "RUNNING":
        return store.load(run.id)
    directory = Path(run.directory)
    fresh = [{**cell, "outputs": [], "execution_count": None} for cell in cells]
    plain = [
        cell if cell["cell_type"] != "code" else new for cell, new in zip(cells, fresh, strict=True)
    ]
    kit.write(directory / "source.ipynb", *plain)
    executed = kit.write(directory / notebook, *cells)
    moment[0] = at + 75
    return store.record_run(
        run.id,
        RunState(state),
        notebook=executed,
        metrics=[Metric(name=name, value=value) for name, value in (metrics or {}).items()],
    )


def write_log(run: Run, position: int, step_name: str, text: str, *, attempt: int = 1) -> None:
    """Write the log of an attempt at a step; ``position`` counts from one."""
    suffix = "" if attempt == 1 else f".{attempt}"
    directory = Path(run.directory, "steps", f"{position:02d}-{step_name}{suffix}")
    directory.mkdir(parents=True)
    (directory / "log.txt").write_text(text, encoding="utf-8")
