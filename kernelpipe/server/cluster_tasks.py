"""What worker processes do for runs on clusters; the server itself never loads the KFP SDK."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelpipe.api.documents import JsonObject
from kernelpipe.errors import SubmissionLostError
from kernelpipe.model.names import RunId
from kernelpipe.model.run import Run
from kernelpipe.runs.store import RunStore
from kernelpipe.server.compile_tasks import named

if TYPE_CHECKING:
    from kernelpipe.backends.kfp.cluster import ClusterSettings

Request = Mapping[str, Any]


def submit(request: Request, _content: bytes) -> JsonObject:
    """Submit the file at ``path``; return the id of the run here.

    A run of which nobody knows whether the cluster has it is one, too: it says so itself.

    Raises:
        UsageError: If a parameter is wrong or no cluster is named.
        NotebookReadError: If the file is no readable notebook.
        CompileError: If it has errors, or uses what Kubeflow cannot do.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    from kernelpipe import api  # noqa: PLC0415  # other tasks need it not

    with named(request["shown"]):
        try:
            run = api.submit(
                request["path"],
                request["parameters"],
                cluster=_chosen(request),
                home=request["home"],
            )
        except SubmissionLostError as error:
            if error.run_id is None:
                raise
            return {"run_id": error.run_id}
    return {"run_id": run.id}


def refresh(request: Request, _content: bytes) -> JsonObject:
    """Ask how the runs ``run_ids`` are; return how many could not be asked."""
    from kernelpipe import api  # noqa: PLC0415  # likewise

    store = _store(request)
    found = [store.find(RunId(run_id)) for run_id in request["run_ids"]]
    runs = api.refresh_runs(store, [each[0] for each in found if each is not None])
    return {"problems": sum("problem" in (run.cluster or {}) for run in runs)}


def stop(request: Request, _content: bytes) -> JsonObject:
    """Ask the cluster of the run ``run_id`` to stop it.

    Raises:
        UsageError: If it has ended.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    from kernelpipe import api  # noqa: PLC0415  # likewise

    run = _run(request)
    if run is not None:
        api.stop_run(_store(request), run)
    return {}


def logs(request: Request, _content: bytes) -> JsonObject:
    """Bring the log of the step ``step`` of the run ``run_id`` into its directory.

    Raises:
        ClusterError: If the cluster cannot be reached or refuses.
    """
    from kernelpipe import api  # noqa: PLC0415  # likewise

    run = _run(request)
    fetched = api.FetchedLogs() if run is None else api.fetch_logs(run, request["step"])
    return {"hint": fetched.hint}


def schedule(request: Request, _content: bytes) -> JsonObject:
    """Let a cluster run the file at ``path``; return the id of the schedule there.

    Raises:
        UsageError: If it is not said when, a parameter is wrong or no cluster is named.
        NotebookReadError: If the file is no readable notebook.
        CompileError: If it has errors, or uses what Kubeflow cannot do.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    from kernelpipe import api  # noqa: PLC0415  # likewise

    with named(request["shown"]):
        made = api.schedule(
            request["path"],
            request["parameters"],
            cron=request["cron"],
            every=request["every"],
            name=request["name"],
            cluster=_chosen(request),
            home=request["home"],
        )
    return {"schedule_id": made.id, "name": made.name}


def schedules(request: Request, _content: bytes) -> JsonObject:
    """Return the schedules of the notebook at ``path`` that were made from here."""
    from kernelpipe import api  # noqa: PLC0415  # likewise

    found = api.known_schedules(_store(request), notebook=Path(request["path"]))
    return {"schedules": [api.known_schedule_document(each) for each in found]}


def change_schedule(request: Request, _content: bytes) -> JsonObject:
    """Do ``change`` with the schedule that is known as ``key``.

    Raises:
        UsageError: If there is none.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    from kernelpipe import api  # noqa: PLC0415  # likewise

    api.change_known_schedule(_store(request), request["key"], request["change"])
    return {}


def collect(request: Request, _content: bytes) -> JsonObject:
    """Record the runs that schedules have started; return what went wrong."""
    from kernelpipe import api  # noqa: PLC0415  # likewise

    return {"problems": list(api.collect_runs(_store(request)))}


def _chosen(request: Request) -> "ClusterSettings":
    from kernelpipe.backends.kfp.cluster import ClusterSettings  # noqa: PLC0415  # likewise

    return ClusterSettings(host=request["host"] or None, namespace=request["namespace"] or None)


def _store(request: Request) -> RunStore:
    return RunStore(Path(request["home"]))


def _run(request: Request) -> Run | None:
    found = _store(request).find(RunId(request["run_id"]))
    return None if found is None else found[0]
