"""Whether the process of a run is still there."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from kernelpipe.runs import owner
from kernelpipe.runs.owner import current_owner, is_gone, is_here


def test_is_gone__this_process__is_not() -> None:
    """The pid is in use and started when it did."""
    assert not is_gone(current_owner())


def test_is_gone__pid_was_reused__is() -> None:
    """Another process has the pid now: it started at another time."""
    assert is_gone(replace(current_owner(), start="1"))


def test_is_gone__machine_was_restarted__is() -> None:
    """Pids of an earlier boot mean nothing."""
    assert is_gone(replace(current_owner(), boot="earlier"))


def test_is_gone__other_host__is_not() -> None:
    """What cannot be looked at counts as alive."""
    assert not is_gone(replace(current_owner(), host="elsewhere", pid=1))


def test_is_gone__process_ended__is() -> None:
    """Nobody has the pid."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert is_gone(replace(current_owner(), pid=process.pid))


def test_is_gone__process_is_a_zombie__is() -> None:
    """It ended, only nobody has asked how."""
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert is_gone(replace(current_owner(), pid=process.pid))

    process.communicate()


def test_is_gone__process_of_another_user__is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system refuses to signal it, so it exists."""

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)

    assert not is_gone(current_owner())


def test_is_gone__no_proc__goes_by_the_pid_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems tell neither boot nor start."""
    monkeypatch.setattr(owner, "_text", lambda _: "")

    assert not is_gone(current_owner())


def test_is_here__process_of_this_host__is() -> None:
    """Only what surely is this very process may get a signal."""
    me = current_owner()

    assert is_here(me)
    assert not is_here(replace(me, host="elsewhere"))
    assert not is_here(replace(me, boot="earlier"))
    assert not is_here(replace(me, start="1"))
