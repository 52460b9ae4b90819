"""Puts our runtime where kernels can import it: once per home and version of its files."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

_PACKAGES = (("kernelpipe_runtime", "kernelpipe.runtime"), ("cloudpickle", "cloudpickle"))
_DIGITS = 16


def install_runtime(home: Path) -> Path:
    """Return the directory under ``home`` that holds the runtime as it is now.

    Raises:
        OSError: If it cannot be written.
    """
    sources = {name: _package_directory(package) for name, package in _PACKAGES}
    target = home / "runtime" / _version(sources.values())
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o700, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        for name, source in sources.items():
            # Copied with their times, so that the compiled files that come along stay valid.
            shutil.copytree(source, draft / name, ignore=_keep_python)
        draft.replace(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.is_dir():  # another command was faster
            raise
    return target


def _version(directories: Iterable[Path]) -> str:
    """Return a text that differs when a file of the packages does."""
    found = [
        f"{entry.path} {status.st_size} {status.st_mtime_ns}"
        for directory in directories
        for entry in os.scandir(directory)
        if entry.name.endswith(".py")
        for status in (entry.stat(),)
    ]
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:_DIGITS]


def _package_directory(name: str) -> Path:
    """Return where a package's files are, without importing it."""
    from importlib.util import find_spec  # noqa: PLC0415 - needed by runs only

    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No package named '{name}'", name=name)
    return Path(spec.submodule_search_locations[0])


def _keep_python(directory: str, names: list[str]) -> list[str]:
    """Return the names that are not Python files, for ``shutil.copytree``."""
    return [
        name
        for name in names
        if not (Path(directory, name).is_dir() or name.endswith((".py", ".pyc")))
    ]
