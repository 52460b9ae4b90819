"""Ends a forked process as Python would, except for taking down what it shares with others."""

import atexit
import builtins
import gc
import io
import os
import sys
import threading
from contextlib import suppress
from typing import Any

from .kernel_app import ForkedKernelApp


def leave(app: ForkedKernelApp) -> None:
    """Exit: wait for threads, run ``atexit`` functions, destroy what the user's code made.

    Python's own end would go through every module that the server had imported, in memory that
    is shared until it is touched. Nothing in there is the step's. But files are only written to
    the end, and finalizers run, when the objects of the step are destroyed.
    """
    ending: Any = threading
    ending._shutdown()  # noqa: SLF001 - what the interpreter itself calls
    atexit._run_exitfuncs()  # noqa: SLF001 - likewise
    _forget_results(app.kernel.shell)
    app.kernel.shell.user_ns.clear()
    gc.collect()
    for name in [name for name in sys.modules if name not in app.preloaded]:
        module = sys.modules.pop(name)
        if name != "__main__":
            with suppress(Exception):
                vars(module).clear()
    gc.collect()
    for found in gc.get_objects():
        if isinstance(found, io.IOBase):
            with suppress(Exception):
                found.flush()
    app.publisher.finish()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with suppress(Exception):
                stream.flush()
    os._exit(0)


def _forget_results(shell: Any) -> None:
    for name in ("_", "__", "___"):
        vars(builtins).pop(name, None)
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(name, None)
    if shell.history_manager is not None:  # its own atexit function has removed it
        shell.history_manager.output_hist.clear()
    shell.displayhook.exec_result = None
    shell.last_execution_result = None
    shell._last_traceback = None  # noqa: SLF001 - no other way
