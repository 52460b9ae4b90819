"""Watches what Python tells no hook: whether paths exist, and what some libraries open.

``os.path`` and ``pathlib`` look paths up with the functions of the ``os`` module that they have
imported. They get a copy of that module whose ``stat`` and ``lstat`` tell us; ``os`` itself and the
functions that users call stay what they are. pyarrow, polars and h5py, which open files past
Python, pass all paths through one function each, which is watched in the same way.
"""

import os
import sys
import types
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

_LOOKING = ("genericpath", "posixpath", "ntpath", "pathlib", "pathlib._local")
_CHECKS = frozenset(
    {
        *("exists", "lexists", "isfile", "isdir", "islink", "is_dir", "is_file", "is_symlink"),
        *("is_socket", "is_fifo", "is_block_device", "is_char_device", "is_junction"),
    }
)
"""Functions that only tell what is there; others tell more."""
_RESOLVING = frozenset({"_joinrealpath", "realpath", "resolve", "ismount", "is_mount", "samefile"})
_LIBRARIES = {
    "h5py._hl.compat": ("filename_encode", "fspath"),
    "polars._utils.various": ("normalize_filepath", "expanduser"),
    "pyarrow.util": ("_stringify_path", "expanduser"),
}
"""Module -> its function that all paths pass through which the library opens past Python, and the
function of ``os`` by which we hear of them."""
_WRITING = ("write", "sink", "serialize", "ParquetWriter")
"""What functions are called that write."""
_ASIDE = frozenset(
    {"IPython", "inspect", "linecache", "pexpect", "ptyprocess", "shutil", "tempfile", "traceback"}
)
"""Packages that look for what shows errors, or before they open; that has events of its own."""


class _LookUp(Protocol):
    def __call__(self, path: object, frame: FrameType, mode: int | None) -> None: ...


class _Use(Protocol):
    def __call__(self, path: object, frame: FrameType, *, is_write: bool) -> None: ...


_installed: dict[str, Any] = {}
"""Module -> its ``os`` before."""
_watchers: list[tuple[_LookUp, _Use]] = []


def install(look_up: _LookUp, use: _Use) -> None:
    """Watch; ``look_up`` hears of paths asked for, ``use`` of paths that libraries open."""
    _watchers[:] = [(look_up, use)]
    watched = _watched_os()
    for name in _LOOKING:
        _replace(name, watched)
    install_imported()


def install_imported() -> None:
    """Watch libraries that have been imported since, as soon as they are there."""
    for name in _LIBRARIES:
        if name in sys.modules and name not in _installed:
            _replace(name, _watched_library(name.partition(".")[0]))


def is_watched(library: str) -> bool:
    """Tell whether the paths that a library opens by itself are known, in its present version."""
    for name, (function, called) in _LIBRARIES.items():
        module = sys.modules.get(name)
        if name.partition(".")[0] == library and module is not None:
            code = getattr(getattr(module, function, None), "__code__", None)
            return code is not None and called in code.co_names
    return False


def remove() -> None:
    """Put back what was there before."""
    for name, original in _installed.items():
        vars(sys.modules[name])["os"] = original
    _installed.clear()


def _replace(name: str, watched: types.ModuleType) -> None:
    module = sys.modules.get(name)
    if module is not None and vars(module).get("os") is os:
        _installed[name] = os
        vars(module)["os"] = watched


def _standing_for(module: types.ModuleType, **changed: Any) -> types.ModuleType:
    """Return a module that differs from ``module`` in ``changed`` only."""
    made = types.ModuleType(module.__name__, module.__doc__)
    vars(made).update(changed, __getattr__=lambda name: getattr(module, name))
    return made


def _watched_os() -> types.ModuleType:
    return _standing_for(os, stat=_telling("stat"), lstat=_telling("lstat"), fspath=os.fspath)


def _telling(name: str) -> Callable[..., os.stat_result]:
    def look_up(path: Any, **arguments: Any) -> os.stat_result:
        try:
            found: os.stat_result = getattr(os, name)(path, **arguments)
        except (OSError, ValueError):
            _tell(path, sys._getframe(1), None)  # noqa: SLF001 - tells who asks
            raise
        _tell(path, sys._getframe(1), found.st_mode)  # noqa: SLF001
        return found

    return look_up


def _tell(path: Any, frame: FrameType, mode: int | None) -> None:
    names = []
    caller: FrameType | None = frame
    while caller is not None and caller.f_globals.get("__name__") in _LOOKING:
        names.append(caller.f_code.co_name)
        caller = caller.f_back
    if caller is None or isinstance(path, int) or not _RESOLVING.isdisjoint(names):
        return
    if _package(caller) in _ASIDE:
        return
    look_up, use = _watchers[0]
    if caller.f_globals.get("__name__") == "pandas.io.parquet" and "isdir" in names:
        use(path, caller, is_write="r" not in str(caller.f_locals.get("mode", "r")))
    elif _CHECKS.isdisjoint(names) and mode is not None:
        use(path, caller, is_write=False)
    else:
        look_up(path, caller, mode)


def _watched_library(library: str) -> types.ModuleType:
    """Return the ``os`` of a library's function that all paths pass through."""

    def expanduser(path: Any) -> Any:
        expanded = os.path.expanduser(path)  # noqa: PTH111 - what it stands for
        _tell_use(library, expanded, sys._getframe(1))  # noqa: SLF001 - tells what it is for
        return expanded

    def fspath(path: Any) -> Any:
        _tell_use(library, path, sys._getframe(1))  # noqa: SLF001
        return os.fspath(path)

    return _standing_for(os, path=_standing_for(os.path, expanduser=expanduser), fspath=fspath)


def _tell_use(library: str, path: Any, frame: FrameType) -> None:
    names: list[str] = []
    mode = None
    caller: FrameType | None = frame
    while caller is not None and _package(caller) == library:
        names += caller.f_code.co_qualname.split(".")
        if caller.f_code.co_qualname == "File.__init__":
            mode = str(caller.f_locals.get("mode") or "r")
        caller = caller.f_back
    if caller is None or "://" in os.fsdecode(path):
        return
    is_written = mode not in {None, "r"} or any(name.startswith(_WRITING) for name in names)
    if not is_written or mode in {"r+", "a"}:
        _watchers[0][1](path, caller, is_write=False)
    if is_written:
        _watchers[0][1](path, caller, is_write=True)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
