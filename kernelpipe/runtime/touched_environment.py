"""Notes which environment variables the user's code reads."""

import hashlib
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from .touched_places import skip

_READERS = frozenset(
    {
        *("_collections_abc", "collections", "genericpath", "ntpath", "os", "pathlib"),
        *("posixpath", "string"),
        *("decouple", "dotenv", "environ", "environs", "pydantic_settings", "typing_extensions"),
    }
)
"""Modules that hand variables on to whoever calls them."""


class Environment:
    """The variables that the user's code has read, while installed.

    Both views of the environment translate names by a function that is an attribute of theirs;
    replaced by ones that look who asks, they stay the objects they are. Looking at all variables
    (a copy, ``items()``) is no read: every run would differ; ``touched_unseen`` notes it.

    Attributes:
        read: Name -> SHA-256 of the value in hex when it was first read, None if it was not set.
        own: Names that the step has set or removed.
    """

    def __init__(self, is_user_frame: Callable[[FrameType | None], bool]) -> None:
        self.read: dict[str, str | None] = {}
        self.told: Callable[[str, str | None], None] | None = None
        self._is_user_frame = is_user_frame
        self.own: set[str] = set()
        self._before: dict[Any, Any] | None = None
        self._replaced: list[tuple[Any, Any, Any]] = []

    def install(self) -> None:
        """Begin to watch; nothing happens when it watches already."""
        if self._replaced:
            return
        if self._before is None:
            self._before = dict(os.environ._data)  # type: ignore[attr-defined]  # noqa: SLF001
        for view in (os.environ, getattr(os, "environb", None)):
            if view is not None:
                self._replaced.append((view, view.encodekey, view.decodekey))
                view.encodekey, view.decodekey = self._watched(view)

    def remove(self) -> None:
        """Put back what was there before."""
        for view, encode, decode in self._replaced:
            view.encodekey, view.decodekey = encode, decode
        self._replaced.clear()

    def _watched(self, view: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        encode, decode = view.encodekey, view.decodekey
        reading = type(view).__getitem__.__code__
        given: dict[int, Any] = {}  # names that a look at all variables gave out, by identity

        def encodekey(key: Any) -> Any:
            encoded = encode(key)
            frame = sys._getframe(1)  # noqa: SLF001 - tells who asks
            if frame.f_code is not reading:
                self.own.add(os.fsdecode(encoded))
            elif id(key) not in given:
                self._note(encoded, view._data.get(encoded), frame.f_back)  # noqa: SLF001
            return encoded

        def decodekey(key: Any) -> Any:
            decoded = decode(key)
            given[id(decoded)] = decoded
            return decoded

        for made, original in ((encodekey, encode), (decodekey, decode)):
            made.__name__, made.__qualname__ = original.__name__, original.__qualname__
            made.__module__ = original.__module__
        return encodekey, decodekey

    def _note(self, encoded: Any, value: Any, frame: FrameType | None) -> None:
        name = os.fsdecode(encoded)
        if name in self.read:
            return
        # What is as it was before counts, even if the step has put it back.
        if name in self.own and value != (self._before or {}).get(encoded):
            return
        if self._is_user_frame(skip(frame, _READERS)):
            digest = None if value is None else hashlib.sha256(os.fsencode(value)).hexdigest()
            self.read[name] = digest
            if self.told is not None:
                self.told(name, digest)
