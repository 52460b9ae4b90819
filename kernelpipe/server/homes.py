"""Which homes of runs this server knows: remembered, found below its root, added when used."""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from kernelpipe.notebook import replace_file
from kernelpipe.runs.database import INDEX
from kernelpipe.runs.store import DEFAULT_HOME

_MOST_FOLDERS: Final = 20_000
_MOST_SECONDS: Final = 5.0
_DEEPEST: Final = 8
_NO_FOLDERS_OF_USERS: Final = frozenset({"node_modules", "site-packages", "__pycache__"})
_ENVIRONMENT: Final = "pyvenv.cfg"


class Homes:
    """Absolute paths of homes, kept in a file; not thread-safe.

    A home is trusted once a run was started there from this server, or was seen going on on this
    machine: the code that made its values was the user's own to run. A folder that came from
    elsewhere may bring a home with it, whose values are then not loaded just for being looked at.
    """

    def __init__(self, memory: Path) -> None:
        """Read what is remembered in the file ``memory``; it may be missing."""
        self._memory = memory
        self._known = _read(memory)
        """Home -> whether it is trusted."""

    def all(self) -> tuple[Path, ...]:
        """Return all homes, in the order in which they became known."""
        return tuple(map(Path, self._known))

    def is_trusted(self, home: Path) -> bool:
        """Tell whether values of this home may be loaded."""
        return self._known.get(str(home), False)

    def add(self, home: Path, *, is_trusted: bool = False) -> bool:
        """Take note of a home; return whether it was not known."""
        before = self._known.get(str(home))
        if before is None or (is_trusted and not before):
            self._known[str(home)] = is_trusted
            self._write()
        return before is None

    def forget(self, home: Path) -> None:
        """Drop a home that is gone."""
        if self._known.pop(str(home), None) is not None:
            self._write()

    def _write(self) -> None:
        """Remember all; what other servers have added meanwhile is kept."""
        others = {
            home: is_trusted
            for home, is_trusted in _read(self._memory).items()
            if Path(home, INDEX).exists()
        }
        entries = [
            {"home": home, "trusted": is_trusted}
            for home, is_trusted in {**others, **self._known}.items()
        ]
        with suppress(OSError):  # it is found again by the next scan
            self._memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._memory, json.dumps({"homes": entries}, indent=1).encode())


def find_homes(
    root: Path,
    *,
    clock: Callable[[], float] = time.monotonic,
    most_folders: int = _MOST_FOLDERS,
) -> Iterator[Path]:
    """Yield the homes in folders below ``root``, those nearest to it first.

    Links are not followed, hidden folders and those of installed software are left out; the search
    ends after a few seconds.
    """
    give_up_at = clock() + _MOST_SECONDS
    waiting = deque([(root, 0)])
    seen = 0
    while waiting and seen < most_folders and clock() < give_up_at:
        folder, depth = waiting.popleft()
        seen += 1
        try:
            with os.scandir(folder) as entries:
                found = [e for e in entries if e.is_dir(follow_symlinks=False)]
                is_environment = (folder / _ENVIRONMENT).exists()
        except OSError:
            continue
        if is_environment:
            continue
        if any(e.name == DEFAULT_HOME for e in found) and (folder / DEFAULT_HOME / INDEX).exists():
            yield folder / DEFAULT_HOME
        if depth < _DEEPEST:
            waiting.extend(
                (Path(e.path), depth + 1)
                for e in sorted(found, key=lambda e: e.name)
                if not e.name.startswith(".") and e.name not in _NO_FOLDERS_OF_USERS
            )


def _read(path: Path) -> dict[str, bool]:
    try:
        entries = json.loads(path.read_bytes())["homes"]
        return {str(entry["home"]): entry["trusted"] is True for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
