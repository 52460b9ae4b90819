"""Builds the linked steps: setup, ports, metrics, and the modules that each step needs."""

import ast
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from kernelpipe.analysis.heap import Kind, Value
from kernelpipe.analysis.history import Event, History
from kernelpipe.analysis.linking import Linker, Links
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

_ARTIFACTS = {Kind.FRAME: ArtifactKind.DATASET, Kind.ARRAY: ArtifactKind.DATASET}


class StepBuilder:
    """Builds steps from a finished analysis."""

    def __init__(
        self,
        placement: Placement,
        history: History,
        linker: Linker,
        links: Links,
        program: Program,
        parameters: Iterable[Parameter],
    ) -> None:
        self.placement = placement
        self.history = history
        self.linker = linker
        self.links = links
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
        self._found_metrics: dict[StepName, tuple[str, ...]] = {}
        self._unknown_binders = {placed.step for placed in history.unknown_binders}
        self._sources: dict[StepName, dict[str, StepName]] = {}
        for (step, variable), source in links.sources.items():
            self._sources.setdefault(step, {})[variable] = source.producer
        self._configuring = [
            (placed, facts.configuration)
            for placed in placement.cells
            if (facts := history.facts.get(placed.position)) is not None and facts.configuration
        ]
        self._changed = {
            name
            for name, versions in history.versions.items()
            for version in versions
            if version.event is Event.CHANGE and version.placed.step is not None
        }

    def metrics(self, name: StepName) -> tuple[str, ...]:
        """Return the names whose values at the end of the step are run metrics, sorted."""
        if name not in self._found_metrics:
            self._found_metrics[name] = self._metrics(self._cells.get(name, []))
        return self._found_metrics[name]

    def build(
        self,
        order: list[StepName],
        edges: Iterable[Edge],
        gates: Mapping[StepName, Gate],
        loops: Mapping[StepName, Loop],
    ) -> tuple[Step, ...]:
        """Return the steps in ``order``, linked by ``edges``, with their gates and loops."""
        before: dict[StepName, set[StepName]] = {name: set() for name in order}
        for edge in edges:
            before[edge.consumer].add(edge.producer)
        return tuple(
            self._step(name, tuple(sorted(before[name])), gates.get(name), loops.get(name))
            for name in order
        )

    def _step(
        self, name: StepName, after: tuple[StepName, ...], gate: Gate | None, loop: Loop | None
    ) -> Step:
        cells = self._cells.get(name, [])
        every = self._cells.get(None, [])
        count = bisect_left(every, self.linker.last[name], key=lambda placed: placed.position)
        setup_cells = every[:count]
        facts = self._setup_cells.facts(len(setup_cells))
        setup = self._setup(name, len(setup_cells), facts)
        return Step(
            name=name,
            cells=tuple(p.cell for p in cells if not p.is_test),
            tests=tuple(p.cell for p in cells if p.is_test),
            setup=setup,
            after=after,
            inputs=self._inputs(name, setup_cells),
            outputs=self._outputs(name),
            metrics=self.metrics(name),
            removed=tuple(sorted(self.links.removed.get(name, ()))),
            shared_definitions=self._shared(facts),
            setup_names=tuple(sorted(self.links.setup_uses.get(name, ()))),
            modules=tuple(sorted(self._modules(cells, setup))),
            settings=self._settings[name],
            gate=gate,
            loop=loop,
        )

    # -- setup -----------------------------------------------------------------------------------
    def _setup(self, name: StepName, count: int, facts: SetupFacts) -> tuple[SetupCell, ...]:
        """Return what a step replays that has the first ``count`` setup cells before its end."""
        replayed = self._setup_cells.replayed(count, self._kept_imports(name, facts), facts)
        first = self.linker.first[name]
        for placed, lines in self._configuring:
            if placed.position < first and placed.step not in (None, name):
                replayed.append(SetupCell(cell=placed.cell, source="\n".join(lines)))
        return tuple(sorted(replayed, key=lambda s: s.cell.index))

    def _kept_imports(self, name: StepName, facts: SetupFacts) -> dict[str, bool]:
        """Return name -> whether a step keeps the imports that bind it; others are kept."""
        if facts.hiding or self._binds_unknown(name):
            return {}
        used = {n for p in self._cells.get(name, ()) for n in self._reads(p)}
        used |= facts.eager | self.links.setup_uses.get(name, {}).keys()
        return {n: n in used for n in facts.imported & self._mentioned}

    def _binds_unknown(self, name: StepName) -> bool:
        return name in self._unknown_binders

    def _reads(self, placed: PlacedCell) -> Iterable[str]:
        facts = self.history.facts.get(placed.position)
        return facts.reads if facts is not None else ()

    def _shared(self, facts: SetupFacts) -> tuple[tuple[str, int], ...]:
        """Return name -> how many statements bind it, for all that setup binds by itself.

        What a step changes travels by value.
        """
        return tuple(sorted((n, c) for n, c in facts.bound.items() if n not in self._changed))

    # -- ports -----------------------------------------------------------------------------------
    def _inputs(self, name: StepName, setup_cells: list[PlacedCell]) -> tuple[InputPort, ...]:
        ports = self._sources.get(name, {})
        given = [
            InputPort(name=n, source=None) for n in sorted(self._parameters_read(name, setup_cells))
        ]
        loaded = [InputPort(name=n, source=ports[n]) for n in sorted(ports)]
        return tuple(sorted(given + loaded, key=lambda p: (p.name, p.source or "")))

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

    def _outputs(self, name: StepName) -> tuple[OutputPort, ...]:
        made = self.links.outputs.get(name, {})
        ports = [
            OutputPort(
                name=variable,
                group=number,
                cell_index=made[variable],
                kind=self._artifact(name, group, variable),
            )
            for number, group in enumerate(self.linker.groups(name))
            for variable in group
        ]
        return tuple(sorted(ports, key=lambda p: p.name))

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
            if placed.cell.role is not CellRole.METRICS or tree is None:
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
        return set().union(*(modules_in(source) for source in sources if "import" in source))
