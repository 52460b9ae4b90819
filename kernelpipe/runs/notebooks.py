"""Reads the notebook of a run: the cells that it had, and what they put out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.errors import NotebookReadError
from kernelpipe.model.run import Run, parts_of
from kernelpipe.notebook.document import joined, read_document

SNAPSHOT = "source.ipynb"
"""In a run's directory: the source notebook as it was when the run started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCell:
    """A cell of the source notebook as a run had it.

    ``id`` is None when the file gives it none of its own; ``outputs`` is JSON text of a list in
    notebook format, "[]" unless the cell ran.
    """

    index: int
    id: str | None
    kind: str
    """"code", "markdown" or "raw"."""
    source: str
    tags: tuple[str, ...] = ()
    execution_count: int | None = None
    outputs: str = "[]"


def read_cells(run: Run) -> tuple[RecordedCell, ...] | None:
    """Return all cells of the run's notebook with their outputs so far.

    Where there is no executed notebook (the run goes on, or ended early), the outputs are those in
    the notebooks of its steps. None means that the run has no readable notebook any more.
    """
    executed = _read(Path(run.notebook)) if run.notebook else None
    cells = _read(Path(run.directory, SNAPSHOT)) or executed
    if cells is None:
        return None
    ran: dict[int, Mapping[str, Any]] = {}
    if executed is not None and len(executed) == len(cells):
        ran.update(enumerate(executed))
    else:
        for index, cell in _cells_of_steps(run):
            ran.setdefault(index, cell)
    return tuple(_record(index, cell, ran.get(index, {})) for index, cell in enumerate(cells))


def _cells_of_steps(run: Run) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the cells that steps executed under their indexes in the source notebook."""
    for step in (part for each in run.steps for part in parts_of(each)):
        for cell in (_read(Path(step.notebook)) or ()) if step.notebook else ():
            own = cell["metadata"].get("kernelpipe") if isinstance(cell["metadata"], dict) else None
            index = own.get("cell") if isinstance(own, dict) else None
            if isinstance(index, int) and cell.get("execution_count") is not None:
                yield index, cell


def _record(index: int, cell: Mapping[str, Any], ran: Mapping[str, Any]) -> RecordedCell:
    count, outputs = ran.get("execution_count"), ran.get("outputs")
    tags = cell["metadata"].get("tags") if isinstance(cell["metadata"], dict) else None
    return RecordedCell(
        index=index,
        id=None if re.fullmatch(rf"cell-{index}-*", cell["id"]) else cell["id"],
        kind=cell["cell_type"],
        source=joined(cell["source"]) or "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        execution_count=count if isinstance(count, int) else None,
        outputs=json.dumps(outputs) if isinstance(outputs, list) else "[]",
    )


def _read(path: Path) -> list[dict[str, Any]] | None:
    """Return the cells of a notebook file, None if it cannot be read; all of them have an id."""
    try:
        cells: list[dict[str, Any]] = read_document(path.read_bytes(), path=str(path)).content[
            "cells"
        ]
    except (OSError, NotebookReadError):
        return None
    for cell in cells:
        cell.setdefault("metadata", {})
    return cells
