"""What worker processes can do with the bytes of a notebook."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kernelpipe.api.documents import JsonObject
from kernelpipe.errors import UsageError
from kernelpipe.server import cluster_tasks
from kernelpipe.server.compile_tasks import compile_content, plan_file

if TYPE_CHECKING:
    from kernelpipe.analysis import Session

Request = Mapping[str, Any]

_MOST_SESSIONS: Final = 4
_SESSIONS: "Final[dict[str, Session]]" = {}
"""Path -> what is known of the notebook, which is edited most often; the last one used last."""

_SMALL: Final = b"""{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
{"id": "a", "cell_type": "code", "source": "import json\\nx = 1", "metadata": {"tags": ["step:a"]}},
{"id": "b", "cell_type": "code", "source": "print(x)", "metadata": {"tags": ["step:b"]}}]}"""


def analyse(request: Request, content: bytes) -> JsonObject:
    """Return the analysis of a notebook at ``path``, which users know as ``shown``."""
    from kernelpipe.analysis import Session  # noqa: PLC0415  # other tasks need it not
    from kernelpipe.api import analyse_notebook  # noqa: PLC0415  # likewise

    path = request["path"]
    session = _SESSIONS.pop(path, None) or Session()
    _SESSIONS[path] = session
    while len(_SESSIONS) > _MOST_SESSIONS:
        del _SESSIONS[next(iter(_SESSIONS))]
    return analyse_notebook(content, path=path, shown=request["shown"], session=session)


def edges(request: Request, _content: bytes) -> JsonObject:
    """Return the edges of the notebook at ``path``, with the files (ports) that each carries."""
    from pathlib import Path  # noqa: PLC0415  # likewise

    from kernelpipe.api import graph  # noqa: PLC0415  # likewise
    from kernelpipe.compiler import lower  # noqa: PLC0415  # likewise

    pipeline = graph(Path(request["path"]))
    tasks = () if pipeline.errors() else lower(pipeline)
    ports: dict[tuple[str, str], list[str]] = {}
    for task in tasks:
        for taken in task.inputs:
            ports.setdefault((taken.step, task.step), []).append(taken.port)
    return {
        "edges": [
            {
                "from": edge.producer,
                "to": edge.consumer,
                "kind": edge.kind.value,
                "names": list(edge.names),
                "files": list(edge.files),
                "ports": ports.get((edge.producer, edge.consumer), []),
            }
            for edge in pipeline.edges
        ]
    }


def propose(request: Request, content: bytes) -> JsonObject:
    """Return steps for a notebook at ``path``, which users know as ``shown``.

    What is wrong with the notebook is not among it: its analysis says that.
    """
    from kernelpipe.api import proposal_document, propose_for  # noqa: PLC0415  # likewise

    document = proposal_document(propose_for(content, path=request["path"]), path=request["shown"])
    del document["diagnostics"]
    return document


def warm_up(_request: Request, _content: bytes) -> JsonObject:
    """Load what an analysis needs."""
    analyse({"path": "a.ipynb", "shown": "a.ipynb"}, _SMALL)
    return {}


def schedule_words(request: Request, _content: bytes) -> JsonObject:
    """Return in words what the crontab line ``cron`` means, or what is wrong with it."""
    from kernelpipe.api import trigger_words  # noqa: PLC0415  # likewise

    try:
        return {"words": trigger_words(request["cron"], None), "problem": None}
    except UsageError as error:
        return {"words": None, "problem": str(error)}


TASKS: Final[Mapping[str, Callable[[Request, bytes], JsonObject]]] = {
    "analyse": analyse,
    "change-schedule": cluster_tasks.change_schedule,
    "collect": cluster_tasks.collect,
    "compile": compile_content,
    "edges": edges,
    "logs": cluster_tasks.logs,
    "plan": plan_file,
    "propose": propose,
    "refresh": cluster_tasks.refresh,
    "schedule": cluster_tasks.schedule,
    "schedule-words": schedule_words,
    "schedules": cluster_tasks.schedules,
    "stop": cluster_tasks.stop,
    "submit": cluster_tasks.submit,
    "warm-up": warm_up,
}
