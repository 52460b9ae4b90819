"""Turns the values that a step reports as metrics into plain numbers."""

import decimal
import numbers
from collections.abc import Mapping, Sequence
from typing import Any


class MissingMetricError(NameError):
    """A metric's name does not exist at the end of its step.

    Attributes:
        cell: None: nothing bound the name.
    """

    cell: int | None = None

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]


def read_metrics(
    names: Sequence[str], namespace: Mapping[str, Any]
) -> tuple[dict[str, float], list[str]]:
    """Return (metrics by name, what was left out because it is not a number).

    Raises:
        MissingMetricError: If a name does not exist.
    """
    metrics: dict[str, float] = {}
    notes = []
    for name in names:
        if name not in namespace:
            raise MissingMetricError(
                f"metric '{name}' does not exist at the end of the step", name=name
            )
        number = as_number(namespace[name])
        if number is None:
            kind = type(namespace[name])
            notes.append(f"'{name}' is no metric: it is a {kind.__qualname__}, not a number")
        else:
            metrics[name] = number
    return metrics, notes


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
