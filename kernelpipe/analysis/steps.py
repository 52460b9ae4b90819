"""Builds the linked steps: setup, ports, metrics, and the modules that each step needs."""

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kernelpipe.analysis.cells import CellFacts
from kernelpipe.analysis.heap import Kind, Value
from kernelpipe.analysis.history import Event, History
from kernelpipe.analysis.linking import Linker
from kernelpipe.analysis.parameters import derived_from, metric_names
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.rules import NO_METRIC
from kernelpipe.analysis.setup import SetupCells, SetupFacts
from kernelpipe.analysis.source import Program, modules_in
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.model.pipeline import (
    ArtifactKind,
    Edge,
    Gate,
    InputPort,
    Loop,
    OutputPort,
    Parameter,
    SetupCell,
    Step,
)
from kernelpipe.model.settings import StepSettings

_ARTIFACTS = {Kind.FRAME: ArtifactKind.DATASET, Kind.ARRAY: ArtifactKind.DATASET}


class _Seen(NamedTuple):
    """What one step depends on, besides what all steps depend on; lists of names are sorted."""

    cells: list[PlacedCell]
    facts: list[CellFacts | None]
    """Of the cells; None for one that does not parse."""
    setup_count: int
    """How many setup cells come before its end."""
    setup_names: list[str]
    binds_unknown: bool
    given: list[str]
    """The parameters that it reads."""
    sources: dict[str, StepName]
    outputs: list[tuple[str, int, int, ArtifactKind]]
    metrics: tuple[str, ...]
    removed: list[str]
    after: tuple[StepName, ...]
    settings: StepSettings
    gate: Gate | None
    loop: Loop | None


@dataclass(slots=True)
class KeptSteps:
    """The steps of the last analysis, to be taken again where nothing of them differs."""

    _of_all: object = None
    _steps: dict[StepName, tuple[object, Step]] = field(default_factory=dict)

    def begin(self, of_all: object) -> None:
        """Begin a new analysis; ``of_all`` is what all steps depend on."""
        if of_all != self._of_all:
            self._of_all = of_all
            self._steps.clear()

    def step(self, name: StepName, seen: object, make: Callable[[], Step]) -> Step:
        """Return the step that was made last if it depended on the same, else make it."""
        known = self._steps.get(name)
        if known is not None and known[0] == seen:
            return known[1]
        made = make()
        self._steps[name] = seen, made
        return made


class StepBuilder:
    """Builds steps from a finished analysis."""

    def __init__(
        self,
        placement: Placement,
        history: History,
        linker: Linker,
        program: Program,
        parameters: Iterable[Parameter],
        kept: KeptSteps,
    ) -> None:
        self.placement = placement
        self.history = history
        self.linker = linker
        self.links = links = linker.links
        self._kept = kept
        self.trees = program.trees
        self.parameters = {p.name: p for p in parameters}
        self.diagnostics: list[Diagnostic] = []
        self._mentioned = program.seen.read
        self._derived: dict[int, dict[str, set[str]]] = {}
        """Index of a parameters cell -> what its names depend on."""
        self._cells: dict[StepName | None, list[PlacedCell]] = {}
        for placed in placement.cells:
            self._cells.setdefault(placed.step, []).append(placed)
        self._setup_cells = SetupCells(self._cells.get(None, ()), program.trees)
        self._settings = {step.name: step.settings for step in placement.steps}
        self._metrics_cells = [p for p in placement.cells if p.cell.role is CellRole.METRICS]
        self._found_modules: dict[str, frozenset[str]] = {}
        """Source -> the modules that it imports."""
        self._found_metrics: dict[StepName, tuple[str, ...]] | None = None
        self._unknown_binders = {placed.step for placed in history.unknown_binders}
        self._sources: dict[StepName, dict[str, StepName]] = {}
        for (step, variable), source in links.sources.items():
            self._sources.setdefault(step, {})[variable] = source.producer
        self._configuring = [
            (placed, facts.configuration)
            for placed in placement.cells
            if (facts := history.facts.get(placed.position)) is not None and facts.configuration
        ]

    def metrics(self, name: StepName) -> tuple[str, ...]:
        """Return the names whose values at the end of the step are run metrics, sorted."""
        if self._found_metrics is None:
            self._found_metrics = {}
            for step in dict.fromkeys(p.step for p in self._metrics_cells if p.step is not None):
                own = [p for p in self._metrics_cells if p.step == step]
                self._found_metrics[step] = self._metrics(own)
        return self._found_metrics.get(name, ())

    def build(
        self,
        order: list[StepName],
        edges: Iterable[Edge],
        gates: Mapping[StepName, Gate],
        loops: Mapping[StepName, Loop],
    ) -> tuple[Step, ...]:
        """Return the steps in ``order``, linked by ``edges``, with their gates and loops."""
        self._kept.begin(self._of_all())
        before: dict[StepName, set[StepName]] = {name: set() for name in order}
        for edge in edges:
            before[edge.consumer].add(edge.producer)
        return tuple(
            self._step(name, tuple(sorted(before[name])), gates.get(name), loops.get(name))
            for name in order
        )

    def _of_all(self) -> object:
        """Return what all steps depend on."""
        every = self._cells.get(None, [])
        facts = self._setup_cells.facts(len(every))
        return (
            every,
            [self.trees.get(placed.cell.index) for placed in every],
            self._configuring,
            facts.imported & self._mentioned,
            {name for name in facts.bound if self._is_changed(name)},
        )

    def _step(
        self, name: StepName, after: tuple[StepName, ...], gate: Gate | None, loop: Loop | None
    ) -> Step:
        cells = self._cells.get(name, [])
        every = self._cells.get(None, [])
        count = bisect_left(every, self.linker.last[name], key=lambda placed: placed.position)
        given = self._parameters_read(name, every[:count]) if self.parameters else ()
        seen = _Seen(
            cells=cells,
            facts=[self.history.facts.get(placed.position) for placed in cells],
            setup_count=count,
            setup_names=sorted(self.links.setup_uses.get(name, ())),
            binds_unknown=name in self._unknown_binders,
            given=sorted(given),
            sources=self._sources.get(name, {}),
            outputs=self._outputs(name),
            metrics=self.metrics(name),
            removed=sorted(self.links.removed.get(name, ())),
            after=after,
            settings=self._settings[name],
            gate=gate,
            loop=loop,
        )
        return self._kept.step(name, seen, lambda: self._new_step(name, seen))

    def _new_step(self, name: StepName, seen: _Seen) -> Step:
        facts = self._setup_cells.facts(seen.setup_count)
        setup = self._setup(name, seen, facts)
        return Step(
            name=name,
            cells=tuple(p.cell for p in seen.cells if not p.is_test),
            tests=tuple(p.cell for p in seen.cells if p.is_test),
            setup=setup,
            after=seen.after,
            inputs=_inputs(seen),
            outputs=tuple(
                OutputPort(name=variable, group=group, cell_index=index, kind=kind)
                for variable, group, index, kind in sorted(seen.outputs)
            ),
            metrics=seen.metrics,
            removed=tuple(seen.removed),
            shared_definitions=self._shared(facts),
            setup_names=tuple(seen.setup_names),
            modules=tuple(sorted(self._modules(seen.cells, setup))),
            settings=seen.settings,
            gate=seen.gate,
            loop=seen.loop,
        )

    # -- setup -----------------------------------------------------------------------------------
    def _setup(self, name: StepName, seen: _Seen, facts: SetupFacts) -> tuple[SetupCell, ...]:
        """Return what a step replays of the setup cells before its end."""
        kept = self._kept_imports(seen, facts)
        replayed = self._setup_cells.replayed(seen.setup_count, kept, facts)
        first = self.linker.first[name]
        for placed, lines in self._configuring:
            if placed.position < first and placed.step not in (None, name):
                replayed.append(SetupCell(cell=placed.cell, source="\n".join(lines)))
        if self._configuring:
            replayed.sort(key=lambda s: s.cell.index)
        return tuple(replayed)

    def _kept_imports(self, seen: _Seen, facts: SetupFacts) -> dict[str, bool]:
        """Return name -> whether a step keeps the imports that bind it; others are kept."""
        if facts.hiding or seen.binds_unknown:
            return {}
        used = {name for own in seen.facts if own is not None for name in own.reads}
        used |= facts.eager | set(seen.setup_names)
        return {n: n in used for n in facts.imported & self._mentioned}

    def _reads(self, placed: PlacedCell) -> Iterable[str]:
        facts = self.history.facts.get(placed.position)
        return facts.reads if facts is not None else ()

    def _shared(self, facts: SetupFacts) -> tuple[tuple[str, int], ...]:
        """Return name -> how many statements bind it, for all that setup binds by itself.

        What a step changes travels by value.
        """
        return tuple(sorted((n, c) for n, c in facts.bound.items() if not self._is_changed(n)))

    def _is_changed(self, name: str) -> bool:
        """Tell whether a step changes what setup binds ``name`` to."""
        return any(
            version.event is Event.CHANGE and version.placed.step is not None
            for version in self.history.versions.get(name, ())
        )

    # -- ports -----------------------------------------------------------------------------------
    def _parameters_read(self, name: StepName, setup_cells: list[PlacedCell]) -> set[str]:
        """Return the parameters that a step reads itself, by its setup, or by what is derived."""
        uses = self.links.setup_uses.get(name, {})
        read: set[str] = set()
        for placed in setup_cells:
            tree = self.trees.get(placed.cell.index)
            if tree is None:
                continue
            if placed.cell.role is CellRole.PARAMETERS:
                depends = self._derived_in(placed.cell.index, tree)
                used = {n for n in uses if self._made_by(n, uses[n], placed)}
                used |= {n for p in setup_cells if p is not placed for n in self._reads(p)}
                for n in {*used, ""}:
                    read |= depends.get(n, set()) & set(self.parameters)
        return read

    def _derived_in(self, index: int, tree: ast.Module) -> dict[str, set[str]]:
        if index not in self._derived:
            own = {n for n, p in self.parameters.items() if p.cell_index == index}
            self._derived[index] = derived_from(tree, own)
        return self._derived[index]

    def _made_by(self, name: str, version: int, placed: PlacedCell) -> bool:
        return self.history.versions[name][version].placed is placed

    def _outputs(self, name: StepName) -> list[tuple[str, int, int, ArtifactKind]]:
        """Return each name that a step hands on, its group, the index of its cell and its kind."""
        made = self.links.outputs.get(name, {})
        return [
            (variable, number, made[variable], self._artifact(name, group, variable))
            for number, group in enumerate(self.linker.groups(name))
            for variable in group
        ]

    def _artifact(self, step: StepName, group: list[str], name: str) -> ArtifactKind:
        if len(group) > 1:
            return ArtifactKind.ANY
        kinds = {o.kind for o in self._value(step, name)}
        if kinds == {Kind.ESTIMATOR}:
            return ArtifactKind.MODEL
        found = {_ARTIFACTS.get(kind, ArtifactKind.ANY) for kind in kinds}
        return found.pop() if len(found) == 1 else ArtifactKind.ANY

    def _value(self, step: StepName, name: str) -> Value:
        known = self.history.versions.get(name)
        if not known:
            return frozenset()
        own = self.linker.last_version(name, step)
        return known[own].stored  # the last of all where the step makes none

    def _metrics(self, cells: list[PlacedCell]) -> tuple[str, ...]:
        names: set[str] = set()
        for placed in cells:
            tree = self.trees.get(placed.cell.index)
            if tree is None:
                continue
            found = metric_names(tree, self.history.facts[placed.position])
            if not found:
                self.diagnostics.append(
                    NO_METRIC.at(
                        placed.cell.location,
                        "this metrics cell assigns no name and prints none",
                        "assign each metric to a name, or print the name itself",
                    )
                )
            names |= set(found)
        return tuple(sorted(names))

    # -- modules ---------------------------------------------------------------------------------
    def _modules(self, cells: list[PlacedCell], setup: tuple[SetupCell, ...]) -> set[str]:
        sources = [p.cell.source for p in cells] + [each.source for each in setup]
        known = self._found_modules
        for source in sources:
            if source not in known:
                known[source] = modules_in(source) if "import" in source else frozenset()
        return set().union(*map(known.__getitem__, sources))


def _inputs(seen: _Seen) -> tuple[InputPort, ...]:
    ports = [InputPort(name=n, source=None) for n in seen.given]
    ports += [InputPort(name=n, source=seen.sources[n]) for n in seen.sources]
    return tuple(sorted(ports, key=lambda p: (p.name, p.source or "")))
