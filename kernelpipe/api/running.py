"""Running a notebook as a pipeline on this machine: plan it, run it, continue a run."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from kernelpipe.api.operations import OnDiagnostic, PathLike, graph, report_diagnostics
from kernelpipe.errors import RunInterruptedError, UsageError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.pipeline import Pipeline

if TYPE_CHECKING:
    from kernelpipe.backends.local import Reporter, RunRequest
    from kernelpipe.compiler import Task
    from kernelpipe.model.plan import Plan
    from kernelpipe.model.run import Run
    from kernelpipe.runs import RunStore

_LEAST_JOBS = 2
"""Starting a kernel waits more than it computes, so two of them help one processor, too."""


class RunOptions(TypedDict, total=False):
    """How to run; each is an option of the command."""

    jobs: int | None
    """How many steps may run at the same time; None means one per processor, at least two."""
    home: PathLike | None
    """Where runs are kept; None means ``.kernelpipe`` beside the notebook."""
    out: PathLike | None
    """Where to write the executed notebook, too."""
    use_cache: bool
    """Whether stored results may be used; True unless given."""
    only: Sequence[str]
    """Steps to run anew, using the stored results of those before them."""
    start_from: Sequence[str]
    """Steps to run anew with all that come after them."""
    until: Sequence[str]
    """Steps to run with those before them, and no others."""
    timeout_s: float | None
    """How long the whole run may take, in seconds."""
    track: bool
    """Whether to log to MLflow, where that is installed; True unless given."""
    log_values: bool
    """Whether MLflow gets tables and models that steps hand on, too."""
    notify: Sequence[str]
    """Who is told when the run has ended: ``URL``, ``slack:URL`` or ``command:CMD``."""
    engine: str
    """What executes steps: ``auto`` (forked processes where that is safe) or ``kernel``."""
    verbose: bool
    """Whether the reporter is told why steps run and what executes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A pipeline with what running it takes."""

    pipeline: Pipeline
    tasks: "tuple[Task, ...]"
    given: Mapping[str, object]
    store: "RunStore"


def run(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    reporter: "Reporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    **options: Unpack[RunOptions],
) -> "Run":
    """Run a notebook as a pipeline on this machine.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it; the file is never
            written.
        parameters: Values by parameter name; the rest keep their defaults.
        reporter: Is told how the run goes; None means nobody is.
        on_diagnostic: Is called with each warning, in notebook order.
        options: See :class:`RunOptions`.

    Returns:
        The run, SUCCEEDED or FAILED: a step that fails does not raise.

    Raises:
        UsageError: If a parameter, a path or an option is wrong; nothing was started.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what cannot be done here.
        RunInterruptedError: If a signal stopped the run.
    """
    from kernelpipe.backends import local  # noqa: PLC0415  # what `graph` does without is loaded late

    prepared = _prepare(notebook, parameters, options.get("home"), on_diagnostic)
    return _run(prepared, options, reporter or local.SilentReporter())


def plan(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    on_diagnostic: OnDiagnostic | None = None,
    **options: Unpack[RunOptions],
) -> "Plan":
    """Return what :func:`run` would do with the same arguments now; see there."""
    from kernelpipe.backends import local  # noqa: PLC0415  # likewise

    prepared = _prepare(notebook, parameters, options.get("home"), on_diagnostic)
    return local.plan_pipeline(
        prepared.pipeline,
        prepared.tasks,
        given=prepared.given,
        store=prepared.store,
        request=run_request(options),
    )


def resume(
    reference: str = "latest",
    *,
    reporter: "Reporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    **options: Unpack[RunOptions],
) -> "Run":
    """Continue a run that failed, was stopped or was killed, with the notebook as it is now.

    What its steps made is used as long as it still holds; parameters and wishes are the run's.

    Args:
        reference: A run's id, its beginning, or "latest".
        reporter: Is told how the run goes; None means nobody is.
        on_diagnostic: Is called with each warning, in notebook order.
        options: ``home`` (None means ``.kernelpipe`` in this folder), ``jobs``, ``out``,
            ``engine``, ``verbose``; the others are the run's unless given.

    Raises:
        UsageError: If there is no such run, or nothing to continue.
        NotebookReadError: If the notebook cannot be read any more.
        CompileError: If the notebook has errors now.
        RunInterruptedError: If a signal stopped the run.
    """
    from kernelpipe.backends import local  # noqa: PLC0415  # likewise
    from kernelpipe.model.run import RunState  # noqa: PLC0415  # likewise

    store = find_runs(Path("notebook.ipynb"), home=options.get("home"))
    before = store.load(reference)
    if before.cluster is not None:
        raise UsageError(
            f"run {before.id} went on a cluster, which continues no runs",
            hint=f"kernelpipe submit {before.source} starts another",
        )
    if before.state is RunState.SUCCEEDED:
        raise UsageError(f"run {before.id} succeeded; there is nothing to continue")
    if before.state not in {RunState.FAILED, RunState.CANCELED}:
        raise UsageError(f"run {before.id} is still {before.state.value}", hint="wait, or stop it")
    facts = json.loads(before.facts)
    values = json.loads(before.parameters)
    given = {name: values[name] for name in facts.get("given", ())}
    prepared = _prepare(before.source, given, store.home, on_diagnostic)
    wishes = facts.get("options", {})
    usual = RunOptions(
        only=wishes.get("only", ()),
        start_from=wishes.get("from", ()),
        until=wishes.get("until", ()),
        use_cache=wishes.get("cache", True),
        timeout_s=wishes.get("timeout_s"),
    )
    usual.update(options)
    return _run(prepared, usual, reporter or local.SilentReporter(), resumes=before.id)


def find_runs(notebook: PathLike, *, home: PathLike | None = None) -> "RunStore":
    """Return the store that keeps the runs of a notebook: at ``home``, or beside the notebook."""
    from kernelpipe.runs import RunStore, default_home  # noqa: PLC0415  # loads SQLite

    return RunStore(default_home(Path(notebook)) if home is None else Path(home))


def _run(
    prepared: _Prepared,
    options: RunOptions,
    reporter: "Reporter",
    *,
    resumes: RunId | None = None,
) -> "Run":
    """Run it and tell everybody who wants to know how it went."""
    from kernelpipe.backends import local  # noqa: PLC0415  # likewise

    targets = _targets(prepared.pipeline, options)
    try:
        run = local.run_pipeline(
            prepared.pipeline,
            prepared.tasks,
            given=prepared.given,
            store=prepared.store,
            request=run_request(options, resumes=resumes),
            reporter=reporter,
        )
    except RunInterruptedError as error:
        if error.run_id is not None:
            _notify(prepared.store.load(error.run_id), targets, prepared, reporter)
        raise
    _notify(run, targets, prepared, reporter)
    return run


def _targets(pipeline: Pipeline, options: RunOptions) -> tuple[str, ...]:
    """Return everybody who is to be told how the run went.

    Raises:
        UsageError: If one of them is nobody who can be notified.
    """
    entries = pipeline.settings.other
    metadata = [entry.value for entry in entries if entry.key == "kernelpipe.notify"]
    given = options.get("notify", ())
    if not (given or metadata or os.environ.get("KERNELPIPE_NOTIFY")):
        return ()
    from kernelpipe.runs.notifications import chosen_targets  # noqa: PLC0415  # loads HTTP

    wish = json.loads(metadata[0]) if metadata else None
    return chosen_targets(given, environment=os.environ, metadata=wish)


def _notify(run: "Run", targets: Sequence[str], prepared: _Prepared, reporter: "Reporter") -> None:
    if targets:
        from kernelpipe.api.records import notify  # noqa: PLC0415  # likewise

        for problem in notify(run, targets, store=prepared.store):
            reporter.message(problem)


def _prepare(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None,
    home: PathLike | None,
    on_diagnostic: OnDiagnostic | None,
) -> _Prepared:
    from kernelpipe.backends import local  # noqa: PLC0415  # likewise
    from kernelpipe.compiler import check_parameters, lower  # noqa: PLC0415  # likewise

    pipeline = notebook if isinstance(notebook, Pipeline) else graph(notebook)
    tasks = lower(pipeline)
    report_diagnostics((*pipeline.diagnostics, *local.check_pipeline(pipeline)), on_diagnostic)
    return _Prepared(
        pipeline=pipeline,
        tasks=tasks,
        given=check_parameters(pipeline, parameters or {}),
        store=find_runs(pipeline.path, home=home),
    )


def run_request(options: RunOptions, *, resumes: RunId | None = None) -> "RunRequest":
    """Return what ``options`` ask for; ``home`` and ``notify`` are not part of it.

    Raises:
        UsageError: If there is no such engine.
        TypeError: If there is no such option.
    """
    from kernelpipe.backends import local  # noqa: PLC0415  # likewise

    unknown = options.keys() - RunOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option '{min(unknown)}'")
    engine = options.get("engine", "auto")
    try:
        mode = local.Mode(engine)
    except ValueError as error:
        words = ", ".join(each.value for each in local.Mode)
        raise UsageError(f"there is no engine '{engine}'", hint=f"one of {words}") from error
    jobs, out = options.get("jobs"), options.get("out")
    return local.RunRequest(
        jobs=max(_LEAST_JOBS, os.cpu_count() or 1) if jobs is None else jobs,
        out=None if out is None else Path(out),
        is_cache_used=options.get("use_cache", True),
        only=tuple(map(StepName, options.get("only", ()))),
        start_from=tuple(map(StepName, options.get("start_from", ()))),
        until=tuple(map(StepName, options.get("until", ()))),
        timeout_s=options.get("timeout_s"),
        engine=mode,
        is_verbose=options.get("verbose", False),
        is_tracked=options.get("track", True),
        are_values_tracked=options.get("log_values", False),
        resumes=resumes,
    )
