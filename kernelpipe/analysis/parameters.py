"""The pipeline's parameters: the literal assignments of the parameters cells."""

import ast
import json
from collections.abc import Iterator

from kernelpipe.analysis.cells import CellFacts
from kernelpipe.analysis.names import bound_names
from kernelpipe.analysis.placement import Placement
from kernelpipe.analysis.source import Program, nodes_of
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.model.pipeline import Parameter, ParameterType

_BY_ANNOTATION = {t.value: t for t in ParameterType if t is not ParameterType.ANY} | {
    "List": ParameterType.LIST,
    "Dict": ParameterType.STRUCT,
    "Sequence": ParameterType.LIST,
    "tuple": ParameterType.LIST,
    "Tuple": ParameterType.LIST,
    "Mapping": ParameterType.STRUCT,
}


def find_parameters(cell: Cell, tree: ast.Module) -> list[Parameter]:
    """Return the parameters that a parameters cell defines, in its order.

    A parameter is a top-level assignment of a literal that JSON can hold. What the cell computes
    from parameters is derived, and computed anew when they are given.
    """
    found: dict[str, Parameter] = {}
    for name, value, annotation in _assignments(tree):
        literal = _literal(value)
        if literal is None:
            found.pop(name, None)
            continue
        default = literal[0]
        kind, is_nullable = _type_of(default, annotation)
        found[name] = Parameter(
            name=name,
            type=kind,
            default=json.dumps(default),
            is_nullable=is_nullable,
            cell_index=cell.index,
        )
    return list(found.values())


def parameters_of(placement: Placement, program: Program) -> dict[str, Parameter]:
    """Return the parameters that all parameters cells define, by name."""
    return {
        parameter.name: parameter
        for placed in placement.cells
        if placed.step is None and placed.cell.role is CellRole.PARAMETERS
        if (tree := program.trees.get(placed.cell.index)) is not None
        for parameter in find_parameters(placed.cell, tree)
    }


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr | None]]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from _pairs(target, statement.value)
        elif (
            isinstance(statement, ast.AnnAssign)
            and statement.value is not None
            and isinstance(statement.target, ast.Name)
        ):
            yield statement.target.id, statement.value, statement.annotation


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr, None]]:
    if isinstance(target, ast.Name):
        yield target.id, value, None
    elif (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
    ):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, other)


def _literal(node: ast.expr) -> tuple[object] | None:
    """Return the value of a literal that JSON can hold, in a tuple, None for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return (value,) if _is_json(value) else None


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    if isinstance(value, str):
        return value.isprintable() or not any("\ud800" <= c <= "\udfff" for c in value)
    return value is None or isinstance(value, bool | int | float)


def _type_of(default: object, annotation: ast.expr | None) -> tuple[ParameterType, bool]:
    names = [n.id for n in nodes_of(annotation) if isinstance(n, ast.Name)] if annotation else []
    outer = annotation
    while isinstance(outer, ast.Subscript):
        outer = outer.value if _name(outer.value) != "Optional" else outer.slice
    is_nullable = default is None or "Optional" in names or _mentions_none(annotation)
    if isinstance(outer, ast.BinOp):
        outer = next((n for n in (outer.left, outer.right) if not _is_none(n)), outer)
        while isinstance(outer, ast.Subscript):
            outer = outer.value
    declared = _BY_ANNOTATION.get(_name(outer) or "")
    return declared or _type_of_value(default), is_nullable


def _type_of_value(default: object) -> ParameterType:
    if isinstance(default, bool):
        return ParameterType.BOOLEAN
    for kind, name in (
        (str, ParameterType.STRING),
        (int, ParameterType.INTEGER),
        (float, ParameterType.DOUBLE),
        (list | tuple, ParameterType.LIST),
        (dict, ParameterType.STRUCT),
    ):
        if isinstance(default, kind):
            return name
    return ParameterType.ANY


def _name(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _mentions_none(annotation: ast.expr | None) -> bool:
    return annotation is not None and any(
        isinstance(n, ast.Constant) and n.value is None for n in nodes_of(annotation)
    )


def derived_from(tree: ast.Module, parameters: set[str]) -> dict[str, set[str]]:
    """Return name -> the parameters that its value in the parameters cell depends on.

    The name "" stands for statements that bind nothing but read parameters.
    """
    depends: dict[str, set[str]] = {name: {name} for name in parameters}
    for statement in tree.body:
        bound = bound_names([statement]).local
        read = {
            n.id
            for n in nodes_of(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
        }
        sources = set().union(*(depends.get(name, set()) for name in read))
        for name in bound or {""}:
            kept = {name} if name in parameters else set()
            depends[name] = sources | kept | (depends.get("", set()) if not name else set())
    return depends


def metric_names(tree: ast.Module, facts: CellFacts) -> list[str]:
    """Return the names that a metrics cell assigns or prints by name, in order of appearance."""
    names: dict[str, None] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for name in sorted(bound_names([statement]).local):
                names[name] = None
        elif isinstance(statement, ast.Expr):
            for shown in _shown(statement.value):
                names[shown] = None
    return [name for name in names if name in facts.bound or name in facts.reads]


def _shown(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
        return
    parts: list[ast.expr] = []
    if isinstance(node, ast.Call) and _name(node.func) in ("print", "display"):
        parts = node.args
    elif isinstance(node, ast.Call) and _name(node.func) in ("round", "float", "int"):
        parts = node.args[:1]
    elif isinstance(node, ast.JoinedStr):
        parts = [v.value for v in node.values if isinstance(v, ast.FormattedValue)]
    elif isinstance(node, ast.Tuple):
        parts = node.elts
    for part in parts:
        yield from _shown(part)
