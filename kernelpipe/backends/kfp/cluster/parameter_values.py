"""Values of pipeline parameters as a compiled pipeline takes them."""

import json
from collections.abc import Mapping

from kernelpipe.backends.kfp.parameters import JSON_NOTE
from kernelpipe.backends.kfp.spec import Json, mapping, text
from kernelpipe.backends.kfp.values import fits, survives
from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.runtime.pod_values import as_doubles, repair, shielded


def runtime_parameters(spec: Json, given: Mapping[str, object]) -> Json:
    """Return parameter name -> the value to submit, for those that are given.

    Args:
        spec: The compiled pipeline.
        given: JSON values by parameter name.

    Raises:
        UsageError: If a name is not a parameter's, or a value does not fit.
    """
    inputs = mapping(mapping(mapping(spec.get("root")).get("inputDefinitions")).get("parameters"))
    return {name: _value(inputs, name, value) for name, value in given.items()}


def _value(inputs: Json, name: str, value: object) -> object:
    if name not in inputs:
        known = ", ".join(inputs) or "none"
        near = did_you_mean(name, inputs)
        hint = f"{near} its parameters are: {known}" if near else f"its parameters are: {known}"
        raise UsageError(f"'{name}' is not a parameter of the pipeline", hint=hint)
    definition = mapping(inputs[name])
    if text(definition.get("description")).startswith(JSON_NOTE):
        return shielded(json.dumps(value))
    kind = text(definition.get("parameterType"))
    if not fits(kind, value):
        raise UsageError(
            f"parameter '{name}' is a {kind}, which {json.dumps(value)} is not",
            hint="parameters keep the type of their default in the notebook",
        )
    if not survives(value):
        raise UsageError(
            f"the value of '{name}' would reach the pods changed: {json.dumps(value)[:80]}",
            hint="Kubeflow keeps no whole numbers beyond 2**53 and replaces text like '{{...}}'; "
            "make it the default in the notebook and compile again",
        )
    if _has_order(value):
        raise UsageError(
            f"the value of '{name}' would reach the pods with its keys in any order",
            hint="make it the default in the notebook, or write a mapping into the default: it "
            "travels as text then",
        )
    if kind in {"LIST", "STRUCT"}:
        arrives = repair(as_doubles(value), definition.get("defaultValue"))
        if repr(arrives) != repr(value):
            raise UsageError(
                f"the value of '{name}' would reach the pods as {json.dumps(arrives)[:80]}",
                hint="Kubeflow makes every number a float, and pods integers of whole ones unless "
                "the default has floats there: write numbers as there, or make it the default",
            )
    return float(value) if kind == "NUMBER_DOUBLE" and isinstance(value, int) else value


def _has_order(value: object) -> bool:
    """Return whether a mapping of several keys is in a value: protobuf keeps no order of them."""
    if isinstance(value, dict):
        return len(value) > 1 or any(map(_has_order, value.values()))
    return isinstance(value, list) and any(map(_has_order, value))
