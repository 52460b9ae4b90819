"""What on the disk keeps a run repeatable: all of it unchanged, every step is found again."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from kernelpipe.backends.local.collecting import found_step
from kernelpipe.backends.local.environment import read_environment
from kernelpipe.backends.local.file_states import FileStates, contradictions, distrust
from kernelpipe.backends.local.interpreters import kernel_python
from kernelpipe.backends.local.kernels import installed_kernel
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.result import Result
from kernelpipe.model.run import Run, RunState, StepRun
from kernelpipe.runs import FileDigests, ResultStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """What a run would be that finds everything which another run made or found.

    ``run`` is the other run with its steps found. ``paths`` is what it depends on besides notebook
    and request: files, directories, places where nothing is. ``objects`` are the stored files.
    ``variables`` are environment variables, as (name, digest).
    """

    run: Run
    paths: tuple[str, ...]
    objects: tuple[str, ...]
    variables: tuple[tuple[str, str | None], ...]


def find_repetition(pipeline: Pipeline, run: Run, home: Path) -> Repetition | None:
    """Return what repeating ``run`` would be, None if it would run a step."""
    if run.state is not RunState.SUCCEEDED or any(step.is_exit for step in pipeline.steps):
        return None
    store = ResultStore(home)
    results = _results(run, store)
    if results is None:
        return None
    files = FileStates(FileDigests(home), Path(pipeline.path).absolute().parent)
    kernel, _ = installed_kernel(pipeline.kernel_name)
    python = kernel_python(kernel)
    if python is None:
        return None
    paths = set(read_environment(python).watched)
    for step, result in zip(pipeline.steps, results, strict=True):
        touched = result.touched
        if distrust(touched, step.settings) or files.mismatch(touched, step.settings.env):
            return None
        files.note_found(touched)
        paths |= {state.path for state in (*touched.reads, *touched.writes)}
    found = {result.step: result.touched for result in results}
    if contradictions([step.name for step in pipeline.steps], found, found, files):
        return None
    steps = tuple(_again(step, result) for step, result in zip(run.steps, results, strict=True))
    return Repetition(
        run=replace(run, steps=steps, duration_s=0.0),
        paths=tuple(sorted(paths)),
        objects=tuple(sorted({str(store.path(d)) for result in results for d in result.digests})),
        variables=tuple(sorted({v for result in results for v in result.touched.environment})),
    )


def _again(step: StepRun, result: Result) -> StepRun:
    """Return the record of a step as it is when its result is found."""
    if step.is_cached:
        return step
    cell_count = json.loads(step.facts)["cell_count"]
    notebook = Path(str(step.notebook))
    return found_step(result, notebook=notebook, cell_count=cell_count, started_s=0.0)


def _results(run: Run, store: ResultStore) -> tuple[Result, ...] | None:
    """Return the result of each step, None if one has none."""
    found = []
    for step in run.steps:
        identifier = json.loads(step.facts).get("result")
        result = None if identifier is None else store.get(identifier)
        if result is None:
            return None
        found.append(result)
    return tuple(found)
