"""Texts of two runs that say the same, and those that do not."""

import time
from datetime import UTC, datetime

import pytest

from kernelpipe.api.tolerant_texts import Tolerance, same_texts

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC).timestamp()
BETWEEN = Tolerance(relative=1e-9, between=(NOON, NOON + 30))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("0.30000000000000004", "0.3", True, id="last digit"),
        pytest.param("a 1.0000000001 b", "a    1.0000000002 b", True, id="width of a column"),
        pytest.param("[-1e-05 2]", "[-1.00000000001e-05 2]", True, id="exponent"),
        pytest.param("0.1", "0.10", False, id="another layout"),
        pytest.param("0.1", "0.1000001", False, id="too far"),
        pytest.param("10000000000", "10000000001", False, id="whole numbers"),
        pytest.param("x1.5", "x1.50000000001", False, id="part of a name"),
        pytest.param("1.5 m", "1.50000000001 s", False, id="other words"),
        pytest.param("1.5", "1.5 2.5", False, id="more numbers"),
    ],
)
def test_same_texts__numbers__may_differ_in_the_last_digits(
    left: str, right: str, *, expected: bool
) -> None:
    """Only numbers with a fraction, only within the tolerance; without one, nothing may."""
    assert same_texts(left, right, Tolerance(relative=1e-9)) is expected
    assert not same_texts(left, right, Tolerance())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("at 2026-03-04 12:00:01.123", "at 2026-03-04T12:00:20Z", id="ISO"),
        pytest.param("2026-03-04 12:00:03,120 INFO", "2026-03-04 12:00:09,001 INFO", id="logging"),
        pytest.param("Wed Mar  4 12:00:00 2026", "Wed Mar  4 12:00:29 2026", id="ctime"),
        pytest.param("run_20260304-120000", "run_20260304-120011", id="compact"),
        pytest.param("datetime.datetime(2026, 3, 4, 12, 0, 1, 5)", "<now>", id="repr"),
        pytest.param("[12:00:01] done", "[12:00:30] done", id="clock"),
        pytest.param(f"{NOON + 1:.6f}", f"{NOON + 2:.3f}", id="seconds since the epoch"),
    ],
)
def test_same_texts__moments_of_the_runs__are_now(left: str, right: str) -> None:
    """The time of day at which a cell ran is no result."""
    assert same_texts(left, right, BETWEEN)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("2019-03-04 12:00:01", "2019-03-04 12:00:02", id="long ago"),
        pytest.param("1300000000", "1300000001", id="another number"),
        pytest.param("2026-03-04", "2026-03-05", id="days"),
        pytest.param("2026-13-44 12:00:01", "2026-13-44 12:00:02", id="no moment"),
    ],
)
def test_same_texts__other_moments__are_data(left: str, right: str) -> None:
    """A date that is not that of the run differs like any text."""
    assert not same_texts(left, right, BETWEEN)


def test_same_texts__local_time__is_now_too() -> None:
    """Cells write local times without saying so."""
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOON + 5))

    assert same_texts(text, "<now>", BETWEEN)


def test_same_texts__durations__do_not_count_where_time_is_measured() -> None:
    """The words around them do."""
    timed = Tolerance(are_durations_masked=True)

    assert same_texts("fit in 0.21 s, 3 rows", "fit in 1.4 s, 3 rows", timed)
    assert not same_texts("fit in 0.21 s, 3 rows", "fit in 1.4 s, 4 rows", timed)
    assert not same_texts("fit in 0.21 s", "fit in 0.21 ms", timed)
    assert not same_texts("fit in 0.21 s", "fit in 0.3 s", Tolerance())
