"""Writes notebook files: whole or not at all."""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernelpipe.errors import UsageError
from kernelpipe.notebook.document import JSON, read_document
from kernelpipe.notebook.reading import read_content


def assemble(path: Path, executed: Mapping[int, Mapping[str, Any]]) -> JSON:
    """Return the notebook at ``path`` with the outputs that its cells had in a run.

    Args:
        path: The source notebook, as it was when the run started; it is only read.
        executed: Cell index -> {"outputs": [...], "execution_count": int or None}.

    Returns:
        JSON of notebook format 4.5; code cells that did not run have no outputs.

    Raises:
        NotebookReadError: If the file is not a readable notebook.
    """
    document = read_document(read_content(path), path=str(path)).content
    if not isinstance(document.get("metadata"), dict):
        document["metadata"] = {}
    for index, cell in enumerate(document["cells"]):
        if not isinstance(cell.get("metadata"), dict):
            cell["metadata"] = {}
        if cell["cell_type"] == "code":
            ran = executed.get(index, {})
            cell["outputs"] = list(ran.get("outputs", ()))
            cell["execution_count"] = ran.get("execution_count")
    return document


def write_notebook(content: Mapping[str, Any], path: Path) -> None:
    """Write a notebook's JSON as Jupyter does; a reader sees the old file or the new one.

    Raises:
        UsageError: If the file cannot be written.
    """
    try:
        replace_file(path, _encode(content))
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}",
            hint="choose a folder that exists and that you may write to",
        ) from error


def _encode(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half a character somewhere: as an escape it can be written
        return f"{json.dumps(content, indent=1)}\n".encode()


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` into a new file beside ``path`` and give it that name.

    Raises:
        OSError: If that is not possible; the file at ``path`` is as it was.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    if target.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    draft = target.with_name(f".{target.name[:40]}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            draft.chmod(target.stat().st_mode & 0o7777)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
