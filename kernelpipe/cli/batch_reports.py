"""Say how a batch goes and went: lines, a table, the failures, and how to continue."""

import csv
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kernelpipe import api
from kernelpipe.backends.local.reporting import LenientStream
from kernelpipe.model.location import Location
from kernelpipe.model.run import RunState
from kernelpipe.runs.wording import counted, duration, number

if TYPE_CHECKING:
    from kernelpipe.backends.local.batch import Batch, PointRun

_LONGEST_CELL = 40


class BatchLines:
    """Writes a line when the batch starts and when a point has ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = LenientStream(stream)
        self._points_total = 0
        self._values: dict[int, str] = {}

    def batch_started(self, batch_id: str, points_total: int, points_done: int) -> None:
        """Write the batch's id and size."""
        self._points_total = points_total
        done = f", {points_done} of them done before" if points_done else ""
        self.message(f"batch {batch_id}: {counted(points_total, 'point')}{done}")

    def point_started(self, index: int, values: Mapping[str, object]) -> None:
        """Remember the point's values; many points start at the same time."""
        self._values[index] = show_values(values)

    def point_finished(self, point: "PointRun") -> None:
        """Write the point's values and how it went."""
        values = self._values.pop(point.index, "")
        name = f"point {point.index + 1}/{self._points_total}" + (f" ({values})" if values else "")
        time = "" if point.duration_s is None else f" in {duration(point.duration_s)}"
        has_run = point.run_id is not None
        steps = f", {point.steps_run} run, {point.steps_found} found" if has_run else ""
        reason = f": {first_line(point.reason)}" if point.reason else ""
        self.message(f"{name}: {point.state.value}{time}{steps}{reason}")

    def message(self, text: str) -> None:
        """Write the text."""
        self._stream.write(f"{text}\n")
        self._stream.flush()


def describe_batch(batch: "Batch") -> str:
    """Return the state of a batch and a line per point, columns aligned."""
    states = [point.state for point in batch.points]
    counts = ", ".join(f"{states.count(s)} {s.value}" for s in RunState if s in states)
    by = f", stopped by {batch.stopped_by}" if batch.stopped_by else ""
    head = f"batch {batch.id} {batch.state.value} in {duration(batch.duration_s)}{by}: {counts}"
    rows = [[_shown(value) for value in row] for row in batch_rows(batch, is_short=True)]
    return "\n".join([head, *_aligned(rows)])


def describe_failed_points(batch: "Batch") -> str:
    """Return what went wrong at each failed point, "" if none failed."""
    return "\n".join(
        _describe_failure(point, batch) for point in batch.points if point.state is RunState.FAILED
    )


def resume_command(batch: "Batch") -> str:
    """Return the command that continues the batch."""
    words = ["kernelpipe", "batch", _relative(batch.source), "--resume", batch.id]
    if Path(batch.home) != Path(batch.source).parent / ".kernelpipe":
        words += ["--home", _relative(batch.home)]
    return shlex.join(words)


def batch_table(batch: "Batch", suffix: str) -> str:
    """Return the text of a table file: ``.csv``, or ``.json`` with the batch's document."""
    if suffix == ".json":
        return api.to_json(api.batch_document(batch)) + "\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [_plain(value) for value in row] for row in batch_rows(batch, is_short=False)
    )
    return text.getvalue()


def batch_rows(batch: "Batch", *, is_short: bool) -> list[list[object]]:
    """Return the table: a row of column names, then one per point.

    Args:
        batch: What to show.
        is_short: Leave out metrics of single steps, paths and errors, for people to read.
    """
    metrics = list(
        dict.fromkeys(
            metric.name
            for point in batch.points
            for metric in point.metrics
            if not (is_short and "/" in metric.name)
        )
    )
    header = ["point", *batch.varying, "state", "time_s", "run", "found", *metrics]
    more = [] if is_short else ["run_id", "notebook", "error"]
    rows = [_row(point, batch.varying, metrics, is_short=is_short) for point in batch.points]
    return [list(_unique([*header, *more])), *rows]


def _row(
    point: "PointRun", varying: Sequence[str], metrics: Sequence[str], *, is_short: bool
) -> list[object]:
    values, found = point.values(), {metric.name: metric.value for metric in point.metrics}
    seconds = None if point.duration_s is None else round(point.duration_s, 3)
    has_run = point.run_id is not None
    row: list[object] = [
        point.index + 1,
        *(values.get(name) for name in varying),
        point.state.value + (" (before)" if is_short and point.is_from_before else ""),
        seconds if not is_short or point.duration_s is None else duration(point.duration_s),
        point.steps_run if has_run else None,
        point.steps_found if has_run else None,
        *(found.get(name) for name in metrics),
    ]
    return row if is_short else [*row, point.run_id, point.notebook, _what(point)]


def _unique(names: Sequence[str]) -> Sequence[str]:
    """Return column names; one that a column before it has gets a number."""
    taken: list[str] = []
    for name in names:
        candidate, count = name, 2
        while candidate in taken:
            candidate, count = f"{name}_{count}", count + 1
        taken.append(candidate)
    return taken


def show_values(values: Mapping[str, object]) -> str:
    """Return parameters and their values in one line."""
    return ", ".join(f"{name}={_shown(value)}" for name, value in values.items())


def first_line(text: str) -> str:
    """Return the first line of a text."""
    return text.partition("\n")[0]


def _describe_failure(point: "PointRun", batch: "Batch") -> str:
    error = point.error
    place = Location(
        path=_relative(batch.source),
        cell_index=error.cell_index if error else None,
        line=error.line if error else None,
    )
    values = point.values()
    shown = show_values({name: values[name] for name in batch.varying if name in values})
    name = f"point {point.index + 1}" + (f" ({shown})" if shown else "")
    step = f"step '{point.failed_step}' failed: " if point.failed_step else ""
    text = f"{place}: error[KP501]: {name}: {step}{_what(point)}"
    return f"{text}\n  hint: its outputs are in {point.notebook}" if point.notebook else text


def _what(point: "PointRun") -> str | None:
    if point.error is not None:
        return f"{point.error.ename}: {point.error.evalue}"
    return point.reason


def _relative(path: str) -> str:
    """Return a path as it is typed in the current folder."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _shown(value: object) -> str:
    """Return a value as people read it."""
    text = _plain(number(value) if isinstance(value, float) else value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 3] + "..."


def _plain(value: object) -> str:
    """Return a value as text that reads back: JSON, but text as it stands and nothing for None."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row; columns of numbers are aligned at their right ends."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    are_numbers = [all(_is_number(text) for text in column[1:] if text) for column in columns]
    return [
        "  ".join(
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, are_numbers, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(text: str) -> bool:
    try:
        float(text.removesuffix(" s"))
    except ValueError:
        return False
    return True
