"""Tests of reading the bodies of requests."""

import pytest
from tornado.web import HTTPError

from kernelpipe.server import bodies


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"3", id="a number"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a": NaN}', id="not a number"),
        pytest.param(b'{"a": -Infinity}', id="infinite"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a huge number"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"a": ' + b"[" * 100_000, id="nested deeply and cut off"),
        pytest.param(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested deeply"),
    ],
)
def test_json_object__no_json_object__is_refused(content: bytes) -> None:
    """Whatever is no JSON object is the client's mistake."""
    with pytest.raises(HTTPError, match="400"):
        bodies.json_object(content)


def test_json_object__object__is_returned() -> None:
    """A body is a JSON object."""
    assert bodies.json_object(b' {"a": [1, "\xc3\xa4"]} ') == {"a": [1, "ä"]}


@pytest.mark.parametrize(
    ("read", "value"),
    [
        pytest.param(bodies.text, 3, id="a text"),
        pytest.param(bodies.text, None, id="no text"),
        pytest.param(bodies.text, "\ud800", id="half a character"),
        pytest.param(bodies.mapping, [], id="a mapping"),
        pytest.param(bodies.optional_mapping, "x", id="a mapping or nothing"),
        pytest.param(bodies.texts, "x", id="texts"),
        pytest.param(bodies.texts, ["x", 3], id="texts among others"),
        pytest.param(bodies.optional_count, 0, id="a count from one"),
        pytest.param(bodies.optional_count, True, id="a count, not a truth"),
        pytest.param(bodies.optional_count, 1.5, id="a whole count"),
        pytest.param(bodies.notebook_content, {}, id="a notebook"),
        pytest.param(bodies.notebook_content, {"cells": {}}, id="a list of cells"),
        pytest.param(bodies.notebook_content, {"cells": [1]}, id="cells"),
    ],
)
def test_reader__wrong_type__is_refused_by_name(read: object, value: object) -> None:
    """The refusal names what is wrong."""
    assert callable(read)
    with pytest.raises(HTTPError, match=r"400.*'notebook"):
        read({"notebook": value}, "notebook")


def test_flag__wrong_type__is_refused_by_name() -> None:
    """Numbers are no truth values."""
    with pytest.raises(HTTPError, match=r"400.*'save' must be true or false"):
        bodies.flag({"save": 1}, "save", default=False)


def test_readers__right_types__are_returned() -> None:
    """What may be missing has a default."""
    assert bodies.text({"a": "ä"}, "a") == "ä"
    assert bodies.mapping({"a": {"b": 1}}, "a") == {"b": 1}
    assert bodies.optional_mapping({}, "a") is None
    assert bodies.optional_mapping({"a": {}}, "a") == {}
    assert bodies.flag({}, "a", default=True) is True
    assert bodies.flag({"a": False}, "a", default=True) is False
    assert bodies.texts({}, "a") == ()
    assert bodies.texts({"a": ["b"]}, "a") == ("b",)
    assert bodies.optional_count({"a": None}, "a") is None
    assert bodies.optional_count({"a": 2}, "a") == 2
    assert bodies.notebook_content({"notebook": {"cells": [{}]}}) == {"cells": [{}]}


def test_encoded__nested_too_deeply__is_refused() -> None:
    """What cannot be sent on is the client's mistake, too."""
    nested: dict[str, object] = {}
    for _ in range(100_000):
        nested = {"a": nested}

    with pytest.raises(HTTPError, match=r"400.*nested too deeply"):
        bodies.encoded(nested)
    while nested:  # or taking it down nests as deeply
        nested = nested.pop("a")  # type: ignore[assignment]  # it holds only its like


def test_encoded__notebook__is_the_bytes_of_a_file() -> None:
    """Half characters survive."""
    assert bodies.encoded({"cells": ["\ud800ä"]}) == b'{"cells": ["\\ud800\\u00e4"]}'
