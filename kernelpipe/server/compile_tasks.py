"""What worker processes do for ``compile`` and ``plan``."""

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernelpipe.api.documents import JsonObject
from kernelpipe.errors import CompileError, NotebookReadError, UsageError

Request = Mapping[str, Any]


def compile_content(request: Request, content: bytes) -> JsonObject:
    """Return the YAML of a notebook that would lie at ``path``; with ``target``, write it there.

    Raises:
        UsageError: If ``target`` is no file of ours, or cannot be written.
        NotebookReadError: If the notebook cannot be read.
        CompileError: If it has errors, or uses what Kubeflow cannot do.
    """
    from kernelpipe.analysis import build_pipeline  # noqa: PLC0415  # other tasks need it not
    from kernelpipe.api import compile_notebook  # noqa: PLC0415  # likewise
    from kernelpipe.notebook import parse_notebook  # noqa: PLC0415  # likewise

    importlib.invalidate_caches()  # what was installed meanwhile is found
    target = None if request["target"] is None else Path(request["target"])
    if target is not None:
        _refuse_foreign(target)
    with named(request["shown"]):
        notebook = parse_notebook(content, path=request["path"])
        pipeline = build_pipeline(notebook, include_tests=False)
        return {"yaml": compile_notebook(pipeline, target)}


def plan_file(request: Request, _content: bytes) -> JsonObject:
    """Return what a run of the file at ``path`` would do; ``options`` are those of ``api.plan``.

    Raises:
        UsageError: If a parameter or an option is wrong.
        NotebookReadError: If the file is no readable notebook.
        CompileError: If it has errors, or uses what cannot be done here.
    """
    from kernelpipe.api import plan, plan_document  # noqa: PLC0415  # likewise

    importlib.invalidate_caches()
    with named(request["shown"]):
        found = plan_document(plan(request["path"], request["parameters"], **request["options"]))
    kept = ("name", "verdict", "reasons", "expected_s")
    steps: Any = found["steps"]  # Any: documents hold objects
    return found | {"steps": [{key: step[key] for key in kept} for step in steps]}


@contextmanager
def named(shown: str) -> Iterator[None]:
    """Let errors name a notebook by the path that users know."""
    try:
        yield
    except NotebookReadError as error:
        raise NotebookReadError(error.reason, path=shown, hint=error.hint) from error
    except CompileError as error:
        raise CompileError(
            diagnostics=tuple(each.shown_as(shown) for each in error.diagnostics)
        ) from error


def _refuse_foreign(target: Path) -> None:
    """Refuse to write over what is no compiled pipeline."""
    if Path(os.path.realpath(target)).suffix == ".ipynb":
        raise UsageError(f"{target.name} leads to a notebook, which is never written to")
    if target.is_file() and b"\npipelineInfo:" not in b"\n" + target.read_bytes():
        raise UsageError(
            f"{target.name} is there already and holds something else than a pipeline",
            hint="rename it, or download the pipeline instead",
        )
