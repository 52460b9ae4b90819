"""What attributes and items may be, and what storing to them does."""

from collections.abc import Iterable

from kernelpipe.analysis.cell_objects import held_by_store
from kernelpipe.analysis.fields import (
    attribute_symbol,
    dict_of,
    is_property,
    narrowed,
    read_field,
    store_field,
)
from kernelpipe.analysis.heap import (
    ATOM_VALUE,
    LABELS,
    NOTHING,
    VIEWS,
    Kind,
    Obj,
    Value,
    class_of,
    data_attribute,
    item_at,
    items_of,
    library_attribute,
    new,
    part_of,
)
from kernelpipe.analysis.operators import Operators
from kernelpipe.analysis.summaries import Argument
from kernelpipe.analysis.texts import attribute_of

_NOT_KNOWN_YET = (Kind.UNKNOWN, Kind.LIST, Kind.DICT, Kind.SET, Kind.TUPLE)
"""Kinds of which a function body does not know what they are or hold when it is called."""
_WITH_FIELDS = (Kind.CLASS, Kind.FUNCTION)
_PLAIN_ATTRIBUTES = frozenset(
    "shape ndim size dtype empty __name__ __qualname__ __module__ __doc__".split()
)


class Attributes(Operators):
    """Reads and stores attributes."""

    def item(self, base: Value, index: int) -> Value:
        """Return what item ``index`` of ``base`` may be."""
        result: set[Obj] = set()
        for o in base:
            item = None if self.in_function else item_at(o, index)
            result |= self.part(frozenset({o})) if item is None else item
        return frozenset(result)

    def data_attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be, if nothing runs to make it."""
        result: set[Obj] = set()
        for o in base:
            if self.in_function and o.kind in _NOT_KNOWN_YET and name not in _PLAIN_ATTRIBUTES:
                result |= class_of(o) if name == "__class__" else {attribute_symbol(o, name)}
                continue
            value = _of_kind(o, name)
            if o.kind in (Kind.MODULE, Kind.IMPORTED):
                self.use(value or NOTHING)
            if value is None:
                value = self._fields_of(o, name)
            result |= part_of(frozenset({o})) if value is None else value
        return frozenset(result)

    def _fields_of(self, o: Obj, name: str) -> Value | None:
        """Return attribute ``name`` of an instance or of what may be one; None if not known."""
        objects = narrowed(o, name)
        if objects is not None:
            return self.data_attribute(objects, name)
        return NOTHING if is_property(o, name) else read_field(o, name)

    def part(self, value: Value) -> Value:
        """Return what is in ``value``; what a function's own lists get is not known in it yet."""
        return part_of(value) if self.in_function else items_of(value)

    def store(self, base: Value, name: str | None, value: Value, *, is_cell: bool = False) -> None:
        """Store ``value`` to attribute ``name`` of ``base``, to an item if that is None."""
        later = frozenset(o for o in base if self.in_function and o.kind is Kind.UNKNOWN)
        if later:
            given = (Argument(value=value),)
            self.put_off(later, f"={name or ('[]' if is_cell else '')}", given, new(Kind.UNKNOWN))
        for o in base - later:
            objects = narrowed(o, name) if name is not None else None
            if objects is not None and name is not None:
                self.store(objects, name, value)
            elif o.kind in (Kind.MODULE, Kind.IMPORTED):
                self.store_into_library(o, name)
            else:
                _store_into(o, name, value, is_cell=is_cell)
                if o.kind in VIEWS:
                    o.hold(self.filled_later(value))
                self.change((o,), deep=False)
        if name is not None:
            self.operate(name, base - later, value)
        self.change((o for o in base if o.dotted == "collections.ChainMap"), deep=True)

    def store_into_library(self, o: Obj, attribute: str | None) -> None:
        """Record that an attribute or item of a library object is set or changed."""
        dotted = o.dotted or ""
        state = "sys.path" if (dotted, attribute) == ("sys", "path") else dotted
        if self.stores_in_module(o, attribute) or self.changes_state(state):
            return
        self.effects.foreign_stores.append(f"{dotted}.{attribute}" if attribute else dotted)


def _of_kind(o: Obj, name: str) -> Value | None:
    """Return an attribute that objects of a kind have, None if it is none of these."""
    if o.kind in (Kind.MODULE, Kind.IMPORTED):
        return frozenset({library_attribute(o, name)})
    if name == "__class__":
        return class_of(o)
    if o.kind is Kind.FRAME and name in ("columns", "index"):
        return frozenset({new(Kind.FRAME, (o,), constant=LABELS)})
    if name in _PLAIN_ATTRIBUTES:
        return ATOM_VALUE
    value: Value | None = None
    if name == "__dict__" and o.kind is Kind.INSTANCE:
        value = frozenset({dict_of(o)})
    elif o.kind in VIEWS:
        value = data_attribute(o, name)
    elif o.kind is Kind.IMMUTABLE and (text := attribute_of(o.constant, name)) is not None:
        value = tainted(frozenset({new(Kind.IMMUTABLE, constant=text)}), [frozenset({o})])
    return value


def _store_into(o: Obj, name: str | None, value: Value, *, is_cell: bool) -> None:
    is_special = name is not None and name.startswith("__")
    if is_special:
        o.fields = None  # another class, or another dict
    if name is not None and not is_special and (o.fields is not None or o.kind in _WITH_FIELDS):
        store_field(o, name, value)
    else:
        o.hold(held_by_store(o, value, attribute=name, is_cell=is_cell))
        o.items = None


def tainted(value: Value, sources: Iterable[Value]) -> Value:
    """Return ``value``, marked when one of ``sources`` differs from process to process."""
    if not any(o.is_tainted for source in sources for o in source):
        return value
    marked = set()
    for o in value:
        each = new(Kind.IMMUTABLE) if o.kind is Kind.IMMUTABLE else o
        each.is_tainted = True
        marked.add(each)
    return frozenset(marked)
