"""Tests of asking the process of a run to stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kernelpipe.runs.owner import Owner, current_owner
from kernelpipe.runs.stopping import stop_owner

OWNER = (
    "from kernelpipe.runs.owner import current_owner as c; o = c();"
    " print(o.host, o.boot, o.pid, o.start, flush=True); import time; time.sleep(600)"
)


@contextmanager
def _process(before: str = "") -> "Iterator[tuple[subprocess.Popen[str], Owner]]":
    process = subprocess.Popen(
        [sys.executable, "-c", before + OWNER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        host, boot, pid, start = process.stdout.readline().split()
        try:
            yield process, Owner(host=host, boot=boot, pid=int(pid), start=start)
        finally:
            process.kill()


def test_stop_owner__process_runs__gets_sigint() -> None:
    """As if the user had pressed Ctrl-C."""
    with _process() as (process, owner):
        assert stop_owner(owner)

        assert process.wait(30) == -signal.SIGINT


def test_stop_owner__process_ignores_sigint__gets_sigterm() -> None:
    """Commands that a shell starts in the background do not hear Ctrl-C."""
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    with _process(deaf) as (process, owner):
        assert stop_owner(owner)

        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize(
    "change",
    [{"host": "elsewhere"}, {"boot": "another"}, {"start": "1"}],
    ids=["other host", "other boot", "reused pid"],
)
def test_stop_owner__another_process__is_left_alone(change: dict[str, str]) -> None:
    """A pid alone says nothing: on another machine, or later, it is somebody else's."""
    with _process() as (process, owner):
        assert not stop_owner(replace(owner, **change))  # type: ignore[arg-type]  # texts

        assert process.poll() is None


def test_stop_owner__process_has_ended__is_told() -> None:
    """There is nobody to be asked."""
    with _process() as (process, owner):
        process.kill()
        process.wait()

        assert not stop_owner(owner)


def test_stop_owner__this_very_process__is_left_alone() -> None:
    """A run that was started within the server's process must not stop the server."""
    assert current_owner().pid == os.getpid()

    assert not stop_owner(current_owner())
