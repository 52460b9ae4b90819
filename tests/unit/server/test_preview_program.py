"""Tests of how values are shown."""

from typing import Any

import pytest

from kernelpipe.server.preview_program import show


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(1, "1", id="number"),
        pytest.param("é\n", r"'é\n'", id="text"),
        pytest.param(b"x" * 5000, "b'" + "x" * 1995 + "...", id="long bytes"),
        pytest.param([1, 2], "[1, 2]", id="list"),
        pytest.param({"a": {"b": 1}}, "{'a': {'b': 1}}", id="mapping"),
        pytest.param(None, "None", id="nothing"),
    ],
)
def test_show__plain_value__is_a_short_text(value: object, text: str) -> None:
    """As Python itself would write it."""
    assert show(value) == {"text": text, "table": None}


def test_show__long_list__is_cut() -> None:
    """However many items there are, few are shown."""
    text = str(show(list(range(100_000)))["text"])

    assert text.startswith("[0, 1, 2")
    assert text.endswith("49, ...]")


def test_show__frame__is_a_table() -> None:
    """Its first rows and columns, with the index; missing values and long texts too."""
    import pandas as pd

    frame = pd.DataFrame({"a": range(30), "b": ["x" * 200] * 30, "c": [None] * 30})
    frame.index.name = "id"

    table = show(frame)["table"]

    assert table["columns"] == ["id", "a", "b", "c"]
    assert len(table["rows"]) == 20
    assert table["rows"][1] == ["1", "1", "x" * 97 + "...", "None"]
    assert table["shape"] == "30 rows x 3 columns"


def test_show__wide_frame__is_cut() -> None:
    """What is left out is marked."""
    import pandas as pd

    table = show(pd.DataFrame([range(30)]))["table"]

    assert table["columns"][-2:] == ["19", "..."]
    assert table["rows"][0][-2:] == ["19", "..."]
    assert table["shape"] == "1 row x 30 columns"


def test_show__series_and_arrow_table__are_tables() -> None:
    """Other kinds of tables look the same."""
    import pandas as pd
    import pyarrow as pa

    series: Any = show(pd.Series([1, 2], name="n"))["table"]
    arrow: Any = show(pa.table({"a": [1], "b": ["x"]}))["table"]

    assert series == {"columns": ["", "n"], "rows": [["0", "1"], ["1", "2"]], "shape": "2 rows"}
    assert arrow == {
        "columns": ["a", "b"],
        "rows": [["1", "x"]],
        "shape": "1 row x 2 columns",
    }


def test_show__value_that_cannot_be_shown__says_so() -> None:
    """Its own code is at fault, and not the whole answer is lost for that."""

    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert show(Odd())["text"] == "(cannot be shown: RuntimeError: no)"
