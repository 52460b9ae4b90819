"""Pipeline parameters as KFP knows them.

KFP has no null, no "any", no integers beyond 2**53 and no order of a mapping's keys. A parameter
that needs one of these travels as text that holds JSON; the pod turns it back.
"""

import json
from typing import Any, Final

from kernelpipe.backends.kfp.spec import Json
from kernelpipe.backends.kfp.values import survives
from kernelpipe.model.pipeline import Parameter, ParameterType
from kernelpipe.runtime.pod_values import shielded

JSON_NOTE: Final = "JSON: "
"""How the description of a parameter begins that travels as JSON text."""
_TYPES: Final = {
    ParameterType.STRING: "STRING",
    ParameterType.INTEGER: "NUMBER_INTEGER",
    ParameterType.DOUBLE: "NUMBER_DOUBLE",
    ParameterType.BOOLEAN: "BOOLEAN",
    ParameterType.LIST: "LIST",
}


def travels_as_json(parameter: Parameter) -> bool:
    """Return whether the parameter's values are passed as JSON text."""
    return (
        parameter.type is ParameterType.ANY
        or parameter.is_nullable
        or not survives(json.loads(parameter.default))
        or parameter.type is ParameterType.STRUCT
        or _needs_json(json.loads(parameter.default))
    )


def _needs_json(value: object) -> bool:
    """Return whether there is a null, which kfp's loader does not take, or a mapping in a value."""
    if isinstance(value, list):
        return any(map(_needs_json, value))
    return value is None or isinstance(value, dict)


def parameter_definition(parameter: Parameter) -> Json:
    """Return the IR's definition of a pipeline parameter, its default included."""
    if not travels_as_json(parameter):
        return {
            "parameterType": _TYPES[parameter.type],
            "defaultValue": _native(parameter),
            "isOptional": True,
        }
    kind = "any value" if parameter.type is ParameterType.ANY else parameter.type.value
    return {
        "parameterType": "STRING",
        "defaultValue": shielded(parameter.default),
        "isOptional": True,
        "description": f"{JSON_NOTE}{kind}{' or null' if parameter.is_nullable else ''}",
    }


def input_definition(parameter: Parameter) -> Json:
    """Return the IR's definition of the same parameter as a step's input, without default."""
    kind = "STRING" if travels_as_json(parameter) else _TYPES[parameter.type]
    return {"parameterType": kind}


def pod_entry(parameter: Parameter) -> Json:
    """Return what a pod must know of a parameter that its step's code does not read."""
    return {
        "name": parameter.name,
        "type": parameter.type.value,
        "default": json.loads(parameter.default),
        "nullable": parameter.is_nullable,
    }


def _native(parameter: Parameter) -> Any:  # a JSON value
    value = json.loads(parameter.default)
    return float(value) if parameter.type is ParameterType.DOUBLE else value
