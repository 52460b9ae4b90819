"""Which setup each step replays, without the imports that it has no use for."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kernelpipe.analysis.magics import PLAIN_LINE_MAGICS
from kernelpipe.analysis.names import bound_names, imported_as, imported_names
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.syntax import has_other_line_ends
from kernelpipe.model.pipeline import SetupCell


@dataclass(frozen=True, slots=True, kw_only=True)
class _SetupCode:
    """What is to be known of the code of one setup cell."""

    is_hiding: bool
    """It may hold code in texts."""
    eager: frozenset[str]
    """Names that it reads while it runs, functions that it defines left out."""
    definitions: tuple[tuple[str, frozenset[str]], ...]
    """Functions, with the names that they read, in order."""
    imported: frozenset[str]
    bound: tuple[tuple[str, int], ...]
    """Name -> how many statements that are no imports bind it."""


def _setup_code(tree: ast.Module) -> _SetupCode:
    definitions: list[tuple[str, frozenset[str]]] = []
    names: set[str] = set()
    bound: dict[str, int] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        for name in bound_names([statement]).local:
            bound[name] = bound.get(name, 0) + 1
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            definitions.append((statement.name, frozenset(_loaded([statement]))))
            arguments = statement.args
            parts = [*statement.decorator_list, *arguments.defaults, *arguments.kw_defaults]
            parts += [a.annotation for a in nodes_of(arguments) if isinstance(a, ast.arg)]
            names |= _loaded([p for p in [*parts, statement.returns] if p is not None])
        else:
            names |= _loaded([statement])
    return _SetupCode(
        is_hiding=runs_hidden_code(tree),
        eager=frozenset(names),
        definitions=tuple(definitions),
        imported=frozenset(imported_names(tree)),
        bound=tuple(bound.items()),
    )


class SetupCells:
    """The setup of a notebook; each step has those of its cells that come before the step's end."""

    def __init__(self, cells: Iterable[PlacedCell], trees: Mapping[int, ast.Module]) -> None:
        """Take all setup cells, and the code of all cells; those that do not parse have none."""
        self._cells = [(each, trees.get(each.cell.index)) for each in cells]
        self._codes = [_setup_code(tree) if tree else None for _, tree in self._cells]
        self._known: dict[int, SetupFacts] = {}
        self._whole = [SetupCell(cell=p.cell, source=p.cell.source) for p, _ in self._cells]
        self._sliced: dict[tuple[int, frozenset[str]], SetupCell] = {}

    def facts(self, count: int) -> "SetupFacts":
        """Return what is known of the first ``count`` cells together."""
        if count not in self._known:
            parts = zip(self._cells[:count], self._codes[:count], strict=True)
            self._known[count] = SetupFacts([(p.cell.index, c) for (p, _), c in parts if c])
        return self._known[count]

    def replayed(
        self, count: int, kept: Mapping[str, bool], facts: "SetupFacts"
    ) -> list[SetupCell]:
        """Return the first ``count`` cells without imports of names that ``kept`` maps to False."""
        found = self._whole[:count]
        dropped = {name for name, is_kept in kept.items() if not is_kept}
        for number, (placed, tree) in enumerate(self._cells[:count] if dropped else ()):
            code = self._codes[number]
            gone = frozenset(code.imported & dropped) if code else frozenset[str]()
            if gone and tree is not None and placed.cell.index not in facts.hiding:
                key = (placed.cell.index, gone)
                if key not in self._sliced:
                    source = slice_imports(placed.cell.source, tree, dict.fromkeys(gone, False))
                    self._sliced[key] = SetupCell(cell=placed.cell, source=source)
                found[number] = self._sliced[key]
        return found


class SetupFacts:
    """What is to be known of the setup before a step; most steps have the same setup."""

    def __init__(self, codes: Sequence[tuple[int, _SetupCode]]) -> None:
        """Take the indices of setup cells and what is known of each."""
        self._codes = codes

    @cached_property
    def hiding(self) -> frozenset[int]:
        """Indices of the cells that may hold code in texts."""
        return frozenset(index for index, code in self._codes if code.is_hiding)

    @cached_property
    def eager(self) -> frozenset[str]:
        """Names that the code reads while it runs, functions that it calls included."""
        names = set().union(*(code.eager for _, code in self._codes))
        definitions: dict[str, list[frozenset[str]]] = {}
        for _, code in self._codes:
            for name, read in code.definitions:
                definitions.setdefault(name, []).append(read)
        waiting = list(names)
        while waiting:
            for read in definitions.pop(waiting.pop(), ()):
                waiting += read - names
                names |= read
        return frozenset(names)

    @cached_property
    def imported(self) -> frozenset[str]:
        """Names that its imports bind."""
        return frozenset().union(*(code.imported for _, code in self._codes))

    @cached_property
    def bound(self) -> Mapping[str, int]:
        """Name -> how many statements that are no imports bind it."""
        found: dict[str, int] = {}
        for _, code in self._codes:
            for name, count in code.bound:
                found[name] = found.get(name, 0) + count
        return found


def _loaded(nodes: Iterable[ast.AST]) -> set[str]:
    return {
        n.id
        for node in nodes
        for n in nodes_of(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }


def runs_hidden_code(tree: ast.Module) -> bool:
    """Tell whether a cell may hold code in texts (magics), so that its names cannot be listed."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "get_ipython"
        and not _is_plain_magic(node)
        for node in nodes_of(tree)
    )


def _is_plain_magic(node: ast.Call) -> bool:
    texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
    known = bool(texts) and texts[0] in PLAIN_LINE_MAGICS
    return known and not any(c in str(text) for text in texts for c in "{$")


def slice_imports(source: str, tree: ast.Module, kept: Mapping[str, bool]) -> str:
    """Return ``source`` without top-level imports of names that ``kept`` maps to False.

    Lines keep their numbers: what goes leaves an empty line.
    """
    if has_other_line_ends(source):
        return source
    lines = source.split("\n")
    occupied = [line for s in tree.body for line in range(s.lineno, (s.end_lineno or 0) + 1)]
    for statement in tree.body:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        span = range(statement.lineno, (statement.end_lineno or 0) + 1)
        if _is_future(statement) or any(occupied.count(line) > 1 for line in span):
            continue
        aliases = [a for a in statement.names if kept.get(imported_as(a), True)]
        if len(aliases) == len(statement.names):
            continue
        for line in span:
            lines[line - 1] = ""
        if aliases:
            statement_kept = _with_names(statement, aliases)
            lines[statement.lineno - 1] = ast.unparse(statement_kept)
    return "\n".join(lines)


def _is_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _with_names(
    statement: ast.Import | ast.ImportFrom, aliases: list[ast.alias]
) -> ast.Import | ast.ImportFrom:
    if isinstance(statement, ast.Import):
        return ast.Import(names=aliases)
    return ast.ImportFrom(module=statement.module, names=aliases, level=statement.level)
