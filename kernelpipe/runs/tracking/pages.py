"""What is written about a run and its steps, from the facts in the outbox."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState
from kernelpipe.runs.tracking.outbox import Recorded
from kernelpipe.runs.tracking.writing import Page, dataset_name, user

LOST = "lost: the process ended without finishing"
_STATUSES = {
    RunState.SUCCEEDED.value: "FINISHED",
    RunState.FAILED.value: "FAILED",
    RunState.CANCELED.value: "KILLED",
    RunState.SKIPPED.value: "KILLED",
}
_FACT_TAGS = {
    "version": "kernelpipe.version",
    "notebook_sha256": "kernelpipe.notebook_sha256",
    "python": "kernelpipe.python",
    "resumes": "kernelpipe.resumes",
    "batch": "kernelpipe.batch",
    "point": "kernelpipe.point",
    "git_commit": "mlflow.source.git.commit",
    "git_is_dirty": "kernelpipe.git_dirty",
}
_STEP_METRICS = {
    "cpu_s": "kernelpipe/cpu_s",
    "peak_bytes": "kernelpipe/peak_bytes",
    "attempts": "kernelpipe/attempts",
}


def started_ms(recorded: Recorded) -> int:
    """Return when the run began, in milliseconds since the epoch."""
    return _ms(recorded.started["run"]["started_at"])


def ended_ms(recorded: Recorded) -> int:
    """Return when the run ended; when its last step did, if nobody recorded that."""
    began = recorded.started["run"]["started_at"]
    if recorded.finished is not None:
        return _ms(began + (recorded.finished["run"]["duration_s"] or 0.0))
    # A killed step does not say when it ended.
    return max((step_times(recorded, name)[1] for name in recorded.steps), default=_ms(began))


def step_times(recorded: Recorded, step: StepName) -> tuple[int, int]:
    """Return when a step that ended began and ended, in milliseconds since the epoch."""
    fields = recorded.steps[step]
    duration_s = fields["duration_s"] or 0.0
    began_s = fields["facts"].get("started_s")
    if began_s is None:
        return _ms(fields["at"] - duration_s), _ms(fields["at"])
    began = recorded.started["run"]["started_at"] + began_s
    return _ms(began), _ms(began + duration_s)


def run_status(recorded: Recorded) -> str:
    """Return MLflow's word for how a run ended that is over."""
    if recorded.finished is None:
        return "KILLED"
    return _STATUSES.get(recorded.finished["run"]["state"], "KILLED")


def step_status(fields: Mapping[str, Any]) -> str:
    """Return MLflow's word for how a step ended."""
    return _STATUSES.get(fields["state"], "KILLED")


def first_tags(recorded: Recorded) -> dict[str, str]:
    """Return the tags that a run has from its beginning."""
    run = recorded.started["run"]
    return {
        "mlflow.user": recorded.started["user"] or user(),
        "mlflow.source.name": run["source"],
        "mlflow.source.type": "NOTEBOOK",
        "kernelpipe.pipeline": run["pipeline"],
        **_fact_tags(run["facts"]),
    }


def run_page(recorded: Recorded) -> Page:
    """Return what is written about a run, as far as it has come."""
    run = (recorded.finished or recorded.started)["run"]
    tags = {**_fact_tags(run["facts"]), "kernelpipe.state": run["state"]}
    if run["reason"]:
        tags["kernelpipe.reason"] = run["reason"]
    if recorded.is_lost:
        tags |= {"kernelpipe.state": RunState.FAILED.value, "kernelpipe.reason": LOST}
    skipped = [name for name, fields in recorded.steps.items() if _is_skipped(fields)]
    if skipped:
        tags["kernelpipe.skipped"] = ", ".join(skipped)
    return Page(
        tags=tags,
        parameters=dict(run["parameters"]),
        metrics=dict(run["metrics"]),
        series=_run_series(recorded),
        inputs=_run_inputs(recorded),
        at_ms=ended_ms(recorded),
    )


def step_page(recorded: Recorded, step: StepName) -> Page:
    """Return what is written about a step that ended and was not SKIPPED."""
    fields = recorded.steps[step]
    facts = fields["facts"]
    run = recorded.started["run"]
    tracked = next((each for each in recorded.tracked_steps if each.name == step), None)
    tags = {
        "kernelpipe.state": fields["state"],
        "kernelpipe.cached": "true" if fields["is_cached"] else "false",
        "mlflow.source.name": run["source"],
        "mlflow.source.type": "NOTEBOOK",
    }
    if fields["reason"]:
        tags["kernelpipe.reason"] = fields["reason"]
    if fields["is_cached"] and facts.get("made_in"):
        tags["kernelpipe.made_in"] = facts["made_in"]
    if facts.get("engine"):
        tags["kernelpipe.engine"] = facts["engine"]
    metrics = dict(facts.get("metrics", {}))
    metrics["kernelpipe/duration_s"] = fields["duration_s"] or 0.0
    metrics |= {name: facts[key] for key, name in _STEP_METRICS.items() if key in facts}
    return Page(
        tags=tags,
        parameters={
            name: run["parameters"][name]
            for name in (() if tracked is None else tracked.parameters)
            if name in run["parameters"]
        },
        metrics=metrics,
        series=facts.get("series", {}),
        inputs=_inputs(facts.get("reads", ()), recorded, frozenset()),
        at_ms=step_times(recorded, step)[1],
    )


def ended_steps(recorded: Recorded) -> tuple[StepName, ...]:
    """Return the steps that ended and were not SKIPPED, in the order in which they ended."""
    return tuple(name for name, fields in recorded.steps.items() if not _is_skipped(fields))


def _is_skipped(fields: Mapping[str, Any]) -> bool:
    return bool(fields["state"] == RunState.SKIPPED.value)


def _fact_tags(facts: Mapping[str, Any]) -> dict[str, str]:
    found = {tag: facts[name] for name, tag in _FACT_TAGS.items() if facts.get(name) is not None}
    return {
        tag: str(value).lower() if isinstance(value, bool) else str(value)
        for tag, value in found.items()
    }


def _run_series(recorded: Recorded) -> dict[str, Sequence[float]]:
    """Return the series of all steps; names that several have begin with the step's."""
    found = [
        (step, name, values)
        for step, fields in recorded.steps.items()
        for name, values in fields["facts"].get("series", {}).items()
    ]
    names = [name for _, name, _ in found]
    return {
        name if names.count(name) == 1 else f"{step}/{name}": values for step, name, values in found
    }


def _run_inputs(recorded: Recorded) -> tuple[tuple[str, str, str], ...]:
    """Return what the run read and did not write itself."""
    facts = [fields["facts"] for fields in recorded.steps.values()]
    written = frozenset(path for each in facts for path, _ in each.get("writes", ()))
    reads = [read for each in facts for read in each.get("reads", ())]
    return _inputs(reads, recorded, written)


def _inputs(
    reads: Sequence[Sequence[Any]], recorded: Recorded, written: frozenset[str]
) -> tuple[tuple[str, str, str], ...]:
    """Return the files among ``reads`` (directories and what was not there are none)."""
    directory = Path(recorded.started["run"]["source"]).parent
    found = {
        (dataset_name(path, directory), path, digest)
        for path, digest in reads
        if digest is not None and ":" not in digest and path not in written
    }
    return tuple(sorted(found))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
