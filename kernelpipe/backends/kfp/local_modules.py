"""Find the user's own modules beside the notebook; they travel with the step as source."""

import importlib.machinery
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kernelpipe.backends.kfp.imports import Import, file_imports

_LEFT_OUT = frozenset({"__pycache__", "node_modules"})
_BINARY_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModule:
    """A top-level module or package in the notebook's directory.

    ``path`` is the file, or the package's directory. ``is_native`` means compiled code, which
    cannot travel.
    """

    name: str
    path: Path
    is_package: bool
    is_native: bool = False


def find_local_module(name: str, directory: Path) -> LocalModule | None:
    """Return the module that ``import name`` finds in ``directory``, None if there is none.

    The order is Python's own: package, extension module, source file. Directories without
    ``__init__.py`` are looked for with `find_namespace`, as everything else comes before them.
    """
    package = directory / name
    if (package / "__init__.py").is_file():
        return LocalModule(name=name, path=package, is_package=True)
    for suffix in _BINARY_SUFFIXES:
        native = directory / f"{name}{suffix}"
        if native.is_file():
            return LocalModule(name=name, path=native, is_package=False, is_native=True)
    source = directory / f"{name}.py"
    if source.is_file():
        return LocalModule(name=name, path=source, is_package=False)
    return None


def find_namespace(name: str, directory: Path) -> LocalModule | None:
    """Return the directory without ``__init__.py`` that ``import name`` finds, None if none."""
    package = directory / name
    if package.is_dir() and any(package.rglob("*.py")):
        return LocalModule(name=name, path=package, is_package=True)
    return None


def files_of(module: LocalModule) -> Iterator[tuple[str, Path]]:
    """Yield (path relative to the notebook, file) of all that makes up a module, sorted.

    A package travels as a whole, with its data files: what it loads by name cannot be seen.
    """
    if module.is_package:
        yield from files_in(module.path, module.path.parent)
    else:
        yield module.path.name, module.path


def files_in(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (path relative to ``root``, file) of what is in a folder, sorted, but hidden files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part in _LEFT_OUT or part[0] == "." for part in parts):
            yield "/".join(parts), path


def imports_of(module: LocalModule, dotted: str) -> tuple[Import, ...]:
    """Return what importing ``dotted`` (in ``module``) imports: the packages above it, too.

    Raises:
        SyntaxError: If a file is no Python.
    """
    if not module.is_package:
        return _imports_of_file(module.path, "")
    found: list[Import] = []
    directory = module.path
    package = module.name
    found += _imports_of_file(directory / "__init__.py", package)
    for part in dotted.split(".")[1:]:
        source = directory / f"{part}.py"
        directory = directory / part
        if (directory / "__init__.py").is_file():
            package = f"{package}.{part}"
            found += _imports_of_file(directory / "__init__.py", package)
        elif source.is_file():
            found += _imports_of_file(source, package)
        else:
            package = f"{package}.{part}"
    return tuple(found)


@cache
def _parsed(path: Path, stamp: tuple[int, int], package: str) -> tuple[Import, ...]:
    del stamp  # part of the cache's key: a changed file is read again
    return file_imports(path.read_bytes(), package=package)


def _imports_of_file(path: Path, package: str) -> tuple[Import, ...]:
    if not path.is_file():
        return ()
    status = path.stat()
    return _parsed(path, (status.st_mtime_ns, status.st_size), package)
