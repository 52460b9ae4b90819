"""Copies of a notebook's folder, so that each run of it begins with the same files."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_LEFT_OUT: Final = frozenset({".kernelpipe", "__pycache__", ".ipynb_checkpoints"})
_LINKED: Final = frozenset({".git", ".hg", "node_modules", ".venv", "venv", "site-packages"})
"""Folders that notebooks read at most: they stand in a copy as links."""
_MOST_BYTES: Final = 1 << 30
_BIG_BYTES: Final = 64 << 20
_MOST_FILES: Final = 20_000
_MOST_SIBLINGS: Final = 2_000
_LEVELS: Final = 3
_SHOWN: Final = 3
_OUTSIDE: Final = re.compile(r"\.\.[/\\'\"]|\.parents?\b|pardir|%cd\b|chdir|\bcd \.\.")
"""What a notebook that uses files outside of its folder looks like."""


class WorkingFolder:
    """A folder that is a notebook's own at the beginning of each run.

    All runs take place at one path, so that paths are the same in all of them.
    """

    def __init__(
        self, source: Path, place: Path, *, texts: str, on_note: Callable[[str], None]
    ) -> None:
        """Copy ``source`` once; what changes in it from now on does not count.

        Args:
            source: The notebook's folder.
            place: A folder for the copies; what is there already of other notebooks is replaced.
            texts: The notebook's code: where it looks outside of the folder, what is around that
                is there as links, too.
            on_note: Told in the user's words what is not as in the folder itself.

        Raises:
            OSError: If the folder cannot be read, or no copy be written.
        """
        self._pristine = place / "pristine"
        self._place = place
        levels = _LEVELS if _OUTSIDE.search(texts) else 0
        above = [*reversed(source.parents[:levels])]
        names = [each.name or "root" for each in above]
        self.path = place.joinpath("work", *names, source.name or "root")
        if self._pristine.exists():
            shutil.rmtree(self._pristine)
        copy = _Copy()
        copy.tree(source, self._pristine)
        if copy.linked:
            shown = ", ".join(copy.linked[:_SHOWN]) + ", ..." * (len(copy.linked) > _SHOWN)
            on_note(
                f"too big to be copied, so that both runs use the original: {shown}; what the"
                " notebook writes there it writes in your folder"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        for folder, inner in zip(above, [*above, source][1:], strict=True):
            at = place.joinpath("work", *names[: above.index(folder) + 1])
            _link_siblings(folder, at, inner)

    def begin(self) -> Path:
        """Make the folder what it was, and return it."""
        _empty(self.path)
        for entry in self._pristine.iterdir():
            _copy_entry(entry, self.path / entry.name)
        return self.path

    def keep(self, name: str) -> Path:
        """Move what a run has left behind to a folder of its own, and return that."""
        kept = self._place / name
        if kept.exists():
            shutil.rmtree(kept)
        kept.mkdir()
        for entry in list(self.path.iterdir()):
            shutil.move(entry, kept / entry.name)
        return kept

    def changed(self, folder: Path) -> dict[str, Path]:
        """Return path in the notebook's folder -> file, of what a run wrote or removed there.

        What it removed is not there.

        Args:
            folder: What :meth:`keep` returned.
        """
        written = {
            name: path
            for name, path in _files(folder)
            if not _has_same_state(path, self._pristine / name)
        }
        removed = {
            name: folder / name
            for name, _ in _files(self._pristine)
            if not (folder / name).exists()
        }
        return written | removed


class _Copy:
    """Copies a tree, with links in place of what is too much."""

    def __init__(self) -> None:
        self.linked: list[str] = []
        self._bytes = 0
        self._files = 0

    def tree(self, source: Path, target: Path) -> None:
        """Copy a folder."""
        target.mkdir(parents=True)
        with os.scandir(source) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if entry.name not in _LEFT_OUT:
                self._entry(entry, target / entry.name)

    def _entry(self, entry: "os.DirEntry[str]", target: Path) -> None:
        if entry.is_symlink():
            target.symlink_to(Path(entry.path).resolve())
        elif entry.is_dir():
            path = Path(entry.path)
            if entry.name in _LINKED or (path / "pyvenv.cfg").exists():
                target.symlink_to(path.absolute())
            elif self._files >= _MOST_FILES:
                self._link(entry, target)
            else:
                with suppress(PermissionError):
                    self.tree(path, target)
        elif entry.is_file():
            size = entry.stat().st_size
            is_room = self._bytes + size <= _MOST_BYTES and self._files < _MOST_FILES
            if size > _BIG_BYTES or not is_room:
                self._link(entry, target)
                return
            self._bytes += size
            self._files += 1
            with suppress(PermissionError):
                shutil.copy2(entry.path, target)

    def _link(self, entry: "os.DirEntry[str]", target: Path) -> None:
        target.symlink_to(Path(entry.path).absolute())
        self.linked.append(entry.name)


def _copy_entry(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _link_siblings(folder: Path, at: Path, inner: Path) -> None:
    """Link to everything in ``folder`` from ``at``, but to ``inner``, whose copy is there."""
    with suppress(OSError):
        names = [entry.name for entry in os.scandir(folder)]
        for name in names if len(names) <= _MOST_SIBLINGS else ():
            link = at / name
            if name != inner.name and not link.is_symlink() and not link.exists():
                link.symlink_to(folder / name)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(names):
            path = Path(root, name)
            if not path.is_symlink():
                yield str(path.relative_to(folder)), path


def _has_same_state(path: Path, before: Path) -> bool:
    try:
        one, other = path.stat(), before.stat()
    except OSError:
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
