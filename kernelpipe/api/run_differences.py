"""Compares a notebook's plain run with its run as a pipeline: cells, values, metrics and files."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelpipe.api.file_differences import file_difference
from kernelpipe.api.output_differences import (
    clean,
    output_differences,
    outputs_of,
)
from kernelpipe.api.tolerant_texts import Tolerance, same_texts
from kernelpipe.api.value_differences import Difference, first_differences
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run, RunState, StepError, StepFacts, StepRun, parts_of
from kernelpipe.model.verification import DifferenceKind

if TYPE_CHECKING:
    from kernelpipe.backends.local.plain import PlainRun

Outputs = Mapping[int, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something that differs; ``cell`` and ``step`` are None where none is known."""

    kind: DifferenceKind
    step: StepName | None
    cell: int | None
    what: str
    plain: str
    other: str

    @property
    def key(self) -> tuple[object, ...]:
        """What is the same of two findings about the same thing."""
        name = self.what.partition("[")[0].partition(".")[0].partition(" (")[0]
        return (self.kind, self.step, self.cell if self.kind is DifferenceKind.OUTPUT else name)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One run: what its cells put out, what its steps hand on, what it left behind.

    ``values`` is (step, item or None) -> folders with the value files, of which either will do;
    ``metrics`` is step, or item of one -> metric -> number or series; ``files`` is path -> file,
    of which there is none where the run removed it.
    """

    outputs: Outputs
    values: Mapping[tuple[StepName, int | None], tuple[Path, ...]]
    metrics: Mapping[str, Mapping[str, object]]
    files: Mapping[str, Path]
    error: StepError | None


@dataclass(kw_only=True)
class Comparison:
    """One comparison; :meth:`compare` fills the rest."""

    pipeline: Pipeline
    folder: Path
    """From which the notebook's own modules are imported."""
    tolerance: Tolerance
    timed: frozenset[int] = frozenset()
    """Cells that may show how long something took."""
    are_values_loaded_here: bool = False
    """Not in a process of its own."""
    cells: int = 0
    values: int = 0
    metrics: int = 0
    files: int = 0
    found: list[Found] = field(default_factory=list)
    states: dict[StepName, frozenset[str]] = field(default_factory=dict)
    """Step -> hidden state that is not the same at its end."""
    notes: list[str] = field(default_factory=list)

    def compare(
        self, plain: Side, other: Side, *, cells: Collection[int], owners: Mapping[int, StepName]
    ) -> None:
        """Compare two runs.

        Args:
            plain: The plain run.
            other: The other run.
            cells: Indexes of the cells that both have executed.
            owners: Cell index -> step, of cells that belong to one.
        """
        self._compare_endings(plain.error, other.error, owners)
        self._compare_outputs(plain, other, cells, owners)
        self._compare_values(plain, other)
        self._compare_metrics(plain, other)
        if plain.error is None and other.error is None:
            self._compare_files(plain.files, other.files)
        order = list(DifferenceKind)
        self.found.sort(key=lambda each: (_place(each.cell), order.index(each.kind)))

    def _compare_endings(
        self, plain: StepError | None, other: StepError | None, owners: Mapping[int, StepName]
    ) -> None:
        one, two = _described(plain), _described(other)
        if same_texts(clean(one), clean(two), self.tolerance):
            return
        places = [
            e.cell_index for e in (plain, other) if e is not None and e.cell_index is not None
        ]
        cell = min(places, default=None)
        step = None if cell is None else owners.get(cell)
        self._tell(DifferenceKind.ENDING, step, cell, "how it ends", one, two)

    def _compare_outputs(
        self, plain: Side, other: Side, cells: Collection[int], owners: Mapping[int, StepName]
    ) -> None:
        self.cells += len(cells)
        for part in (self.timed.intersection(cells), set(cells) - self.timed):
            one, two = (
                {index: each.outputs[index] for index in part if index in each.outputs}
                for each in (plain, other)
            )
            tolerance = replace(self.tolerance, are_durations_masked=part <= self.timed)
            for found in output_differences(one, two, tolerance=tolerance):
                self._tell(
                    DifferenceKind.OUTPUT,
                    owners.get(found.cell),
                    found.cell,
                    found.what,
                    found.plain,
                    found.other,
                )

    # -- values --------------------------------------------------------------------------------
    def _compare_values(self, plain: Side, other: Side) -> None:
        """Compare value files; those with the same bytes need not be loaded."""
        from kernelpipe.runtime.container import open_container  # noqa: PLC0415 - maps files

        asked: list[tuple[StepName, list[tuple[Path, Path]]]] = []
        for key in sorted(plain.values.keys() & other.values.keys(), key=str):
            for path in sorted(other.values[key][0].glob("*")):
                alternatives = [
                    f / path.name for f in plain.values[key] if (f / path.name).exists()
                ]
                header = open_container(path).header
                if not alternatives:
                    if plain.error is None:
                        names = ", ".join(each for each in header["names"] if each[0] != "@")
                        self.notes.append(
                            f"of the plain run there is no value to compare: {names or path.name}"
                        )
                    continue
                self.values += sum(not name.startswith("@") for name in header["names"])
                if all(open_container(each).header != header for each in alternatives):
                    asked.append((key[0], [(each, path) for each in alternatives]))
        pairs = [pair for _, each in asked for pair in each]
        answers = iter(
            first_differences(
                pairs,
                beside=self.folder,
                tolerance=self.tolerance,
                is_here=self.are_values_loaded_here,
            )
        )
        for step, both in asked:
            differences = [next(answers) for _ in both]
            for each in differences[0] if all(differences) else ():
                self._tell_value(step, each)

    def _tell_value(self, step: StepName, each: Difference) -> None:
        place = each.where.removeprefix("the keys of ").partition("[")[0].partition(" ")[0]
        if place.startswith("@"):
            self.states[step] = self.states.get(step, frozenset()) | {place}
            return
        name = place.partition(".")[0]
        ports = {p.name: p for s in self.pipeline.steps if s.name == step for p in s.outputs}
        cell = ports[name].cell_index if name in ports else None
        self._tell(DifferenceKind.VALUE, step, cell, f"value {each.where}", each.left, each.right)

    def _compare_metrics(self, plain: Side, other: Side) -> None:
        for step in (name for name in other.metrics if name in plain.metrics):
            here, there = plain.metrics[step], other.metrics[step]
            public = StepName(step.partition("[")[0])
            for name in [*here, *(name for name in there if name not in here)]:
                self.metrics += 1
                one, two = (
                    repr(each[name]) if name in each else "missing" for each in (here, there)
                )
                if not same_texts(one, two, self.tolerance):
                    cell = self._last_cell(public)
                    self._tell(DifferenceKind.METRIC, public, cell, f"metric {name}", one, two)

    def _last_cell(self, step: StepName) -> int | None:
        cells = [cell.index for s in self.pipeline.steps if s.name == step for cell in s.cells]
        return max(cells, default=None)

    # -- files ---------------------------------------------------------------------------------
    def _compare_files(self, plain: Mapping[str, Path], other: Mapping[str, Path]) -> None:
        for name in sorted({*plain, *other}):
            self.files += 1
            one, other_file = plain.get(name), other.get(name)
            texts = [_happened(each) for each in (one, other_file)]
            found: tuple[str, str] | str | None = (texts[0], texts[1])
            if one is not None and other_file is not None and texts[0] == texts[1]:
                found = self._file_difference(one, other_file) if one.exists() else None
            if isinstance(found, str):
                self.notes.append(f"{name} was not compared: {found}")
            elif found is not None:
                self._tell(DifferenceKind.FILE, None, None, f"file {name}", *found)

    def _file_difference(self, one: Path, other: Path) -> tuple[str, str] | str | None:
        return file_difference(
            one,
            other,
            tolerance=self.tolerance,
            beside=self.folder,
            is_here=self.are_values_loaded_here,
        )

    def _tell(
        self,
        kind: DifferenceKind,
        step: StepName | None,
        cell: int | None,
        what: str,
        plain: str,
        other: str,
    ) -> None:
        self.found.append(
            Found(kind=kind, step=step, cell=cell, what=what, plain=plain, other=other)
        )


def pipeline_side(run: Run, files: Mapping[str, Path]) -> Side:
    """Return what a run of the pipeline has made; it is read from the run's directory."""
    from kernelpipe.runs.attempts import find_attempts  # noqa: PLC0415 - with what runs take

    values: dict[tuple[StepName, int | None], tuple[Path, ...]] = {}
    metrics: dict[str, Mapping[str, object]] = {}
    for position, step in enumerate(run.steps):
        if step.state is not RunState.SUCCEEDED:
            continue
        facts: StepFacts = json.loads(step.facts)
        items: list[int | None] = list(range(len(facts["items"]))) if "items" in facts else [None]
        for item in items:
            tries = find_attempts(Path(run.directory), position, step.name, item=item)
            if tries:
                values[step.name, item] = (tries[-1] / "outputs",)
        for part in parts_of(step):
            told: StepFacts = json.loads(part.facts)
            metrics[part.name] = {**told.get("metrics", {}), **told.get("series", {})}
    executed = json.loads(Path(str(run.notebook)).read_bytes())
    errors = [step.error for step in run.steps if step.error is not None]
    return Side(
        outputs=outputs_of(executed),
        values=values,
        metrics=metrics,
        files=files,
        error=min(errors, key=lambda each: _place(each.cell_index), default=None),
    )


def plain_side(run: "PlainRun", pipeline: Pipeline, files: Mapping[str, Path]) -> Side:
    """Return what a plain run has made."""
    values: dict[tuple[StepName, int | None], tuple[Path, ...]] = {}
    for position, step in enumerate(pipeline.steps):
        if step.loop is None:
            own = run.values(position, step.name), run.early_values(position, step.name)
            values[step.name, None] = own
        else:
            for item, folder in enumerate(_items(run, position, step.name)):
                values[step.name, item] = (folder,)
    return Side(
        outputs=run.outputs, values=values, metrics=run.metrics, files=files, error=run.error
    )


def _items(run: "PlainRun", position: int, step: StepName) -> Iterator[Path]:
    number = 0
    while (folder := run.values(position, step, item=number)).is_dir():
        yield folder
        number += 1


def compared_cells(
    run: Run, plain: Outputs, other: Outputs, owners: Mapping[int, StepName]
) -> set[int]:
    """Return the cells that count: those that both executed, and those that a step left out."""
    steps: dict[StepName, StepRun] = {step.name: step for step in run.steps}
    found = set()
    for index in {*plain, *other}:
        owner = owners.get(index)
        step = None if owner is None else steps[owner]
        if step is None or step.state is RunState.SUCCEEDED:
            is_wanted = True
        else:
            at = step.error.cell_index if step.error is not None else None
            is_wanted = step.state is RunState.FAILED and (at is None or index < at)
        if is_wanted and (index in plain):
            found.add(index)
    return found


def _place(cell: int | None) -> float:
    return float("inf") if cell is None else cell


def _described(error: StepError | None) -> str:
    if error is None:
        return "it succeeds"
    where = "" if error.cell_index is None else f"cell {error.cell_index}: "
    return f"{where}{error.ename}: {error.evalue}"


def _happened(path: Path | None) -> str:
    if path is None:
        return "nothing"
    return "it is written" if path.exists() else "it is removed"
