"""Tests of parameters on their way through KFP."""

import json
from typing import Any

import pytest

from kernelpipe.runtime.pod_values import (
    ParameterError,
    as_doubles,
    decode,
    given_parameters,
    repair,
    shielded,
)

JSON = dict[str, Any]


def entry(kind: str, default: object, *, nullable: bool = False) -> JSON:
    """Return a parameter of a task document."""
    return {"name": "p", "type": kind, "default": default, "nullable": nullable, "cell": 0}


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        pytest.param(3.0, 1, 3, id="int"),
        pytest.param(3, 1.0, 3.0, id="float"),
        pytest.param(3.5, 1, 3.5, id="no-int"),
        pytest.param(True, 1, True, id="bool"),
        pytest.param("3", 1, "3", id="text"),
        pytest.param([1.0, 2.0], [5], [1, 2], id="list-of-ints"),
        pytest.param([1, 2], [0.5], [1.0, 2.0], id="list-of-floats"),
        pytest.param([1.0, 2.5], [], [1.0, 2.5], id="list-with-a-fraction"),
        pytest.param([1.0, 2.0], [], [1, 2], id="list-without-example"),
        pytest.param([1.0, 2.0], [1, 2.0], [1, 2.0], id="list-is-the-default"),
        pytest.param([[1.0], [2.0]], [[0.0]], [[1.0], [2.0]], id="nested-floats"),
        pytest.param([{"a": 1.0}], [{"a": 5}], [{"a": 1}], id="nested-ints"),
        pytest.param({"a": 1.0, "b": 1.0}, {"a": 0.5}, {"a": 1.0, "b": 1}, id="dict"),
        pytest.param([1.0, "a", None], "other", [1, "a", None], id="mixed"),
        pytest.param({"a": 1.0}, None, {"a": 1}, id="dict-without-example"),
    ],
)
def test_repair__number_from_protobuf__has_the_defaults_type(
    value: object, default: object, expected: object
) -> None:
    """Integers come back as integers; the default says which numbers were integers."""
    assert repr(repair(value, default)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        pytest.param("null", "int", None, id="null"),
        pytest.param("3", "int", 3, id="int"),
        pytest.param("3", "any", 3, id="any"),
        pytest.param("abc", "any", "abc", id="any-text"),
        pytest.param("3", "str", "3", id="text-like-a-number"),
        pytest.param('"3"', "str", "3", id="quoted-text"),
        pytest.param("null", "str", None, id="null-text"),
        pytest.param('"\\u007b{x}}"', "str", "{{x}}", id="braces"),
        pytest.param("1152921504606846977", "int", 1152921504606846977, id="large"),
    ],
)
def test_decode__json_text__is_the_value(text: str, kind: str, expected: object) -> None:
    """Parameters that KFP has no type for arrive as JSON text."""
    assert decode(text, entry(kind, None, nullable=True)) == expected


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        pytest.param("x", "int", "parameter 'p' is \"x\", must be int", id="text"),
        pytest.param(1.5, "int", "parameter 'p' is 1.5, must be int", id="fraction"),
        pytest.param(True, "int", "parameter 'p' is true, must be int", id="bool-for-int"),
        pytest.param(1, "bool", "parameter 'p' is 1, must be bool", id="int-for-bool"),
        pytest.param(None, "str", "parameter 'p' is null, must be str", id="null"),
        pytest.param({}, "list", "parameter 'p' is {}, must be list", id="dict-for-list"),
    ],
)
def test_given_parameters__wrong_type__names_the_parameter(
    given: object, kind: str, message: str
) -> None:
    """What does not fit the parameter stops the step before it starts."""
    defaults = {"int": 1, "bool": False, "str": "", "list": []}

    with pytest.raises(ParameterError, match="must be") as caught:
        given_parameters([entry(kind, defaults[kind])], {"p": given}, [])

    assert str(caught.value) == message


def test_given_parameters__wrong_json__says_what_is_accepted() -> None:
    """A nullable parameter takes null, too."""
    with pytest.raises(ParameterError, match='is "x", must be int or null'):
        given_parameters([entry("int", None, nullable=True)], {"p": "x"}, ["p"])


def test_given_parameters__values__are_repaired_or_decoded() -> None:
    """Parameters that are not given keep their defaults; others of the backend are ignored."""
    entries = [
        entry("int", 1) | {"name": "a"},
        entry("int", None, nullable=True) | {"name": "b"},
        entry("str", "x") | {"name": "c"},
        entry("any", None, nullable=True) | {"name": "d"},
    ]

    given = given_parameters(entries, {"a": 2.0, "b": "null", "d": "[1]", "z": 0}, ["b", "d"])

    assert given == {"a": 2, "b": None, "d": [1]}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([1, 2.5, True, None, "1"], id="mixed"),
        pytest.param({"a": [1.0, {"b": 2}], "c": "{{x}} {{{y"}, id="nested"),
        pytest.param([2**60, -1], id="large"),
    ],
)
def test_shielded__value__comes_back_from_text_without_placeholders(value: object) -> None:
    """Types, digits and braces are what they were."""
    text = shielded(json.dumps(value))

    assert "{{" not in text
    assert repr(json.loads(text)) == repr(value)


def test_as_doubles__json__is_what_protobuf_gives() -> None:
    """Booleans and texts stay what they are."""
    assert repr(as_doubles([1, {"a": 2, "b": True}, "3", None])) == (
        "[1.0, {'a': 2.0, 'b': True}, '3', None]"
    )
