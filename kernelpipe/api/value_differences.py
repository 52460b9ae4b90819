"""Where values that were computed in different processes differ first.

As a program it compares value files: loading them runs code of the libraries that made them, and
of modules beside the notebook, so that happens in a process of its own.
"""

import json
import math
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self

from kernelpipe.api import code_differences
from kernelpipe.api.output_differences import clean
from kernelpipe.api.tolerant_texts import Tolerance, same_texts

_SHOWN: Final = 300
"""How much of a value's text is told."""

_TIMINGS: Final = frozenset(
    {
        "refit_time_",
        *(f"{of}_{what}_time" for of in ("mean", "std") for what in ("fit", "score")),
    }
)
"""Where scikit-learn's searches keep how long they took."""
NOT_LOADED: Final = "values that are not the same bytes"
"""Where values differ that cannot be loaded."""
PICKLES: Final = frozenset({".pkl", ".pickle", ".joblib"})
"""Kinds of the notebook's own files that are loaded to compare them."""

Pair = tuple[Path, Path]
"""Two files with values of the same names, or two pickles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something at ``where`` ("x[3]") is ``left`` in the one value and ``right`` in the other."""

    where: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.where}: {self.left} and {self.right}"


def first_differences(
    pairs: Sequence[Pair],
    *,
    beside: Path,
    tolerance: Tolerance | None = None,
    is_here: bool = False,
) -> list[list[Difference]]:
    """Return, for each pair of value files, where each name's values differ first.

    Args:
        pairs: Files that steps wrote.
        beside: The folder from which the notebook's own modules are imported.
        tolerance: See :func:`first_difference`.
        is_here: Load them in this process, where many files are compared and all are trusted.
    """
    if not pairs:
        return []
    if is_here:
        return [_compare_files(str(one), str(other), tolerance) for one, other in pairs]
    request = json.dumps(
        {
            "pairs": [list(map(str, pair)) for pair in pairs],
            "beside": str(beside),
            "tolerance": None if tolerance is None else asdict(tolerance),
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
    left: object, right: object, *, where: str = "value", tolerance: Tolerance | None = None
) -> Difference | None:
    """Return where ``left`` and ``right`` differ first, None if they are the same.

    Types must be the same. Arrays are compared by dtype, shape and elements, functions and the
    notebook's classes by their code and what that holds, figures by their pixels, other objects by
    what pickle would store of them. ``tolerance`` is what is forgiven of floats and texts; None
    asks for the last bit and the same characters.
    """
    return _Comparison(tolerance).differ(left, right, where)


class _Comparison:
    """One walk over two values; pairs that are being compared already count as the same."""

    def __init__(self, tolerance: Tolerance | None) -> None:
        self._tolerance = tolerance
        self._relative = 0.0 if tolerance is None else tolerance.relative
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
        if isinstance(left, float | str | int | bytes | complex | bytearray | frozenset | set):
            return None if self._is_same_atom(left, right) else _shown(left, right, where)
        return self._differ_inside(left, right, where)

    def _is_same_atom(self, left: Any, right: Any) -> bool:
        if isinstance(left, float):
            is_same = left.hex() == right.hex()  # tells 0.0 from -0.0; "nan" is one
            is_near = self._relative and math.isclose(left, right, rel_tol=self._relative)
            return bool(is_same or is_near)
        if isinstance(left, str):
            return self._is_same_text(left, right)
        return bool(left == right)

    def _is_same_text(self, left: str, right: str) -> bool:
        """Tell whether two texts say the same; addresses, temporary places and moments may."""
        if left == right or self._tolerance is None:
            return left == right
        return same_texts(clean(left), clean(right), self._tolerance)

    def _place(self, side: int, value: object, where: str) -> str:
        """Return where the value was found first on its side: here, if it is new."""
        return self._places[side].setdefault(id(value), where)

    def _differ_inside(self, left: Any, right: Any, where: str) -> Difference | None:
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy and isinstance(left, numpy.ndarray):
            return self._differ_as_arrays(left, right, where)
        if pandas and isinstance(left, pandas.DataFrame | pandas.Series | pandas.Index):
            return self._differ_as_pandas(pandas, left, right, where)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            return self._differ_as_mappings(left, right, where)
        if isinstance(left, list | tuple):
            return self._differ_in_order(left, right, where)
        one, other = code_differences.parts(left), code_differences.parts(right)
        if one is None or other is None:
            return self._differ_as_pickled(left, right, where)
        return self._differ_as_mappings(one, other, where)

    def _differ_as_arrays(self, left: Any, right: Any, where: str) -> Difference | None:
        if left.dtype != right.dtype or left.shape != right.shape:
            return _shown((left.dtype, left.shape), (right.dtype, right.shape), where)
        if left.dtype.hasobject:
            return self._differ_in_order(left.tolist(), right.tolist(), where)
        if left.dtype.kind in "UT":
            return self._differ_in_order(left.ravel().tolist(), right.ravel().tolist(), where)
        numpy = sys.modules["numpy"]
        if isinstance(left, numpy.ma.MaskedArray):
            one, other = (numpy.ma.getmaskarray(each) for each in (left, right))
            found = self._differ_as_arrays(one, other, f"the mask of {where}")
            if found:
                return found
        return self._differ_in_elements(numpy, left, right, where)

    def _differ_in_elements(
        self, numpy: Any, left: Any, right: Any, where: str
    ) -> Difference | None:
        flat = [numpy.ascontiguousarray(each).reshape(-1) for each in (left, right)]
        content = [each.view(numpy.uint8).reshape(left.size, -1) for each in flat]
        is_other = (content[0] != content[1]).any(axis=1)
        if self._relative and left.dtype.kind in "fc":
            near = numpy.isclose(*flat, rtol=self._relative, atol=0, equal_nan=True)
            is_other &= ~near
        places = numpy.flatnonzero(is_other)
        if not places.size:
            return None
        index = numpy.unravel_index(places[0], left.shape)
        shown = ", ".join(map(str, index))
        return _shown(left[index], right[index], f"{where}[{shown}]")

    def _differ_as_mappings(
        self, left: Mapping[Any, Any], right: Mapping[Any, Any], where: str
    ) -> Difference | None:
        found = self._differ_in_order(list(left), list(right), f"the keys of {where}")
        pairs = zip(left.items(), right.values(), strict=False)
        for (key, one), other in () if found else pairs:
            if key in _TIMINGS and self._tolerance is not None:
                continue
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
            return _differ_as_drawn(left, right, where)
        one, other = left.__reduce_ex__(4), right.__reduce_ex__(4)
        if isinstance(one, str) or isinstance(other, str):
            return None if one == other else _shown(one, other, where)
        mine, others = (
            [*parts[:3], *(None if each is None else list(each) for each in parts[3:])]
            for parts in (one, other)
        )
        return self._differ_in_order(mine, others, f"{where} ({type(left).__name__})")

    def _differ_as_pandas(
        self, pandas: Any, left: Any, right: Any, where: str
    ) -> Difference | None:
        """Compare as pandas does; how columns lie in memory does not count."""
        kinds = (
            (pandas.DataFrame, "frame"),
            (pandas.Series, "series"),
            (pandas.Index, "index"),
        )
        kind = next(name for pandas_type, name in kinds if isinstance(left, pandas_type))
        compare = getattr(pandas.testing, f"assert_{kind}_equal")
        near = {"check_exact": False, "rtol": self._relative, "atol": 0.0}
        texts = self._differ_in_texts(pandas, left, right, where)
        if isinstance(texts, Difference):
            return texts
        try:
            compare(left, texts, obj=where, **near if self._relative else {"check_exact": True})
        except AssertionError as error:
            parts = str(error).splitlines()
            one = next((part[7:].strip() for part in parts if part.startswith("[left]:")), None)
            other = next((part[8:].strip() for part in parts if part.startswith("[right]:")), None)
            if one is None or other is None or one == other:  # shown without the middle
                one, other = str(left), str(right)
            return _told(one, other, parts[0].removesuffix(" are different"))
        mine, others = (getattr(value, "attrs", None) for value in (left, right))
        return None if mine == others else _shown(mine, others, f"{where}.attrs")

    def _differ_in_texts(self, pandas: Any, left: Any, right: Any, where: str) -> Any:
        """Compare columns of objects and of texts member by member, which pandas forgives more.

        To it, None is NaN and 1 is True. Return the difference, or what remains to be compared:
        ``right`` with those columns of ``left``.
        """
        if isinstance(left, pandas.Index) or left.shape != right.shape:
            return right
        if isinstance(left, pandas.Series):
            found = self._differ_in_column(left, right, where)
            is_to_replace = found is None and _is_text(left) and left.dtype == right.dtype
            if found is not None or not is_to_replace or left.equals(right):
                return found or right
            return pandas.Series(left.array, index=right.index, name=right.name)
        result = right
        for at, label in enumerate(left.columns):
            one, other = left.iloc[:, at], right.iloc[:, at]
            if not _is_text(one) or one.dtype != other.dtype:
                continue
            found = self._differ_in_column(one, other, f"{where}[{label!r}]")
            if found is not None:
                return found
            if not one.equals(other):
                result = result.copy(deep=False)
                result.isetitem(at, one.array)
        return result

    def _differ_in_column(self, left: Any, right: Any, where: str) -> Difference | None:
        if not _is_text(left) or left.dtype != right.dtype:
            return None
        return self._differ_in_order(left.tolist(), right.tolist(), where)


def _is_text(column: Any) -> bool:
    return str(column.dtype) in {"object", "str"}


def _differ_as_drawn(left: Any, right: Any, where: str) -> Difference | None:
    """Compare what figures, and those of parts of figures, show.

    They count what was ever connected to them, which no two processes have in common.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - it is loaded
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    figures = [
        each if isinstance(each, Figure) else getattr(each, "figure", None)
        for each in (left, right)
    ]
    if not all(isinstance(each, Figure) for each in figures):
        return None
    shown = []
    for each in figures:
        canvas: Any = FigureCanvasAgg(each)
        canvas.draw()
        shown.append((canvas.get_width_height(), bytes(canvas.buffer_rgba())))
    return None if shown[0] == shown[1] else _told("a figure", "another picture", where)


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
            if Path(path).suffix.lower() in PICKLES:
                return cls({"the object": _unpickled(Path(path))})
            return cls(read_values(path))
        except Exception as error:  # noqa: BLE001 - whatever loading a value raises
            return cls({}, f"{type(error).__name__}: {error}")


def _unpickled(path: Path) -> object:
    if path.suffix.lower() == ".joblib":
        joblib: Any = import_module("joblib")  # comes with scikit-learn, with which it is used

        return joblib.load(path)
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - the notebook wrote it, and would load it


def _compare_files(here: str, there: str, tolerance: Tolerance | None) -> list[Difference]:
    left, right = _ValueFile.read(here), _ValueFile.read(there)
    if left.problem or right.problem:
        problems = (left.problem or "loads", right.problem or "loads")
        return [_told(*problems, NOT_LOADED)]
    names = [*left.values, *(name for name in right.values if name not in left.values)]
    comparison = _Comparison(tolerance)  # one: what names share counts, too
    found = (_compare_name(name, left.values, right.values, comparison) for name in names)
    return [each for each in found if each is not None]


def _compare_name(
    name: str, left: Mapping[str, object], right: Mapping[str, object], comparison: _Comparison
) -> Difference | None:
    if name in left and name in right:
        return comparison.differ(left[name], right[name], name)
    one, other = ("there" if name in each else "missing" for each in (left, right))
    return _told(one, other, name)


def _main() -> None:
    request = json.load(sys.stdin)
    sys.path.insert(0, request["beside"])
    options = request["tolerance"]
    tolerance = None if options is None else Tolerance(**options)
    found = [_compare_files(here, there, tolerance) for here, there in request["pairs"]]
    fields = ("where", "left", "right")
    answer = [[{f: getattr(each, f) for f in fields} for each in those] for those in found]
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
