"""Which names a piece of code binds in its own scope.

Our own pass rather than ``symtable``: that one needs the source once more, keeps no tie to the
nodes, and cannot be asked about a part of a cell. The tests hold the two against each other.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from kernelpipe.analysis.source import children_of

_HISTORY = frozenset("_ __ ___ _i _ii _iii _ih _oh _dh In Out".split())


_PLAIN = frozenset(
    {
        ast.Attribute,
        ast.BinOp,
        ast.BoolOp,
        ast.Call,
        ast.Compare,
        ast.Constant,
        ast.Expr,
        ast.If,
        ast.IfExp,
        ast.Return,
        ast.Subscript,
        ast.UnaryOp,
        ast.keyword,
    }
)
"""The most frequent nodes that bind nothing and open no scope."""


@dataclass(slots=True)
class _Collector:
    bound: set[str] = field(default_factory=set)
    declared_global: set[str] = field(default_factory=set)
    declared_nonlocal: set[str] = field(default_factory=set)

    def visit(self, node: ast.AST) -> None:
        kind = type(node)
        if kind in _PLAIN:
            self._visit_all(children_of(node))
        elif kind is ast.Name:
            self._bind(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.bound.add(node.name)
            self._visit_outer_parts(node)
        elif isinstance(node, ast.Lambda):
            self._visit_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            self._visit_comprehension(node)
        else:
            self._bind(node)
            self._visit_all(children_of(node))

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _visit_outer_parts(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> None:
        self._visit_all(node.decorator_list)
        if isinstance(node, ast.ClassDef):
            self._visit_all([*node.bases, *(k.value for k in node.keywords)])
        else:
            self._visit_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])

    def _visit_comprehension(self, node: ast.AST) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.bound.add(inner.target.id)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self.bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.bound |= {imported_as(alias) for alias in node.names if alias.name != "*"}
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            self.bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self.bound.add(node.rest)
        elif isinstance(node, ast.Global):
            self.declared_global |= set(node.names)
        elif isinstance(node, ast.Nonlocal):
            self.declared_nonlocal |= set(node.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundNames:
    """The names of one scope: its own, and those that it declares to be another scope's."""

    local: frozenset[str]
    declared_global: frozenset[str]
    declared_nonlocal: frozenset[str]


def imported_names(tree: ast.Module) -> set[str]:
    """Return the names that the imports among a cell's statements bind."""
    return {
        imported_as(alias)
        for statement in tree.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for alias in statement.names
    }


def imported_as(alias: ast.alias) -> str:
    """Return the name that an import binds: ``import a.b`` binds ``a``."""
    return alias.asname or alias.name.partition(".")[0]


def bound_names(body: Iterable[ast.AST]) -> BoundNames:
    """Return the names that ``body`` binds, without those of functions and classes inside it."""
    collector = _Collector()
    for node in body:
        collector.visit(node)
    declared = collector.declared_global | collector.declared_nonlocal
    return BoundNames(
        local=frozenset(collector.bound - declared),
        declared_global=frozenset(collector.declared_global),
        declared_nonlocal=frozenset(collector.declared_nonlocal),
    )


def is_history(name: str) -> bool:
    """Tell whether IPython itself binds ``name``, to inputs and outputs of cells run before."""
    return name in _HISTORY or (name[:1] == "_" and name.lstrip("_i").isdigit())
