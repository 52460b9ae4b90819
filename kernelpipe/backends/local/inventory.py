"""Lists what is installed for the interpreter that runs it.

``environment`` hands the text of this module to a kernel's interpreter, so that it uses nothing but
the standard library.
"""

import csv
import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

_SUFFIXES = ("py", "pyc", "pyd", "so")
_FACTS = (".dist-info", ".egg-info", ".egg-link", ".pth")
"""How the names of files and directories end that tell what is installed."""


def describe() -> dict[str, Any]:
    """Return the interpreter, its path with the times of change, and its distributions."""
    places = watched()
    # Before looking: what changes meanwhile is seen the next time.
    times = [time_of(place) for place in places]
    names = [names_in(place) for place in places]
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}"
        f" {sysconfig.get_platform()}",
        "watched": places,
        "times": times,
        "names": names,
        "distributions": list(distributions()),
        "markers": markers(),
    }


def watched() -> list[str]:
    """Return the places whose change may mean another answer."""
    places = [*sys.path, str(Path(sys.prefix, "pyvenv.cfg"))]
    for entry in sys.path:
        places += [str(Path(entry, name)) for name in names_in(entry) if name.endswith(".pth")]
    return list(dict.fromkeys(places))


def time_of(path: str) -> int | None:
    """Return when a path was last changed, None if nothing is there."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return None


def names_in(path: str) -> list[str]:
    """Return the names in a directory that tell what is installed, none if it is no directory."""
    try:
        return sorted(name for name in os.listdir(path) if name.endswith(_FACTS))  # noqa: PTH208
    except OSError:
        return []


def distributions() -> Iterable[dict[str, Any]]:
    """Yield the facts about each distribution, the one that is imported first."""
    seen = set()
    for found in metadata.distributions():
        name = found.metadata["Name"] or ""
        key = re.sub(r"[-_.]+", "-", name).lower()
        if not key or key in seen:
            continue
        seen.add(key)
        tops = (found.read_text("top_level.txt") or "").split()
        yield {
            "key": key,
            "name": name,
            "version": found.version,
            "is_editable": is_editable(found),
            "modules": module_roots(files_of(found)) or tops,
            "requires": list(found.requires or ()),
        }


def files_of(found: metadata.Distribution) -> list[str]:
    """Return the files of a distribution as its record names them."""
    text = found.read_text("RECORD")
    if text is not None:
        return [row[0] for row in csv.reader(text.splitlines()) if row]
    return [str(path) for path in found.files or ()]


def is_editable(found: metadata.Distribution) -> bool:
    """Tell whether a distribution's modules are files of the user's."""
    try:
        content = json.loads(found.read_text("direct_url.json") or "{}")
        return bool(content["dir_info"]["editable"])
    except (KeyError, TypeError, ValueError):
        return False


def module_roots(files: Iterable[str]) -> list[str]:
    """Return the dotted names of the packages and modules that the files make up.

    What is inside a package is left out; a directory without ``__init__`` is no package, since
    several distributions may bring parts of it.
    """
    modules = [parts for parts in map(module_parts, files) if parts]
    packages = {tuple(parts[:-1]) for parts in modules if parts[-1] == "__init__"}
    roots = set()
    for parts in modules:
        own = parts[:-1] if parts[-1] == "__init__" else parts
        parents = (own[:count] for count in range(1, len(own)))
        roots.add(".".join(next((p for p in parents if tuple(p) in packages), own)))
    return sorted(filter(None, roots))


def module_parts(path: str) -> list[str]:
    """Return the parts of the name of the module in a file, none if the file is no module."""
    *directories, file = path.replace("\\", "/").split("/")
    stem, _, suffixes = file.partition(".")
    parts = [*directories, stem]
    is_module = suffixes.split(".")[-1] in _SUFFIXES and "__pycache__" not in directories
    return parts if is_module and all(part.isidentifier() for part in parts) else []


def markers() -> dict[str, str]:
    """Return the variables of environment markers."""
    return {
        "extra": "",
        "implementation_name": sys.implementation.name,
        "implementation_version": ".".join(map(str, sys.implementation.version[:3])),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe()) + "\n")
