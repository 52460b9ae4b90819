"""Runs a pipeline on this machine: checks, records, executes, and leaves one executed notebook."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelpipe.backends.local.attempt import StopRequested
from kernelpipe.backends.local.checks import check_pipeline
from kernelpipe.backends.local.execution import Execution
from kernelpipe.backends.local.kernels import installed_kernel
from kernelpipe.backends.local.merged import merge_executed
from kernelpipe.backends.local.outcome import read_executed, read_json, read_metrics
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.backends.local.signals import on_stop_signal
from kernelpipe.backends.local.workspace import Workspace
from kernelpipe.compiler import Task
from kernelpipe.errors import CompileError, RunError, RunInterruptedError, UsageError
from kernelpipe.model.diagnostic import Severity
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Metric, Run, RunState
from kernelpipe.notebook import write_notebook
from kernelpipe.runs import RunStore


def run_pipeline(  # noqa: PLR0913 - the facts of a run, by name
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    given: Mapping[str, object],
    store: RunStore,
    jobs: int,
    out: Path | None,
    reporter: Reporter,
) -> Run:
    """Run ``tasks`` and return the run, also when it FAILED.

    SIGINT and SIGTERM stop it when this is the main thread.

    Args:
        pipeline: What ``tasks`` were lowered from.
        tasks: In pipeline order.
        given: Parameter name -> JSON value; checked (``compiler.check_parameters``).
        store: Where the run is recorded and its files are kept.
        jobs: How many steps may run at the same time, at least one.
        out: Where to put a copy of the executed notebook, besides the run's directory.
        reporter: Who is told what happens.

    Raises:
        UsageError: If the request cannot be done as asked; nothing was started.
        CompileError: If the pipeline has errors, or needs what this backend does not support.
        RunInterruptedError: If a signal stopped it; what there is was recorded.
        RunError: If the run's files can no longer be written.
    """
    source = Path(pipeline.path).absolute()
    _refuse(pipeline, source, jobs=jobs, out=out)
    kernel, warning = installed_kernel(pipeline.kernel_name)
    run = store.create(
        pipeline=pipeline.name,
        source=source,
        parameters=_parameters_text(pipeline, given),
        steps=[task.step for task in tasks],
    )
    workspace = Workspace(directory=Path(run.directory))
    reporter.run_started(
        run.id, workspace.directory, tuple(task.step for task in tasks), _count_cells(tasks)
    )
    if warning:
        reporter.message(warning)
    execution = Execution(
        tasks,
        run_id=run.id,
        workspace=workspace,
        working_directory=source.parent,
        kernel=kernel,
        given=given,
        store=store,
        jobs=jobs,
        reporter=reporter,
    )
    with on_stop_signal(lambda name: execution.events.put(StopRequested(signal_name=name))):
        try:
            workspace.prepare(source)
            state = execution.carry_out()
            run = _conclude(run, execution, workspace, store=store, state=state)
        except (OSError, UsageError) as error:  # UsageError: from write_notebook
            reason = f"a file of the run cannot be written: {error}"
            store.record_run(run.id, RunState.FAILED, reason=reason)
            raise RunError(f"run {run.id}: {reason}") from error
    reporter.run_finished(run)
    if out is not None:
        _copy_executed(run, out)
    if run.state is RunState.CANCELED:
        raise RunInterruptedError(
            f"run {run.id} was stopped by {execution.stopped_by}; the outputs so far are in"
            f" {run.notebook}"
        )
    return run


def _refuse(pipeline: Pipeline, source: Path, *, jobs: int, out: Path | None) -> None:
    """Raise for what cannot be done, before anything is made."""
    diagnostics = pipeline.errors() + tuple(
        d for d in check_pipeline(pipeline) if d.severity is Severity.ERROR
    )
    if diagnostics:
        raise CompileError(diagnostics=diagnostics)
    if jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    if out is None:
        return
    if out.resolve() == source.resolve() or (out.exists() and out.samefile(source)):
        raise UsageError(
            f"{out} is the source notebook, which a run never writes",
            hint="give --out another name",
        )
    parent = out.absolute().parent
    if out.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UsageError(
            f"the executed notebook cannot be written to {out}",
            hint="--out names a file in a directory that exists and can be written",
        )


def _conclude(
    run: Run,
    execution: Execution,
    workspace: Workspace,
    *,
    store: RunStore,
    state: RunState,
) -> Run:
    """Write the one executed notebook and record how the run went."""
    directories = execution.directories()
    merged = merge_executed(
        workspace.source, [read_executed(path) for path in directories.values()]
    )
    notebook = workspace.executed(Path(run.source))
    write_notebook(merged, notebook)
    return store.record_run(
        run.id,
        state,
        notebook=notebook,
        metrics=merge_metrics({step: read_metrics(path) for step, path in directories.items()}),
        reason=f"stopped by {execution.stopped_by}" if state is RunState.CANCELED else None,
    )


def _copy_executed(run: Run, out: Path) -> None:
    try:
        write_notebook(read_json(Path(str(run.notebook))), out)
    except UsageError as error:
        raise RunError(
            f"run {run.id}: {run.state.value}, but its notebook is only in {run.notebook}: {error}"
        ) from error


def merge_metrics(steps: Mapping[StepName, tuple[Metric, ...]]) -> tuple[Metric, ...]:
    """Return the metrics of a run from those of its steps.

    A name that several steps report stands for its value at the end of the notebook, the last
    step's; besides, each step's value is kept as ``step/name``.

    Args:
        steps: Step name -> its metrics, in pipeline order.
    """
    last: dict[str, float] = {}
    reporters: dict[str, list[str]] = {}
    for step, metrics in steps.items():
        for metric in metrics:
            last[metric.name] = metric.value
            reporters.setdefault(metric.name, []).append(step)
    found = [Metric(name=name, value=value) for name, value in last.items()]
    found.extend(
        Metric(name=f"{step}/{metric.name}", value=metric.value)
        for step, metrics in steps.items()
        for metric in metrics
        if len(reporters[metric.name]) > 1
    )
    return tuple(found)


def _parameters_text(pipeline: Pipeline, given: Mapping[str, object]) -> str:
    values = {p.name: json.loads(p.default) for p in pipeline.parameters} | dict(given)
    return json.dumps(values)


def _count_cells(tasks: Sequence[Task]) -> int:
    """Return how many cells of the source the steps execute; setup counts once per step."""
    documents = [json.loads(task.document) for task in tasks]
    return sum(
        bool(cell["source"].strip())
        for document in documents
        for part in ("setup", "cells", "tests")
        for cell in document.get(part, ())
    )
