"""By way of which functions a statement reads or changes a name that it does not mention."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kernelpipe.analysis.places import Places, location_in, naming
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.summaries import ClassSummary, FunctionSummary
from kernelpipe.model.location import Location


@dataclass(frozen=True, slots=True)
class _Way:
    """Functions from the one that a statement calls to the one at the end."""

    functions: tuple[FunctionSummary, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """The functions, outermost first, and where the last of them names it."""

    labels: tuple[str, ...]
    location: Location | None


NO_FUNCTION = Through(labels=(), location=None)


def through(places: Places, statement: ast.stmt, name: str, *, is_change: bool) -> Through:
    """Return by which of the notebook's functions ``statement`` reaches the global ``name``.

    Args:
        places: The notebook.
        statement: One of its statements.
        name: A global, or hidden state.
        is_change: Look for functions that change it, not for those that read it.
    """
    if _is_direct(statement, name) if is_change else naming(statement, name, ast.Load):
        return NO_FUNCTION
    mentioned = {n.id for n in nodes_of(statement) if isinstance(n, ast.Name)}
    ways = [
        _Way((function,), (label,))
        for each in sorted(mentioned)
        for label, function in _functions_of(places, each)
    ]
    seen = {way.functions[-1] for way in ways}
    for way in ways:  # grows: nearest first
        function = way.functions[-1]
        is_given = len(way.functions) == 1 and name in mentioned
        if _changes(function, name, is_given=is_given) if is_change else _reads(function, name):
            return Through(labels=way.labels, location=_inside(places, way, name))
        for each in sorted(function.effects.reads):
            for label, other in _functions_of(places, each):
                if other not in seen:
                    seen.add(other)
                    ways.append(_Way((*way.functions, other), (*way.labels, label)))
    return NO_FUNCTION


def _is_direct(statement: ast.stmt, name: str) -> bool:
    """Tell whether a statement stores to ``name`` or into it, or calls a method of it."""
    for node in nodes_of(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node.id == name:
            return True
        is_store = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        inner = node.func if isinstance(node, ast.Call) else node if is_store else None
        while isinstance(inner, ast.Attribute | ast.Subscript):
            inner = inner.value
            if isinstance(inner, ast.Name) and inner.id == name:
                return True
    return False


def _reads(function: FunctionSummary, name: str) -> bool:
    return name in function.effects.reads or _works_with(function, name)


def _works_with(function: FunctionSummary, state: str) -> bool:
    return any(event.state == state for event in function.effects.states)


def _changes(function: FunctionSummary, name: str, *, is_given: bool) -> bool:
    """Tell whether a function binds or may change a global, or an argument if ``is_given``."""
    effects = function.effects
    touched = {*effects.changed}
    for call in effects.calls:
        touched |= call.callee
        touched |= {o for argument in call.arguments for o in argument.value}
    kinds = {o.symbol[0] if o.symbol != ("global", name) else "" for o in touched if o.symbol}
    return (
        name in effects.binds
        or "" in kinds
        or (is_given and "parameter" in kinds)
        or _works_with(function, name)
    )


def _functions_of(places: Places, name: str) -> Iterator[tuple[str, FunctionSummary]]:
    """Yield the notebook's functions behind a global, methods of its classes among them."""
    for version in places.history.versions.get(name, ()):
        for o in sorted(version.value, key=lambda o: o.serial):
            if o.function is not None:
                yield name, o.function
            if o.klass is not None:
                yield from _methods(o.klass)


def _methods(klass: ClassSummary) -> Iterator[tuple[str, FunctionSummary]]:
    for name, value in sorted(klass.methods.items()):
        for o in value:
            if o.function is not None:
                yield f"{klass.name}.{name}", o.function
    for base in klass.bases:
        for o in base:
            if o.klass is not None:
                yield from _methods(o.klass)


def _inside(places: Places, way: _Way, name: str) -> Location | None:
    """Return where the last function of a way names ``name``, else where it begins."""
    owner, _, method = way.labels[-1].partition(".")
    for version in reversed(places.history.versions.get(owner, ())):
        placed, statement = places.origin(version.placed)
        for node in nodes_of(statement):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                if getattr(node, "name", way.functions[-1].name) != (method or owner):
                    continue
                inner = naming(node, name)
                return location_in(placed, inner or node, name if inner else method or owner)
    return None
