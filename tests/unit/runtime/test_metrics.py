"""Metrics are plain numbers."""

import decimal
import enum
import fractions
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kernelpipe.runtime.metrics import MissingMetricError, as_number, as_series, read_metrics


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


class Ratio(float):
    """A float of the user's."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3, 3, id="int"),
        pytest.param(0.5, 0.5, id="float"),
        pytest.param(True, True, id="bool"),
        pytest.param(np.float32(0.5), 0.5, id="numpy_float"),
        pytest.param(np.float64(0.1), 0.1, id="numpy_double"),
        pytest.param(np.int64(4), 4, id="numpy_int"),
        pytest.param(np.bool_(True), True, id="numpy_bool"),
        pytest.param(np.array(2.5), 2.5, id="zero_dimensions"),
        pytest.param(decimal.Decimal("1.5"), 1.5, id="decimal"),
        pytest.param(fractions.Fraction(1, 4), 0.25, id="fraction"),
        pytest.param(Level.HIGH, 3, id="int_enum"),
        pytest.param(Ratio(0.5), 0.5, id="subclass"),
    ],
)
def test_as_number__number__is_plain(value: object, expected: float) -> None:
    """The type is exactly int, float or bool, so that JSON takes it."""
    number = as_number(value)

    assert number == expected
    assert type(number) is type(expected)


@pytest.mark.parametrize("value", ["0.5", None, [1], np.array([1.0]), 1j, np.array("a"), float])
def test_as_number__something_else__is_none(value: Any) -> None:
    """Text, lists and complex numbers are no metrics."""
    assert as_number(value) is None


def test_read_metrics__not_a_number__is_noted() -> None:
    """It stops nothing."""
    metrics = read_metrics(["acc", "name"], {"acc": 0.5, "name": "x"})

    assert metrics.numbers == {"acc": 0.5}
    assert metrics.notes == ["'name' is no metric: it is a str, not a number"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([1, 0.5], [1, 0.5], id="list"),
        pytest.param((np.float32(0.5), True), [0.5, True], id="tuple"),
        pytest.param([], [], id="empty"),
        pytest.param(np.array([1.5, 2.5]), [1.5, 2.5], id="array"),
        pytest.param(pd.Series([1, 2], index=["a", "b"]), [1, 2], id="pandas"),
        pytest.param(np.eye(2), None, id="two_dimensions"),
        pytest.param(pd.DataFrame({"a": [1]}), None, id="frame"),
        pytest.param([[1], [2]], None, id="nested"),
        pytest.param([1, None], None, id="gap"),
        pytest.param(pd.Series(["a"]), None, id="texts"),
        pytest.param("12", None, id="text"),
        pytest.param({1: 2}, None, id="dict"),
    ],
)
def test_as_series__value__is_plain_numbers_or_nothing(
    value: Any, expected: list[float] | None
) -> None:
    """Every element must be a number; the order stays."""
    series = as_series(value)

    assert series == expected
    assert [type(number) for number in series or ()] == [type(each) for each in expected or ()]


def test_read_metrics__series__is_no_scalar() -> None:
    """What is too long to be a metric is noted."""
    values = {"loss": [0.5, 0.25], "acc": 1.0, "predictions": np.zeros(10_001)}

    metrics = read_metrics(["loss", "acc", "predictions"], values)

    assert metrics.numbers == {"acc": 1.0}
    assert metrics.series == {"loss": [0.5, 0.25]}
    assert metrics.notes == ["'predictions' is no metric: it has 10001 values"]


def test_read_metrics__missing_name__is_an_error() -> None:
    """A metric that nothing bound is a mistake."""
    with pytest.raises(MissingMetricError, match="metric 'acc' does not exist") as caught:
        read_metrics(["acc"], {})

    assert caught.value._render_traceback_() == [
        "MissingMetricError: metric 'acc' does not exist at the end of the step"
    ]
