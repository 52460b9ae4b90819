"""Waits until something has happened outside of the browser."""

import time
from collections.abc import Callable


def until(is_so: Callable[[], object], what: str, *, within_s: float = 30.0) -> None:
    """Ask ``is_so`` again and again until it agrees.

    Raises:
        AssertionError: If it never does; ``what`` says what was waited for.
    """
    ends = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < ends, f"waited {within_s:.0f} s for {what}"
        time.sleep(0.05)
