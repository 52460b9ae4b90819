"""The points of a batch: each is the parameter values of one run, checked before any starts."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

from kernelpipe.compiler.parameters import check_parameters, find_parameter
from kernelpipe.compiler.scalars import parse_value, parse_yaml
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import Parameter, ParameterType, Pipeline

MOST_POINTS = 10_000
_MOST_PROBLEMS = 10
_RANGE = re.compile(r"\s*([-+]?[0-9]+)\.\.([-+]?[0-9]+)\s*")
_OPENING = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Values by parameter name, as a file gives them; ``place`` says where, for messages."""

    values: tuple[tuple[str, object], ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridAxis:
    """Values that one parameter takes in turn; ``place`` says where they were given."""

    name: str
    values: tuple[object, ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The values of one run: ``given`` is JSON text of name -> value, without defaults."""

    given: str

    def values(self) -> dict[str, object]:
        """Return name -> value."""
        found: dict[str, object] = json.loads(self.given)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of a batch in order, each once.

    ``varying`` are the parameters whose values differ between points (of a single point: those
    that it gives), in the order in which files and grids name them. ``notes`` say what was left
    out.
    """

    points: tuple[Point, ...]
    varying: tuple[str, ...]
    notes: tuple[str, ...] = ()


def combine_points(
    pipeline: Pipeline,
    *,
    rows: Sequence[Row] = (),
    grid: Sequence[GridAxis] = (),
    fixed: Mapping[str, object] | None = None,
) -> Points:
    """Return every row with every combination of the grid; the last axis changes fastest.

    Args:
        pipeline: Whose parameters they are.
        rows: From a file; none means one row that gives nothing.
        grid: In the order given.
        fixed: Values that all points have.

    Raises:
        UsageError: If there is no point or too many, a name is unknown or given twice, or a value
            does not fit its parameter; nothing was started.
    """
    if not rows and not grid:
        raise UsageError(
            "a batch needs points", hint="give them with -f FILE or --grid NAME=VALUE,VALUE"
        )
    _check_count(len(rows or ("",)) * math.prod(len(axis.values) for axis in grid))
    common = check_parameters(pipeline, fixed or {})
    _check_names(rows, grid, common)
    checked_axes = _checked_axes(pipeline, grid)
    checked_rows = _checked_rows(pipeline, rows) if rows else [({}, "")]
    gathered = _Gathered({p.name: json.loads(p.default) for p in pipeline.parameters})
    for values, place in checked_rows:
        for combination in product(*checked_axes):
            gathered.add(common | values | dict(combination), place)
    named = dict.fromkeys([n for row in rows for n, _ in row.values] + [a.name for a in grid])
    return Points(
        points=tuple(gathered.points),
        varying=tuple(name for name in named if gathered.varies(name)),
        notes=tuple(gathered.notes),
    )


class _Gathered:
    """Points, each once, and the values that each parameter takes."""

    def __init__(self, defaults: Mapping[str, object]) -> None:
        self.points: list[Point] = []
        self.notes: list[str] = []
        self._defaults = defaults
        self._places: dict[str, str] = {}
        self._values: dict[str, set[str]] = {name: set() for name in defaults}

    def add(self, given: Mapping[str, object], place: str) -> None:
        """Add a point, unless one like it is there: a value that is the default may be left out."""
        effective = {**self._defaults, **given}
        key = _text(effective)
        if key in self._places:
            self.notes.append(_duplicate(place, self._places[key], given))
            return
        self._places[key] = place
        ordered = {name: given[name] for name in self._defaults if name in given}
        self.points.append(Point(given=_text(ordered)))
        for name, value in effective.items():
            self._values[name].add(_text(value))

    def varies(self, name: str) -> bool:
        """Tell whether points differ in ``name``; the only point differs from what else may be."""
        return len(self.points) == 1 or len(self._values[name]) > 1


def parse_grid(pipeline: Pipeline, texts: Iterable[str]) -> tuple[GridAxis, ...]:
    """Return the axes that texts from a command line mean, for example ``lr=0.1,0.01``.

    Values are separated by commas outside of quotes and brackets and read by the parameter's type;
    ``1..5`` stands for the whole numbers from 1 to 5, both included. Values may also stand in one
    pair of brackets, unless the parameter takes a list.

    Raises:
        UsageError: If a text is not of that form, or names no parameter.
    """
    return tuple(_parse_axis(pipeline, text) for text in texts)


def raise_problems(problems: Sequence[str]) -> None:
    """Raise one error that tells all of ``problems``, or the first of them if there are many."""
    if not problems:
        return
    shown = list(problems[:_MOST_PROBLEMS])
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more like these")
    raise UsageError("\n".join(shown))


def _parse_axis(pipeline: Pipeline, text: str) -> GridAxis:
    place = f"--grid {text}"
    name, equals, listed = text.partition("=")
    if not equals:
        raise UsageError(f"{place}: there is no '='", hint="write --grid NAME=VALUE,VALUE")
    try:
        parameter = find_parameter(pipeline, name.strip())
        values = tuple(_parse_values(parameter, listed))
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    return GridAxis(name=parameter.name, values=values, place=place)


def _parse_values(parameter: Parameter, listed: str) -> Iterator[object]:
    stripped = listed.strip()
    is_list = parameter.type is ParameterType.LIST
    if not is_list and stripped[:1] == "[" and _matching(stripped) == len(stripped) - 1:
        yield from cast("list[object]", parse_yaml(stripped))
        return
    for piece in _split(listed):
        span = _RANGE.fullmatch(piece) if parameter.type is ParameterType.INTEGER else None
        if span is not None:
            yield from _whole_numbers(int(span[1]), int(span[2]))
        elif not piece.strip():
            raise UsageError("there is an empty value", hint='write "" for an empty text')
        else:
            yield _parse_piece(parameter, piece.strip())


def _parse_piece(parameter: Parameter, piece: str) -> object:
    if piece[0] in {'"', "'"}:  # quoted to protect a comma, whatever the type
        return parse_yaml(piece)
    return parse_value(piece, parameter.type, is_nullable=parameter.is_nullable)


def _whole_numbers(first: int, last: int) -> range:
    step = 1 if first <= last else -1
    if abs(last - first) >= MOST_POINTS:
        _check_count(abs(last - first) + 1)
    return range(first, last + step, step)


def _split(text: str) -> Iterator[str]:
    """Yield the parts between commas that are outside of quotes and brackets."""
    start = 0
    position = 0
    while position < len(text):
        if text[position] == ",":
            yield text[start:position]
            start = position + 1
        elif text[position] in _OPENING or text[position] in "\"'":
            position = max(position, position + _matching(text[position:]))
        position += 1
    yield text[start:]


def _matching(text: str) -> int:
    """Return where what ``text`` begins with (a quote, a bracket) ends, -1 if it does not."""
    if text[0] in "\"'":
        return text.find(text[0], 1)
    waiting: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character in _OPENING:
            waiting.append(_OPENING[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
            if not waiting:
                return position
        elif character in "\"'":
            end = text.find(character, position + 1)
            position = position if end < 0 else end
        position += 1
    return -1


def _check_count(count: int) -> None:
    if count < 1:
        raise UsageError("the batch has no points", hint="give at least one value for each name")
    if count > MOST_POINTS:
        raise UsageError(
            f"{count:,} points are too many",
            hint=f"one batch takes at most {MOST_POINTS:,}; give fewer values, or several batches",
        )


def _check_names(
    rows: Sequence[Row], grid: Sequence[GridAxis], fixed: Mapping[str, object]
) -> None:
    """Refuse names that are given in more than one way."""
    places = dict.fromkeys(fixed, "-p")
    problems = []
    for axis in grid:
        if axis.name in places:
            problems.append(_twice(axis.name, axis.place, places[axis.name]))
        places[axis.name] = axis.place
    for row in rows:
        problems += [
            _twice(name, row.place, places[name]) for name, _ in row.values if name in places
        ]
    raise_problems(problems)


def _twice(name: str, place: str, other: str) -> str:
    return f"{place}: '{name}' is given by {other}, too\n  hint: give it in one of the two places"


def _checked_axes(pipeline: Pipeline, grid: Sequence[GridAxis]) -> list[list[tuple[str, object]]]:
    problems: list[str] = []
    axes = []
    for axis in grid:
        found = [_checked(pipeline, {axis.name: v}, axis.place, problems) for v in axis.values]
        axes.append([pair for values in found for pair in values.items()])
    raise_problems(problems)
    return axes


def _checked_rows(pipeline: Pipeline, rows: Sequence[Row]) -> list[tuple[dict[str, object], str]]:
    problems: list[str] = []
    found = [(_checked(pipeline, dict(row.values), row.place, problems), row.place) for row in rows]
    raise_problems(list(dict.fromkeys(problems)))
    return found


def _checked(
    pipeline: Pipeline, values: Mapping[str, object], place: str, problems: list[str]
) -> dict[str, object]:
    try:
        return check_parameters(pipeline, values)
    except UsageError as error:
        problems.append(f"{place}: {error}")
        return {}


def _duplicate(place: str, first: str, given: Mapping[str, object]) -> str:
    if place and place != first:
        return f"{place} is the same point as {first}; it runs once"
    values = ", ".join(f"{name}={_text(value)}" for name, value in given.items())
    return f"the grid holds {values} twice; it runs once"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
