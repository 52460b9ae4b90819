"""Turns SIGINT, SIGTERM and SIGHUP into calls, for as long as a run takes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def on_stop_signal(call: Callable[[str], None]) -> Iterator[None]:
    """Call ``call`` with the signal's name whenever one arrives; put the old handlers back.

    Signals that are ignored (``nohup``) stay ignored. Outside the main thread nothing is changed:
    only the main thread may set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.getsignal(number)
        for number in _NUMBERS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in previous:
        signal.signal(number, lambda received, _: call(signal.Signals(received).name))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
