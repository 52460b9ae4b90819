"""Plans and runs a pipeline on this machine; a run leaves one executed notebook."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from kernelpipe.backends.local.attempt import StopRequested
from kernelpipe.backends.local.endings import count_cells
from kernelpipe.backends.local.execution import Execution
from kernelpipe.backends.local.git import GitQuestion
from kernelpipe.backends.local.loop_plans import told_by_step
from kernelpipe.backends.local.machine import Machine
from kernelpipe.backends.local.merged import merge_executed
from kernelpipe.backends.local.preparing import Job, prepare
from kernelpipe.backends.local.recording import RecordingReporter
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.requirements import install_missing
from kernelpipe.backends.local.runtime_copy import install_runtime
from kernelpipe.backends.local.signals import on_stop_signal
from kernelpipe.backends.local.surroundings import Surroundings
from kernelpipe.backends.local.tracked import tracked_steps
from kernelpipe.backends.local.workspace import Workspace
from kernelpipe.compiler import Task
from kernelpipe.errors import RunError, RunInterruptedError, UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.plan import Plan, Verdict
from kernelpipe.model.run import Metric, Run, RunState
from kernelpipe.notebook import write_notebook
from kernelpipe.runs import RunStore
from kernelpipe.runs.json_files import read_json
from kernelpipe.runs.tracking import Tracker


def plan_pipeline(
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    given: Mapping[str, object],
    store: RunStore,
    request: RunRequest,
) -> Plan:
    """Return what :func:`run_pipeline` would do with the same arguments now.

    Raises:
        UsageError: If the request cannot be done as asked.
        CompileError: If the pipeline has errors.
    """
    job = prepare(pipeline, tasks, given=given, store=store, request=request)
    plan = job.planner.plan()
    _remember_files(job)
    return told_by_step(plan, job.tasks, jobs=job.request.jobs)


def run_pipeline(  # noqa: PLR0913 - the facts of a run, by name
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    given: Mapping[str, object],
    store: RunStore,
    request: RunRequest,
    reporter: Reporter,
    machine: Machine | None = None,
) -> Run:
    """Run ``tasks`` and return the run, also when it FAILED.

    SIGINT and SIGTERM stop it when this is the main thread.

    Args:
        pipeline: What ``tasks`` were lowered from.
        tasks: In pipeline order.
        given: Parameter name -> JSON value; checked (``compiler.check_parameters``).
        store: Where the run is recorded and its files are kept.
        request: How to run it.
        reporter: Who is told what happens.
        machine: What it shares with other runs; None makes one for this run.

    Raises:
        UsageError: If the request cannot be done as asked; nothing was started.
        CompileError: If the pipeline has errors.
        BackendError: If what the notebook installs cannot be installed; nothing was started.
        RunInterruptedError: If a signal stopped it; what there is was recorded.
        RunError: If the run's files can no longer be written.
    """
    job = prepare(pipeline, tasks, given=given, store=store, request=request)
    if install_missing(pipeline, reporter.message):
        job = prepare(pipeline, tasks, given=given, store=store, request=request)
    plan = job.planner.plan()
    run = store.create(
        pipeline=pipeline.name,
        source=job.source,
        parameters=job.parameters_text(),
        steps=[task.step for task in tasks],
        facts=job.facts(),
    )
    # Before anything else: nobody may remove them as unused now.
    job.results.mark_used([p.result.id for p in plan.steps if p.result is not None])
    tracker = Tracker(store.home, is_wanted=request.is_tracked)
    shared: AbstractContextManager[Machine] = (
        Machine(jobs=job.request.jobs) if machine is None else nullcontext(machine)
    )
    cells = {task.step: count_cells(task) for task in tasks}
    with (
        RecordingReporter(reporter, cells=cells) as recorder,
        shared as present,
        on_stop_signal(present.stop),
    ):
        git = present.git(job.source.parent)
        recorder.run_started(
            run.id,
            Path(run.directory),
            tuple(cells),
            sum(cells.values()),
        )
        if job.kernel_note:
            recorder.message(job.kernel_note)
        try:
            run = _carry_out(
                job, run, plan, machine=present, reporter=recorder, git=git, tracker=tracker
            )
        except (OSError, UsageError) as error:  # UsageError: from write_notebook
            reason = f"a file of the run cannot be written: {error}"
            store.record_run(run.id, RunState.FAILED, reason=reason)
            raise RunError(f"run {run.id}: {reason}") from error
    tracker.run_finished(run)
    if request.batch is None:  # else its end is the time for that
        tracker.deliver_in_background()
    for note in tracker.notes():
        recorder.message(note)
    recorder.run_finished(run)
    if request.out is not None:
        _copy_executed(run, request.out)
    if run.state is RunState.CANCELED:
        raise RunInterruptedError(
            f"run {run.id} was {run.reason}; the outputs so far are in {run.notebook}",
            run_id=run.id,
        )
    return run


def _carry_out(  # noqa: PLR0913 - the facts of a run, by name
    job: Job,
    run: Run,
    plan: Plan,
    *,
    machine: Machine,
    reporter: Reporter,
    git: GitQuestion,
    tracker: Tracker,
) -> Run:
    request, store = job.request, job.store
    workspace = Workspace(
        directory=Path(run.directory), home=store.home, runtime=install_runtime(store.home)
    )
    workspace.take_source(job.content)
    to_run = {p.name for p in plan.steps if p.verdict in {Verdict.RUN, Verdict.MAYBE}}
    running = [task for task in job.tasks if task.step in to_run]
    modules = {module for task in running for module in task.modules}
    tracker.run_started(
        run,
        steps=tracked_steps(job.steps, job.source.parent),
        experiment=job.pipeline.settings.experiment or job.pipeline.name,
        running={task.public_step for task in running},
        are_values_logged=request.are_values_tracked,
    )
    on_note = reporter.message if request.is_verbose else _say_nothing
    surroundings = Surroundings(
        run_id=run.id,
        source=job.source,
        given=job.given,
        request=request,
        plan=plan,
        planner=job.planner,
        workspace=workspace,
        store=store,
        results=job.results,
        digests=job.digests,
        machine=machine,
        engine=machine.engine(
            kernel=job.kernel,
            working_directory=job.working_directory,
            runtime=workspace.runtime,
            modules=sorted(modules),
            mode=request.engine,
            on_note=on_note,
        )
        if to_run
        else None,
        reporter=reporter,
        restarts=job.restarts(plan),
        tracker=tracker,
    )
    execution = Execution(job.tasks, surroundings)
    with machine.stopping(lambda name: execution.events.put(StopRequested(signal_name=name))):
        state = execution.carry_out()
    merged = merge_executed(workspace.source, execution.remains.executed())
    notebook = workspace.executed(job.source)
    write_notebook(merged, notebook)
    _remember_files(job)
    return store.record_run(
        run.id,
        state,
        notebook=notebook,
        metrics=merge_metrics(execution.remains.metrics()),
        reason=execution.stop_reason,
        facts=git.answer(),
    )


def _remember_files(job: Job) -> None:
    """Let later commands know what the files that were read hold."""
    job.digests.flush()
    job.results.flush()


def _say_nothing(_text: str) -> None:
    """Drop a note that nobody asked for."""


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
