"""The Python of a kernel and the versions of what is installed for it."""

import json
import os
import re
import shutil
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe import user_cache
from kernelpipe.errors import BackendError

_FORMAT = 3
_TIMEOUT_S = 120.0
_YOUNG_NS = 2_000_000_000
"""A directory that changed so recently may change again without a new time stamp."""
_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "HOME")
"""What of the process's environment decides where packages are looked for."""


_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)""")
_FOR_DEVELOPERS = frozenset(
    "all benchmark benchmarks build ci cover coverage dev devel develop doc docs lint mypy qa"
    " style test testing tests typing".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What an interpreter has installed.

    ``python`` is its kind, version and platform ("CPython 3.12.1 linux-x86_64"). ``owners`` maps
    the dotted name of a module to the distributions that brought it; parts of a package that
    belong to the same ones are left out. ``versions`` maps a distribution's normalized name to
    (name, version); the version is None where it is files of the user's (an editable install).
    ``requirements`` maps it to the normalized names of what it needs and is installed.
    """

    python: str
    owners: Mapping[str, Sequence[str]]
    versions: Mapping[str, tuple[str, str | None]]
    requirements: Mapping[str, Sequence[str]]
    watched: tuple[str, ...] = ()
    """Paths whose change may change all this."""

    def packages(self, modules: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return (distribution, version) of all that ``modules`` come from and that this needs.

        Args:
            modules: Full dotted names; those of the standard library, of the user's own files and
                those that do not exist have no distribution.

        Returns:
            Sorted by name.
        """
        waiting = deque(name for module in modules for name in self._owners(module))
        seen = set(waiting)
        while waiting:
            for name in self.requirements.get(waiting.popleft(), ()):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        known = (self.versions[name] for name in seen if name in self.versions)
        return tuple(sorted((name, text) for name, text in known if text is not None))

    def _owners(self, module: str) -> Iterator[str]:
        """Yield the distributions of a module, or of all that is in a namespace package."""
        name = module
        while name:
            if name in self.owners:
                yield from self.owners[name]
                return
            name = name.rpartition(".")[0]
        inside = f"{module}."
        for other, owners in self.owners.items():
            if other.startswith(inside):
                yield from owners


NOTHING_KNOWN = Environment(python="unknown", owners={}, versions={}, requirements={})
"""For a kernel whose interpreter cannot be asked: its results are not found by other runs."""


def read_environment(python: str) -> Environment:
    """Return what the interpreter at the path ``python`` has installed.

    It is asked once; the answer is kept until the distributions in a directory on its path, or a
    file in one that adds to the path, or a variable that does, have changed.

    Raises:
        BackendError: If the interpreter cannot be started.
    """
    path = shutil.which(python) or python
    known = _recall(path)
    if known is None:
        known = _ask(path)
        _remember(path, known)
    return Environment(
        python=known["python"],
        owners=known["owners"],
        versions={key: (name, text) for key, (name, text) in known["versions"].items()},
        requirements=known["requirements"],
        watched=tuple(known["watched"]),
    )


# -- what is remembered ------------------------------------------------------------------------
def _name(path: str) -> str:
    """Return the one name for this interpreter: a new answer replaces the old one."""
    return f"environment-{zlib.crc32(os.fsencode(Path(path).absolute())):08x}"


def _recall(path: str) -> dict[str, Any] | None:
    """Return what was remembered, None if there is nothing or it may no longer be true."""
    kept = user_cache.recall(_name(path))
    try:
        if kept is None or kept["facts"] != _facts(path) or not _is_as_it_was(kept):
            return None
        known: dict[str, Any] = kept["known"] | {"watched": kept["watched"]}
        return known if _is_complete(known) else None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_complete(known: Mapping[str, Any]) -> bool:
    kinds = {"python": str, "owners": dict, "versions": dict, "requirements": dict}
    return all(isinstance(known[name], kind) for name, kind in kinds.items())


def _remember(path: str, known: Mapping[str, Any]) -> None:
    """Keep an answer; where that is not possible, or it may soon be wrong, nothing is kept."""
    times = known["times"]
    if any(each is not None and known["asked_at"] - each < _YOUNG_NS for each in times):
        return
    kept = {"facts": _facts(path), **{key: known[key] for key in ("watched", "times", "names")}}
    kept["known"] = {key: known[key] for key in ("python", "owners", "versions", "requirements")}
    user_cache.keep(_name(path), kept)


def _facts(path: str) -> list[object]:
    """Return what besides the directories' times the answer depends on."""
    real = Path(path).resolve()
    state = real.stat()
    variables = [os.environ.get(name) for name in _VARIABLES]
    return [_FORMAT, path, str(real), state.st_size, state.st_mtime_ns, *variables]


def _is_as_it_was(kept: Mapping[str, Any]) -> bool:
    """Tell whether the watched places still hold the same distributions.

    A directory of the user's own on the path changes all the time; then the names in it decide.
    """
    for place, time_ns, names in zip(kept["watched"], kept["times"], kept["names"], strict=True):
        if _time_of(place) != time_ns:
            from kernelpipe.backends.local.inventory import names_in  # noqa: PLC0415 - slow

            if not Path(place).is_dir() or names_in(place) != names:
                return False
    return True


def _time_of(path: str) -> int | None:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return None


# -- asking ------------------------------------------------------------------------------------
_QUESTION = "import sys\nsys.path = [entry for entry in sys.path if entry]\n"
"""Comes before the text of ``inventory``: "" stands for the working directory, which has none."""


def _ask(path: str) -> dict[str, Any]:
    """Return what the interpreter says of itself, with its requirements resolved."""
    import subprocess  # noqa: PLC0415 - 5 ms that only the first look needs

    text = Path(__file__).with_name("inventory.py").read_text(encoding="utf-8")
    asked_at = time.time_ns()
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that runs the kernel
            [path, "-c", _QUESTION + text],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            cwd="/",
        )
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BackendError(f"{path} does not start: {''.join(last)}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise BackendError(f"{path} is not a Python that can be asked: {error}") from error
    distributions = told["distributions"]
    return {
        "python": told["python"],
        "watched": told["watched"],
        "times": told["times"],
        "names": told["names"],
        "asked_at": asked_at,
        "owners": _module_owners(distributions),
        "versions": {
            each["key"]: (each["name"], None if each["is_editable"] else each["version"])
            for each in distributions
        },
        "requirements": _requirements(distributions, told["markers"]),
    }


def _module_owners(distributions: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for each in distributions:
        for module in each["modules"]:
            owners.setdefault(module, []).append(each["key"])
    return owners


def _requirements(
    distributions: Sequence[Mapping[str, Any]], markers: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return what each distribution needs or can use there, of what is installed.

    A library uses what its extras name whenever it is there (pandas reads files with pyarrow), but
    not what they name for those who work on the library itself.
    """
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - likewise
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - likewise

    installed = {each["key"] for each in distributions}
    found: dict[str, list[str]] = {}
    for each in distributions:
        needed = set()
        for text in each["requires"]:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # of an old kind; pip does not follow it either
            if requirement.marker is None or any(
                requirement.marker.evaluate({**markers, "extra": extra})
                for extra in ("", *_EXTRA.findall(text))
                if extra not in _FOR_DEVELOPERS
            ):
                needed.add(str(canonicalize_name(requirement.name)))
        if needed & installed:
            found[each["key"]] = sorted(needed & installed)
    return found
