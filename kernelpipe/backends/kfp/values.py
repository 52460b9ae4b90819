"""Which JSON values fit which parameter type."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.spec import Json

_LARGEST_EXACT: Final = 2**53


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and float(value).is_integer()


_FITS: Final[Mapping[str, Callable[[object], bool]]] = {
    "STRING": lambda value: isinstance(value, str),
    "NUMBER_INTEGER": _is_whole,
    "NUMBER_DOUBLE": _is_number,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "LIST": lambda value: isinstance(value, list),
    "STRUCT": lambda value: isinstance(value, dict),
}


def fits(kind: str, value: object) -> bool:
    """Return whether a JSON value is of a parameter type; unknown types take anything."""
    return kind not in _FITS or _FITS[kind](value)


def check_default(parameter: Json, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the definition of an input parameter."""
    kind = parameter.get("parameterType")
    if kind is None:
        yield Problem(path=at(path, "parameterType"), message="is missing")
    if "defaultValue" not in parameter:
        return
    default = parameter["defaultValue"]
    place = at(path, "defaultValue")
    if not fits(str(kind), default):
        yield Problem(path=place, message=f"{default!r} is not a {kind}")
    elif not survives(default):
        yield Problem(path=place, message="cannot be passed on unchanged")


def survives(value: object) -> bool:
    """Return whether a JSON value passes through protobuf and the placeholders unchanged.

    Numbers become doubles on the way (so large integers lose digits and nan is refused), and text
    that holds ``{{`` may be taken for a placeholder.
    """
    if isinstance(value, str):
        return "{{" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, list):
        return all(survives(item) for item in value)
    if isinstance(value, dict):
        return all(survives(key) and survives(item) for key, item in value.items())
    if isinstance(value, float):
        return value - value == 0  # neither nan nor infinite
    if isinstance(value, int):
        return abs(value) <= _LARGEST_EXACT
    return value is None
