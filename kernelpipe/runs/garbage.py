"""Removes stored results that are no longer wanted, and what killed processes left behind."""

import errno
import json
import math
import os
import re
import shutil
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelpipe.errors import RunError
from kernelpipe.model.run import UNFINISHED, Run, RunState, StepFacts, parts_of
from kernelpipe.runs.database import INDEX, shared_index
from kernelpipe.runs.results import TEMPORARY, VALUES
from kernelpipe.runs.store import RunStore

if TYPE_CHECKING:
    import sqlite3

GRACE_S = 300.0
"""An object that was stored or linked more recently may belong to a result that is being added.

What runs store that are known to go on is kept anyway: this is for file servers whose clock is
another, and for runs in other containers, whose processes cannot be seen from here."""
_LEFTOVER_S = 3600.0
_DIGESTS_S = 90 * 86400.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RESUMABLE = (RunState.FAILED, RunState.CANCELED)
_OUTBOX = "outbox"
_RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What was removed, or would be."""

    results: int
    objects: int
    """Files of results."""
    leftovers: int
    """Temporary files, empty run directories and copies of the runtime."""
    freed_bytes: int
    """What the disk gained."""
    held_bytes: int
    """Of removed objects that stay on the disk because directories of runs hold them, too."""
    kept_results: int
    kept_bytes: int
    """Of the objects that remain."""
    protected_results: int
    """Those of the kept ones that runs need: unfinished runs and those that can be resumed."""
    young_objects: int = 0
    """Files of no result that are kept for now, because a run may be about to add one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A result: ``digests`` are those of its objects."""

    id: str
    used_at: float
    digests: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file or directory that may be removed."""

    path: Path
    found: os.stat_result
    content_bytes: int = 0
    """Of the files in a directory."""

    @property
    def freed_bytes(self) -> int:
        """Return what the disk gains when it is removed."""
        is_last_link = stat.S_ISREG(self.found.st_mode) and self.found.st_nlink == 1
        return self.content_bytes + (self.found.st_size if is_last_link else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    """What runs need: results by id, and everything made or used since then."""

    results: frozenset[str]
    since: float
    is_any_going: bool

    def may_lose(self, result: _Stored) -> bool:
        """Tell whether no run needs the result."""
        return result.id not in self.results and result.used_at < self.since


def collect_garbage(
    store: RunStore,
    *,
    older_than_s: float | None,
    max_bytes: int | None,
    is_dry_run: bool,
    clock: Callable[[], float] = time.time,
) -> Garbage:
    """Remove results that are no longer wanted, then all files that nothing needs.

    Safe while runs go on: what they made, use or may be about to add is kept, and so are the
    results of a run that can be resumed. Directories of runs are not touched.

    Args:
        store: Tells the home, and the runs that are kept.
        older_than_s: Remove results that were not used for so long; None removes none for that.
        max_bytes: Remove those that were not used for longest until the objects that remain are
            not more than this; None removes none for that.
        is_dry_run: Only tell what would be removed.
        clock: Tells the seconds since the epoch.

    Raises:
        RunError: If the index or a file cannot be read or changed.
    """
    index = shared_index(store.home / INDEX)
    if not index.exists():  # without it nothing is known to be garbage
        return _garbage((), (), (), (), (), protected=frozenset())
    now = clock()
    needs = _needs(store)
    objects = _objects(store.home)
    sizes = {file.path.name: file.found.st_size for file in objects}
    with index.transaction("read" if is_dry_run else "write") as opened:
        results = _read(opened)
        gone: list[_Stored] = []
        if older_than_s is not None:
            gone += [r for r in results if r.used_at <= now - older_than_s and needs.may_lose(r)]
        if max_bytes is not None:
            gone += _excess(_without(results, gone), sizes, max_bytes, needs)
        if not is_dry_run:
            _delete(opened, gone, now)
    kept = _without(results, gone)
    wanted = {digest for result in kept for digest in result.digests}
    newest = min(needs.since, now - GRACE_S)
    orphans = [file for file in objects if file.path.name not in wanted]
    unwanted = [file for file in orphans if file.found.st_ctime < newest]
    young = len(orphans) - len(unwanted)
    leftovers = [*_temporary_files(store.home, now), *_empty_runs(store, now)]
    if not needs.is_any_going:
        leftovers += _old_runtimes(store.home, now)
    if not is_dry_run:
        unwanted = [file for file in unwanted if _remove_object(file)]
        leftovers = [file for file in leftovers if _remove(file)]
    found = _garbage(gone, kept, unwanted, leftovers, objects, protected=needs.results)
    return replace(found, young_objects=young)


def _garbage(
    gone: Sequence[_Stored],
    kept: Sequence[_Stored],
    removed: Sequence[_File],
    leftovers: Sequence[_File],
    objects: Sequence[_File],
    *,
    protected: frozenset[str],
) -> Garbage:
    held = sum(file.found.st_size for file in removed if file.found.st_nlink > 1)
    return Garbage(
        results=len(gone),
        objects=len(removed),
        leftovers=len(leftovers),
        freed_bytes=sum(file.freed_bytes for file in (*removed, *leftovers)),
        held_bytes=held,
        kept_results=len(kept),
        kept_bytes=sum(file.found.st_size for file in objects)
        - sum(file.found.st_size for file in removed),
        protected_results=sum(result.id in protected for result in kept),
    )


def _needs(store: RunStore) -> _Needs:
    """Return what kept runs need.

    A run that is going here needs what it made and found, some of which is not recorded yet. One
    that did not succeed can be resumed, unless that has been done, and one whose values wait to be
    delivered is not done with them: they need what their steps made. Others have what they need in
    their directories.
    """
    runs = store.list_runs()
    resumed = {json.loads(run.facts).get("resumes") for run in runs}
    going = [run for run in runs if run.state in UNFINISHED and run.cluster is None]
    needy = [
        run
        for run in runs
        if run in going
        or (run.state in _RESUMABLE and run.id not in resumed)
        or (store.home / _OUTBOX / run.id).is_dir()
    ]
    return _Needs(
        results=frozenset(result for run in needy for result in _results_of(run)),
        since=min((run.started_at for run in going), default=math.inf),
        is_any_going=bool(going),
    )


def _results_of(run: Run) -> Iterator[str]:
    for step in run.steps:
        for part in parts_of(step):
            facts: StepFacts = json.loads(part.facts)
            if "result" in facts:
                yield facts["result"]


def _read(opened: "sqlite3.Connection") -> tuple[_Stored, ...]:
    """Return all results, those that were not used for longest first."""
    found = opened.execute("SELECT id, used_at, facts FROM results ORDER BY used_at, sequence")
    return tuple(
        _Stored(id=result_id, used_at=used_at, digests=_digests(json.loads(facts)))
        for result_id, used_at, facts in found
    )


def _digests(facts: dict[str, Any]) -> frozenset[str]:
    return frozenset([facts["executed"], *(digest for _, digest, _ in facts["values"])])


def _without(results: Iterable[_Stored], gone: Sequence[_Stored]) -> tuple[_Stored, ...]:
    names = {result.id for result in gone}
    return tuple(result for result in results if result.id not in names)


def _excess(
    results: Sequence[_Stored], sizes: Mapping[str, int], max_bytes: int, needs: _Needs
) -> list[_Stored]:
    """Return what to remove of ``results``, sorted by use, so that the rest is small enough."""
    users = Counter(digest for result in results for digest in result.digests)
    total = sum(sizes.get(digest, 0) for digest in users)
    found = []
    for result in results:
        if total <= max_bytes:
            break
        if not needs.may_lose(result):
            continue
        found.append(result)
        users.subtract(result.digests)
        total -= sum(sizes.get(digest, 0) for digest in result.digests if not users[digest])
    return found


def _delete(opened: "sqlite3.Connection", gone: Sequence[_Stored], now: float) -> None:
    opened.executemany("DELETE FROM results WHERE id = ?", [(result.id,) for result in gone])
    opened.execute("DELETE FROM file_digests WHERE noted_at < ?", (now - _DIGESTS_S,))


def _objects(home: Path) -> tuple[_File, ...]:
    return tuple(
        file
        for file in _files(home / VALUES)
        if _DIGEST.fullmatch(file.path.name) and file.path.parent.name == file.path.name[:2]
    )


def _files(directory: Path) -> Iterator[_File]:
    """Yield the regular files in the folders of ``directory``, sorted."""
    for folder in sorted(directory.glob("*")):
        for path in sorted(folder.glob("*")):
            found = _look(path)
            if found is not None and stat.S_ISREG(found.st_mode):
                yield _File(path=path, found=found)


def _temporary_files(home: Path, now: float) -> Iterator[_File]:
    """Yield what was to become an object when its process was killed."""
    for file in _files(home / VALUES):
        if file.path.name.startswith(TEMPORARY) and file.found.st_ctime < now - _LEFTOVER_S:
            yield file


def _empty_runs(store: RunStore, now: float) -> Iterator[_File]:
    """Yield run directories whose process was killed before it recorded the run."""
    known = {run.id for run in store.list_runs()}
    for path in sorted((store.home / "runs").glob("*")):
        found = _look(path)
        if path.name in known or found is None or not stat.S_ISDIR(found.st_mode):
            continue
        if found.st_ctime < now - _LEFTOVER_S and not any(path.iterdir()):
            yield _File(path=path, found=found)


def _old_runtimes(home: Path, now: float) -> Iterator[_File]:
    """Yield the copies of the runtime but the newest; a run makes the one it needs."""
    found = [
        _File(path=path, found=status, content_bytes=_content_bytes(path))
        for path in sorted((home / _RUNTIME).glob("*"))
        if (status := _look(path)) is not None and stat.S_ISDIR(status.st_mode)
    ]
    complete = [file for file in found if not file.path.name.startswith(".")]
    newest = max(complete, key=lambda file: file.found.st_mtime, default=None)
    for file in found:
        if file is not newest and file.found.st_ctime < now - _LEFTOVER_S:
            yield file


def _content_bytes(directory: Path) -> int:
    paths = (Path(root, name) for root, _, names in os.walk(directory) for name in names)
    return sum(found.st_size for path in paths if (found := _look(path)) is not None)


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _remove_object(file: _File) -> bool:
    """Remove an object unless it was linked or stored again meanwhile, and tell whether it went."""
    found = _look(file.path)
    if found is None or found.st_ctime_ns != file.found.st_ctime_ns:
        return False
    return _remove(file)


def _remove(file: _File) -> bool:
    """Remove a file, an empty run directory or a copy of the runtime; tell whether it went.

    Raises:
        RunError: If the system does not let us.
    """
    try:
        if not stat.S_ISDIR(file.found.st_mode):
            file.path.unlink()
        elif file.path.parent.name == _RUNTIME:
            # Nobody finds half a runtime: it gets another name first.
            doomed = file.path.with_name(f".gone-{file.path.name.lstrip('.')}")
            file.path.replace(doomed)
            shutil.rmtree(doomed)
        else:
            file.path.rmdir()
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:  # somebody uses it after all
            return False
        raise RunError(
            f"{file.path} cannot be removed: {error.strerror}; what was removed so far is gone"
        ) from error
    return True
