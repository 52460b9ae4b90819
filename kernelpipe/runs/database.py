"""The SQLite index of a store: its schema, its migrations, its connections and their errors."""

import os
import threading
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kernelpipe.errors import RunError, UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

Access = Literal["create", "write", "read"]

INDEX = "index.sqlite"
BUSY_TIMEOUT_S = 30.0

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        source TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        started_at REAL NOT NULL,
        duration_s REAL,
        notebook TEXT,
        parameters TEXT NOT NULL,
        metrics TEXT NOT NULL,
        owner_host TEXT NOT NULL,
        owner_boot TEXT NOT NULL,
        owner_pid INTEGER NOT NULL,
        owner_start TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_start ON runs (started_at);
    CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        is_cached INTEGER NOT NULL,
        duration_s REAL,
        notebook TEXT,
        error TEXT,
        PRIMARY KEY (run_id, position)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE runs ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE runs ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
    UPDATE runs SET sequence = (
        SELECT count(*) FROM runs AS earlier
        WHERE (earlier.started_at, earlier.id) <= (runs.started_at, runs.id)
    );
    DROP INDEX runs_by_start;
    CREATE UNIQUE INDEX runs_by_sequence ON runs (sequence);
    ALTER TABLE steps ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
    CREATE INDEX steps_by_name ON steps (run_id, name);
    CREATE TABLE results (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        source TEXT NOT NULL,
        step TEXT NOT NULL,
        run_id TEXT NOT NULL,
        created_at REAL NOT NULL,
        used_at REAL NOT NULL,
        duration_s REAL NOT NULL,
        facts TEXT NOT NULL
    );
    CREATE INDEX results_by_key ON results (key);
    CREATE INDEX results_by_step ON results (source, step);
    CREATE TABLE file_digests (
        signature TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        noted_at REAL NOT NULL
    ) WITHOUT ROWID;
    """,
)
"""Scripts that lead from one schema version to the next; ``PRAGMA user_version`` counts those that
a file has seen. A script is never changed after a release: a new one is appended."""


_shared: "weakref.WeakValueDictionary[Path, Index]" = weakref.WeakValueDictionary()
_sharing = threading.Lock()


def shared_index(path: Path) -> "Index":
    """Return the index at ``path``: one object, so one connection, for all that use it here."""
    with _sharing:
        found = _shared.get(path)
        if found is None:
            found = _shared[path] = Index(path)
        return found


class Index:
    """The database file of a store and this process's connection to it; thread-safe.

    The connection stays open between transactions: opening costs more than most of them. The
    rollback journal is kept on purpose: it works on network file systems and leaves one file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._place: tuple[int, int, int] | None = None
        self._closing: weakref.finalize[..., Index] | None = None

    def exists(self) -> bool:
        """Tell whether there is such a file; asking makes nothing."""
        return self.path.exists()

    @contextmanager
    def transaction(self, access: Access) -> "Iterator[sqlite3.Connection]":
        """Begin a transaction that is kept when the block ends well, else undone.

        Threads take turns; a block must not begin another transaction of the same index.

        Args:
            access: "create" also makes the file when it is missing; "read" waits for no other
                reader.

        Raises:
            UsageError: If the file is not an index or was made by a newer kernelpipe.
            RunError: If it cannot be read or written (disk full, locked for too long).
        """
        import sqlite3  # noqa: PLC0415 - slow to import

        try:
            with self._lock:
                opened = self._connect(access)
                opened.execute("BEGIN" if access == "read" else "BEGIN IMMEDIATE")
                try:
                    yield opened
                    opened.execute("COMMIT")
                except BaseException:
                    self._undo(opened)
                    raise
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise UsageError(
                    f"{self.path} is not a run index",
                    hint="move the file away, or name another directory with --home",
                ) from error
            raise RunError(f"the run index {self.path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        with self._lock:
            self._disconnect()

    def _connect(self, access: Access) -> "sqlite3.Connection":
        """Return the connection; a new one in a forked process, or when the file was replaced."""
        if self._opened is not None and self._place == _place(self.path):
            return self._opened
        self._disconnect()
        opened = _open(self.path, may_create=access == "create")
        try:
            opened.execute("PRAGMA foreign_keys = ON")
            opened.execute("PRAGMA synchronous = NORMAL")
            _migrate(opened, self.path)
        except BaseException:
            opened.close()
            raise
        self._opened, self._place = opened, _place(self.path)
        self._closing = weakref.finalize(self, _close, opened, os.getpid())
        return opened

    def _disconnect(self) -> None:
        if self._closing is not None:
            self._closing()
        self._opened = self._place = self._closing = None

    def _undo(self, opened: "sqlite3.Connection") -> None:
        """Undo what was begun; a connection that cannot even do that is given up."""
        import sqlite3  # noqa: PLC0415 - likewise

        try:
            if opened.in_transaction:
                opened.execute("ROLLBACK")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._disconnect()


def _place(path: Path) -> tuple[int, int, int] | None:
    """Return what tells this process's connection to this file from others."""
    try:
        found = path.stat()
    except OSError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _open(path: Path, *, may_create: bool) -> "sqlite3.Connection":
    import sqlite3  # noqa: PLC0415 - likewise

    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={'rwc' if may_create else 'rw'}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _close(opened: "sqlite3.Connection", pid: int) -> None:
    # A forked process must not close its parent's connection: SQLite forbids it.
    if os.getpid() == pid:
        opened.close()


def _migrate(opened: "sqlite3.Connection", path: Path) -> None:
    if _version(opened) == len(MIGRATIONS):
        return
    opened.execute("BEGIN EXCLUSIVE")
    # Asked again: another command may have migrated it while this one waited for the lock.
    found = _version(opened)
    if found > len(MIGRATIONS):
        opened.execute("ROLLBACK")
        raise UsageError(
            f"{path} was made by a newer kernelpipe (schema {found}, this one knows"
            f" {len(MIGRATIONS)})",
            hint="update kernelpipe, or name another directory with --home",
        )
    for script in MIGRATIONS[found:]:
        for statement in script.split(";"):
            opened.execute(statement)
    opened.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    opened.execute("COMMIT")


def _version(opened: "sqlite3.Connection") -> int:
    return int(opened.execute("PRAGMA user_version").fetchone()[0])
