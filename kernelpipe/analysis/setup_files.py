"""Files that setup cells touch and steps write: setup runs in each step, so they would differ."""

from collections.abc import Iterator

from kernelpipe.analysis.history import History
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.summaries import FileUse


def files_of_steps(history: History) -> Iterator[tuple[PlacedCell, str, PlacedCell]]:
    """Yield setup cells that read what a step above them has written: cell, path, who wrote it."""
    written: dict[str, PlacedCell] = {}
    for placed, use in _touching_setup(history):
        if use.path is None or use.is_import:
            continue
        if placed.step is not None:
            if use.is_write:
                written[use.path] = placed
        elif use.path in written and not use.is_write:
            yield placed, use.path, written[use.path]


def files_written_again(history: History) -> Iterator[tuple[PlacedCell, str]]:
    """Yield setup cells, with a path, that would undo or repeat in each step what was written.

    They write a file that a step below writes, too, or add to one that a step below reads.
    """
    made: dict[str, tuple[PlacedCell, FileUse]] = {}
    found: set[str] = set()
    for placed, use in _touching_setup(history):
        if use.path is None or use.is_import or use.path in found:
            continue
        if placed.step is None:
            if use.is_write and _is_named_like_file(use.path):
                made[use.path] = placed, use
        elif use.path in made and (use.is_write or not made[use.path][1].is_whole):
            found.add(use.path)
            yield made[use.path][0], use.path


def _touching_setup(history: History) -> list[tuple[PlacedCell, FileUse]]:
    """Return all uses of files, nothing if setup uses none."""
    has_setup = any(placed.step is None and not use.is_import for placed, use in history.files)
    return history.files if has_setup else []


def _is_named_like_file(path: str) -> bool:
    """Tell a file from a folder, which may be made again and again."""
    return "." in path.rpartition("/")[2].lstrip(".")
