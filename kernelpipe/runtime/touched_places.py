"""Tells files that are a step's own business from those of the interpreter and its libraries."""

import os
import site
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

_NEVER = (
    *("/proc/", "/sys/", "/dev/"),
    *("/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/locale/", "/usr/lib/locale/"),
    *("/usr/share/i18n/", "/usr/lib/ssl/", "/usr/share/ca-certificates/"),
)
"""The system's own, among it what libraries written in C look up as if the user did."""
_SYSTEM = (
    *("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"),
    *("/lib/", "/lib64/", "/usr/lib/", "/usr/local/lib/", "/usr/include/", "/etc/"),
    *("/usr/share/mime/", "/usr/share/misc/", "/usr/share/terminfo/"),
    *("/usr/share/fonts/", "/usr/local/share/fonts/", "/usr/share/fontconfig/", "/usr/X11"),
    *("/usr/local/etc/", "/var/cache/fontconfig/", "/var/lib/ca-certificates/"),
)
"""What libraries look up by themselves; it counts only when the user's code opens it itself."""
_SHARED_PREFIXES = frozenset({"/", "/usr", "/usr/local", "/opt", "/opt/homebrew"})
_OF_AN_INSTALLATION = ("bin", "etc", "include", "lib", "lib64", "libexec", "share", "ssl", "var")
_OPENERS = frozenset(
    {
        *("bz2", "codecs", "csv", "fileinput", "glob", "genericpath", "gzip", "io", "json"),
        *("lzma", "os", "pathlib", "posixpath", "shutil", "tarfile", "tokenize", "zipfile"),
    }
)
"""Modules that open and look up what their caller names."""


class Places:
    """Knows which paths count, and whose code a frame runs.

    Attributes:
        namespace: The user's global namespace.
    """

    def __init__(self, namespace: dict[str, Any], own: Sequence[str]) -> None:
        """Take what lies in the directories ``own`` (ours) for no business of the step's."""
        self.namespace = namespace
        here = Path.cwd().as_posix() + "/"
        installed = (*_library_directories(), *_prefixes(here))
        left_out = {*_as_directories(own), *_as_directories(_private_directories())}
        left_out |= {place for place in _as_directories(installed) if not here.startswith(place)}
        self._left_out = (*_NEVER, *_shortest(left_out))
        self._directories = frozenset(place[:-1] for place in self._left_out)
        self._cells = f"/ipykernel_{os.getpid()}/"  # where ipykernel says that cells are
        self._is_local: dict[str, bool] = {}

    def is_left_out(self, path: str) -> bool:
        """Tell whether an absolute path is nothing that the step depends on."""
        return (
            path.startswith(self._left_out)
            or "/site-packages" in path
            or "/dist-packages" in path
            or "/__pycache__" in path
            or self._cells in path
            or path in self._directories
        )

    def is_system(self, path: str) -> bool:
        """Tell whether a path belongs to the system, not to the user."""
        return path.startswith(_SYSTEM)

    def is_user_frame(self, frame: FrameType | None) -> bool:
        """Tell whether a frame runs code of the notebook or of a local module."""
        if frame is None:
            return False
        found = frame.f_globals
        if found is self.namespace:
            return True
        file = found.get("__file__")
        if not isinstance(file, str) or found.get("__name__") == "__main__":
            return False
        known = self._is_local.get(file)
        if known is None:
            path = os.path.abspath(file)  # noqa: PTH100 - faster, and follows no links
            known = not (self.is_left_out(path) or path.startswith("/<"))
            self._is_local[file] = known
        return known

    def is_opened_by_user(self, frame: FrameType | None) -> bool:
        """Tell whether the user's code itself asked for what ``frame`` opens."""
        return self.is_user_frame(skip(frame, _OPENERS))


def skip(frame: FrameType | None, modules: frozenset[str]) -> FrameType | None:
    """Return the first frame, from ``frame`` outwards, of another package than these."""
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        if name.partition(".")[0] not in modules:
            return frame
        frame = frame.f_back
    return None


def _library_directories() -> Iterator[str]:
    """Yield the directories of the standard library and of installed packages."""
    yield str(Path(os.__file__).parent)
    yield from site.getsitepackages()
    user = site.getusersitepackages()
    if isinstance(user, str):
        yield user


def _prefixes(here: str) -> Iterator[str]:
    """Yield what belongs to the installations; a notebook may lie inside one."""
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        if prefix.rstrip("/") in _SHARED_PREFIXES or prefix in {"/", ""}:
            continue
        if here.startswith(prefix.rstrip("/") + "/"):
            yield from (str(Path(prefix, name)) for name in _OF_AN_INSTALLATION)
        else:
            yield prefix


def _private_directories() -> Iterator[str]:
    """Yield where IPython, Jupyter, matplotlib and fontconfig keep what is theirs."""
    get = os.environ.get
    user = Path(os.path.expanduser("~"))  # noqa: PTH111 - does not fail where nobody is at home
    config = Path(get("XDG_CONFIG_HOME") or user / ".config")
    cache = Path(get("XDG_CACHE_HOME") or user / ".cache")
    data = Path(get("XDG_DATA_HOME") or user / ".local" / "share")
    yield str(user / ".ipython")
    yield str(user / ".jupyter")
    yield str(user / ".fonts")
    yield str(config / "matplotlib")
    yield str(user / ".matplotlib")
    yield from (str(cache / name) for name in ("matplotlib", "fontconfig", "pip"))
    yield from (str(data / name) for name in ("jupyter", "fonts"))
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    for name in (*names, "MPLCONFIGDIR"):
        if text := get(name):
            yield text


def _shortest(directories: set[str]) -> Iterator[str]:
    """Yield the directories that lie in no other."""
    last = "\0"
    for directory in sorted(directories):
        if not directory.startswith(last):
            last = directory
            yield directory


def _as_directories(paths: Iterator[str] | Sequence[str]) -> set[str]:
    found = set()
    for path in paths:
        if path:
            found |= {os.path.abspath(path) + "/", os.path.realpath(path) + "/"}  # noqa: PTH100
    return found - {"//"}
