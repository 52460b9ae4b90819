"""Proposes steps for a notebook that has none: only tags are added, nothing is run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelpipe.analysis import build_pipeline
from kernelpipe.analysis.proposing import Proposal, propose_steps
from kernelpipe.api.documents import JsonObject, diagnostic_document
from kernelpipe.api.operations import PathLike
from kernelpipe.errors import UsageError
from kernelpipe.model.notebook import CellRole, Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook.document import JSON, joined, read_document
from kernelpipe.notebook.headings import find_headings
from kernelpipe.notebook.reading import parse_notebook, read_content
from kernelpipe.notebook.tagged_cells import OF_A_STEP, Kind, Place, Placing, TaggedCell
from kernelpipe.notebook.walk import SETUP_ROLES
from kernelpipe.notebook.writing import write_notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedTags:
    """A cell whose tags change: ``tags`` are all that it has then, ``added`` those that are new."""

    index: int
    id: str
    tags: tuple[object, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedNotebook:
    """A notebook with the tags of a proposal; ``pipeline`` is what it means with them."""

    proposal: Proposal
    cells: tuple[ProposedTags, ...]
    content: JSON
    pipeline: Pipeline

    def notes(self) -> tuple[str, ...]:
        """Return why the notebook is not cut as its headings and values suggest."""
        found: list[str] = []
        for each in self.proposal.mended:
            said = f"{each.because.message.splitlines()[0]} ({each.because.code})"
            if each.steps:
                first, second = each.steps
                found.append(f"'{second}' goes with '{first}': {said}")
            else:
                found.append(f"cell {each.cell_index} is part of a step: {said}")
        return tuple(found)


def propose(
    notebook: PathLike, write: PathLike | None = None, *, steps: int | None = None
) -> ProposedNotebook:
    """Propose steps for a notebook without steps; it computes the same with them as without.

    Args:
        notebook: Path of the notebook.
        write: Where to write the notebook with the proposed tags, which may be its own path; None
            writes nothing.
        steps: How many steps there should be; fewer come of it where more would not compute what
            the notebook computes. None for as many as suit the notebook.

    Raises:
        NotebookReadError: If the file is not a readable notebook.
        UsageError: If it has steps already or no code, or ``write`` cannot be written.
    """
    found = propose_for(read_content(Path(notebook)), path=str(notebook), steps=steps)
    if write is not None:
        write_notebook(found.content, Path(write))
    return found


def propose_for(content: bytes, *, path: str, steps: int | None = None) -> ProposedNotebook:
    """Propose steps for the notebook that the bytes of a file mean; see :func:`propose`."""
    if steps is not None and steps < 1:
        raise UsageError(f"{steps} steps cannot be made", hint="ask for 1 or more")
    read = parse_notebook(content, path=path)
    document = read_document(content, path=path).content
    cells = [_tagged(cell) for cell in document["cells"]]
    bare = _without_places(read, cells)
    _check_free(bare, cells)
    said = {index for index, cell in enumerate(cells) if cell.read().role or cell.read().speaking}
    proposal = propose_steps(
        bare,
        find_headings(_texts(document["cells"])),
        untagged=frozenset(cell.index for cell in bare.cells) - said,
        count=steps,
    )
    changed = _changed(cells, _wanted(cells, bare, proposal))
    for each in changed:
        _set_tags(document["cells"][each.index], each)
    tagged = parse_notebook(json.dumps(document).encode(), path=path)
    return ProposedNotebook(
        proposal=proposal, cells=changed, content=document, pipeline=build_pipeline(tagged)
    )


def _texts(cells: Sequence[JSON]) -> dict[int, str]:
    """Return the Markdown of the text cells by their indexes."""
    return {
        index: joined(cell["source"]) or ""
        for index, cell in enumerate(cells)
        if cell["cell_type"] == "markdown"
    }


def _set_tags(cell: JSON, tags: ProposedTags) -> None:
    metadata = cell.setdefault("metadata", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get("tags", []), list):
        raise UsageError(
            f"the tags of cell {tags.index} are damaged, so none can be added",
            hint="mend the cell's metadata",
        )
    metadata["tags"] = list(tags.tags)


def _tagged(cell: Mapping[str, Any]) -> TaggedCell:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return TaggedCell(
        id=cell["id"],
        cell_type=cell["cell_type"],
        tags=tuple(tags) if isinstance(tags, list) else (),
    )


def _without_places(notebook: Notebook, cells: Sequence[TaggedCell]) -> Notebook:
    """Return the notebook with the roles that the cells' own tags give, else STEP."""
    return replace(
        notebook,
        cells=tuple(
            replace(cell, role=cells[cell.index].read().role or CellRole.STEP)
            for cell in notebook.cells
        ),
    )


def _check_free(notebook: Notebook, cells: Sequence[TaggedCell]) -> None:
    first = next((index for index, cell in enumerate(cells) if cell.texts(Kind.STEP)), None)
    if first is not None:
        raise UsageError(
            f"the notebook has steps already: cell {first} has the tag "
            f"'{cells[first].texts(Kind.STEP)[0]}'",
            hint="steps are proposed for notebooks without any; to begin anew, remove these tags",
        )
    if not any(cell.role in OF_A_STEP for cell in notebook.cells):
        raise UsageError(
            "the notebook has no code that could be a step",
            hint="write a cell first, or take 'skip' off",
        )


def _wanted(
    cells: Sequence[TaggedCell], notebook: Notebook, proposal: Proposal
) -> dict[str, Place]:
    """Return the place of each code cell, by its id."""
    places = {
        index: Place(role=CellRole.STEP, step=step.name)
        for step in proposal.steps
        for index in step.cells
    }
    for cell in notebook.cells:
        role = proposal.roles.get(cell.index, cell.role)
        place = places.get(cell.index)
        places[cell.index] = Place(role=role) if place is None else replace(place, role=role)
    return {cells[index].id: place for index, place in places.items()}


def _changed(cells: Sequence[TaggedCell], wanted: Mapping[str, Place]) -> tuple[ProposedTags, ...]:
    """Return the cells that need tags to stand where they are wanted, with as few as will do.

    The first cell of all says what it is, though without a tag it would be setup, too.
    """
    placing = Placing.start()
    found: list[ProposedTags] = []
    for index, cell in enumerate(cells):
        if not cell.is_code:
            continue
        place = wanted[cell.id]
        added: tuple[str, ...] = ()
        is_first = not found and place.role in SETUP_ROLES and cell.read().role is None
        if placing.peek(cell) != place or is_first:
            added = (f"step:{place.step}",) if place.step is not None else (place.role.value,)
            found.append(
                ProposedTags(index=index, id=cell.id, tags=(*cell.tags, *added), added=added)
            )
        placing.enter(cell.with_tags(*added))
    return tuple(found)


def proposal_document(found: ProposedNotebook, *, path: str) -> JsonObject:
    """Return a proposal with the tags that it adds; ``path`` is what it names the notebook."""
    ids = {index: cell["id"] for index, cell in enumerate(found.content["cells"])}
    steps = {step.name: step for step in found.pipeline.steps}
    return {
        "path": path,
        "steps": [
            {
                "name": step.name,
                "cells": list(step.cells),
                "heading": step.heading,
                "inputs": sorted({port.name for port in steps[step.name].inputs})
                if step.name in steps
                else [],
            }
            for step in found.proposal.steps
        ],
        "setup": [
            {"cell": index, "role": role.value}
            for index, role in sorted(found.proposal.roles.items())
        ],
        "cells": [
            {
                "cell": each.index,
                "id": ids[each.index],
                "tags": list(each.tags),
                "added": [*each.added],
            }
            for each in found.cells
        ],
        "notes": list(found.notes()),
        "diagnostics": [
            diagnostic_document(each) | {"path": path} for each in found.pipeline.diagnostics
        ],
    }
