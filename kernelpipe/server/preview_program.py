"""The program that shows stored values: runs in the interpreter of a run's kernel, not in ours.

It is called with the directory that holds our runtime, reads ``{"folder", "paths"}`` from its input
and answers with one line of JSON per path: name -> {"text", "table"}, or {"problem"}.
"""

import importlib
import json
import os
import reprlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

JSON = dict[str, Any]

_MOST_BYTES = 8 << 30
_MOST_TEXT = 2000
_MOST_ITEMS = 50
_MOST_ROWS = 20
_MOST_COLUMNS = 20
_MOST_CELL = 100


def main() -> None:
    """Answer for each path, in order."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    request = json.loads(sys.stdin.read())
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    _limit_memory()
    sys.path[:0] = [request["folder"], sys.argv[1]]
    values_module = importlib.import_module("kernelpipe_runtime.values")  # is on the path now

    for path in request["paths"]:
        try:
            values: JSON = values_module.read_values(path)
            answer: JSON = {name: show(value) for name, value in values.items() if name[:1] != "@"}
        except Exception as error:  # noqa: BLE001  # whatever the values' code raises
            answer = {"problem": f"{type(error).__name__}: {error}"[:_MOST_TEXT]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    # What values do when they are thrown away is nobody's business any more.
    os._exit(0)


def _limit_memory() -> None:
    try:
        import resource  # noqa: PLC0415  # not everywhere

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    except (ImportError, OSError, ValueError):
        return


def show(value: Any) -> JSON:
    """Return how a value looks: a short text, and the beginning of a table if it is one."""
    try:
        table = _table(value)
    except Exception:  # noqa: BLE001  # it only looks like a table
        table = None
    try:
        text = _text(value)
    except Exception as error:  # noqa: BLE001  # the value's own code
        text = f"(cannot be shown: {type(error).__name__}: {error})"
    return {"text": _cut(text, _MOST_TEXT), "table": table}


def _text(value: Any) -> str:
    if type(value) in (str, bytes):
        return repr(value[:_MOST_TEXT]) + ("" if len(value) <= _MOST_TEXT else "...")
    if type(value) in (list, tuple, set, frozenset, dict):
        short = reprlib.Repr()
        short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = _MOST_ITEMS
        short.maxdict = _MOST_ITEMS
        short.maxstring = short.maxother = short.maxlong = 200
        return short.repr(value)
    return repr(value)


def _table(value: Any) -> JSON | None:
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind == "pandas.Series":
        return _pandas(value.to_frame(), _counted(len(value), "row"))
    if kind == "pandas.DataFrame":
        rows, columns = value.shape
        return _pandas(value, f"{_counted(rows, 'row')} x {_counted(columns, 'column')}")
    if kind == "polars.DataFrame":
        head = value.head(_MOST_ROWS)
        return _rows(head.columns, head.rows(), *value.shape)
    if kind == "pyarrow.Table":
        head = value.slice(0, _MOST_ROWS).to_pydict()
        return _rows(
            list(head), list(zip(*head.values(), strict=True)), value.num_rows, value.num_columns
        )
    return None


def _pandas(frame: Any, shape: str) -> JSON:
    head = frame.iloc[:_MOST_ROWS, :_MOST_COLUMNS]
    index = " / ".join(str(name) for name in head.index.names if name is not None)
    columns = [_cut(str(name), _MOST_CELL) for name in head.columns]
    rows = [
        [_cell(label), *(_cell(item) for item in row)]
        for label, row in zip(head.index, head.itertuples(index=False, name=None), strict=True)
    ]
    more = ["..."] if frame.shape[1] > _MOST_COLUMNS else []
    return {
        "columns": [index, *columns, *more],
        "rows": [[*row, *more] for row in rows],
        "shape": shape,
    }


def _rows(
    names: Sequence[str], rows: Iterable[Sequence[object]], rows_count: int, columns_count: int
) -> JSON:
    more = ["..."] if columns_count > _MOST_COLUMNS else []
    return {
        "columns": [*(_cut(str(name), _MOST_CELL) for name in names[:_MOST_COLUMNS]), *more],
        "rows": [[*(_cell(item) for item in row[:_MOST_COLUMNS]), *more] for row in rows],
        "shape": f"{_counted(rows_count, 'row')} x {_counted(columns_count, 'column')}",
    }


def _cell(item: object) -> str:
    return _cut(str(item), _MOST_CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


if __name__ == "__main__":
    main()
