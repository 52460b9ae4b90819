"""What is to be said of a linked notebook: the diagnostics of data flow and graph."""

from collections.abc import Iterable

from kernelpipe.analysis.cells import BUILTINS
from kernelpipe.analysis.heap import UNSTORABLE as UNSTORABLE_KINDS
from kernelpipe.analysis.history import History, Read
from kernelpipe.analysis.linking import Links
from kernelpipe.analysis.order import find_cycle
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.rules import (
    AGAINST_ORDER,
    CACHED_EFFECTS,
    CYCLE,
    DELETED,
    FILE_BETWEEN_STEPS,
    HISTORY,
    LIBRARY_CHANGED,
    SYNTAX,
    TWO_VERSIONS,
    UNDEFINED,
    UNSEEN_NAMES,
    UNSTORABLE,
)
from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import Edge, FileTie
from kernelpipe.notebook.transform import PythonText

_HISTORY_NAMES = frozenset("_ __ ___ _i _ii _iii _ih _oh _dh In Out".split())


def syntax_errors(cell: Cell, text: PythonText) -> Diagnostic:
    """Return the diagnostic for a cell that is not valid Python."""
    error = text.error
    if error is None:
        raise ValueError(text)
    place = Location(
        path=cell.location.path,
        cell_index=cell.index,
        cell_id=cell.id,
        line=error.line,
        column=error.column,
    )
    return SYNTAX.at(place, f"this cell is not valid Python: {error.message}")


def verdicts(
    placement: Placement,
    history: History,
    links: Links,
    edges: list[Edge],
    ties: Iterable[FileTie],
) -> list[Diagnostic]:
    """Return all findings about a linked notebook."""
    return [
        *_undefined(placement, history, links),
        *_deleted(links),
        *_two_versions(links),
        *_unstorable(placement, history, links),
        *_library_changes(placement, history),
        *_cached_effects(placement, history),
        *_unseen_names(placement, history),
        *_cycles(placement, edges),
        *_against_order(placement),
        *_files(placement, ties),
    ]


def _at(placed: PlacedCell, line: int | None = None, column: int | None = None) -> Location:
    place = placed.cell.location
    return Location(
        path=place.path,
        cell_index=placed.cell.index,
        cell_id=place.cell_id,
        line=line,
        column=column,
    )


def _who(placed: PlacedCell) -> str:
    return f"step '{placed.step}'" if placed.step else "setup"


def _is_history(name: str) -> bool:
    return name in _HISTORY_NAMES or (name[:1] == "_" and name.lstrip("_i").isdigit())


def _undefined(placement: Placement, history: History, links: Links) -> Iterable[Diagnostic]:
    for read in links.undefined:
        place = _at(read.placed, read.place.line, read.place.column)
        if _is_history(read.name) and read.place.is_written:
            yield HISTORY.at(
                place,
                f"{_who(read.placed)} reads '{read.name}', which depends on the cells run before",
                "give the value a name where it is made, and use that name",
            )
        elif read.name not in BUILTINS and read.place.is_certain:
            yield UNDEFINED.at(
                place,
                f"{_who(read.placed)} reads '{read.name}', which no earlier cell defines",
                _where_defined(read, placement, history),
            )


def _where_defined(read: Read, placement: Placement, history: History) -> str | None:
    for placed in placement.cells:
        facts = history.facts.get(placed.position)
        if facts is None or read.name not in facts.bound:
            continue
        if placed.is_test:
            return f"only the test in cell {placed.cell.index} defines it; tests define nothing"
        return (
            f"cell {placed.cell.index} ({_who(placed)}) defines it further down; "
            "move that cell up, or this one down"
        )
    known = {name for f in history.facts.values() for name in f.bound}
    near = did_you_mean(read.name, known)
    return near or "define it in a cell above, or check whether a 'skip' cell does"


def _deleted(links: Links) -> Iterable[Diagnostic]:
    for read in links.deleted:
        yield DELETED.at(
            _at(read.placed, read.place.line, read.place.column),
            f"{_who(read.placed)} reads '{read.name}', which was deleted before",
        )


def _two_versions(links: Links) -> Iterable[Diagnostic]:
    for each in links.two_versions:
        yield TWO_VERSIONS.at(
            _at(each.placed),
            f"step '{each.step}' would need two versions of '{each.name}': "
            "its cells stand apart, and a cell between them changes it",
            "give the later cells a step of their own",
        )


def _unstorable(placement: Placement, history: History, links: Links) -> Iterable[Diagnostic]:
    by_index = {p.cell.index: p for p in placement.cells}
    seen: set[tuple[StepName, str]] = set()
    for (step, name), source in sorted(links.sources.items()):
        if source.version < 0 or (source.producer, name) in seen:
            continue
        seen.add((source.producer, name))
        value = history.versions[name][source.version].stored
        kinds = {UNSTORABLE_KINDS.get(o.kind) for o in value}
        if len(kinds) == 1 and (what := kinds.pop()) is not None:
            placed = by_index[links.outputs[source.producer][name]]
            yield UNSTORABLE.at(
                _at(placed),
                f"step '{source.producer}' hands '{name}' to step '{step}', "
                f"but {what} cannot be stored",
                "make a list of it" if "generator" in what else f"make it in step '{step}'",
            )


def _library_changes(placement: Placement, history: History) -> Iterable[Diagnostic]:
    for placed, dotted in history.foreign_stores:
        later = next(
            (p for p in placement.cells[placed.position :] if p.step not in (None, placed.step)),
            None,
        )
        if placed.step is not None and later is not None:
            yield LIBRARY_CHANGED.at(
                _at(placed),
                f"step '{placed.step}' changes '{dotted}' of a library, "
                f"which step '{later.step}' would not see",
                "put that line into a cell tagged 'imports', which every step runs",
            )


def _cached_effects(placement: Placement, history: History) -> Iterable[Diagnostic]:
    callers: dict[str, PlacedCell] = {}
    for placed in placement.cells:
        facts = history.facts.get(placed.position)
        for name in sorted(facts.effects.cached_calls if facts else ()):
            first = callers.setdefault(name, placed)
            if first.step != placed.step:
                yield CACHED_EFFECTS.at(
                    _at(placed),
                    f"{_who(placed)} and {_who(first)} call '{name}', which is cached and does "
                    "more than return a value; its cache is not shared",
                    "call it in one step, or let it return what it prints or changes",
                )


def _unseen_names(placement: Placement, history: History) -> Iterable[Diagnostic]:
    for placed in placement.cells:
        facts = history.facts.get(placed.position)
        if facts is None or not facts.effects.reads_unseen or placed.step is None:
            continue
        binder = next(
            (
                b
                for b in history.unknown_binders
                if b.position < placed.position and b.step not in (None, placed.step)
            ),
            None,
        )
        if binder is not None:
            yield UNSEEN_NAMES.at(
                _at(placed),
                f"step '{placed.step}' may read names by their texts that cell "
                f"{binder.cell.index} (step '{binder.step}') binds the same way",
                "keep such values in a dict",
            )


def _cycles(placement: Placement, edges: list[Edge]) -> Iterable[Diagnostic]:
    cycle = find_cycle([s.name for s in placement.steps], edges)
    if not cycle:
        return
    pairs = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    reasons = []
    for first, second in pairs:
        names = sorted(
            {n for e in edges if (e.producer, e.consumer) == (first, second) for n in e.names}
        )
        reasons.append(
            f"'{second}' after '{first}'" + (f" (for {', '.join(names)})" if names else "")
        )
    last = [p for p in placement.cells if p.step in cycle][-1]
    yield CYCLE.at(
        _at(last),
        f"steps wait for each other: {'; '.join(reasons)}",
        "give the later cells of a re-opened step a name of their own, or remove a 'prev:' tag",
    )


def _against_order(placement: Placement) -> Iterable[Diagnostic]:
    position = {step.name: i for i, step in enumerate(placement.steps)}
    for step in placement.steps:
        for name, cell in step.after:
            if position[name] > position[step.name]:
                yield AGAINST_ORDER.at(
                    cell.location,
                    f"'prev:{name}' names a step that stands further down the notebook",
                    "data still flows in notebook order; move the cells so that both agree",
                )


def _files(placement: Placement, ties: Iterable[FileTie]) -> Iterable[Diagnostic]:
    for tie in ties:
        placed = next(p for p in placement.cells if p.step == tie.consumer)
        path = f"the file '{tie.path}'" if tie.path else "a file"
        yield FILE_BETWEEN_STEPS.at(
            _at(placed),
            f"step '{tie.consumer}' runs after step '{tie.producer}': "
            f"one of them may write {path} that the other touches",
        )
