"""Compares what cells read when they run with what the analysis says without running them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kit
from pipeline_in_process import ShellServer
from tracer.names import is_own

from kernelpipe.analysis.history import Event, History, walk
from kernelpipe.analysis.pipeline import parse_cells
from kernelpipe.analysis.placement import place_cells
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Notebook
from kernelpipe.model.pipeline import EdgeKind, Pipeline
from kernelpipe.notebook import parse_notebook

JSON = dict[str, Any]


@dataclass(frozen=True, order=True, kw_only=True)
class CrossRead:
    """A cell reads a name; ``maker`` bound it or changed its value last, ``binder`` bound it."""

    cell: int
    name: str
    maker: int
    binder: int


@dataclass(frozen=True, kw_only=True)
class GroundTruth:
    """All reads across cells and all in-place changes (cell, name); cells are notebook indexes.

    ``outputs`` is cell -> its outputs, for each cell that ran.
    """

    reads: tuple[CrossRead, ...]
    changes: frozenset[tuple[int, str]]
    outputs: dict[int, list[JSON]]


def traced(content: JSON, server: ShellServer, directory: Path) -> GroundTruth:
    """Run the code cells of a notebook, less ``skip`` cells, and return what they did."""
    cells = _running_cells(content)
    found = server.run_cells([cell for _, cell in cells], directory, engine="traced")
    places = [index for index, _ in cells]
    traces: dict[int, Any] = dict(zip(places, found, strict=False))
    return GroundTruth(
        reads=tuple(
            CrossRead(cell=index, name=name, maker=places[maker], binder=places[binder])
            for index, trace in traces.items()
            for name, maker, binder in trace["reads"]
        ),
        changes=frozenset((i, name) for i, trace in traces.items() for name in trace["changed"]),
        outputs={index: trace["outputs"] for index, trace in traces.items()},
    )


def run_hiding(
    content: JSON, truth: GroundTruth, server: ShellServer, directory: Path
) -> dict[int, list[JSON]]:
    """Run the notebook with all that ``truth`` does not hold hidden from each cell.

    Returns:
        Cell index -> outputs; they are those of ``truth`` if no read is missing there.
    """
    cells = _running_cells(content)
    asked = []
    for index, cell in cells:
        reads = [read.name for read in truth.reads if read.cell == index]
        asked.append(cell | {"metadata": cell["metadata"] | {"reads": reads}})
    outputs = server.run_cells(asked, directory, engine="hiding")
    return {index: found for (index, _), found in zip(cells, outputs, strict=False)}


def _running_cells(content: JSON) -> list[tuple[int, JSON]]:
    return [
        (index, cell)
        for index, cell in enumerate(content["cells"])
        if cell["cell_type"] == "code" and "skip" not in cell["metadata"].get("tags", [])
    ]


# -- what the analysis says ----------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class StaticReads:
    """What the analysis says of a notebook whose every cell is a step of its own.

    ``lost`` are the cells that it could not parse.
    """

    reads: tuple[CrossRead, ...]
    changes: frozenset[tuple[int, str]]
    lost: frozenset[int]


def static_reads(content: JSON) -> StaticReads:
    """Analyse a notebook, each code cell a step of its own."""
    notebook = _cell_by_cell(content)
    program, _ = parse_cells(notebook.cells, str(Path(notebook.path).parent))
    placement = place_cells(notebook, {})
    history = walk(placement.cells, program)
    return StaticReads(
        reads=tuple(sorted(set(_cross_reads(history)))),
        changes=frozenset(
            (version.placed.cell.index, name)
            for name, versions in history.versions.items()
            for version in versions
            if version.event is Event.CHANGE and is_own(name)
        ),
        lost=frozenset(p.cell.index for p in placement.cells) - frozenset(program.trees),
    )


def _cell_by_cell(content: JSON) -> Notebook:
    """Return the notebook with each code cell that runs as a step, setup too."""
    cells = []
    for index, cell in enumerate(content["cells"]):
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "skip" not in tags:
            kept = [tag for tag in tags if tag == "raises-exception"]
            cells.append(kit.code(cell["source"], f"step:c{index}", *kept))
        else:
            cells.append(kit.markdown(""))
    return parse_notebook(kit.encode(kit.notebook(*cells)), path="notebook.ipynb")


def _cross_reads(history: History) -> Iterator[CrossRead]:
    for read in history.reads:
        cell = read.placed.cell.index
        versions = history.versions.get(read.name, [])[: read.version + 1]
        if not versions or not is_own(read.name):
            continue
        if versions[-1].event is Event.DELETE:
            continue
        binders = [v.placed for v in versions if v.event in (Event.BIND, Event.MAYBE)]
        yield CrossRead(
            cell=cell,
            name=read.name,
            maker=versions[-1].placed.cell.index,
            binder=(binders or [versions[0].placed])[-1].cell.index,
        )


# -- comparing -----------------------------------------------------------------------------------
@dataclass(kw_only=True)
class Agreement:
    """How often the two agree, summed over notebooks; lists hold (notebook, what) to look at."""

    reads: int = 0
    found: int = 0
    predicted: int = 0
    right: int = 0
    changes: int = 0
    changes_found: int = 0
    changes_predicted: int = 0
    passed: int = 0
    needed: int = 0
    lost: int = 0
    missing: list[tuple[str, CrossRead]] = field(default_factory=list)
    needless: list[tuple[str, CrossRead]] = field(default_factory=list)
    stale: list[tuple[str, CrossRead, int]] = field(default_factory=list)
    """Those whose predicted maker, the last item, is not the true one."""

    def __str__(self) -> str:
        return (
            f"{self.reads} reads across cells: recall {self.recall:.4f}, precision "
            f"{self.precision:.4f} ({len(self.needless)} needless), right version "
            f"{self.versions:.4f}; {self.changes} in-place changes: recall "
            f"{_ratio(self.changes_found, self.changes):.3f}, precision "
            f"{_ratio(self.changes_found, self.changes_predicted):.3f}; artifacts passed "
            f"{self.passed}, needed {self.needed}, ratio {self.artifacts:.3f}; "
            f"cells lost {self.lost}"
        )

    @property
    def recall(self) -> float:
        """Share of the true reads that the analysis has."""
        return _ratio(self.found, self.reads)

    @property
    def precision(self) -> float:
        """Share of the analysis's reads that happened."""
        return _ratio(self.found, self.predicted)

    @property
    def versions(self) -> float:
        """Share of the true reads for which the analysis names the cell that made the value."""
        return _ratio(self.right, self.reads)

    @property
    def artifacts(self) -> float:
        """Values that steps take from others for each one that they need."""
        return _ratio(self.passed, self.needed)

    def add_cells(self, name: str, truth: GroundTruth, static: StaticReads) -> None:
        """Count the reads of one notebook."""
        true = {(read.cell, read.name): read for read in truth.reads}
        said = {(r.cell, r.name): r for r in static.reads if r.cell in truth.outputs}
        both = true.keys() & said.keys()
        self.reads += len(true)
        self.predicted += len(said)
        self.found += len(both)
        self.right += sum(true[key].maker == said[key].maker for key in both)
        changes = {(cell, changed) for cell, changed in static.changes if cell in truth.outputs}
        self.changes += len(truth.changes)
        self.changes_predicted += len(changes)
        self.changes_found += len(changes & truth.changes)
        self.lost += len(static.lost)
        self.missing += [(name, true[key]) for key in sorted(true.keys() - both)]
        self.needless += [(name, said[key]) for key in sorted(said.keys() - both)]
        self.stale += [
            (name, true[key], said[key].maker)
            for key in sorted(both)
            if true[key].maker != said[key].maker
        ]

    def add_steps(self, truth: GroundTruth, pipeline: Pipeline) -> None:
        """Count what the steps of one notebook's pipeline take from each other."""
        self.passed += len(taken_by_steps(pipeline))
        self.needed += len(needed_by_steps(truth, pipeline))


def needed_by_steps(truth: GroundTruth, pipeline: Pipeline) -> set[tuple[StepName, str]]:
    """Return (step, name) for each value that a step reads and that another step made."""
    step_of = {cell.index: step.name for step in pipeline.steps for cell in step.cells}
    return {
        (step_of[read.cell], read.name)
        for read in truth.reads
        if read.cell in step_of
        and read.maker in step_of
        and step_of[read.cell] != step_of[read.maker]
    }


def taken_by_steps(pipeline: Pipeline) -> set[tuple[StepName, str]]:
    """Return (step, name) for each value that a step takes from another; no hidden state."""
    return {
        (edge.consumer, name)
        for edge in pipeline.edges
        if edge.kind is EdgeKind.DATA
        for name in edge.names
        if is_own(name)
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
