"""What the functions in a value read when they are called, long after they were made."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kernelpipe.analysis.heap import ATOMS, Kind, Obj, Value
from kernelpipe.analysis.history import History
from kernelpipe.analysis.summaries import ClassSummary, FunctionSummary

_OPAQUE = frozenset({Kind.FRAME, Kind.ARRAY, Kind.FIGURE, Kind.RANDOM, Kind.FILE, Kind.HANDLE})
"""Kinds that hold data: a function that made them is not in them."""
_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__"})
"""Methods that have run when there is an instance, and that nobody calls on it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRead:
    """``function`` is in a value and reads the global ``name``, at first or by what it calls."""

    function: FunctionSummary
    name: str


def late_reads(value: Value, names: Iterable[str], history: History) -> Iterator[LateRead]:
    """Yield who reads which of ``names`` among the functions that ``value`` surely holds.

    What unknown code may have kept is left out: most often that is nothing.

    Args:
        value: Of a name.
        names: Globals.
        history: Says what the functions' other globals are.
    """
    wanted = sorted(names)
    seen: set[Obj] = set()
    stack = _sorted(value)
    while stack:
        o = stack.pop()
        if o in seen or o.kind in ATOMS or o.kind in _OPAQUE:
            continue
        seen.add(o)
        if o.function is not None and o.symbol is None:
            read = _reads(o.function, history)
            yield from (LateRead(function=o.function, name=n) for n in wanted if n in read)
            stack += _sorted(o.function.result)
        if o.klass is not None:
            stack += _methods(o.klass, everything=o.kind is Kind.CLASS)
        stack += _sorted(_held(o))


def _reads(function: FunctionSummary, history: History) -> set[str]:
    """Return the globals that a call of ``function`` reads, itself or by what it calls."""
    found: set[str] = set()
    seen: set[FunctionSummary] = set()
    stack = [function]
    while stack:
        each = stack.pop()
        if each in seen:
            continue
        seen.add(each)
        if each.effects.is_opaque or each.effects.reads_everything:
            return set(history.versions)
        values = [history.names.get(name, frozenset()) for name in each.effects.reads - found]
        values += [
            value
            for call in each.effects.calls
            for value in (call.callee, *(argument.value for argument in call.arguments))
        ]
        found |= each.effects.reads
        for o in frozenset[Obj]().union(*values):
            if o.function is not None:
                stack.append(o.function)
            elif o.klass is not None:
                methods = _methods(o.klass, everything=True)
                stack += [m.function for m in methods if m.function is not None]
    return found


def _methods(klass: ClassSummary, *, everything: bool) -> list[Obj]:
    """Return the methods of a class and its bases, constructors only if ``everything`` is asked."""
    found = [
        o
        for name, value in sorted(klass.methods.items())
        if everything or name not in _CONSTRUCTORS
        for o in _sorted(value)
    ]
    for base in klass.bases:
        for o in base:
            if o.klass is not None:
                found += _methods(o.klass, everything=everything)
    return found


def _held(o: Obj) -> Value:
    """Return what ``o`` surely holds, the class of an instance left out."""
    if o.is_part:
        return frozenset[Obj]().union(*map(_parts, o.wholes))
    held = frozenset(o.contains | o.keeps) - o.guessed
    if o.kind is Kind.INSTANCE:
        return frozenset(each for each in held if each.klass is not o.klass)
    return held


def _parts(whole: Obj) -> Value:
    """Return what a part of ``whole`` may hold; bound methods are no parts."""
    if whole.kind is Kind.INSTANCE:
        return _held(whole)
    if whole.kind is Kind.ITERATOR:  # the functions in it make what it gives
        return frozenset(each for each in _held(whole) if each.function is None)
    return frozenset({whole}) if whole.kind is not Kind.FUNCTION else frozenset()


def _sorted(objects: Iterable[Obj]) -> list[Obj]:
    return sorted(objects, key=lambda o: o.serial)
