"""Arrays and frames of awkward shapes come back exactly, in memory layout, too."""

import datetime as dt
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kernelpipe.runtime import columnar
from kernelpipe.runtime.container import read_header
from kernelpipe.runtime.values import dump_group, load_group, read_values

ROWS = 5


def strided_frame() -> pd.DataFrame:
    """Return a frame whose columns have gaps in memory."""
    return pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"), copy=False)


def with_attrs() -> pd.DataFrame:
    """Return a frame with attrs."""
    frame = pd.DataFrame({"a": [1, 2]})
    frame.attrs["source"] = "here"
    return frame


def nan_payload() -> np.ndarray[Any, Any]:
    """Return NaNs with different bits."""
    bits = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64)
    return bits.view(np.float64)


MOMENTS = pd.to_datetime(["2024-03-31 00:30", None, "2024-10-27 01:30"])

FRAMES: dict[str, tuple[Any, str]] = {
    "numbers": (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "arrow"),
    "mixed_numbers": (
        pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": [True, False]}),
        "arrow",
    ),
    "strings": (pd.DataFrame({"s": ["x", None, "zwölf"], "n": [1, 2, 3]}), "arrow"),
    "string_python": (
        pd.DataFrame({"s": pd.array(["x", None], dtype=pd.StringDtype("python"))}),
        "arrow",
    ),
    "string_pyarrow": (
        pd.DataFrame({"s": pd.array(["x", None], dtype=pd.StringDtype("pyarrow"))}),
        "arrow",
    ),
    "mixed_objects": (pd.DataFrame({"o": [1, "a", None, [2]]}), "pickle"),
    "duplicate_columns": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "pickle"),
    "integer_columns": (pd.DataFrame([[1, 2]]), "pickle"),
    "named_columns": (
        pd.DataFrame({"a": [1]}).rename_axis(columns="what"),
        "arrow",
    ),
    "multi_index": (
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")])),
        "pickle",
    ),
    "multi_columns": (
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
        "pickle",
    ),
    "interval": (pd.DataFrame({"i": pd.cut([1, 5, 9], 3)}), "pickle"),
    "interval_index": (pd.Series([1, 2], pd.interval_range(0, 2)), "pickle"),
    "sparse": (pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])}), "pickle"),
    "complex": (pd.DataFrame({"c": [1 + 2j, 3j]}), "pickle"),
    "times_ns": (pd.DataFrame({"t": MOMENTS.as_unit("ns")}), "arrow"),
    "times_us": (pd.DataFrame({"t": MOMENTS.as_unit("us")}), "arrow"),
    "times_s": (pd.DataFrame({"t": MOMENTS.as_unit("s")}), "arrow"),
    "times_zoneinfo": (
        pd.DataFrame(
            {"t": MOMENTS.tz_localize("UTC").tz_convert(zoneinfo.ZoneInfo("Europe/Rome"))}
        ),
        "arrow",
    ),
    "times_utc": (pd.DataFrame({"t": MOMENTS.tz_localize(dt.UTC)}), "arrow"),
    "times_offset": (
        pd.DataFrame({"t": MOMENTS.tz_localize(dt.timezone(dt.timedelta(hours=5, minutes=30)))}),
        "arrow",
    ),
    "timedelta": (pd.DataFrame({"d": pd.to_timedelta([1, None, 3], unit="s")}), "arrow"),
    "period": (pd.DataFrame({"p": pd.period_range("2024-01", periods=3, freq="M")}), "pickle"),
    "nullable_integers": (
        pd.DataFrame({"i": pd.array([1, None], dtype="Int64")}),
        "arrow",
    ),
    "nullable_floats": (
        pd.DataFrame({"f": pd.array([1.5, None], dtype="Float32")}),
        "arrow",
    ),
    "nullable_booleans": (
        pd.DataFrame({"b": pd.array([True, None], dtype="boolean")}),
        "arrow",
    ),
    "arrow_dtype": (
        pd.DataFrame({"i": pd.array([1, None], dtype="int64[pyarrow]")}),
        "arrow",
    ),
    "categorical": (
        pd.DataFrame({"c": pd.Categorical(["b", None, "a"], categories=["b", "a", "unused"])}),
        "arrow",
    ),
    "categorical_ordered": (
        pd.DataFrame({"c": pd.Categorical([1, 3], categories=[3, 1], ordered=True)}),
        "arrow",
    ),
    "categorical_of_times": (
        pd.DataFrame({"c": pd.Categorical(MOMENTS[:1])}),
        "pickle",
    ),
    "string_chunks": (pd.concat([pd.Series(["a"]), pd.Series(["b"])], ignore_index=True), "arrow"),
    "no_rows_of_numbers": (pd.DataFrame({"a": [1.0], "b": [2.0]})[:0], "arrow"),
    "no_columns": (pd.DataFrame(index=range(3)), "pickle"),
    "no_rows": (
        pd.DataFrame({"a": np.array([], np.int8), "s": pd.Series([], dtype="str")}),
        "arrow",
    ),
    "nothing": (pd.DataFrame(), "pickle"),
    "attrs": (with_attrs(), "pickle"),
    "no_duplicate_labels": (
        pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
        "pickle",
    ),
    "nan_bits": (pd.DataFrame({"n": nan_payload(), "m": [1.0, 2.0]}), "arrow"),
    "float16": (pd.DataFrame({"h": np.array([0.1, 65504], np.float16)}), "arrow"),
    "small_types": (
        pd.DataFrame({"a": np.array([1, 2], np.uint8), "b": np.array([1, 2], np.int16)}),
        "arrow",
    ),
    "range_index": (pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 1, -2, name="r")), "arrow"),
    "named_index": (pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 9], name="k")), "arrow"),
    "string_index": (pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), "arrow"),
    "float_index": (pd.Series([1, 2], index=[0.5, 1.5]), "arrow"),
    "boolean_index": (pd.Series([1, 2], index=[True, False]), "arrow"),
    "time_index": (pd.Series([1, 2, 3], index=MOMENTS), "arrow"),
    "time_index_zoned": (pd.Series([1, 2, 3], index=MOMENTS.tz_localize("UTC")), "arrow"),
    "time_index_with_frequency": (
        pd.Series([1.0, 2.0], pd.date_range("2024", periods=2, freq="h")),
        "pickle",
    ),
    "object_index": (pd.Series([1, 2], pd.Index([1, "a"], dtype=object)), "pickle"),
    "categorical_index": (pd.Series([1, 2], pd.CategoricalIndex(["a", "b"])), "pickle"),
    "odd_index_name": (pd.Series([1], pd.Index([1], name=frozenset({1}))), "pickle"),
    "odd_series_name": (pd.Series([1], name=frozenset({1})), "pickle"),
    "tuple_series_name": (pd.Series([1], name=("a", 1)), "arrow"),
    "series_strings": (pd.Series(["a", "b"], name="s"), "arrow"),
    "series_booleans": (pd.Series([True, False]), "arrow"),
    "strided_columns": (strided_frame(), "pickle"),
    "strided_series": (strided_frame()["b"], "pickle"),
    "big_endian": (pd.DataFrame({"e": np.array([1, 2], ">i4")}), "pickle"),
    "lone_surrogate": (
        pd.DataFrame({"s": pd.array(["\ud800"], dtype=pd.StringDtype("python"))}),
        "pickle",
    ),
    "column_named_as_ours": (pd.DataFrame({"__index__": [1]}), "pickle"),
    "one_column_block_of_two": (pd.DataFrame({"a": [1.0], "b": [2.0], "c": [1]}), "arrow"),
    "index_object": (pd.Index([1, 2], name="i"), "pickle"),
}


class Labelled(np.ndarray[Any, Any]):
    """A subclass of ndarray."""


def read_only() -> np.ndarray[Any, Any]:
    """Return an array that cannot be written to."""
    array = np.arange(3)
    array.flags.writeable = False
    return array


ARRAYS: dict[str, tuple[Any, str]] = {
    "floats": (np.array([0.1, -0.0, np.inf]), "npy"),
    "nan_bits": (nan_payload(), "npy"),
    "scalar_shape": (np.array(5), "npy"),
    "empty": (np.zeros((0, 3), np.int8), "npy"),
    "c_order": (np.arange(6).reshape(2, 3), "npy"),
    "f_order": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), "npy"),
    "booleans": (np.array([True, False]), "npy"),
    "complex": (np.array([1j, 2]), "npy"),
    "half": (np.array([0.1], np.float16), "npy"),
    "texts": (np.array(["a", "bcd"]), "npy"),
    "bytes": (np.array([b"a", b"bc"]), "npy"),
    "times": (np.array(["2024-01-01", "NaT"], "M8[ns]"), "npy"),
    "durations": (np.array([1, 2], "m8[s]"), "npy"),
    "big_endian": (np.array([1, 2], ">i8"), "npy"),
    "read_only": (read_only(), "npy"),
    "objects": (np.array([1, "a", None], dtype=object), "pickle"),
    "structured": (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "pickle"),
    "subclass": (np.arange(3).view(Labelled), "pickle"),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), "pickle"),
    "matrix_column": (np.arange(12.0).reshape(4, 3)[:, 1], "pickle"),
    "every_second": (np.arange(1000.0)[::2], "pickle"),
    "reversed": (np.arange(6)[::-1], "pickle"),
    "transposed_part": (np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2), "pickle"),
    "columns": (np.arange(12.0).reshape(4, 3)[:, :2], "pickle"),
    "broadcast": (np.broadcast_to(np.arange(3), (4, 3)), "pickle"),
    "windows": (np.lib.stride_tricks.sliding_window_view(np.arange(5.0), 3), "pickle"),
    "scalar": (np.float64(0.1), "pickle"),
}


def round_trip(value: object, path: Path) -> tuple[Any, str]:
    """Store a value alone, load it, and return it with the format that was used."""
    facts = dump_group(["x"], {"x": value}, path)
    loaded: dict[str, Any] = {}
    load_group(path, ["x"], loaded)
    return loaded["x"], facts["format"]


@pytest.mark.parametrize("name", FRAMES)
def test_values__frame__comes_back_exactly(name: str, tmp_path: Path) -> None:
    """Type, dtypes, index, names and values are the same, and the format is the expected one."""
    value, expected_format = FRAMES[name]

    loaded, stored_format = round_trip(value, tmp_path / "v")

    assert stored_format == expected_format
    assert type(loaded) is type(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, value, check_exact=True, check_freq=True)
        assert list(map(repr, loaded.dtypes)) == list(map(repr, value.dtypes))
        assert type(loaded.columns) is type(value.columns)
        assert loaded.attrs == value.attrs
        assert loaded.flags == value.flags
        assert not value.size or loaded.to_numpy().strides == value.to_numpy().strides
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(loaded, value, check_exact=True, check_freq=True)
        assert repr(loaded.dtype) == repr(value.dtype)
    assert type(getattr(loaded, "index", None)) is type(getattr(value, "index", None))


def test_values__nan_in_a_frame__keeps_its_bits(tmp_path: Path) -> None:
    """NaN is not turned into a null and back."""
    value = pd.DataFrame({"n": nan_payload()})

    loaded, _ = round_trip(value, tmp_path / "v")

    assert loaded["n"].to_numpy().view(np.uint64).tolist() == nan_payload().view(np.uint64).tolist()


def test_values__time_zone__is_of_the_same_library(tmp_path: Path) -> None:
    """A zoneinfo zone does not become a pytz zone."""
    zone = zoneinfo.ZoneInfo("Europe/Rome")
    value = pd.DataFrame({"t": MOMENTS.tz_localize("UTC").tz_convert(zone)})

    loaded, _ = round_trip(value, tmp_path / "v")

    assert loaded["t"].dtype.tz is zone


@pytest.mark.parametrize("name", [name for name, (_, kind) in FRAMES.items() if kind == "arrow"])
def test_values__frame_from_arrow__can_be_changed_in_place(name: str, tmp_path: Path) -> None:
    """What was read from a file is as writable as what the notebook had."""
    value = FRAMES[name][0]
    loaded, _ = round_trip(value, tmp_path / "v")
    if not len(value) or not value.size:
        return

    expected = value.copy()
    for frame in (loaded, expected):
        if frame.ndim == 1:
            frame.iloc[0] = frame.iloc[-1]
            continue
        for column in range(frame.shape[1]):
            frame.iloc[0, column] = frame.iloc[-1, column]

    assert loaded.equals(expected)


@pytest.mark.parametrize("name", ARRAYS)
def test_values__array__comes_back_exactly(name: str, tmp_path: Path) -> None:
    """Type, dtype, shape, order, writability and every bit are the same."""
    value, expected_format = ARRAYS[name]

    loaded, stored_format = round_trip(value, tmp_path / "v")

    assert stored_format == expected_format
    assert type(loaded) is type(value)
    assert loaded.dtype == value.dtype
    assert loaded.shape == value.shape
    assert loaded.tolist() == value.tolist() or value.tobytes() == loaded.tobytes()
    assert loaded.flags.c_contiguous == value.flags.c_contiguous
    assert loaded.flags.f_contiguous == value.flags.f_contiguous
    assert loaded.flags.writeable == value.flags.writeable
    assert not value.size or [s > 0 for s in loaded.strides] == [s > 0 for s in value.strides]


def test_values__array_with_gaps__sums_to_the_same_bit(tmp_path: Path) -> None:
    """Sums are added up in an order that depends on the layout."""
    value = np.random.default_rng(0).random((300, 400)).T[:, :150]

    loaded, _ = round_trip(value, tmp_path / "v")

    assert loaded.var() == value.var()
    assert np.ascontiguousarray(value).var() != value.var()  # what a dense copy would give


def test_values__array_with_gaps__leaves_out_what_is_in_them(tmp_path: Path) -> None:
    """A thin slice of a big array makes a small file."""
    value = np.zeros((1000, 1000))[:, :1]

    dump_group(["x"], {"x": value}, tmp_path / "v")

    assert (tmp_path / "v").stat().st_size < 20_000


def test_values__array_and_its_views__share_memory(tmp_path: Path) -> None:
    """A change through one name shows through the others, as in the notebook."""
    base = np.arange(12.0).reshape(3, 4)
    names: dict[str, Any] = {
        "base": base, "row": base[1], "columns": base[:, ::-2], "flat": base.ravel(),
        "raw": base.view(np.int64),
    }  # fmt: skip
    dump_group(sorted(names), names, tmp_path / "v")
    loaded: dict[str, Any] = {}
    load_group(tmp_path / "v", sorted(names), loaded)

    loaded["row"][3] = -1.0

    assert loaded["base"].tolist() == [[0, 1, 2, 3], [4, 5, 6, -1], [8, 9, 10, 11]]
    assert loaded["columns"].tolist() == [[3, 1], [-1, 5], [11, 9]]
    assert loaded["flat"][7] == -1
    assert loaded["raw"][1, 3] == np.float64(-1).view(np.int64)


def test_values__views_of_objects__share_memory(tmp_path: Path) -> None:
    """Arrays of objects share, too, and a read-only view stays so."""
    base = np.array([1, "a", None, []], dtype=object)
    view = base[1::2]
    frozen = base[:2]
    frozen.flags.writeable = False
    names: dict[str, Any] = {"base": base, "frozen": frozen, "view": view}
    dump_group(sorted(names), names, tmp_path / "v")
    loaded: dict[str, Any] = {}
    load_group(tmp_path / "v", sorted(names), loaded)

    loaded["view"][0] = "new"

    assert loaded["base"].tolist() == [1, "new", None, []]
    assert loaded["frozen"].tolist() == [1, "new"]
    assert not loaded["frozen"].flags.writeable


def test_values__parts_of_an_array__do_not_store_the_whole(tmp_path: Path) -> None:
    """Views that do not overlap need not share, so what neither shows is left out."""
    whole = np.zeros(1_000_000)
    names: dict[str, Any] = {"head": whole[:10], "tail": whole[-10:]}

    dump_group(["head", "tail"], names, tmp_path / "v")

    assert (tmp_path / "v").stat().st_size < 20_000


def test_values__frames_that_copy_on_write__do_not_change_each_other(tmp_path: Path) -> None:
    """Two pandas objects that show the same memory are independent afterwards as before."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    names: dict[str, Any] = {"column": frame["a"], "frame": frame, "other": frame[:]}
    dump_group(sorted(names), names, tmp_path / "v")
    loaded: dict[str, Any] = {}
    load_group(tmp_path / "v", sorted(names), loaded)

    loaded["frame"].loc[0, "a"] = 9.0

    assert loaded["column"].tolist() == [1.0, 2.0]
    assert loaded["other"]["a"].tolist() == [1.0, 2.0]


def test_values__changed_after_loading__leave_the_file_alone(tmp_path: Path) -> None:
    """The file is mapped privately."""
    round_trip(np.arange(100_000), tmp_path / "v")
    first = read_values(tmp_path / "v")["x"]

    first[:] = 0

    assert read_values(tmp_path / "v")["x"][5] == 5


def test_values__frame_together_with_others__is_pickled(tmp_path: Path) -> None:
    """Only a frame that is alone in its group goes to a format of its own."""
    dump_group(["a", "x"], {"a": 1, "x": pd.DataFrame({"a": [1]})}, tmp_path / "v")

    assert read_header(tmp_path / "v")["format"] == "pickle"
    assert read_values(tmp_path / "v")["x"]["a"].tolist() == [1]


def test_columnar_plan__extension_that_does_not_come_back__leaves_it_to_pickle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An array type is asked to convert no rows there and back first."""
    frame = pd.DataFrame({"s": pd.array(["x"], dtype=pd.StringDtype("python"))})
    monkeypatch.setattr(pd.StringDtype, "__from_arrow__", lambda *_: pd.array([1]))

    assert columnar.plan(frame) is None


def test_columnar_plan__without_pyarrow__leaves_it_to_pickle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arrow is used where it is installed."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    plan = columnar.plan(pd.DataFrame({"a": [1]}))

    assert plan is None


def test_dump_group__frame_and_its_column__share_no_memory_after_loading(tmp_path: Path) -> None:
    """Under copy-on-write a change of the frame never shows in a series taken before."""
    frame = pd.DataFrame({"a": [1, 2, 3]})
    names = {"frame": frame, "series": frame["a"]}
    dump_group(["frame", "series"], names, tmp_path / "v")

    loaded: dict[str, Any] = {}
    load_group(tmp_path / "v", ["frame", "series"], loaded)
    loaded["frame"].loc[0, "a"] = -1

    assert loaded["series"].tolist() == [1, 2, 3]
