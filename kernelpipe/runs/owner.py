"""Tells whether the process that owns a run is still there."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that carries out a run.

    ``boot`` identifies the host's current boot and ``start`` the process's start, so that a reused
    pid is not mistaken for the owner; both are empty where the system does not tell.
    """

    host: str
    boot: str
    pid: int
    start: str


ELSEWHERE = Owner(host="", boot="", pid=0, start="")
"""Owner of a run that no process carries out: a cluster does."""


def current_owner() -> Owner:
    """Return this process as an owner."""
    pid = os.getpid()
    return Owner(host=socket.gethostname(), boot=_boot_id(), pid=pid, start=_process_start(pid))


def is_gone(owner: Owner, *, host: str | None = None, boot: str | None = None) -> bool:
    """Tell whether ``owner`` has surely ended.

    A process of another host cannot be looked at from here, so it counts as alive.

    Args:
        owner: As it was recorded.
        host: This host's name; looked up when None.
        boot: This host's boot id; looked up when None.
    """
    if owner.host != (socket.gethostname() if host is None else host):
        return False
    if owner.boot != (_boot_id() if boot is None else boot):
        return True
    if not _exists(owner.pid):
        return True
    return bool(owner.start) and _process_start(owner.pid) != owner.start


def is_here(owner: Owner) -> bool:
    """Tell whether ``owner`` surely is a process of this host that still runs."""
    return owner.host == socket.gethostname() and owner.boot == _boot_id() and not is_gone(owner)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _boot_id() -> str:
    return _text(Path("/proc/sys/kernel/random/boot_id")).strip()


def _process_start(pid: int) -> str:
    """Return the process's start in clock ticks since boot, or "" where /proc does not tell.

    A zombie has ended: it gets a text that no live process has.
    """
    status = _text(Path(f"/proc/{pid}/stat"))
    # The second field, the command's name in parentheses, may hold spaces and parentheses.
    fields = status.rpartition(")")[2].split()
    if not fields:
        return ""
    return "ended" if fields[0] == "Z" else fields[19]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
