"""Calls of code that nothing is known about, and what all calls share."""

from collections.abc import Iterable

from kernelpipe.analysis.core import Core
from kernelpipe.analysis.expressions import tainted
from kernelpipe.analysis.heap import ATOMS, Kind, Obj, Value, new
from kernelpipe.analysis.summaries import Argument

CONSUMED = frozenset({Kind.RANDOM, Kind.ITERATOR, Kind.GENERATOR, Kind.FILE, Kind.HANDLE})
"""Kinds that a call uses up or moves on, whatever else it does."""


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

    def change_out(self, arguments: tuple[Argument, ...]) -> None:
        """Account for ``out=``: the result is written into it."""
        for argument in arguments:
            if argument.keyword == "out":
                self.change(argument.value, deep=True)


def all_values(arguments: tuple[Argument, ...]) -> Value:
    """Return everything that is passed."""
    return frozenset[Obj]().union(*(a.value for a in arguments))


def has_keyword(arguments: tuple[Argument, ...], keyword: str) -> bool:
    """Tell whether ``keyword`` is among the arguments."""
    return any(a.keyword == keyword for a in arguments)
