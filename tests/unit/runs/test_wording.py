"""Tests of times, sizes and numbers in words."""

import pytest

from kernelpipe.runs.wording import ago, counted, duration, number, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(None, "", id="unknown"),
        pytest.param(0.04, "0.0 s", id="instant"),
        pytest.param(2.06, "2.1 s", id="seconds"),
        pytest.param(59.96, "1 min 0 s", id="nearly-a-minute"),
        pytest.param(75.4, "1 min 15 s", id="minutes"),
        pytest.param(3599.7, "1 h 0 min", id="nearly-an-hour"),
        pytest.param(7384, "2 h 3 min", id="hours"),
    ],
)
def test_duration__seconds__are_readable(seconds: float | None, text: str) -> None:
    """No unit ever shows 60 of the smaller one."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-5, "0 s ago", id="clock-jumped"),
        pytest.param(59.9, "59 s ago", id="seconds"),
        pytest.param(180, "3 min ago", id="minutes"),
        pytest.param(7300, "2 h ago", id="hours"),
        pytest.param(90000, "1 day ago", id="day"),
        pytest.param(200000, "2 days ago", id="days"),
    ],
)
def test_ago__seconds__are_in_the_largest_unit(seconds: float, text: str) -> None:
    """One number is enough."""
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(None, "", id="unknown"),
        pytest.param(0, "0 B", id="none"),
        pytest.param(999, "999 B", id="bytes"),
        pytest.param(1500, "1.5 KB", id="small"),
        pytest.param(9970, "10 KB", id="rounds-to-ten"),
        pytest.param(999_600, "1.0 MB", id="rounds-up-a-unit"),
        pytest.param(212_000_000, "212 MB", id="mega"),
        pytest.param(5e15, "5000 TB", id="huge"),
    ],
)
def test_size__bytes__are_readable(count: float | None, text: str) -> None:
    """Three digits at most, except where no unit is left."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(3, "3", id="int"),
        pytest.param(True, "True", id="bool"),
        pytest.param(0.97222222, "0.972222", id="float"),
        pytest.param(1e-9, "1e-09", id="small"),
        pytest.param(float("nan"), "nan", id="nan"),
    ],
)
def test_number__metric__is_readable(value: float, text: str) -> None:
    """Floats are rounded for reading; the JSON has all digits."""
    assert number(value) == text


def test_counted__noun__gets_its_plural() -> None:
    """One step, two steps."""
    assert (counted(1, "step"), counted(2, "step")) == ("1 step", "2 steps")
