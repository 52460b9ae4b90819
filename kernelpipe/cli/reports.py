"""Say in text how a run went."""

import json
import time
from collections.abc import Callable, Sequence

from kernelpipe.model.location import Location
from kernelpipe.model.run import (
    CellUsage,
    ClusterFacts,
    Run,
    RunFacts,
    RunState,
    StepFacts,
    StepRun,
    items_of,
    parts_of,
)
from kernelpipe.runs.wording import counted, duration, items_summary, number, size, table

_SHOWN_COMMIT = 10
_MOST_CELLS = 10


def describe_run(run: Run) -> str:
    """Return the state of a run, a line per step, its metrics and where its files are."""
    took = f" in {duration(run.duration_s)}" if run.duration_s is not None else ""
    reason = f": {run.reason}" if run.reason else ""
    lines = [f"run {run.id} {run.state.value}{took}{reason}"]
    lines += table(_without_empty_columns([_step_row(step) for step in run.steps]))
    if run.metrics:
        lines += ["metrics:", *table((m.name, number(m.value)) for m in run.metrics)]
    if run.notebook:
        lines.append(f"executed notebook: {run.notebook}")
    if run.cluster is not None:
        lines += _describe_cluster(run.cluster, is_over=run.duration_s is not None)
    else:
        lines.append(f"run directory: {run.directory}")
    return "\n".join(lines)


def _describe_cluster(cluster: ClusterFacts, *, is_over: bool) -> list[str]:
    """Return where a run on a cluster is, and as of when this is known if it is not current."""
    names = [f"cluster: {cluster.get('host') or 'of the current context'}"]
    if cluster.get("namespace"):
        names.append(f"namespace {cluster['namespace']}")
    if "run_id" in cluster:
        names.append(f"run {cluster['run_id']}")
    lines = [", ".join(names)]
    if cluster.get("page"):
        lines.append(f"page: {cluster['page']}")
    if "problem" in cluster and not is_over:
        since = f"as of {local_time(cluster['as_of'])}" if "as_of" in cluster else "not known yet"
        lines.append(f"{since}: {cluster['problem']}")
    return lines


def local_time(seconds: float) -> str:
    """Return a time, given in seconds since the epoch, as clocks here show it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def describe_origin(run: Run) -> str:
    """Return a line on what was run with what, as far as it was recorded; "" if it was not."""
    facts: RunFacts = json.loads(run.facts)
    parts = [f"kernelpipe {facts['version']}"] if "version" in facts else []
    if "python" in facts:
        parts.append(facts["python"])
    if "git_commit" in facts:
        changes = " with uncommitted changes" if facts.get("git_is_dirty") else ""
        parts.append(f"git commit {facts['git_commit'][:_SHOWN_COMMIT]}{changes}")
    if "resumes" in facts:
        parts.append(f"continues run {facts['resumes']}")
    if (schedule := facts.get("cluster", {}).get("schedule")) is not None:
        parts.append(f"started by schedule '{schedule}'")
    if "batch" in facts:
        point = f"point {facts['point']} of " if "point" in facts else ""
        parts.append(f"{point}batch {facts['batch']}")
    return ", ".join(parts)


def describe_parameters(run: Run) -> str:
    """Return a line per parameter, "" if there are none."""
    values: dict[str, object] = json.loads(run.parameters)
    given = json.loads(run.facts).get("given")
    rows = [
        (
            name,
            json.dumps(value, ensure_ascii=False),
            "" if given is None else "given" if name in given else "default",
        )
        for name, value in values.items()
    ]
    return "\n".join(["parameters:", *table(rows)]) if rows else ""


def describe_cells(run: Run) -> str:
    """Return the cells that took longest in this run, "" if nothing is known about cells."""
    cells: list[tuple[str, CellUsage]] = []
    for part in (part for step in run.steps for part in parts_of(step)):
        facts: StepFacts = json.loads(part.facts)
        if not part.is_cached:
            cells += [(part.name, usage) for usage in facts.get("cells", ())]
    cells.sort(key=lambda entry: -entry[1]["wall_s"])
    rows = [
        (
            f"cell {usage['cell']}",
            name,
            duration(usage["wall_s"]),
            _cpu(usage["cpu_s"]),
            _peak(usage["peak_bytes"]),
        )
        for name, usage in cells[:_MOST_CELLS]
    ]
    return "\n".join(["slowest cells:", *table(_without_empty_columns(rows))]) if rows else ""


def describe_items(run: Run) -> str:
    """Return a line per item of the steps that run once per item, "" if there are none."""
    rows = []
    for step in run.steps:
        for text, part in items_of(step):
            rows.append((part.name, text, *_step_row(part)[1:]))
    return "\n".join(["items:", *table(_without_empty_columns(rows))]) if rows else ""


def describe_failures(run: Run) -> str:
    """Return what went wrong in each failed step and where to look; "" if none failed."""
    failed = [step for step in run.steps if step.state is RunState.FAILED]
    return "\n".join(_describe_failure(step, run) for step in failed)


def _describe_failure(step: StepRun, run: Run) -> str:
    error = step.error
    place = Location(
        path=run.source,
        cell_index=error.cell_index if error else None,
        line=error.line if error else None,
    )
    what = f"{error.ename}: {error.evalue}" if error else step.reason or "it ended early"
    if run.cluster is not None:
        what = step.reason or what
    text = f"{place}: error[KP501]: step '{step.name}' failed: {what}"
    if step.notebook:
        text += f"\n  hint: its outputs so far are in {step.notebook}"
    elif run.cluster is not None:
        text += f"\n  hint: its log: kernelpipe runs logs {run.id} {step.name}"
    return text


def describe_runs(runs: Sequence[Run], *, show_time: Callable[[float], str]) -> str:
    """Return a table of runs.

    Args:
        runs: In the order to show them.
        show_time: Turns seconds since the epoch into text.
    """
    rows = [
        (
            run.id,
            run.state.value,
            show_time(run.started_at),
            duration(run.duration_s),
            run.pipeline,
            *((_where(run, show_time),) if any(each.cluster for each in runs) else ()),
        )
        for run in runs
    ]
    heads = ("RUN", "STATE", "STARTED", "TIME", "PIPELINE", "WHERE")[: len(rows[0])]
    return "\n".join(table([heads, *rows], indent=""))


def _where(run: Run, show_time: Callable[[float], str]) -> str:
    """Return where a run goes on; if its state is an old one, as of when."""
    cluster = run.cluster
    if cluster is None:
        return "here"
    host = cluster.get("host", "").partition("://")[2] or cluster.get("host") or "cluster"
    if "problem" not in cluster or run.duration_s is not None:
        return host
    return (
        f"{host}, as of {show_time(cluster['as_of'])}"
        if "as_of" in cluster
        else f"{host}, not asked yet"
    )


def _step_row(step: StepRun) -> tuple[str, ...]:
    facts: StepFacts = json.loads(step.facts)
    reason = step.reason or ""
    if step.is_cached and "made_in" in facts:
        reason = f"ran in run {facts['made_in']}"
    if "items" in facts:
        reason = "; ".join(part for part in (items_summary(facts["items"]), reason) if part)
    attempts = facts.get("attempts", 1)
    return (
        step.name,
        step.state.value + (" (found)" if step.is_cached else ""),
        duration(step.duration_s),
        _cpu(facts.get("cpu_s")),
        _peak(facts.get("peak_bytes")),
        counted(attempts, "attempt") if attempts > 1 else "",
        reason,
    )


def _cpu(seconds: float | None) -> str:
    return "" if seconds is None else f"CPU {duration(seconds)}"


def _peak(count: int | None) -> str:
    return "" if count is None else f"peak {size(count)}"


def _without_empty_columns(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the rows less the columns in which no row has a text."""
    kept = [index for index, column in enumerate(zip(*rows, strict=True)) if any(column)]
    return [tuple(row[index] for index in kept) for row in rows]
