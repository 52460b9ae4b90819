"""Whether a notebook gives as a pipeline what it gives when it runs from top to bottom."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.api.benches import Bench, Subject, run_as_pipeline, run_plainly
from kernelpipe.api.folder_copies import WorkingFolder
from kernelpipe.api.likely_reasons import Reasons
from kernelpipe.api.operations import OnDiagnostic, PathLike, report_diagnostics
from kernelpipe.api.output_differences import stable_difference
from kernelpipe.api.run_differences import (
    Comparison,
    Found,
    Side,
    compared_cells,
    pipeline_side,
    plain_side,
)
from kernelpipe.api.tolerant_texts import Tolerance
from kernelpipe.model.run import Run, RunState
from kernelpipe.model.verification import DifferenceKind, Discrepancy, LeftOut, Reason, Verification

if TYPE_CHECKING:
    from kernelpipe.backends.local import Reporter
    from kernelpipe.backends.local.plain import PlainNotebook

USUAL_TOLERANCE = 1e-9
"""How far floats may be from each other, as a part of them."""


def verify(  # noqa: PLR0913 - options of the command
    notebook: PathLike,
    parameters: Mapping[str, object] | None = None,
    *,
    twice: bool = False,
    relative: float = USUAL_TOLERANCE,
    engine: str = "auto",
    reporter: "Reporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    bench: Bench | None = None,
) -> Verification:
    """Run a notebook as a pipeline and from top to bottom in one kernel, and compare.

    Each run begins with a copy of the notebook's folder, in the same place; nothing is recorded
    and the folder itself is left alone.

    Args:
        notebook: Path of the notebook.
        parameters: Values by parameter name; the rest keep their defaults.
        twice: Run it plainly twice: what differs between these is no fault of the pipeline.
        relative: How far floats may be from each other, as a part of them; zero asks for the same
            bits and digits.
        engine: What executes the pipeline's steps: ``auto`` or ``kernel``.
        reporter: Is told how the run of the pipeline goes, and in messages how the plain one does.
        on_diagnostic: Is called with each warning, in notebook order.
        bench: Where to do it; None makes one.

    Raises:
        UsageError: If a parameter or an option is wrong; nothing was started.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what cannot be done here.
        BackendError: If there is no kernel to run it in.
        RunInterruptedError: If a signal stopped it.
    """
    from kernelpipe.analysis import build_pipeline  # noqa: PLC0415 - `import kernelpipe` is fast
    from kernelpipe.analysis.requirements import find_installs  # noqa: PLC0415 - likewise
    from kernelpipe.backends import local  # noqa: PLC0415 - likewise
    from kernelpipe.compiler import check_parameters, lower  # noqa: PLC0415 - likewise
    from kernelpipe.notebook import read_notebook  # noqa: PLC0415 - likewise

    read = read_notebook(Path(notebook))
    pipeline = build_pipeline(read)
    tasks = lower(pipeline)
    report_diagnostics((*pipeline.diagnostics, *local.check_pipeline(pipeline)), on_diagnostic)
    given = check_parameters(pipeline, parameters or {})
    # What a notebook installs is installed before the pipeline's run; neither run does it again.
    installs = find_installs(read.cells, str(Path(notebook).absolute().parent))
    with ExitStack() as stack:
        if bench is None:
            bench = stack.enter_context(Bench())
        subject = Subject(
            notebook=replace(read, cells=installs.cells),
            pipeline=pipeline,
            tasks=tasks,
            given=given,
            engine=engine,
            relative=relative,
            bench=bench,
            reporter=reporter or local.SilentReporter(),
        )
        return _verify(subject, plain_runs=2 if twice else 1)


def _verify(subject: Subject, *, plain_runs: int) -> Verification:
    from kernelpipe.backends.local.plain import PlainNotebook  # noqa: PLC0415 - loads the engine

    begun = time.time()
    notes: list[str] = []
    folder = WorkingFolder(
        subject.source.parent,
        subject.bench.scratch,
        texts="\n".join(cell.source for cell in subject.notebook.cells),
        on_note=notes.append,
    )
    run = run_as_pipeline(subject, folder)
    piped = pipeline_side(run, folder.changed(folder.keep("after-pipeline")))
    skipped = [
        step
        for step in run.steps
        if step.state is RunState.SKIPPED and run.state is not RunState.FAILED
    ]
    plain = PlainNotebook(
        subject.notebook,
        subject.pipeline,
        subject.tasks,
        given=subject.given,
        left_out=[step.name for step in skipped],
    )
    sides: list[Side] = []
    durations: list[float] = []
    for number in range(plain_runs):
        started = time.monotonic()
        done = run_plainly(subject, folder, plain, run, number)
        durations.append(time.monotonic() - started)
        files = folder.changed(folder.keep(f"after-plain-{number}"))
        sides.append(plain_side(done, subject.pipeline, files))
        notes += [f"{_name(place)} was not compared: {why}" for place, why in done.problems.items()]
    return _Judge(subject, folder, run, plain, (begun, time.time())).judge(
        sides,
        piped,
        plain_s=durations[0],
        notes=notes,
        left_out=[
            LeftOut(step=step.name, reason=step.reason or "it was skipped") for step in skipped
        ],
    )


def _name(place: str) -> str:
    path = Path(place)
    return f"value '{path.name}'" if path.is_absolute() else f"a metric of step '{place}'"


class _Judge:
    """Compares the runs of one notebook."""

    def __init__(
        self,
        subject: Subject,
        folder: WorkingFolder,
        run: Run,
        plain: "PlainNotebook",
        between: tuple[float, float],
    ) -> None:
        self._subject = subject
        self._folder = folder
        self._run = run
        self._plain = plain
        self._sources = {cell.index: cell.source for cell in subject.notebook.cells}
        self._reasons = Reasons(pipeline=subject.pipeline, run=run, sources=self._sources)
        self._timed = self._reasons.timed_cells()
        self._tolerance = Tolerance(
            relative=subject.relative, between=between, are_durations_masked=bool(self._timed)
        )

    def judge(
        self,
        sides: Sequence[Side],
        piped: Side,
        *,
        plain_s: float,
        notes: Sequence[str],
        left_out: Sequence[LeftOut],
    ) -> Verification:
        """Return what differs between the first plain run and the pipeline's, and why."""
        compared = self._compare(sides[0], piped)
        repeated = [self._compare(sides[0], other) for other in sides[1:]]
        unstable = {found.key for each in repeated for found in each.found}
        reasons = replace(self._reasons, states=compared.states)
        found = [
            kept
            for each in compared.found
            if (kept := self._stable(each, unstable, sides, piped)) is not None
        ]
        run = self._run
        return Verification(
            name=self._subject.pipeline.name,
            path=self._subject.pipeline.path,
            state=run.state,
            plain_s=plain_s,
            pipeline_s=run.duration_s or 0.0,
            plain_runs=len(sides),
            cells=compared.cells,
            values=compared.values,
            metrics=compared.metrics,
            files=compared.files,
            found=tuple(
                self._explained(each, reasons, is_repeated=len(sides) > 1) for each in found
            ),
            unstable=tuple(self._proven(each) for other in repeated for each in other.found),
            left_out=tuple(left_out),
            error=piped.error if piped.error is not None and sides[0].error is not None else None,
            notes=tuple(dict.fromkeys([*notes, *compared.notes])),
        )

    def _stable(
        self, found: Found, unstable: Collection[object], sides: Sequence[Side], piped: Side
    ) -> Found | None:
        """Return what of a finding the plain runs have in common, None if that is the same."""
        cell = found.cell
        if found.key not in unstable:
            return found
        if found.kind is not DifferenceKind.OUTPUT or cell is None:
            return None
        each = stable_difference(
            cell,
            [side.outputs.get(cell, ()) for side in sides],
            piped.outputs.get(cell, ()),
            tolerance=self._tolerance,
        )
        if each is None:
            return None
        return replace(found, what=each.what, plain=each.plain, other=each.other)

    def _compare(self, plain: Side, other: Side) -> Comparison:
        comparison = Comparison(
            pipeline=self._subject.pipeline,
            folder=self._folder.path,
            tolerance=self._tolerance,
            timed=self._timed,
            are_values_loaded_here=self._subject.bench.is_plain_warm,
        )
        owners = self._plain.owners
        cells = compared_cells(self._run, plain.outputs, other.outputs, owners)
        comparison.compare(plain, other, cells=cells, owners=owners)
        return comparison

    def _explained(self, found: Found, reasons: Reasons, *, is_repeated: bool) -> Discrepancy:
        reason, text = reasons.likely(found.step, found.cell)
        if is_repeated and reason is Reason.NON_DETERMINISM:
            reason = Reason.OURS
            text = "two plain runs agree, so that it is probably a fault of kernelpipe"
        return self._told(found, reason, text)

    def _proven(self, found: Found) -> Discrepancy:
        return self._told(
            found, Reason.NON_DETERMINISM, "two plain runs of the notebook differ in it, too"
        )

    def _told(self, found: Found, reason: Reason, text: str) -> Discrepancy:
        cells = {cell.index: cell for cell in self._subject.notebook.cells}
        return Discrepancy(
            kind=found.kind,
            step=found.step,
            cell=found.cell,
            what=found.what,
            plain=found.plain,
            pipeline=found.other,
            location=cells[found.cell].location if found.cell in cells else None,
            reason=reason,
            explanation=text,
        )


def verification_document(found: Verification) -> dict[str, object]:
    """Return what was compared and what differed, as JSON."""
    return {
        "notebook": found.path,
        "is_same": found.is_same,
        "state": found.state.value,
        "plain": {"runs": found.plain_runs, "duration_s": round(found.plain_s, 3)},
        "pipeline": {"duration_s": round(found.pipeline_s, 3)},
        "cells": found.cells,
        "values": found.values,
        "metrics": found.metrics,
        "files": found.files,
        "differences": [_difference_document(each) for each in found.found],
        "unstable": [_difference_document(each) for each in found.unstable],
        "left_out": [{"step": each.step, "reason": each.reason} for each in found.left_out],
        "error": None
        if found.error is None
        else {
            "cell": found.error.cell_index,
            "line": found.error.line,
            "ename": found.error.ename,
            "evalue": found.error.evalue,
        },
        "notes": list(found.notes),
    }


def _difference_document(each: Discrepancy) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "step": each.step,
        "cell": each.cell,
        "what": each.what,
        "plain": each.plain,
        "pipeline": each.pipeline,
        "reason": each.reason.value,
        "explanation": each.explanation,
    }
