"""Which installed distributions hold a module, in which versions, and what they need."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from kernelpipe.backends.kfp.pins import Need, Pin

COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "pandas": ("bottleneck", "numexpr", "pyarrow"),
}
"""Distributions that another uses when they are there, with other results or other files."""


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Installed:
    """What is installed in this Python, as it was when it was first asked.

    ``has_learned`` tells that it knows more than it was made of.
    """

    def __init__(self, owners: Mapping[str, list[str]]) -> None:
        """Begin with what is known of modules: top-level name -> distributions."""
        self._by_top_level = owners
        self._pins: dict[str, Pin | None] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._needs: dict[Need, tuple[Need, ...]] = {}
        self._closures: dict[tuple[str, ...], tuple[Pin, ...]] = {}
        self.has_learned = False

    @classmethod
    def read(cls) -> "Installed":
        """Return what the distributions on the path say."""
        made = cls(_site().owners_of_modules())
        made.has_learned = True
        return made

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Installed":
        """Return what `kept` gave.

        Raises:
            KeyError, TypeError, ValueError: If it is something else.
        """
        made = cls({str(module): list(owners) for module, owners in kept["owners"].items()})
        made._pins = {name: pin and Pin(**pin) for name, pin in kept["pins"].items()}
        made._needs = {_need(each): tuple(map(_need, needed)) for each, needed in kept["needs"]}
        return made

    def kept(self) -> dict[str, Any]:
        """Return what is known so far, as JSON."""
        return {
            "owners": self._by_top_level,
            "pins": {name: pin and asdict(pin) for name, pin in self._pins.items()},
            "needs": list(self._needs.items()),
        }

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
            self._pins[name] = _site().read_pin(name)
            self.has_learned = True
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
        for name in _site().names():
            found = self.pin(name)
            url = (found and found.direct_url) or ""
            if url.startswith("file://") and origin.is_relative_to(url.removeprefix("file://")):
                return found
        return None

    def _find_closure(self, names: Iterable[str]) -> tuple[Pin, ...]:
        found: dict[str, Pin] = {}
        queue: list[Need] = [(name, ()) for name in names]
        seen: set[Need] = set()
        while queue:
            name, extras = queue.pop()
            installed = self.pin(name)
            if installed is None or (canonical(name), extras) in seen:
                continue
            seen.add((canonical(name), extras))
            found[canonical(name)] = installed
            queue += self._needed(installed.name, extras)
            queue += ((other, ()) for other in COMPANIONS.get(canonical(name), ()))
        return tuple(found[name] for name in sorted(found))

    def _needed(self, name: str, extras: tuple[str, ...]) -> tuple[Need, ...]:
        """Return what a distribution with ``extras`` requires here."""
        if (name, extras) not in self._needs:
            self._needs[name, extras] = _site().read_needs(name, extras)
            self.has_learned = True
        return self._needs[name, extras]

    def _holds(self, name: str, path: str) -> bool:
        if name not in self._files:
            self._files[name] = _site().files_of(name)
        return any(file.startswith((f"{path}/", f"{path}.")) for file in self._files[name])


def _need(kept: Any) -> Need:
    name, extras = kept
    return str(name), tuple(map(str, extras))


def _site() -> ModuleType:
    """Return what reads the distributions: loading it takes 40 ms, and mostly all is known."""
    from kernelpipe.backends.kfp import site  # noqa: PLC0415

    return site
