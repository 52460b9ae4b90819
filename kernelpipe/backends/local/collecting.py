"""Takes from the directory of a step that succeeded what other steps and later runs need."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.outcome import RESULT, read_metrics
from kernelpipe.backends.local.session import EXECUTED, Ending
from kernelpipe.compiler import Conditions, Task, conditions_text
from kernelpipe.model.names import RunId
from kernelpipe.model.result import FileState, Result, StoredValue, Touched
from kernelpipe.model.run import RunState, StepFacts, StepRun
from kernelpipe.runs import FileDigests, ResultStore
from kernelpipe.runs.json_files import read_json
from kernelpipe.runtime.container import header_digest

_ID_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a result is made for: see the fields of :class:`Result`."""

    key: str
    conditions: Conditions
    source: str
    run_id: RunId
    created_at: float


def collect(
    task: Task,
    directory: Path,
    purpose: Purpose,
    *,
    duration_s: float,
    results: ResultStore,
    digests: FileDigests,
) -> Result:
    """Put what a step made into the store and return the result; it is not added yet.

    Args:
        task: The step.
        directory: Of the attempt that succeeded.
        purpose: What it was made for.
        duration_s: How long it took.
        results: Gets the files.
        digests: Tells the content of files that the step touched.

    Raises:
        OSError: If something cannot be written or read.
    """
    found = read_json(directory / RESULT)
    values = []
    for port in task.outputs:
        path = directory / "outputs" / port.port
        digest, size_bytes = results.keep_file(path, digest=header_digest(path))
        values.append(StoredValue(port=port.port, digest=digest, size_bytes=size_bytes))
    executed, _ = results.keep_file(directory / EXECUTED)
    return Result(
        id=secrets.token_hex(_ID_BYTES),
        key=purpose.key,
        source=purpose.source,
        step=task.public_step,
        run_id=purpose.run_id,
        created_at=purpose.created_at,
        duration_s=duration_s,
        conditions=conditions_text(purpose.conditions),
        values=tuple(values),
        executed=executed,
        metrics=read_metrics(directory),
        touched=_touched(found.get("touched"), digests),
    )


def _touched(found: Mapping[str, Any] | None, digests: FileDigests) -> Touched:
    if found is None:
        return Touched(unseen=("its files were not watched",))
    reads: dict[str, str | None] = dict((*found["kinds"], *found["listings"]))
    unseen = list(found["unseen"])
    for path, signature in found["reads"]:
        if signature is None:
            reads[path] = None
            continue
        digest = digests.at(path, signature)
        if digest is None:
            unseen.append(f"it read {path}, which was changed while it ran")
        else:
            reads[path] = digest
    return Touched(
        reads=_states(reads),
        writes=_states({path: digests.state(path) for path in found["writes"]}),
        environment=tuple(sorted((name, digest) for name, digest in found["environment"])),
        unseen=tuple(unseen),
    )


def _states(found: Mapping[str, str | None]) -> tuple[FileState, ...]:
    return tuple(FileState(path=path, digest=digest) for path, digest in sorted(found.items()))


def result_facts(result: Result) -> StepFacts:
    """Return what a step's record says about the result that it made or used."""
    return StepFacts(
        result=result.id,
        metrics={metric.name: metric.value for metric in result.metrics},
        values=[
            {"port": value.port, "digest": value.digest, "bytes": value.size_bytes}
            for value in result.values
        ],
        reads=[[state.path, state.digest] for state in result.touched.reads],
        writes=[[state.path, state.digest] for state in result.touched.writes],
    )


def found_step(result: Result, *, notebook: Path, cell_count: int, started_s: float) -> StepRun:
    """Return the record of a step that was found.

    Args:
        result: What was found.
        notebook: The executed step notebook.
        cell_count: How many cells of the source the step executes.
        started_s: When it was its turn, in seconds after the run's start.
    """
    facts = result_facts(result)
    facts["made_in"] = result.run_id
    facts["made_at"] = result.created_at
    facts["cell_count"] = cell_count
    facts["started_s"] = started_s
    return StepRun(
        name=result.step,
        state=RunState.SUCCEEDED,
        is_cached=True,
        duration_s=0.0,
        notebook=str(notebook),
        facts=json.dumps(facts),
    )


def attempt_facts(directory: Path, ending: Ending, *, number: int) -> StepFacts:
    """Return what is recorded about how an attempt went."""
    facts = StepFacts(attempts=number, cells=list(ending.cells))
    if ending.usage is not None:
        if ending.usage.cpu_s is not None:
            facts["cpu_s"] = ending.usage.cpu_s
        if ending.usage.peak_bytes is not None:
            facts["peak_bytes"] = ending.usage.peak_bytes
    found = read_json(directory / RESULT)
    if found.get("series"):
        facts["series"] = found["series"]
    return facts
