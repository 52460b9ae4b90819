"""Where values that were computed in different processes differ first.

As a program it compares value files: loading them runs code of the libraries that made them, and
of modules beside the notebook, so that happens in a process of its own.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_SHOWN: Final = 300
"""How much of a value's text is told."""

Pair = tuple[Path, Path]
"""Two files with values of the same names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something at ``where`` ("x[3]") is ``left`` in the one value and ``right`` in the other."""

    where: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.where}: {self.left} and {self.right}"


def first_differences(
    pairs: Sequence[Pair], *, beside: Path, relative: float = 0.0, is_here: bool = False
) -> list[list[Difference]]:
    """Return, for each pair of value files, where each name's values differ first.

    Args:
        pairs: Files that steps wrote.
        beside: The folder from which the notebook's own modules are imported.
        relative: See :func:`first_difference`.
        is_here: Load them in this process, where many files are compared and all are trusted.
    """
    if not pairs:
        return []
    if is_here:
        return [_compare_files(str(one), str(other), relative) for one, other in pairs]
    request = json.dumps(
        {
            "pairs": [list(map(str, pair)) for pair in pairs],
            "beside": str(beside),
            "relative": relative,
        }
    )
    child = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-W", "ignore", "-m", __name__],
        input=request,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = child.stdout.splitlines()
    if child.returncode or not lines:
        said = (child.stderr.strip().splitlines() or ["nothing"])[-1]
        crash = Difference(where="values", left="not comparable", right=f"(loading them: {said})")
        return [[crash] for _ in pairs]
    return [[Difference(**each) for each in found] for found in json.loads(lines[-1])]


def first_difference(
    left: object, right: object, *, where: str = "value", relative: float = 0.0
) -> Difference | None:
    """Return where ``left`` and ``right`` differ first, None if they are the same.

    Types must be the same. Arrays are compared by dtype, shape and bytes, functions and classes by
    name, parts of figures by type, other objects by what pickle would store of them. ``relative``
    is how far floats may be from each other, as a part of them; zero compares to the last bit.
    """
    return _Comparison(relative).differ(left, right, where)


class _Comparison:
    """One walk over two values; pairs that are being compared already count as the same."""

    def __init__(self, relative: float) -> None:
        self._relative = relative
        self._seen: dict[tuple[int, int], tuple[object, object]] = {}
        self._places: tuple[dict[int, str], dict[int, str]] = ({}, {})
        """Of the containers on either side: where each was found first."""

    def differ(self, left: Any, right: Any, where: str) -> Difference | None:
        """Return where the two differ first."""
        if _kind(left) != _kind(right):
            return _told(f"{_kind(left)} {left!r}", f"{_kind(right)} {right!r}", where)
        if isinstance(left, list | dict | set):
            first, second = self._place(0, left, where), self._place(1, right, where)
            if first != second:
                return _unshared(left, first, second, where)
        if left is right or (id(left), id(right)) in self._seen:
            return None
        self._seen[id(left), id(right)] = (left, right)
        if isinstance(left, float):
            is_same = left.hex() == right.hex()  # tells 0.0 from -0.0; "nan" is one
            is_near = self._relative and math.isclose(left, right, rel_tol=self._relative)
            return None if is_same or is_near else _shown(left, right, where)
        if isinstance(left, int | str | bytes | complex | bytearray | frozenset | set):
            return None if left == right else _shown(left, right, where)
        return self._differ_inside(left, right, where)

    def _place(self, side: int, value: object, where: str) -> str:
        """Return where the value was found first on its side: here, if it is new."""
        return self._places[side].setdefault(id(value), where)

    def _differ_inside(self, left: Any, right: Any, where: str) -> Difference | None:
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy and isinstance(left, numpy.ndarray):
            return self._differ_as_arrays(left, right, where)
        if pandas and isinstance(left, pandas.DataFrame | pandas.Series | pandas.Index):
            return _differ_as_pandas(pandas, left, right, where, self._relative)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            return self._differ_as_mappings(left, right, where)
        if isinstance(left, list | tuple):
            return self._differ_in_order(left, right, where)
        if isinstance(left, type) or hasattr(left, "__code__"):
            return None if left.__qualname__ == right.__qualname__ else _shown(left, right, where)
        return self._differ_as_pickled(left, right, where)

    def _differ_as_arrays(self, left: Any, right: Any, where: str) -> Difference | None:
        if left.dtype != right.dtype or left.shape != right.shape:
            return _shown((left.dtype, left.shape), (right.dtype, right.shape), where)
        if left.dtype.hasobject:
            return self._differ_in_order(left.tolist(), right.tolist(), where)
        if left.tobytes() == right.tobytes() or self._are_near(left, right):
            return None
        return _shown(left, right, where)

    def _are_near(self, left: Any, right: Any) -> bool:
        """Tell whether two arrays hold the same numbers, give or take what is allowed."""
        if not self._relative or left.dtype.kind not in "fc":
            return False
        numpy = sys.modules["numpy"]
        return bool(numpy.allclose(left, right, rtol=self._relative, atol=0, equal_nan=True))

    def _differ_as_mappings(
        self, left: Mapping[Any, Any], right: Mapping[Any, Any], where: str
    ) -> Difference | None:
        found = self._differ_in_order(list(left), list(right), f"the keys of {where}")
        pairs = zip(left.items(), right.values(), strict=False)
        for (key, one), other in () if found else pairs:
            found = self.differ(one, other, f"{where}[{key!r:.30}]")
            if found:
                break
        return found

    def _differ_in_order(
        self, left: Sequence[Any], right: Sequence[Any], where: str
    ) -> Difference | None:
        if len(left) != len(right):
            return _told(f"{len(left)} members", f"{len(right)} members", where)
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            found = self.differ(one, other, f"{where}[{index}]")
            if found:
                return found
        return None

    def _differ_as_pickled(self, left: Any, right: Any, where: str) -> Difference | None:
        if type(left).__module__.partition(".")[0] == "matplotlib":
            return None  # figures count what was connected in their process; they show as images
        one, other = left.__reduce_ex__(4), right.__reduce_ex__(4)
        if isinstance(one, str) or isinstance(other, str):
            return None if one == other else _shown(one, other, where)
        mine, others = ([*parts[:3], *map(_listed, parts[3:])] for parts in (one, other))
        return self._differ_in_order(mine, others, f"{where} ({type(left).__name__})")


def _differ_as_pandas(
    pandas: Any, left: Any, right: Any, where: str, relative: float
) -> Difference | None:
    """Compare as pandas does; how columns lie in memory does not count."""
    kinds = (
        (pandas.DataFrame, "frame"),
        (pandas.Series, "series"),
        (pandas.Index, "index"),
    )
    kind = next(name for pandas_type, name in kinds if isinstance(left, pandas_type))
    compare = getattr(pandas.testing, f"assert_{kind}_equal")
    near = {"check_exact": False, "rtol": relative, "atol": 0.0}
    try:
        compare(left, right, obj=where, **near if relative else {"check_exact": True})
    except AssertionError as error:
        parts = str(error).splitlines()
        one = next((part[7:].strip() for part in parts if part.startswith("[left]:")), str(left))
        other = next(
            (part[8:].strip() for part in parts if part.startswith("[right]:")), str(right)
        )
        return _told(one, other, parts[0].removesuffix(" are different"))
    mine, others = (getattr(value, "attrs", None) for value in (left, right))
    return None if mine == others else _shown(mine, others, f"{where}.attrs")


def _listed(members: Iterable[object] | None) -> list[object] | None:
    return None if members is None else list(members)


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _shown(left: object, right: object, where: str) -> Difference:
    return _told(repr(left), repr(right), where)


def _unshared(value: object, first: str, second: str, where: str) -> Difference:
    """Return that a container was there before on the one side and not on the other."""
    kind = type(value).__name__
    one, other = (
        f"another {kind}" if place == where else f"the {kind} of {place}"
        for place in (first, second)
    )
    return Difference(where=where, left=one, right=other)


def _told(left: str, right: str, where: str) -> Difference:
    """Return the difference; of long texts, what is around their first different characters."""
    start = next(
        (i for i, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
        min(len(left), len(right)),
    )
    start = max(0, start - _SHOWN // 2) if max(len(left), len(right)) > _SHOWN else 0
    cut = [
        f"{'...' if start else ''}{text[start : start + _SHOWN]}"
        f"{'...' if len(text) > start + _SHOWN else ''}"
        for text in (left, right)
    ]
    return Difference(where=where, left=cut[0], right=cut[1])


class _ValueFile:
    """What a value file holds, or why it cannot be loaded."""

    def __init__(self, values: Mapping[str, object], problem: str | None = None) -> None:
        self.values = values
        self.problem = problem

    @classmethod
    def read(cls, path: str) -> Self:
        """Load the file."""
        from kernelpipe.runtime.values import read_values  # noqa: PLC0415 - only in the child

        try:
            return cls(read_values(path))
        except Exception as error:  # noqa: BLE001 - whatever loading a value raises
            return cls({}, f"{type(error).__name__}: {error}")


def _compare_files(here: str, there: str, relative: float) -> list[Difference]:
    left, right = _ValueFile.read(here), _ValueFile.read(there)
    if left.problem or right.problem:
        problems = (left.problem or "loads", right.problem or "loads")
        return [_told(*problems, "values that are not the same bytes")]
    names = [*left.values, *(name for name in right.values if name not in left.values)]
    both = (left.values, right.values)
    return [found for name in names if (found := _compare_name(name, *both, relative))]


def _compare_name(
    name: str, left: Mapping[str, object], right: Mapping[str, object], relative: float
) -> Difference | None:
    if name in left and name in right:
        return first_difference(left[name], right[name], where=name, relative=relative)
    one, other = ("there" if name in each else "missing" for each in (left, right))
    return _told(one, other, name)


def _main() -> None:
    request = json.load(sys.stdin)
    sys.path.insert(0, request["beside"])
    found = [_compare_files(here, there, request["relative"]) for here, there in request["pairs"]]
    fields = ("where", "left", "right")
    answer = [[{f: getattr(each, f) for f in fields} for each in those] for those in found]
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
