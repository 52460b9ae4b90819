"""Schedules: runs of a notebook that a cluster starts by itself."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kernelpipe.api.clusters import Compiled, Connect, chosen_cluster, compile_for
from kernelpipe.api.operations import OnDiagnostic, PathLike
from kernelpipe.api.running import find_runs
from kernelpipe.backends.kfp.cluster import (
    TIME_ZONE_NOTE,
    Calls,
    ClusterSettings,
    Connection,
    KnownClusters,
    Schedule,
    ScheduleOptions,
    create_schedule,
    cron_trigger,
    delete_schedule,
    find_schedule,
    five_fields,
    interval_trigger,
    list_schedules,
    pause_schedule,
    resume_schedule,
)
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.runs.schedules import ScheduleBook, ScheduleRecord

if TYPE_CHECKING:
    from kernelpipe.api.documents import JsonObject


def schedule(  # noqa: PLR0913  # what a schedule is, by name
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    cron: str | None = None,
    every: str | None = None,
    name: str | None = None,
    cluster: ClusterSettings | None = None,
    options: ScheduleOptions | None = None,
    home: PathLike | None = None,
    on_diagnostic: OnDiagnostic | None = None,
    connect: Connect = Connection,
) -> Schedule:
    """Let a cluster start runs of a notebook as it is now; later changes do not reach them.

    The schedule is recorded beside the runs of here; :func:`collect_runs` adds the runs that it
    has started.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it without tests.
        parameters: Values by parameter name; the rest keep their defaults.
        cron: When, as a crontab line of five fields in the time zone of the cluster, usually UTC.
        every: How often instead: "5m", "1h30m", "1d".
        name: Of the schedule; None means the pipeline's.
        cluster: Which cluster and how to log in, see :class:`SubmitOptions`.
        options: How it behaves.
        home: Where it is recorded; None means ``.kernelpipe`` beside the notebook.
        on_diagnostic: Is called with each warning, in notebook order.
        connect: Makes a connection.

    Raises:
        UsageError: If it is not said when, no cluster is named, or a parameter is wrong.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what Kubeflow cannot do.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    if (cron is None) == (every is None):
        raise UsageError(
            "a schedule needs to know when"
            if cron is None
            else "a schedule follows either a crontab line or an interval, not both",
            hint="give either --cron '0 3 * * *' or --every 5m",
        )
    trigger = cron_trigger(cron) if cron is not None else interval_trigger(every or "")
    compiled = compile_for(notebook, parameters, cluster or ClusterSettings(), on_diagnostic)
    files = compiled.files()
    calls = connect(compiled.settings)
    store = find_runs(compiled.pipeline.path, home=home)
    store.prepare()  # so that nothing is made that cannot be recorded
    made = create_schedule(
        calls,
        compiled.text,
        parameters=compiled.given,
        name=name or compiled.pipeline.name,
        trigger=trigger,
        options=options,
    )
    KnownClusters(os.environ).add(compiled.settings)
    ScheduleBook(store.home).add(_record(made, compiled, files, calls), files)
    return made


def _record(
    made: Schedule, compiled: Compiled, files: Mapping[str, bytes], calls: Calls
) -> ScheduleRecord:
    trigger = made.trigger
    cron = trigger.cron if trigger is not None else None
    cluster = compiled.cluster_facts(calls, experiment_id=made.experiment_id)
    return ScheduleRecord(
        schedule_id=made.id,
        name=made.name,
        cron=None if cron is None else five_fields(cron),
        interval_s=None if trigger is None else trigger.interval_s,
        created_at=made.created_at or 0.0,
        pipeline=compiled.pipeline.name,
        source=str(Path(compiled.pipeline.path).absolute()),
        parameters=compiled.parameters(),
        steps=tuple(step.name for step in compiled.pipeline.steps),
        facts=compiled.run_facts(files, cluster),
    )


def schedules(
    cluster: ClusterSettings | None = None, *, connect: Connect = Connection
) -> tuple[Schedule, ...]:
    """Return the schedules of a cluster, the latest first.

    Raises:
        UsageError: If no cluster is named.
        ClusterError: If it cannot be reached or refuses.
    """
    return list_schedules(connect(_chosen(cluster)))


CHANGES: Final = {"pause": pause_schedule, "resume": resume_schedule, "delete": delete_schedule}


def change_schedule(
    reference: str,
    change: str,
    cluster: ClusterSettings | None = None,
    *,
    connect: Connect = Connection,
) -> Schedule:
    """Pause, resume or delete a schedule; return it as it was before.

    Args:
        reference: Its id, the beginning of it, or its name.
        change: "pause", "resume" or "delete"; runs that go on are left alone.
        cluster: Which cluster and how to log in.
        connect: Makes a connection.

    Raises:
        UsageError: If none or more than one is meant, or no cluster is named.
        ClusterError: If it cannot be reached or refuses.
    """
    calls = connect(_chosen(cluster))
    found = find_schedule(calls, reference)
    CHANGES[change](calls, found.id)
    return found


def schedule_document(found: Schedule) -> "JsonObject":
    """Return a schedule; ``cron`` has five fields, or six where seconds matter."""
    trigger = found.trigger
    cron = trigger.cron if trigger is not None else None
    return {
        "schedule_id": found.id,
        "name": found.name,
        "pipeline": found.pipeline,
        "enabled": found.is_enabled,
        "cron": None if cron is None else five_fields(cron),
        "every_s": None if trigger is None else trigger.interval_s,
        "time_zone": None if cron is None else TIME_ZONE_NOTE,
        "created_at": found.created_at,
        "message": found.message or None,
    }


def _chosen(cluster: ClusterSettings | None) -> ClusterSettings:
    return chosen_cluster(cluster or ClusterSettings(), pipeline=None, environ=os.environ)
