"""Repeats a run for which everything is as it was, without loading what plans and runs.

Such a run would find every step. After a run that succeeded, what the next one would print and
record is written down with the signatures of all files that it depends on; while they are the
same, that is printed and recorded. Only the standard library is loaded here.
"""

import json
import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from kernelpipe.cli.answers import own_age

FORMAT = 1
RUN = "@kernelpipe-run@"
"""Stands for the run's id in what is written down."""
PARTS = (
    *("", "analysis", "api", "backends", "backends/local", "backends/local/forking", "cli"),
    *("cli/commands", "compiler", "model", "notebook", "runs", "runtime"),
)
_TRIES = 100


def repeat(home: str, words: Sequence[str]) -> str | None:
    """Record the run again and return what it prints, None if it has to be planned.

    Args:
        home: Where runs are kept.
        words: All that was asked for.
    """
    try:
        with open(place(home, words), encoding="utf-8") as file:
            known = json.load(file)
        if known["format"] != FORMAT or known["facts"] != facts(words):
            return None
        if signatures(known["files"]) != known["files"] or not _is_same(known["variables"]):
            return None
        contents = _read(known["directory"], known["copies"])
        run_id, directory = _make_directory(home)
        _write(directory, contents)
        started_at = time.time()
        _record(home, run_id, known, started_at)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    text: str = known["text"].replace(RUN, run_id)
    return text.replace(known["started_at"], f'"started_at": {started_at!r}')


def place(home: str, words: Sequence[str]) -> str:
    """Return the one file for this request: a new answer replaces the old one."""
    key = zlib.crc32(json.dumps(list(words)).encode())
    return os.path.join(home, "reruns", f"{key:08x}.json")


def facts(words: Sequence[str]) -> list[object]:
    """Return what the answer depends on besides files that steps touch."""
    names = sorted(name for name in os.environ if name.startswith(_VARIABLES))
    variables = [[name, os.environ[name]] for name in names]
    return [list(words), sys.executable, sys.version, own_age(PARTS), variables]


_VARIABLES = (
    *("PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV", "CONDA", "HOME", "XDG"),
    *("KERNELPIPE", "MLFLOW"),
)
"""How the names of variables begin that kernelpipe or the kernel looks at."""


def signatures(paths: Mapping[str, object]) -> dict[str, list[int] | None]:
    """Return path -> [device, inode, size, mtime, ctime], None where nothing is."""
    found: dict[str, list[int] | None] = {}
    for path in paths:
        try:
            state = os.stat(path)
        except FileNotFoundError:
            found[path] = None
            continue
        times = [state.st_mtime_ns, state.st_ctime_ns]
        found[path] = [state.st_dev, state.st_ino, state.st_size, *times]
    return found


def _is_same(variables: Sequence[Sequence[str | None]]) -> bool:
    """Tell whether environment variables have the values with these digests."""
    if not variables:
        return True
    from hashlib import sha256  # noqa: PLC0415 - hardly ever needed

    for name, digest in variables:
        text = os.environ.get(str(name))
        now = None if text is None else sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        if now != digest:
            return False
    return True


def _make_directory(home: str) -> tuple[str, str]:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for _ in range(_TRIES):
        run_id = f"{stamp}-{os.urandom(2).hex()}"
        directory = os.path.join(home, "runs", run_id)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue
        return run_id, directory
    raise FileExistsError(17, "no free run id is left for this second", home)


def _read(directory: str, names: Sequence[str]) -> dict[str, bytes]:
    """Return name in ``directory`` -> content of the file."""
    contents = {}
    for name in names:
        with open(os.path.join(directory, name), "rb") as file:
            contents[name] = file.read()
    return contents


def _write(directory: str, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def _record(home: str, run_id: str, known: Mapping[str, Any], started_at: float) -> None:
    import sqlite3  # noqa: PLC0415 - slow to import

    opened = sqlite3.connect(os.path.join(home, "index.sqlite"), isolation_level=None)
    try:
        if opened.execute("PRAGMA user_version").fetchone()[0] != known["schema"]:
            raise ValueError(home)
        opened.execute("PRAGMA synchronous = NORMAL")
        opened.execute("BEGIN IMMEDIATE")
        (sequence,) = opened.execute("SELECT coalesce(max(sequence), 0) + 1 FROM runs").fetchone()
        own = {"id": run_id, "started_at": started_at, "sequence": sequence}
        _insert(opened, "runs", known["run"] | own)
        for step in known["steps"]:
            _insert(opened, "steps", step | {"run_id": run_id})
        for identifier in known["results"]:
            opened.execute("UPDATE results SET used_at = ? WHERE id = ?", (started_at, identifier))
        opened.execute("COMMIT")
    except sqlite3.Error as error:
        raise ValueError(home) from error
    finally:
        opened.close()


def _insert(opened: Any, table: str, row: Mapping[str, object]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    values = tuple(row.values())
    opened.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - ours
