"""The SQLite index of a run store: its schema, its migrations, its connections and their errors."""

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kernelpipe.errors import RunError, UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

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
)
"""Scripts that lead from one schema version to the next; ``PRAGMA user_version`` counts those that
a file has seen. A script is never changed after a release: a new one is appended."""


@contextmanager
def connection(
    path: Path, access: Literal["create", "write", "read"]
) -> "Iterator[sqlite3.Connection]":
    """Open the index at ``path`` for one transaction that is kept when the block ends well.

    The rollback journal is kept on purpose: it works on network file systems and leaves one file.

    Args:
        path: The database file.
        access: "create" also makes the file when it is missing; "read" waits for no other reader.

    Raises:
        UsageError: If the file is not an index or was made by a newer kernelpipe.
        RunError: If it cannot be read or written (disk full, locked for too long).
    """
    import sqlite3  # noqa: PLC0415 - slow to import

    mode = "rwc" if access == "create" else "rw"
    try:
        opened = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )
        with closing(opened):
            opened.execute("PRAGMA foreign_keys = ON")
            opened.execute("PRAGMA synchronous = NORMAL")
            _migrate(opened, path)
            opened.execute("BEGIN" if access == "read" else "BEGIN IMMEDIATE")
            yield opened
            opened.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise UsageError(
                f"{path} is not a run index",
                hint="move the file away, or name another directory with --home",
            ) from error
        raise RunError(f"the run index {path} cannot be used: {error}") from error


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
