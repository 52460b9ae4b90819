"""Reads the distributions on the path: 0.2 s, which `installation` remembers."""

import importlib.metadata
import json
from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement

from kernelpipe.backends.kfp.pins import Need, Pin


def owners_of_modules() -> Mapping[str, list[str]]:
    """Return top-level module -> the distributions that hold it or a part of it."""
    return importlib.metadata.packages_distributions()


def names() -> Iterator[str]:
    """Yield the names of all distributions."""
    return (each.name for each in importlib.metadata.distributions())


def read_pin(name: str) -> Pin | None:
    """Return the installed version of a distribution, None if it is not installed."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    text = distribution.read_text("direct_url.json")
    url = json.loads(text).get("url") if text else None
    return Pin(name=distribution.name, version=distribution.version, direct_url=url)


def read_needs(name: str, extras: tuple[str, ...]) -> tuple[Need, ...]:
    """Return the requirements of a distribution with ``extras`` that hold here."""
    return tuple(
        (needed.name, tuple(sorted(needed.extras)))
        for needed in map(Requirement, importlib.metadata.distribution(name).requires or ())
        if needed.marker is None
        or any(needed.marker.evaluate({"extra": extra}) for extra in (extras or ("",)))
    )


def files_of(name: str) -> frozenset[str]:
    """Return the paths of a distribution's files, with slashes."""
    files = importlib.metadata.distribution(name).files or ()
    return frozenset(str(file) for file in files)
