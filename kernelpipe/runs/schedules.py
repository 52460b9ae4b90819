"""The schedules on clusters that were made from here: what the runs are that they start.

Each has a directory in the home: ``schedule.json``, the notebook and the pipeline as they were, and
which of its runs have been recorded. A run that was removed from the records does not come back.
"""

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import UnionType
from typing import Final

from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.run import ClusterFacts, RunFacts
from kernelpipe.notebook import replace_file
from kernelpipe.runs.tracking.locks import holding

SCHEDULES: Final = "schedules"
"""The folder in a home."""
_RECORD: Final = "schedule.json"
_SEEN: Final = "seen.json"
_LOCK: Final = "lock"
_KEY: Final = re.compile(r"[0-9a-f]{16}")
_MOST_FILE_BYTES: Final = 50_000_000


def has_schedules(home: Path) -> bool:
    """Tell whether schedules were made from here; at little cost."""
    return any((home / SCHEDULES).glob(f"*/{_RECORD}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRecord:
    """A schedule, and what its runs have in common: see :meth:`RunStore.create`."""

    key: str = field(default_factory=lambda: secrets.token_hex(8))
    """What it is known by here."""
    schedule_id: str
    """On its cluster."""
    name: str
    cron: str | None
    """Five fields, or six where seconds matter; None with an interval."""
    interval_s: int | None
    created_at: float
    """Seconds since the epoch, by its cluster's clock; 0 if that was not told."""
    pipeline: str
    source: str
    """Path of the notebook."""
    parameters: str
    """JSON text of name -> value, defaults included."""
    steps: tuple[StepName, ...]
    facts: RunFacts

    @property
    def cluster(self) -> ClusterFacts:
        """Where it is."""
        found: object = self.facts.get("cluster")
        return self.facts["cluster"] if isinstance(found, dict) else ClusterFacts()


@dataclass(slots=True)
class SeenRuns:
    """Which runs of a schedule have been recorded.

    All that were created before ``since`` (seconds since the epoch), and of those that were created
    in that very second, ``ids``.
    """

    since: float = 0.0
    ids: set[str] = field(default_factory=set)

    def has(self, run_id: str, created_at: float) -> bool:
        """Tell whether a run was recorded."""
        return created_at < self.since or run_id in self.ids

    def add(self, run_id: str, created_at: float) -> None:
        """Take note of a run; the oldest comes first."""
        if created_at > self.since:
            self.since = created_at
            self.ids.clear()
        self.ids.add(run_id)


class ScheduleBook:
    """The schedules in one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home.absolute() / SCHEDULES

    def add(self, record: ScheduleRecord, files: Mapping[str, bytes]) -> None:
        """Keep a schedule; ``files`` come along with each of its runs.

        Raises:
            UsageError: If the home cannot be written.
        """
        place = self.folder / record.key
        try:
            place.mkdir(mode=0o700, parents=True)
            for name, content in files.items():
                replace_file(place / name, content)
            # The record is last: a directory without it is none.
            replace_file(place / _RECORD, json.dumps(asdict(record)).encode())
        except OSError as error:
            raise UsageError(f"{place} cannot be written: {error.strerror}") from error

    def all(self) -> tuple[ScheduleRecord, ...]:
        """Return all schedules, the latest first; what cannot be read is none."""
        found = [_read(path) for path in self.folder.glob(f"*/{_RECORD}")]
        known = [each for each in found if each is not None]
        return tuple(sorted(known, key=lambda each: (-each.created_at, each.key)))

    def find(self, key: str) -> ScheduleRecord | None:
        """Return the schedule with this key, None if there is none."""
        return _read(self.folder / key / _RECORD) if _KEY.fullmatch(key) else None

    def files(self, record: ScheduleRecord) -> dict[str, bytes]:
        """Return what comes along with each of its runs: name -> content.

        A folder that came from elsewhere may hold links: what they lead to is left alone.
        """
        place = self.folder / record.key
        return {
            path.name: path.read_bytes()
            for path in place.iterdir()
            if path.name not in {_RECORD, _SEEN, _LOCK}
            and path.is_file()
            and path.resolve() == path.parent.resolve() / path.name
            and path.stat().st_size <= _MOST_FILE_BYTES
        }

    def forget(self, record: ScheduleRecord) -> None:
        """Keep it no longer; its runs stay."""
        shutil.rmtree(self.folder / record.key, ignore_errors=True)

    @contextmanager
    def seen(self, record: ScheduleRecord) -> Iterator[SeenRuns | None]:
        """Give what has been recorded, to be added to; nobody else records its runs meanwhile.

        None while somebody else does.
        """
        place = self.folder / record.key
        with holding(place / _LOCK) as is_held:
            if not is_held:
                yield None
                return
            found = _read_seen(place / _SEEN)
            before = (found.since, len(found.ids))
            try:
                yield found
            finally:
                if (found.since, len(found.ids)) != before:
                    document = {"since": found.since, "ids": sorted(found.ids)}
                    replace_file(place / _SEEN, json.dumps(document).encode())


def _read(path: Path) -> ScheduleRecord | None:
    """Return what a file says, None if it is not as :meth:`ScheduleBook.add` has written it."""
    try:
        document = json.loads(path.read_bytes())
        record = ScheduleRecord(**document)
        has_types = all(isinstance(document[name], kind) for name, kind in _TYPES.items())
        is_named_so = has_types and record.key == path.parent.name and _KEY.fullmatch(record.key)
        is_whole = is_named_so and isinstance(json.loads(record.parameters), dict)
        return replace(record, steps=tuple(map(StepName, record.steps))) if is_whole else None
    except (OSError, ValueError, TypeError):
        return None


_TYPES: Final[Mapping[str, type | UnionType]] = {
    **dict.fromkeys(("key", "schedule_id", "name", "pipeline", "source", "parameters"), str),
    "cron": str | None,
    "interval_s": int | None,
    "created_at": float | int,
    "steps": list,
    "facts": dict,
}


def _read_seen(path: Path) -> SeenRuns:
    try:
        document = json.loads(path.read_bytes())
        return SeenRuns(since=float(document["since"]), ids=set(document["ids"]))
    except (OSError, ValueError, TypeError, KeyError):
        return SeenRuns()
