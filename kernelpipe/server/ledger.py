"""All runs of all homes as the browser knows them, and what changes about them, numbered."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kernelpipe.api.documents import JsonObject, to_json
from kernelpipe.errors import KernelpipeError
from kernelpipe.model.names import RunId
from kernelpipe.model.run import UNFINISHED, Run
from kernelpipe.runs.database import INDEX
from kernelpipe.runs.events import EVENTS, EventTail
from kernelpipe.runs.notebooks import SNAPSHOT
from kernelpipe.runs.owner import ELSEWHERE, Owner, is_gone, is_here
from kernelpipe.runs.store import DEFAULT_HOME, RunStore
from kernelpipe.server.homes import Homes
from kernelpipe.server.live import Change, LiveRun, Said, StepChanged
from kernelpipe.server.paths import ContentsRoot
from kernelpipe.server.run_documents import cell_document, run_detail, run_summary, step_document

_LOG = logging.getLogger(__name__)
_OWNERS_EVERY_S: Final = 2.0
"""How often to ask whether the processes of unfinished runs are still there."""
_MOST_EXPECTED: Final = 1000
_SAME_TIME_S: Final = 1.0
"""A file that was changed so lately may have been changed again without looking it."""


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A run whose events are followed."""

    run: Run
    owner: Owner
    tail: EventTail
    live: LiveRun = field(default_factory=LiveRun)
    summary: JsonObject = field(default_factory=dict)
    ids: Mapping[int, str] | None = None
    """None as long as the run's copy of the notebook is not there."""

    @property
    def has_ended(self) -> bool:
        return self.run.state not in UNFINISHED

    def cell_ids(self) -> Mapping[int, str]:
        """Return the ids of the notebook's cells."""
        if self.ids is None:
            self.ids = read_cell_ids(Path(self.run.directory))
        return self.ids or {}


@dataclass(slots=True, kw_only=True)
class _Home:
    """A home and what is known of it."""

    folder: str
    store: RunStore
    signature: tuple[float, int, int] | None = None
    """Of its index when it was read last; None before that."""
    owners_at: float = 0.0
    runs: dict[RunId, JsonObject] = field(default_factory=dict)
    """The summaries of all runs."""
    paths: dict[str, str | None] = field(default_factory=dict)
    """Notebook -> its contents path, None outside the root: finding it out takes its time."""
    watched: dict[RunId, _Watched] = field(default_factory=dict)
    """Those that have not ended, and those that have but may still say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run with what is known about it; events after ``seq`` are not in ``detail``.

    ``detail`` has no edges yet.
    """

    run: Run
    owner: Owner
    detail: JsonObject
    seq: int
    is_trusted: bool


class Ledger:
    """What a server knows of runs; thread-safe, but its methods wait for the disk.

    Each change gets the next number at the moment at which it is taken over, so that what is asked
    of the ledger and the events that follow always fit together.
    """

    def __init__(
        self,
        contents: ContentsRoot,
        homes: Homes,
        *,
        server: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is read.

        Args:
            contents: What the server shows; homes outside it are left alone.
            homes: Those that are known.
            server: Which start of the server this is, for the events.
            clock: Seconds since the epoch.
        """
        self.server = server
        self._contents = contents
        self._remembered = homes
        self._clock = clock
        self._lock = threading.RLock()
        self._homes: dict[Path, _Home] = {}
        self._expected: dict[Path, None] = {}
        self._seq = 0
        self._was_asked = False
        self._outbox: deque[JsonObject] = deque()
        for home in homes.all():
            self._open(home)

    def take_events(self) -> list[JsonObject]:
        """Return the events (``IRunEvent``) that nobody has taken yet, in order."""
        found = []
        while self._outbox:
            found.append(self._outbox.popleft())
        return found

    def has_unfinished(self) -> bool:
        """Tell whether a run goes on; waits for nothing."""
        return any(home.watched for home in tuple(self._homes.values()))

    def going_on_clusters(self) -> dict[Path, list[RunId]]:
        """Return the runs that go on on clusters, by home; waits for nothing."""
        found: dict[Path, list[RunId]] = {}
        for path, home in tuple(self._homes.items()):
            for run_id, watched in tuple(home.watched.items()):
                if watched.run.cluster is not None and not watched.has_ended:
                    found.setdefault(path, []).append(run_id)
        return found

    def homes(self) -> tuple[Path, ...]:
        """Return the homes that are shown; waits for nothing."""
        return tuple(self._homes)

    def count_unfinished(self) -> int:
        """Tell how many runs go on."""
        with self._lock:
            watched = [each for home in self._homes.values() for each in home.watched.values()]
            return sum(not each.has_ended for each in watched)

    def expect(self, home: Path) -> None:
        """Look out for a home that may not be there yet; waits for nothing."""
        if home not in self._homes and len(self._expected) < _MOST_EXPECTED:
            self._expected[home] = None

    def add_home(self, home: Path, *, is_trusted: bool = False) -> None:
        """Take note of a home, if the server may show it."""
        with self._lock:
            if home in self._homes or self._open(home):
                self._remembered.add(home, is_trusted=is_trusted)

    def look(self) -> None:
        """Take over whatever has changed."""
        with self._lock:
            for path in tuple(self._expected):
                if (path / INDEX).is_file():
                    del self._expected[path]
                    self.add_home(path)
            for path, home in tuple(self._homes.items()):
                self._look_at(path, home)

    def list_runs(self) -> JsonObject:
        """Return all runs, the newest first (``IRunList``)."""
        with self._lock:
            self.look()
            self._was_asked = True
            runs = [run for home in self._homes.values() for run in home.runs.values()]
            runs.sort(key=lambda run: (run["started_at"], run["run_id"]), reverse=True)
            return {"server": self.server, "seq": self._seq, "runs": runs}

    def find(self, home: Path, run_id: RunId) -> Found | None:
        """Return a run, None if there is no such run in this home or no such home."""
        with self._lock:
            self.add_home(home)
            known = self._homes.get(home)
            if known is None:
                return None
            self._look_at(home, known)
            watched = known.watched.get(run_id)
            if watched is None:
                read = self._read(known, run_id)
                if read is None:
                    return None
                watched, _ = read
            detail = run_detail(
                watched.run,
                watched.live,
                summary=watched.summary,
                ids=watched.cell_ids(),
                edges=(),
            )
            return Found(
                run=watched.run,
                owner=watched.owner,
                detail=detail,
                seq=self._seq,
                is_trusted=self._remembered.is_trusted(home),
            )

    def _open(self, home: Path) -> bool:
        """Begin with a home; return whether it is one that the server shows."""
        folder = self._contents.relative(home.parent)
        is_ours = home.name == DEFAULT_HOME and not home.is_symlink()
        if folder is None or not is_ours or not (home / INDEX).is_file():
            return False
        self._homes[home] = _Home(folder=folder, store=RunStore(home))
        return True

    # -- taking over changes -----------------------------------------------------------------------
    def _look_at(self, path: Path, home: _Home) -> None:
        try:
            signature = _signature(path / INDEX)
            if signature is None:
                self._close(path, home)
                return
            now = self._clock()
            is_changed = signature != home.signature or abs(now - signature[0]) < _SAME_TIME_S
            are_owners_due = abs(now - home.owners_at) >= _OWNERS_EVERY_S
            if home.signature is None:
                self._begin(home)
            elif is_changed:
                self._take_ids(home)
            home.signature = signature
            for run_id, watched in tuple(home.watched.items()):
                if is_changed or are_owners_due:
                    self._take_record(home, run_id, watched)
                self._follow(home, run_id, watched)
            if are_owners_due:
                home.owners_at = now
        except KernelpipeError as error:
            # Kept in mind, so that it is said once; another change of the file is another try.
            home.signature = signature
            _LOG.warning("the runs in %s cannot be read: %s", path, error)

    def _begin(self, home: _Home) -> None:
        """Read all runs for the first time."""
        for run in reversed(home.store.list_runs()):
            if run.state in UNFINISHED:
                self._meet(home, run.id)
                continue
            live = LiveRun()
            live.settle(run)
            home.runs[run.id] = self._summary(home, run, live)
            if self._was_asked:  # else nobody has a list that lacks them
                self._emit(home, run.id, "run", run=home.runs[run.id])

    def _take_ids(self, home: _Home) -> None:
        """Find out which runs are new and which are gone."""
        ids = home.store.list_ids()
        for run_id in tuple(home.runs):
            if run_id not in ids:
                home.runs.pop(run_id)
                home.watched.pop(run_id, None)
                self._emit(home, run_id, "removed")
        for run_id in reversed(ids):
            if run_id not in home.runs:
                self._meet(home, run_id)

    def _meet(self, home: _Home, run_id: RunId) -> None:
        """Begin with a run that was not known."""
        found = self._read(home, run_id)
        if found is None:
            return
        watched, changes = found
        home.runs[run_id] = watched.summary
        if not watched.has_ended:
            home.watched[run_id] = watched
            if is_here(watched.owner):
                self._remembered.add(home.store.home, is_trusted=True)
        self._emit(home, run_id, "run", run=watched.summary)
        if not watched.has_ended:  # else the run is the last that is told of it
            self._emit_changes(home, run_id, watched, changes)

    def _read(self, home: _Home, run_id: RunId) -> tuple[_Watched, list[Change]] | None:
        """Return a run with all that it has said so far, and what of that is news."""
        found = home.store.find(run_id)
        if found is None:
            return None
        run, owner = found
        watched = _Watched(run=run, owner=owner, tail=EventTail(Path(run.directory, EVENTS)))
        changes = watched.live.apply(watched.tail.read())
        changes += watched.live.settle(run)
        watched.summary = self._summary(home, run, watched.live)
        return watched, changes

    def _take_record(self, home: _Home, run_id: RunId, watched: _Watched) -> None:
        found = home.store.find(run_id)
        if found is not None:
            watched.run, watched.owner = found

    def _follow(self, home: _Home, run_id: RunId, watched: _Watched) -> None:
        """Take over what a run has said since the last time; its end comes last."""
        changes = watched.live.apply(watched.tail.read())
        changes += watched.live.settle(watched.run)
        self._emit_changes(home, run_id, watched, changes)
        summary = self._summary(home, watched.run, watched.live)
        if summary != watched.summary:
            watched.summary = home.runs[run_id] = summary
            self._emit(home, run_id, "run", run=summary)
        is_silent = watched.live.is_closed or watched.owner == ELSEWHERE or is_gone(watched.owner)
        if watched.has_ended and is_silent:
            del home.watched[run_id]

    def _close(self, path: Path, home: _Home) -> None:
        """Drop a home that is gone."""
        del self._homes[path]
        self.expect(path)
        self._remembered.forget(path)
        for run_id in home.runs:
            self._emit(home, run_id, "removed")

    def _summary(self, home: _Home, run: Run, live: LiveRun) -> JsonObject:
        if run.source not in home.paths:
            home.paths[run.source] = self._contents.relative(run.source)
        path = home.paths[run.source]
        return _plain(run_summary(run, live, folder=home.folder, path=path))

    # -- telling -----------------------------------------------------------------------------------
    def _emit_changes(
        self, home: _Home, run_id: RunId, watched: _Watched, changes: list[Change]
    ) -> None:
        """Number what changed; of a step that changed several times only its last state is told."""
        ids = watched.cell_ids() if changes else {}
        last = {each.step: each for each in changes if isinstance(each, StepChanged)}
        for change in changes:
            if isinstance(change, Said):
                self._emit(home, run_id, "message", text=change.text)
            elif not isinstance(change, StepChanged):
                cell = cell_document(change.step, change.cell, change.state, ids)
                self._emit(home, run_id, "cell", cell=cell)
            elif last[change.step] is change:
                step = step_document(watched.live.steps[change.step], ids)
                self._emit(home, run_id, "step", step=_plain(step))

    def _emit(self, home: _Home, run_id: RunId, kind: str, **what: object) -> None:
        self._seq += 1
        self._outbox.append(
            {
                "server": self.server,
                "seq": self._seq,
                "time": self._clock(),
                "kind": kind,
                "run_id": run_id,
                "folder": home.folder,
                **what,
            }
        )


def read_cell_ids(directory: Path) -> dict[int, str] | None:
    """Return cell index -> id in a run's copy of its notebook, None if that cannot be read."""
    try:
        cells = json.loads((directory / SNAPSHOT).read_bytes())["cells"]
        return {
            index: cell["id"] for index, cell in enumerate(cells) if isinstance(cell.get("id"), str)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _signature(index: Path) -> tuple[float, int, int] | None:
    """Return what differs when a file was changed, first the time of its last change."""
    try:
        found = index.stat()
    except OSError:
        return None
    return found.st_mtime, found.st_ino, found.st_size


def _plain(document: JsonObject) -> JsonObject:
    """Return a document in which every number is one that JSON knows."""
    found: dict[str, Any] = json.loads(to_json(document))
    return found
