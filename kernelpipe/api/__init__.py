"""The functions that the command line, the server and Python users share.

Each is loaded when it is first used, so that a command loads no more than it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelpipe.api.analysing import analyse_notebook
    from kernelpipe.api.batches import BatchOptions, batch, batch_document
    from kernelpipe.api.benches import Bench
    from kernelpipe.api.cluster_runs import (
        FetchedLogs,
        fetch_logs,
        follow_run,
        refresh_runs,
        stop_run,
    )
    from kernelpipe.api.clusters import SubmitOptions, chosen_cluster, submit
    from kernelpipe.api.determinism import (
        DeterminismCheck,
        check_determinism,
        determinism_document,
    )
    from kernelpipe.api.disparities import (
        ComparedStep,
        Disparity,
        Parity,
        parity,
        parity_document,
    )
    from kernelpipe.api.documents import (
        check_document,
        comparison_document,
        diagnostic_document,
        error_document,
        graph_document,
        run_document,
        run_summary_document,
        to_json,
    )
    from kernelpipe.api.explaining import explain, explanation_document
    from kernelpipe.api.housekeeping import garbage_document, gc
    from kernelpipe.api.operations import check, compile_notebook, graph
    from kernelpipe.api.plans import plan_document
    from kernelpipe.api.proposing import ProposedNotebook, proposal_document, propose, propose_for
    from kernelpipe.api.records import (
        StepLog,
        WrittenReport,
        diff,
        find_logs,
        find_run,
        notify,
        remove_runs,
        report,
        select_runs,
        step_named,
    )
    from kernelpipe.api.running import RunOptions, find_runs, plan, resume, run
    from kernelpipe.api.scheduled_runs import (
        KnownSchedule,
        change_known_schedule,
        collect_runs,
        known_schedule_document,
        known_schedules,
        trigger_words,
    )
    from kernelpipe.api.scheduling import (
        change_schedule,
        schedule,
        schedule_document,
        schedules,
    )
    from kernelpipe.api.tagging import edited_tags
    from kernelpipe.api.tracking import sync, sync_document
    from kernelpipe.api.verifying import USUAL_TOLERANCE, verification_document, verify

__all__ = [
    "USUAL_TOLERANCE",
    "BatchOptions",
    "Bench",
    "ComparedStep",
    "DeterminismCheck",
    "Disparity",
    "FetchedLogs",
    "KnownSchedule",
    "Parity",
    "ProposedNotebook",
    "RunOptions",
    "StepLog",
    "SubmitOptions",
    "WrittenReport",
    "analyse_notebook",
    "batch",
    "batch_document",
    "change_known_schedule",
    "change_schedule",
    "check",
    "check_determinism",
    "check_document",
    "chosen_cluster",
    "collect_runs",
    "comparison_document",
    "compile_notebook",
    "determinism_document",
    "diagnostic_document",
    "diff",
    "edited_tags",
    "error_document",
    "explain",
    "explanation_document",
    "fetch_logs",
    "find_logs",
    "find_run",
    "find_runs",
    "follow_run",
    "garbage_document",
    "gc",
    "graph",
    "graph_document",
    "known_schedule_document",
    "known_schedules",
    "notify",
    "parity",
    "parity_document",
    "plan",
    "plan_document",
    "proposal_document",
    "propose",
    "propose_for",
    "refresh_runs",
    "remove_runs",
    "report",
    "resume",
    "run",
    "run_document",
    "run_summary_document",
    "schedule",
    "schedule_document",
    "schedules",
    "select_runs",
    "step_named",
    "stop_run",
    "submit",
    "sync",
    "sync_document",
    "to_json",
    "trigger_words",
    "verification_document",
    "verify",
]

_MODULES = {
    "analysing": ("analyse_notebook",),
    "benches": ("Bench",),
    "batches": ("BatchOptions", "batch", "batch_document"),
    "cluster_runs": (
        "FetchedLogs",
        "fetch_logs",
        "follow_run",
        "refresh_runs",
        "stop_run",
    ),
    "clusters": ("SubmitOptions", "chosen_cluster", "submit"),
    "determinism": ("DeterminismCheck", "check_determinism", "determinism_document"),
    "documents": (
        "check_document",
        "comparison_document",
        "diagnostic_document",
        "error_document",
        "graph_document",
        "run_document",
        "run_summary_document",
        "to_json",
    ),
    "explaining": ("explain", "explanation_document"),
    "housekeeping": ("garbage_document", "gc"),
    "operations": ("check", "compile_notebook", "graph"),
    "disparities": ("ComparedStep", "Disparity", "Parity", "parity", "parity_document"),
    "plans": ("plan_document",),
    "proposing": ("ProposedNotebook", "proposal_document", "propose", "propose_for"),
    "records": (
        "StepLog",
        "WrittenReport",
        "diff",
        "find_logs",
        "find_run",
        "notify",
        "remove_runs",
        "report",
        "select_runs",
        "step_named",
    ),
    "running": ("RunOptions", "find_runs", "plan", "resume", "run"),
    "scheduled_runs": (
        "KnownSchedule",
        "change_known_schedule",
        "collect_runs",
        "known_schedule_document",
        "known_schedules",
        "trigger_words",
    ),
    "scheduling": ("change_schedule", "schedule", "schedule_document", "schedules"),
    "tagging": ("edited_tags",),
    "tracking": ("sync", "sync_document"),
    "verifying": ("USUAL_TOLERANCE", "verification_document", "verify"),
}
"""Module -> what it offers."""


def __getattr__(name: str) -> object:
    """Load a function when it is first used."""
    for module, names in _MODULES.items():
        if name in names:
            found: object = getattr(import_module(f"kernelpipe.api.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'kernelpipe.api' has no attribute '{name}'")
