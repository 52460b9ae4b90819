"""Finds kernelspecs as jupyter_client does, without importing it."""

import json
import os
import site
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NATIVE = "python3"
"""The kernelspec that is there, even when nobody installed it, where ipykernel is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """What a kernelspec says about starting its kernel.

    ``special`` says what about it only jupyter_client knows how to do, None if nothing.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    special: str | None = None

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that it sets; ``$NAME`` in them is taken from ``values``."""
        if not self.env:
            return {}
        from string import Template  # noqa: PLC0415 - hardly ever needed

        return {name: Template(text).safe_substitute(values) for name, text in self.env}


def read_kernelspec(name: str) -> KernelSpec | None:
    """Return the kernelspec that jupyter_client would use for ``name``, None if there is none."""
    for directory in kernel_directories():
        found = _read(directory, name.lower())
        if found is not None:
            return found
    if name.lower() == NATIVE:
        argv = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
        return KernelSpec(argv=argv, env=())
    return None


def kernel_directories() -> Iterator[Path]:
    """Yield where kernelspecs are looked for, in order."""
    environment = os.environ.get
    for text in filter(None, environment("JUPYTER_PATH", "").split(os.pathsep)):
        yield Path(text, "kernels")
    own = [Path(sys.prefix, "share", "jupyter", "kernels")]
    user = list(_user_directories())
    yield from own + user if _is_environment_first() else user + own
    yield Path("/usr/local/share/jupyter/kernels")
    yield Path("/usr/share/jupyter/kernels")
    yield Path(environment("IPYTHONDIR") or Path.home() / ".ipython", "kernels")


def _user_directories() -> Iterator[Path]:
    if os.environ.get("JUPYTER_DATA_DIR"):
        yield Path(os.environ["JUPYTER_DATA_DIR"], "kernels")
    elif sys.platform == "darwin":
        yield Path.home() / "Library" / "Jupyter" / "kernels"
    else:
        shared = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        yield Path(shared, "jupyter", "kernels")
    if site.ENABLE_USER_SITE:
        yield Path(site.getuserbase(), "share", "jupyter", "kernels")


def _is_environment_first() -> bool:
    """Tell whether kernelspecs of this Python's environment come before the user's own."""
    wish = os.environ.get("JUPYTER_PREFER_ENV_PATH")
    if wish is not None:
        return wish.lower() not in {"no", "n", "false", "off", "0", "0.0"}
    is_environment = sys.prefix != sys.base_prefix or (
        "CONDA_PREFIX" in os.environ
        and sys.prefix.startswith(os.environ["CONDA_PREFIX"])
        and os.environ.get("CONDA_DEFAULT_ENV", "base") != "base"
    )
    return is_environment and Path(sys.prefix).stat().st_uid == os.geteuid()


def _read(directory: Path, name: str) -> KernelSpec | None:
    try:
        entries = [entry for entry in os.listdir(directory) if entry.lower() == name]  # noqa: PTH208
    except OSError:
        return None
    for entry in entries:
        path = directory / entry / "kernel.json"
        if path.is_file():
            return _spec(json.loads(path.read_bytes()))
    return None


def _spec(content: Mapping[str, Any]) -> KernelSpec:
    special = None
    if content.get("interrupt_mode", "signal") != "signal":
        special = "its kernel is interrupted by messages"
    if "kernel_provisioner" in content.get("metadata", {}):
        special = "its kernel is started by a provisioner"
    return KernelSpec(
        argv=tuple(content["argv"]),
        env=tuple(content.get("env", {}).items()),
        special=special,
    )
