"""Contents paths, as the browser uses them, to absolute paths and back."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tornado.web import HTTPError

from kernelpipe.errors import UsageError

if TYPE_CHECKING:
    from jupyter_server.services.contents.manager import ContentsManager

_DRIVE: Final = re.compile(r"(?:[A-Za-z]|RTC):")
"""What other file systems and JupyterLab's drives put before a path."""
_FORBIDDEN: Final = re.compile(r"[\x00\\]")


class ContentsRoot:
    """The folder that the server shows to its users; nothing outside it is read or written."""

    def __init__(self, root: Path | None, *, shows_hidden: bool = False) -> None:
        """Take the folder, None if the server's contents are not kept in files."""
        self._root = None if root is None else Path(os.path.abspath(root))  # noqa: PTH100  # links stay
        self._shows_hidden = shows_hidden

    @property
    def folder(self) -> Path:
        """The folder itself.

        Raises:
            UsageError: If the server's contents are not kept in files.
        """
        if self._root is None:
            raise UsageError(
                "the notebooks of this server are not kept in files",
                hint="kernelpipe needs Jupyter's usual contents manager",
            )
        return self._root

    def absolute(self, path: str) -> Path:
        """Return the absolute path that a contents path means; nothing need be there.

        Links are kept as they are, but where they lead is inside the folder.

        Args:
            path: Parts separated by ``/``, from the root; "" is the root.

        Raises:
            HTTPError: 404 if that is outside, hidden, or no contents path at all.
            UsageError: If the server's contents are not kept in files.
        """
        parts = _parts(path)
        if not self._shows_hidden and any(part.startswith(".") for part in parts):
            raise _no_such(path)
        found = self.folder.joinpath(*parts)
        if not self._is_inside(found):
            raise _no_such(path)
        return found

    def relative(self, path: str | os.PathLike[str]) -> str | None:
        """Return the contents path of an absolute path; None outside, and for what is hidden."""
        if self._root is None:
            return None
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  # links stay as they are
        for root, inside in (
            (self._root, absolute),
            (Path(os.path.realpath(self._root)), Path(os.path.realpath(absolute))),
        ):
            if inside.is_relative_to(root) and self._is_inside(inside):
                parts = inside.relative_to(root).parts
                if self._shows_hidden or not any(part.startswith(".") for part in parts):
                    return "/".join(parts)
        return None

    def _is_inside(self, path: Path) -> bool:
        """Tell whether ``path``, its links followed, is inside and not hidden there."""
        try:
            root, real = Path(os.path.realpath(self.folder)), Path(os.path.realpath(path))
        except (OSError, ValueError):
            return False
        if not real.is_relative_to(root):
            return False
        parts = real.relative_to(root).parts
        return self._shows_hidden or not any(part.startswith(".") for part in parts)


def contents_root(manager: "ContentsManager") -> ContentsRoot:
    """Return the root of a contents manager."""
    from jupyter_server.services.contents.filemanager import (  # noqa: PLC0415  # slow to load
        FileContentsManager,
    )

    if not isinstance(manager, FileContentsManager):
        return ContentsRoot(None)
    return ContentsRoot(Path(manager.root_dir), shows_hidden=bool(manager.allow_hidden))


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a contents path."""
    if _FORBIDDEN.search(path) or _DRIVE.match(path):
        raise _no_such(path)
    parts = tuple(path.split("/")) if path else ()
    if any(part in {"", ".", ".."} for part in parts):
        raise _no_such(path)
    return parts


def _no_such(path: str) -> HTTPError:
    """Return the one answer for all that is refused, so that it tells nothing of what is there."""
    return HTTPError(404, f"there is no file {path!r} on this server")
