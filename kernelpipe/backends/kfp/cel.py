"""Writes a gate over parameters as CEL, where that means the same as in Python."""

import ast
import json
from collections.abc import Mapping
from typing import Final

from kernelpipe.backends.kfp.parameters import travels_as_json
from kernelpipe.model.pipeline import Gate, Parameter, ParameterType

_KINDS: Final = {
    ParameterType.STRING: "text",
    ParameterType.INTEGER: "number",
    ParameterType.DOUBLE: "number",
    ParameterType.BOOLEAN: "truth",
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITHMETIC: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
}


class CelError(ValueError):
    """The expression has what CEL lacks, or takes in another way; the message says what."""


def cel_condition(gate: Gate, parameters: Mapping[str, Parameter]) -> str:
    """Return the condition that a driver evaluates; every number is a double there.

    Raises:
        CelError: If CEL could not give what Python gives.
    """
    writer = _Writer(parameters)
    text, kind = writer.write(ast.parse(gate.expression, mode="eval").body)
    if kind != "truth":
        raise CelError(f"'{gate.expression}' is a {kind}, where KFP needs a comparison")
    return text


class _Writer:
    """Writes one expression; each method returns CEL with the kind of value that it gives."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = parameters

    def write(self, node: ast.expr) -> tuple[str, str]:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node.id)
            case ast.BoolOp():
                joint = " && " if isinstance(node.op, ast.And) else " || "
                return f"({joint.join(map(self._truth, node.values))})", "truth"
            case ast.UnaryOp(op=ast.Not()):
                return f"!({self._truth(node.operand)})", "truth"
            case ast.Compare():
                return self._compare(node)
        return self._number(node), "number"

    def _number(self, node: ast.expr) -> str:
        match node:
            case ast.UnaryOp():
                sign = "-" if isinstance(node.op, ast.USub) else ""
                return f"({sign}{self._of_kind(node.operand, 'number')})"
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult()):
                operands = [self._of_kind(each, "number") for each in (node.left, node.right)]
                return f"({f' {_ARITHMETIC[type(node.op)]} '.join(operands)})"
        raise CelError(f"'{ast.unparse(node)}' cannot be told before any step has run")

    def _constant(self, node: ast.Constant) -> tuple[str, str]:
        value = node.value
        if isinstance(value, bool):
            return ("true" if value else "false"), "truth"
        if isinstance(value, int | float):
            return repr(float(value)), "number"
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False), "text"
        raise CelError("KFP has no None")

    def _name(self, name: str) -> tuple[str, str]:
        parameter = self.parameters[name]
        if travels_as_json(parameter) or parameter.type not in _KINDS:
            raise CelError(f"KFP cannot look into the parameter '{name}' ({parameter.type.value})")
        return f"inputs.parameter_values['{name}']", _KINDS[parameter.type]

    def _truth(self, node: ast.expr) -> str:
        return self._of_kind(node, "truth")

    def _of_kind(self, node: ast.expr, wanted: str) -> str:
        text, kind = self.write(node)
        if kind != wanted:
            raise CelError(f"'{ast.unparse(node)}' is a {kind}, where KFP needs a {wanted}")
        return text

    def _compare(self, node: ast.Compare) -> tuple[str, str]:
        operands = [node.left, *node.comparators]
        parts = [
            self._pair(left, op, right)
            for left, op, right in zip(operands, node.ops, operands[1:], strict=False)
        ]
        return (parts[0] if len(parts) == 1 else f"({' && '.join(parts)})"), "truth"

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> str:
        text, kind = self.write(left)
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple):
                raise CelError(f"'{ast.unparse(right)}' is no list of plain values")
            items = ", ".join(self._of_kind(item, kind) for item in right.elts)
            found = f"({text} in [{items}])"
            return found if isinstance(op, ast.In) else f"!{found}"
        if type(op) not in _COMPARISONS:
            raise CelError(f"'{ast.unparse(left)}' is compared with 'is', which KFP lacks")
        return f"({text} {_COMPARISONS[type(op)]} {self._of_kind(right, kind)})"
