"""Check the parameter values of a run against the pipeline, before anything starts."""

from collections.abc import Iterable, Mapping

from kernelpipe.compiler.lowering import parameters_cells
from kernelpipe.compiler.scalars import parse_value
from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.pipeline import Parameter, ParameterType, Pipeline

_PYTHON_TYPES: Mapping[ParameterType, type | tuple[type, ...]] = {
    ParameterType.STRING: str,
    ParameterType.INTEGER: int,
    ParameterType.DOUBLE: (int, float),
    ParameterType.BOOLEAN: bool,
    ParameterType.LIST: (list, tuple),
    ParameterType.STRUCT: dict,
    ParameterType.ANY: object,
}
_HINTS: Mapping[ParameterType, str] = {
    ParameterType.STRING: "quote it, so that it is text",
    ParameterType.BOOLEAN: "write true or false",
    ParameterType.LIST: "write it as '[a, b]'",
    ParameterType.STRUCT: "write it as '{key: value}'",
}
_SHOWN_CHARACTERS = 60


def parse_parameters(pipeline: Pipeline, texts: Mapping[str, str]) -> dict[str, object]:
    """Return the values that texts from a command line mean, by parameter name.

    Raises:
        UsageError: If a name is not a parameter of the pipeline, or a text cannot be read.
    """
    known = {parameter.name: parameter for parameter in pipeline.parameters}
    values: dict[str, object] = {}
    for name, text in texts.items():
        parameter = _find(pipeline, known, name)
        try:
            values[name] = parse_value(text, parameter.type, is_nullable=parameter.is_nullable)
        except UsageError as error:
            raise UsageError(f"parameter '{name}': {error}") from error
    return values


def check_parameters(pipeline: Pipeline, given: Mapping[str, object]) -> dict[str, object]:
    """Return ``given`` checked against the parameters, in notebook order.

    An int given for a ``float`` parameter becomes a float, a tuple a list; nothing else is
    converted. Values are JSON values afterwards.

    Raises:
        UsageError: If a name is not a parameter, or a value does not fit the parameter's type.
    """
    known = {parameter.name: parameter for parameter in pipeline.parameters}
    for name in given:
        _find(pipeline, known, name)
    return {
        name: _checked(parameter, given[name]) for name, parameter in known.items() if name in given
    }


def find_parameter(pipeline: Pipeline, name: str) -> Parameter:
    """Return the parameter with this name.

    Raises:
        UsageError: If there is none; the hint names those that there are.
    """
    return _find(pipeline, {parameter.name: parameter for parameter in pipeline.parameters}, name)


def _find(pipeline: Pipeline, known: Mapping[str, Parameter], name: str) -> Parameter:
    if name in known:
        return known[name]
    for index, cell in sorted(parameters_cells(pipeline).items()):
        if any(name in derivation.binds for derivation in cell.derivations):
            raise UsageError(
                f"'{name}' is not a parameter: cell {index} computes it",
                hint="only names that the parameters cell sets to a plain value can be set; "
                + _known_text(known),
            )
    near = did_you_mean(name, known)
    raise UsageError(
        f"'{name}' is not a parameter of {pipeline.path}",
        hint=f"{near} {_known_text(known)}" if near else _known_text(known),
    )


def _known_text(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"its parameters are: {names}" if names else "it has no parameters"


def _checked(parameter: Parameter, value: object) -> object:
    if value is None:
        if parameter.is_nullable or parameter.type is ParameterType.ANY:
            return None
        raise _mismatch(parameter, value)
    is_bool_for_number = isinstance(value, bool) and parameter.type in {
        ParameterType.INTEGER,
        ParameterType.DOUBLE,
    }
    if is_bool_for_number or not isinstance(value, _PYTHON_TYPES[parameter.type]):
        raise _mismatch(parameter, value)
    if parameter.type is ParameterType.DOUBLE:
        return _as_float(parameter, value)
    return _as_json(parameter, value)


def _as_float(parameter: Parameter, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # an int or a float, checked by the caller
    except OverflowError as error:
        raise UsageError(
            f"parameter '{parameter.name}': {_shown(value)} is too large for a float"
        ) from error


def _as_json(parameter: Parameter, value: object) -> object:
    """Return ``value`` as JSON brings it back, so that each backend hands on the same."""
    try:
        return _plain(value)
    except (TypeError, RecursionError) as error:
        reason = "it contains itself" if isinstance(error, RecursionError) else str(error)
        raise UsageError(
            f"parameter '{parameter.name}': the value is not plain JSON: {reason}",
            hint="use text, numbers, true, false, null, lists and mappings with text keys",
        ) from error


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    for scalar in (str, int, float):
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    raise TypeError(f"{_shown(value)} is of type {type(value).__name__}")


def _key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    raise TypeError(f"the key {_shown(key)} is not text")


def _mismatch(parameter: Parameter, value: object) -> UsageError:
    kind = parameter.type.value + (" or null" if parameter.is_nullable else "")
    found = "null" if value is None else f"{_shown(value)} ({type(value).__name__})"
    return UsageError(
        f"parameter '{parameter.name}' takes {kind} (its default is "
        f"{_shortened(parameter.default)}), not {found}",
        hint=_HINTS.get(parameter.type),
    )


def _shown(value: object) -> str:
    return _shortened(repr(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
