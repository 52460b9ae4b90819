"""Reads and evaluates the expressions that decide whether a step runs (``when:``)."""

import ast
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

_LONGEST_VALUE = 60
_OPERATORS = (
    ast.And,
    ast.Or,
    ast.Not,
    ast.USub,
    ast.UAdd,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.In,
    ast.NotIn,
    ast.Is,
    ast.IsNot,
    ast.Load,
)
_SHAPES = (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.List, ast.Tuple)
_LITERALS = (str, int, float, bool, type(None))
_KINDS = {
    ast.Call: "a call",
    ast.Attribute: "an attribute",
    ast.Subscript: "an index",
    ast.Lambda: "a function",
    ast.IfExp: "a condition of its own",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "a formatted text",
    ast.Pow: "a power",
}


class GateSyntaxError(ValueError):
    """An expression is no Python, or uses more than gates may."""


class GateError(Exception):
    """An expression cannot be evaluated with the values that there are."""


class Outcome(NamedTuple):
    """Whether the gate is open, and the expression with the values that it had."""

    is_open: bool
    reason: str


def names_in(expression: str) -> tuple[str, ...]:
    """Return the names that an expression reads, sorted.

    Raises:
        GateSyntaxError: If it is no Python, or is more than comparisons, ``and``, ``or``, ``not``,
            ``in`` and arithmetic over names and literals.
    """
    tree = _parse(expression)
    return tuple(sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}))


def evaluate_gate(expression: str, values: Mapping[str, Any]) -> Outcome:
    """Return whether ``expression`` holds.

    Args:
        expression: Of a ``when:`` tag.
        values: Name -> value; may hold more than the expression reads.

    Raises:
        GateError: If a value is missing, or the expression does not take the values.
        GateSyntaxError: As ``names_in``.
    """
    names = names_in(expression)
    for name in names:
        if name not in values:
            raise GateError(f"when {expression}: there is no number '{name}'")
    shown = ", ".join(f"{name} is {_shown(values[name])}" for name in names)
    reason = f"when {expression}: {shown}" if shown else f"when {expression}"
    code = compile(ast.Expression(_parse(expression)), "<when>", "eval")
    known = {name: values[name] for name in names}
    try:
        # Neither calls nor attributes: all that it can do is to compute with plain values.
        is_open = bool(eval(code, {"__builtins__": {}}, known))  # noqa: S307
    except (TypeError, ArithmeticError, ValueError) as error:
        raise GateError(f"{reason}: {type(error).__name__}: {error}") from error
    return Outcome(is_open, reason)


def _parse(expression: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise GateSyntaxError(f"'{expression}' is no Python expression") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, _LITERALS):
                raise GateSyntaxError(f"'{expression}' has a literal that is no plain value")
        elif not isinstance(node, _OPERATORS + _SHAPES):
            kind = _KINDS.get(type(node), f"more than a comparison ({type(node).__name__})")
            raise GateSyntaxError(f"'{expression}' has {kind}, which 'when:' does not take")
    return tree


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
