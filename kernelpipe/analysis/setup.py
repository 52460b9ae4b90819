"""Which setup each step replays, without the imports that it has no use for."""

import ast
from collections.abc import Iterable, Mapping
from functools import cached_property

from kernelpipe.analysis.magics import PLAIN_LINE_MAGICS
from kernelpipe.analysis.names import bound_names, imported_as, imported_names
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.source import nodes_of


class SetupFacts:
    """What is to be known of the setup before a step; most steps have the same setup."""

    def __init__(self, cells: Iterable[PlacedCell], trees: Mapping[int, ast.Module]) -> None:
        """Take setup cells, and the code of all cells; those that do not parse have none."""
        found = {each.cell.index: trees.get(each.cell.index) for each in cells}
        self._trees = {index: tree for index, tree in found.items() if tree is not None}

    @cached_property
    def hiding(self) -> frozenset[int]:
        """Indices of the cells that may hold code in texts."""
        return frozenset(index for index, tree in self._trees.items() if runs_hidden_code(tree))

    @cached_property
    def eager(self) -> frozenset[str]:
        """Names that the code reads while it runs."""
        return frozenset(eager_names(self._trees.values()))

    @cached_property
    def imported(self) -> frozenset[str]:
        """Names that its imports bind."""
        return frozenset().union(*map(imported_names, self._trees.values()))

    @cached_property
    def bound(self) -> Mapping[str, int]:
        """Name -> how many statements that are no imports bind it."""
        found: dict[str, int] = {}
        for tree in self._trees.values():
            for statement in tree.body:
                if not isinstance(statement, ast.Import | ast.ImportFrom):
                    for name in bound_names([statement]).local:
                        found[name] = found.get(name, 0) + 1
        return found


def eager_names(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names that setup code reads while it runs, functions that it calls included."""
    bodies = [statement for tree in trees for statement in tree.body]
    definitions: dict[str, list[ast.AST]] = {}
    names: set[str] = set()
    for statement in bodies:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            definitions.setdefault(statement.name, []).append(statement)
            arguments = statement.args
            parts = [*statement.decorator_list, *arguments.defaults, *arguments.kw_defaults]
            parts += [a.annotation for a in nodes_of(arguments) if isinstance(a, ast.arg)]
            names |= _loaded([p for p in [*parts, statement.returns] if p is not None])
        elif not isinstance(statement, ast.Import | ast.ImportFrom):
            names |= _loaded([statement])
    waiting = list(names)
    while waiting:
        for definition in definitions.pop(waiting.pop(), ()):
            found = _loaded([definition]) - names
            names |= found
            waiting += found
    return names


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
