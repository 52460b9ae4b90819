"""The JSON documents that commands print and the server answers with."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

from kernelpipe.errors import CompileError, KernelpipeError
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.run import items_of

if TYPE_CHECKING:
    from kernelpipe.model.pipeline import Edge, Pipeline, Step
    from kernelpipe.model.requirement import Requirement
    from kernelpipe.model.run import Run, RunFacts, StepError, StepFacts, StepRun
    from kernelpipe.model.settings import StepSettings
    from kernelpipe.runs.comparing import CellChange, Comparison, ValueChange

JsonObject = dict[str, object]

_DETAILS = {"parameters", "given", "steps", "python", "packages", "notebook_sha256"}
"""What a run's document has and its line in a list has not."""


def to_json(document: object) -> str:
    """Return a document as one line of strict JSON.

    Numbers that JSON has no word for become the texts that protobuf uses for them: "NaN",
    "Infinity", "-Infinity".
    """
    return json.dumps(_strict(document), ensure_ascii=False, allow_nan=False)


def _strict(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return value


def diagnostic_document(diagnostic: Diagnostic) -> JsonObject:
    """Return a finding; ``cell`` is zero-based over all cells, ``line`` one-based."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **place_document(diagnostic.location),
        "hint": diagnostic.hint,
        "related": [_related_document(place, text) for place, text in diagnostic.related],
    }


def _related_document(place: Location, text: str) -> JsonObject:
    return place_document(place) | {"text": text}


def place_document(place: Location) -> JsonObject:
    """Return a place; ``cell`` is zero-based over all cells, ``line`` one-based."""
    return {
        "path": place.path,
        "cell": place.cell_index,
        "line": place.line,
        "column": place.column,
    }


def editor_diagnostic(
    diagnostic: Diagnostic, id_of: Callable[[Location], str | None]
) -> JsonObject:
    """Return a finding for an editor, which finds cells by their ids.

    Args:
        diagnostic: The finding.
        id_of: Tells the id of the cell at a place, None if it has none.
    """
    return diagnostic_document(diagnostic) | {
        "cell_id": id_of(diagnostic.location),
        "related": [
            _related_document(place, text) | {"cell_id": id_of(place)}
            for place, text in diagnostic.related
        ],
    }


def check_document(diagnostics: Iterable[Diagnostic]) -> JsonObject:
    """Return what ``check`` found."""
    return {"diagnostics": [diagnostic_document(d) for d in diagnostics]}


def graph_document(pipeline: "Pipeline") -> JsonObject:
    """Return the graph of a pipeline, with its diagnostics."""
    return {
        "name": pipeline.name,
        "parameters": [
            {"name": p.name, "type": p.type.value, "default": json.loads(p.default)}
            for p in pipeline.parameters
        ],
        "steps": [_step_document(step) for step in pipeline.steps],
        "edges": [_edge_document(edge) for edge in pipeline.edges],
        **(
            {"requirements": [_requirement_document(each) for each in pipeline.requirements]}
            if pipeline.requirements
            else {}
        ),
        "diagnostics": [diagnostic_document(d) for d in pipeline.diagnostics],
    }


def _step_document(step: "Step") -> JsonObject:
    return {
        "name": step.name,
        "cells": [cell.index for cell in step.cells],
        "after": list(step.after),
        "inputs": [{"name": port.name, "from": port.source} for port in step.inputs],
        "outputs": [port.name for port in step.outputs],
        "metrics": list(step.metrics),
        "settings": settings_document(step.settings),
    }


def settings_document(settings: "StepSettings") -> JsonObject:
    """Return what is set, in the order of the fields."""
    return {name: _plain(getattr(settings, name)) for name in settings.names_set()}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _edge_document(edge: "Edge") -> JsonObject:
    return {
        "from": edge.producer,
        "to": edge.consumer,
        "kind": edge.kind.value,
        "names": list(edge.names),
        **({"files": list(edge.files)} if edge.files else {}),
    }


def _requirement_document(requirement: "Requirement") -> JsonObject:
    return {
        "text": requirement.text,
        "name": requirement.name,
        "options": list(requirement.options),
        "optional": requirement.is_optional,
        "upgrade": requirement.is_upgrade,
        "conda": requirement.is_conda,
        "cell": requirement.location.cell_index,
        "line": requirement.location.line,
        "step": requirement.step,
    }


def run_document(run: "Run") -> JsonObject:
    """Return a run with its steps; what was not recorded is None."""
    facts: RunFacts = json.loads(run.facts)
    return {
        "run_id": run.id,
        "state": run.state.value,
        "reason": run.reason,
        "pipeline": run.pipeline,
        "source": run.source,
        "started_at": run.started_at,
        "duration_s": run.duration_s,
        "notebook": run.notebook,
        "dir": run.directory,
        "version": facts.get("version"),
        "git": None
        if "git_commit" not in facts
        else {"commit": facts["git_commit"], "dirty": facts.get("git_is_dirty")},
        "resumes": facts.get("resumes"),
        "batch": facts.get("batch"),
        "point": facts.get("point"),
        "cluster": cluster_document(run),
        "parameters": json.loads(run.parameters),
        "given": facts.get("given"),
        "metrics": {metric.name: metric.value for metric in run.metrics},
        "steps": [_step_run_document(step) for step in run.steps],
        "python": facts.get("python"),
        "packages": facts.get("packages"),
        "notebook_sha256": facts.get("notebook_sha256"),
    }


def cluster_document(run: "Run") -> JsonObject | None:
    """Return where a run on a cluster is and since when it is known to be so, else None."""
    cluster = run.cluster
    if cluster is None:
        return None
    return {
        "host": cluster.get("host") or None,
        "namespace": cluster.get("namespace") or None,
        "experiment": cluster.get("experiment") or None,
        "run_id": cluster.get("run_id"),
        "page": cluster.get("page") or None,
        "as_of": cluster.get("as_of"),
        "problem": cluster.get("problem"),
        "schedule": cluster.get("schedule"),
    }


def _step_run_document(step: "StepRun") -> JsonObject:
    facts: StepFacts = json.loads(step.facts)
    error = step.error
    return {
        "name": step.name,
        "state": step.state.value,
        "cached": step.is_cached,
        "made_in": facts.get("made_in"),
        "result": facts.get("result"),
        "reason": step.reason,
        "duration_s": step.duration_s,
        "cpu_s": facts.get("cpu_s"),
        "peak_bytes": facts.get("peak_bytes"),
        "attempts": facts.get("attempts"),
        "engine": facts.get("engine"),
        "notebook": step.notebook,
        "error": None if error is None else step_error_document(error),
        "items": [{"text": text} | _step_run_document(part) for text, part in items_of(step)]
        if "items" in facts
        else None,
        "cells": facts.get("cells"),
        "reads": None
        if "reads" not in facts
        else [{"path": path, "digest": digest} for path, digest in facts["reads"]],
    }


def step_error_document(error: "StepError") -> JsonObject:
    """Return why a step failed."""
    return {
        "cell": error.cell_index,
        "line": error.line,
        "ename": error.ename,
        "evalue": error.evalue,
    }


def run_summary_document(run: "Run") -> JsonObject:
    """Return a run as it stands in a list: without parameters and steps."""
    document = run_document(run)
    return {key: value for key, value in document.items() if key not in _DETAILS}


def comparison_document(comparison: "Comparison") -> JsonObject:
    """Return what differs between two runs; parts in which nothing differs are left out."""
    found: JsonObject = {"before": comparison.before, "after": comparison.after}
    for name in ("source", "state"):
        change: ValueChange | None = getattr(comparison, name)
        if change is not None:
            found[name] = {"before": change.before, "after": change.after}
    for name in ("steps", "files", "packages", "versions"):
        changes: tuple[ValueChange, ...] = getattr(comparison, name)
        if changes:
            found[name] = [_plain(change) for change in changes]
    if comparison.parameters:
        found["parameters"] = [
            {"name": c.name} | _json_values(before=c.before, after=c.after)
            for c in comparison.parameters
        ]
    if comparison.metrics:
        found["metrics"] = [
            {
                "name": m.name,
                "before": m.before,
                "after": m.after,
                "delta": m.delta,
                "percent": m.percent,
            }
            for m in comparison.metrics
        ]
    if comparison.cells:
        found["cells"] = [_cell_change_document(cell) for cell in comparison.cells]
    if comparison.outputs:
        found["outputs"] = [_plain(change) for change in comparison.outputs]
    if comparison.unknown:
        found["not_compared"] = list(comparison.unknown)
    return found


def _json_values(**texts: str | None) -> JsonObject:
    """Return the values that are there: null stands for itself, not for a missing one."""
    return {name: json.loads(text) for name, text in texts.items() if text is not None}


def _cell_change_document(cell: "CellChange") -> JsonObject:
    return {
        "before": cell.before,
        "after": cell.after,
        "diff": cell.diff,
        "moved": cell.is_moved,
        "tags": None
        if cell.tags is None
        else {"before": cell.tags.before, "after": cell.tags.after},
    }


def error_document(error: KernelpipeError) -> JsonObject:
    """Return an error that kept a request from being done, with every diagnostic it carries."""
    diagnostics = error.diagnostics if isinstance(error, CompileError) else ()
    return {
        "error": {"type": type(error).__name__, "message": str(error)},
        "diagnostics": [diagnostic_document(d) for d in diagnostics],
    }
