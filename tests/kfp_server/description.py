"""The published description of the v2beta1 API, read from the installed ``kfp_server_api``."""

import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kfp_server_api
from kfp_server_api import models

SERVICES = (
    kfp_server_api.HealthzServiceApi,
    kfp_server_api.ExperimentServiceApi,
    kfp_server_api.PipelineServiceApi,
    kfp_server_api.PipelineUploadServiceApi,
    kfp_server_api.RunServiceApi,
    kfp_server_api.RecurringRunServiceApi,
)
_INT64 = frozenset({"max_concurrency", "interval_second", "execution_id", "long_value"})
"""64 bit integers: text in the description; JSON numbers are read, too."""
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "object": (dict, list, str, int, float, bool),
}
_PATH = re.compile(r"'(/apis/[^']+)', '([A-Z]+)'")
_QUERY = re.compile(r"query_params\.append\(\('([^']+)'")
_BODY = re.compile(r"if '(\w+)' in local_var_params:\s+body_params")
_ANSWER = re.compile(r"response_type='([^']+)'")
_REQUIRED = re.compile(r"Required input|Input\. Required\.")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API; ``query`` is parameter name -> type."""

    name: str
    verb: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    required: frozenset[str]
    body: str | None
    answer: str


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return all operations of the services that the stand-in knows."""
    return tuple(
        _operation(name.removesuffix("_with_http_info"), method)
        for service in SERVICES
        for name, method in vars(service).items()
        if name.endswith("_with_http_info")
    )


def _operation(name: str, method: Any) -> Operation:
    source = inspect.getsource(method)
    found = _PATH.search(source)
    assert found is not None, name
    types = dict(re.findall(r":type (\w+): ([^\n,]+)", source))
    body = _BODY.search(source)
    answer = _ANSWER.search(source)
    queries = _QUERY.findall(source)
    return Operation(
        name=name,
        verb=found[2],
        path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", found[1])),
        query={each: types[each] for each in queries},
        required=frozenset(re.findall(r":param (\w+):[^\n]*\(required\)", source)) & set(queries),
        body=types[body[1]] if body else None,
        answer=answer[1] if answer else "object",
    )


def problems(value: object, kind: str, *, place: str = "", is_input: bool = True) -> Iterator[str]:
    """Yield what is wrong with a JSON value of a type of the description.

    Args:
        value: As parsed.
        kind: "str", "list[V2beta1Run]", "V2beta1Run" ...
        place: Where it is, for messages.
        is_input: Ask for what the description calls required.
    """
    if inner := re.fullmatch(r"list\[(.*)\]", kind):
        yield from _list_problems(value, inner[1], place, is_input)
    elif inner := re.fullmatch(r"dict\(str, (.*)\)", kind):
        yield from _dict_problems(value, inner[1], place, is_input)
    elif kind == "datetime":
        yield from _time_problems(value, place)
    elif kind in _PLAIN:
        yield from _plain_problems(value, kind, place)
    else:
        yield from _model_problems(value, kind, place, is_input)


def _list_problems(value: object, kind: str, place: str, is_input: bool) -> Iterator[str]:  # noqa: FBT001
    if not isinstance(value, list):
        yield f"{place or 'value'}: expected a list"
        return
    for index, each in enumerate(value):
        yield from problems(each, kind, place=f"{place}[{index}]", is_input=is_input)


def _dict_problems(value: object, kind: str, place: str, is_input: bool) -> Iterator[str]:  # noqa: FBT001
    if not isinstance(value, dict):
        yield f"{place or 'value'}: expected an object"
        return
    for key, each in value.items():
        if each is not None or kind != "object":
            yield from problems(each, kind, place=f"{place}.{key}", is_input=is_input)


def _time_problems(value: object, place: str) -> Iterator[str]:
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        yield f"{place}: {value!r} is no RFC 3339 time"
        return
    if parsed.tzinfo is None:
        yield f"{place}: {value!r} has no time zone"


def _plain_problems(value: object, kind: str, place: str) -> Iterator[str]:
    is_number_as_text = (
        place.rpartition(".")[2] in _INT64
        and isinstance(value, int | str)
        and not isinstance(value, bool)
        and re.fullmatch(r"-?\d+", str(value))
    )
    if is_number_as_text:
        return
    if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind in {"int", "str"}):
        yield f"{place}: expected {kind}, got {value!r}"


def _model_problems(value: object, kind: str, place: str, is_input: bool) -> Iterator[str]:  # noqa: FBT001
    model = getattr(models, kind)
    if not model.openapi_types:
        allowed = getattr(model, "allowable_values", None)
        if allowed is not None and value not in allowed:
            yield f"{place}: {value!r} is none of {', '.join(allowed)}"
        return
    if not isinstance(value, dict):
        yield f"{place or kind}: expected an object"
        return
    fields = {model.attribute_map[name]: name for name in model.openapi_types}
    for key, each in value.items():
        where = f"{place}.{key}" if place else key
        if key not in fields:
            yield f'unknown field "{where}" of {kind}'
        elif each is not None:
            yield from problems(
                each, model.openapi_types[fields[key]], place=where, is_input=is_input
            )
    if is_input:
        yield from (
            f"{place}.{key}" + " is required"
            for key, name in fields.items()
            if _REQUIRED.search(getattr(model, name).__doc__ or "") and not value.get(key)
        )


def readable_query(operation: Operation, given: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the parameters after the question mark."""
    for name, value in given.items():
        kind = operation.query.get(name)
        if kind is None:
            yield f'unknown parameter "{name}" of {operation.name}'
        elif kind == "int" and not re.fullmatch(r"-?\d+", value):
            yield f"{name}: expected a number, got {value!r}"
        elif kind == "bool" and value not in {"true", "false", "True", "False"}:
            yield f"{name}: expected true or false, got {value!r}"
    for name in sorted(operation.required - given.keys()):
        yield f"parameter {name} is required"
