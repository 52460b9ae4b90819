"""Takes a cell apart into statements: what each says, binds and mentions, whatever its layout."""

import ast
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from kernelpipe.analysis.names import bound_names
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.syntax import parse_python
from kernelpipe.compiler.definitions import decorator_names, eager_names, is_definition
from kernelpipe.compiler.mentions import Mentions, mentions_of
from kernelpipe.notebook.transform import transform

_MAYBE_IPYTHON = re.compile(r">>>|\.\.\.:|In \[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A top-level statement of a cell; an import of several names is several units.

    ``digest`` is the SHA-256 of the syntax tree, which knows neither layout nor comments, nor
    where the statement stands; ``is_shown``: the notebook shows its value. ``label`` names what it
    defines ("def clean", "import pandas"), "" for others. ``modules`` are the dotted names of those
    that it may import, also inside functions; for ``from a import b`` both ``a`` and ``a.b``, which
    may be a module.
    """

    line: int
    digest: str
    label: str
    mentions: Mentions
    modules: frozenset[str]
    syntax: ast.stmt
    is_shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupUnit:
    """A statement of setup."""

    unit: Unit
    binds: frozenset[str]
    is_definition: bool
    """It only binds names: where nothing uses them, the statement changes nothing."""
    decorators: frozenset[str]
    """Names that must be what they seem to be for ``is_definition`` to hold."""
    eager: frozenset[str] | None
    """Names that an import or a function reads when it is defined, None for other statements."""


@lru_cache(maxsize=4096)
def units_of(source: str) -> tuple[Unit, ...]:
    """Return the statements of a cell in order; none if it holds nothing but comments.

    Args:
        source: Of a pipeline without errors, so that it is Python once IPython has turned it.
    """
    text, automagic = _python(source)
    tree = _parse(text)
    found = []
    for position, statement in enumerate(tree.body):
        is_last = position == len(tree.body) - 1
        is_shown = is_last and isinstance(statement, ast.Expr) and not _is_quiet(statement, text)
        found += list(_units(statement, is_shown=is_shown))
    if automagic is not None:  # which of the two it is depends on the names that are bound
        found += units_of(automagic)
    return tuple(found)


@lru_cache(maxsize=1024)
def setup_units_of(source: str) -> tuple[SetupUnit, ...]:
    """Return the statements of a setup cell in order."""
    return tuple(map(_setup_unit, units_of(source)))


def _setup_unit(unit: Unit) -> SetupUnit:
    binds = bound_names([unit.syntax])
    return SetupUnit(
        unit=unit,
        binds=binds.local | binds.declared_global,
        is_definition=is_definition(unit.syntax),
        decorators=decorator_names(nodes_of(unit.syntax)),
        eager=eager_names(unit.syntax),
    )


def _python(source: str) -> tuple[str, str | None]:
    """Return a cell as Python, and the magic that it may be instead.

    A cell of several lines that is Python as it stands is what IPython makes of it, and looking
    for that first saves compiling it twice.
    """
    if "\n" in source.strip() and not _MAYBE_IPYTHON.search(source):
        with suppress(SyntaxError):
            _parse(source)
            return source, None
    found = transform(source)
    return found.text, found.automagic


@lru_cache(maxsize=8)
def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parse_python(text)


def _is_quiet(statement: ast.stmt, text: str) -> bool:
    """Tell whether a semicolon after the last statement keeps IPython from showing its value."""
    lines = text.splitlines()
    line = lines[(statement.end_lineno or 1) - 1].encode()
    rest = line[statement.end_col_offset or 0 :].decode(errors="replace")
    return rest.lstrip().startswith(";")


def _units(statement: ast.stmt, *, is_shown: bool) -> Iterator[Unit]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield _unit(ast.Import(names=[alias]), statement.lineno)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            single = ast.ImportFrom(module=statement.module, names=[alias], level=statement.level)
            yield _unit(single, statement.lineno)
    else:
        yield _unit(statement, _first_line(statement), is_shown=is_shown)


def _unit(statement: ast.stmt, line: int, *, is_shown: bool = False) -> Unit:
    nodes = list(nodes_of(statement))
    return Unit(
        line=line,
        digest=_digest(spell(statement)),
        label=_label(statement),
        mentions=mentions_of(nodes),
        modules=frozenset(_modules_in(nodes)),
        syntax=statement,
        is_shown=is_shown,
    )


def _first_line(statement: ast.stmt) -> int:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return min([statement.lineno, *(each.lineno for each in statement.decorator_list)])
    return statement.lineno


def _label(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return f"def {name}"
        case ast.ClassDef(name=name):
            return f"class {name}"
        case ast.Import(names=[alias]):
            return f"import {alias.name}"
        case ast.ImportFrom(module=module, names=[alias], level=level):
            return f"import {'.' * level}{module + '.' if module else ''}{alias.name}"
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_SAYS_NOTHING = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def spell(node: ast.AST) -> str:
    """Return a text that is the same for two trees exactly if they mean the same.

    Unlike ``ast.dump`` it is the same in every version of Python: fields that are empty are left
    out, so that a new version's additional ones do not show.
    """
    parts: list[str] = []
    _spell(node, parts)
    return "".join(parts)


def _spell(node: ast.AST, parts: list[str]) -> None:
    if isinstance(node, ast.Name):  # a third of all nodes
        parts.append(f"Name({node.id})")
        return
    parts.append(type(node).__name__)
    parts.append("(")
    for field in node._fields:
        value = getattr(node, field, None)
        is_constant = field == "value" and isinstance(node, ast.Constant)
        if field in _SAYS_NOTHING or (not is_constant and (value is None or value == [])):
            continue
        parts.append(field)
        parts.append("=")
        if isinstance(value, ast.AST):
            _spell(value, parts)
        elif isinstance(value, list):
            _spell_list(value, parts)
        else:
            parts.append(repr(value))
        parts.append(",")
    parts.append(")")


def _spell_list(values: list[object], parts: list[str]) -> None:
    parts.append("[")
    for value in values:
        if isinstance(value, ast.AST):
            _spell(value, parts)
        else:
            parts.append(repr(value))
        parts.append(",")
    parts.append("]")


def _modules_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")
