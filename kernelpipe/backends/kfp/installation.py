"""Remembers what is installed in this Python: reading it anew takes a fifth of a second."""

import functools
import hashlib
import os
import sys
import time
import zlib
from typing import Final

from kernelpipe import user_cache
from kernelpipe.backends.kfp.distributions import Installed

_FORMAT: Final = 1
_YOUNG_NS: Final = 2_000_000_000
"""What changed so recently may change again without a new time stamp."""
_SUFFIXES: Final = (".dist-info", ".egg-info")
_DESCRIPTIONS: Final = ("METADATA", "PKG-INFO")
_Stamp = tuple[str, int | None]


def installed() -> Installed:
    """Return what is installed now; read again only after something was installed."""
    return _installed(_facts(_times()))


def remember(here: Installed) -> None:
    """Keep what was found out about the distributions for other processes."""
    times = _times()
    facts = _facts(times)
    if not here.has_learned or here is not _installed(facts) or _is_young(times):
        return
    user_cache.keep(_name(), {"facts": facts, "known": here.kept()})
    here.has_learned = False


@functools.lru_cache(maxsize=1)
def _installed(facts: str) -> Installed:
    kept = user_cache.recall(_name())
    try:
        if kept is not None and kept["facts"] == facts:
            return Installed.of(kept["known"])
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # damaged
    return Installed.read()


def _name() -> str:
    """Return the one name for this Python: a new answer replaces the old one."""
    return f"distributions-{zlib.crc32(os.fsencode(sys.prefix)):08x}"


def _times() -> tuple[_Stamp, ...]:
    """Return when the places on the path changed, which is quickly known."""
    return tuple((entry, _time_of(entry or ".")) for entry in sys.path)


@functools.lru_cache(maxsize=1)
def _facts(times: tuple[_Stamp, ...]) -> str:
    """Return a digest of all that the answer depends on.

    Places without distributions are not part of it: a folder of notebooks changes all the time.
    """
    stamps = [stamp for entry, at in times for stamp in _stamps(entry or ".", at)]
    system = os.uname() if hasattr(os, "uname") else ("", "")
    said = (_FORMAT, sys.version, system[0], *system[2:], stamps)
    return hashlib.sha256(repr(said).encode()).hexdigest()


@functools.lru_cache(maxsize=64)
def _stamps(entry: str, changed_at: int | None) -> tuple[_Stamp, ...]:
    """Return the distributions in a place on the path, and when each was installed."""
    try:
        names = sorted(os.listdir(entry))
    except NotADirectoryError:
        return ((entry, changed_at),)  # an archive
    except OSError:
        return ()
    found: list[_Stamp] = []
    for name in names:
        if name.lower().endswith(_SUFFIXES) or name.lower() == "egg-info":
            place = os.path.join(entry, name)
            files = [os.path.join(place, file) for file in _DESCRIPTIONS]
            found += [(each, _time_of(each)) for each in (place, *files)]
    return tuple(found)


def _is_young(times: tuple[_Stamp, ...]) -> bool:
    latest = time.time_ns() - _YOUNG_NS
    stamps = (stamp for entry, at in times for stamp in _stamps(entry or ".", at))
    return any(at is not None and at > latest for _, at in stamps)


def _time_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
