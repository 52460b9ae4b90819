"""Which installed distributions hold a module, in which versions, and what they need."""

import functools
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "pandas": ("bottleneck", "numexpr", "pyarrow"),
}
"""Distributions that another uses when they are there, with other results or other files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A distribution in the version that is installed here.

    ``direct_url`` says where it was installed from if that is no index ("file:///...", a
    repository), None otherwise.
    """

    name: str
    version: str
    direct_url: str | None = None


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Installed:
    """What is installed in this Python, as it was when it was first asked."""

    def __init__(self) -> None:
        self._by_top_level = importlib.metadata.packages_distributions()
        self._pins: dict[str, Pin | None] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._needs: dict[tuple[str, frozenset[str]], tuple[Requirement, ...]] = {}
        self._closures: dict[tuple[str, ...], tuple[Pin, ...]] = {}

    def holding(self, module: str) -> tuple[str, ...]:
        """Return the distributions that hold a module, sorted; several for a shared namespace."""
        owners = sorted(set(self._by_top_level.get(module.partition(".")[0], ())))
        if len(owners) < 2:  # noqa: PLR2004 - one owner needs no choice
            return tuple(owners)
        parts = module.split(".")
        for depth in range(len(parts), 1, -1):
            path = "/".join(parts[:depth])
            holders = tuple(name for name in owners if self._holds(name, path))
            if holders:
                return holders
        return tuple(owners)

    def pin(self, name: str) -> Pin | None:
        """Return the installed version of a distribution, None if it is not installed."""
        if name not in self._pins:
            self._pins[name] = _read_pin(name)
        return self._pins[name]

    def closure(self, names: Iterable[str]) -> tuple[Pin, ...]:
        """Return ``names`` and all that they need, as installed here, sorted by name.

        What a requirement's marker rules out here, and what is not installed, is left out.
        """
        key = tuple(names)
        if key not in self._closures:
            self._closures[key] = self._find_closure(key)
        return self._closures[key]

    def editable_source(self, origin: Path) -> Pin | None:
        """Return the distribution that is installed from a directory around ``origin``."""
        for distribution in importlib.metadata.distributions():
            found = self.pin(distribution.name)
            url = (found and found.direct_url) or ""
            if url.startswith("file://") and origin.is_relative_to(url.removeprefix("file://")):
                return found
        return None

    def _find_closure(self, names: Iterable[str]) -> tuple[Pin, ...]:
        found: dict[str, Pin] = {}
        queue = [(name, frozenset[str]()) for name in names]
        seen: set[tuple[str, frozenset[str]]] = set()
        while queue:
            name, extras = queue.pop()
            installed = self.pin(name)
            if installed is None or (canonical(name), extras) in seen:
                continue
            seen.add((canonical(name), extras))
            found[canonical(name)] = installed
            queue += ((n.name, frozenset(n.extras)) for n in self._needed(installed.name, extras))
            queue += ((other, frozenset()) for other in COMPANIONS.get(canonical(name), ()))
        return tuple(found[name] for name in sorted(found))

    def _needed(self, name: str, extras: frozenset[str]) -> tuple[Requirement, ...]:
        """Return the requirements of a distribution, with ``extras``, that hold here."""
        if (name, extras) not in self._needs:
            texts = importlib.metadata.distribution(name).requires or ()
            self._needs[name, extras] = tuple(
                needed
                for needed in map(Requirement, texts)
                if needed.marker is None
                or any(needed.marker.evaluate({"extra": extra}) for extra in (extras or {""}))
            )
        return self._needs[name, extras]

    def _holds(self, name: str, path: str) -> bool:
        if name not in self._files:
            files = importlib.metadata.distribution(name).files or ()
            self._files[name] = frozenset(str(file) for file in files)
        return any(file.startswith((f"{path}/", f"{path}.")) for file in self._files[name])


def installed() -> Installed:
    """Return what is installed now; read again only after something was installed."""
    stamps = []
    for entry in sys.path:
        try:
            stamps.append((entry, Path(entry).stat().st_mtime_ns))
        except OSError:
            continue
    return _installed(tuple(stamps))


@functools.lru_cache(maxsize=1)
def _installed(stamps: object) -> Installed:
    del stamps
    return Installed()


def _read_pin(name: str) -> Pin | None:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    text = distribution.read_text("direct_url.json")
    url = json.loads(text).get("url") if text else None
    return Pin(name=distribution.name, version=distribution.version, direct_url=url)
