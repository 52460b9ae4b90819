"""Modules beside the notebook: what using their names does to them and to the process.

Each step imports a module anew, so what one step changes in it no other step sees. The module's own
code is executed abstractly, apart from the notebook; then each of its names is used once, and what
that changes in the module is noted under that name.
"""

import ast
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kernelpipe.analysis.class_data import changes_class_data
from kernelpipe.analysis.core import Core, World
from kernelpipe.analysis.heap import (
    NOTHING,
    Kind,
    Obj,
    Value,
    all_methods,
    find_method,
    holders,
    made_apart,
    new,
)
from kernelpipe.analysis.knowledge import is_known_library
from kernelpipe.analysis.scopes import Scope, ScopeKind
from kernelpipe.analysis.source import imports_of, nodes_of, parse_cell
from kernelpipe.analysis.summaries import Argument, Effects, FileUse, StateEvent

Interpreter = Callable[[World, Scope, Effects], Core]
_MAX_BYTES = 200_000
_MAX_MODULES = 30
_CODE = (Kind.FUNCTION, Kind.CLASS)
_NO_DATA = (Kind.IMMUTABLE, Kind.MODULE, Kind.IMPORTED, *_CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """What using one name of a module may do; names are "module.name"."""

    is_code: bool = False
    is_from: "tuple[OwnModule, str] | None" = None
    """Where it comes from, if the module imports it from another one beside the notebook."""
    reads: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    """Data of the module that its result may be, or be a part of."""
    states: tuple[StateEvent, ...] = ()
    files: frozenset[FileUse] = frozenset()
    foreign_stores: tuple[str, ...] = ()
    changes_arguments: bool = True
    cached: frozenset[str] = frozenset()
    """Cached functions that may be called by it, though more than their result is seen."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a module beside the notebook."""

    name: str
    """Dotted."""
    text: str
    is_package: bool


@dataclass(frozen=True, slots=True)
class OwnModule:
    """The constant of a module beside the notebook, and of all that comes from it.

    ``sources`` are it and all that it imports from beside the notebook, by name.
    """

    sources: tuple[Source, ...]


def own_modules(
    names: Iterable[str], directory: str, written: Mapping[str, tuple[str, ...]]
) -> dict[str, OwnModule]:
    """Return those of ``names`` whose module lies beside the notebook or is written by a cell.

    Args:
        names: Dotted; the last part of each may be a name of the module instead.
        directory: Where the notebook lies.
        written: Normal path -> the texts that cells write to it.
    """
    found = {}
    for name in names:
        module = _own_module(name, directory, written)
        if module is not None:
            found[name] = module
    return found


def _own_module(
    name: str, directory: str, written: Mapping[str, tuple[str, ...]]
) -> OwnModule | None:
    found: dict[str, Source] = {}
    waiting = _with_parents(name)
    size = 0
    while waiting and len(found) < _MAX_MODULES:
        each = waiting.pop()
        source = _source(each, directory, written) if each not in found else None
        if source is not None and size + len(source.text) < _MAX_BYTES:
            size += len(source.text)
            found[each] = source
            waiting += [name for other in _imports(source) for name in _with_parents(other)]
    return OwnModule(tuple(found[key] for key in sorted(found))) if found else None


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    is_library = not parts[0] or is_known_library(parts[0])
    return [] if is_library else [".".join(parts[: n + 1]) for n in range(len(parts))]


def _source(name: str, directory: str, written: Mapping[str, tuple[str, ...]]) -> Source | None:
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    base = name.replace(".", "/")
    for path, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
        texts = written.get(posixpath.normpath(path))
        if texts is not None:
            return Source(name, "\n".join(texts), is_package)
        try:
            return Source(name, Path(directory, path).read_text(encoding="utf-8"), is_package)
        except (OSError, ValueError):
            continue
    return None


@lru_cache(maxsize=128)
def _tree(source: Source) -> ast.Module:
    """Return the code of a module, its relative imports made absolute; nothing if it is none."""
    try:
        tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])
    package = source.name.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + source.is_package]
            node.module = ".".join([*base, *filter(None, [node.module])])
            node.level = 0
    return tree


def _imports(source: Source) -> list[str]:
    """Return what a module imports; the last part may be a name of a module."""
    nodes = nodes_of(_tree(source))
    return [
        name
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imports_of(node)
    ]


def find(
    own: OwnModule, dotted: str, interpreter: Interpreter, builtins: frozenset[str]
) -> tuple[str, str, NameFacts] | None:
    """Return (module, its name, what using that does) for ``dotted``, None if unknown.

    Args:
        own: Where it comes from.
        dotted: Of a name of a module, or of an attribute of what it is.
        interpreter: Executes the module.
        builtins: Names that are there without being bound.
    """
    modules = {source.name for source in own.sources}
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        if module in modules:
            facts = _facts(module, own.sources, interpreter, builtins).get(parts[end])
            if facts is not None and facts.is_from is not None:
                rest = ".".join([facts.is_from[1], *parts[end + 1 :]])
                return find(facts.is_from[0], rest, interpreter, builtins)
            return None if facts is None else (module, parts[end], facts)
    return None


@lru_cache(maxsize=128)
def _facts(
    module: str,
    sources: tuple[Source, ...],
    interpreter: Interpreter,
    builtins: frozenset[str],
) -> Mapping[str, NameFacts]:
    """Return name -> what using it does, for a module of ``sources``."""
    (own,) = (source for source in sources if source.name == module)
    seen = parse_cell(own.text).seen
    texts = {path_of(source): (source.text,) for source in sources}
    world = World(
        rebound=frozenset(seen.rebound),
        methods=frozenset(seen.methods),
        builtins=builtins,
        directory=os.devnull,
        written=texts,
        own_modules=own_modules(_imports(own), os.devnull, texts),
    )
    with made_apart():
        run = interpreter(world, _cell(), Effects())
        run.execute(_tree(own).body)
        namespace = dict(run.scope.flow.bound)
        for name, value in namespace.items():
            world.bind(name, value)
        return {
            name: _use(interpreter(world, _cell(), Effects()), namespace, own, name)
            for name in namespace
        }


def _use(user: Core, namespace: Mapping[str, Value], own: Source, name: str) -> NameFacts:
    """Use a name in every way that is known, and return what that did."""
    value = namespace[name]
    for o in value:
        if isinstance(o.constant, OwnModule) and o.kind is Kind.IMPORTED and len(value) == 1:
            return NameFacts(is_from=(o.constant, o.dotted or ""))
    code = frozenset(o for o in value if o.kind in _CODE)
    given: set[Obj] = set()
    result: set[Obj] = set(user.load_global(name) - code)
    user.use(value)
    for o in code:
        arguments = _unknown_arguments(o)
        given.update(*(a.value for a in arguments))
        result |= user.call(frozenset({o}), arguments, new(Kind.UNKNOWN))
        for each in sorted(all_methods(o)):
            user.call_own_method(new(Kind.UNKNOWN), find_method(o, each) or NOTHING, ())
    effects, flow = user.effects, user.scope.flow
    changed = user.world.names_of(holders(effects.changed)) | flow.bound.keys() | flow.deleted
    if changes_class_data(_tree(own), name):
        changed = changed | {name}
    direct = {whole for o in result for whole in (o, *o.wholes)}
    given_out = (
        other
        for other, each in namespace.items()
        if any(o in direct and o.kind not in _NO_DATA for o in each)
    )
    return NameFacts(
        is_code=bool(code),
        reads=_in(own.name, {name, *user.global_reads}) | effects.module_reads,
        changes=_in(own.name, changed & namespace.keys()) | effects.module_changes,
        gives=_in(own.name, given_out if code else {name}),
        states=tuple(dict.fromkeys(effects.states)),
        files=frozenset(use for use in effects.files if use.path is not None),
        foreign_stores=tuple(dict.fromkeys(effects.foreign_stores)),
        changes_arguments=not code or effects.is_opaque or not given.isdisjoint(effects.changed),
        cached=_in(own.name, effects.cached_calls),
    )


def _cell() -> Scope:
    return Scope(kind=ScopeKind.CELL)


def path_of(source: Source) -> str:
    """Return where a module lies, from the folder of the notebook."""
    base = source.name.replace(".", "/")
    return f"{base}/__init__.py" if source.is_package else f"{base}.py"


def _in(module: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names)


def _unknown_arguments(o: Obj) -> tuple[Argument, ...]:
    """Return something for each parameter that has no default."""
    function = o.function
    if function is None:
        method = find_method(o, "__init__") or NOTHING
        function = next((each.function for each in method if each.function is not None), None)
    if function is None:
        return ()
    names = [n for n in function.parameters if n not in function.defaults]
    own = names[1:] if o.function is None else names
    starred = {function.vararg, function.kwarg}
    return tuple(
        Argument(value=frozenset({new(Kind.UNKNOWN)}), keyword=n) for n in own if n not in starred
    )
