"""What is kept about batches, so that one that ended early can be continued."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.notebook import replace_file
from kernelpipe.runs.owner import Owner, current_owner, is_gone

LATEST = "latest"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """One batch: what it was to run, and which process carries it out.

    ``points`` are JSON texts of name -> value in the order of the batch; ``created_at`` is seconds
    since the epoch; ``notebook_sha256`` is of the source notebook when the batch began.
    """

    id: str
    created_at: float
    source: str
    notebook_sha256: str
    points: tuple[str, ...]
    varying: tuple[str, ...]
    is_cache_used: bool
    is_finished: bool
    """Every point SUCCEEDED."""
    owner: Owner

    def is_same(self, other: "BatchRecord") -> bool:
        """Tell whether the same notebook, points and options are meant."""
        return (self.source, self.notebook_sha256, self.points, self.is_cache_used) == (
            other.source,
            other.notebook_sha256,
            other.points,
            other.is_cache_used,
        )


class BatchRecords:
    """The records under one home: ``batches/<id>.json``; nothing is made before :meth:`begin`."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._directory = home / "batches"
        self._clock = clock

    def draft(
        self, source: Path, *, points: Sequence[str], varying: Sequence[str], is_cache_used: bool
    ) -> BatchRecord:
        """Return the record of a new batch of this process; nothing is written.

        Raises:
            UsageError: If the notebook cannot be read.
        """
        created_at = self._clock()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created_at))
        return BatchRecord(
            id=f"{stamp}-{secrets.token_hex(2)}",
            created_at=created_at,
            source=str(source.absolute()),
            notebook_sha256=notebook_sha256(source),
            points=tuple(points),
            varying=tuple(varying),
            is_cache_used=is_cache_used,
            is_finished=False,
            owner=current_owner(),
        )

    def find_unfinished(self, draft: BatchRecord) -> BatchRecord | None:
        """Return the newest batch that means the same as ``draft`` and ended early."""
        return next((r for r in self._all() if r.is_same(draft) and _ended_early(r)), None)

    def find(self, reference: str, source: Path) -> BatchRecord:
        """Return a batch of the notebook ``source`` that no process carries out now.

        Args:
            reference: A batch's id, its beginning, or "latest" for the newest that ended early.
            source: The notebook.

        Raises:
            UsageError: If there is no such batch, or it still runs.
        """
        known = [r for r in self._all() if r.source == str(source.absolute())]
        if reference == LATEST:
            found = [record for record in known if _ended_early(record)][:1]
        else:
            found = [record for record in known if record.id.startswith(reference)]
        if len(found) > 1:
            raise UsageError(
                f"{len(found)} batches begin with '{reference}'",
                hint=f"for example {found[0].id} and {found[1].id}",
            )
        if not found:
            raise self._unknown(reference, source, known)
        if not is_gone(found[0].owner) and found[0].owner != current_owner():
            raise UsageError(
                f"batch {found[0].id} still runs, in process {found[0].owner.pid}",
                hint="wait for it, or stop it with Ctrl-C",
            )
        return found[0]

    def begin(self, record: BatchRecord) -> BatchRecord:
        """Write the record with this process as its owner, and return it.

        Raises:
            UsageError: If the home cannot be written.
        """
        owned = replace(record, owner=current_owner())
        self._write(owned)
        return owned

    def finish(self, record: BatchRecord) -> None:
        """Write that every point SUCCEEDED."""
        self._write(replace(record, is_finished=True))

    def _unknown(self, reference: str, source: Path, known: Sequence[BatchRecord]) -> UsageError:
        if reference == LATEST:
            return UsageError(
                f"no batch of {source} in {self._home} ended early",
                hint="--home names the directory where runs are kept",
            )
        ids = [record.id for record in known]
        return UsageError(
            f"there is no batch '{reference}' of {source} in {self._home}",
            hint=did_you_mean(reference, ids) or (f"the latest batch is {ids[0]}" if ids else None),
        )

    def _all(self) -> Iterator[BatchRecord]:
        """Yield the records, the newest first; files that are no records are passed over."""
        found = []
        for path in self._directory.glob("*.json"):
            try:
                found.append(_decode(path.read_bytes()))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # of a later version, or damaged: it cannot be continued
        yield from sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)

    def _write(self, record: BatchRecord) -> None:
        content = {"version": _VERSION} | asdict(record)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._directory / f"{record.id}.json", json.dumps(content).encode())
        except OSError as error:
            raise UsageError(
                f"the run directory {self._home} cannot be written: {error.strerror or error}",
                hint="name a directory that can be written with --home",
            ) from error


def notebook_sha256(source: Path) -> str:
    """Return the SHA-256 of the notebook's file in hex, as runs record it.

    Raises:
        UsageError: If it cannot be read.
    """
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error


def _ended_early(record: BatchRecord) -> bool:
    # A batch that this very process began has ended: one process carries out one at a time.
    return not record.is_finished and (is_gone(record.owner) or record.owner == current_owner())


def _decode(content: bytes) -> BatchRecord:
    found = json.loads(content)
    if found.pop("version") != _VERSION:
        raise ValueError(found)
    for name in ("points", "varying"):
        found[name] = tuple(found[name])
    found["owner"] = Owner(**found["owner"])
    return BatchRecord(**found)
