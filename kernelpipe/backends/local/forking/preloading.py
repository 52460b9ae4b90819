"""Imports modules before the fork, and tells which must be left to the steps themselves."""

import builtins
import importlib
import importlib.util
import locale
import logging
import os
import random
import signal
import site
import socket
import sys
import sysconfig
import threading
import warnings
from contextlib import suppress
from typing import Any

from .hiding import Hidden, Recorder
from .kernel_app import Publisher

_RUNTIME_MODULES = ("kernelpipe_runtime.step", "kernelpipe_runtime.touched")
_QUIET_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Settings read once, at import; the thread would be missing in a forked process anyway."""

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGALRM")
    if hasattr(signal, name)
]
_STREAMS = (1, 2)


def preload_runtime(directory: str) -> None:
    """Import what every step's first cell imports, from ``directory``."""
    sys.path.insert(0, directory)
    try:
        with suppress(ImportError):  # the step will say so
            for name in _RUNTIME_MODULES:
                importlib.import_module(name)
            # Each step that hands on a value needs it.
            importlib.import_module("kernelpipe_runtime.pickling").import_cloudpickle()
    finally:
        sys.path.remove(directory)


class Preloader:
    """Imports modules one after the other and looks for traces that they leave."""

    def __init__(self, publisher: Publisher, shell: Any, *, runtime: str) -> None:
        self._publisher = publisher
        self._shell = shell
        self._recorder = Recorder()
        random.random()  # noqa: S311 - so that the next numbers do not need a new state
        self._places = (*_install_places(), os.path.realpath(runtime) + os.sep)

    def load(self, name: str) -> str | None:
        """Import the module ``name``.

        Returns:
            None if all is well or nothing was done; else what it did that a step would notice.
            This process must not be forked then.
        """
        if name.partition(".")[0] == "__main__" or not self._is_installed(name.partition(".")[0]):
            return None
        self._publisher.has_spoken = False
        before, modules, written = _State(), set(sys.modules), self._written()
        added = {key: text for key, text in _QUIET_THREADS.items() if key not in os.environ}
        os.environ.update(added)
        try:
            # As a cell would: what warns about its caller warns about __main__, and libraries that
            # look for a notebook (pandas does, for its display options) find one.
            with self._shell.builtin_trap, self._recorder:
                exec(f"import {name}", {"__name__": "__main__"})  # noqa: S102 - a checked name
        except BaseException as error:  # noqa: BLE001 - the step will raise it again
            return f"its import raises {type(error).__name__}"
        finally:
            for key in added:
                os.environ.pop(key, None)
        if self._written() != written or self._publisher.has_spoken:
            return "its import prints or displays something"
        if thread_count() != 1:
            return "its import starts threads"
        strays = [n for n in set(sys.modules) - modules if not self._is_place_fit(n)]
        if strays:
            return f"it imports '{min(strays)}', which is not an installed module"
        return self._recorder.problem or before.difference()

    def hide(self) -> Hidden:
        """Hide what was imported; call it when no further module will be."""
        return self._recorder.hide()

    def _is_installed(self, top: str) -> bool:
        if top in sys.modules:
            return self._is_place_fit(top)
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return False
        return spec is not None and self._is_spec_fit(spec)

    def _is_place_fit(self, name: str) -> bool:
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if spec is None:
            path = getattr(module, "__file__", None)
            return path is None or self._is_path_fit(path)
        return self._is_spec_fit(spec)

    def _is_spec_fit(self, spec: Any) -> bool:
        if spec.origin in {"built-in", "frozen"}:
            return True
        if spec.has_location and spec.origin:
            return self._is_path_fit(spec.origin)
        places = list(spec.submodule_search_locations or ())
        return all(map(self._is_path_fit, places))

    def _is_path_fit(self, path: str) -> bool:
        return (os.path.realpath(path) + os.sep).startswith(self._places)

    def _written(self) -> tuple[object, ...]:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        kept: list[Any] = [sys.stdout, sys.stderr]
        buffered = tuple(
            sum(len(part.getvalue()) for part in stream._buffers.values())  # noqa: SLF001
            for stream in kept
            if hasattr(stream, "_buffers")
        )
        return (*buffered, *(os.fstat(fd).st_size for fd in _STREAMS))


def thread_count() -> int:
    """Return how many threads the process has, those gone that end before a fork.

    Linear algebra libraries start threads when they are imported. Their own preparation for a
    fork ends them, and a forked process starts as many again when it computes.
    """
    if _task_count() > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return _task_count()


def _task_count() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - numbers


def _install_places() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += site.getsitepackages()
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    return tuple(os.path.realpath(path) + os.sep for path in found)


class _State:
    """What an import might change in a process besides its modules, and cannot be done later."""

    def __init__(self) -> None:
        self._parts = _state_parts()

    def difference(self) -> str | None:
        """Return what has changed since, in the user's words."""
        now = _state_parts()
        for name, value in self._parts.items():
            if now[name] != value:
                return f"its import changes {name}"
        return None


def _state_parts() -> dict[str, object]:
    thread: Any = threading
    return {
        "the working directory": os.getcwd(),  # noqa: PTH109 - compared as text
        "signal handlers": [signal.getsignal(number) for number in _SIGNALS],
        "sys.path": list(sys.path),
        "exception hooks": (sys.excepthook, thread.excepthook, sys.unraisablehook),
        "sys.displayhook": sys.displayhook,
        "standard streams": (sys.stdin, sys.stdout, sys.stderr),
        "built-in functions": {
            name: value for name, value in vars(builtins).items() if name != "_"
        },
        "tracing": (sys.gettrace(), sys.getprofile()),
        "the recursion limit": sys.getrecursionlimit(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the socket timeout": socket.getdefaulttimeout(),
        # Numbers may be drawn: only the position in the state changes then.
        "the random state": hash(random.getstate()[1][:-1]),
        "logging": (logging.root.level, tuple(logging.root.handlers), logging.root.manager.disable),
        "the warnings machinery": warnings.showwarning,
    }
