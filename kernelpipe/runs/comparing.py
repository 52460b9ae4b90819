"""Compares two runs: only what differs."""

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.model.names import RunId
from kernelpipe.model.run import Run, RunFacts, RunState, StepFacts, StepRun
from kernelpipe.runs.matching import Matching, match_cells
from kernelpipe.runs.notebooks import RecordedCell, read_cells
from kernelpipe.runs.outputs import output_digests, output_text

ABSENT = "absent"
"""Stands for the digest of a file that was not there when a step looked for it."""
_NEVER_RAN = (RunState.PENDING, RunState.SKIPPED)
_CONTEXT_LINES = 2
_MOST_LINES = 2000
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """Something that has a name and a value; None means that the run has no such thing."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """A metric whose value differs."""

    name: str
    before: float | None
    after: float | None

    @property
    def delta(self) -> float | None:
        """Return how much more it is, None if one of the values is missing."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """Return the change in percent of the size before, None if that says nothing."""
        delta = self.delta
        if delta is None or not self.before or not math.isfinite(delta):
            return None
        return 100 * delta / abs(self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """A code cell that differs; an index is None where the notebook has no such cell.

    ``diff`` is a unified diff without file names, "" when the code is the same; ``tags`` is None
    unless they differ.
    """

    before: int | None
    after: int | None
    diff: str = ""
    tags: ValueChange | None = None
    is_moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputChange:
    """A cell whose outputs differ: ``diff`` of their text, ``kinds`` of what else differs."""

    before: int
    after: int
    diff: str
    kinds: tuple[str, ...] = ()
    """MIME types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two runs.

    Values of ``parameters`` are JSON text, those of ``steps`` and ``state`` run states, those of
    ``files`` SHA-256 digests by absolute path (:data:`ABSENT` where there was no file).
    """

    before: RunId
    after: RunId
    source: ValueChange | None = None
    """Another notebook was run."""
    state: ValueChange | None = None
    steps: tuple[ValueChange, ...] = ()
    parameters: tuple[ValueChange, ...] = ()
    cells: tuple[CellChange, ...] = ()
    """In the order of the notebook after, removed cells at the end."""
    files: tuple[ValueChange, ...] = ()
    packages: tuple[ValueChange, ...] = ()
    versions: tuple[ValueChange, ...] = ()
    """Of Python and of kernelpipe."""
    metrics: tuple[MetricChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be compared, in the user's words."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing differs, as far as could be told."""
        return not (self.source or self.state or self.steps or self.metrics or self.outputs) and (
            not causes(self)
        )


def compare_runs(before: Run, after: Run) -> Comparison:
    """Return what differs; the notebooks are read from the runs' directories."""
    return compare(before, after, cells=(read_cells(before), read_cells(after)))


def compare(
    before: Run,
    after: Run,
    *,
    cells: tuple[Sequence[RecordedCell] | None, Sequence[RecordedCell] | None],
) -> Comparison:
    """Return what differs between two runs whose ``cells`` are given, None where there are none."""
    unknown: list[str] = []
    code: tuple[CellChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    if cells[0] is None or cells[1] is None:
        unknown += [
            f"run {run.id} has no readable notebook any more: code and outputs were not compared"
            for run, found in zip((before, after), cells, strict=True)
            if found is None
        ]
    else:
        matching = match_cells(_code(cells[0]), _code(cells[1]))
        code = tuple(_code_changes(matching))
        outputs = tuple(_output_changes(matching))
        unknown += _not_run(matching)
    old, new = _facts(before), _facts(after)
    unknown += _unrecorded((before, after), (old, new))
    return Comparison(
        before=before.id,
        after=after.id,
        source=_change("notebook", before.source, after.source),
        state=_change("run", before.state.value, after.state.value),
        steps=_changes(_states(before), _states(after)),
        parameters=_changes(_parameters(before), _parameters(after)),
        cells=code,
        files=_file_changes(before, after),
        packages=_changes(old.get("packages", {}), new.get("packages", {}))
        if "packages" in old and "packages" in new
        else (),
        versions=tuple(_version_changes(old, new)),
        metrics=tuple(_metric_changes(before, after)),
        outputs=outputs,
        unknown=tuple(unknown),
    )


def causes(comparison: Comparison) -> tuple[str, ...]:
    """Return what may explain other results, one short text each, in the user's words."""
    found = [
        f"parameter {change.name} {change.before or '(none)'} -> {change.after or '(none)'}"
        for change in comparison.parameters
    ]
    for cell in comparison.cells:
        found += cell_words(cell)
    found += [f"{change.name} {file_word(change)}" for change in comparison.files]
    found += [
        f"{change.name} {change.before or '(none)'} -> {change.after or '(none)'}"
        for change in (*comparison.packages, *comparison.versions)
    ]
    return tuple(found)


def cell_words(cell: CellChange) -> list[str]:
    """Return what happened to a cell, one short text each."""
    if cell.before is None:
        return [f"cell {cell.after} is new"]
    if cell.after is None:
        return [f"cell {cell.before} was removed"]
    found = [f"cell {cell.after} changed"] if cell.diff else []
    if cell.is_moved:
        found.append(f"cell {cell.after} moved (it was cell {cell.before})")
    if cell.tags:
        found.append(
            f"tags of cell {cell.after}: {cell.tags.before or '(none)'}"
            f" -> {cell.tags.after or '(none)'}"
        )
    return found


def file_word(change: ValueChange) -> str:
    """Return what happened to a file that steps read."""
    if change.before is None:
        return "is read now"
    if change.after is None:
        return "is not read any more"
    if change.after == ABSENT:
        return "is gone"
    return "is new" if change.before == ABSENT else "changed"


def last_success(runs: Iterable[Run], run: Run) -> Run | None:
    """Return the newest run of the same notebook that SUCCEEDED before ``run`` started."""
    earlier = [
        other
        for other in runs
        if other.source == run.source
        and other.state is RunState.SUCCEEDED
        and other.id != run.id
        and (other.started_at, other.id) < (run.started_at, run.id)
    ]
    return max(earlier, key=lambda other: (other.started_at, other.id), default=None)


def files_read(run: Run) -> dict[str, tuple[str, ...]]:
    """Return path -> digests of what was read there, in pipeline order, without repetition."""
    found: dict[str, tuple[str, ...]] = {}
    for step in run.steps:
        facts: StepFacts = json.loads(step.facts)
        for path, digest in facts.get("reads", ()):
            known = found.get(str(path), ())
            if (digest or ABSENT) not in known:
                found[str(path)] = (*known, digest or ABSENT)
    return dict(sorted(found.items()))


def shown_path(path: str, source: str) -> str:
    """Return a path as a reader of the notebook at ``source`` knows it."""
    folder = Path(source).parent
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def _facts(run: Run) -> RunFacts:
    found: RunFacts = json.loads(run.facts)
    return found


def _states(run: Run) -> dict[str, str]:
    return {step.name: step.state.value for step in run.steps}


def _parameters(run: Run) -> dict[str, str]:
    values: dict[str, Any] = json.loads(run.parameters)
    return {
        name: json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in values.items()
    }


def _change(name: str, before: str | None, after: str | None) -> ValueChange | None:
    return None if before == after else ValueChange(name=name, before=before, after=after)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[ValueChange, ...]:
    """Return the entries that differ, in the order of ``after``, then those that are gone."""
    names = dict.fromkeys((*after, *before))
    found = (_change(name, before.get(name), after.get(name)) for name in names)
    return tuple(change for change in found if change is not None)


def _file_changes(before: Run, after: Run) -> tuple[ValueChange, ...]:
    old, new = files_read(before), files_read(after)
    is_known = not _steps_without_reads(before), not _steps_without_reads(after)
    changes = _changes(
        {path: ", ".join(digests) for path, digests in old.items()},
        {path: ", ".join(digests) for path, digests in new.items()},
    )
    # A run whose steps did not all say what they read may have read the file all the same.
    return tuple(
        sorted(
            (
                change
                for change in changes
                if (change.before is not None or is_known[0])
                and (change.after is not None or is_known[1])
            ),
            key=lambda change: change.name,
        )
    )


def _steps_without_reads(run: Run) -> list[StepRun]:
    return [step for step in run.steps if "reads" not in json.loads(step.facts)]


def _version_changes(old: RunFacts, new: RunFacts) -> Iterator[ValueChange]:
    for name, before, after in (
        ("Python", old.get("python"), new.get("python")),
        ("kernelpipe", old.get("version"), new.get("version")),
    ):
        if before is not None and after is not None and before != after:
            yield ValueChange(name=name, before=before, after=after)


def _unrecorded(runs: tuple[Run, Run], facts: tuple[RunFacts, RunFacts]) -> Iterator[str]:
    for run, known in zip(runs, facts, strict=True):
        if "packages" not in known:
            yield f"run {run.id} has no record of its package versions"
        steps = [step.name for step in _steps_without_reads(run) if step.state not in _NEVER_RAN]
        if steps:
            yield f"run {run.id} has no record of the files that {_listed(steps)} read"


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return ("steps " if len(quoted) > 1 else "step ") + ", ".join(quoted)


def _metric_changes(before: Run, after: Run) -> Iterator[MetricChange]:
    old = {metric.name: metric.value for metric in before.metrics}
    new = {metric.name: metric.value for metric in after.metrics}
    for name in dict.fromkeys((*new, *old)):
        left, right = old.get(name), new.get(name)
        is_same = left == right or (
            left is not None and right is not None and math.isnan(left) and math.isnan(right)
        )
        if not is_same:
            yield MetricChange(name=name, before=left, after=right)


def _code(cells: Iterable[RecordedCell]) -> tuple[RecordedCell, ...]:
    return tuple(cell for cell in cells if cell.kind == "code")


def _code_changes(matching: Matching) -> Iterator[CellChange]:
    found = [
        CellChange(
            before=before.index,
            after=after.index,
            diff=text_diff(before.source, after.source),
            tags=_change("tags", ", ".join(before.tags), ", ".join(after.tags)),
            is_moved=after.index in matching.moved,
        )
        for before, after in matching.pairs
    ]
    found += [
        CellChange(before=None, after=cell.index, diff=text_diff("", cell.source))
        for cell in matching.added
    ]
    for change in sorted(found, key=lambda change: change.after or 0):
        if change.before is None or change.diff or change.tags or change.is_moved:
            yield change
    for cell in matching.removed:
        yield CellChange(before=cell.index, after=None, diff=text_diff(cell.source, ""))


def _output_changes(matching: Matching) -> Iterator[OutputChange]:
    for before, after in matching.pairs:
        if before.execution_count is None or after.execution_count is None:
            continue
        if before.outputs == after.outputs:
            continue
        diff = text_diff(output_text(before.outputs), output_text(after.outputs))
        old, new = output_digests(before.outputs), output_digests(after.outputs)
        kinds = tuple(dict.fromkeys(kind for kind, _ in (*new, *old) if _of(kind, old, new)))
        if diff or kinds:
            yield OutputChange(before=before.index, after=after.index, diff=diff, kinds=kinds)


def _of(kind: str, old: tuple[tuple[str, str], ...], new: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether the outputs of one MIME type differ."""
    return [d for k, d in old if k == kind] != [d for k, d in new if k == kind]


def _not_run(matching: Matching) -> Iterator[str]:
    cells = [
        after.index
        for before, after in matching.pairs
        if (before.execution_count is None) != (after.execution_count is None)
    ]
    if cells:
        yield (
            f"{'cells' if len(cells) > 1 else 'cell'} {', '.join(map(str, cells))} ran in one of"
            " the runs only: the outputs were not compared"
        )


def text_diff(before: str, after: str) -> str:
    """Return a unified diff without file names, "" if the texts are the same."""
    if before == after:
        return ""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return f"({len(old)} and {len(new)} lines, too many to show what differs)"
    if old == new:
        return "(line ends differ)"
    lines = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES))[2:]
    if len(lines) > _MOST_SHOWN:
        lines[_MOST_SHOWN:] = [f"({len(lines) - _MOST_SHOWN} more lines)"]
    return "\n".join(lines)
