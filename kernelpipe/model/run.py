"""What came back from running a pipeline."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import NotRequired, TypedDict

from kernelpipe.model.names import RunId, StepName


class RunState(Enum):
    """States of runs and step runs; the words are KFP's."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


UNFINISHED = frozenset({RunState.PENDING, RunState.RUNNING, RunState.CANCELING})
"""States after which another one follows."""

LEFT_OUT = "not asked for"
"""The reason of a step that is SKIPPED because the request asks for others only."""


class CellUsage(TypedDict):
    """What one cell of the source notebook took in its step; bytes are its own peak."""

    cell: int
    wall_s: float
    cpu_s: float | None
    peak_bytes: int | None


class ItemFacts(TypedDict):
    """What is recorded about one item of a loop's step."""

    text: str
    """What the loop's variable was, as Python: "lr = 0.1"."""
    state: str
    """A `RunState`'s value."""
    reason: str | None
    """Why it did not run, failed or was stopped, in the user's words."""
    is_cached: bool
    duration_s: float | None
    notebook: str | None
    """Absolute path of its executed notebook, None until it exists."""
    error: NotRequired[dict[str, object]]
    """The fields of a `StepError`, of an item that failed."""
    facts: NotRequired["StepFacts"]
    """What is recorded about it as about a step that runs once."""


class StepFacts(TypedDict, total=False):
    """What is recorded about a step besides its state; every entry may be missing."""

    result: str
    """Id of the stored result that it made or used."""
    made_in: str
    """Id of the run that made that result, of a step that was found."""
    made_at: float
    """When it was made, in seconds since the epoch."""
    started_s: float
    """When the step was started, in seconds after the run's start."""
    cell_count: int
    """How many cells of the source notebook it executes, or did when it was made."""
    attempts: int
    cpu_s: float
    peak_bytes: int
    cells: list[CellUsage]
    metrics: dict[str, float]
    series: dict[str, list[float]]
    """Metrics over time, or over the items of a loop: metric name -> values in order."""
    values: list[dict[str, object]]
    """Per value file: port, digest in the store, bytes."""
    reads: list[list[str | None]]
    """[path, digest] of the files that it read, see ``model.result.FileState``."""
    writes: list[list[str | None]]
    engine: str
    """What executed it: "forked" or "kernel"."""
    items: list[ItemFacts]
    """Of a loop's step: its items in order."""


class ClusterFacts(TypedDict, total=False):
    """Where a run goes on that is not of this machine; never how to log in there.

    ``as_of`` and ``submitted_at`` are seconds since the epoch.
    """

    host: str
    """Address of the API, "" for the one that is found without an address."""
    namespace: str
    experiment: str
    """Name of the experiment."""
    experiment_id: str
    token: str
    """What the description of the run on the cluster ends with, whatever became of its id."""
    submitted_at: float
    run_id: str
    """On the cluster; missing as long as it is not known whether the cluster has it."""
    page: str
    """Address of its page, "" where none is known."""
    as_of: float
    """When the cluster told last how the run is."""
    problem: str
    """Why it could not be asked since then."""
    is_missing: bool
    """Whether the problem is that the cluster has no such run."""
    schedule: str
    """Name of the schedule that started it."""
    items: dict[str, list[str]]
    """Of steps that run once per item: step -> each item as Python ("lr = 0.1"), in order."""
    merged: dict[str, list[str]]
    """Of a workflow whose tasks hold several steps: task on the cluster -> its steps in order."""


class RunFacts(TypedDict, total=False):
    """What is recorded about a run besides its state; every entry may be missing."""

    version: str
    """kernelpipe's."""
    notebook_sha256: str
    git_commit: str
    git_is_dirty: bool
    given: list[str]
    """Names of the parameters that the user gave; the others have their defaults."""
    packages: dict[str, str]
    """Distribution -> version, of what the steps import."""
    python: str
    resumes: str
    """Id of the run that it continues."""
    batch: str
    """Id of its batch."""
    point: int
    """Its place in the batch, from zero."""
    cluster: ClusterFacts
    """Of a run on a cluster."""
    options: dict[str, object]
    """The request, so that it can be continued: see ``backends.local.RunRequest``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepError:
    """Why a step failed; ``cell_index`` and ``line`` are the source notebook's, None if unknown."""

    cell_index: int | None
    line: int | None
    ename: str
    evalue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step in one run; paths are absolute, None until the file exists."""

    name: StepName
    state: RunState
    reason: str | None = None
    """Why it did not run or was stopped, in the user's words."""
    is_cached: bool = False
    duration_s: float | None = None
    notebook: str | None = None
    error: StepError | None = None
    facts: str = "{}"
    """JSON text of an object, see :class:`StepFacts`."""


def parts_of(step: StepRun) -> tuple[StepRun, ...]:
    """Return what was carried out for a step: each item of a loop's step, else the step itself.

    The names of items are those of :func:`item_name`.
    """
    facts: StepFacts = json.loads(step.facts)
    if "items" not in facts:
        return (step,)
    return tuple(
        StepRun(
            name=item_name(step.name, number),
            state=RunState(item["state"]),
            reason=item["reason"],
            is_cached=item["is_cached"],
            duration_s=item["duration_s"],
            notebook=item["notebook"],
            error=StepError(**item["error"]) if "error" in item else None,  # type: ignore[arg-type]  # JSON
            facts=json.dumps(item.get("facts", {})),
        )
        for number, item in enumerate(facts["items"])
    )


def items_of(step: StepRun) -> tuple[tuple[str, StepRun], ...]:
    """Return (what the loop's variable was, the item) of each item of a loop's step, else ()."""
    facts: StepFacts = json.loads(step.facts)
    texts = [item["text"] for item in facts.get("items", ())]
    return tuple(zip(texts, parts_of(step), strict=True)) if texts else ()


def item_facts(text: str, item: StepRun) -> ItemFacts:
    """Return what is recorded about an item, from which :func:`parts_of` makes it again."""
    facts = ItemFacts(
        text=text,
        state=item.state.value,
        reason=item.reason,
        is_cached=item.is_cached,
        duration_s=item.duration_s,
        notebook=item.notebook,
        facts=json.loads(item.facts),
    )
    if item.error is not None:
        facts["error"] = asdict(item.error)
    return facts


def ending_of(states: Collection[RunState]) -> RunState:
    """Return how a loop's step has ended, given how its items have."""
    for state in (RunState.FAILED, RunState.CANCELED):
        if state in states:
            return state
    if RunState.SKIPPED in states:  # the run was stopped before it was their turn
        return RunState.SKIPPED if set(states) == {RunState.SKIPPED} else RunState.CANCELED
    return RunState.SUCCEEDED


def failure_of(items: Sequence[StepRun], texts: Sequence[str]) -> str:
    """Return why a loop's step failed: the first of its items that did, and how many more."""
    failed = [number for number, item in enumerate(items) if item.state is RunState.FAILED]
    number, more = failed[0], len(failed) - 1
    others = f" (and {more} more item{'s' if more > 1 else ''})" if more else ""
    return f"item {number} ({texts[number]}): {items[number].reason or 'it failed'}{others}"


def item_name(step: StepName, number: int) -> StepName:
    """Return the name of one item (from zero) of a loop's step: "train[0]"."""
    return StepName(f"{step}[{number}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that the run reported: ``value`` is an int, a float or a bool."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a pipeline.

    ``parameters`` is JSON text of name -> value (defaults included); ``started_at`` is seconds
    since the epoch; ``directory`` and ``notebook`` (the one executed notebook) are absolute paths.
    """

    id: RunId
    pipeline: str
    source: str
    """Path of the source notebook."""
    state: RunState
    started_at: float
    duration_s: float | None
    directory: str
    notebook: str | None
    parameters: str
    metrics: tuple[Metric, ...]
    steps: tuple[StepRun, ...]
    reason: str | None = None
    """Why it failed or was stopped when no step says so, in the user's words."""
    facts: str = "{}"
    """JSON text of an object, see :class:`RunFacts`."""

    @property
    def cluster(self) -> ClusterFacts | None:
        """Where it goes on, None if that is this machine."""
        facts: RunFacts = json.loads(self.facts)
        return facts.get("cluster")
