"""The attributes of the notebook's own objects, told apart by their names.

An instance of a class that only the notebook defines has one place for each attribute. In a
function body, where nobody knows yet what an object is, an attribute of it is a symbol. What code
may store by other ways (``setattr``, ``__dict__``, a library) the instance holds itself, so it may
be in any attribute.
"""

from types import GeneratorType

from kernelpipe.analysis.heap import (
    CONTAINERS,
    NOTHING,
    Kind,
    Obj,
    Value,
    find_method,
    in_place,
    items_of,
    new,
    part_of,
    reach,
)
from kernelpipe.analysis.summaries import Argument

_SPECIAL = frozenset(
    "__getattr__ __getattribute__ __setattr__ __delattr__ __new__ __get__ __set__".split()
)
_PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_CONTAINERS = CONTAINERS | {Kind.GENERATOR, Kind.FIELD}
_OF_CONTAINERS = frozenset(
    name for kind in (list, dict, set, tuple, frozenset, GeneratorType) for name in dir(kind)
) | frozenset(
    "popleft appendleft extendleft rotate maxlen most_common elements move_to_end".split()
)
FIELDS = frozenset({"dataclasses.field", "attr.ib", "attr.field", "attrs.field"})
"""What describes a field of a class, and may hold the function that makes its first value."""
_MOST = 200
"""How many objects are looked through for those that have an attribute."""


def has_plain_classes(o: Obj) -> bool:
    """Tell whether nothing but stores by name fills the attributes of instances of class ``o``."""
    if o.kind is not Kind.CLASS or o.klass is None:
        return o.dotted in _PLAIN_BASES
    return (
        o.klass.is_plain
        and _SPECIAL.isdisjoint(o.klass.methods)
        and all(has_plain_classes(each) for base in o.klass.bases for each in base)
    )


def classes_of(o: Obj) -> list[Obj]:
    """Return the notebook's classes of an instance or a class: its own first, then the bases'."""
    found: list[Obj] = []
    stack = [o] if o.kind is Kind.CLASS else [k for k in o.keeps if k.klass is o.klass]
    while stack:
        each = stack.pop()
        if each.klass is not None and each not in found:
            found.append(each)
            stack += sorted({b for base in each.klass.bases for b in base}, key=lambda b: b.serial)
    return found


def class_fields(o: Obj) -> list[tuple[str, Value]]:
    """Return the data that a class and its bases have: attribute and value, without functions."""
    return [
        (name, frozenset(v for v in value if v.kind not in (Kind.FUNCTION, Kind.CLASS)))
        for klass in classes_of(o)
        if klass.klass is not None
        for name, value in klass.klass.methods.items()
    ]


def given_fields(o: Obj, arguments: tuple[Argument, ...]) -> list[tuple[str, Value]] | None:
    """Return the attributes that the arguments of a dataclass become.

    None if ``o`` is no dataclass, or has an ``__init__`` of its own, or that is not known.
    """
    classes = classes_of(o)
    for index, klass in enumerate(classes):
        if klass.klass is None or "__init__" in klass.klass.methods:
            return None
        if klass.klass.arguments is not None:
            return _matched(classes[index:], arguments)
    return None


def _matched(classes: list[Obj], arguments: tuple[Argument, ...]) -> list[tuple[str, Value]] | None:
    names = dict.fromkeys(
        name
        for klass in reversed(classes)
        for name in (klass.klass.arguments or () if klass.klass else ())
    )
    places = iter(names)
    found: list[tuple[str, Value]] = []
    for argument in arguments:
        name = next(places, None) if argument.keyword is None else argument.keyword
        if argument.is_starred or name is None:
            return None
        found.append((name, argument.value))
    return found


def store_field(o: Obj, name: str, value: Value) -> None:
    """Let attribute ``name`` of an instance or a class be ``value``, or what it was."""
    fields = o.fields or {}
    place = fields.get(name)
    if place is None:
        place = new(Kind.FIELD)
        place.items = (NOTHING,)
        o.fields = {**fields, name: place}
        o.hold((place,))
    before = place.items[0] if place.items else NOTHING
    if not value <= before:
        place.items = (before | value,)
        place.hold(value)


def read_field(o: Obj, name: str) -> Value | None:
    """Return what attribute ``name`` of an instance may be.

    None if that is not known, or if it is no data: a method, a property, a descriptor.
    """
    if o.kind is not Kind.INSTANCE or o.fields is None or o.is_open or name.startswith("__"):
        return None
    loose = frozenset(o.contains - set(o.fields.values()))
    found = set(loose | items_of(loose))
    for klass in classes_of(o):
        later = (klass.fields or {}).get(name)
        own = klass.klass.methods.get(name, ()) if klass.klass else ()
        held = [each for each in own if each.dotted not in FIELDS]
        held += in_place(later) if later is not None else ()
        if klass.is_open or any(each.has_code or each.kind is Kind.UNKNOWN for each in held):
            return None
        found.update(held)
    place = o.fields.get(name)
    if place is not None:
        if place.is_open:
            return None
        found |= in_place(place)
    if not found:
        return None
    value = frozenset(found)
    return value | part_of(value) if _is_recursive(value, name) else value


def dict_of(o: Obj) -> Obj:
    """Return the dict of the attributes of an instance: what is put into it is put into that."""
    made = new(Kind.DICT, o.contains)
    made.wholes = (o,)
    made.is_open = True
    return made


def _is_recursive(value: Value, name: str) -> bool:
    """Tell whether ``value`` leads to objects that have such an attribute themselves.

    A loop may walk along it any number of times, so all of them may be meant.
    """
    if not any(o.has_code for o in value):
        return False
    return any(name in (o.fields or ()) for o in reach(value))


def is_property(o: Obj, name: str) -> bool:
    """Tell whether ``name`` is a property of an instance, so that its code gives all that it is."""
    if o.kind is not Kind.INSTANCE or o.fields is None or o.is_open:
        return False
    found = find_method(o, name) or ()
    return bool(found) and all(
        each.function is not None and each.function.binding == "builtins.property" for each in found
    )


def attribute_symbol(o: Obj, name: str) -> Obj:
    """Return what stands for attribute ``name`` of ``o`` in a function body.

    An attribute of the same name further up stands for all below it: code may walk any number of
    times along it.

    Args:
        o: What is not known in the function body.
        name: The attribute, or a place as "[0]" for an item of it.
    """
    fields = o.fields or {}
    if name not in fields:
        above: Obj | None = o
        while above is not None:
            if above.symbol == ("attribute", name):
                return next(iter(part_of(frozenset({o}))))
            above = above.base or (above.wholes[0] if above.is_part and above.wholes else None)
        made = new(Kind.UNKNOWN, symbol=("attribute", name))
        made.base = o
        o.fields = {**fields, name: made}
    return o.fields[name] if o.fields is not None else o


def narrowed(o: Obj, name: str) -> Value | None:
    """Return which of all that a part may be have attribute ``name``; None if that is not known."""
    if o.kind is not Kind.UNKNOWN or not o.is_part or o.constant is not None:
        return None
    if name in _OF_CONTAINERS or name.startswith("__"):
        return None
    inside = reach((o,))
    found: set[Obj] = set()
    for each in inside if len(inside) <= _MOST else ():
        if each.kind is Kind.UNKNOWN or each.kind in _CONTAINERS:
            if each.is_open or not (each.is_part or each.kind in _CONTAINERS):
                return None
        elif each.kind is Kind.INSTANCE and (each.fields is None or each.is_open):
            return None
        elif not each.has_code or each.is_open or _may_have(each, name):
            found.add(each)
    return frozenset(found) if any(o.kind is Kind.INSTANCE for o in found) else None


def _may_have(o: Obj, name: str) -> bool:
    """Tell whether an instance, a class or a function may have attribute ``name``."""
    return (
        name in (o.fields or ())
        or (o.kind is Kind.INSTANCE and not o.contains <= set((o.fields or {}).values()))
        or any(
            name in (klass.klass.methods if klass.klass else ()) or name in (klass.fields or ())
            for klass in classes_of(o)
        )
    )
