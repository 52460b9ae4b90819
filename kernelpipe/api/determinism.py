"""Whether steps give the same results when they run twice with the same inputs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from kernelpipe.api.operations import OnDiagnostic, PathLike
from kernelpipe.api.running import RunOptions, find_runs, run
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.result import Result
from kernelpipe.model.run import Run, RunState, StepRun, parts_of

if TYPE_CHECKING:
    from kernelpipe.backends.local import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Indeterminism:
    """``what`` about a step differed between two executions with the same inputs.

    It is a metric's or a value's name, or the cell whose output differed.
    """

    step: StepName
    what: str
    is_output_only: bool
    """Only what a cell showed differs, no value and no metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterminismCheck:
    """Two runs and what differed, in pipeline order; ``second`` is None if the first failed."""

    first: Run
    second: Run | None
    found: tuple[Indeterminism, ...]


def check_determinism(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    reporter: "Reporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    **options: Unpack[RunOptions],
) -> DeterminismCheck:
    """Run a notebook twice, every step anew, and compare; arguments are those of :func:`run`.

    A step whose inputs already differ is not blamed: it may do the same with the same inputs.
    """
    options["use_cache"] = False
    first = run(notebook, parameters, reporter=reporter, on_diagnostic=on_diagnostic, **options)
    if first.state is not RunState.SUCCEEDED:
        return DeterminismCheck(first=first, second=None, found=())
    second = run(notebook, parameters, reporter=reporter, **options)
    path = notebook.path if isinstance(notebook, Pipeline) else notebook
    home = find_runs(path, home=options.get("home")).home
    pairs = zip(first.steps, second.steps, strict=True)
    found = tuple(
        each
        for one, other in pairs
        for before, after in zip(parts_of(one), parts_of(other), strict=True)
        for each in _compare(before, after, home)
    )
    return DeterminismCheck(first=first, second=second, found=found)


def _compare(one: StepRun, other: StepRun, home: Path) -> Iterator[Indeterminism]:
    from kernelpipe.backends.local.outcome import read_executed  # noqa: PLC0415 - loads the engine

    before, after = _result(one, home), _result(other, home)
    if before is None or after is None or before.key != after.key:
        return
    old = {value.port: value.digest for value in before.values}
    for value in after.values:
        if old[value.port] != value.digest:
            yield _blame(one, f"value '{value.port}'")
    metrics = {metric.name: metric.value for metric in before.metrics}
    for metric in after.metrics:
        then = metrics[metric.name]
        if repr(then) != repr(metric.value):
            yield _blame(one, f"metric '{metric.name}' ({then:g} and {metric.value:g})")
    cells = [read_executed(Path(str(step.notebook)).parent) for step in (one, other)]
    for first, second in zip(*cells, strict=True):
        if first.outputs != second.outputs:
            yield _blame(one, f"the output of cell {first.index}", is_output_only=True)


def _result(step: StepRun, home: Path) -> Result | None:
    from kernelpipe.runs import ResultStore  # noqa: PLC0415 - loads SQLite

    identifier = json.loads(step.facts).get("result")
    return None if identifier is None else ResultStore(home).get(identifier)


def _blame(step: StepRun, what: str, *, is_output_only: bool = False) -> Indeterminism:
    return Indeterminism(step=step.name, what=what, is_output_only=is_output_only)


def determinism_document(check: DeterminismCheck) -> dict[str, object]:
    """Return what differed, as JSON."""
    return {
        "runs": [check.first.id, *([] if check.second is None else [check.second.id])],
        "differences": [
            {"step": each.step, "what": each.what, "is_output_only": each.is_output_only}
            for each in check.found
        ],
    }
