"""What operators, subscripts and stores do to objects whose classes the notebook defines."""

import ast

from kernelpipe.analysis.core import Core
from kernelpipe.analysis.heap import (
    GROUPS,
    GROWING,
    NOTHING,
    VIEWS,
    WINDOWS,
    Kind,
    Obj,
    Value,
    cells,
    new,
    reach,
)
from kernelpipe.analysis.summaries import Argument

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
    ast.FloorDiv: "floordiv",
}
UNARY_OPERATORS: dict[type[ast.unaryop], str] = {
    ast.Invert: "__invert__",
    ast.Not: "__bool__",
    ast.UAdd: "__pos__",
    ast.USub: "__neg__",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "__eq__",
    ast.NotEq: "__ne__",
    ast.Lt: "__lt__",
    ast.LtE: "__le__",
    ast.Gt: "__gt__",
    ast.GtE: "__ge__",
    ast.In: "__contains__",
    ast.NotIn: "__contains__",
}
FUNCTIONS: dict[str, type[ast.operator]] = {
    f"operator.{name}{'_' if name in ('or', 'and') else ''}": operator
    for operator, name in OPERATORS.items()
}
"""Functions that do what binary operators do."""


class Operators(Core):
    """Calls the methods that stand behind operators."""

    def operate(self, method: str, owner: Value, *arguments: Value) -> Value:
        """Call ``method`` of those of ``owner`` whose class the notebook gives such a method."""
        if method not in self.world.methods:
            return NOTHING
        found: set[Obj] = set()
        for o in owner:
            own = self.method_of(o, method)
            if own is not None:
                given = tuple(Argument(value=value) for value in arguments)
                found |= self.call_own_method(o, own, given)
        return frozenset(found)

    def look_up(self, base: Value) -> None:
        """Account for a subscript: it may put an item into what ``base`` is or is a part of."""
        for o in base:
            if o.symbol is not None or o.is_part:
                self.effects.lookups.add(o)
            growing = reach((o,)) if o.is_part else (o,)
            self.change((g for g in growing if g.dotted == GROWING), deep=False)

    def copied(self, base: Value, index: ast.expr) -> Value:
        """Return copies of data where a subscript is known to copy all that ``base`` may be.

        A condition does, and a list in the subscript of a frame. Objects in the cells are shared
        with the copy.
        """
        if not all(_is_copied(o, index) for o in base):
            return NOTHING
        return frozenset(
            new(o.kind, cells(o) | {h for h in o.contains if h.has_code and h.kind not in VIEWS})
            for o in base
        )


def _is_copied(o: Obj, index: ast.expr) -> bool:
    if o.constant in (GROUPS, WINDOWS):
        return False
    by = (ast.List, ast.Compare) if o.kind is Kind.FRAME else (ast.Compare,)
    return o.kind in (Kind.FRAME, Kind.ARRAY) and isinstance(index, by)
