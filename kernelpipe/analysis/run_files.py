"""Finds what ``%run`` runs: a file beside the notebook, or one that a cell of it writes."""

import ast
import json
import posixpath
from collections.abc import Mapping
from pathlib import Path

from kernelpipe.analysis.magic_calls import parse_body

_MAX_BYTES = 1_000_000


def find_script(
    path: str, directory: str, written: Mapping[str, tuple[str, ...]]
) -> tuple[ast.Module, ...] | None:
    """Return the code of a script, None if it cannot be told or is no Python.

    Args:
        path: As the notebook names it; ``.ipynb`` has many pieces of code, others have one.
        directory: Where the notebook lies.
        written: Normal path -> the texts that cells write to it.
    """
    texts = written.get(posixpath.normpath(path))
    if texts is None:
        texts = _read(Path(directory, path))
    elif len(texts) > 1:
        return None
    trees = [parse_body(text, 0) for text in texts or ()]
    return None if texts is None or None in trees else tuple(t for t in trees if t is not None)


def _read(path: Path) -> tuple[str, ...] | None:
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_bytes())["cells"]
            code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
            return tuple(text if isinstance(text, str) else "".join(text) for text in code)
        return (path.read_text(encoding="utf-8"),)
    except (OSError, ValueError, KeyError, TypeError):
        return None
