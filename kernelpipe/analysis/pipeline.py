"""From a notebook to the pipeline that it means, with everything that is to be said of it."""

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock

from kernelpipe.analysis.exits import find_exit
from kernelpipe.analysis.file_flows import file_flows, file_reads, file_ties
from kernelpipe.analysis.gates import find_gates
from kernelpipe.analysis.heap import Kind
from kernelpipe.analysis.history import History
from kernelpipe.analysis.incremental import Walk
from kernelpipe.analysis.known import Known
from kernelpipe.analysis.linking import Linker, Links
from kernelpipe.analysis.loop_sharing import shared_verdicts
from kernelpipe.analysis.loops import declare_loops, files_handed_on, is_ordered, loop_verdicts
from kernelpipe.analysis.order import data_edges, file_edges, sort_steps
from kernelpipe.analysis.parameters import parameters_of
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.places import Places, first_mention
from kernelpipe.analysis.registered import keep_models
from kernelpipe.analysis.requirements import find_installs
from kernelpipe.analysis.rules import PARAMETERS_READ_STEP, SETUP_JOINS_STEP, SETUP_RUNS_ONCE
from kernelpipe.analysis.session import session_verdicts
from kernelpipe.analysis.setup_files import files_of_steps, files_written_again
from kernelpipe.analysis.source import ParsedCell, Program, survey
from kernelpipe.analysis.steps import StepBuilder
from kernelpipe.analysis.subject import Subject
from kernelpipe.analysis.syntax import deep_recursion
from kernelpipe.analysis.verdicts import syntax_errors, verdicts
from kernelpipe.model.diagnostic import Diagnostic, in_notebook_order
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.pipeline import Edge, EdgeKind, FileFlow, FileRead, FileTie, Loop, Pipeline


def build_pipeline(notebook: Notebook, *, include_tests: bool = True) -> Pipeline:
    """Return the pipeline that ``notebook`` means.

    User mistakes are diagnostics of the pipeline, never exceptions.

    Args:
        notebook: As read; its own diagnostics are kept.
        include_tests: Let test cells take part, as they do where the pipeline runs locally.
    """
    with _alone(), deep_recursion():
        return _build(notebook, include_tests=include_tests, known=Known())[0]


def analyse_steps(notebook: Notebook) -> tuple[Pipeline, Subject]:
    """Return the pipeline that ``notebook`` means, and all that is known of how it came about."""
    with _alone(), deep_recursion():
        return _build(notebook, include_tests=True, known=Known())


class Session:
    """Analyses one notebook again and again while it is edited.

    Gives what ``build_pipeline`` gives, and after a small edit it gives it soon: cells that the
    edit cannot reach are not looked at again. Any notebook may follow any other.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known = {True: Known(walk=Walk()), False: Known(walk=Walk())}

    def build(self, notebook: Notebook, *, include_tests: bool = True) -> Pipeline:
        """Return the pipeline that ``notebook`` means; see ``build_pipeline``."""
        with _alone(), deep_recursion():
            known = self._known[include_tests]
            return _build(notebook, include_tests=include_tests, known=known)[0]

    def executed(self, *, include_tests: bool = True) -> int:
        """Return how many cells the last analysis has executed."""
        walk = self._known[include_tests].walk
        return walk.executed if walk is not None else 0


_LOCK = RLock()


@contextmanager
def _alone() -> Iterator[None]:
    """Pause other analyses, and the search for cyclic garbage: most of what is made is kept."""
    with _LOCK:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_enabled:
                gc.enable()


def _build(notebook: Notebook, *, include_tests: bool, known: Known) -> tuple[Pipeline, Subject]:
    if not include_tests:
        cells = tuple(c for c in notebook.cells if c.role is not CellRole.TEST)
    else:
        cells = notebook.cells
    installs = find_installs(cells, str(Path(notebook.path).parent))
    cells = installs.cells
    program, broken = parse_cells(cells, str(Path(notebook.path).parent), known)
    promoted: dict[int, StepName | None] = {}
    placement = known.place(notebook, cells, promoted)
    loops = declare_loops(placement, program)
    found: list[Diagnostic] = [*loops.diagnostics]
    while True:
        history = known.history(placement.cells, program, loops.by_step)
        linker = Linker(history, placement.cells)
        links = linker.link()
        more, said = _to_promote(placement, history, links, promoted, program)
        found += said
        if not more:
            break
        promoted.update(more)
        placement = known.place(notebook, cells, promoted)
    keep_models(placement, history, links)
    found += loop_verdicts(loops.by_step, placement, history, links, program)
    found += shared_verdicts(loops.by_step, placement, history, linker)
    analysis = _Analysis(notebook, placement, history, linker, program, known)
    ordered = {
        name: replace(
            loop,
            is_ordered=is_ordered(name, loop.parameter, history),
            handed_on=files_handed_on(name, loop.parameter, history),
        )
        for name, loop in loops.by_step.items()
    }
    pipeline, subject = analysis.pipeline(ordered, [*broken, *installs.diagnostics, *found])
    steps = {placed.cell.index: placed.step for placed in placement.cells}
    return replace(pipeline, requirements=installs.placed(steps)), subject


def parse_cells(
    cells: tuple[Cell, ...], directory: str, known: Known | None = None
) -> tuple[Program, list[Diagnostic]]:
    """Return the code of cells, and a finding for each that is not valid Python."""
    known = known or Known()
    parsed: dict[int, ParsedCell] = {}
    broken: list[Diagnostic] = []
    sources: dict[str, ParsedCell] = {}
    one_word: list[tuple[int, ParsedCell, str]] = []
    for cell in cells:
        if cell.role is CellRole.SKIP:
            continue
        found = sources[cell.source] = known.parse(cell.source)
        text = found.text
        if text.error is not None:
            broken.append(syntax_errors(cell, text))
            continue
        parsed[cell.index] = found
        if text.automagic is not None:
            one_word.append((cell.index, found, text.automagic))
    seen = survey(parsed.values())
    trees = {index: found.tree for index, found in parsed.items()}
    for index, found, call in one_word:
        if not seen.rebound & (found.seen.read | found.seen.rebound):
            sources[call] = known.parse(call)
            trees[index] = sources[call].tree
    if known.walk is not None:
        known.parsed = sources
    return Program(trees, seen, directory), broken


def _to_promote(
    placement: Placement,
    history: History,
    links: Links,
    promoted: dict[int, StepName | None],
    program: Program,
) -> tuple[dict[int, StepName | None], list[Diagnostic]]:
    """Return the setup cells that must become part of a step, and what to say of them."""
    more: dict[int, StepName | None] = {}
    said: list[Diagnostic] = []
    for read in links.from_steps:
        cell = read.placed.cell
        if cell.index in more or cell.index in promoted:
            continue
        more[cell.index] = None
        made = history.versions[read.name][read.version].placed if read.version >= 0 else None
        said.append(
            _joined_by(cell)(
                first_mention(read.placed, program.trees.get(cell.index), read.name, is_read=True),
                read.name,
                [(_made_at(made, read.name, program), f"step '{made.step}' makes it here")]
                if made is not None
                else [],
            )
        )
    for placed, path, made in files_of_steps(history):
        cell = placed.cell
        if cell.index in more or cell.index in promoted:
            continue
        more[cell.index] = None
        related = [(made.cell.location, f"step '{made.step}' writes it here")]
        said.append(_joined_by(cell)(cell.location, path, related))
    if more:
        return more, said
    name = _new_name(placement)
    again = files_written_again(history)
    for placed, variable in (*again, *_differing(placement, history, links)):
        if placed.cell.index in promoted or placed.cell.index in more:
            continue
        more[placed.cell.index] = name
        place = _made_at(placed, variable, program)
        if placed.cell.role is CellRole.PARAMETERS:
            said.append(_parameters_read(place, variable, []))
        else:
            said.append(_runs_once(place, variable, name))
    return more, said


def _joined_by(
    cell: Cell,
) -> Callable[[Location, str, list[tuple[Location, str]]], Diagnostic]:
    """Return what makes the finding about a setup cell that uses what a step makes."""
    return _parameters_read if cell.role is CellRole.PARAMETERS else _joins


def _made_at(placed: PlacedCell, name: str, program: Program) -> Location:
    return first_mention(placed, program.trees.get(placed.cell.index), name, is_read=False)


def _parameters_read(place: Location, name: str, related: list[tuple[Location, str]]) -> Diagnostic:
    return PARAMETERS_READ_STEP.at(
        place,
        f"the parameters cell uses '{name}', which is not known before the run",
        "move that line to a step",
        related,
    )


def _joins(place: Location, name: str, related: list[tuple[Location, str]]) -> Diagnostic:
    return SETUP_JOINS_STEP.at(
        place,
        f"this setup cell reads '{name}', which a step makes, so it runs as part of the step above",
        None,
        related,
    )


def _runs_once(place: Location, name: str, step: StepName) -> Diagnostic:
    return SETUP_RUNS_ONCE.at(
        place,
        f"'{name}' would differ between steps, so this cell runs once, as step '{step}'",
        "to choose the step yourself, tag the cell 'step:NAME'",
    )


def _new_name(placement: Placement) -> StepName:
    taken = {step.name for step in placement.steps}
    name = "setup"
    while name in taken:
        name += "_"
    return StepName(name)


def _differing(
    placement: Placement, history: History, links: Links
) -> list[tuple[PlacedCell, str]]:
    """Return setup cells whose values several steps use but each step would compute differently."""
    users: dict[tuple[int, str], set[StepName]] = {}
    for step, names in links.setup_uses.items():
        for name, version in names.items():
            found = history.versions[name][version]
            if any(o.is_tainted and o.kind is not Kind.FUNCTION for o in found.value):
                users.setdefault((found.placed.position, name), set()).add(step)
    return [
        (placement.cells[position], name)
        for (position, name), steps in sorted(users.items())
        if len(steps) > 1
    ]


class _Analysis:
    """Puts the pieces of one finished analysis together."""

    def __init__(
        self,
        notebook: Notebook,
        placement: Placement,
        history: History,
        linker: Linker,
        program: Program,
        known: Known,
    ) -> None:
        self.known = known
        self.program = program
        self.notebook = notebook
        self.placement = placement
        self.history = history
        self.linker = linker
        self.links = linker.links
        self.names = [step.name for step in placement.steps]

    def pipeline(
        self, loops: Mapping[StepName, Loop], found: list[Diagnostic]
    ) -> tuple[Pipeline, Subject]:
        """Return the linked pipeline with all diagnostics, and what they are about."""
        parameters = list(parameters_of(self.placement, self.program).values())
        edges = self._edges()
        ties, flows, reads = self._files()
        edges = file_edges(edges, ties)
        builder = StepBuilder(
            self.placement, self.history, self.linker, self.program, parameters, self.known.steps
        )
        gates = find_gates(
            self.placement,
            {name: builder.metrics(name) for name in self.names},
            [p.name for p in parameters],
        )
        leaving = find_exit(self.placement, self.links, [*edges, *gates.edges], ties)
        edges, ties = _without_repeats(leaving.edges), list(leaving.ties)
        order = sort_steps(self.names, edges)
        if leaving.step is not None:
            order.remove(leaving.step)
            order.append(leaving.step)
        steps = builder.build(order, edges, gates.by_step, loops)
        subject = self._subject(edges, ties, loops)
        diagnostics = [
            *self.notebook.diagnostics,
            *found,
            *self.placement.diagnostics,
            *builder.diagnostics,
            *gates.diagnostics,
            *leaving.diagnostics,
            *session_verdicts(self.placement, self.history, self.program),
            *verdicts(subject),
        ]
        pipeline = Pipeline(
            name=self.notebook.name,
            path=self.notebook.path,
            kernel_name=self.notebook.kernel_name,
            settings=self.notebook.settings,
            parameters=tuple(parameters),
            steps=steps,
            edges=tuple(edges),
            file_ties=tuple(ties),
            file_flows=flows,
            file_reads=reads,
            skipped=tuple(c.index for c in self.notebook.cells if c.role is CellRole.SKIP),
            diagnostics=in_notebook_order(tuple(dict.fromkeys(diagnostics))),
        )
        return pipeline, subject

    def _files(self) -> tuple[list[FileTie], tuple[FileFlow, ...], tuple[FileRead, ...]]:
        history = self.history
        used = [(p.step, p.position, p.cell.role, p.cell.location, u) for p, u in history.files]
        moves = [version.placed.position for version in history.versions.get("@cwd", ())]
        return self.known.answer(
            "files",
            (used, moves),
            lambda: (file_ties(history), file_flows(history), file_reads(history)),
        )

    def _subject(
        self, edges: Iterable[Edge], ties: Iterable[FileTie], loops: Collection[StepName]
    ) -> Subject:
        return Subject(
            notebook=self.notebook,
            placement=self.placement,
            history=self.history,
            links=self.links,
            program=self.program,
            edges=tuple(edges),
            ties=tuple(ties),
            places=Places(self.placement, self.program, loops),
        )

    def _edges(self) -> list[Edge]:
        edges = data_edges(
            (source.producer, step, name) for (step, name), source in self.links.sources.items()
        )
        return edges + [
            Edge(producer=name, consumer=step.name, kind=EdgeKind.ORDER)
            for step in self.placement.steps
            for name, _ in step.after
        ]


def _without_repeats(edges: Iterable[Edge]) -> list[Edge]:
    """Return ``edges`` sorted, each once; an order edge beside a data edge says nothing new."""
    data = {(e.producer, e.consumer) for e in edges if e.kind is EdgeKind.DATA}
    kept = {e for e in edges if e.kind is EdgeKind.DATA or (e.producer, e.consumer) not in data}
    return sorted(kept, key=lambda e: (e.producer, e.consumer, e.kind.value))
