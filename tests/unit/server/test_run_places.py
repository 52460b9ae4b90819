"""Tests of what routes find out about the runs that requests name."""

from types import SimpleNamespace
from typing import Any

import pytest
from tornado.web import HTTPError

from kernelpipe.server.run_places import watch_of


def _shared(**settings: object) -> Any:
    """Return as much of what routes share as finding the watch takes."""
    return SimpleNamespace(serverapp=SimpleNamespace(web_app=SimpleNamespace(settings=settings)))


def test_watch_of__server_has_not_started_its_extensions__says_so() -> None:
    """A browser that comes back at once after a restart may be faster than the extensions."""
    with pytest.raises(HTTPError, match="the server is starting") as caught:
        watch_of(_shared())

    assert caught.value.status_code == 503


def test_watch_of__server_has_started__is_what_was_started() -> None:
    """The watch is kept in the application's settings."""
    assert watch_of(_shared(kernelpipe_watch="the watch")) == "the watch"
