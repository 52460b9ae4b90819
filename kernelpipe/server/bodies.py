"""Reads the JSON bodies of requests: what has another shape is refused with 400."""

import json
from typing import TYPE_CHECKING, Any, Never

from tornado.web import HTTPError

if TYPE_CHECKING:
    from kernelpipe.api import RunOptions

JsonObject = dict[str, Any]


def json_object(content: bytes) -> JsonObject:
    """Return the object that a body holds.

    Raises:
        HTTPError: 400 if it is anything else.
    """
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, "the request's body is not JSON") from error
    if not isinstance(found, dict):
        raise HTTPError(400, "the request's body is not a JSON object")
    return found


def text(body: JsonObject, name: str) -> str:
    """Return a text that must be there."""
    found = body.get(name)
    if not isinstance(found, str):
        raise _wrong(name, "a text")
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise _wrong(name, "a text of whole characters") from error
    return found


def optional_text(body: JsonObject, name: str) -> str | None:
    """Return a text, None if there is none."""
    return None if body.get(name) is None else text(body, name)


def mapping(body: JsonObject, name: str) -> JsonObject:
    """Return an object that must be there."""
    found = body.get(name)
    if not isinstance(found, dict):
        raise _wrong(name, "an object")
    return found


def optional_mapping(body: JsonObject, name: str) -> JsonObject | None:
    """Return an object, None if there is none."""
    return None if body.get(name) is None else mapping(body, name)


def flag(body: JsonObject, name: str, *, default: bool) -> bool:
    """Return true or false, ``default`` if neither is there."""
    found = body.get(name, default)
    if not isinstance(found, bool):
        raise _wrong(name, "true or false")
    return found


def texts(body: JsonObject, name: str) -> tuple[str, ...]:
    """Return a list of texts, empty if there is none."""
    found = body.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _wrong(name, "a list of texts")
    return tuple(found)


def optional_count(body: JsonObject, name: str) -> int | None:
    """Return a whole number from one on, None if there is none."""
    found = body.get(name)
    if found is None:
        return None
    if type(found) is not int or found < 1:
        raise _wrong(name, "a whole number from 1 on")
    return found


def notebook_content(body: JsonObject, name: str = "notebook") -> JsonObject:
    """Return a notebook's JSON that must be there; only its outermost shape is looked at."""
    found = mapping(body, name)
    if not isinstance(found.get("cells"), list):
        raise _wrong(f"{name}.cells", "a list")
    if not all(isinstance(cell, dict) for cell in found["cells"]):
        raise _wrong(f"{name}.cells", "a list of objects")
    return found


def encoded(notebook: JsonObject) -> bytes:
    """Return a notebook as the bytes of a file.

    Raises:
        HTTPError: 400 if it is nested too deeply.
    """
    try:
        return json.dumps(notebook).encode()
    except RecursionError as error:
        raise HTTPError(400, "the notebook is nested too deeply") from error


def run_options(body: JsonObject) -> "RunOptions":
    """Return how a run is asked for (``IRunRequest``)."""
    return {
        "use_cache": flag(body, "use_cache", default=True),
        "jobs": optional_count(body, "jobs"),
        "only": texts(body, "only"),
        "start_from": texts(body, "start_from"),
        "until": texts(body, "until"),
    }


def _wrong(name: str, expected: str) -> HTTPError:
    return HTTPError(400, f"'{name}' must be {expected}")


def _refuse_constant(word: str) -> Never:
    raise ValueError(f"{word} is not JSON")
