"""What a function that calls itself does at each depth, from what it does at the first."""

from collections.abc import Set as AbstractSet

from kernelpipe.analysis.heap import Kind, Obj, Value, new, reach


class Recursion:
    """The calls of a function by itself while it is applied once."""

    def __init__(self) -> None:
        self._given: dict[Obj, Value] = {}
        """Parameter -> what it is given one level deeper."""
        self._result = new(Kind.UNKNOWN)
        """Stands for what the calls return; they return what the first one does."""
        self._result.is_part = True

    def note(self, bindings: dict[Obj, Value]) -> Value:
        """Record a call with parameters bound to values; return what it gives."""
        for parameter, value in bindings.items():
            self._given[parameter] = self._given.get(parameter, frozenset()) | value
        return frozenset({self._result})

    def give(self, result: set[Obj], given: Value) -> None:
        """Tell what the first call returns, of which ``given`` was given to it.

        If that may be, or hold, something that it was given, so may it be at each depth.
        """
        found = {o for o in result if o is not self._result}
        first = reach(found, among=reach(found | given) - {self._result})
        if not first.isdisjoint(reach(given)):
            found |= frozenset[Obj]().union(*self._given.values())
        self._result.hold(found)
        self._result.wholes = tuple(found)

    def changed(self, changed: AbstractSet[Obj], bindings: dict[Obj, Value]) -> Value:
        """Return what is changed below the first call.

        Args:
            changed: What the first call changes.
            bindings: Parameter -> what it is given at the first call.
        """
        deeper = self._deeper(bindings)
        return frozenset[Obj]().union(
            *(
                value
                for parameter, value in deeper.items()
                if not changed.isdisjoint(reach(bindings.get(parameter, ())))
            )
        )

    def _deeper(self, bindings: dict[Obj, Value]) -> dict[Obj, Value]:
        """Return parameter -> what it may be given at any depth: parameters may change places."""
        deeper = {  # what a parameter is given again is changed as it is at first
            parameter: value
            for parameter, value in self._given.items()
            if not value <= bindings.get(parameter, frozenset())
        }
        first = {parameter: reach(value) for parameter, value in bindings.items()}
        is_growing = True
        while is_growing:
            is_growing = False
            for parameter, value in tuple(deeper.items()):
                inside = reach(value)
                more = frozenset[Obj]().union(
                    *(
                        deeper.get(other, frozenset())
                        for other, objects in first.items()
                        if other is not parameter and not inside.isdisjoint(objects)
                    )
                )
                if not more <= value:
                    deeper[parameter] = value | more
                    is_growing = True
        return deeper
