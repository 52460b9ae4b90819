"""What the parts of the interpreter ask of each other."""

import ast
from collections.abc import Iterable

from kernelpipe.analysis.heap import Kind, Obj, Value
from kernelpipe.analysis.summaries import Argument


class Points:
    """Recursion points: each is defined by one of the parts."""

    def evaluate(self, node: ast.expr | None) -> Value:
        """Return what ``node`` may be."""
        raise NotImplementedError

    def execute(self, body: Iterable[ast.stmt]) -> None:
        """Run statements."""
        raise NotImplementedError

    def owner(self, node: ast.expr, name: str, *, is_store: bool = False) -> Value:
        """Return what the object may be of which attribute ``name`` is read, called or stored."""
        raise NotImplementedError

    def use(self, value: Value) -> None:
        """Account for code in ``value`` that may run from now on."""
        raise NotImplementedError

    def call(self, callee: Value, arguments: tuple[Argument, ...], result: Obj) -> Value:
        """Call ``callee``."""
        raise NotImplementedError

    def consume(self, values: Iterable[Obj]) -> None:
        """Use up the iterators, streams and generators among ``values``."""
        raise NotImplementedError

    def call_method(
        self, receiver: Value, name: str, arguments: tuple[Argument, ...], result: Obj
    ) -> Value:
        """Call method ``name`` of ``receiver``."""
        raise NotImplementedError

    def method_of(self, o: Obj, name: str) -> Value | None:
        """Return method ``name`` of an instance's class, None if the notebook defines none."""
        raise NotImplementedError

    def call_own_method(self, o: Obj, method: Value, arguments: tuple[Argument, ...]) -> Value:
        """Call a method that the notebook defines, with ``o`` as its first argument."""
        raise NotImplementedError

    def look_up(self, base: Value) -> None:
        """Account for a subscript of ``base``."""
        raise NotImplementedError

    def call_super(self, name: str, arguments: tuple[Argument, ...]) -> Value:
        """Call method ``name`` of the classes above the one whose method this is."""
        raise NotImplementedError

    def operate(self, method: str, owner: Value, *arguments: Value) -> Value:
        """Call ``method`` of those of ``owner`` whose class the notebook gives such a method."""
        raise NotImplementedError

    def operate_later(self, left: Value, right: Value, operator: ast.operator) -> Value | None:
        """Leave an operator to where the function is used, None if its operands are known."""
        raise NotImplementedError

    def change_in_module(self, o: Obj) -> None:
        """Account for a change of ``o``, if it is data of a module beside the notebook."""
        raise NotImplementedError

    def stores_in_module(self, o: Obj, attribute: str | None) -> bool:
        """Tell whether ``o`` comes from beside the notebook; if so, account for a store into it."""
        raise NotImplementedError

    def import_value(self, kind: Kind, dotted: str) -> Value:
        """Return what an import of ``dotted`` binds."""
        raise NotImplementedError

    def magic_call(self, node: ast.Call) -> Value | None:
        """Interpret a call that IPython's transformer made; None when ``node`` is none."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Store ``value`` to ``target``."""
        raise NotImplementedError

    def elements(self, value: Value) -> Value:
        """Return what iterating over ``value`` gives."""
        raise NotImplementedError

    def attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be."""
        raise NotImplementedError

    def data_attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be, if nothing runs to make it."""
        raise NotImplementedError

    def item(self, base: Value, index: int) -> Value:
        """Return what item ``index`` of ``base`` may be."""
        raise NotImplementedError

    def part(self, value: Value) -> Value:
        """Return what is in ``value``."""
        raise NotImplementedError

    def store(self, base: Value, name: str | None, value: Value, *, is_cell: bool = False) -> None:
        """Store ``value`` to attribute ``name`` of ``base``, to an item if that is None.

        Args:
            base: Of the attribute or the item.
            name: The attribute.
            value: What it becomes.
            is_cell: The item may be one cell of a frame.
        """
        raise NotImplementedError

    def store_into_library(self, o: Obj, attribute: str | None) -> None:
        """Record that an attribute or item of a library object is set or changed."""
        raise NotImplementedError

    def combine(self, left: Value, right: Value, operator: ast.operator) -> Value:
        """Return what a binary operator may give."""
        raise NotImplementedError
