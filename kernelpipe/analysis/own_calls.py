"""Calls of the notebook's own functions and classes: their summaries applied where they run."""

from collections.abc import Iterable
from dataclasses import replace

from kernelpipe.analysis.attributes import tainted
from kernelpipe.analysis.cell_objects import held_by_copy
from kernelpipe.analysis.core import ANYTHING
from kernelpipe.analysis.fields import (
    FIELDS,
    class_fields,
    given_fields,
    has_plain_classes,
    store_field,
)
from kernelpipe.analysis.heap import (
    ATOM_VALUE,
    CLASS_OF,
    NOTHING,
    WITH_CODE,
    Kind,
    Obj,
    Value,
    class_of,
    find_method,
    new,
    part_of,
)
from kernelpipe.analysis.recursion import Recursion
from kernelpipe.analysis.summaries import Argument, DeferredCall, Effects, FunctionSummary
from kernelpipe.analysis.unknown_calls import UnknownCalls, all_values, in_order

_MAX_DEPTH = 40
_OF_OBJECT = frozenset(
    "__init__ __new__ __init_subclass__ __repr__ __str__ __hash__ __eq__".split()
)
"""Methods that every class has and that change nothing there."""


class OwnCalls(UnknownCalls):
    """Applies the summaries of functions and classes."""

    @staticmethod
    def match(function: FunctionSummary, arguments: tuple[Argument, ...]) -> dict[Obj, Value]:
        """Return parameter symbol -> what it is given; starred arguments may go anywhere."""
        bindings: dict[Obj, Value] = {
            function.parameters[n]: v for n, v in function.defaults.items()
        }
        anywhere = frozenset[Obj]().union(
            *(part_of(a.value) | a.value for a in arguments if a.is_starred)
        )
        rest: set[Obj] = set()
        position = 0
        for argument in arguments:
            if argument.is_starred:
                continue
            name = argument.keyword
            if name is None and position < len(function.positional):
                name = function.positional[position]
                position += 1
            if name is not None and name in function.parameters:
                bindings[function.parameters[name]] = argument.value
            else:
                rest |= argument.value
        for name in (function.vararg, function.kwarg):
            if name:
                held = new(Kind.TUPLE if name == function.vararg else Kind.DICT, rest | anywhere)
                bindings[function.parameters[name]] = frozenset({held})
        for symbol in function.parameters.values():
            bindings[symbol] = bindings.get(symbol, NOTHING) | anywhere
        return bindings

    def construct(self, o: Obj, arguments: tuple[Argument, ...]) -> Value:
        """Make an instance of a class of the notebook."""
        site = (o, *self.sites)
        instance = self.instances.get(site)
        if instance is None:
            instance = self.instances[site] = self._instance(o)
        fields = given_fields(o, arguments)
        if instance.fields is not None:
            for name, value in fields or ():
                store_field(instance, name, value)
        if instance.fields is None or (fields is None and not self._is_seen_through(instance)):
            instance.hold(all_values(arguments))
        made = self._made_by_class(o, instance, arguments)
        for name in ("__init__", "__post_init__"):
            method = find_method(instance, name)
            given = arguments if name != "__post_init__" else ()
            for each in in_order(made) if method is not None else ():
                self.call_own_method(each, method or NOTHING, given)
        for field in tuple(instance.contains):
            if field.dotted in FIELDS:
                instance.hold(self._made_by(field))
        self.use(frozenset({instance}))
        return tainted(frozenset(made), [a.value for a in arguments])

    def _made_by_class(self, o: Obj, instance: Obj, arguments: tuple[Argument, ...]) -> Value:
        """Return what ``__new__`` may give: a new instance, or one that its class has kept."""
        made = {instance}
        klass = Argument(value=frozenset({instance, o}))
        for each in in_order(find_method(instance, "__new__") or NOTHING):
            if each.function is not None:
                given = self.match(each.function, (klass, *arguments))
                made |= {v for v in self.instantiate(each, each.function, given) if v.has_code}
            else:
                made |= self.call_unknown((instance, o), arguments)
        return frozenset(made)

    def _instance(self, o: Obj) -> Obj:
        """Return an instance of class ``o`` before anything is done to it."""
        instance = new(Kind.INSTANCE)
        instance.keep((o,))
        instance.klass = o.klass
        instance.has_identity = find_method(instance, "__eq__") is None
        if has_plain_classes(o):
            instance.fields = {}
            for name, value in class_fields(o):
                self._fill(instance, name, value)
        else:
            instance.hold(class_data(o))
        return instance

    def _fill(self, instance: Obj, name: str, value: Value) -> None:
        """Give an instance what its class has for an attribute."""
        for each in value:
            is_description = each.dotted in FIELDS
            store_field(instance, name, self._made_by(each) if is_description else value)

    def _made_by(self, field: Obj) -> Value:
        """Return what the description of a field says: its default, or what its factory makes."""
        given = frozenset[Obj]().union(*(field.items or ()), field.contains)
        factory = frozenset(o for o in given if o.function or o.kind is Kind.IMPORTED)
        return (given - factory) | self.call(factory, (), new(Kind.UNKNOWN))

    def _is_seen_through(self, instance: Obj) -> bool:
        """Tell whether all is known that making ``instance`` does with what it is given."""
        init = find_method(instance, "__init__")
        return init is not None and all(
            each.function is not None
            and (each.function, True) not in self.active
            and len(self.active) <= _MAX_DEPTH
            for each in init
        )

    def instantiate(
        self,
        o: Obj,
        function: FunctionSummary,
        bindings: dict[Obj, Value],
        *,
        is_called: bool = True,
    ) -> Value:
        """Apply a function's effects here, with its symbols replaced by what they stand for.

        A function that is only mentioned may be called by someone: then nothing is known of its
        parameters, and its effects on globals may or may not happen.
        """
        key = (function, is_called)
        if key in self.active or len(self.active) > _MAX_DEPTH:
            return self.recursions.setdefault(function, Recursion()).note(bindings)
        self.budget -= 1
        if self.budget < 0:
            return self.call_unknown((o, *frozenset[Obj]().union(*bindings.values())), ())
        self.active.append(key)
        self.uncertain += 1
        mapping: dict[Obj, Value] = {**(o.closure or {}), **bindings}
        translate = _Translation(self, mapping, function.serials)
        if function.is_cached:
            self._apply_cached(function, translate)
        else:
            self._apply(function, translate)
        deeper = self.recursions.pop(function, None)
        result: set[Obj] = set()
        for each in function.result:
            result |= translate.of(each)
        if deeper is not None:
            deeper.give(result, frozenset[Obj]().union(*bindings.values()))
            self.change(deeper.changed(self.effects.changed.keys(), bindings), deep=True)
        if function.is_cached:
            given = self.effects.cached_values.get(function.name, NOTHING)
            self.effects.cached_values[function.name] = given | result
        self.uncertain -= 1
        self.active.pop()
        if function.is_generator:
            dotted = "contextlib.suppress" if function.swallows else None
            return frozenset({new(Kind.GENERATOR, result, dotted=dotted)})
        return frozenset(result) or ATOM_VALUE

    def _apply(self, function: FunctionSummary, translate: "_Translation") -> None:
        effects = function.effects
        for name in sorted(effects.reads):
            self.use(self.load_global(name))
        for call in effects.calls:
            self._replay_call(call, translate)
        translate.refresh()
        changed = [(o, deep, translate.of(o)) for o, deep in effects.changed.items()]
        results = {call.result for call in effects.calls}
        for each in (*translate.mapping, *translate.attributes):
            if each.symbol is not None or each in results:
                self._copy_holdings(each, translate, is_certain=each in results)
        for name in effects.reads:
            self._copy_holdings(self.world.symbol(name), translate)
        for o, deep, value in changed:
            self.change(value, deep=deep)
            self._change_library(value, is_attribute=o.base is not None)
        self.effects.identity |= translate.of_all(effects.identity)
        self.effects.hidden |= translate.of_all(effects.hidden)
        self.look_up(translate.of_all(effects.lookups))
        for name, value in sorted(effects.binds.items()):
            self._bind_global(name, translate.of_all(value))
        for name in effects.deletes:
            self._bind_global(name, NOTHING)
        self.effects.states.extend(effects.states)
        self.effects.module_reads |= effects.module_reads
        self.effects.module_changes |= effects.module_changes
        self.effects.files |= effects.files
        self.effects.foreign_stores.extend(effects.foreign_stores)
        self.effects.session.extend(effects.session)
        self.effects.figures.extend(effects.figures)
        self.effects.is_opaque = self.effects.is_opaque or effects.is_opaque
        self.effects.reads_everything |= effects.reads_everything
        self.effects.reads_unseen |= effects.reads_unseen
        is_called = (function, True) in self.active  # else it is only mentioned
        self.effects.lists_classes |= effects.lists_classes and is_called
        if effects.names_definitions:
            self.load_definitions()
        self.effects.shows |= effects.shows
        self.effects.cached_calls |= effects.cached_calls
        self.effects.cache_looks |= effects.cache_looks

    def _change_library(self, value: Value, *, is_attribute: bool) -> None:
        """Record a change of a library, which a function made of a name not known when it was read.

        What is imported above a function is known there (``load_global``).
        """
        for o in value:
            if o.kind is Kind.IMPORTED and is_attribute:
                self.store_into_library(o, None)
                continue
            for whole in o.wholes if o.is_part else (o,):
                if whole.kind is Kind.MODULE:
                    self.effects.foreign_stores.append(whole.dotted or "a library")
                elif whole.kind is Kind.IMPORTED:
                    self.changes_state(whole.dotted)

    def _apply_cached(self, function: FunctionSummary, translate: "_Translation") -> None:
        """Apply the effects of a cached function, and note it if anybody can see whether it ran."""
        outer, self.effects = self.effects, Effects()
        first = new(Kind.UNKNOWN).serial
        self._apply(function, translate)
        inner, self.effects = self.effects, outer
        outer.add(inner)
        is_outermost = len({(function, True), (function, False)} & set(self.active)) == 1
        if is_outermost and _is_seen(inner, first):
            outer.cached_calls.add(function.name)

    def _replay_call(self, call: DeferredCall, translate: "_Translation") -> None:
        arguments = tuple(
            Argument(value=translate.of_all(a.value), keyword=a.keyword, is_starred=a.is_starred)
            for a in call.arguments
        )
        callee = translate.of_all(call.callee)
        result = new(Kind.UNKNOWN)
        with self.at(call.site):
            translate.mapping[call.result] = self._replay(call, callee, arguments, result)

    def _replay(
        self, call: DeferredCall, callee: Value, arguments: tuple[Argument, ...], result: Obj
    ) -> Value:
        if call.method is None:
            return self.call(callee, arguments, result)
        name = call.method[1:]
        if call.method.startswith("="):
            is_item = name in ("", "[]")
            attribute = None if is_item else name
            self.store(callee, attribute, arguments[0].value, is_cell=name == "[]")
            return NOTHING
        if call.method.startswith("."):
            return self.attribute(callee, name)
        return self.call_method(callee, call.method, arguments, result)

    @staticmethod
    def _copy_holdings(symbol: Obj, translate: "_Translation", *, is_certain: bool = False) -> None:
        """Give real objects what the function body put into what stands for them.

        Args:
            symbol: What stands for them: a symbol, or the result of a call that was put off.
            translate: Where the function is used.
            is_certain: What ``symbol`` holds as a guess is known by now.
        """
        held_by_symbol = symbol.contains - symbol.guessed if is_certain else symbol.contains
        for real in translate.of(symbol) if held_by_symbol else ():
            if real is not symbol and real.kind not in (Kind.IMMUTABLE, Kind.IMPORTED, Kind.MODULE):
                for held in tuple(held_by_symbol):
                    value = held_by_copy(real, held, translate.of(held))
                    real.hold(value, is_certain=held not in symbol.guessed)

    def _bind_global(self, name: str, value: Value) -> None:
        if self.in_function:
            self.effects.reads.add(name)
            self.effects.binds[name] = self.effects.binds.get(name, NOTHING) | value
        else:
            self.bind_maybe(name, value)

    def call_own_method(self, o: Obj, method: Value, arguments: tuple[Argument, ...]) -> Value:
        """Call a method that the notebook defines, with ``o`` as its first argument."""
        values: set[Obj] = set()
        for each in in_order(method):
            if each.function is not None:
                me = _first_argument(o, each.function)
                bindings = self.match(each.function, (*me, *arguments))
                values |= self.instantiate(each, each.function, bindings)
            elif each.kind is Kind.INSTANCE:
                values |= self._call_descriptor(o, each, arguments)
            else:
                values |= self.call_unknown((o,), arguments)
        return frozenset(values)

    def _call_descriptor(self, o: Obj, each: Obj, arguments: tuple[Argument, ...]) -> Value:
        """Read or store an attribute that an object of the class stands for."""
        values: set[Obj] = {each}
        me = Argument(value=frozenset({o}))
        for name in ("__get__", "__set__", "__call__"):
            own = find_method(each, name)
            if own is not None:
                values |= self.call_own_method(each, own, (me, *arguments))
        return frozenset(values)

    def method_of(self, o: Obj, name: str) -> Value | None:
        """Return method ``name`` of an instance's class, None if the notebook defines none."""
        return find_method(o, name) if o.kind is Kind.INSTANCE else None

    def call_super(self, name: str, arguments: tuple[Argument, ...]) -> Value:
        """Call method ``name`` of the classes above the one whose method this is."""
        values: set[Obj] = set()
        is_known = False
        for base in frozenset[Obj]().union(*self.bases):
            method = find_method(base, name) if base.kind is Kind.CLASS else None
            for me in self.me if method is not None else ():
                is_known = True
                values |= self.call_own_method(me, method or NOTHING, arguments)
        if not is_known and name not in _OF_OBJECT:
            values |= self.call_unknown(self.me, arguments)
        return frozenset(values) | (self.me if name == "__new__" else NOTHING)


class _Translation:
    """Replaces the symbols and local objects of a function body for one use of it."""

    def __init__(self, calls: OwnCalls, mapping: dict[Obj, Value], own: range) -> None:
        self._calls = calls
        self._own = own
        self.mapping = mapping
        self._clones: dict[Obj, Obj] = {}
        self.attributes: set[Obj] = set()
        """Symbols of attributes that were asked for; what they are may change with each store."""

    def of_all(self, value: Iterable[Obj]) -> Value:
        result: set[Obj] = set()
        for o in value:
            result |= self.of(o)
        return frozenset(result)

    def of(self, o: Obj) -> Value:
        known = self.mapping.get(o)
        if known is not None:
            return known
        if o.kind in (Kind.IMMUTABLE, Kind.MODULE, Kind.IMPORTED):
            return frozenset({o})
        if o.symbol is not None:
            return self._of_symbol(o, o.symbol)
        if o.is_part:
            return self._of_part(o)
        return self._clone(o) if o.serial in self._own else frozenset({o})

    def _of_part(self, o: Obj) -> Value:
        self.mapping[o] = NOTHING
        wholes = self.of_all(o.wholes)
        if o.constant is CLASS_OF:
            self.mapping[o] = frozenset[Obj]().union(*map(class_of, wholes))
        else:
            self.mapping[o] = self._calls.part(wholes)
        return self.mapping.pop(o)  # another time there may be more in them

    def refresh(self) -> None:
        """Put into clones what the attributes that they hold have become meanwhile."""
        for o, clone in tuple(self._clones.items()):
            for held in o.contains - o.guessed:
                if held.base is not None:
                    clone.hold(held_by_copy(clone, held, self.of(held)))

    def _of_symbol(self, o: Obj, symbol: tuple[str, str]) -> Value:
        kind, name = symbol
        if kind == "attribute" and o.base is not None:
            self.attributes.add(o)
            base = self.of(o.base)
            is_item = name.startswith("[")
            return (
                self._calls.item(base, int(name[1:-1]))
                if is_item
                else self._calls.data_attribute(base, name)
            )
        if kind == "global":
            is_any = name == ANYTHING
            value = self._calls.anything() if is_any else self._calls.load_global(name)
        else:
            value = frozenset({o}) if self._calls.in_function else NOTHING
        self.mapping[o] = value
        return value

    def _clone(self, o: Obj) -> Value:
        clone = new(o.kind, dotted=o.dotted, constant=o.constant)
        clone.function, clone.klass, clone.is_tainted = o.function, o.klass, o.is_tainted
        clone.closure = self.mapping if o.function is not None else None
        clone.is_open, clone.has_plain_keys = o.is_open, o.has_plain_keys
        self.mapping[o] = frozenset({clone})
        self._clones[o] = clone
        self._copy_class(o, clone)
        if o.fields is not None and o.kind in WITH_CODE:
            places = {name: self.of(place) for name, place in o.fields.items()}
            clone.fields = {name: next(iter(place)) for name, place in places.items()}
        for held in o.contains - o.guessed:
            clone.hold(held_by_copy(clone, held, self.of(held)))
        clone.hold(self.of_all(o.guessed), is_certain=False)
        clone.keep(self.of_all(o.keeps))
        if o.items is not None:
            clone.items = tuple(self.of_all(item) for item in o.items)
        return self.mapping[o]

    def _copy_class(self, o: Obj, clone: Obj) -> None:
        """Let the methods of a class that the function made see what the function was given."""
        if o.klass is None:
            return
        if o.kind is not Kind.CLASS:
            for klass in o.keeps:
                if klass.klass is o.klass:
                    clone.klass = next((k.klass for k in self.of(klass)), o.klass)
            return
        methods = {name: self.of_all(value) for name, value in o.klass.methods.items()}
        bases = tuple(self.of_all(base) for base in o.klass.bases)
        if (methods, bases) != (o.klass.methods, o.klass.bases):
            clone.klass = replace(o.klass, methods=methods, bases=bases)


def _first_argument(o: Obj, function: FunctionSummary) -> tuple[Argument, ...]:
    """Return what a method is given before its arguments: its object, its class or nothing."""
    if function.binding == "builtins.staticmethod":
        return ()
    if function.binding == "builtins.classmethod":
        return (Argument(value=frozenset({o}) if o.kind is Kind.CLASS else class_of(o)),)
    return () if o.kind is Kind.CLASS else (Argument(value=frozenset({o})),)


def _is_seen(effects: Effects, first: int) -> bool:
    """Tell whether anybody can see that a function was called, by more than its result.

    Args:
        effects: Of the call.
        first: Serial number that what the call makes is above.
    """
    return bool(
        effects.shows
        or effects.binds
        or effects.states
        or effects.files
        or effects.is_opaque
        or any(o.serial < first for o in effects.changed)
        or effects.calls
    )


def class_data(o: Obj) -> Value:
    """Return what the attributes of a class and of its bases hold, less their functions."""
    if o.klass is None:
        return NOTHING
    found = {
        held
        for value in o.klass.methods.values()
        for held in value
        if held.kind not in (Kind.FUNCTION, Kind.CLASS)
    }
    inherited = (class_data(each) for base in o.klass.bases for each in base)
    return frozenset(found).union(*inherited)
