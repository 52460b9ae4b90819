"""What an expression may be, and what evaluating it does."""

import ast
from collections.abc import Callable, Iterable
from typing import cast

from kernelpipe.analysis.attributes import Attributes, tainted
from kernelpipe.analysis.core import Flow, Scope, ScopeKind
from kernelpipe.analysis.fields import attribute_symbol
from kernelpipe.analysis.global_texts import GlobalTexts, may_be_main
from kernelpipe.analysis.heap import (
    ATOM,
    ATOM_VALUE,
    FALSE,
    GROUPS,
    LABELS,
    NONE,
    NOTHING,
    TRUE,
    Kind,
    Obj,
    Value,
    cells,
    item_at,
    new,
    pair,
    part_of,
)
from kernelpipe.analysis.operators import COMPARISONS, OPERATORS, UNARY_OPERATORS
from kernelpipe.analysis.summaries import Argument
from kernelpipe.analysis.syntax import VISITS
from kernelpipe.analysis.texts import (
    concatenated,
    constant_of,
    path_of,
    percent_formatted,
)

_SHARING_OPERATORS = (ast.Add, ast.Mult, ast.BitOr, ast.BitAnd, ast.Mod)
_SLICED = (Kind.LIST, Kind.TUPLE)
_NUMERIC_KINDS = frozenset({Kind.ARRAY, Kind.FRAME})


class Expressions(Attributes, GlobalTexts):
    """Evaluates expressions."""

    def evaluate(self, node: ast.expr | None) -> Value:
        """Return what ``node`` may be."""
        if node is None:
            return NOTHING
        visit = cast("Callable[[ast.expr], Value] | None", getattr(self, VISITS[type(node)], None))
        return visit(node) if visit else self._anything(node)

    def evaluate_all(self, nodes: Iterable[ast.expr | None]) -> Value:
        """Return what any of ``nodes`` may be."""
        result: set[Obj] = set()
        for node in nodes:
            result |= self.evaluate(node)
        return frozenset(result)

    def _anything(self, node: ast.AST) -> Value:
        values = [self.evaluate(n) for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        return frozenset({new(Kind.UNKNOWN, frozenset().union(*values))})

    # -- atoms and names -----------------------------------------------------------------------
    def _Constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            return frozenset({new(Kind.IMMUTABLE, constant=node.value)})
        if node.value is None:
            return NONE
        if isinstance(node.value, bool):
            return TRUE if node.value else FALSE
        return ATOM_VALUE

    def _Name(self, node: ast.Name) -> Value:
        value = self.load(node.id, node)
        self.use(value)
        return value

    def _JoinedStr(self, node: ast.JoinedStr) -> Value:
        parts = [self.evaluate(v) for v in node.values]
        text = concatenated(constant_of(p) for p in parts)
        made = ATOM_VALUE if text is None else frozenset({new(Kind.IMMUTABLE, constant=text)})
        return tainted(made, parts)

    def _FormattedValue(self, node: ast.FormattedValue) -> Value:
        value = self.evaluate(node.value)
        self.evaluate(node.format_spec)
        plain = node.format_spec is None and node.conversion == -1
        return value if plain and constant_of(value) is not None else tainted(ATOM_VALUE, [value])

    # -- containers ----------------------------------------------------------------------------
    def _display(self, kind: Kind, nodes: list[ast.expr]) -> Value:
        items = tuple(self.evaluate(n) for n in nodes)
        held = frozenset[Obj]().union(*items)
        if kind is Kind.TUPLE and all(o.kind is Kind.IMMUTABLE for o in held):
            o = new(Kind.IMMUTABLE)
        else:
            o = new(kind, held)
        if not any(isinstance(n, ast.Starred) for n in nodes):
            o.items = items
        o.is_tainted = any(each.is_tainted for each in held)
        return frozenset({o})

    def _List(self, node: ast.List) -> Value:
        return self._display(Kind.LIST, node.elts)

    def _Tuple(self, node: ast.Tuple) -> Value:
        return self._display(Kind.TUPLE, node.elts)

    def _Set(self, node: ast.Set) -> Value:
        return self._display(Kind.SET, node.elts)

    def _Dict(self, node: ast.Dict) -> Value:
        keys = self.evaluate_all(node.keys)
        held = keys | self.evaluate_all(node.values)
        o = new(Kind.DICT, held)
        o.has_plain_keys = None not in node.keys and all(k.kind is Kind.IMMUTABLE for k in keys)
        o.is_tainted = any(each.is_tainted for each in held)
        return frozenset({o})

    def _Starred(self, node: ast.Starred) -> Value:
        return self.elements(self.evaluate(node.value))

    def elements(self, value: Value) -> Value:
        """Return what iterating over ``value`` gives; an iterator is used up by it."""
        self.consume(o for o in value if o.kind in (Kind.ITERATOR, Kind.GENERATOR))
        result: set[Obj] = set()
        for o in value:
            if o.items is not None:
                result |= frozenset[Obj]().union(*o.items)
            elif o.constant is LABELS or (
                o.kind is Kind.DICT and o.has_plain_keys and not o.is_open
            ):
                result.add(ATOM)
            elif o.constant is GROUPS:
                result |= pair(ATOM_VALUE, frozenset({new(Kind.FRAME, cells(o))}))
            else:
                result |= self.part(frozenset({o}))
        return frozenset(result)

    # -- comprehensions ------------------------------------------------------------------------
    def _comprehension(
        self, kind: Kind, generators: list[ast.comprehension], elements: list[ast.expr]
    ) -> Value:
        own = frozenset(
            name.id
            for generator in generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        )
        first = self.elements(self.evaluate(generators[0].iter))
        outer = self.scope
        self.scope = Scope(kind=ScopeKind.COMPREHENSION, parent=outer, own=own, flow=Flow())
        self.uncertain += 1
        for index, generator in enumerate(generators):
            items = first if index == 0 else self.elements(self.evaluate(generator.iter))
            self.assign(generator.target, items)
            self.evaluate_all(generator.ifs)
        held = self.evaluate_all(elements)
        self.uncertain -= 1
        self.scope = outer
        o = new(kind, held)
        o.is_tainted = any(each.is_tainted for each in held)
        return frozenset({o})

    def _ListComp(self, node: ast.ListComp) -> Value:
        return self._comprehension(Kind.LIST, node.generators, [node.elt])

    def _SetComp(self, node: ast.SetComp) -> Value:
        return self._comprehension(Kind.SET, node.generators, [node.elt])

    def _GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        return self._comprehension(Kind.GENERATOR, node.generators, [node.elt])

    def _DictComp(self, node: ast.DictComp) -> Value:
        return self._comprehension(Kind.DICT, node.generators, [node.key, node.value])

    # -- operators -----------------------------------------------------------------------------
    def _BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        return self.combine(left, right, node.op)

    def combine(self, left: Value, right: Value, operator: ast.operator) -> Value:
        """Return what a binary operator may give; only the notebook's own may change operands.

        What it shares with its operands depends on what they are: known where a function is used.
        """
        name = OPERATORS[type(operator)]
        is_sharing = isinstance(operator, _SHARING_OPERATORS)
        if is_sharing or not self.world.methods.isdisjoint((f"__{name}__", f"__r{name}__")):
            later = self.operate_later(left, right, operator)
            if later is not None:
                return later
        own = self.operate(f"__{name}__", left, right) | self.operate(f"__r{name}__", right, left)
        return self._combine(left, right, operator) | own

    def _combine(self, left: Value, right: Value, operator: ast.operator) -> Value:
        kinds = {o.kind for o in left | right}
        if kinds <= {Kind.IMMUTABLE}:
            o = new(Kind.IMMUTABLE, constant=_joined(left, right, operator))
        elif kinds & _NUMERIC_KINDS:
            o = new(Kind.FRAME if Kind.FRAME in kinds else Kind.ARRAY)
        elif isinstance(operator, _SHARING_OPERATORS):
            kind = next((k for k in (Kind.LIST, Kind.TUPLE, Kind.DICT) if k in kinds), Kind.UNKNOWN)
            o = new(kind, part_of(left) | part_of(right))
        else:
            o = new(Kind.UNKNOWN)
        return tainted(frozenset({o}), [left, right])

    def _UnaryOp(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        own = self.operate(UNARY_OPERATORS[type(node.op)], value)
        if own:
            return value | own
        if all(o.kind is Kind.IMMUTABLE for o in value):
            return tainted(ATOM_VALUE, [value])
        kinds = {o.kind for o in value} & _NUMERIC_KINDS
        return tainted(frozenset({new(kinds.pop() if kinds else Kind.UNKNOWN)}), [value])

    def _BoolOp(self, node: ast.BoolOp) -> Value:
        value = self.evaluate(node.values[0])
        self.uncertain += 1
        value |= self.evaluate_all(node.values[1:])
        self.uncertain -= 1
        return value

    def _Compare(self, node: ast.Compare) -> Value:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            name = self.global_text(node.comparators[0], node.left)
            if name is not None:
                self.load_by_text(name)
                return ATOM_VALUE
        values = [self.evaluate(n) for n in (node.left, *node.comparators)]
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            method = COMPARISONS.get(type(operator))
            if method:
                self.operate(method, left, right)
                self.operate(method, right, left)
        kinds = {o.kind for value in values for o in value}
        if any(isinstance(o, ast.Is | ast.IsNot) for o in node.ops):
            operands = (node.left, *node.comparators)
            if not any(isinstance(n, ast.Constant) or _is_class_of(n) for n in operands):
                for value in values:
                    self.effects.identity |= value
            return ATOM_VALUE
        if kinds & _NUMERIC_KINDS or Kind.UNKNOWN in kinds:
            return frozenset({new(Kind.FRAME if Kind.FRAME in kinds else Kind.ARRAY)})
        return tainted(ATOM_VALUE, values)

    def _IfExp(self, node: ast.IfExp) -> Value:
        self.evaluate(node.test)
        self.uncertain += 1
        value = self.evaluate(node.body) | self.evaluate(node.orelse)
        self.uncertain -= 1
        return value

    def _NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        if self.uncertain:
            before = self._cell_scope().flow.copy() if not self.in_function else None
            self.bind(node.target.id, value)
            if before is not None:
                self._cell_scope().flow.merge(before)
                if node.target.id not in self._cell_scope().flow.definite:
                    self._note_read(node.target.id, None)
            return value
        self.bind(node.target.id, value)
        return value

    # -- parts ---------------------------------------------------------------------------------
    def _Attribute(self, node: ast.Attribute) -> Value:
        self.effects.lists_classes |= node.attr == "__subclasses__"
        return self.attribute(self.owner(node.value, node.attr), node.attr)

    def _Subscript(self, node: ast.Subscript) -> Value:
        name = self.global_text(node.value, node.slice)
        if name is not None:
            return self.load_by_text(name)
        base = self.evaluate(node.value)
        index = self.evaluate(node.slice)
        if may_be_main(base, index):
            return self.namespace()
        self.look_up(base)
        own = self.operate("__getitem__", base, index)
        if isinstance(node.slice, ast.Constant):
            items = [item_at(o, node.slice.value) for o in base]
            if items and all(i is not None for i in items):
                return frozenset[Obj]().union(*(i for i in items if i is not None))
        if isinstance(node.slice, ast.Slice) and all(o.kind in _SLICED for o in base):
            return frozenset(new(o.kind, o.contains) for o in base)
        if copies := self.copied(base, node.slice):
            return tainted(copies, [base, index])
        return tainted(self.part(base) | own, [index]) if base else NOTHING

    def _Slice(self, node: ast.Slice) -> Value:
        self.evaluate_all((node.lower, node.upper, node.step))
        return ATOM_VALUE

    # -- calls and code ------------------------------------------------------------------------
    def _Call(self, node: ast.Call) -> Value:
        special = self.magic_call(node)
        if special is not None:
            return special
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            name = self.global_text(node.func.value, node.args[0])
            if name is not None:
                return self.load_by_text(name) | self.evaluate_all(node.args[1:])
        self.place = (node.lineno, node.col_offset)
        result = new(Kind.UNKNOWN)
        if isinstance(node.func, ast.Attribute):
            if self._is_super(node.func.value):
                return self.call_super(node.func.attr, self._arguments(node))
            self.effects.lists_classes |= node.func.attr == "__subclasses__"
            receiver = self.owner(node.func.value, node.func.attr)
            arguments = self._arguments(node)
            with self.at(node):
                return self.call_method(receiver, node.func.attr, arguments, result)
        callee = self._callee(node.func)
        arguments = self._arguments(node)
        with self.at(node):
            return self.call(callee, arguments, result)

    def _callee(self, node: ast.expr) -> Value:
        """Return what is called; a function of the notebook's own is not mentioned by its call."""
        if not isinstance(node, ast.Name):
            return self.evaluate(node)
        value = self.load(node.id, node)
        self.use(frozenset(o for o in value if o.function is None))
        return value

    def _is_super(self, node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "super"
            and bool(self.me)
        )

    def _arguments(self, node: ast.Call) -> tuple[Argument, ...]:
        positional = tuple(
            Argument(value=self.evaluate(a), is_starred=isinstance(a, ast.Starred))
            for a in node.args
        )
        named = tuple(
            Argument(
                value=self.evaluate(k.value),
                keyword=k.arg,
                is_starred=k.arg is None,
            )
            for k in node.keywords
        )
        return positional + named

    def _Await(self, node: ast.Await) -> Value:
        return self.evaluate(node.value)

    def _Yield(self, node: ast.Yield) -> Value:
        self.returned |= self.evaluate(node.value)
        return frozenset({new(Kind.UNKNOWN)})

    def _YieldFrom(self, node: ast.YieldFrom) -> Value:
        self.returned |= self.evaluate(node.value)
        return frozenset({new(Kind.UNKNOWN)})

    # -- assignment ----------------------------------------------------------------------------
    def assign(self, target: ast.expr, value: Value) -> None:
        """Store ``value`` to ``target``."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, frozenset({new(Kind.LIST, part_of(value))}))
        elif isinstance(target, ast.Attribute):
            base = self.owner(target.value, target.attr, is_store=True)
            self.store(base, target.attr, value)
        elif isinstance(target, ast.Subscript):
            name = self.global_text(target.value, target.slice)
            if name is not None:
                self.bind_global(name, value)
                return
            base = self.evaluate(target.value)
            index = self.evaluate(target.slice)
            if any(o.kind is not Kind.IMMUTABLE for o in index):
                for o in base:
                    o.has_plain_keys = False
            self.store(base, None, value, is_cell=isinstance(target.value, ast.Attribute))
            self.operate("__setitem__", base, index, value)

    def _unpack(self, targets: list[ast.expr], value: Value) -> None:
        items = {o.items for o in value}
        known = items.pop() if len(items) == 1 else None
        starred = any(isinstance(t, ast.Starred) for t in targets)
        if known is not None and len(known) == len(targets) and not starred:
            for target, item in zip(targets, known, strict=True):
                self.assign(target, item)
            return
        is_new = all(o.kind is Kind.UNKNOWN and not o.contains and not o.is_part for o in value)
        if is_new and not self.in_function:  # there it may stand for what a caller gives
            for target in targets:
                self.assign(target, tainted(frozenset({new(Kind.UNKNOWN)}), [value]))
            return
        if self.in_function and not starred and all(o.kind is Kind.UNKNOWN for o in value):
            for index, target in enumerate(targets):
                self.assign(target, frozenset(attribute_symbol(o, f"[{index}]") for o in value))
            return
        items_value = self.elements(value)
        for target in targets:
            self.assign(target, items_value)


def _is_class_of(node: ast.expr) -> bool:
    """Tell whether ``node`` is ``type(x)``: nobody asks for the identity of ``x`` by that."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"


def constant_text(value: Value) -> str | None:
    """Return the text (of a str or a path) that ``value`` surely is, None if unknown."""
    texts = {o.constant for o in value}
    if len(texts) != 1:
        return None
    text = texts.pop()
    return text if isinstance(text, str) else None


def _joined(left: Value, right: Value, operator: ast.operator) -> object:
    first, second = constant_of(left), constant_of(right)
    if isinstance(operator, ast.Add):
        return concatenated((first, second))
    if isinstance(operator, ast.Mod):
        return percent_formatted(first)
    return path_of((first, second)) if isinstance(operator, ast.Div) else None
