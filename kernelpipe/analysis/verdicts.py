"""What is to be said of a linked notebook: the diagnostics of data flow and graph."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial

from kernelpipe.analysis.advice import advice
from kernelpipe.analysis.class_lists import missing_subclasses
from kernelpipe.analysis.disorder import disorder
from kernelpipe.analysis.figures import figures_left_open
from kernelpipe.analysis.handles import described, remedy
from kernelpipe.analysis.heap import Kind, Obj, reach
from kernelpipe.analysis.knowledge import state_of
from kernelpipe.analysis.leaks import leaks_of_tests
from kernelpipe.analysis.missing import missing_names
from kernelpipe.analysis.module_rules import module_changes
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.places import location_in
from kernelpipe.analysis.rules import (
    CACHED_EFFECTS,
    FILE_BETWEEN_STEPS,
    LIBRARY_CHANGED,
    SYNTAX,
    UNSEEN_NAMES,
    UNSTORABLE,
)
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.subject import Subject, who
from kernelpipe.analysis.summaries import Effects
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import describe_path
from kernelpipe.notebook.transform import PythonText


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


def verdicts(subject: Subject) -> list[Diagnostic]:
    """Return all findings about a linked notebook."""
    return [
        *missing_names(subject),
        *disorder(subject),
        *_unstorable(subject),
        *_library_changes(subject),
        *module_changes(subject),
        *_cached_effects(subject),
        *_unseen_names(subject),
        *missing_subclasses(subject),
        *_files(subject),
        *figures_left_open(subject),
        *leaks_of_tests(subject),
        *advice(subject),
    ]


def _unstorable(subject: Subject) -> Iterable[Diagnostic]:
    by_index = {p.cell.index: p for p in subject.placement.cells}
    seen: set[tuple[StepName, str]] = set()
    for (step, name), source in subject.sources:
        if source.version < 0 or (source.producer, name) in seen:
            continue
        seen.add((source.producer, name))
        value = subject.history.versions[name][source.version].stored
        kinds = {_unstorable_kind(subject, o) for o in value}
        if len(kinds) == 1 and (what := kinds.pop()) is not None:
            placed = by_index[subject.links.outputs[source.producer][name]]
            made = subject.places.last_made(name, source.producer)
            taken = next(subject.places.taken(step, name), None)
            yield UNSTORABLE.at(
                made.location if made is not None else placed.cell.location,
                f"step '{source.producer}' hands '{name}' to step '{step}', "
                f"but {what} cannot be stored",
                remedy(what, step),
                [(taken.location, f"step '{step}' reads it here")] if taken is not None else (),
            )


def _unstorable_kind(subject: Subject, o: Obj) -> str | None:
    """Return what ``o`` is, in words, if it cannot be stored: a copy would not be the same."""
    state = state_of(o.dotted) if o.kind is Kind.IMPORTED else None
    if state is not None and state != "@logging" and state in subject.history.versions:
        return f"'{o.dotted}', which steps change and which each process has for itself,"
    return described(o)


def _library_changes(subject: Subject) -> Iterable[Diagnostic]:
    cells = subject.placement.cells
    for placed, dotted in subject.history.foreign_stores:
        later = next(
            (p for p in cells[placed.position :] if p.step not in (None, placed.step)),
            None,
        )
        if placed.step is not None and later is not None:
            yield LIBRARY_CHANGED.at(
                subject.statement(placed, partial(_stores, dotted)),
                f"step '{placed.step}' changes '{dotted}' of a library, "
                f"which step '{later.step}' would not see",
                "put that line into a cell tagged 'imports', which every step runs",
                [(later.cell.location, f"step '{later.step}' begins here")],
            )


def _stores(dotted: str, effects: Effects) -> bool:
    return dotted in effects.foreign_stores


def _cached_effects(subject: Subject) -> Iterable[Diagnostic]:
    """Yield what is seen of cached functions that two steps call, though caches are not shared."""
    changed = subject.history.changed
    calling = {
        position: facts.effects
        for position, facts in subject.history.facts.items()
        if facts.effects.cached_values or facts.effects.cached_calls or facts.effects.cache_looks
    }
    changes = {
        name
        for effects in calling.values()
        for name, value in effects.cached_values.items()
        if any(o in changed for o in reach(value))
    }
    callers: dict[str, PlacedCell] = {}
    for placed in subject.placement.cells if calling else ():
        effects = calling.get(placed.position)
        if effects is None:
            continue
        is_seen = effects.cached_calls
        yield from _cache_looks(subject, placed, effects.cache_looks)
        for name in sorted(is_seen | (changes & effects.cached_values.keys())):
            if not _calls(subject, placed, name):
                continue
            first = callers.setdefault(name, placed)
            if first.step != placed.step:
                where, there = (
                    subject.statement(p, partial(_calls_cached, name), name)
                    for p in (placed, first)
                )
                what = (
                    ("does more than return a value", "let it return what it prints or changes")
                    if name in is_seen
                    else ("gives an object that is changed in place", "change a copy of it")
                )
                yield CACHED_EFFECTS.at(
                    where,
                    f"{who(placed)} and {who(first)} call '{name}', which is cached and {what[0]}; "
                    "its cache is not shared",
                    f"call it in one step, or {what[1]}",
                    [(there, f"{who(first)} calls it here")],
                )


def _cache_looks(subject: Subject, placed: PlacedCell, names: set[str]) -> Iterable[Diagnostic]:
    """Yield where a step asks how often a function was called that another step called before."""
    for name in sorted(names):
        first = next(
            (
                other
                for other in subject.placement.cells
                if other.position < placed.position
                and other.step != placed.step
                and other.position in subject.history.facts
                and _calls(subject, other, name)
            ),
            None,
        )
        if first is not None:
            yield CACHED_EFFECTS.at(
                subject.statement(placed, partial(_looks_at_cache, name), name),
                f"{who(placed)} asks for the cache of '{name}', which {who(first)} filled; "
                "its cache is not shared",
                "ask for it in the step that calls it",
                [
                    (
                        subject.statement(first, partial(_calls_cached, name), name),
                        f"{who(first)} calls it here",
                    )
                ],
            )


def _looks_at_cache(name: str, effects: Effects) -> bool:
    return name in effects.cache_looks


def _calls_cached(name: str, effects: Effects) -> bool:
    return name in effects.cached_calls or name in effects.cached_values


def _calls(subject: Subject, placed: PlacedCell, name: str) -> bool:
    """Tell whether a cell does more with a cached function than to define it."""
    statements = subject.statements(placed, partial(_calls_cached, name))
    return any(getattr(statement, "name", None) != name for statement in statements)


def _unseen_names(subject: Subject) -> Iterable[Diagnostic]:
    for placed in subject.placement.cells:
        facts = subject.history.facts.get(placed.position)
        if facts is None or not facts.effects.reads_unseen or placed.step is None:
            continue
        binder = next(
            (
                b
                for b in subject.history.unknown_binders
                if b.position < placed.position and b.step not in (None, placed.step)
            ),
            None,
        )
        if binder is not None:
            yield UNSEEN_NAMES.at(
                subject.statement(placed, lambda fine: fine.reads_unseen, "globals"),
                f"step '{placed.step}' may read names by their texts that cell "
                f"{binder.cell.index} (step '{binder.step}') binds the same way",
                "keep such values in a dict",
                [
                    (
                        subject.statement(binder, lambda fine: fine.is_opaque),
                        "it does so here",
                    )
                ],
            )


def _files(subject: Subject) -> Iterable[Diagnostic]:
    touching: dict[StepName | None, list[PlacedCell]] = {}
    for placed, _ in subject.history.files if subject.ties else ():
        touching.setdefault(placed.step, []).append(placed)
    for tie in subject.ties:
        path = describe_path(tie.path) if tie.path else "a file"
        here, there = (
            file_place(subject, touching[step], tie.path) for step in (tie.consumer, tie.producer)
        )
        yield FILE_BETWEEN_STEPS.at(
            here,
            f"step '{tie.consumer}' runs after step '{tie.producer}': "
            f"one of them may write {path} that the other touches",
            related=[(there, f"step '{tie.producer}' touches it here")],
        )


def file_place(subject: Subject, cells: Sequence[PlacedCell], path: str | None) -> Location:
    """Return where code names a file, or else the first of the cells that touch files."""
    for placed in cells if path is not None else ():
        tree = subject.tree(placed)
        node = _texts_in(tree).get(path or "") if tree is not None else None
        if node is not None:
            return location_in(placed, node, "")
    return cells[0].cell.location


@lru_cache(maxsize=4096)
def _texts_in(tree: ast.Module) -> Mapping[str, ast.Constant]:
    """Return where each text stands in a cell's code."""
    found: dict[str, ast.Constant] = {}
    for node in nodes_of(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.setdefault(node.value, node)
    return found
