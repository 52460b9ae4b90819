"""Compares the notebook in the editor with the one in the file."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tornado.web import HTTPError

from kernelpipe.notebook.document import joined, read_document
from kernelpipe.notebook.reading import read_content

JsonObject = dict[str, Any]

_OURS: Final = ("kernelpipe", "kubeflow_notebook")
"""The keys of metadata that mean something to kernelpipe."""


def differs_from_file(content: Mapping[str, Any], path: Path) -> bool:
    """Tell whether a notebook means something else than the one at ``path``.

    Types, sources, tags and metadata that a pipeline is made from count; outputs, ids and all
    other metadata do not.

    Args:
        content: The notebook's JSON, of format 4.
        path: Of its file.

    Raises:
        NotebookReadError: If the file is not a readable notebook.
    """
    return _meaning(content) != _meaning(read_document(read_content(path), path=str(path)).content)


def refuse_unsaved(content: Mapping[str, Any], path: Path) -> None:
    """Refuse to work with a file that says something else than the editor.

    Raises:
        HTTPError: 409 if it does.
        NotebookReadError: If the file is not a readable notebook.
    """
    if differs_from_file(content, path):
        raise HTTPError(
            HTTPStatus.CONFLICT,
            f"the file {path.name} says something else than the editor: save the notebook,"
            " then try again; nothing was started",
        )


def _meaning(notebook: Mapping[str, Any]) -> object:
    metadata = _mapping(notebook.get("metadata"))
    return (
        [_cell_meaning(cell) for cell in notebook["cells"]],
        _mapping(metadata.get("kernelspec")).get("name"),
        [metadata.get(key) for key in _OURS],
    )


def _cell_meaning(cell: Mapping[str, Any]) -> object:
    metadata = _mapping(cell.get("metadata"))
    source = joined(cell.get("source"))
    return (
        cell.get("cell_type"),
        None if source is None else source.replace("\r\n", "\n").replace("\r", "\n"),
        metadata.get("tags") or [],
        [metadata.get(key) for key in _OURS],
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
