"""Which names ``from module import *`` binds, found without running the module."""

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from kernelpipe.analysis.names import bound_names
from kernelpipe.analysis.source import parse_cell

_SAFE_TO_IMPORT = frozenset({"math", "cmath", "itertools", "operator", "time"})


def star_names(
    module: str, directory: str, written: Mapping[str, tuple[str, ...]] | None = None
) -> frozenset[str] | None:
    """Return the names that a star import of ``module`` binds, None when they cannot be told.

    Args:
        module: Dotted name.
        directory: Where modules beside the notebook are looked for first.
        written: Normal path -> the texts that cells write to it.
    """
    texts = (written or {}).get(f"{module.replace('.', '/')}.py", ())
    if len(texts) == 1:
        return _names_of(parse_cell(texts[0]).tree)
    if module in _SAFE_TO_IMPORT:
        return _public(vars(__import__(module)))
    path = _find_source(module, directory)
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return _names_in(path, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _names_in(path: Path, stamp: tuple[int, int]) -> frozenset[str] | None:
    """Return the public names of a module's file, None if it is no Python or makes them as it runs.

    Args:
        path: Of the file.
        stamp: Of the file's state: a server lives longer than that.
    """
    del stamp
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    return _names_of(tree)


def _public(names: Iterable[str]) -> frozenset[str]:
    return frozenset(n for n in names if not n.startswith("_"))


def _find_source(module: str, directory: str) -> Path | None:
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for root in (directory, *sys.path):
        base = Path(root, *parts)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
    return None


def _names_of(tree: ast.Module) -> frozenset[str] | None:
    """Return the public names of a module's source, None where it makes them as it runs."""
    listed = [
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__all__"
    ]
    if any(
        isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names)
        for n in ast.walk(tree)
    ):
        return None
    names = bound_names(tree.body).local
    if not listed:
        return (
            None if "__getattr__" in names else frozenset(n for n in names if not n.startswith("_"))
        )
    plain = [
        s
        for s in tree.body
        if isinstance(s, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in s.targets)
    ]
    if len(listed) != 1 or len(plain) != 1:
        return None
    try:
        value = ast.literal_eval(plain[0].value)
    except (ValueError, TypeError):
        return None
    return frozenset(str(name) for name in value)
