"""Asks the process that carries out a run to stop."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelpipe.runs.owner import Owner, is_here


def stop_owner(owner: Owner) -> bool:
    """Ask the process of a run to stop, as Ctrl-C does; return whether it was there to be asked.

    A process that does not listen to that is asked with SIGTERM. Asking again ends the run's
    kernels at once. The runs of one command (a batch) have one process: all of them stop.
    """
    if owner.pid == os.getpid():
        return False
    try:
        with _handle(owner.pid) as send:
            if not is_here(owner):  # asked after the handle was got: it is no other process
                return False
            send(signal.SIGTERM if _ignores(owner.pid, signal.SIGINT) else signal.SIGINT)
    except OSError:
        return False
    return True


@contextmanager
def _handle(pid: int) -> Iterator[Callable[[int], None]]:
    """Yield what sends a signal to the process that has this pid now, and to no other."""
    if not hasattr(os, "pidfd_open"):
        yield lambda number: os.kill(pid, number)
        return
    handle = os.pidfd_open(pid)
    try:
        yield lambda number: signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def _ignores(pid: int, number: int) -> bool:
    """Tell whether a process ignores a signal, as those started in the background do."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    ignored = next(
        (line.split()[1] for line in text.splitlines() if line.startswith("SigIgn:")), "0"
    )
    return bool(int(ignored, 16) >> (number - 1) & 1)
