"""What an editor shows of a notebook while it is being edited."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath

from kernelpipe.analysis import Session
from kernelpipe.api.documents import (
    JsonObject,
    editor_diagnostic,
    graph_document,
    settings_document,
)
from kernelpipe.api.lanes import draw_lanes
from kernelpipe.errors import NotebookReadError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole, Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook
from kernelpipe.notebook.tags import parse_tags

_LONGEST_LINE = 32
"""Characters; longer JSON is shown on several lines."""


def analyse_notebook(
    content: bytes, *, path: str, shown: str, session: Session | None = None
) -> JsonObject:
    """Return everything that is to be said of a notebook; nothing is run or written.

    Modules beside the notebook are read where its pipeline would take them along.

    Args:
        content: The notebook as the bytes of a file; outputs may be missing.
        path: Where its file is, or would be.
        shown: The path that the document names.
        session: Has analysed the same notebook before, most often; it says the same sooner.
    """
    session = session or Session()
    try:
        notebook = parse_notebook(content, path=path)
    except NotebookReadError as error:
        return _unreadable(error, shown)
    pipeline = session.build(notebook)
    raw: list[JsonObject] = json.loads(content)["cells"]
    here = _Shown(path=shown, ids=[_id(cell) for cell in raw])
    return graph_document(pipeline) | {
        "path": shown,
        "parameters": _parameters(pipeline),
        "diagnostics": here.diagnostics(pipeline.diagnostics),
        "cells": _cell_marks(raw, notebook, pipeline),
        "lanes": _lanes(pipeline),
        "cluster": _usable_cluster(pipeline),
        "backends": {
            "local": here.diagnostics(_local_findings(pipeline)),
            "kfp": here.diagnostics(_kfp_findings(notebook, pipeline, session)),
        },
    }


def _unreadable(error: NotebookReadError, shown: str) -> JsonObject:
    found = Diagnostic(
        code="KP100",
        severity=Severity.ERROR,
        message=error.reason,
        location=Location(path=shown),
        hint=error.hint,
    )
    return {
        "path": shown,
        "name": PurePath(shown).stem,
        "parameters": [],
        "steps": [],
        "edges": [],
        "diagnostics": _Shown(path=shown, ids=()).diagnostics((found,)),
        "cells": [],
        "lanes": [],
        "cluster": None,
        "backends": {"local": [], "kfp": []},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """How findings are shown: the path that users know, and the ids of the cells as sent."""

    path: str
    ids: Sequence[str | None]

    def diagnostics(self, found: Iterable[Diagnostic]) -> list[JsonObject]:
        """Return the documents of findings."""
        return [self._document(each) for each in found]

    def _document(self, diagnostic: Diagnostic) -> JsonObject:
        return editor_diagnostic(diagnostic.shown_as(self.path), self._id_at)

    def _id_at(self, place: Location) -> str | None:
        return None if place.cell_index is None else self.ids[place.cell_index]


def _parameters(pipeline: Pipeline) -> list[JsonObject]:
    return [
        {
            "name": each.name,
            "type": each.type.value,
            "default": _json_shown(each.default),
            "nullable": each.is_nullable,
            "cell": each.cell_index,
        }
        for each in pipeline.parameters
    ]


def _json_shown(text: str) -> str:
    """Return JSON as a form shows it: text, because a browser's numbers lose ``1.0`` and digits."""
    value = json.loads(text)
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= _LONGEST_LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _cell_marks(
    raw: Sequence[JsonObject], notebook: Notebook, pipeline: Pipeline
) -> list[JsonObject]:
    """Return what each cell is in the pipeline, text cells included."""
    roles = {cell.index: cell.role for cell in notebook.cells}
    places = {
        cell.index: (number, step.name)
        for number, step in enumerate(pipeline.steps)
        for cell in (*step.cells, *step.tests)
    }
    return [
        _cell_mark(index, cell, roles.get(index), places.get(index))
        for index, cell in enumerate(raw)
    ]


def _cell_mark(
    index: int, cell: JsonObject, role: CellRole | None, place: tuple[int, StepName] | None
) -> JsonObject:
    tags = parse_tags(_tags(cell), Location(path=""))
    is_tagged = tags.role is not None or tags.step is not None or tags.is_continued
    return {
        "id": _id(cell),
        "index": index,
        "role": None if role is None else role.value,
        "step": None if place is None else place[1],
        "is_tagged": role is not None and is_tagged,
        "colour": None if place is None else place[0],
        "after": list(tags.after),
        "settings": settings_document(tags.settings),
        "foreign": list(tags.foreign),
    }


def _id(cell: JsonObject) -> str | None:
    found = cell.get("id")
    return found if isinstance(found, str) else None


def _tags(cell: JsonObject) -> list[str]:
    """Return the tags of a cell as the reader of the file reads them."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _lanes(pipeline: Pipeline) -> list[JsonObject]:
    rows = {step.name: row for row, step in enumerate(pipeline.steps)}
    drawn = draw_lanes(
        len(rows), ((rows[edge.producer], rows[edge.consumer]) for edge in pipeline.edges)
    )
    return [
        {
            "step": step.name,
            "lane": row.lane,
            "lines": [{"from": start, "to": end} for start, end in row.lines],
        }
        for step, row in zip(pipeline.steps, drawn, strict=True)
    ]


def _usable_cluster(pipeline: Pipeline) -> str | None:
    """Return the cluster that a notebook names, if the user has named it before."""
    place = pipeline.settings.cluster
    if place is None or not place.host or find_spec("kfp") is None:
        return None
    from kernelpipe.backends.kfp.cluster import KnownClusters  # noqa: PLC0415  # not for all

    return place.host if KnownClusters(os.environ).named(place.host) is not None else None


def _local_findings(pipeline: Pipeline) -> tuple[Diagnostic, ...]:
    from kernelpipe.backends.local.checks import check_pipeline  # noqa: PLC0415  # not for all

    return check_pipeline(pipeline)


def _kfp_findings(
    notebook: Notebook, pipeline: Pipeline, session: Session
) -> tuple[Diagnostic, ...]:
    """Return what stands against running on Kubeflow, where tests take no part.

    Nothing can be told while the notebook has errors.
    """
    if any(cell.role is CellRole.TEST for cell in notebook.cells):
        pipeline = session.build(notebook, include_tests=False)
    if pipeline.errors():
        return ()
    from kernelpipe.backends import kfp  # noqa: PLC0415  # not for all
    from kernelpipe.compiler import lower  # noqa: PLC0415  # likewise

    return kfp.check_pipeline(pipeline, lower(pipeline))
