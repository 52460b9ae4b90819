"""Calls of code that nothing is known about, and what all calls share."""

from collections.abc import Iterable

from kernelpipe.analysis.attributes import tainted
from kernelpipe.analysis.core import Core
from kernelpipe.analysis.heap import ATOMS, NONE, NOTHING, Kind, Obj, Value, new, reach
from kernelpipe.analysis.summaries import Argument

CONSUMED = frozenset(
    {Kind.RANDOM, Kind.ITERATOR, Kind.GENERATOR, Kind.FILE, Kind.BUFFER, Kind.HANDLE}
)
"""Kinds that a call uses up or moves on, whatever else it does."""


_DEFINITIONS = frozenset({Kind.FUNCTION, Kind.CLASS})
CALLS = object()
"""The constant of an iterator that calls a method it holds, as ``map(rows.append, more)`` does."""


class UnknownCalls(Core):
    """Calls code that may do anything to what it is given."""

    def call_unknown(self, changed: Iterable[Obj], arguments: tuple[Argument, ...]) -> Value:
        """Call code that nothing is known about: it may change and keep what it is given."""
        values = all_values(arguments) | frozenset(changed)
        self.change(values, deep=True)
        keepers = [o for o in values if o.kind not in ATOMS]
        for o in keepers:
            o.hold(keepers, is_certain=False)
        o = new(Kind.UNKNOWN)
        o.hold(keepers, is_certain=False)
        return tainted(frozenset({o}), [values])

    def load_definitions(self) -> Value:
        """Read what the notebook's data holds of its functions and classes; return them.

        A file of pickled objects names these, and they are looked up when it is read or written.
        """
        self.effects.names_definitions = True
        if self.in_function:
            return NOTHING
        found: set[Obj] = set()
        self.uncertain += 1
        bound = self._cell_scope().flow.bound
        for name in sorted({*self.world.names, *bound}):
            value = bound.get(name, NOTHING) | self.world.names.get(name, NOTHING)
            if any(map(_is_held_definition, value)):
                self.use(self.load_global(name))
                found |= value
        self.uncertain -= 1
        return frozenset(found)

    def consume(self, values: Iterable[Obj]) -> None:
        """Use up the iterators, streams and generators among ``values``, and those inside them."""
        for o in values:
            if o.kind in CONSUMED:
                inside = reach((o,))
                self.change((h for h in inside if h.kind in CONSUMED), deep=False)
                if o.constant is CALLS:
                    self.change(inside, deep=True)

    def change_out(self, arguments: tuple[Argument, ...]) -> None:
        """Account for ``out=``: the result is written into it."""
        for argument in arguments:
            if argument.keyword == "out":
                self.change(argument.value, deep=True)


def _is_held_definition(o: Obj) -> bool:
    """Tell whether ``o`` is a function or class that data holds, or that made an instance."""
    return o.kind in _DEFINITIONS and any(each.kind not in _DEFINITIONS for each in o.holders)


def in_order(value: Value) -> Iterable[Obj]:
    """Return objects in the order in which they were made, for code that acts on one by one.

    What is done to one may be seen by the next, and sets have another order in each process.
    """
    return sorted(value, key=_serial) if len(value) > 1 else value


def _serial(o: Obj) -> int:
    return o.serial


def all_values(arguments: tuple[Argument, ...]) -> Value:
    """Return everything that is passed."""
    if len(arguments) == 1:
        return arguments[0].value
    return NOTHING.union(*[a.value for a in arguments])


def has_random_state(arguments: tuple[Argument, ...]) -> bool:
    """Tell whether a random generator of its own, or a seed, is among the arguments."""
    return any(a.keyword == "random_state" and a.value != NONE for a in arguments)


def has_keyword(arguments: tuple[Argument, ...], keyword: str) -> bool:
    """Tell whether ``keyword`` is among the arguments."""
    return any(a.keyword == keyword for a in arguments)
