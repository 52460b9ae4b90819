"""What can be done with recorded runs: find, compare, report, read logs, remove, tell others."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.api.documents import run_document, to_json
from kernelpipe.api.operations import PathLike, write_atomically
from kernelpipe.api.running import find_runs
from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.names import StepName
from kernelpipe.model.run import UNFINISHED, Run, RunState, StepFacts, StepRun, item_name, parts_of

if TYPE_CHECKING:
    from kernelpipe.runs import RunStore
    from kernelpipe.runs.comparing import Comparison

_REPORT = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """Where the log of one attempt (from one) at a step is."""

    step: StepName
    attempt: int
    path: Path
    item: str | None = None
    """Of a loop's step: what the loop's variable was, as Python ("lr = 0.1")."""


def select_runs(
    store: "RunStore",
    *,
    notebook: PathLike | None = None,
    state: RunState | None = None,
    batch: str | None = None,
) -> tuple[Run, ...]:
    """Return the runs of a notebook, in a state or of a batch, the newest first; None is any."""
    source = None if notebook is None else str(Path(notebook).absolute())
    return tuple(
        run
        for run in store.list_runs()
        if (source is None or run.source == source)
        and (state is None or run.state is state)
        and (batch is None or json.loads(run.facts).get("batch") == batch)
    )


def find_run(
    reference: str = "latest", *, home: PathLike | None = None, notebook: PathLike | None = None
) -> Run:
    """Return one run.

    Args:
        reference: A run's id, its beginning, "latest", or "latest~N".
        home: Where runs are kept; None means ``.kernelpipe`` beside the notebook, or here.
        notebook: Choose among the runs of this notebook only.

    Raises:
        UsageError: If no run or more than one is meant.
    """
    from kernelpipe.runs import references  # noqa: PLC0415  # loads what `graph` does without

    store = find_runs(notebook or "notebook.ipynb", home=home)
    runs = select_runs(store, notebook=notebook)
    if notebook is not None and not runs:
        raise UsageError(f"there are no runs of {notebook} in {store.home}")
    return references.find_run(runs, reference, home=store.home)


def diff(
    before: str = "latest~1",
    after: str = "latest",
    *,
    home: PathLike | None = None,
    notebook: PathLike | None = None,
) -> "Comparison":
    """Return what differs between two runs; see :func:`find_run` for how to name them.

    Raises:
        UsageError: If a run cannot be found.
    """
    from kernelpipe.runs.comparing import compare_runs  # noqa: PLC0415  # likewise

    return compare_runs(
        find_run(before, home=home, notebook=notebook),
        find_run(after, home=home, notebook=notebook),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReport:
    """The report of ``run``, compared with ``other`` if there was one to compare with."""

    run: Run
    other: Run | None
    path: Path
    size_bytes: int


def report(
    reference: str = "latest",
    output: PathLike | None = None,
    *,
    against: str | None = None,
    home: PathLike | None = None,
    notebook: PathLike | None = None,
) -> WrittenReport:
    """Write the report of a run: one HTML page that opens offline.

    Args:
        reference: See :func:`find_run`.
        output: Where to write it; None means ``report.html`` in the run's directory.
        against: The run to compare it with; None means the newest one of the same notebook that
            SUCCEEDED before it, if there is one.
        home: Where runs are kept; None means ``.kernelpipe`` beside the notebook, or here.
        notebook: Choose among the runs of this notebook only.

    Raises:
        UsageError: If a run cannot be found, or the page cannot be written.
    """
    from kernelpipe.api import reporting  # noqa: PLC0415  # likewise
    from kernelpipe.runs.comparing import last_success  # noqa: PLC0415  # likewise

    run = find_run(reference, home=home, notebook=notebook)
    if against is None:
        store = find_runs(notebook or "notebook.ipynb", home=home)
        other = last_success(store.list_runs(), run)
    else:
        other = find_run(against, home=home, notebook=notebook)
    path = Path(run.directory, _REPORT) if output is None else Path(output)
    _refuse_target(path, run)
    content = reporting.render(reporting.gather(run, other)).encode()
    write_atomically(path, content)
    return WrittenReport(run=run, other=other, path=path, size_bytes=len(content))


def _refuse_target(path: Path, run: Run) -> None:
    if path.suffix == ".ipynb":
        raise UsageError(f"{path} is a notebook's name", hint="name an .html file")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file in it")
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"cannot write {path}: there is no folder {path.parent}"
            if str(path.parent) != run.directory
            else f"the files of run {run.id} are gone",
            hint="name another file with -o",
        )


def find_logs(run: Run, step: str | None = None, *, all_attempts: bool = False) -> list[StepLog]:
    """Return the logs of a run in pipeline order, of the last attempts unless told otherwise.

    Args:
        run: The run.
        step: Of this step only, or of one item of a loop's step ("train[0]"); None means the steps
            that failed, or all if none did.
        all_attempts: Earlier attempts, too.

    Raises:
        UsageError: If the run has no such step, or keeps no log of that item alone.
    """
    names = [each.name for each in run.steps]
    if step is not None:
        name = step_named(run, step).name
        if name != step and run.cluster is not None:
            raise UsageError(
                f"the items of step '{name}' have one log together on a cluster",
                hint=f"kernelpipe runs logs {run.id} {name}",
            )
        return _logs_of(run, name, part=step, all_attempts=all_attempts)
    failed = [each.name for each in run.steps if each.state is RunState.FAILED]
    found: list[StepLog] = []
    for name in failed or names:
        found += _logs_of(run, name, all_attempts=all_attempts)
    return found


def step_named(run: Run, name: str) -> StepRun:
    """Return the step of a run that is called so, or that has an item that is ("train[0]").

    Raises:
        UsageError: If there is none.
    """
    owners = {part.name: step for step in run.steps for part in parts_of(step)}
    owners |= {step.name: step for step in run.steps}
    if name not in owners:
        known = ", ".join(step.name for step in run.steps)
        raise UsageError(
            f"run {run.id} has no step '{name}'",
            hint=did_you_mean(name, owners) or f"its steps are: {known}",
        )
    return owners[StepName(name)]


def _logs_of(
    run: Run, step: StepName, *, part: str | None = None, all_attempts: bool
) -> list[StepLog]:
    """Return the logs of a step, item after item; ``part`` is that of its items that is meant."""
    from kernelpipe.runs.attempts import find_attempts  # noqa: PLC0415  # likewise

    position = [each.name for each in run.steps].index(step)
    facts: StepFacts = json.loads(run.steps[position].facts)
    items: dict[int | None, str | None] = {None: None}
    if "items" in facts and run.cluster is None:  # what runs on a cluster has one log per step
        items = {
            number: item["text"]
            for number, item in enumerate(facts["items"])
            if part in {None, step, item_name(step, number)}
        }
    found: list[StepLog] = []
    for number, text in items.items():
        directories = find_attempts(Path(run.directory), position, step, item=number)
        logs = [
            StepLog(step=step, attempt=attempt, path=directory / "log.txt", item=text)
            for attempt, directory in enumerate(directories, start=1)
            if (directory / "log.txt").is_file()
        ]
        found += logs if all_attempts else logs[-1:]
    return found


def remove_runs(
    store: "RunStore", runs: Sequence[Run], *, on_removed: Callable[[Run], None] | None = None
) -> None:
    """Remove runs with all their files; ``on_removed`` is called with each once it is gone.

    Raises:
        UsageError: If one of them has not ended (then nothing was removed), or if its files cannot
            be removed.
    """
    for run in runs:
        if run.state in UNFINISHED and not (run.cluster or {}).get("is_missing"):
            raise UsageError(
                f"run {run.id} is still {run.state.value}; nothing was removed",
                hint="stop it first, or wait until it has ended",
            )
    for run in runs:
        store.remove(run.id)
        if on_removed is not None:
            on_removed(run)


def notify(run: Run, targets: Sequence[str], *, store: "RunStore") -> tuple[str, ...]:
    """Tell targets (``URL``, ``slack:URL``, ``command:CMD``) how a run went.

    Args:
        run: As it ended.
        targets: See ``runs.notifications.chosen_targets``.
        store: Where the run and those before it are kept.

    Returns:
        A message per target that could not be told; nothing is raised for it.
    """
    from kernelpipe.runs import notifications  # noqa: PLC0415  # loads HTTP

    document = json.loads(to_json(run_document(run)))  # strict JSON, whatever the metrics are
    return notifications.notify(run, targets, store=store, document=document)
