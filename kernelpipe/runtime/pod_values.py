"""Parameters of a step as they come out of KFP, made what they were when they went in."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .notebook import is_equal_json

_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


class ParameterError(Exception):
    """A value does not fit its parameter."""


def given_parameters(
    entries: list[dict[str, Any]], values: Mapping[str, Any], as_json: list[str]
) -> dict[str, Any]:
    """Return the values that the backend passes on, by name; they may equal the defaults.

    Args:
        entries: ``parameters`` of the task document.
        values: ``parameterValues`` of the ExecutorInput.
        as_json: Names of the parameters whose values are JSON text.

    Raises:
        ParameterError: If a value is not of its parameter's type.
    """
    given = {}
    for entry in entries:
        name = entry["name"]
        if name not in values:
            continue
        value = values[name]
        if name in as_json and isinstance(value, str):
            value = decode(value, entry)
        else:
            value = repair(value, entry["default"])
        _check(value, entry)
        given[name] = value
    return given


def shielded(text: str) -> str:
    """Return JSON ``text`` in ASCII, spelled so that no placeholder can be read in it."""
    value = json.dumps(json.loads(text))
    return re.sub(r"\{(?=\{)", r"\\u007b", value)


def decode(text: str, entry: Mapping[str, Any]) -> Any:
    """Return the value that JSON ``text`` holds; text that is no JSON stands for itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if entry["type"] == "str" and not (value is None or isinstance(value, str)):
        return text
    return value


def repair(value: Any, default: Any) -> Any:
    """Return ``value`` with integers that protobuf made doubles turned back.

    A number becomes an integer if it is whole and the default, or the default's items, are not
    floats. Numbers of one list become integers together, or not at all.
    """
    if isinstance(value, list):
        return _repair_list(value, default if isinstance(default, list) else [])
    if isinstance(value, dict):
        known = default if isinstance(default, dict) else {}
        return {key: repair(item, known.get(key)) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and not isinstance(default, float):
        return int(value)
    if type(value) is int and isinstance(default, float):
        return float(value)
    return value


def as_doubles(value: Any) -> Any:
    """Return a JSON value as protobuf brings it back: every number is a double."""
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    if isinstance(value, dict):
        return {key: as_doubles(item) for key, item in value.items()}
    return float(value) if _is_number(value) else value


def _repair_list(value: list[Any], default: list[Any]) -> list[Any]:
    if len(value) == len(default) and is_equal_json(value, default):
        return default
    numbers = [item for item in default if _is_number(item)]
    model: Any = numbers[0] if numbers else None
    if any(isinstance(item, float) for item in numbers) or any(
        isinstance(item, float) and not item.is_integer() for item in value
    ):
        model = 0.0
    nested = next((item for item in default if isinstance(item, list | dict)), None)
    return [repair(item, model if _is_number(item) else nested) for item in value]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(value: Any, entry: Mapping[str, Any]) -> None:
    kind = entry["type"]
    if (value is None and entry["nullable"]) or kind == "any":
        return
    if isinstance(value, bool) != (kind == "bool") or not isinstance(value, _KINDS[kind]):
        expected = f"{kind} or null" if entry["nullable"] else kind
        shown = json.dumps(value)
        raise ParameterError(f"parameter '{entry['name']}' is {shown}, must be {expected}")
