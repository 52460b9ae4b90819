"""Compares values that were computed in different processes, to the last bit."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def first_difference(left: object, right: object, *, where: str = "value") -> str | None:
    """Return where ``left`` and ``right`` differ first, None if they are the same.

    Types must be the same. Arrays are compared by dtype, shape and bytes, functions and classes by
    name, other objects by what pickle would store of them.
    """
    return _Comparison().differ(left, right, where)


class _Comparison:
    """One walk over two values; pairs that are being compared already count as the same."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], tuple[object, object]] = {}

    def differ(self, left: Any, right: Any, where: str) -> str | None:
        """Return where the two differ first."""
        if _kind(left) != _kind(right):
            return f"{where}: {_kind(left)} and {_kind(right)}"
        if left is right or (id(left), id(right)) in self._seen:
            return None
        self._seen[id(left), id(right)] = (left, right)
        if isinstance(left, float):
            is_same = left == right or (math.isnan(left) and math.isnan(right))
            return None if is_same else _shown(left, right, where)
        if isinstance(left, int | str | bytes | complex | bytearray | frozenset | set):
            return None if left == right else _shown(left, right, where)
        return self._differ_inside(left, right, where)

    def _differ_inside(self, left: Any, right: Any, where: str) -> str | None:
        import numpy as np
        import pandas as pd

        if isinstance(left, np.ndarray):
            return self._differ_as_arrays(left, right, where)
        if isinstance(left, pd.DataFrame | pd.Series | pd.Index):
            return _differ_as_pandas(left, right, where)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            return self._differ_in_order(
                [part for item in left.items() for part in item],
                [part for item in right.items() for part in item],
                where,
            )
        if isinstance(left, list | tuple):
            return self._differ_in_order(left, right, where)
        if isinstance(left, type) or hasattr(left, "__code__"):
            return None if left.__qualname__ == right.__qualname__ else _shown(left, right, where)
        return self._differ_as_pickled(left, right, where)

    def _differ_as_arrays(self, left: Any, right: Any, where: str) -> str | None:
        if left.dtype != right.dtype or left.shape != right.shape:
            return _shown((left.dtype, left.shape), (right.dtype, right.shape), where)
        if left.dtype.hasobject:
            return self._differ_in_order(left.tolist(), right.tolist(), where)
        return None if left.tobytes() == right.tobytes() else _shown(left, right, where)

    def _differ_in_order(self, left: Sequence[Any], right: Sequence[Any], where: str) -> str | None:
        if len(left) != len(right):
            return f"{where}: {len(left)} and {len(right)} members"
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            found = self.differ(one, other, f"{where}[{index}]")
            if found:
                return found
        return None

    def _differ_as_pickled(self, left: Any, right: Any, where: str) -> str | None:
        one, other = left.__reduce_ex__(4), right.__reduce_ex__(4)
        if isinstance(one, str) or isinstance(other, str):
            return None if one == other else _shown(one, other, where)
        listed = [[*parts[:3], *map(_listed, parts[3:])] for parts in (one, other)]
        return self._differ_in_order(*listed, f"{where} ({type(left).__name__})")


def _differ_as_pandas(left: Any, right: Any, where: str) -> str | None:
    """Compare as pandas does, exactly; how columns lie in memory does not count."""
    import pandas as pd

    kinds = ((pd.DataFrame, "frame"), (pd.Series, "series"), (pd.Index, "index"))
    kind = next(name for pandas_type, name in kinds if isinstance(left, pandas_type))
    compare = getattr(pd.testing, f"assert_{kind}_equal")
    try:
        compare(left, right, check_exact=True, obj=where)
    except AssertionError as error:
        return str(error)
    attributes = [getattr(value, "attrs", None) for value in (left, right)]
    return None if attributes[0] == attributes[1] else _shown(*attributes, where)


def _listed(members: Iterable[object] | None) -> list[object] | None:
    return None if members is None else list(members)


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _shown(left: object, right: object, where: str) -> str:
    return f"{where}: {left!r:.300} and {right!r:.300}"
