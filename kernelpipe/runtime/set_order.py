"""Keeps the order in which sets are iterated, which depends on how each set has grown.

CPython's set is a table; its size, and the order of insertion of elements that collide, give the
order of iteration. Hashes are equal in all steps' processes (PYTHONHASHSEED is 0), so a set that is
built in the same way has the same order. ``rebuild`` and ``make_frozenset`` are named in value
files, so their arguments are part of the file format.
"""

import itertools
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

_SMALLEST = 8
_ENTRY_BYTES = 16
_LIMIT = 200_000
"""Objects looked at in search of sets; those beyond it are stored plainly."""


class Way(NamedTuple):
    """How to fill a table of ``size`` entries.

    Attributes:
        size: A power of two.
        holes: Entries that are taken while ``items`` are inserted, and free afterwards: another
            element was there once.
        items: The elements, in the order of insertion.
    """

    size: int
    holes: list[int]
    items: list[Any]


class Recipe(NamedTuple):
    """Pickles as the rebuilding of a set that is already in the pickle."""

    target: set[Any]
    way: Way

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (rebuild, (self.target, *self.way))


class Frozen(NamedTuple):
    """Pickles as the frozenset that ``make_frozenset`` makes."""

    kind: str
    size: int
    items: list[Any]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (make_frozenset, tuple(self))


_TURNS = 32
"""Orders of insertion that are tried for a frozenset, whose table cannot be filled at will."""
_MOST = 100_000
"""Elements of the largest set whose order is looked at, which takes about a second."""


def rebuild(target: set[Any], size: int, holes: Sequence[int], items: Sequence[Any]) -> None:
    """Fill a set anew; ``Way`` says what the arguments mean."""
    fillers = [_Filler(hole) for hole in holes]
    content = [*fillers, *items]
    target.clear()
    if size > _SMALLEST:
        # An update from a dict makes room for twice as many entries at once.
        start = size // 4 + 1
        more = [_Filler(number) for number in range(start - len(content))]
        target.update(dict.fromkeys([*content[:start], *more]))
        fillers += more
    target.update(content)
    target.difference_update(fillers)


class _Filler:
    """Takes a place in a table for a while."""

    def __init__(self, place: int) -> None:
        self.place = place

    def __hash__(self) -> int:
        return self.place


def make_frozenset(kind: str, size: int, items: Sequence[Any]) -> frozenset[Any]:
    """Return a frozenset of ``items``.

    Args:
        kind: How: from a "list", a "dict", or a "union" that begins with ``size`` entries.
        size: Of the table, for a union.
        items: In the order of insertion.
    """
    if kind == "list":
        return frozenset(items)
    start = len(items) if kind == "dict" else size // 4 + 1
    return frozenset().union(dict.fromkeys(items[:start]), items[start:])


def recipes(values: Iterable[object]) -> list[Recipe]:
    """Return how to rebuild the sets among and inside ``values`` that would change their order."""
    found = (_recipe(each) for each in _find(values) if type(each) is set)
    return [recipe for recipe in found if recipe is not None]


def freeze(values: dict[str, Any]) -> dict[str, Any]:
    """Return ``values`` with a stand-in for each frozenset that would change its order.

    A frozenset that something else holds, too, stays what it is, so that it stays shared.
    """
    if not any(type(value) is frozenset for value in values.values()):
        return values
    times: dict[int, int] = {}
    for each in _find(values.values(), again=True):
        times[id(each)] = times.get(id(each), 0) + 1
    return {
        name: _frozen(value) if type(value) is frozenset and times[id(value)] == 1 else value
        for name, value in values.items()
    }


def _find(values: Iterable[object], *, again: bool = False) -> Iterator[Any]:
    """Yield the sets and frozensets among ``values`` and inside of their containers.

    Args:
        values: Where to look.
        again: Yield one for each time that it is met.
    """
    waiting = list(values)
    seen: set[int] = set()
    looked = 0
    while waiting and looked < _LIMIT:
        looked += 1
        value = waiting.pop()
        kind = type(value)
        is_set = kind is set or kind is frozenset
        if id(value) in seen and not (is_set and again):
            continue
        if is_set:
            yield value
        inside = None if id(value) in seen else _inside(value, kind)
        if inside is not None:
            seen.add(id(value))
            waiting += inside


def _inside(value: Any, kind: type) -> list[Any] | None:
    """Return what a container holds; None if ``value`` is none that is looked into."""
    if kind in _SEQUENCES:
        inside: Collection[Any] = value
    elif issubclass(kind, dict):
        inside = dict.values(value)
    elif kind.__module__ == "__main__" and type(vars_of := getattr(value, "__dict__", 0)) is dict:
        inside = vars_of.values()
    else:
        return None
    return [each for each in inside if type(each) not in _LEAVES] if len(inside) <= _LIMIT else []


_LEAVES = frozenset({type(None), bool, int, float, str, bytes, types.FunctionType, type})
_SEQUENCES = frozenset({list, tuple, set, frozenset})


def _recipe(original: set[Any]) -> Recipe | None:
    """Return how to rebuild a set; None if unpickling does it, or nothing is known to do it."""
    items = list(original)
    if not _has_fixed_order(items):
        return None
    plain = set(items)
    is_plain = _is_same(plain, items) and sys.getsizeof(plain) == sys.getsizeof(original)
    way = None if is_plain else _way(original, items)
    if way is None:
        return None
    made: set[Any] = set()
    rebuild(made, *way)
    return Recipe(original, way) if _is_same(made, items) else None


def _frozen(original: frozenset[Any]) -> frozenset[Any] | Frozen:
    items = list(original)
    if not _has_fixed_order(items) or _is_same(frozenset(items), items):
        return original
    way = _way(original, items)
    turned = (items[start:] + items[:start] for start in range(1, min(len(items), _TURNS)))
    for order in itertools.chain([items, way.items if way else items, items[::-1]], turned):
        for kind in ("union", "dict", "list"):
            frozen = Frozen(kind, way.size if way else _SMALLEST, order)
            if _is_same(make_frozenset(*frozen), items):
                return frozen
    return original


def _has_fixed_order(items: Sequence[Any]) -> bool:
    """Tell whether it is worth looking: hashes are no addresses, which differ in each process."""
    by_address: Any = object.__hash__
    kinds = set(map(type, items)) if 1 < len(items) <= _MOST else ()
    return bool(kinds) and all(kind.__hash__ is not by_address for kind in kinds)


def _is_same(made: Iterable[Any], items: Sequence[Any]) -> bool:
    return list(map(id, made)) == list(map(id, items))


class _Table(NamedTuple):
    mask: int
    places: list[int]
    """Entry of each element, in the order of iteration."""


def _read_table(value: set[Any] | frozenset[Any], items: Sequence[Any]) -> _Table | None:
    """Return where a set's elements are; None if its memory is not laid out as known.

    There is no other way to learn it. The layout (object.h, setobject.h) has been the same since
    CPython 3.5; other interpreters and free-threaded builds are recognized by the sizes.
    """
    if sys.implementation.name != "cpython" or set.__basicsize__ != _SET_BYTES:
        return None
    import ctypes  # noqa: PLC0415 - by use only

    _, used, mask, table = (ctypes.c_ssize_t * 4).from_address(id(value) + object.__basicsize__)
    size = (sys.getsizeof(value) - sys.getsizeof(set())) // _ENTRY_BYTES or _SMALLEST
    if used != len(items) or mask != size - 1:
        return None
    words = list((ctypes.c_ssize_t * (2 * size)).from_address(table))
    places = [place for place in range(size) if words[2 * place] and words[2 * place + 1] != -1]
    return _Table(mask, places) if [words[2 * p] for p in places] == list(map(id, items)) else None


_SET_BYTES = 200
_LINEAR_PROBES, _PERTURB_SHIFT = 9, 5


def _probes(number: int, mask: int) -> Iterator[int]:
    """Yield the entries that CPython tries, in order, for an element with a hash."""
    perturb, entry = number & sys.maxsize * 2 + 1, number & mask
    while True:
        yield entry
        if entry + _LINEAR_PROBES <= mask:
            yield from range(entry + 1, entry + _LINEAR_PROBES + 1)
        perturb >>= _PERTURB_SHIFT
        entry = (entry * 5 + 1 + perturb) & mask


def _way(original: set[Any] | frozenset[Any], items: list[Any]) -> Way | None:
    """Return a way to put each element where it is in ``original``.

    An element is where it is because all entries that were tried before were taken, so the
    elements that are there now come first.
    """
    table = _read_table(original, items)
    if table is None:
        return None
    owner = dict(zip(table.places, items, strict=True))
    order: dict[int, Any] = {}
    holes: dict[int, None] = {}
    begun: set[int] = set()
    waiting = table.places[::-1]
    while waiting:
        place = waiting[-1]
        tried = itertools.takewhile(place.__ne__, _probes(hash(owner[place]), table.mask))
        before = list(itertools.islice(tried, table.mask + 1))
        missing = [each for each in before if each in owner and each not in order]
        if not missing:
            holes.update(dict.fromkeys(each for each in before if each not in owner))
            order[waiting.pop()] = owner[place]
        elif place in begun:  # they wait for each other: hashes have changed
            return None
        else:
            begun.add(place)
            waiting += missing
    return Way(table.mask + 1, list(holes), list(order.values()))
