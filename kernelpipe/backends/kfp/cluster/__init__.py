"""Clusters that run compiled pipelines: submit, follow, stop, schedule, over the KFP API."""

from kernelpipe.backends.kfp.cluster.answers import RemoteRun
from kernelpipe.backends.kfp.cluster.connection import Calls, Connection
from kernelpipe.backends.kfp.cluster.cron import five_fields, six_fields
from kernelpipe.backends.kfp.cluster.experiments import check_cluster, user_namespace
from kernelpipe.backends.kfp.cluster.following import Clock, Patience, follow
from kernelpipe.backends.kfp.cluster.known import KnownClusters
from kernelpipe.backends.kfp.cluster.runs import (
    PodLog,
    Submission,
    fetch,
    find_submitted,
    list_runs,
    logs,
    logs_hint,
    prepare,
    remove,
    run_page,
    send,
    stop,
    submit,
)
from kernelpipe.backends.kfp.cluster.schedules import (
    TIME_ZONE_NOTE,
    Schedule,
    ScheduleOptions,
    Trigger,
    create_schedule,
    cron_trigger,
    delete_schedule,
    find_schedule,
    interval_trigger,
    list_schedules,
    pause_schedule,
    resume_schedule,
)
from kernelpipe.backends.kfp.cluster.settings import ClusterSettings
from kernelpipe.backends.kfp.cluster.snapshots import to_run

__all__ = [
    "TIME_ZONE_NOTE",
    "Calls",
    "Clock",
    "ClusterSettings",
    "Connection",
    "KnownClusters",
    "Patience",
    "PodLog",
    "RemoteRun",
    "Schedule",
    "ScheduleOptions",
    "Submission",
    "Trigger",
    "check_cluster",
    "create_schedule",
    "cron_trigger",
    "delete_schedule",
    "fetch",
    "find_schedule",
    "find_submitted",
    "five_fields",
    "follow",
    "interval_trigger",
    "list_runs",
    "list_schedules",
    "logs",
    "logs_hint",
    "pause_schedule",
    "prepare",
    "remove",
    "resume_schedule",
    "run_page",
    "send",
    "six_fields",
    "stop",
    "submit",
    "to_run",
    "user_namespace",
]
