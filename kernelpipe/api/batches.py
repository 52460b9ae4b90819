"""Running a notebook at many points, and the document that says how that went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from kernelpipe.api.documents import step_error_document
from kernelpipe.api.operations import OnDiagnostic, PathLike, graph, report_diagnostics
from kernelpipe.api.running import RunOptions, find_runs, run_request
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import Pipeline

if TYPE_CHECKING:
    from kernelpipe.backends.local.batch import Batch, BatchReporter, PointRun
    from kernelpipe.backends.local.batch_records import BatchRecord, BatchRecords
    from kernelpipe.compiler.points import GridAxis, Points


class BatchOptions(TypedDict, total=False):
    """How to run a batch; each is an option of the command."""

    jobs: int | None
    """How many steps of all points may run at the same time; None means one per processor, at
    least two."""
    home: PathLike | None
    """Where runs are kept; None means ``.kernelpipe`` beside the notebook."""
    out_dir: PathLike | None
    """A folder for a copy of each point's executed notebook; it is made."""
    fail_fast: bool
    """Whether no further point starts once one has FAILED; False unless given."""
    resume: str | None
    """A batch's id, its beginning, or "latest" for the last that ended early: that one is
    continued, also when the notebook was changed since. None continues the batch of the same
    notebook, points and options if it ended early."""
    use_cache: bool
    """Whether stored results may be used; True unless given."""
    timeout_s: float | None
    """How long one point may take, in seconds."""
    track: bool
    """Whether to log runs to MLflow, where that is installed; True unless given."""
    log_values: bool
    """Whether MLflow gets tables and models that steps hand on, too."""
    engine: str
    """``auto``, ``forked`` or ``kernel``: what executes steps."""
    verbose: bool
    """Whether the reporter is told why steps run and what executes them."""


def batch(
    notebook: PathLike | Pipeline,
    points: "PathLike | Sequence[Mapping[str, object]] | None" = None,
    *,
    grid: "Mapping[str, Sequence[object]] | Sequence[GridAxis] | None" = None,
    parameters: Mapping[str, object] | None = None,
    reporter: "BatchReporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    **options: Unpack[BatchOptions],
) -> "Batch":
    """Run a notebook as a pipeline once for each point.

    A step that computes the same at several points, because the values that differ do not reach
    it, runs once.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it.
        points: Values by parameter name, one mapping per point; or the path of a file of them:
            .yaml, .yml, .json, .jsonl, .csv or .tsv.
        grid: Parameter name -> values, of which every combination is tried, at every point.
        parameters: Values that all points have.
        reporter: Is told how the batch goes; None means nobody is.
        on_diagnostic: Is called with each warning, in notebook order.
        options: See :class:`BatchOptions`.

    Returns:
        The batch, also when points FAILED or a signal stopped it.

    Raises:
        UsageError: If points, values or options are wrong; nothing was started.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what cannot be done here.
    """
    from kernelpipe.backends import local  # noqa: PLC0415  # what `graph` does without is loaded late
    from kernelpipe.backends.local import batch as batches  # noqa: PLC0415  # likewise
    from kernelpipe.backends.local.batch_records import BatchRecords  # noqa: PLC0415  # likewise
    from kernelpipe.compiler import lower  # noqa: PLC0415  # likewise

    pipeline = notebook if isinstance(notebook, Pipeline) else graph(notebook)
    tasks = lower(pipeline)
    report_diagnostics((*pipeline.diagnostics, *local.check_pipeline(pipeline)), on_diagnostic)
    store = find_runs(pipeline.path, home=options.pop("home", None))
    reporter = reporter or batches.SilentBatchReporter()
    is_given = points is not None or grid is not None or parameters is not None
    resume = options.pop("resume", None)
    found = None
    if resume is None or is_given:
        found = _points(pipeline, points, grid, parameters)
        for note in found.notes:
            reporter.message(note)
    out_dir = _out_dir(options.pop("out_dir", None))
    fail_fast = options.pop("fail_fast", False)
    request = run_request(cast("RunOptions", options))  # what is left is a run's
    record = _record(
        BatchRecords(store.home), pipeline, found, resume, is_cache_used=request.is_cache_used
    )
    return batches.run_batch(
        pipeline,
        tasks,
        record=record,
        store=store,
        request=batches.BatchRequest(run=request, out_dir=out_dir, is_fail_fast=fail_fast),
        reporter=reporter,
    )


def _points(
    pipeline: Pipeline,
    points: "PathLike | Sequence[Mapping[str, object]] | None",
    grid: "Mapping[str, Sequence[object]] | Sequence[GridAxis] | None",
    parameters: Mapping[str, object] | None,
) -> "Points":
    from kernelpipe.compiler.point_files import read_point_file  # noqa: PLC0415  # likewise
    from kernelpipe.compiler.points import GridAxis, Row, combine_points  # noqa: PLC0415  # likewise

    axes: tuple[GridAxis, ...]
    if isinstance(grid, Mapping):
        axes = tuple(
            GridAxis(name=name, values=tuple(values), place="the grid")
            for name, values in grid.items()
        )
    else:
        axes = tuple(grid or ())
    if points is None:
        rows: tuple[Row, ...] = ()
    elif isinstance(points, Sequence) and not isinstance(points, str):
        rows = tuple(
            Row(values=tuple(values.items()), place=f"point {number}")
            for number, values in enumerate(points, start=1)
        )
        if not rows:
            raise UsageError("the batch has no points", hint="give at least one")
    else:
        file = read_point_file(Path(points), pipeline)
        rows, axes = file.rows, (*file.grid, *axes)
    return combine_points(pipeline, rows=rows, grid=axes, fixed=parameters)


def _out_dir(path: PathLike | None) -> Path | None:
    """Return the folder, made."""
    if path is None:
        return None
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {folder} cannot be made: {error.strerror}",
            hint="--out-dir names a folder for the executed notebooks",
        ) from error
    return folder


def _record(
    records: "BatchRecords",
    pipeline: Pipeline,
    points: "Points | None",
    resume: str | None,
    *,
    is_cache_used: bool,
) -> "BatchRecord":
    """Return the batch to carry out: the one to be continued, or a new one."""
    source = Path(pipeline.path)
    if resume is None:
        if points is None:
            raise UsageError("a batch needs points", hint="or name a batch to resume")
        draft = records.draft(
            source,
            points=[point.given for point in points.points],
            varying=points.varying,
            is_cache_used=is_cache_used,
        )
        return records.find_unfinished(draft) or draft
    record = records.find(resume, source)
    if points is not None and tuple(point.given for point in points.points) != record.points:
        raise UsageError(
            f"batch {record.id} has other points",
            hint="leave out the points to continue it, or leave out --resume to begin a new batch",
        )
    _check_again(pipeline, record)
    return record


def _check_again(pipeline: Pipeline, record: "BatchRecord") -> None:
    """Check the points of a batch against the notebook as it is now."""
    import json  # noqa: PLC0415  # likewise

    from kernelpipe.compiler.points import Row, combine_points  # noqa: PLC0415  # likewise

    rows = [
        Row(values=tuple(json.loads(given).items()), place=f"batch {record.id}, point {number}")
        for number, given in enumerate(record.points, start=1)
    ]
    combine_points(pipeline, rows=rows)


def batch_document(batch: "Batch") -> dict[str, object]:
    """Return how a batch went; points are in order and numbered from one."""
    return {
        "batch_id": batch.id,
        "state": batch.state.value,
        "stopped_by": batch.stopped_by,
        "source": batch.source,
        "home": batch.home,
        "duration_s": batch.duration_s,
        "varying": list(batch.varying),
        "points": [_point_document(point) for point in batch.points],
    }


def _point_document(point: "PointRun") -> dict[str, object]:
    error = point.error
    return {
        "point": point.index + 1,
        "given": point.values(),
        "state": point.state.value,
        "from_before": point.is_from_before,
        "reason": point.reason,
        "duration_s": point.duration_s,
        "steps_run": point.steps_run,
        "steps_found": point.steps_found,
        "metrics": {metric.name: metric.value for metric in point.metrics},
        "run_id": point.run_id,
        "notebook": point.notebook,
        "error": None
        if error is None
        else {"step": point.failed_step, **step_error_document(error)},
    }
