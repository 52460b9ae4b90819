"""Reads the points of a batch from a YAML, JSON, JSON Lines, CSV or TSV file."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from kernelpipe.compiler.parameters import find_parameter
from kernelpipe.compiler.points import GridAxis, Row, raise_problems
from kernelpipe.compiler.scalars import parse_value, parse_yaml
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import Parameter, Pipeline

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_SUFFIXES = (".yaml", ".yml", ".json", ".jsonl", *_DELIMITERS)
_KEYS = frozenset({"grid", "points"})
_MOST_CELL_CHARACTERS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFile:
    """What a file says: rows, and axes of a grid."""

    rows: tuple[Row, ...]
    grid: tuple[GridAxis, ...] = ()


def read_point_file(path: Path, pipeline: Pipeline) -> PointFile:
    """Return the points in a file.

    YAML and JSON hold a list of mappings, parameter name -> value; or a mapping whose ``points``
    are such a list and whose ``grid`` maps names to lists of values. JSON Lines hold a mapping per
    line. CSV and TSV begin with a row of names; their cells are read by the parameters' types, and
    an empty one means the default.

    Raises:
        UsageError: If the file cannot be read, or does not say what the points are.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(
            f"{path}: a file of points ends with {', '.join(_SUFFIXES)}",
            hint="give the file the ending that tells what is in it",
        )
    text = _read(path)
    if suffix in _DELIMITERS:
        found = PointFile(rows=tuple(_read_table(text, path, pipeline)))
    elif suffix == ".jsonl":
        found = PointFile(rows=_read_lines(text, path))
    else:
        found = _read_document(text, path, is_json=suffix == ".json")
    if not found.rows and not found.grid:
        raise UsageError(f"{path} holds no points", hint="write one per line, or per list item")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8 text") from error


# -- tables ----------------------------------------------------------------------------------------
def _read_table(text: str, path: Path, pipeline: Pipeline) -> Iterator[Row]:
    delimiter = _DELIMITERS[path.suffix.lower()]
    lines = _table_rows(text, path, delimiter)
    line, names = next(lines, (1, []))
    parameters = _columns(names, f"{path} line {line}", pipeline)
    problems: list[str] = []
    for line, cells in lines:
        place = f"{path} line {line}"
        if len(cells) != len(parameters):
            problems.append(
                f"{place}: {len(cells)} cells, but the first line names {len(parameters)} columns"
            )
            continue
        values = []
        for parameter, cell in zip(parameters, cells, strict=True):
            if cell:
                with _collected(f"{place}, column '{parameter.name}'", problems):
                    value = parse_value(cell, parameter.type, is_nullable=parameter.is_nullable)
                    values.append((parameter.name, value))
        yield Row(values=tuple(values), place=place)
    raise_problems(problems)


def _table_rows(text: str, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line (one-based) on which each row begins, and its cells; no empty lines."""
    csv.field_size_limit(_MOST_CELL_CHARACTERS)
    # Spaces after a separator are layout; quotes keep those that are meant.
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    begins_at = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins_at, cells
            begins_at = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"{path} line {begins_at}: {error}",
            hint='a cell with a quote in it is written as "a ""quoted"" word"',
        ) from error


def _columns(names: Iterable[str], place: str, pipeline: Pipeline) -> list[Parameter]:
    problems: list[str] = []
    found: list[Parameter] = []
    for number, written in enumerate(names, start=1):
        name = written.strip()
        if not name:
            problems.append(f"{place}: column {number} has no name")
        elif name in {parameter.name for parameter in found}:
            problems.append(f"{place}: two columns are named '{name}'")
        else:
            with _collected(f"{place}, column {number}", problems):
                found.append(find_parameter(pipeline, name))
    raise_problems(problems)
    return found


@contextmanager
def _collected(place: str, problems: list[str]) -> Iterator[None]:
    """Turn a UsageError of the block into one of ``problems``, after the place where it is."""
    try:
        yield
    except UsageError as error:
        problems.append(f"{place}: {error}")


# -- JSON and YAML ---------------------------------------------------------------------------------
def _read_lines(text: str, path: Path) -> tuple[Row, ...]:
    problems: list[str] = []
    rows = []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        place = f"{path} line {line}"
        with _collected(place, problems):
            rows.append(Row(values=_named_values(_parse_json(content)), place=place))
    raise_problems(problems)
    return tuple(rows)


def _read_document(text: str, path: Path, *, is_json: bool) -> PointFile:
    try:
        found = _parse_json(text) if is_json and text.strip() else parse_yaml(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if found is None:
        return PointFile(rows=())
    if isinstance(found, list):
        return PointFile(rows=_rows(found, text, path, under=None))
    if isinstance(found, dict) and found and found.keys() <= _KEYS:
        points = found.get("points") or []
        if not isinstance(points, list):
            raise UsageError(f"{path}: 'points' is not a list", hint="write a list of mappings")
        return PointFile(
            rows=_rows(points, text, path, under="points"),
            grid=_axes(found.get("grid") or {}, path),
        )
    raise UsageError(f"{path} does not hold a list of points", hint=_hint(found))


def _hint(found: object) -> str:
    """Return what to write instead of ``found``."""
    if isinstance(found, dict) and found and all(isinstance(v, list) for v in found.values()):
        name = next(iter(found))
        return f"for all combinations, write 'grid: {{{name}: [...]}}'"
    if isinstance(found, dict):
        return "write a list: each point begins with '- ' (JSON: stands between '[' and ']')"
    return "write a list of mappings, such as '- {lr: 0.1}'"


def _axes(grid: object, path: Path) -> tuple[GridAxis, ...]:
    if not isinstance(grid, dict) or not all(isinstance(v, list) for v in grid.values()):
        raise UsageError(
            f"{path}: 'grid' does not map names to lists of values",
            hint="write 'grid: {lr: [0.1, 0.01]}'",
        )
    return tuple(
        GridAxis(name=str(name), values=tuple(values), place=f"{path}, grid")
        for name, values in grid.items()
    )


def _rows(items: list[object], text: str, path: Path, *, under: str | None) -> tuple[Row, ...]:
    lines = _item_lines(text, under)
    problems: list[str] = []
    rows = []
    for number, item in enumerate(items, start=1):
        line = f" (line {lines[number - 1]})" if number <= len(lines) else ""
        place = f"{path} item {number}{line}"
        with _collected(place, problems):
            rows.append(Row(values=_named_values(item), place=place))
    raise_problems(problems)
    return tuple(rows)


def _named_values(item: object) -> tuple[tuple[str, object], ...]:
    if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
        raise UsageError("this is not a mapping of parameter names to values")
    return tuple(item.items())


def _item_lines(text: str, under: str | None) -> list[int]:
    """Return the line on which each item of the list begins, [] where that cannot be told."""
    import yaml

    with suppress(yaml.YAMLError, RecursionError):
        # JSON is YAML, nearly always.
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if under is not None and isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == under), node)
        if isinstance(node, yaml.SequenceNode):
            return [item.start_mark.line + 1 for item in node.value]
    return []


def _parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError as error:
        raise UsageError("not valid JSON: nested too deeply") from error
    except ValueError as error:
        raise UsageError(f"not valid JSON: {error}") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"'{repeated}' stands in a mapping twice")
    return found
