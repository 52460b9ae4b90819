"""Tests of starting the process of a run."""

import sys
from pathlib import Path

import pytest

from kernelpipe.server import starting
from kernelpipe.server.starting import Refused, start_worker
from kernelpipe.server.worker import Request


def test_start_worker__folder_is_missing__is_refused(tmp_path: Path) -> None:
    """Nothing is left of it."""
    request = Request(
        action="run",
        notebook=str(tmp_path / "x" / "n.ipynb"),
        home=str(tmp_path / "x" / ".kernelpipe"),
        run_id=None,
        parameters={},
        options={},
    )

    found = start_worker(request, directory=tmp_path / "x")

    assert isinstance(found, Refused)
    assert found.status == 503
    assert list(tmp_path.iterdir()) == []


def test_start_worker__program_breaks__is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer says that it broke, the server's log says why."""
    request = Request(action="run", notebook="n", home="h", run_id=None, parameters={}, options={})
    del request["options"]  # type: ignore[misc]  # breaks it

    found = start_worker(request, directory=tmp_path)

    assert isinstance(found, Refused)
    assert found.status == 500
    assert "KeyError" not in str(found.document)
    assert "KeyError: 'options'" in caplog.text


def test_start_worker__killed_before_it_answers__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says that the process ended."""
    dying = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setattr(starting, "PROGRAM", dying)
    request = Request(action="run", notebook="n", home="h", run_id=None, parameters={}, options={})

    found = start_worker(request, directory=tmp_path)

    assert isinstance(found, Refused)
    assert "ended before it began (exit code -9)" in str(found.document)
