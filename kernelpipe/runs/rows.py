"""Runs and step runs as rows of the index, and back."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepError, StepFacts, StepRun
from kernelpipe.runs.owner import Owner

if TYPE_CHECKING:
    import sqlite3

_RUN_COLUMNS = (
    "id, pipeline, source, state, started_at, duration_s, notebook, parameters, metrics, reason,"
    " facts, owner_host, owner_boot, owner_pid, owner_start"
)
_RUN_VALUES = 11
"""How many of the columns describe the run; the others its owner."""
_OWNER_FIELDS = ("host", "boot", "pid", "start")
_STEP_COLUMNS = "name, state, reason, is_cached, duration_s, notebook, error, facts"


def relative(path: str | None, directory: Path) -> str | None:
    """Return ``path`` relative to the run's directory when it is inside, so that homes can move."""
    if path is None:
        return None
    inside = Path(path)
    return str(inside.relative_to(directory)) if inside.is_relative_to(directory) else path


def insert_run(opened: "sqlite3.Connection", run: Run, owner: Owner) -> None:
    """Add a run and its steps."""
    directory = Path(run.directory)
    opened.execute(
        "INSERT INTO runs (id, pipeline, source, state, reason, started_at, duration_s, notebook,"
        " parameters, metrics, facts, owner_host, owner_boot, owner_pid, owner_start, sequence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT coalesce(max(sequence), 0) + 1 FROM runs))",
        (
            run.id,
            run.pipeline,
            run.source,
            run.state.value,
            run.reason,
            run.started_at,
            run.duration_s,
            relative(run.notebook, directory),
            run.parameters,
            _metrics_text(run.metrics),
            run.facts,
            owner.host,
            owner.boot,
            owner.pid,
            owner.start,
        ),
    )
    opened.executemany(
        f"INSERT INTO steps (run_id, position, {_STEP_COLUMNS})"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (run.id, position, *_step_values(step, directory))
            for position, step in enumerate(run.steps)
        ],
    )


def update_step(
    opened: "sqlite3.Connection", run_id: RunId, step: StepRun, *, directory: Path
) -> None:
    """Replace the row of the run's step that has this name."""
    name, *values = _step_values(step, directory)
    opened.execute(
        "UPDATE steps SET state = ?, reason = ?, is_cached = ?, duration_s = ?, notebook = ?,"
        " error = ?, facts = ? WHERE run_id = ? AND name = ?",
        (*values, run_id, name),
    )


def update_run(  # noqa: PLR0913 - the columns that change
    opened: "sqlite3.Connection",
    run_id: RunId,
    *,
    state: RunState,
    reason: str | None,
    ended_at: float | None,
    notebook: str | None,
    metrics: tuple[Metric, ...],
    facts: str,
) -> None:
    """Set what changes about a run.

    ``ended_at`` (seconds since the epoch) gives its duration; ``facts`` (JSON text of an object)
    are added to those that it has.
    """
    opened.execute(
        "UPDATE runs SET state = ?, reason = ?, duration_s = max(0, ? - started_at), notebook = ?,"
        " metrics = ?, facts = json_patch(facts, ?) WHERE id = ?",
        (state.value, reason, ended_at, notebook, _metrics_text(metrics), facts, run_id),
    )


def update_owner(opened: "sqlite3.Connection", run_id: RunId, owner: Owner) -> None:
    """Replace the owner of a run."""
    opened.execute(
        "UPDATE runs SET owner_host = ?, owner_boot = ?, owner_pid = ?, owner_start = ?"
        " WHERE id = ?",
        (owner.host, owner.boot, owner.pid, owner.start, run_id),
    )


def update_facts(opened: "sqlite3.Connection", run_id: RunId, facts: str) -> None:
    """Add ``facts`` (JSON text of an object; null removes) to those that a run has."""
    opened.execute(
        "UPDATE runs SET facts = json_patch(facts, ?) WHERE id = ?",
        (facts, run_id),
    )


def select_runs(
    opened: "sqlite3.Connection",
    directory_of: Callable[[RunId], Path],
    *,
    only: RunId | None = None,
    batch: str | None = None,
) -> tuple[tuple[Run, Owner], ...]:
    """Return runs with their owners, those that were recorded last first.

    All of them, the one ``only``, or those whose facts name ``batch``.
    """
    where, arguments = _restriction(only, batch)
    steps: dict[str, list[StepRun]] = {}
    found = opened.execute(
        f"SELECT run_id, {_STEP_COLUMNS} FROM steps"  # noqa: S608 - constants
        f" WHERE run_id IN (SELECT id FROM runs{where}) ORDER BY run_id, position",
        arguments,
    )
    for run_id, *values in found:
        steps.setdefault(run_id, []).append(_step(values, directory_of(RunId(run_id))))
    found = opened.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs{where}"  # noqa: S608 - constants
        " ORDER BY sequence DESC",
        arguments,
    )
    return tuple(
        (
            _run(values[:_RUN_VALUES], steps.get(values[0], ()), directory_of(RunId(values[0]))),
            Owner(**dict(zip(_OWNER_FIELDS, values[_RUN_VALUES:], strict=True))),
        )
        for values in found
    )


def select_ids(opened: "sqlite3.Connection") -> tuple[RunId, ...]:
    """Return the ids of all runs, those that were recorded last first."""
    found = opened.execute("SELECT id FROM runs ORDER BY sequence DESC")
    return tuple(RunId(run_id) for (run_id,) in found)


def _restriction(only: RunId | None, batch: str | None) -> tuple[str, tuple[str, ...]]:
    if only is not None:
        return " WHERE id = ?", (only,)
    if batch is not None:
        return " WHERE json_extract(facts, '$.batch') = ?", (batch,)
    return "", ()


def delete_run(opened: "sqlite3.Connection", run_id: RunId) -> None:
    """Remove a run and its steps."""
    opened.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def _run(values: tuple[object, ...], steps: Sequence[StepRun], directory: Path) -> Run:
    run_id, pipeline, source, state, started_at, duration_s, notebook, *others = values
    parameters, metrics, why, facts = others
    return Run(
        id=RunId(str(run_id)),
        pipeline=str(pipeline),
        source=str(source),
        state=RunState(state),
        started_at=_number(started_at) or 0.0,
        duration_s=_number(duration_s),
        directory=str(directory),
        notebook=_absolute(notebook, directory),
        parameters=str(parameters),
        metrics=tuple(Metric(name=name, value=value) for name, value in json.loads(str(metrics))),
        steps=tuple(steps),
        reason=_text(why),
        facts=str(facts),
    )


def _step(values: list[object], directory: Path) -> StepRun:
    name, state, reason, is_cached, duration_s, notebook, error, facts = values
    return StepRun(
        name=StepName(str(name)),
        state=RunState(state),
        reason=_text(reason),
        is_cached=bool(is_cached),
        duration_s=_number(duration_s),
        notebook=_absolute(notebook, directory),
        error=None if error is None else StepError(**json.loads(str(error))),
        facts=_with_notebooks(str(facts), lambda path: _absolute(path, directory)),
    )


def _step_values(step: StepRun, directory: Path) -> tuple[object, ...]:
    return (
        step.name,
        step.state.value,
        step.reason,
        int(step.is_cached),
        step.duration_s,
        relative(step.notebook, directory),
        None if step.error is None else json.dumps(asdict(step.error)),
        _with_notebooks(step.facts, lambda path: relative(path, directory)),
    )


def _with_notebooks(text: str, change: Callable[[str | None], str | None]) -> str:
    """Return a step's facts with the paths of the notebooks of its items changed."""
    if '"items"' not in text:
        return text
    facts: StepFacts = json.loads(text)
    for item in facts.get("items", ()):
        item["notebook"] = change(item["notebook"])
    return json.dumps(facts)


def _metrics_text(metrics: tuple[Metric, ...]) -> str:
    return json.dumps([[metric.name, metric.value] for metric in metrics])


def _absolute(path: object, directory: Path) -> str | None:
    return None if path is None else str(directory / str(path))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
