"""Stores frames as Arrow IPC and arrays as npy, where that is exact in every respect.

Exact means: the same types, dtypes, index, names and flags, and the same layout in memory, on which
the last bit of a sum may depend. Whatever is not surely exact is left to pickle.
"""

import pickle
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from . import pickling
from .container import Container, PayloadWriter

_COLUMN_KINDS = "biufmM"
_ARRAY_KINDS = "biufcmMSU"
_INDEX = "__index__"


class Plan(NamedTuple):
    """How a value will be stored.

    ``format`` is "arrow" or "npy", ``layout`` is JSON for the header, ``segments`` write one
    segment each.
    """

    format: str
    layout: dict[str, Any]
    segments: tuple[Callable[[PayloadWriter], object], ...]


def plan(value: object) -> Plan | None:
    """Return how to store ``value`` in a format of its own, None if pickle must do it."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if name == "numpy.ndarray":
        return _plan_array(value)
    pandas = sys.modules.get("pandas")
    if pandas is not None and type(value) in {pandas.DataFrame, pandas.Series}:
        return _plan_frame(value)
    return None


def load(container: Container) -> Any:
    """Return the value that a container of format "arrow" or "npy" holds."""
    if container.header["format"] == "npy":
        return _load_array(container)
    return _load_frame(container)


def _plan_array(array: Any) -> Plan | None:
    dtype, flags = array.dtype, array.flags
    if dtype.kind not in _ARRAY_KINDS or dtype.metadata is not None or not dtype.itemsize:
        return None
    if not (flags.c_contiguous or flags.f_contiguous):
        return None
    layout = {
        "dtype": dtype.str,
        "shape": array.shape,
        "order": "C" if flags.c_contiguous else "F",
        "is_writable": bool(flags.writeable),
    }
    return Plan("npy", layout, (lambda writer: _write_array(array, writer, layout),))


def _write_array(array: Any, writer: PayloadWriter, layout: dict[str, Any]) -> None:
    import numpy as np

    facts = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_2_0(writer, facts)
    layout["offset"] = writer.tell()
    writer.write(array.reshape(-1, order="A").view(np.uint8))


def _load_array(container: Container) -> Any:
    import numpy as np

    layout = container.header["layout"]
    array: Any = np.ndarray(
        tuple(layout["shape"]),
        np.dtype(layout["dtype"]),
        container.segment(0),
        layout["offset"],
        order=layout["order"],
    )
    array.flags.writeable = layout["is_writable"]
    return array


class _Column(NamedTuple):
    """One column: its Arrow array, and how to turn that back ("memory", "bool", ...)."""

    name: str
    array: Any
    kind: str


def _plan_frame(value: Any) -> Plan | None:
    try:
        import pyarrow as pa
    except ImportError:
        return None
    if not _has_plain_labels(value):
        return None
    try:
        columns = _columns(value)
    except (pa.ArrowException, UnicodeError):
        return None
    return None if columns is None else _frame_plan(value, columns)


def _has_plain_labels(value: Any) -> bool:
    if value.attrs or not value.flags.allows_duplicate_labels or not _is_plain_index(value.index):
        return False
    return _are_plain_names(value.columns) if value.ndim > 1 else _is_plain_name(value.name)


def _frame_plan(value: Any, columns: list[_Column]) -> Plan:
    import pandas as pd
    import pyarrow as pa

    index = value.index
    is_range = type(index) is pd.RangeIndex
    layout = {
        "kind": type(value).__name__,
        "rows": len(value),
        "columns": [column.kind for column in columns],
        "range": [index.start, index.stop, index.step] if is_range else None,
    }
    is_frame = value.ndim > 1
    labels = (value.columns, list(value.dtypes)) if is_frame else (value.name, [value.dtype])
    skeleton = pickle.dumps((*labels, index[:0]), protocol=5)

    def write_table(writer: PayloadWriter) -> None:
        batch = pa.RecordBatch.from_arrays(
            [column.array for column in columns], names=[column.name for column in columns]
        )
        with pa.ipc.new_file(pa.PythonFile(writer, mode="w"), batch.schema) as file:
            file.write_batch(batch)

    return Plan("arrow", layout, (lambda writer: writer.write(skeleton), write_table))


def _is_plain_name(name: object) -> bool:
    if type(name) is tuple:
        return all(map(_is_plain_name, name))
    return type(name) in {str, int, type(None)}


def _are_plain_names(columns: Any) -> bool:
    import pandas as pd

    return (
        type(columns) is pd.Index
        and columns.is_unique
        and _is_plain_name(columns.name)
        and all(type(name) is str for name in columns)
        and _INDEX not in columns
    )


def _is_plain_index(index: Any) -> bool:
    import pandas as pd

    if not _is_plain_name(index.name):
        return False
    if type(index) is pd.DatetimeIndex:
        return index.freq is None
    return type(index) in {pd.Index, pd.RangeIndex} and index.dtype != object


def _columns(value: Any) -> list[_Column] | None:
    """Return the columns, the index (unless it is a range) last; None if one is not exact."""
    import pandas as pd

    if value.ndim > 1:
        found = [(name, value[name]) for name in value.columns]
    else:
        found = [(value.name if type(value.name) is str else "values", value)]
    if type(value.index) is not pd.RangeIndex:
        found.append((_INDEX, value.index))
    columns = []
    for name, labelled in found:
        column = _column(name, labelled)
        if column is None:
            return None
        columns.append(column)
    return columns


def _column(name: str, labelled: Any) -> _Column | None:
    """Return the column for a Series or an index."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    dtype = labelled.dtype
    if isinstance(dtype, np.dtype):
        return _native(name, labelled.values)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categorical(name, labelled.array)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = _memory(labelled.array.asi8.view(f"M8[{dtype.unit}]"))
        return _Column(name, moments.cast(pa.timestamp(dtype.unit, tz="UTC")), "zoned")
    return _extension(name, labelled.array)


def _native(name: str, values: Any) -> _Column | None:
    dtype = values.dtype
    if dtype.kind not in _COLUMN_KINDS or not dtype.isnative:
        return None
    if values.size and values.strides != (values.itemsize,):
        return None
    return _Column(name, _memory(values), "bool" if dtype.kind == "b" else "memory")


def _memory(values: Any) -> Any:
    """Return an Arrow array; NaN stays NaN with all its bits."""
    import pyarrow as pa

    return pa.array(values, from_pandas=False)


def _categorical(name: str, array: Any) -> _Column | None:
    import pandas as pd
    import pyarrow as pa

    codes, categories = array.codes, array.categories
    is_simple = pd.api.types.infer_dtype(categories) in {"integer", "string"}
    if type(categories) not in {pd.Index, pd.RangeIndex} or not is_simple:
        return None
    indices = pa.array(codes, mask=codes < 0)
    values = _in_one_piece(pa.array(categories, from_pandas=False))
    dictionary = pa.DictionaryArray.from_arrays(indices, values, ordered=bool(array.ordered))
    return _Column(name, dictionary, "categorical")


def _extension(name: str, array: Any) -> _Column | None:
    """Return the column for an extension array that converts itself, and back to the same type."""
    import pandas as pd
    import pyarrow as pa

    dtype: Any = array.dtype
    is_masked = any(base.__name__ == "BaseMaskedDtype" for base in type(dtype).__mro__)
    if not (is_masked or isinstance(dtype, pd.StringDtype | pd.ArrowDtype)):
        return None
    arrow = _in_one_piece(pa.array(array))
    back = dtype.__from_arrow__(arrow.slice(0, 0))
    if type(back) is not type(array) or back.dtype != dtype or repr(back.dtype) != repr(dtype):
        return None
    return _Column(name, arrow, "extension")


def _in_one_piece(array: Any) -> Any:
    """Return an array in place of one in chunks."""
    return array.combine_chunks() if hasattr(array, "combine_chunks") else array


def _load_frame(container: Container) -> Any:
    import pandas as pd
    import pyarrow as pa

    layout = container.header["layout"]
    labels, dtypes, no_index = pickling.loads(bytes(container.segment(0)))
    memory = container.segment(1)
    table = pa.ipc.open_file(pa.py_buffer(memory)).get_batch(0)
    kinds = layout["columns"]
    if layout["range"] is not None:
        start, stop, step = layout["range"]
        index: Any = pd.RangeIndex(start, stop, step, name=no_index.name)
    else:
        values = _restored(table.column(len(dtypes)), kinds[-1], no_index.dtype, memory)
        index = type(no_index)(values, dtype=no_index.dtype, name=no_index.name, copy=False)
    columns = [
        _restored(table.column(position), kind, dtype, memory)
        for position, (kind, dtype) in enumerate(zip(kinds, dtypes, strict=False))
    ]
    if layout["kind"] == "Series":
        return pd.Series(columns[0], index=index, name=labels, dtype=dtypes[0], copy=False)
    block = _as_block(columns, kinds)
    if block is not None:
        return pd.DataFrame(block.T, index=index, columns=labels, copy=False)
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    frame.columns = labels
    return frame


def _restored(array: Any, kind: str, dtype: Any, memory: memoryview) -> Any:
    """Return a pandas or numpy array of the column's values, writable."""
    import pandas as pd

    if kind == "memory":
        return _view(array, dtype, memory)
    if kind == "zoned":
        moments = _view(array, f"M8[{dtype.unit}]", memory)
        return pd.DatetimeIndex(moments, tz="UTC").tz_convert(dtype.tz).array.copy()
    if kind == "categorical":
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return pd.Categorical.from_codes(codes.copy(), dtype=dtype)
    if kind == "bool":
        return array.to_numpy(zero_copy_only=False).copy()
    return dtype.__from_arrow__(array)


def _view(array: Any, dtype: Any, memory: memoryview) -> Any:
    """Return the values of an Arrow array of fixed width where they are in ``memory``."""
    import numpy as np
    import pyarrow as pa

    buffer = array.buffers()[1]
    offset = buffer.address - pa.py_buffer(memory).address if len(array) else 0
    return np.ndarray(len(array), dtype, memory, offset)


def _as_block(columns: list[Any], kinds: list[str]) -> Any:
    """Return the columns as rows of one array, if that is how they are in memory, else None."""
    import numpy as np

    if len(columns) < 2 or set(kinds[: len(columns)]) != {"memory"}:  # noqa: PLR2004
        return None
    first = columns[0]
    start = first.__array_interface__["data"][0]
    for position, column in enumerate(columns):
        at = column.__array_interface__["data"][0]
        if column.dtype != first.dtype or at != start + position * first.nbytes:
            return None
    if not first.size:
        return None
    shape = (len(columns), len(first))
    return np.lib.stride_tricks.as_strided(first, shape, (first.nbytes, first.itemsize))
