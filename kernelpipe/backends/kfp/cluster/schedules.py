"""Schedules on a cluster: runs that it starts by itself, at times or in intervals."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.cluster.answers import parse_time, pipeline_spec
from kernelpipe.backends.kfp.cluster.connection import Calls
from kernelpipe.backends.kfp.cluster.cron import cron_fields, five_fields, six_fields
from kernelpipe.backends.kfp.cluster.cron_words import cron_words
from kernelpipe.backends.kfp.cluster.experiments import experiment_id, user_namespace
from kernelpipe.backends.kfp.cluster.runs import submission
from kernelpipe.backends.kfp.spec import Json, mapping, text
from kernelpipe.errors import ClusterError, UsageError, did_you_mean
from kernelpipe.notebook.values import parse_duration_s

TIME_ZONE_NOTE: Final = "in the time zone of the cluster's scheduler, usually UTC"
_GROUP: Final = "recurring_runs"
_MOST_CONCURRENT: Final = 10
_PAGE_SIZE: Final = 100
_SHORTEST_INTERVAL_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """When a schedule starts runs: by ``cron``, six fields as KFP has them, or each so often."""

    cron: str | None = None
    interval_s: int | None = None

    def __post_init__(self) -> None:
        if (self.cron is None) == (self.interval_s is None):
            raise ValueError("a trigger is either a cron expression or an interval")

    def __str__(self) -> str:
        if self.cron is not None:
            return f"{five_fields(self.cron)} ({TIME_ZONE_NOTE})"
        return f"every {interval_text(self.interval_s or 0)}"

    @property
    def words(self) -> str:
        """When, in words: "at 03:00 every day"."""
        line = five_fields(self.cron or "")
        try:
            return cron_words(cron_fields(line)) if line else str(self)
        except UsageError:
            return str(self)  # made elsewhere, in the scheduler's own way


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule; ``trigger`` is None where the cluster does not tell of it in a known way.

    ``created_at`` is seconds since the epoch.
    """

    id: str
    name: str
    trigger: Trigger | None
    is_enabled: bool
    pipeline: str
    experiment_id: str
    created_at: float | None
    message: str = ""
    """What went wrong with it on the cluster."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """How a schedule behaves.

    ``max_concurrency`` runs may go on at the same time; ``catches_up`` starts the runs, too, that
    were due while it was paused.
    """

    max_concurrency: int = 1
    catches_up: bool = False
    is_enabled: bool = True


def cron_trigger(line: str) -> Trigger:
    """Return the trigger that a crontab line of five fields stands for, or ``@daily`` and the like.

    Raises:
        UsageError: If it is no such line.
    """
    return Trigger(cron=six_fields(line))


def interval_trigger(length: str) -> Trigger:
    """Return the trigger of ``5m``, ``1h30m`` or ``1d``.

    Raises:
        UsageError: If it is no length of time, or less than a minute.
    """
    form = "write for example --every 5m, --every 1h30m or --every 1d"
    seconds = parse_duration_s(length.strip())
    if not seconds:
        raise UsageError(f"'{length}' is no length of time", hint=form)
    if seconds < _SHORTEST_INTERVAL_S or seconds != int(seconds):
        raise UsageError(
            f"a schedule cannot start a run every {length}",
            hint="the shortest interval is 1m, in whole seconds",
        )
    return Trigger(interval_s=int(seconds))


def create_schedule(
    calls: Calls,
    ir_yaml: str,
    *,
    parameters: Mapping[str, object],
    name: str,
    trigger: Trigger,
    options: ScheduleOptions | None = None,
) -> Schedule:
    """Let the cluster start runs of a compiled pipeline by itself.

    Args:
        calls: The cluster.
        ir_yaml: The compiled pipeline, as it will be run: later changes of the notebook do not
            reach it.
        parameters: JSON values by name, for those that differ from their defaults.
        name: Of the schedule; its runs are named after it.
        trigger: When.
        options: How.

    Raises:
        UsageError: If a parameter or an option does not fit.
        ClusterError: If the cluster cannot be reached or refuses.
    """
    chosen = options or ScheduleOptions()
    if not 1 <= chosen.max_concurrency <= _MOST_CONCURRENT:
        raise UsageError(
            f"{chosen.max_concurrency} runs at the same time cannot be",
            hint=f"KFP allows 1 to {_MOST_CONCURRENT}",
        )
    body = submission(calls, ir_yaml, parameters=parameters, name=name) | {
        "trigger": _trigger_document(trigger),
        "mode": "ENABLE" if chosen.is_enabled else "DISABLE",
        "max_concurrency": str(chosen.max_concurrency),
        "no_catchup": not chosen.catches_up,
    }
    token = f"made by kernelpipe, {secrets.token_hex(8)}"
    try:
        answer = calls.call(
            _GROUP,
            "recurring_run_service_create_recurring_run",
            recurring_run=body | {"description": token},
        )
    except ClusterError as error:
        if not error.is_passing:
            raise
        return _found_again(calls, name, token, error)
    return _schedule(answer)


def _found_again(calls: Calls, name: str, token: str, error: ClusterError) -> Schedule:
    """Return the schedule whose making was not answered.

    Raises:
        ClusterError: If it was not made, or nobody can tell whether it was.
    """
    hint = "it was not made"
    try:
        for found in list_schedules(calls):
            if found.description == token:
                return found
    except ClusterError:
        hint = "it may have been made: 'kernelpipe schedule list' tells; look before you try again"
    raise ClusterError(
        f"the cluster stopped answering while schedule '{name}' was made: {error}",
        status=error.status,
        hint=hint,
    ) from error


def list_schedules(calls: Calls) -> tuple[Schedule, ...]:
    """Return all schedules, of the experiment in the settings if it names one; latest first."""
    place: Json = {}
    if calls.settings.experiment:
        place = {"experiment_id": experiment_id(calls, is_made=False)}
    elif namespace := user_namespace(calls.settings):
        place = {"namespace": namespace}
    found: list[Schedule] = []
    token = ""
    while True:
        answer = calls.call(
            _GROUP,
            "recurring_run_service_list_recurring_runs",
            page_token=token,
            page_size=_PAGE_SIZE,
            sort_by="created_at desc",
            **place,
        )
        found += (_schedule(mapping(each)) for each in answer.get("recurringRuns") or [])
        token = answer.get("next_page_token") or answer.get("nextPageToken") or ""
        if not token:
            return tuple(found)


def find_schedule(calls: Calls, reference: str) -> Schedule:
    """Return the schedule with this id, beginning of an id, or name.

    Raises:
        UsageError: If none or more than one is meant.
    """
    known = list_schedules(calls)
    for found in (
        [each for each in known if each.id == reference],
        [each for each in known if each.name == reference],
        [each for each in known if reference and each.id.startswith(reference)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.id for each in found)
            raise UsageError(f"'{reference}' may be several schedules", hint=f"choose by id: {ids}")
    names = [each.name for each in known]
    near = did_you_mean(reference, names)
    hint = near or (f"there are: {', '.join(names)}" if names else "there is none")
    raise UsageError(f"there is no schedule '{reference}'", hint=hint)


def pause_schedule(calls: Calls, schedule_id: str) -> None:
    """Let a schedule start no more runs until it is resumed; runs that go on are left alone."""
    calls.call(
        _GROUP,
        "recurring_run_service_disable_recurring_run",
        recurring_run_id=schedule_id,
    )


def resume_schedule(calls: Calls, schedule_id: str) -> None:
    """Let a paused schedule start runs again."""
    calls.call(
        _GROUP,
        "recurring_run_service_enable_recurring_run",
        recurring_run_id=schedule_id,
    )


def delete_schedule(calls: Calls, schedule_id: str) -> None:
    """Remove a schedule; the runs that it started stay."""
    calls.call(
        _GROUP,
        "recurring_run_service_delete_recurring_run",
        recurring_run_id=schedule_id,
    )


def _trigger_document(trigger: Trigger) -> Json:
    if trigger.cron is not None:
        return {"cron_schedule": {"cron": trigger.cron}}
    return {"periodic_schedule": {"interval_second": str(trigger.interval_s)}}


def _schedule(document: Json) -> Schedule:
    is_enabled = document.get("status") == "ENABLED" or (
        document.get("status") not in {"ENABLED", "DISABLED"} and document.get("mode") == "ENABLE"
    )
    return Schedule(
        id=text(document.get("recurring_run_id")),
        name=text(document.get("display_name")),
        trigger=_parsed_trigger(mapping(document.get("trigger"))),
        is_enabled=is_enabled,
        pipeline=text(mapping(pipeline_spec(document).get("pipelineInfo")).get("name")),
        experiment_id=text(document.get("experiment_id")),
        created_at=parse_time(document.get("created_at")),
        message=text(mapping(document.get("error")).get("message")),
        description=text(document.get("description")),
    )


def _parsed_trigger(document: Json) -> Trigger | None:
    cron = text(mapping(document.get("cron_schedule")).get("cron"))
    if cron:
        return Trigger(cron=cron)
    seconds = str(mapping(document.get("periodic_schedule")).get("interval_second", ""))
    return Trigger(interval_s=int(seconds)) if seconds.isdecimal() else None


def interval_text(seconds: int) -> str:
    """Return a length of time as it can be written for --every."""
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
