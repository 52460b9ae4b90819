"""Notes which files and directories a step reads and writes, from Python's audit events."""

# Called for each file that a step opens: making Path objects takes longer than that.
# ruff: noqa: PTH100, PTH109, PTH110, PTH112, PTH114, PTH115, PTH116, PTH118, PTH120, PTH208

import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from .touched_places import Places, skip

Signature = list[int]
"""Device, inode, size, modification and change time in nanoseconds."""

_FINDERS = frozenset({"importlib", "importlib_metadata", "pkg_resources", "pkgutil", "zipimport"})
"""Packages that list directories to find modules."""
_FACTS = (*("reads", "written", "listings", "kinds", "directories", "absent", "trees", "removed"),)
_PATTERN = re.compile(r"[*?\[{]")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SOURCE_SUFFIXES = (".py", ".pyw")


def signature(path: str) -> Signature | None:
    """Return what tells one state of a file from another, None if nothing is there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return _signature_of(found)


def _signature_of(found: os.stat_result) -> Signature:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def names_digest(names: list[str]) -> str:
    """Return the digest of a directory's names, as ``FileState`` has it."""
    text = b"\0".join(os.fsencode(name) for name in sorted(names))
    return "dir:" + hashlib.sha256(text).hexdigest()


class Files:
    """The files that this process has touched since recording began.

    ``reads``, ``written`` and ``listings`` are by absolute path, each with the state at its first
    use and the time (monotonic, in nanoseconds). ``written`` holds what was there before.
    ``kinds`` says of a path whether it is a file or a directory: the step asked. ``directories``
    are those that it made; ``absent`` is what a library looked for in vain, perhaps before it
    wrote there; into ``trees`` a library writes by itself. ``forked`` is called with each fact in a
    forked process, whose memory is its own.
    """

    def __init__(self, places: Places, unseen: Callable[[str], None]) -> None:
        self.reads: dict[str, tuple[Signature | None, int]] = {}
        self.written: dict[str, tuple[Signature | None, int]] = {}
        self.listings: dict[str, tuple[str, int]] = {}
        self.kinds: dict[str, tuple[str, int]] = {}
        self.directories: dict[str, tuple[None, int]] = {}
        self.absent: dict[str, tuple[None, int]] = {}
        self.trees: dict[str, tuple[None, int]] = {}
        self.removed: dict[str, tuple[None, int]] = {}
        self.forked: Callable[[str, str, Any, int], None] | None = None
        self._unseen = unseen
        self._places = places
        self._known: set[tuple[object, object]] = set()
        self._directory: str | None = None
        self._have_directory_argument: dict[CodeType, bool] = {}

    # What audit events call; ``frame`` is the Python code that did it.

    def opened(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``open(path, mode, flags)``."""
        key = (args[0], args[2])
        if type(args[0]) is str and key in self._known:
            return
        if type(args[0]) is int:  # a file that is open already
            return
        flags = args[2]
        path = self._absolute(args[0])
        if path is None:
            return
        if args[1] is None and self._has_directory_argument(frame, args[0]):
            self._opened_in_directory(args[0], flags, frame)
            return
        self._known.add(key if type(args[0]) is str else (path, flags))
        if "/__pycache__/" in path and path.endswith(".pyc") and not flags & _WRITING:
            path = _source_of(path)
        if not self._is_left_out(path, frame):
            self._note_open(path, flags, frame)

    def _has_directory_argument(self, frame: FrameType, path: object) -> bool:
        """Tell whether a call of ``os.open`` may have been given ``dir_fd``."""
        if not isinstance(path, str) or path.startswith("/"):
            return False
        code = frame.f_code
        if code not in self._have_directory_argument:
            names = (*code.co_consts, code.co_names)
            found = any(isinstance(each, tuple) and "dir_fd" in each for each in names)
            self._have_directory_argument[code] = found
        return self._have_directory_argument[code]

    def _opened_in_directory(self, name: str, flags: int, frame: FrameType) -> None:
        """Note ``os.open(name, flags, dir_fd=...)``, whose event does not tell the directory."""
        if frame.f_globals.get("__name__") in {"shutil", "os"} and not flags & _WRITING:
            return  # walks a tree: what it does there has events of its own
        self._unseen(f"it opens '{name}' relative to an open directory, which cannot be watched")

    def _note_open(self, path: str, flags: int, frame: FrameType) -> None:
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            state = None
        else:
            if stat.S_ISDIR(found.st_mode):
                return
            if not stat.S_ISREG(found.st_mode):
                self._unseen(f"it uses '{path}', which is not a regular file")
                return
            state = _signature_of(found)
        # Without truncation what is there stays or matters, and O_EXCL depends on its absence.
        is_temporary = flags & os.O_EXCL and frame.f_globals.get("__name__") == "tempfile"
        if not flags & os.O_TRUNC and not is_temporary:
            self.note_read(path, state)
        if flags & _WRITING:
            self.note_write(path, state)

    def listed(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.listdir(path)`` and ``os.scandir(path)``."""
        path = self._absolute("." if args[0] is None else args[0])
        if path is None or path in self.listings or self._is_left_out(path, frame):
            return
        if _is_finder(frame):
            return
        try:
            names = os.listdir(path)
        except OSError:
            self.note_read(path, None)
        else:
            self.note_listing(path, names_digest(names))

    def removed_file(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.remove(path, dir_fd)`` and ``os.rmdir(path, dir_fd)``."""
        path = self._absolute(args[0], args[1])
        if path is not None and not self._is_left_out(path, frame):
            self._note_removal(path)

    def _note_removal(self, path: str) -> None:
        state = signature(path)
        if state is None and not os.path.islink(path):
            self.note_read(path, None)
            return
        self.note_write(path, state)
        self._note("removed", path, None)

    def renamed(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.rename(source, target, source_dir_fd, target_dir_fd)``."""
        source = self._absolute(args[0], args[2])
        target = self._absolute(args[1], args[3])
        if source is None or target is None:
            return
        for path in _files_below(source):
            if not self._is_left_out(path, frame):
                self.note_read(path, signature(path))
                self.note_write(path, signature(path))
                self._note("removed", path, None)
            moved = target + path[len(source) :]
            if not self._is_left_out(moved, frame):
                self.note_write(moved, signature(moved))
        if source in self.directories or os.path.isdir(source):
            self._note("removed", source, None)
            self.note_directory(target)

    def linked(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.link(source, target, ...)`` and ``os.symlink(source, target, dir_fd)``."""
        is_symbolic = len(args) == 3  # noqa: PLR2004 - the event of os.link has four
        source = None if is_symbolic else self._absolute(args[0], args[2])
        target = self._absolute(args[1], args[-1])
        if source is not None and not self._is_left_out(source, frame):
            self.note_read(source, signature(source))
        if target is not None and not self._is_left_out(target, frame):
            self.note_write(target, signature(target))

    def truncated(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.truncate(path, length)``."""
        path = self._absolute(args[0])
        if path is not None and not self._is_left_out(path, frame):
            self.note_read(path, signature(path))
            self.note_write(path, signature(path))

    def made_directory(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``os.mkdir(path, mode, dir_fd)``."""
        path = self._absolute(args[0], args[2])
        if path is not None and not self._is_left_out(path, frame):
            self.note_write(path, signature(path))
            self.note_directory(path)

    def moved(self, _args: tuple[Any, ...], _frame: FrameType) -> None:
        """Note ``os.chdir(path)``: relative paths mean something else from now on."""
        self._known.clear()
        self._directory = None

    def connected(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``sqlite3.connect(database)``: it reads, and perhaps writes."""
        database = os.fsdecode(args[0])
        if database.startswith("file:"):
            database = _path_of_uri(database)
        path = self._absolute(database) if database and database != ":memory:" else None
        if path is None or self._is_left_out(path, frame):
            return
        for each in (path, path + "-wal"):
            self.note_read(each, signature(each))
            self.note_write(each, signature(each))

    def loaded_library(self, args: tuple[Any, ...], frame: FrameType) -> None:
        """Note ``ctypes.dlopen(name)``."""
        if isinstance(args[0], str | bytes) and b"/" in os.fsencode(args[0]):
            path = self._absolute(args[0])
            if path is not None and not self._is_left_out(path, frame):
                self.note_read(path, signature(path))

    # What others call, too.

    def used(self, path: object, frame: FrameType, *, is_write: bool) -> None:
        """Note a file, or all files of a directory, that a library opens by itself."""
        place = self._absolute(path)
        if place is None or self._is_left_out(place, frame):
            return
        pattern = _PATTERN.search(place)
        if pattern and not is_write and not os.path.exists(place):
            place = os.path.dirname(place[: pattern.start()] + "x")
        if is_write:
            self._note("trees", place, None)
            for file in _files_below(place):
                self.note_write(file, signature(file))
        elif os.path.isdir(place):
            self._note_trees()
            for root, directories, names in os.walk(place):
                self.note_listing(root, names_digest([*directories, *names]))
                for name in names:
                    file = os.path.join(root, name)
                    self.note_read(file, signature(file))
        else:
            self.note_read(place, signature(place))

    def _note_trees(self) -> None:
        """Note as written what is new in directories that a library writes into by itself."""
        for tree in list(self.trees):
            if os.path.isdir(tree):
                self.note_directory(tree)
                for file in _files_below(tree):
                    self.note_write(file, None)

    def looked_up(self, path: object, frame: FrameType, *, mode: int | None) -> None:
        """Note that the step asked whether something is there; ``mode`` is its st_mode."""
        place = self._absolute(path)
        if place is None or place in self.kinds or place in self.reads:
            return
        if place in self.written or place in self.directories or self._is_left_out(place, frame):
            return
        if mode is None and self._places.is_user_frame(frame):
            self.note_read(place, None)
        elif mode is None:
            self._note("absent", place, None)
        else:
            self.note_kind(place, "is:dir" if stat.S_ISDIR(mode) else "is:file")

    def note_read(self, path: str, state: Signature | None) -> None:
        """Remember a read, unless it reads what the step itself has written."""
        if path not in self.reads and path not in self.written:
            self._note("reads", path, state)

    def note_write(self, path: str, state: Signature | None) -> None:
        """Remember a write and what was there before."""
        if path not in self.written:
            self._note("written", path, state)

    def note_listing(self, path: str, digest: str) -> None:
        """Remember the names in a directory."""
        if path not in self.listings:
            self._note("listings", path, digest)

    def note_kind(self, path: str, kind: str) -> None:
        """Remember what is at a path."""
        self._note("kinds", path, kind)

    def note_directory(self, path: str) -> None:
        """Remember a directory that the step wants to be there."""
        self._note("directories", path, None)

    def _note(self, fact: str, path: str, state: Any) -> None:
        when = time.monotonic_ns()
        getattr(self, fact)[path] = (state, when)
        if self.forked is not None:
            self.forked(fact, path, state, when)

    def merge(self, fact: str, path: str, state: Any, when: int) -> None:
        """Take over what a forked process noted; the earliest fact about a path counts."""
        known = getattr(self, fact)
        if path not in known or known[path][1] > when:
            known[path] = (state, when)

    def _is_left_out(self, path: str, frame: FrameType) -> bool:
        return self._places.is_left_out(path) or (
            self._places.is_system(path) and not self._places.is_opened_by_user(frame)
        )

    def _absolute(self, path: Any, directory: int = -1) -> str | None:
        """Return an absolute path without ``..``, links kept as they were named."""
        try:
            if isinstance(path, int):
                return self._opened_path(path)
            text = path if type(path) is str else os.fsdecode(path)
            if not text.startswith("/"):
                if self._directory is None:
                    self._directory = os.getcwd()
                start = self._opened_path(directory) if directory >= 0 else self._directory
                text = f"{start}/{text}"
        except (OSError, TypeError, ValueError):
            return None
        return _normalised(text) if "/." in text or "//" in text or text[-1] == "/" else text

    def _opened_path(self, descriptor: int) -> str | None:
        """Return what an open directory or file is called."""
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            self._unseen("it uses an open directory whose name is not known")
            return None

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return everything that is known: fact -> path -> state."""
        return {
            fact: {path: state for path, (state, _) in getattr(self, fact).items()}
            for fact in _FACTS
        }

    def take_over(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from the facts of the process that this one replaces, which come first."""
        for fact, states in facts.items():
            getattr(self, fact).update({path: (state, 0) for path, state in states.items()})
        for path in facts["written"].keys() - facts["reads"].keys():
            self.reads.pop(path, None)

    # At the end.

    def note_sources(self) -> None:
        """Remember the files of local modules, however they were loaded."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or getattr(module, "__name__", "") == "__main__":
                continue
            path = os.path.abspath(file)
            if path.endswith(".pyc") and "/__pycache__/" in path:
                path = _source_of(path)
            if not self._places.is_left_out(path):
                self.note_read(path, signature(path))

    def note_missing_modules(self, names: list[str]) -> None:
        """Remember that the user's imports found no local module of these names."""
        for name in names:
            if name in sys.modules:
                continue
            parts = name.split(".")
            for entry in sys.path:
                place = os.path.abspath(os.path.join(entry, *parts))
                if self._places.is_left_out(place) or not os.path.isdir(os.path.dirname(place)):
                    continue
                for path in (place + ".py", os.path.join(place, "__init__.py")):
                    self.note_read(path, signature(path))

    def summary(self) -> dict[str, list[Any]]:
        """Return the facts as they go into result.json, each list sorted."""
        self._note_trees()
        absent = {path: None for path in self.absent if path not in self.written}
        reads = {**absent, **{path: state for path, (state, _) in self.reads.items()}}
        writes = []
        for path, (before, when) in self.written.items():
            if path in self.reads and self.reads[path][1] > when:
                del reads[path]
            now = signature(path)
            if now != before or (now is None and os.path.islink(path)):
                if not os.path.isdir(path):
                    writes.append(path)
            elif now is None and path in self.removed and reads.get(path, ()) is None:
                del reads[path]
        told = self.written.keys() | self.listings.keys()
        kinds = {path: kind for path, (kind, _) in self.kinds.items() if path not in told}
        for path in self.directories:
            if os.path.isdir(path) and path not in self.listings:
                kinds[path] = "is:dir"
            if path in reads and reads[path] is None:
                del reads[path]
        return {
            "reads": [[path, state] for path, state in sorted(reads.items())],
            "writes": sorted(writes),
            "listings": [
                [path, digest]
                for path, (digest, _) in sorted(self.listings.items())
                if path not in self.directories or os.path.isdir(path)
            ],
            "kinds": [[path, kind] for path, kind in sorted(kinds.items()) if path not in reads],
        }


def _source_of(path: str) -> str:
    """Return the source of a compiled module in ``__pycache__``."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.dirname(directory), name.split(".")[0] + ".py")


def _files_below(path: str) -> list[str]:
    if not os.path.isdir(path) or os.path.islink(path):
        return [path]
    return [os.path.join(root, name) for root, _, names in os.walk(path) for name in names]


def _path_of_uri(uri: str) -> str:
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - rarely needed

    parts = urlsplit(uri)
    return "" if "mode=memory" in parts.query else unquote(parts.path)


def _is_finder(frame: FrameType | None) -> bool:
    """Tell whether a directory is listed to find a module in it."""
    while frame is not None and frame.f_globals.get("__name__") in {"os", "pathlib"}:
        frame = frame.f_back
    return frame is not None and skip(frame, _FINDERS) is not frame


def _normalised(path: str) -> str:
    if "/../" not in path + "/":
        return os.path.normpath(path)
    # Past a link, ".." does not lead back to where the link stands.
    parent, name = os.path.split(path.rstrip("/"))
    if name == "..":
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(parent), name)
