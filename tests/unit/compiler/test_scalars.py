"""Tests of reading the values that users type."""

import math
from typing import Any

import pytest

from kernelpipe.compiler import parse_value, parse_yaml
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import ParameterType


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("5", 5, id="integer"),
        pytest.param("-5", -5, id="negative integer"),
        pytest.param("+5", 5, id="signed integer"),
        pytest.param("010", 10, id="leading zero is decimal"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("0o17", 15, id="octal"),
        pytest.param("1.5", 1.5, id="float"),
        pytest.param("1e-3", 0.001, id="exponent without a dot"),
        pytest.param("-1E3", -1000.0, id="negative with exponent"),
        pytest.param(".5", 0.5, id="leading dot"),
        pytest.param("5.", 5.0, id="trailing dot"),
        pytest.param(".inf", math.inf, id="infinity"),
        pytest.param("-.INF", -math.inf, id="negative infinity"),
        pytest.param("inf", math.inf, id="infinity as in Python"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="capital false"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("null", None, id="null"),
        pytest.param("~", None, id="tilde"),
        pytest.param("", None, id="nothing"),
        pytest.param(" 7 ", 7, id="spaces around"),
        pytest.param('"7"', "7", id="double quotes"),
        pytest.param("'it''s'", "it's", id="single quotes"),
        pytest.param("[1, 2]", [1, 2], id="JSON list"),
        pytest.param("[a, 1e-3, yes, '2']", ["a", 0.001, "yes", "2"], id="flow list"),
        pytest.param('{"a": [1]}', {"a": [1]}, id="JSON mapping"),
        pytest.param("{a: null, b: 2}", {"a": None, "b": 2}, id="flow mapping"),
        pytest.param("1_000", "1_000", id="underscores are text"),
        pytest.param("2024-01-01", "2024-01-01", id="a date is text"),
        pytest.param("1:30", "1:30", id="no base 60"),
    ],
)
def test_parse_value__untyped_text__is_yaml_core(text: str, expected: Any) -> None:
    """Without a str parameter, text is read by YAML 1.2's core schema."""
    found = parse_value(text, ParameterType.ANY)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", [".nan", "nan"])
def test_parse_value__nan__is_nan(text: str) -> None:
    """Both spellings of "not a number" are read."""
    found = parse_value(text, ParameterType.DOUBLE)

    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize("text", ["5", "true", "[1]", '"quoted"', " spaced ", "", "null"])
def test_parse_value__str_parameter__is_the_raw_text(text: str) -> None:
    """Text for a str parameter is not interpreted."""
    assert parse_value(text, ParameterType.STRING) == text


def test_parse_value__null_for_nullable_str__is_none() -> None:
    """Only where None is accepted does "null" mean None."""
    assert parse_value("null", ParameterType.STRING, is_nullable=True) is None


@pytest.mark.parametrize("text", ["[1, 2", "{a: 1", '"open', "[1] x", "[" * 5000])
def test_parse_value__broken_flow__is_a_usage_error(text: str) -> None:
    """What is not closed is refused with YAML's reason."""
    with pytest.raises(UsageError, match="not valid YAML"):
        parse_value(text, ParameterType.LIST)


def test_parse_value__too_many_digits__is_a_usage_error() -> None:
    """Python refuses numbers of more than 4,300 digits; so do we, without a traceback."""
    with pytest.raises(UsageError, match="too many digits"):
        parse_value("1" * 5000, ParameterType.INTEGER)


def test_parse_yaml__block_document__reads_core_scalars() -> None:
    """A parameters file reads 1e-3 as a number and yes as text."""
    found = parse_yaml("lr: 1e-3\nname: 'on'\nflag: yes\nn:\n  - 010\n")

    assert found == {"lr": 0.001, "name": "on", "flag": "yes", "n": [10]}


def test_parse_yaml__key_twice__is_a_usage_error() -> None:
    """A repeated key would silently lose a value."""
    with pytest.raises(UsageError, match="a key stands in this mapping twice"):
        parse_yaml("a: 1\na: 2\n")


def test_parse_yaml__python_tag__is_a_usage_error() -> None:
    """Tags that make Python objects are not read."""
    with pytest.raises(UsageError, match="not valid YAML"):
        parse_yaml("!!python/object/apply:os.system ['true']")
