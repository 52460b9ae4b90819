"""Say in text how a run went."""

import json
from collections.abc import Callable, Iterable, Sequence

from kernelpipe.model.location import Location
from kernelpipe.model.run import Run, RunState, StepRun

_MINUTE_S = 60
_SIGNIFICANT_DIGITS = 6


def describe_run(run: Run) -> str:
    """Return the state of a run, a line per step, its metrics and where its files are."""
    lines = [f"run {run.id} {run.state.value}{_in_time(run.duration_s)}{_because(run.reason)}"]
    lines += _table(_step_row(step) for step in run.steps)
    if run.metrics:
        lines += ["metrics:", *_table((m.name, show_number(m.value)) for m in run.metrics)]
    if run.notebook:
        lines.append(f"executed notebook: {run.notebook}")
    lines.append(f"run directory: {run.directory}")
    return "\n".join(lines)


def describe_parameters(run: Run) -> str:
    """Return a line per parameter, "" if there are none."""
    values: dict[str, object] = json.loads(run.parameters)
    rows = [(name, json.dumps(value, ensure_ascii=False)) for name, value in values.items()]
    return "\n".join(["parameters:", *_table(rows)]) if rows else ""


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
    text = f"{place}: error[KP501]: step '{step.name}' failed: {what}"
    if step.notebook:
        text += f"\n  hint: its outputs so far are in {step.notebook}"
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
            _duration(run.duration_s),
            run.pipeline,
        )
        for run in runs
    ]
    return "\n".join(_table([("RUN", "STATE", "STARTED", "TIME", "PIPELINE"), *rows], indent=""))


def show_number(value: float) -> str:
    """Return a metric as people read it: integers and booleans whole, others rounded."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.{_SIGNIFICANT_DIGITS}g}"


def _step_row(step: StepRun) -> tuple[str, ...]:
    state = step.state.value + (" (cached)" if step.is_cached else "")
    return (step.name, state, _duration(step.duration_s), step.reason or "")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes} min {rest} s"


def _in_time(seconds: float | None) -> str:
    return "" if seconds is None else f" in {_duration(seconds)}"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return one line per row with the columns aligned."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        (
            indent + "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
