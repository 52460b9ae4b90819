"""The runs of the stand-in."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from kfp_server.behaviour import Behaviour, Fault
from kfp_server.execution import Execution
from kfp_server.nodes import UNFINISHED, RunFacts, pods, task_details, timestamp
from kfp_server.refusals import Code, RefusalError, invalid, not_found

JSON = dict[str, Any]


@dataclass(kw_only=True)
class _StoredRun:
    """A run: what was submitted, how it is, and its executions (one more for each retry)."""

    document: JSON
    documents: list[JSON]
    created: float
    state: str = "PENDING"
    ended: float | None = None
    polls: int = 0
    executions: list[Execution] = field(default_factory=list)
    history: list[JSON] = field(default_factory=list)


class Runs:
    """All runs, by id, in the order of their creation."""

    def __init__(self, directory: Path, behaviour: Behaviour) -> None:
        self._directory = directory
        self._behaviour = behaviour
        self._runs: dict[str, _StoredRun] = {}

    def create(self, body: JSON, spec: JSON) -> JSON:
        """Start a run; return its document."""
        documents = parsed_spec(spec)
        config = body.get("runtime_config") or {}
        _check_parameters(documents[0], config.get("parameters") or {})
        now = time.time()
        run_id = str(uuid.uuid4())
        document = {
            **{name: value for name, value in body.items() if name != "namespace"},
            "run_id": run_id,
            "storage_state": "AVAILABLE",
            "pipeline_spec": spec,
            "created_at": timestamp(now),
            "scheduled_at": timestamp(now),
        }
        run = _StoredRun(document=document, documents=documents, created=now)
        self._runs[run_id] = run
        self._execute(run)
        return self._shown(run)

    def document(self, run_id: str) -> JSON:
        """Return a run with the details of its tasks."""
        run = self._run(run_id)
        self._refresh(run)
        run.polls += 1
        shown = self._shown(run)
        if run.polls > self._behaviour.polls_without_details:
            details = task_details(self._facts(run), is_classic=self._behaviour.is_classic)
            shown["run_details"] = {"task_details": details}
        return shown

    def all(self) -> list[JSON]:
        """Return all runs, without details."""
        for run in self._runs.values():
            self._refresh(run)
        return [self._shown(run) for run in self._runs.values()]

    def stored(self, run_id: str) -> JSON:
        """Return the document of a run as it is kept."""
        return self._run(run_id).document

    def terminate(self, run_id: str) -> JSON:
        """Stop a run: CANCELING now, CANCELED when it is looked at again."""
        run = self._run(run_id)
        self._refresh(run)
        if run.state not in UNFINISHED:
            raise RefusalError(
                Code.FAILED_PRECONDITION,
                f"Run {run_id} is already {run.state}; cannot terminate it",
            )
        run.executions[-1].stop()
        self._enter(run, "CANCELING")
        return {}

    def retry(self, run_id: str) -> JSON:
        """Run what failed once more; here, everything."""
        run = self._run(run_id)
        self._refresh(run)
        if run.state not in {"FAILED", "CANCELED"}:
            raise RefusalError(
                Code.FAILED_PRECONDITION,
                f"Run {run_id} is {run.state}: only failed runs are retried",
            )
        run.ended = None
        self._execute(run)
        return {}

    def delete(self, run_id: str) -> JSON:
        """Forget a run, and stop it."""
        self._run(run_id).executions[-1].stop()
        del self._runs[run_id]
        return {}

    def log(self, run_id: str, pod: str) -> bytes:
        """Return what the pod has written."""
        run = self._run(run_id)
        key = pods(self._facts(run)).get(pod)
        found = None if key is None else run.executions[-1].log_of(key)
        if found is None:
            raise RefusalError(Code.INTERNAL, f'pods "{pod}" not found')
        return found

    def close(self) -> None:
        """Stop all that still runs."""
        for run in self._runs.values():
            run.executions[-1].stop()

    def _run(self, run_id: str) -> _StoredRun:
        if run_id not in self._runs:
            raise not_found("Run", run_id)
        return self._runs[run_id]

    def _execute(self, run: _StoredRun) -> None:
        config = run.document.get("runtime_config") or {}
        name = f"{run.document['run_id']}-{len(run.executions)}"
        run.executions.append(
            Execution(
                self._directory / name,
                documents=run.documents,
                parameters=config.get("parameters") or {},
                faults=self._behaviour.faults,
            )
        )
        self._enter(run, "PENDING")

    def _refresh(self, run: _StoredRun) -> None:
        execution = run.executions[-1]
        if run.state == "CANCELING":
            run.ended = time.time()
            self._enter(run, "CANCELED")
        elif run.state == "PENDING" and execution.tasks():
            self._enter(run, "RUNNING")
        code = execution.exit_code
        if run.state in UNFINISHED and code is not None:
            run.ended = execution.ended
            is_canceled = Fault.CANCELED in {
                execution.faults.get(task.name)
                for task in execution.tasks().values()
                if task.has_succeeded is False
            }
            self._enter(run, "CANCELED" if is_canceled else "FAILED" if code else "SUCCEEDED")

    def _enter(self, run: _StoredRun, state: str) -> None:
        run.state = state
        run.history.append({"update_time": timestamp(time.time()), "state": state})

    def _shown(self, run: _StoredRun) -> JSON:
        return {
            **run.document,
            "state": run.state,
            "state_history": list(run.history),
            # A run that goes on has the time zero.
            "finished_at": timestamp(run.ended or 0),
        }

    def _facts(self, run: _StoredRun) -> RunFacts:
        execution = run.executions[-1]
        spec = run.documents[0]
        leaves = list(_leaves(spec, spec["root"]))
        return RunFacts(
            run_id=run.document["run_id"],
            workflow=f"{spec['pipelineInfo']['name']}-{run.document['run_id'][:5]}",
            state=run.state,
            created=run.created,
            ended=run.ended,
            tasks=tuple(each.name for each in leaves),
            gated=frozenset(each.name for each in leaves if each.is_gated),
            hidden=frozenset(each.name for each in leaves if each.is_hidden),
            loops={each.name: each.loop for each in leaves if each.loop},
            records=execution.tasks(),
            faults=execution.faults,
        )


@dataclass(frozen=True, kw_only=True)
class _Leaf:
    """A task that has a pod; ``is_hidden`` tells whether its part has a condition or is a loop."""

    name: str
    is_gated: bool
    is_hidden: bool
    loop: str


def _leaves(
    spec: JSON, component: JSON, *, is_hidden: bool = False, loop: str = ""
) -> Iterator[_Leaf]:
    """Yield each task that has a pod."""
    for name, task in component["dag"]["tasks"].items():
        is_gated = bool(task.get("triggerPolicy", {}).get("condition"))
        inner = spec["components"][task["componentRef"]["name"]]
        if "dag" in inner:
            around = name if "parameterIterator" in task else loop
            is_part = is_hidden or is_gated or bool(around)
            yield from _leaves(spec, inner, is_hidden=is_part, loop=around)
        else:
            yield _Leaf(name=name, is_gated=is_gated, is_hidden=is_hidden, loop=loop)


def parsed_spec(spec: JSON) -> list[JSON]:
    """Return the documents of a pipeline spec: the pipeline's and, if there is one, the platform's.

    Raises:
        RefusalError: If it does not parse, as strictly as the backend parses it.
    """
    documents = (
        [spec["pipeline_spec"], spec.get("platform_spec")] if "pipeline_spec" in spec else [spec]
    )
    messages = (pipeline_spec_pb2.PipelineSpec, pipeline_spec_pb2.PlatformSpec)
    present = [each for each in documents if each]
    for document, message in zip(present, messages, strict=False):
        try:
            json_format.ParseDict(document, message())
        except json_format.ParseError as error:
            raise invalid(f"invalid v2 pipeline spec: {error}") from error
    if not present or not present[0].get("root", {}).get("dag", {}).get("tasks"):
        raise invalid("invalid v2 pipeline spec: root dag has no tasks")
    return present


def _check_parameters(spec: JSON, given: Mapping[str, object]) -> None:
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in given:
        if name not in known:
            raise invalid(f"parameter {name!r} is not an input of the pipeline")
    for name, definition in known.items():
        is_optional = "defaultValue" in definition or definition.get("isOptional")
        if name not in given and not is_optional:
            raise invalid(f"parameter {name!r} is required, but not given")
