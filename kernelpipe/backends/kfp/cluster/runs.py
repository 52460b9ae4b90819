"""Runs on a cluster: submit, look at, stop, and read the logs of their pods."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from kernelpipe.backends.kfp.cluster.answers import (
    RemoteRun,
    RemoteStep,
    RemoteTask,
    parse_run,
)
from kernelpipe.backends.kfp.cluster.connection import Calls
from kernelpipe.backends.kfp.cluster.experiments import experiment_id, user_namespace
from kernelpipe.backends.kfp.cluster.loops import tasks_by_item
from kernelpipe.backends.kfp.cluster.parameter_values import runtime_parameters
from kernelpipe.backends.kfp.cluster.snapshots import executors_of
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.errors import ClusterError, SubmissionLostError, UsageError
from kernelpipe.model.names import RunId
from kernelpipe.model.run import RunState

_GROUP: Final = "runs"
_ENDED: Final = (400, 409, 412)
"""HTTP statuses of asking to stop what has ended."""
_LOG_PATH: Final = "/apis/v1alpha1/runs/{run}/nodes/{pod}/log"
"""Where the API server gives logs; its published description does not have it."""
_NOT_THERE: Final = (400, 404, 500, 501)
_PAGE_SIZE: Final = 100
_DESCRIPTION: Final = "submitted by kernelpipe, "


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLog:
    """What a step's pods wrote; ``text`` is None where the cluster does not give it.

    That of a step that runs once per item has a headline before what the pods of each item wrote.
    """

    task: str
    step: str
    text: str | None


def submit(
    calls: Calls,
    ir_yaml: str,
    *,
    parameters: Mapping[str, object],
    name: str,
    make_token: Callable[[], str] = lambda: secrets.token_hex(8),
) -> RunId:
    """Start a run; return its id on the cluster.

    It is started once: when the answer is lost, the cluster is asked whether the run is there
    before it is submitted again.

    Args:
        calls: The cluster.
        ir_yaml: The compiled pipeline.
        parameters: JSON values by name, for those that differ from their defaults.
        name: Of the run, for people.
        make_token: Makes texts that no other submission has.

    Raises:
        UsageError: If a parameter does not fit.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    prepared = prepare(calls, ir_yaml, parameters=parameters, name=name, token=make_token())
    return send(calls, prepared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A run that can be sent; ``token`` is in its description and in no other one's."""

    body: Json
    token: str

    @property
    def experiment_id(self) -> str:
        """Of the experiment that it will be in."""
        return str(self.body["experiment_id"])

    def named(self, name: str) -> "Submission":
        """Return the same with another name for people."""
        return replace(self, body={**self.body, "display_name": name})


def prepare(
    calls: Calls, ir_yaml: str, *, parameters: Mapping[str, object], name: str, token: str
) -> Submission:
    """Return what :func:`send` sends; the cluster has been asked for the experiment by then.

    Args:
        calls: The cluster.
        ir_yaml: The compiled pipeline.
        parameters: JSON values by name, for those that differ from their defaults.
        name: Of the run, for people.
        token: A text that no other submission has.

    Raises:
        UsageError: If a parameter does not fit.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    body = submission(calls, ir_yaml, parameters=parameters, name=name)
    return Submission(body=body | {"description": f"{_DESCRIPTION}{token}"}, token=token)


def send(calls: Calls, prepared: Submission) -> RunId:
    """Start the run once; return its id on the cluster.

    Raises:
        SubmissionLostError: If the cluster may have the run: :func:`find_submitted` tells later.
        ClusterError: If the cluster refuses; it has no such run.
    """
    body = prepared.body
    try:
        return _created(calls, body)
    except ClusterError as error:
        if not error.is_passing:
            raise
        found = _submitted(calls, body, prepared.token)
        if found is not None:
            return found
    try:
        return _created(calls, body)
    except ClusterError as error:
        raise (_lost(body, error) if error.is_passing else error) from error


def find_submitted(calls: Calls, token: str, *, experiment_id: str) -> RunId | None:
    """Return the run that was sent with ``token``, None if the cluster has none.

    Raises:
        ClusterError: If the cluster does not answer or refuses.
    """
    page = ""
    while True:
        answer = calls.call(
            _GROUP,
            "run_service_list_runs",
            experiment_id=experiment_id,
            page_token=page,
            page_size=_PAGE_SIZE,
            sort_by="created_at desc",
        )
        for run in map(parse_run, answer.get("runs") or []):
            if run.description == f"{_DESCRIPTION}{token}":
                return RunId(run.id)
        page = answer.get("next_page_token") or ""
        if not page:
            return None


def submission(calls: Calls, ir_yaml: str, *, parameters: Mapping[str, object], name: str) -> Json:
    """Return what runs and schedules of a compiled pipeline have in common in their requests."""
    documents = pipeline_documents(ir_yaml)
    settings = calls.settings
    config: Json = {"parameters": runtime_parameters(documents[0], parameters)}
    if settings.pipeline_root:
        config["pipeline_root"] = settings.pipeline_root
    body: Json = {
        "display_name": name,
        "experiment_id": experiment_id(calls),
        "pipeline_spec": documents[0]
        if len(documents) == 1
        else {"pipeline_spec": documents[0], "platform_spec": documents[1]},
        "runtime_config": config,
    }
    if settings.service_account:
        body["service_account"] = settings.service_account
    return body


def pipeline_documents(ir_yaml: str) -> list[Json]:
    """Return the documents of a compiled pipeline: its spec and, if it has one, the platform's."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents: list[Any] = list(yaml.load_all(ir_yaml, Loader=loader))
    if not documents or not all(isinstance(each, dict) for each in documents[:2]):
        raise ValueError("a compiled pipeline is one or two YAML mappings")
    return documents[:2]


def fetch(calls: Calls, run_id: str) -> RemoteRun:
    """Return what the cluster says about a run.

    Raises:
        ClusterError: If there is no such run, or no answer.
    """
    return parse_run(calls.call(_GROUP, "run_service_get_run", run_id=run_id))


def list_runs(
    calls: Calls, *, limit: int = 20, schedule_id: str | None = None, since: float = 0.0
) -> tuple[RemoteRun, ...]:
    """Return the latest runs, those of the experiment in the settings if it names one.

    Args:
        calls: The cluster.
        limit: How many at most.
        schedule_id: Only those that this schedule has started.
        since: Only those that were created then or later, in seconds since the epoch.
    """
    place = _place(calls)
    found: list[RemoteRun] = []
    token = ""
    while len(found) < limit:
        answer = calls.call(
            _GROUP,
            "run_service_list_runs",
            page_token=token,
            page_size=min(limit, _PAGE_SIZE) if schedule_id is None else _PAGE_SIZE,
            sort_by="created_at desc",
            **place,
        )
        listed = list(map(parse_run, answer.get("runs") or []))
        new = [run for run in listed if (run.created_at or 0.0) >= since]
        found += (run for run in new if schedule_id is None or run.schedule_id == schedule_id)
        token = answer.get("next_page_token") or ""
        if not token or len(new) < len(listed):
            break
    return tuple(found[:limit])


def stop(calls: Calls, run_id: str) -> bool:
    """Ask the cluster to stop a run; return False if it had ended already.

    Raises:
        ClusterError: If there is no such run, or no answer.
    """
    try:
        calls.call(_GROUP, "run_service_terminate_run", run_id=run_id)
    except ClusterError as error:
        if error.status in _ENDED or error.is_passing:
            state = fetch(calls, run_id).state
            if state in {RunState.CANCELING, RunState.CANCELED}:
                return True
            if state in {RunState.SUCCEEDED, RunState.FAILED, RunState.SKIPPED}:
                return False
        raise
    return True


def remove(calls: Calls, run_id: str) -> None:
    """Delete a run from the cluster."""
    calls.call(_GROUP, "run_service_delete_run", run_id=run_id)


def logs(calls: Calls, run_id: str, *, step: str | None = None) -> tuple[PodLog, ...]:
    """Return what the pods of a run wrote, in the order of its steps, for those that were started.

    Args:
        calls: The cluster.
        run_id: Of the run.
        step: Only of this step.

    Raises:
        UsageError: If the run has no such step.
        ClusterError: If there is no such run, or no answer.
    """
    run = fetch(calls, run_id)
    chosen = [each for each in run.steps if step in {None, each.step, each.task}]
    if step is not None and run.steps and not chosen:
        known = ", ".join(each.step for each in run.steps)
        raise UsageError(f"run {run_id} has no step '{step}'", hint=f"its steps are: {known}")
    return tuple(
        PodLog(task=each.task, step=each.step, text=_log_text(calls, run_id, pods))
        for each in chosen
        if (pods := _pods_of(each, run.tasks or ()))
    )


def logs_hint(calls: Calls, run_id: str) -> str:
    """Return how to read the logs where the cluster's API does not give them."""
    place = user_namespace(calls.settings) or calls.settings.service_namespace
    return (
        f"kubectl logs -n {place} -l pipeline/runid={run_id} -c main --tail=-1 --prefix "
        "shows them while the pods are kept"
    )


def run_page(calls: Calls, run_id: str) -> str:
    """Return the address of the run's page in the Kubeflow UI, "" where none is known."""
    return calls.page(f"runs/details/{run_id}")


def _created(calls: Calls, body: Json) -> RunId:
    answer = calls.call(_GROUP, "run_service_create_run", run=body)
    run_id = answer.get("run_id")
    if not isinstance(run_id, str) or not run_id:
        raise ClusterError(f"the cluster has named no run: {json.dumps(answer)[:200]}", status=501)
    return RunId(run_id)


def _submitted(calls: Calls, body: Json, token: str) -> RunId | None:
    """Return the run that was submitted with ``token``, None if the request did not arrive."""
    try:
        answer = calls.call(
            _GROUP,
            "run_service_list_runs",
            experiment_id=body["experiment_id"],
            page_size=_PAGE_SIZE,
            sort_by="created_at desc",
        )
    except ClusterError as error:
        raise _lost(body, error) from error
    runs = map(parse_run, answer.get("runs") or [])
    return next((RunId(run.id) for run in runs if run.description.endswith(token)), None)


def _lost(body: Json, error: ClusterError) -> SubmissionLostError:
    return SubmissionLostError(
        f"the cluster stopped answering while '{body['display_name']}' was submitted: {error}",
        status=error.status,
        hint="it may have been started: look for it before you submit it again",
    )


def _place(calls: Calls) -> Json:
    """Return where to look for runs: an experiment, a namespace or everywhere."""
    if calls.settings.experiment:
        return {"experiment_id": experiment_id(calls, is_made=False)}
    namespace = user_namespace(calls.settings)
    return {"namespace": namespace} if namespace else {}


def _pods_of(step: RemoteStep, tasks: Sequence[RemoteTask]) -> dict[str, tuple[str, ...]]:
    """Return headline -> the names that pods of a step may have; those of a loop in item order."""
    items = tasks_by_item(step.loop, tasks) if step.loop else {}
    found = {f"=== item {number}\n": _pods(own, step.task) for number, own in items.items()}
    started = {headline: pods for headline, pods in found.items() if pods}
    if started:
        return started
    pods = _pods(tasks, step.task)
    return {"": pods} if pods else {}


def _pods(tasks: Sequence[RemoteTask], task: str) -> tuple[str, ...]:
    """Return the names that the pods of a step may have."""
    own = [each for each in tasks if each.name == task]
    children = frozenset(child for each in own for child in each.children)
    named = [each.pod for each in executors_of(own, tasks) if each.pod]
    if named:
        return tuple(named)
    # Clusters that name no pods name the children by Argo's ids; the pod has its template in it.
    return tuple(
        name
        for child in sorted(children)
        if (parts := child.rpartition("-"))[2].isdecimal()
        for name in (f"{parts[0]}-system-container-impl-{parts[2]}", child)
    )


def _log_text(calls: Calls, run_id: str, pods: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the logs of the pods that the cluster gives, None if it gives none."""
    found: list[str] = []
    for headline, names in pods.items():
        texts = [text for name in names if (text := _log_of(calls, run_id, name)) is not None]
        if texts:
            found += [headline, *texts]
    return "".join(found) if found else None


def _log_of(calls: Calls, run_id: str, pod: str) -> str | None:
    try:
        return calls.text(_LOG_PATH.format(run=quote(run_id), pod=quote(pod)))
    except ClusterError as error:
        if error.status not in _NOT_THERE:
            raise
        return None
