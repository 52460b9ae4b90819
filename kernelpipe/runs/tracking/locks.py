"""Locks between processes that the system gives back when their holder ends."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from kernelpipe.runs.owner import current_owner

_LOOK_EVERY_S = 0.1


@contextmanager
def holding(path: Path, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock of a file, which is made and says who holds it; give whether that worked.

    Args:
        path: The file; its folder exists.
        wait_s: How long to wait for another holder.

    Raises:
        OSError: If the file cannot be made.
    """
    give_up_at = time.monotonic() + wait_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not (is_held := _try_lock(descriptor)) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_EVERY_S)
        if is_held:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(current_owner())).encode(), 0)
        yield is_held
    finally:
        os.close(descriptor)  # which gives the lock back


def _try_lock(descriptor: int) -> bool:
    import fcntl  # noqa: PLC0415 - not on every system

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
