"""What flowed between the steps of a run, and how much."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kernelpipe.api.documents import JsonObject
from kernelpipe.model.run import Run, StepFacts
from kernelpipe.runs.notebooks import SNAPSHOT
from kernelpipe.server.shared import Shared

_MOST_KEPT: Final = 100
_known: Final[dict[str, list[dict[str, Any]]]] = {}
"""Run directory -> the edges of its notebook, which never changes; the latest analysed last."""


async def edges_of(run: Run, shared: Shared) -> list[JsonObject]:
    """Return the edges of the notebook as it was run, with the bytes that they carried.

    There are none as long as the run has no copy of its notebook, and if that is never analysed.
    """
    edges = _known.get(run.directory)
    if edges is None:
        edges = await _analysed(Path(run.directory, SNAPSHOT), shared)
        if edges is None:
            return []
        _known[run.directory] = edges
        if len(_known) > _MOST_KEPT:
            del _known[next(iter(_known))]
    return with_bytes(edges, run)


async def _analysed(snapshot: Path, shared: Shared) -> list[dict[str, Any]] | None:
    request = {"task": "edges", "path": str(snapshot)}
    status, document = await shared.analysts.ask(request)
    found = document.get("edges")
    return found if status == HTTPStatus.OK and isinstance(found, list) else None


def with_bytes(edges: list[dict[str, Any]], run: Run) -> list[JsonObject]:
    """Return edges (with their ``ports``) as ``IRunDetail`` has them.

    An order edge carries nothing; what a step has not stored yet, or not any more, is unknown.
    """
    sizes: dict[tuple[str, str], int] = {}
    for step in run.steps:
        facts: StepFacts = json.loads(step.facts)
        for value in facts.get("values", ()):
            if isinstance(value.get("bytes"), int):
                sizes[step.name, str(value.get("port"))] = value["bytes"]  # type: ignore[assignment]  # JSON
    found: list[JsonObject] = []
    for edge in edges:
        carried = [sizes.get((edge["from"], port)) for port in edge["ports"]]
        is_known = bool(carried) and all(size is not None for size in carried)
        found.append(
            {
                "from": edge["from"],
                "to": edge["to"],
                "kind": edge["kind"],
                "names": edge["names"],
                "files": edge["files"],
                "bytes": sum(size or 0 for size in carried) if is_known else None,
            }
        )
    return found
