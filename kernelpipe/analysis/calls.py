"""What calls do: dispatches to builtins, libraries, the notebook's own code, or unknown code."""

import ast

from kernelpipe.analysis.attributes import tainted
from kernelpipe.analysis.cell_objects import held_by_method, made_in_cells
from kernelpipe.analysis.fields import is_property, narrowed, read_field
from kernelpipe.analysis.global_texts import NAMESPACES
from kernelpipe.analysis.heap import (
    ATOM_VALUE,
    DRAWN,
    GROUPS,
    NOTHING,
    VIEWS,
    WINDOWS,
    Kind,
    Obj,
    Value,
    all_methods,
    cells,
    class_of,
    find_method,
    items_of,
    library_attribute,
    new,
    pair,
    part_of,
    reach,
)
from kernelpipe.analysis.knowledge import PARTIAL
from kernelpipe.analysis.known_methods import (
    changes_arguments,
    draws_plot,
    draws_when_fitted,
    draws_when_split,
    fills_container,
    fits_estimator,
    gives_new,
    gives_view,
    is_prediction,
    is_pure_method,
    may_change_object,
    may_work_in_place,
    mutator_names,
)
from kernelpipe.analysis.library_calls import LibraryCalls
from kernelpipe.analysis.module_calls import ModuleCalls
from kernelpipe.analysis.operators import FUNCTIONS
from kernelpipe.analysis.own_calls import OwnCalls
from kernelpipe.analysis.summaries import Argument, FigureUse
from kernelpipe.analysis.texts import called, constant_of
from kernelpipe.analysis.unknown_calls import all_values, has_keyword, has_random_state, in_order

_NOT_IMPLICIT = frozenset(
    "__init__ __new__ __post_init__ __init_subclass__ __class_getitem__ __call__ "
    "__reduce__ __reduce_ex__ __getstate__ __setstate__ __set_name__ __module__ __doc__".split()
)
_ATTRIBUTE_METHODS = ("__getattr__", "__getattribute__", "__setattr__")
_LOOKING_ON = {
    "groupby": GROUPS,
    **dict.fromkeys(("rolling", "resample", "expanding", "ewm", "pipe"), WINDOWS),
}
_CALLING_BUILTINS = frozenset(
    f"builtins.{name}" for name in ("map", "filter", "sorted", "min", "max", "next")
) | {"functools.reduce", PARTIAL, *FUNCTIONS}
_OPERATIONS = {
    operator: new(Kind.IMPORTED, dotted=dotted) for dotted, operator in FUNCTIONS.items()
}


class Calls(LibraryCalls, OwnCalls, ModuleCalls):
    """Interprets calls."""

    def use(self, value: Value) -> None:
        """Account for functions and classes that can be reached from ``value``: they may run."""
        stack = [o for o in value if o.has_code]
        while stack:
            o = stack.pop()
            if o in self.used:
                continue
            self.used.add(o)
            self.use_module(o)
            stack.extend(each for each in o.contains if each.has_code)
            if o.kind is Kind.INSTANCE:
                stack.extend(class_of(o))
            if o.function is not None and o.symbol is None:
                self.uncertain += 1
                self.instantiate(o, o.function, {}, is_called=False)
                self.uncertain -= 1
            if o.kind is Kind.INSTANCE:
                self._use_operators(o)

    def _use_operators(self, o: Obj) -> None:
        """Account for methods that Python may call unseen: operators, iteration, formatting."""
        for name in all_methods(o):
            if name.startswith("__") and name not in _NOT_IMPLICIT:
                method = find_method(o, name)
                if method is not None:
                    self.call_own_method(o, method, ())

    def owner(self, node: ast.expr, name: str, *, is_store: bool = False) -> Value:
        """Return what the object may be of which attribute ``name`` is read, called or stored.

        Of an object of the notebook's classes, only what defines the attribute runs.
        """
        if not isinstance(node, ast.Name):
            return self.evaluate(node)
        value = self.load(node.id, node)
        is_data = self.world.methods.isdisjoint({name, *_ATTRIBUTE_METHODS})
        for o in value:
            if o.kind is Kind.INSTANCE and o.klass is not None and (is_data or _is_method(o, name)):
                self._use_data(frozenset() if is_store else frozenset(o.contains - {o}), o)
            elif is_store or not _is_class_data(o, name):
                self.use(frozenset({o}))
        return value

    def _use_data(self, held: Value, holder: Obj) -> None:
        """Account for what may run of what an object holds, not of the object itself."""
        was_used = holder in self.used
        self.used.add(holder)
        self.use(held)
        if not was_used:
            self.used.discard(holder)

    def attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be; a property's code runs."""
        if name in NAMESPACES:
            return self.namespace(base)
        value = self.data_attribute(base, name)
        if name not in self.world.methods:
            return value
        for o in base:
            objects = None if self.in_function else narrowed(o, name)
            if objects is not None:
                value |= self.attribute(objects, name)
                continue
            method = find_method(o, name) if o.kind is Kind.INSTANCE else None
            if method is not None:
                if any(m.function is not None and m.function.fills for m in method):
                    self.change((o,), deep=False)
                value |= self.call_own_method(o, method, ())
                if not is_property(o, name):
                    value |= {new(Kind.UNKNOWN, method)}
            elif o.kind is Kind.UNKNOWN:
                value |= self._attribute_of_unknown(o, name)
        return value

    def data_attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be, if nothing runs to make it."""
        if name in self.world.plain_attributes and all(map(self._is_own, base)):
            return ATOM_VALUE
        return super().data_attribute(base, name)

    def _is_own(self, o: Obj) -> bool:
        """Tell whether ``o`` surely is an object of a class that only the notebook defines."""
        if o in self.me:
            return all(map(_is_own_class, frozenset[Obj]().union(*self.bases)))
        return o.kind is Kind.INSTANCE and all(map(_is_own_class, class_of(o)))

    def _attribute_of_unknown(self, o: Obj, name: str) -> Value:
        """Return attribute ``name`` of what may be an instance of the notebook's classes."""
        if self.in_function and is_open(o):
            result = new(Kind.UNKNOWN)
            result.hold((o,), is_certain=False)
            owner = frozenset({o})
            self.put_off(owner, f".{name}", (), result)
            return frozenset({result})
        inside = reach((o,))
        found: set[Obj] = set()
        for each in inside:
            method = self.method_of(each, name)
            if method is not None:
                found |= self.call_own_method(each, method, ())
        if is_open(o) or any(each.is_open for each in inside):
            classes = self.classes_with(name)
            if not classes:
                self.change((o,), deep=True)
            for klass in classes:
                found |= self.call_own_method(o, find_method(klass, name) or NOTHING, ())
        return frozenset(found)

    # -- dispatch --
    def call(self, callee: Value, arguments: tuple[Argument, ...], result: Obj) -> Value:
        """Call each thing that ``callee`` may be; return what the call may give."""
        values: set[Obj] = set()
        if self.in_function and (
            any(is_open(o) for o in callee)
            or _may_call_back(callee, arguments)
            or any(self.touches_open_path(o.dotted or "", arguments) for o in callee)
        ):
            self.put_off(callee, None, arguments, result)
            result.hold(all_values(arguments), is_certain=False)
            return frozenset({result})
        for o in in_order(callee):
            values |= self._call_one(o, arguments)
        self._call_arguments(arguments, NOTHING, callee)
        return frozenset(values)

    def operate_later(self, left: Value, right: Value, operator: ast.operator) -> Value | None:
        """Leave an operator to where the function is used, None if its operands are known."""
        if not self.in_function or not any(is_open(o) for o in left | right):
            return None
        callee = frozenset({_OPERATIONS[type(operator)]})
        result = new(Kind.UNKNOWN)
        return self.call(callee, (Argument(value=left), Argument(value=right)), result)

    def _call_one(self, o: Obj, arguments: tuple[Argument, ...]) -> Value:
        if o.function is not None:
            return self.instantiate(o, o.function, self.match(o.function, arguments))
        if o.klass is not None and o.kind is Kind.CLASS:
            return self.construct(o, arguments)
        if o.kind is Kind.INSTANCE and o.klass is not None:
            return self.call_method(frozenset({o}), "__call__", arguments, new(Kind.UNKNOWN))
        operator = FUNCTIONS.get(o.dotted or "")
        operands = [a.value for a in arguments if a.keyword is None and not a.is_starred]
        if operator is not None and len(operands) == len(("left", "right")):
            return self.combine(operands[0], operands[1], operator())
        if o.kind is Kind.IMPORTED and o.dotted is not None:
            of_module = self.call_module(o, arguments)
            return of_module if of_module is not None else self.call_library(o.dotted, arguments)
        return self._call_object(o, arguments)

    def _call_object(self, o: Obj, arguments: tuple[Argument, ...]) -> Value:
        if o.dotted != PARTIAL or not o.items:
            return self.call_unknown((o,), arguments)
        function, *given = o.items
        bound = tuple(Argument(value=each) for each in given)
        rest = frozenset(o.contains) - frozenset[Obj]().union(*o.items)
        named = Argument(value=rest, is_starred=True)
        return self.call(function, (*bound, *arguments, named), new(Kind.UNKNOWN))

    def _call_arguments(
        self, arguments: tuple[Argument, ...], receiver: Value, callee: Value
    ) -> Value:
        """Call callables among the arguments with the others, as may be; return what they give."""
        functions = [o for o in all_values(arguments) if o.function is not None]
        if not functions or any(o.function is not None or o.klass is not None for o in callee):
            return NOTHING
        data = (o for o in receiver | all_values(arguments) if o.function is None)
        others = part_of(frozenset(o for o in data if o.kind not in (Kind.MODULE, Kind.IMPORTED)))
        results: set[Obj] = set()
        for o in functions:
            if o.function is not None:
                bindings = dict.fromkeys(o.function.parameters.values(), others)
                results |= self.instantiate(o, o.function, bindings)
        return frozenset(results)

    # -- methods --
    def call_method(
        self, receiver: Value, name: str, arguments: tuple[Argument, ...], result: Obj
    ) -> Value:
        """Call method ``name`` of each thing that ``receiver`` may be."""
        if self.in_function and (
            any(is_open(o) for o in receiver)
            or any(self.touches_open_path(f"{o.dotted}.{name}", arguments) for o in receiver)
        ):
            self.put_off(receiver, name, arguments, result)
            result.hold(all_values(arguments) | receiver, is_certain=False)
            return frozenset({result})
        values: set[Obj] = set()
        for o in in_order(receiver):
            values |= self._call_method_of(o, name, arguments)
        results = self._call_arguments(arguments, receiver, NOTHING)
        made = [o for o in values if o.kind in VIEWS and o not in receiver]
        if made and any(o.kind is Kind.FRAME for o in receiver):
            classes = [o for o in all_values(arguments) if o.kind is Kind.CLASS and o.klass]
            given = (Argument(value=part_of(receiver), is_starred=True),)
            results = results.union(*(self.construct(o, given) for o in classes))
            inside = made_in_cells(name, arguments, results)
            for o in made:
                o.hold(inside)
        return tainted(frozenset(values), [receiver])

    def _call_method_of(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> Value:
        if o.kind in (Kind.MODULE, Kind.IMPORTED):
            return self._call_one(library_attribute(o, name), arguments)
        own = find_method(o, name)
        if own is not None:
            is_replaced = o.kind is Kind.INSTANCE and name in (o.fields or ())
            other = self.call_unknown((o,), arguments) if is_replaced else NOTHING
            return self.call_own_method(o, own, arguments) | other
        if o.function is not None and o.function.is_cached and name == "cache_info":
            self.effects.cache_looks.add(o.function.name)
            return ATOM_VALUE
        called = read_field(o, name)
        if called is not None:
            return self.call(called, arguments, new(Kind.UNKNOWN))
        if o.kind is Kind.CLASS or o.klass is not None:
            return self.call_unknown((o,), arguments)
        return self._call_method_of_data(o, name, arguments)

    def _call_method_of_data(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> Value:
        if o.kind is Kind.UNKNOWN and name in self.world.methods:
            return self._call_method_of_unknown(o, name, arguments)
        if name not in self.world.methods:
            self.method_files(o, name, arguments)
            self.patch(o, name)
            self.use_module(o)
        if name in ("query", "eval") and name not in self.world.methods:
            self.read_query(arguments)
        if o.kind is Kind.IMMUTABLE:
            return self._call_text(o, name, arguments)
        if o.kind is Kind.FRAME and draws_plot(name):
            if not has_keyword(arguments, "ax"):
                self.effects.figures.append(FigureUse.DRAW)
            return frozenset({new(Kind.FIGURE)})
        if name in ("sample", "rvs") and not has_random_state(arguments):
            self.draw("@numpy.random")
        self._change_by_method(o, name, arguments)
        return self._method_result(o, name, arguments)

    def _call_method_of_unknown(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> Value:
        """Call a method that the notebook's classes have on what may be one of their objects."""
        inside = reach((o,))
        own = [(each, m) for each in inside if (m := self.method_of(each, name)) is not None]
        values: set[Obj] = set()
        for each, method in own:
            values |= self.call_own_method(each, method, arguments)
        if own and not any(each.is_open or _is_foreign(each) for each in inside):
            return frozenset(values)
        for klass in () if own else self.classes_with(name):
            values |= self.call_own_method(o, find_method(klass, name) or NOTHING, arguments)
        return frozenset(values) | self.call_unknown((o,), arguments)

    def _call_text(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> Value:
        if name in ("iterdir", "glob", "rglob"):
            return frozenset({new(Kind.ITERATOR)})
        if name in ("split", "rsplit", "splitlines"):
            return tainted(frozenset({new(Kind.LIST)}), [frozenset({o})])
        if name == "open":
            return frozenset({new(Kind.FILE)})
        text = called(name, o.constant, [constant_of(a.value) for a in arguments])
        if text is not None:
            made = frozenset({new(Kind.IMMUTABLE, constant=text)})
            return tainted(made, [frozenset({o}), *(a.value for a in arguments)])
        return tainted(ATOM_VALUE, [frozenset({o}), *(a.value for a in arguments)])

    def _change_by_method(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> None:
        values = all_values(arguments)
        self.consume(values)
        if o.kind is Kind.UNKNOWN:
            self._change_by_unknown_method(o, name, arguments)
            return
        if o.kind is Kind.ESTIMATOR:
            held = [h for h in reach((o,)) if h.kind in (Kind.RANDOM, Kind.ITERATOR)]
            if name == "split" and draws_when_split(o.dotted):
                self.change(held, deep=False)
                self._draw_for_fit(o)
            if name in (mutator_names(Kind.ESTIMATOR) or ()):
                self.change([o, *held, *(h for h in reach((o,)) if h.kind is o.kind)], deep=False)
                o.keep(values)
                self._draw_for_fit(o)
            return
        if may_change_object(o.kind, name, arguments):
            self.change((o,), deep=False)
            if o.kind in VIEWS:
                o.hold(held_by_method(o, name, values))
            else:
                o.hold(v for v in values if o.kind is not Kind.FIGURE or v.kind in DRAWN)
            o.items = None
            o.has_plain_keys = o.has_plain_keys and name in ("pop", "popitem", "clear")
        if changes_arguments(o.kind, name):
            self.change(values, deep=True)
        self.change_out(arguments)

    def _change_by_unknown_method(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> None:
        values = all_values(arguments)
        self.change((h for h in reach((o,)) if h.kind is Kind.RANDOM), deep=False)
        if fits_estimator(name) and name not in self.world.methods:
            self.change((o,), deep=True)
            o.keep(values)
            self._draw_for_fit(o)
        elif fills_container(name) and name not in self.world.methods:
            inside = reach((o,))  # it may be anything that it seems to hold
            self.change(inside, deep=False)
            for each in inside:
                if each.kind not in VIEWS:
                    each.hold(values, is_certain=each is o)
        elif (
            not is_pure_method(name)
            or name in self.world.methods
            or may_work_in_place(name, arguments)
        ):
            self.call_unknown((o,), arguments)
        self.change_out(arguments)

    def _method_result(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> Value:
        if o.kind in (Kind.FRAME, Kind.ARRAY):
            is_view = gives_view(name) and name != "pop"  # nobody else has popped data any more
            held = frozenset({o}) if is_view else cells(o)
            kind = Kind.ARRAY if name in ("to_numpy", "unique") else o.kind
            value = frozenset({new(kind, held, constant=_LOOKING_ON.get(name))})
        elif o.kind is Kind.DICT and name == "items" and o.has_plain_keys and not o.is_open:
            made = new(Kind.ITERATOR, (o,))
            made.items = (pair(ATOM_VALUE, part_of(frozenset({o}))),)
            value = frozenset({made})
        elif o.kind is Kind.ESTIMATOR and name in ("fit", "partial_fit", "set_params"):
            value = frozenset({o})
        elif o.kind is Kind.RANDOM and name in ("choice", "choices", "sample"):
            drawn = all_values(arguments)
            if (o.dotted or "").startswith("numpy."):
                data = frozenset(each for each in drawn if each.kind in VIEWS)
                drawn = (drawn - data).union(*map(cells, data))
            items = items_of(drawn)
            value = frozenset({new(Kind.LIST, items)}) | (items if name == "choice" else NOTHING)
        elif o.kind in (Kind.RANDOM, Kind.ESTIMATOR) or is_prediction(name):
            value = frozenset({new(Kind.ARRAY)})
        elif o.kind in (Kind.DICT, Kind.LIST, Kind.SET) and name == "copy":
            value = frozenset({new(o.kind, part_of(frozenset({o})))})
        elif name == "copy" and not arguments and name not in self.world.methods:
            value = frozenset({new(Kind.UNKNOWN, part_of(frozenset({o})))})
        elif gives_new(name) and name not in self.world.methods:
            value = frozenset({new(Kind.UNKNOWN)})
        else:
            value = part_of(frozenset({o}) | all_values(arguments))
        return value

    def _draw_for_fit(self, o: Obj) -> None:
        if o.constant != "random_state" and draws_when_fitted(o.dotted):
            self.draw("@numpy.random")


def _is_foreign(o: Obj) -> bool:
    """Tell whether nothing is known of an object, but that it is no part of one that is known."""
    return o.kind is Kind.UNKNOWN and not o.is_part


def is_open(o: Obj) -> bool:
    """Tell whether a function body cannot know what ``o`` is before it is called."""
    if o.symbol is not None:
        return True
    return (o.is_part or o.kind is Kind.UNKNOWN) and any(
        each.symbol is not None for each in reach((o,))
    )


def _may_call_back(callee: Value, arguments: tuple[Argument, ...]) -> bool:
    return any(o.dotted in _CALLING_BUILTINS for o in callee) and any(
        is_open(o) for o in all_values(arguments)
    )


def _is_own_class(o: Obj) -> bool:
    """Tell whether a class and all its bases are the notebook's, or ``object``."""
    if o.kind is not Kind.CLASS or o.klass is None:
        return o.dotted == "builtins.object"
    return all(map(_is_own_class, frozenset[Obj]().union(*o.klass.bases)))


def _is_method(o: Obj, name: str) -> bool:
    found = find_method(o, name)
    return found is not None and all(each.function is not None for each in found)


def _is_class_data(o: Obj, name: str) -> bool:
    """Tell whether attribute ``name`` of ``o`` is data of a class of the notebook."""
    found = find_method(o, name) if o.kind is Kind.CLASS else None
    return found is not None and not any(each.has_code for each in found)
