"""Lists of the stand-in: filters, order and pages."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfp_server.description import problems
from kfp_server.refusals import invalid

JSON = dict[str, Any]

_NUMBERS = {
    1: "EQUALS",
    2: "NOT_EQUALS",
    3: "GREATER_THAN",
    5: "GREATER_THAN_EQUALS",
    6: "LESS_THAN",
    7: "LESS_THAN_EQUALS",
    8: "IN",
    9: "IS_SUBSTRING",
}
_CAMEL = {
    "intValue": "int_value",
    "longValue": "long_value",
    "stringValue": "string_value",
    "timestampValue": "timestamp_value",
    "stringValues": "string_values",
}
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUALS": lambda a, b: a == b,
    "NOT_EQUALS": lambda a, b: a != b,
    "GREATER_THAN": lambda a, b: a > b,
    "GREATER_THAN_EQUALS": lambda a, b: a >= b,
    "LESS_THAN": lambda a, b: a < b,
    "LESS_THAN_EQUALS": lambda a, b: a <= b,
    "IN": lambda a, b: a in b,
    "IS_SUBSTRING": lambda a, b: b in a,
}


def page(found: Sequence[JSON], query: Mapping[str, str], key: str) -> JSON:
    """Return one page of ``found`` under ``key``, as the query asks for it."""
    matching = [each for each in found if _matches(each, query.get("filter", ""))]
    field, _, direction = query.get("sort_by", "").partition(" ")
    if field and matching and field not in {"id", "name"} and field not in matching[0]:
        raise invalid(f"Invalid sorting field: {field!r}")
    if field:
        matching.sort(key=lambda each: str(each.get(field, "")), reverse=direction == "desc")
    start = _start(query.get("page_token", ""))
    size = int(query.get("page_size", "0")) or 20
    if size < 0:
        raise invalid("The page size should be greater than 0.")
    answer: JSON = {key: matching[start : start + size], "total_size": len(matching)}
    if start + size < len(matching):
        answer["next_page_token"] = f"page-{start + size}"
    return {name: value for name, value in answer.items() if value not in ([], 0)}


def _start(token: str) -> int:
    if not token:
        return 0
    if not token.startswith("page-"):
        raise invalid(f"Invalid package token {token!r}")
    return int(token.removeprefix("page-"))


def _matches(resource: JSON, text: str) -> bool:
    if not text:
        return True
    try:
        document = json.loads(text)
    except ValueError as error:
        raise invalid(f"Failed to parse valid filter from {text!r}") from error
    predicates = map(_normal, document.get("predicates", []))
    return all(_holds(resource, each) for each in predicates)


def _normal(predicate: JSON) -> JSON:
    plain = {_CAMEL.get(name, name): value for name, value in predicate.items()}
    operation = plain.get("operation")
    plain["operation"] = _NUMBERS.get(operation, operation) if operation else None
    found = list(problems(plain, "V2beta1Predicate"))
    if found or not plain.get("key"):
        raise invalid("; ".join(found) or "a predicate has no key")
    return plain


def _holds(resource: JSON, predicate: JSON) -> bool:
    expected = next(
        (value for name, value in predicate.items() if name.endswith(("_value", "_values"))), None
    )
    if isinstance(expected, dict):
        expected = expected.get("values", [])
    actual = resource.get(predicate["key"])
    if actual is None:
        return bool(predicate["operation"] == "NOT_EQUALS")
    return _TESTS[predicate["operation"]](actual, expected)
