"""Turns the values that a step reports as metrics into plain numbers, one or many in order."""

import decimal
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_LONGEST_SERIES = 10_000
"""More numbers are data, not a metric over time."""


class Metrics(NamedTuple):
    """What a step reports: single numbers and series of them, by name."""

    numbers: dict[str, float]
    series: dict[str, list[float]]
    notes: list[str]
    """What was left out, and why."""


class MissingMetricError(NameError):
    """A metric's name does not exist at the end of its step.

    Attributes:
        cell: None: nothing bound the name.
    """

    cell: int | None = None

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]


def read_metrics(names: Sequence[str], namespace: Mapping[str, Any]) -> Metrics:
    """Return the metrics that ``names`` hold.

    Raises:
        MissingMetricError: If a name does not exist.
    """
    metrics = Metrics({}, {}, [])
    for name in names:
        if name not in namespace:
            raise MissingMetricError(
                f"metric '{name}' does not exist at the end of the step", name=name
            )
        value = namespace[name]
        number = as_number(value)
        series = as_series(value) if number is None else None
        if number is not None:
            metrics.numbers[name] = number
        elif series is None:
            kind = type(value).__qualname__
            metrics.notes.append(f"'{name}' is no metric: it is a {kind}, not a number")
        elif len(series) > _LONGEST_SERIES:
            metrics.notes.append(f"'{name}' is no metric: it has {len(series)} values")
        else:
            metrics.series[name] = series
    return metrics


def as_series(value: Any) -> list[float] | None:
    """Return the numbers of a list, tuple or array with one dimension, None if it is no such."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 1 and hasattr(value, "tolist"):
        value = value.tolist()  # numpy, pandas, torch, ...
    if not isinstance(value, list | tuple):
        return None
    found = list(map(as_number, value))
    return [number for number in found if number is not None] if None not in found else None


def as_number(value: object) -> float | None:
    """Return an int, float or bool of the same value, None if it is not one number."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # numpy, torch, ...
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, numbers.Real | decimal.Decimal):
        return float(value)
    return None
