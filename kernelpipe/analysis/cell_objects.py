"""What arrays and frames hold: data is copied into them, objects in their cells are shared."""

from collections.abc import Iterable

from kernelpipe.analysis.heap import (
    CELLS,
    CONTAINERS,
    NOTHING,
    TRUE,
    VIEWS,
    Kind,
    Obj,
    Value,
    cells,
    new,
    reach,
)
from kernelpipe.analysis.known_methods import mutator_names
from kernelpipe.analysis.summaries import Argument

OBJECTS = object()
"""The constant of an array that is made for objects, whatever they are."""
_OBJECT_TYPES = frozenset({"object", "O"})
_DEPTHS = dict.fromkeys(
    (
        "pandas.DataFrame pandas.DataFrame.from_dict pandas.DataFrame.from_records "
        "pandas.json_normalize pandas.concat"
    ).split(),
    2,
)
"""Function -> how many containers around its cells it takes apart."""
_SCALAR_ARRAYS = frozenset({Kind.LIST, Kind.TUPLE, Kind.SET})
"""Containers that numpy makes numbers of where it can."""
_ARRAY_MAKERS = frozenset(f"numpy.{name}" for name in ("array", "zeros", "ones", "empty", "full"))
"""What surely makes an array; of other functions, what counts as one may be a number."""
_LABELS = frozenset("columns index name names attrs shape dtype".split())
_MAPPED = frozenset(
    "apply map applymap agg aggregate transform applymap_index pipe assign combine".split()
)
"""Methods of data whose results hold what the functions give that they are given."""
_LIST_MAKERS = frozenset(
    "builtins.list builtins.dict builtins.set builtins.sorted json.loads ast.literal_eval "
    "builtins.str.split".split()
)
_SPLITTING = frozenset("split rsplit findall".split())
"""Methods of the ``str`` accessor that put lists into cells."""


def unpacked(value: Iterable[Obj], depth: int) -> Value:
    """Return what data made of ``value`` holds: containers are copied, not what is in them.

    Args:
        value: What it is made of.
        depth: How many containers, one in the other, are taken apart.
    """
    found: set[Obj] = set()
    for o in value:
        if o.kind in CONTAINERS or o.kind is Kind.GENERATOR:
            found |= _inside(o, depth) if depth else {o}
        else:
            found.add(o)
    return frozenset(found)


def _inside(o: Obj, depth: int) -> set[Obj]:
    """Return what is in the cells of data made of a container."""
    is_drawn = o.kind is Kind.ITERATOR and o.items is not None
    held = frozenset[Obj]().union(*(o.items or ())) if is_drawn else o.contains
    found: set[Obj] = set()
    for each in held:
        if each.kind in VIEWS and (depth > 1 or each.dotted not in _ARRAY_MAKERS):
            found |= cells(each)
        else:
            found |= unpacked((each,), depth - 1)
    return found


def is_for_objects(arguments: Iterable[Argument]) -> bool:
    """Tell whether a call is told to make an array of objects."""
    return any(
        a.keyword == "dtype"
        and any(o.dotted == "builtins.object" or o.constant in _OBJECT_TYPES for o in a.value)
        for a in arguments
    )


def held_by_made(
    dotted: str, held: Value, arguments: tuple[Argument, ...], *, is_new: bool
) -> Value:
    """Return what an array or frame holds that a library function makes.

    Args:
        dotted: The function.
        held: What the result holds, as far as is known of the function.
        arguments: Of the call.
        is_new: The data in the result is new; objects in cells are shared even so.
    """
    given = frozenset[Obj]().union(*(a.value for a in arguments))
    if dotted.startswith("numpy."):
        inside = unpacked(given, 1) | unpacked(given, 2)
        dropped = NOTHING if is_for_objects(arguments) else _SCALAR_ARRAYS
        found = {o for o in inside if o.kind in CELLS and o.kind not in dropped}
        views = frozenset(o for o in held if o.kind not in _SCALAR_ARRAYS)
        return views.union(found, *map(cells, inside | given))
    if is_new:
        return frozenset[Obj]().union(*map(cells, unpacked(given, 2)))
    inside = unpacked(held, _DEPTHS.get(dotted, 1))
    if any(a.keyword == "copy" and a.value != TRUE for a in arguments):
        return inside.union(o for o in reach(held) if o.kind in VIEWS)
    return inside


def held_by_store(o: Obj, value: Value, *, attribute: str | None, is_cell: bool) -> Value:
    """Return what ``o`` holds of a value that is stored into it.

    Args:
        o: Where an attribute or an item is set.
        value: What it is set to.
        attribute: The attribute, None for an item.
        is_cell: The item may be one cell.
    """
    if o.kind not in VIEWS or (attribute is not None and attribute not in _LABELS):
        return value
    found = {each for each in unpacked(value, 1) if each.kind not in VIEWS}
    if is_cell or o.has_cells or o.constant is OBJECTS:
        found |= {each for each in value if each.kind not in VIEWS}
    else:
        found |= {each for each in value if each.kind not in VIEWS | _SCALAR_ARRAYS}
    return frozenset(found).union(*map(cells, value))


def held_by_method(o: Obj, name: str, values: Value) -> Value:
    """Return what data holds of ``values``, which are given to a method that changes it."""
    is_stored = name in (mutator_names(o.kind) or ())
    return held_by_store(o, values, attribute=None, is_cell=False) if is_stored else NOTHING


def made_in_cells(name: str, arguments: Iterable[Argument], results: Value) -> Value:
    """Return the objects that a method of data puts into cells of its own making.

    Args:
        name: The method.
        arguments: Of the call.
        results: What the notebook's functions give that are among them.
    """
    if name in _SPLITTING:
        return frozenset({new(Kind.LIST)})
    if name not in _MAPPED:
        return NOTHING
    found = {o for o in results if o.kind in CELLS}
    given = (o for a in arguments for o in a.value)
    if any(o.dotted in _LIST_MAKERS for o in given):
        found.add(new(Kind.LIST))
    return frozenset(found)


def held_by_copy(o: Obj, symbol: Obj, value: Value) -> Value:
    """Return what ``o`` holds where a function put ``symbol`` into it, which stands for ``value``.

    Only where the function is used it is known whether that is a container, which data copies.
    """
    if o.kind not in VIEWS or symbol.kind is not Kind.UNKNOWN:
        return value
    inside = unpacked(value, 1)
    return inside | value if o.constant is OBJECTS else inside
