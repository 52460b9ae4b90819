"""The JSON of runs, steps and cells as the browser knows them: the types of ``api.ts``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kernelpipe.api.documents import JsonObject, cluster_document, step_error_document
from kernelpipe.model.run import LEFT_OUT, Run, RunFacts, RunState
from kernelpipe.server.live import LiveRun, LiveStep

CellIds = Mapping[int, str]
"""Index of a cell -> its id, of those that have one."""


def run_summary(run: Run, live: LiveRun, *, folder: str, path: str | None) -> JsonObject:
    """Return a run as it stands in a list (``IRun``).

    Args:
        run: As it is recorded.
        live: The states of its steps, which may be ahead of the record.
        folder: Contents path of the folder that keeps it.
        path: That of its notebook, None outside the contents root.
    """
    facts: RunFacts = json.loads(run.facts)
    parameters: dict[str, Any] = json.loads(run.parameters)
    steps = [step for step in live.steps.values() if not _is_left_out(step)]
    failed = [step.name for step in steps if step.state is RunState.FAILED]
    return {
        "run_id": run.id,
        "folder": folder,
        "backend": "local" if run.cluster is None else "kfp",
        "state": run.state.value,
        "reason": run.reason,
        "pipeline": run.pipeline,
        "path": path,
        "started_at": run.started_at,
        "duration_s": run.duration_s,
        "resumes": facts.get("resumes"),
        "batch": facts.get("batch"),
        "given": {name: parameters.get(name) for name in facts.get("given", ())},
        "metrics": {metric.name: metric.value for metric in run.metrics},
        "steps_done": sum(step.state is RunState.SUCCEEDED for step in steps),
        "steps_total": len(steps),
        "failed_step": failed[0] if failed else None,
        "cluster": cluster_document(run),
    }


def run_detail(
    run: Run,
    live: LiveRun,
    *,
    summary: JsonObject,
    ids: CellIds,
    edges: Sequence[JsonObject],
) -> JsonObject:
    """Return a run with all that is known about it (``IRunDetail``); ``edges`` have their bytes."""
    return {
        **summary,
        "parameters": json.loads(run.parameters),
        "steps": [step_document(step, ids) for step in live.steps.values()],
        "cells": [
            cell_document(step.name, cell, state, ids)
            for step in live.steps.values()
            for cell, state in step.cells.items()
        ],
        "edges": list(edges),
        "messages": list(live.messages),
    }


def step_document(step: LiveStep, ids: CellIds) -> JsonObject:
    """Return a step in its run (``IStepRun``)."""
    error = step.error
    return {
        "name": step.name,
        "state": step.state.value,
        "cached": step.cached,
        "reason": step.reason,
        "started_at": step.started_at,
        "duration_s": step.duration_s,
        "attempts": step.attempts,
        "cells_done": step.cells_done,
        "cells_total": step.cells_total,
        "error": None
        if error is None
        else {
            **step_error_document(error),
            "cell_id": None if error.cell_index is None else ids.get(error.cell_index),
        },
        "items": None
        if step.items is None
        else [
            {
                "text": item["text"],
                "state": item["state"],
                "reason": item["reason"],
                "cached": item["is_cached"],
                "duration_s": item["duration_s"],
            }
            for item in step.items
        ],
    }


def cell_document(step: str, cell: int, state: RunState, ids: CellIds) -> JsonObject:
    """Return what a cell does in a run (``ICellRun``)."""
    return {"cell": cell, "cell_id": ids.get(cell), "step": step, "state": state.value}


def _is_left_out(step: LiveStep) -> bool:
    return step.state is RunState.SKIPPED and step.reason == LEFT_OUT
