"""Digests of what is in files, known again by their stat signatures.

A signature is [device, inode, size, mtime, ctime] (times in nanoseconds). The kernel sets ctime
whenever a file is written, and nothing can set it back, so a signature stands for one content, but
for changes within one tick of the file system's clock: a file that was changed just before it was
read is not remembered, as git does it ("racily clean" entries).
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from kernelpipe.errors import KernelpipeError
from kernelpipe.runs.database import INDEX, shared_index
from kernelpipe.runtime.touched_files import names_digest

Signature = list[int]

_FINE_TICK_S = 0.1
"""Where timestamps have parts of milliseconds, they advance with the kernel's clock: every 10 ms
at most."""
_COARSE_TICK_S = 2.0
"""The coarsest timestamps that file systems have are FAT's."""
_MILLISECOND_NS = 1_000_000
_MOST_PENDING = 200
_TRIES = 3
_LOOKUP_SIZE = 500


def signature_of(found: os.stat_result) -> Signature:
    """Return the signature that a stat result gives."""
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_settled(signature: Sequence[int], looked_at: float) -> bool:
    """Tell whether a file that had this signature could not change since without getting another.

    Args:
        signature: Taken at ``looked_at`` or later.
        looked_at: Seconds since the epoch.
    """
    changed_at_ns = signature[4]
    tick_s = _FINE_TICK_S if changed_at_ns % _MILLISECOND_NS else _COARSE_TICK_S
    return looked_at - changed_at_ns / 1e9 > tick_s


class SignatureCache:
    """Text by stat signature, kept in the index of a home.

    What is noted becomes visible to this object at once and to others when :meth:`flush` is
    called or much is waiting. It is a cache: where it cannot be read or written
    everything is merely found out again.
    """

    def __init__(self, home: Path, kind: str, *, clock: Callable[[], float] = time.time) -> None:
        self._index = shared_index(home.absolute() / INDEX)
        self._kind = kind
        self._clock = clock
        self._known: dict[str, str] = {}
        self._pending: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time, to be taken before a file is looked at that is noted then."""
        return self._clock()

    def recall(self, signatures: Iterable[Sequence[int]]) -> None:
        """Load what is known of many signatures at once."""
        with self._lock:
            asked = {self._name(signature) for signature in signatures} - self._known.keys()
        if not asked or not self._index.exists():
            return
        names = sorted(asked)
        found: dict[str, str] = {}
        with suppress(KernelpipeError), self._index.transaction("read") as opened:
            for start in range(0, len(names), _LOOKUP_SIZE):
                part = names[start : start + _LOOKUP_SIZE]
                marks = ", ".join("?" * len(part))
                query = f"SELECT signature, digest FROM file_digests WHERE signature IN ({marks})"  # noqa: S608 - marks
                found.update(opened.execute(query, part))
        with self._lock:
            self._known.update(found)

    def find(self, signature: Sequence[int]) -> str | None:
        """Return what was noted about a signature."""
        name = self._name(signature)
        if name not in self._known:
            self.recall([signature])
        return self._known.get(name)

    def note(self, signature: Sequence[int], text: str, *, looked_at: float) -> None:
        """Keep ``text``, unless the file may have changed within a tick of the clock.

        Args:
            signature: Of the file before and after it was looked at.
            text: What was found.
            looked_at: What :meth:`now` gave before.
        """
        if not is_settled(signature, looked_at):
            return
        with self._lock:
            self._known[self._name(signature)] = text
            self._pending[self._name(signature)] = (text, looked_at)
            is_full = len(self._pending) >= _MOST_PENDING
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        with self._lock:
            rows = [(name, text, noted_at) for name, (text, noted_at) in self._pending.items()]
            self._pending.clear()
        if rows and self._index.exists():
            with suppress(KernelpipeError), self._index.transaction("write") as opened:
                opened.executemany("INSERT OR REPLACE INTO file_digests VALUES (?, ?, ?)", rows)

    def _name(self, signature: Sequence[int]) -> str:
        return f"{self._kind} {' '.join(map(str, signature))}"


class FileDigests:
    """Tells the states of files, see :class:`kernelpipe.model.result.FileState`.

    Besides digests there are two texts that equal no digest: ``special:...`` for devices, pipes and
    sockets, which are never opened, and ``unreadable:...`` for what is there but cannot be read;
    the latter differs when the file does.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._cache = SignatureCache(home, "file", clock=clock)

    def state(self, path: str) -> str | None:
        """Return the state of what is at ``path``, None if nothing is; never raises OSError."""
        looked_at = self._cache.now()
        what = "?"
        try:
            found = os.stat(path)  # noqa: PTH116 - undecodable paths, many of them
            what = " ".join(map(str, signature_of(found)))
            if stat.S_ISDIR(found.st_mode):
                return names_digest(os.listdir(path))  # noqa: PTH208 - likewise
            if stat.S_ISREG(found.st_mode):
                return self._file(path, found, looked_at)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            return f"unreadable:{what}"
        return f"special:{stat.S_IFMT(found.st_mode):o} {found.st_rdev}"

    def states(self, paths: Iterable[str]) -> dict[str, str | None]:
        """Return path -> state of each, at the cost of two transactions."""
        asked = tuple(dict.fromkeys(paths))
        found = (self.signature(path) for path in asked)
        self._cache.recall(each for each in found if each is not None)
        states = {path: self.state(path) for path in asked}
        self._cache.flush()
        return states

    def at(self, path: str, signature: Sequence[int]) -> str | None:
        """Return the digest of the content that a regular file had with this signature.

        None if that content was not looked at then and is not at ``path`` any more.
        """
        known = self._cache.find(signature)
        if known is not None:
            return known
        looked_at = self._cache.now()
        try:
            found = os.stat(path)  # noqa: PTH116 - likewise
            if not stat.S_ISREG(found.st_mode) or signature_of(found) != list(signature):
                return None
            digest, before, after = _read(path)
        except (OSError, ValueError):
            return None
        if not before == after == list(signature):
            return None
        self._cache.note(signature, digest, looked_at=looked_at)
        return digest

    def flush(self) -> None:
        """Make what was found out known to other processes."""
        self._cache.flush()

    @staticmethod
    def signature(path: str) -> Signature | None:
        """Return the signature of what is at ``path``, None if that cannot be told."""
        try:
            return signature_of(os.stat(path))  # noqa: PTH116 - likewise
        except (OSError, ValueError):
            return None

    def _file(self, path: str, found: os.stat_result, looked_at: float) -> str:
        known = self._cache.find(signature_of(found))
        if known is not None:
            return known
        for _ in range(_TRIES):
            digest, before, after = _read(path)
            if before == after:
                self._cache.note(after, digest, looked_at=looked_at)
                return digest
            looked_at = self._cache.now()
        return digest  # of a file that is being written: of what was read, and not kept


def _read(path: str) -> tuple[str, Signature, Signature]:
    """Return the digest of a regular file and its signatures before and after reading it.

    Raises:
        OSError: If it cannot be read, or is not a regular file any more.
    """
    # Without O_NONBLOCK, opening a pipe that took the file's place would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(22, "not a regular file", path)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, signature_of(before), signature_of(os.fstat(descriptor))
