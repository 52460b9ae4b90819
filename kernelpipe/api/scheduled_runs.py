"""The schedules that were made from here, and the runs that they have started."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kernelpipe.api.cluster_runs import Clusters, Connect, connect_quickly
from kernelpipe.api.clusters import keep_files
from kernelpipe.api.scheduling import CHANGES
from kernelpipe.backends.kfp.cluster import (
    TIME_ZONE_NOTE,
    Calls,
    RemoteRun,
    Schedule,
    Trigger,
    list_runs,
    list_schedules,
    run_page,
    six_fields,
)
from kernelpipe.errors import BackendError, ClusterError, UsageError
from kernelpipe.model.run import ClusterFacts, RunFacts
from kernelpipe.runs import RunStore
from kernelpipe.runs.owner import ELSEWHERE
from kernelpipe.runs.schedules import ScheduleBook, ScheduleRecord

if TYPE_CHECKING:
    from kernelpipe.api.documents import JsonObject

_MOST_RUNS: Final = 100
"""How many runs of a schedule are recorded at a time: the latest."""
_MOST_S: Final = 10.0
"""How long all clusters together may take."""
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSchedule:
    """A schedule as it was made, and as its cluster has it now.

    ``now`` is None if the cluster has it no longer, or cannot be asked; then ``problem`` says why.
    """

    record: ScheduleRecord
    now: Schedule | None = None
    problem: str | None = None


def known_schedules(
    store: RunStore, *, notebook: Path | None = None, connect: Connect = connect_quickly
) -> tuple[KnownSchedule, ...]:
    """Return the schedules that were made from here, the latest first.

    Args:
        store: Of the home that keeps them.
        notebook: Only those of this one.
        connect: Makes connections.
    """
    records = [
        each
        for each in ScheduleBook(store.home).all()
        if notebook is None or Path(each.source).resolve() == notebook.resolve()
    ]
    clusters = Clusters(connect)
    listed: dict[tuple[str, str], Mapping[str, Schedule]] = {}

    def known(record: ScheduleRecord) -> KnownSchedule:
        cluster = record.cluster
        place = (cluster.get("host", ""), cluster.get("namespace", ""))
        try:
            if place not in listed:
                listed[place] = {each.id: each for each in list_schedules(clusters.of(cluster))}
        except (BackendError, UsageError) as error:
            if isinstance(error, BackendError):
                clusters.give_up(cluster, error)
            return KnownSchedule(record=record, problem=_first_line(error))
        now = listed[place].get(record.schedule_id)
        gone = "the cluster has this schedule no longer" if now is None else None
        return KnownSchedule(record=record, now=now, problem=gone)

    return tuple(map(known, records))


def change_known_schedule(
    store: RunStore, key: str, change: str, *, connect: Connect = connect_quickly
) -> None:
    """Pause, resume or delete a schedule that was made from here.

    The runs that a deleted one has started are recorded before it is forgotten.

    Args:
        store: Of the home that keeps it.
        key: What it is known by here.
        change: "pause", "resume" or "delete".
        connect: Makes connections.

    Raises:
        UsageError: If there is none, or its cluster is none that the user has named.
        ClusterError: If its cluster does not answer or refuses; then nothing was changed.
    """
    book = ScheduleBook(store.home)
    record = book.find(key)
    if record is None:
        raise UsageError("there is no such schedule; it may have been deleted")
    calls = Clusters(connect).of(record.cluster)
    try:
        CHANGES[change](calls, record.schedule_id)
    except ClusterError as error:
        if change != "delete" or error.status != _NOT_FOUND:
            raise
    if change == "delete":
        _collect(store, book, record, calls)
        book.forget(record)


def collect_runs(
    store: RunStore,
    *,
    connect: Connect = connect_quickly,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[str, ...]:
    """Record the runs that schedules have started since the last time; return what went wrong.

    They are PENDING then; :func:`refresh_runs` finds out how they are.

    Args:
        store: Of the home that keeps the schedules.
        connect: Makes connections.
        clock: Seconds since some moment.
    """
    book = ScheduleBook(store.home)
    clusters = Clusters(connect)
    give_up_at = clock() + _MOST_S
    problems: list[str] = []
    for record in book.all():
        if clock() > give_up_at:
            break
        try:
            _collect(store, book, record, clusters.of(record.cluster))
        except (BackendError, UsageError) as error:
            if isinstance(error, BackendError):
                clusters.give_up(record.cluster, error)
            problems.append(f"schedule '{record.name}': {_first_line(error)}")
    return tuple(problems)


def known_schedule_document(known: KnownSchedule) -> "JsonObject":
    """Return a schedule as the panel shows it; ``enabled`` is None while nobody can tell."""
    record, now = known.record, known.now
    given = record.facts.get("given", ())
    values = json.loads(record.parameters)
    return {
        "key": record.key,
        "schedule_id": record.schedule_id,
        "name": record.name,
        "enabled": None if now is None else now.is_enabled,
        "cron": record.cron,
        "every_s": record.interval_s,
        "words": _words(record),
        "given": {name: values.get(name) for name in given},
        "created_at": record.created_at,
        "message": (now.message if now is not None else "") or None,
        "problem": known.problem,
    }


def trigger_words(cron: str | None, interval_s: int | None) -> str:
    """Return when a schedule starts runs, in words.

    Raises:
        UsageError: If the crontab line is none.
    """
    if cron is None:
        return str(Trigger(interval_s=interval_s))
    return f"{Trigger(cron=six_fields(cron)).words}, {TIME_ZONE_NOTE}"


def _words(record: ScheduleRecord) -> str:
    try:
        return trigger_words(record.cron, record.interval_s)
    except (UsageError, ValueError):
        return record.cron or ""  # not written by us


def _collect(store: RunStore, book: ScheduleBook, record: ScheduleRecord, calls: Calls) -> None:
    with book.seen(record) as seen:
        if seen is None:
            return
        since = max(seen.since, record.created_at)
        listed = list_runs(calls, limit=_MOST_RUNS, schedule_id=record.schedule_id, since=since)
        new = [run for run in reversed(listed) if not seen.has(run.id, run.created_at or 0.0)]
        # What a process recorded that was killed before it took note of it.
        recorded = {(run.cluster or {}).get("run_id") for run in store.list_runs()} if new else ()
        files = book.files(record) if new else {}
        for run in new:
            if run.id not in recorded:
                _add(store, record, run, run_page(calls, run.id), files)
            seen.add(run.id, run.created_at or 0.0)


def _add(
    store: RunStore,
    record: ScheduleRecord,
    remote: RemoteRun,
    page: str,
    files: Mapping[str, bytes],
) -> None:
    cluster = ClusterFacts(
        **{**record.cluster, "run_id": remote.id, "page": page, "schedule": record.name}
    )
    started_at = remote.created_at or time.time()
    run = RunStore(store.home, clock=lambda: started_at).create(
        pipeline=record.pipeline,
        source=Path(record.source),
        parameters=record.parameters,
        steps=record.steps,
        facts=RunFacts(**{**record.facts, "cluster": cluster}),
        owner=ELSEWHERE,
    )
    keep_files(run, files)


def _first_line(error: BackendError | UsageError) -> str:
    return str(error).partition("\n")[0]
