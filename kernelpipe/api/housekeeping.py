"""Keeping the directory of runs small."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.api.operations import PathLike
from kernelpipe.api.running import find_runs

if TYPE_CHECKING:
    from kernelpipe.runs.garbage import Garbage


def gc(
    *,
    home: PathLike | None = None,
    older_than_s: float | None = None,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> "Garbage":
    """Remove stored results that are no longer wanted, and what killed processes left behind.

    What runs need that go on or can be resumed is kept. Without limits no result is removed, only
    files that belong to none.

    Args:
        home: Where runs are kept; None means ``.kernelpipe`` in this folder.
        older_than_s: Remove results that were not used for so many seconds.
        max_bytes: Remove the results that were not used for longest until the files of those that
            remain are not more than this.
        dry_run: Only tell what would be removed.

    Raises:
        UsageError: If there is a file at ``home`` that is not ours.
        RunError: If something cannot be removed.
    """
    from kernelpipe.runs.garbage import collect_garbage  # noqa: PLC0415  # loads SQLite

    return collect_garbage(
        find_runs(Path("notebook.ipynb"), home=home),
        older_than_s=older_than_s,
        max_bytes=max_bytes,
        is_dry_run=dry_run,
    )


def garbage_document(garbage: "Garbage", *, is_dry_run: bool) -> dict[str, object]:
    """Return the JSON document of ``kernelpipe gc``; the names say what the figures are."""
    return {"dry_run": is_dry_run, **asdict(garbage)}
