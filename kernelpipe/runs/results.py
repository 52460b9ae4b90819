"""The store of results: what steps that succeeded made, by what determined it."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.result import FileState, Result, StoredValue, Touched
from kernelpipe.model.run import Metric
from kernelpipe.runs.database import INDEX, shared_index
from kernelpipe.runs.file_digests import SignatureCache, signature_of
from kernelpipe.runtime.container import MAGIC, ValueFileError, header_digest, open_container

if TYPE_CHECKING:
    import sqlite3

VALUES = "values"
TEMPORARY = ".new-"
"""How the names of files begin that are not objects yet."""
_COLUMNS = "id, key, source, step, run_id, created_at, duration_s, facts"
_READ_ONLY = 0o444
_BUFFER_BYTES = 1 << 20
_TOKEN_BYTES = 8
_MISSING = "is missing"
_CHANGED = "was changed"


class ResultStore:
    """Results under one home, and the files that they consist of; thread-safe.

    A file is an object: named by its digest, read-only, written once, shared by all that have the
    same content. Any number of processes may use one home at the same time. The home must have been
    made by :meth:`kernelpipe.runs.RunStore.create` before anything is stored.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.home = home.absolute()
        self._values = self.home / VALUES
        self._index = shared_index(self.home / INDEX)
        self._clock = clock
        self._intact = SignatureCache(self.home, "object", clock=clock)

    def path(self, digest: str) -> Path:
        """Return where the object with this digest is, if it is there."""
        return self._values / digest[:2] / digest

    def keep_file(self, path: Path, digest: str | None = None) -> tuple[str, int]:
        """Make a finished file an object and return its digest and its size in bytes.

        The file stays where it is and becomes read-only: it and the object are hard links to one
        content where the file system allows, else the object is a copy. An object that is there
        already stays, unless it is damaged.

        Args:
            path: Nothing may write it any more.
            digest: Of a value file: its :func:`kernelpipe.runtime.container.header_digest`. None
                means the SHA-256 of the content.

        Raises:
            OSError: If it cannot be read or stored, or if it is changed meanwhile.
        """
        before = path.stat()
        if digest is None:
            digest = _sha256(path)
        target = self.path(digest)
        if self.damage(digest) is not None or not _share(target, path):
            self._add_object(path, target, before)
        return digest, before.st_size

    def damage(self, digest: str) -> str | None:
        """Return "is missing" or "was changed", None if the object is what it was.

        An object whose stat signature was seen with the right content is not read. Each hard link
        that is made to it or removed gives it another signature: it is read once more then.
        """
        path = self.path(digest)
        looked_at = self._intact.now()
        try:
            before = signature_of(path.stat())
            if self._intact.find(before) == digest:
                return None
            is_intact = _fits(path, digest)
            after = signature_of(path.stat())
        except FileNotFoundError:
            return _MISSING
        except OSError:
            return _CHANGED
        if not is_intact or before != after:
            return _CHANGED
        self._intact.note(after, digest, looked_at=looked_at)
        return None

    def add(self, result: Result) -> None:
        """Record a result whose files are kept already."""
        with self._index.transaction("write") as opened:
            opened.execute(
                f"INSERT INTO results ({_COLUMNS}, used_at)"  # noqa: S608 - a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    result.id,
                    result.key,
                    result.source,
                    result.step,
                    result.run_id,
                    result.created_at,
                    result.duration_s,
                    _facts(result),
                    self._clock(),
                ),
            )

    def find(self, key: str) -> tuple[Result, ...]:
        """Return the results with this key, the one that was added last first."""
        return self._select("key = ? ORDER BY sequence DESC", key)

    def find_base(self, prefix: str) -> tuple[Result, ...]:
        """Return the results whose key begins with ``prefix``, the one added last first."""
        return self._select(
            "key >= ? AND key < ? ORDER BY sequence DESC", prefix, f"{prefix}\U0010ffff"
        )

    def get(self, result_id: str) -> Result | None:
        """Return the result with this id."""
        return next(iter(self._select("id = ?", result_id)), None)

    def latest(self, source: str, step: StepName) -> Result | None:
        """Return what this step of this notebook gave last, whatever determined it."""
        found = self._select("source = ? AND step = ? ORDER BY sequence DESC LIMIT 1", source, step)
        return next(iter(found), None)

    def of_step(self, source: str, step: StepName) -> tuple[Result, ...]:
        """Return all that this step of this notebook ever gave, the last first."""
        return self._select("source = ? AND step = ? ORDER BY sequence DESC", source, step)

    def flush(self) -> None:
        """Write down which objects were seen to be intact, so that they need not be read again."""
        self._intact.flush()

    def mark_used(self, ids: Sequence[str]) -> None:
        """Note that these results are used now; they are the last to be removed then."""
        if not ids or not self._index.exists():
            return
        now = self._clock()
        with self._index.transaction("write") as opened:
            opened.executemany(
                "UPDATE results SET used_at = max(used_at, ?) WHERE id = ?",
                [(now, result_id) for result_id in ids],
            )

    def _select(self, condition: str, *arguments: str) -> tuple[Result, ...]:
        if not self._index.exists():
            return ()
        with self._index.transaction("read") as opened:
            return _read_results(opened, condition, arguments)

    def _add_object(self, path: Path, target: Path, before: os.stat_result) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _temporary_name(target.parent) as temporary:
            _link_or_copy(path, temporary)
            # Changes of the file while it was hashed show now, later ones in `damage`.
            if _content_signature(path.stat()) != _content_signature(before):
                raise OSError(f"{path} was changed while it was stored")
            temporary.chmod(_READ_ONLY)
            temporary.replace(target)


def _read_results(
    opened: "sqlite3.Connection", condition: str, arguments: Sequence[str]
) -> tuple[Result, ...]:
    found = opened.execute(
        f"SELECT {_COLUMNS} FROM results WHERE {condition}",  # noqa: S608 - constants
        arguments,
    )
    return tuple(_result(row) for row in found)


def _facts(result: Result) -> str:
    return json.dumps(
        {
            "conditions": result.conditions,
            "values": [[value.port, value.digest, value.size_bytes] for value in result.values],
            "executed": result.executed,
            "metrics": [[metric.name, metric.value] for metric in result.metrics],
            "touched": asdict(result.touched),
        }
    )


def _result(row: Sequence[Any]) -> Result:
    result_id, key, source, step, run_id, created_at, duration_s, facts = row
    known = json.loads(facts)
    touched = known["touched"]
    return Result(
        id=result_id,
        key=key,
        source=source,
        step=StepName(step),
        run_id=RunId(run_id),
        created_at=created_at,
        duration_s=duration_s,
        conditions=known["conditions"],
        values=tuple(
            StoredValue(port=port, digest=digest, size_bytes=size_bytes)
            for port, digest, size_bytes in known["values"]
        ),
        executed=known["executed"],
        metrics=tuple(Metric(name=name, value=value) for name, value in known["metrics"]),
        touched=Touched(
            reads=tuple(FileState(**state) for state in touched["reads"]),
            writes=tuple(FileState(**state) for state in touched["writes"]),
            environment=tuple((name, digest) for name, digest in touched["environment"]),
            unseen=tuple(touched["unseen"]),
        ),
    )


def _fits(path: Path, digest: str) -> bool:
    """Read an object and tell whether its content is what its name says.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        is_value = file.read(len(MAGIC)) == MAGIC
    if not is_value:
        return _sha256(path) == digest
    try:
        open_container(path).source.close()
        return header_digest(path) == digest
    except (ValueFileError, ValueError, KeyError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content_signature(found: os.stat_result) -> tuple[int, int, int]:
    """Return what changes when a file is written, but not when it is linked."""
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _temporary_name(directory: Path) -> Iterator[Path]:
    """Give a free name in ``directory``; what is there at the end is removed."""
    temporary = directory / f"{TEMPORARY}{secrets.token_hex(_TOKEN_BYTES)}"
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _link_or_copy(path: Path, target: Path) -> None:
    """Make ``target`` a hard link to the file, or a copy where links fail."""
    with suppress(OSError):
        target.hardlink_to(path)
        return
    with path.open("rb") as source, target.open("xb") as copy:
        while piece := source.read(_BUFFER_BYTES):
            copy.write(piece)


def _share(target: Path, path: Path) -> bool:
    """Let a file share the content of an object that has the same, where links work.

    Returns:
        Whether the object is still there. Its ctime is new then, so that garbage collection, which
        does not know yet what it is needed for, leaves it alone.
    """
    with suppress(OSError), _temporary_name(path.parent) as temporary:
        if not path.samefile(target):
            temporary.hardlink_to(target)
            temporary.replace(path)
    try:
        target.chmod(_READ_ONLY)
    except FileNotFoundError:
        return False
    return True
