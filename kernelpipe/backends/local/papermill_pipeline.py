"""From a notebook that papermill has parameterised to the pipeline that it means."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelpipe.analysis import build_pipeline
from kernelpipe.backends.local.checks import check_pipeline
from kernelpipe.errors import CompileError
from kernelpipe.model.diagnostic import Diagnostic, Severity, in_notebook_order
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole, Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook

_ONLY_STEP = StepName("notebook")
_SETUP = frozenset({CellRole.IMPORTS, CellRole.FUNCTIONS, CellRole.PARAMETERS})
_NO_NAME = "notebook.ipynb"
_FLOW = "KP2"
_SYNTAX = "KP201"


@dataclass(frozen=True, slots=True, kw_only=True)
class PapermillPipeline:
    """A pipeline, with the notebook that it was made from; cells have papermill's indexes."""

    pipeline: Pipeline
    content: bytes
    warnings: tuple[Diagnostic, ...]


def build_papermill_pipeline(
    nb: Mapping[str, Any], *, source: Path, kernel_name: str
) -> PapermillPipeline | None:
    """Return the pipeline of a parameterised notebook, None if it has no code.

    The cell that papermill injected is one more parameters cell: before the first step it is
    setup, so it runs in each step that uses what it sets. A notebook without any step is one step,
    with all its cells in order.

    Args:
        nb: As papermill hands it to its engines.
        source: Names the notebook; nothing is read there.
        kernel_name: The kernel to run it with.

    Raises:
        NotebookReadError: If it is not a Python notebook.
        CompileError: If it cannot be a pipeline.
    """
    content = _content(nb)
    here = Path.cwd()  # papermill has gone where the notebook is to run
    notebook = parse_notebook(content, path=str(here / source.name))
    if not any(cell.role is not CellRole.SKIP for cell in notebook.cells):
        return None
    if any(cell.step for cell in notebook.cells):
        pipeline = build_pipeline(notebook)
    else:
        pipeline = _without_flow(build_pipeline(_as_one_step(notebook)))
    found = in_notebook_order((*pipeline.diagnostics, *check_pipeline(pipeline)))
    shown = tuple(
        replace(each, location=replace(each.location, path=_shown(source))) for each in found
    )
    if any(each.severity is Severity.ERROR for each in shown):
        raise CompileError(diagnostics=shown)
    return PapermillPipeline(
        pipeline=replace(pipeline, path=str(source), kernel_name=kernel_name),
        content=content,
        warnings=tuple(each for each in shown if each.severity is Severity.WARNING),
    )


def source_path(input_path: object, *, directory: str | None) -> Path:
    """Return the path that names the input notebook.

    Args:
        input_path: What papermill was given: a path, an address, a notebook, or "-".
        directory: To which local paths are relative; None means the current one.

    Returns:
        The file if there is one, else its name in the current folder.
    """
    if not isinstance(input_path, str):
        return Path.cwd() / _NO_NAME
    path = os.path.join(directory or "", input_path)  # noqa: PTH118 - may be a whole notebook
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for texts that are too long
        return Path(path).absolute()
    name = input_path.rpartition("/")[2]
    return Path.cwd() / (name if name.endswith(".ipynb") and "{" not in name else _NO_NAME)


def _content(nb: Mapping[str, Any]) -> bytes:
    """Return the notebook as a file's bytes, without what executions leave in it."""
    metadata = {key: value for key, value in nb["metadata"].items() if key != "papermill"}
    return json.dumps(
        {**nb, "metadata": metadata, "cells": [_bare(cell) for cell in nb["cells"]]}
    ).encode()


def _bare(cell: Mapping[str, Any]) -> dict[str, Any]:
    left_behind = ("papermill", "execution")
    kept = {key: value for key, value in cell["metadata"].items() if key not in left_behind}
    bare = {**cell, "metadata": kept}
    return bare | {"outputs": [], "execution_count": None} if "outputs" in cell else bare


def _as_one_step(notebook: Notebook) -> Notebook:
    first = next(cell.index for cell in notebook.cells if cell.role is not CellRole.SKIP)
    return replace(
        notebook,
        cells=tuple(
            replace(
                cell,
                role=CellRole.STEP if cell.role in _SETUP else cell.role,
                step=_ONLY_STEP if cell.index == first else None,
            )
            for cell in notebook.cells
        ),
    )


def _without_flow(pipeline: Pipeline) -> Pipeline:
    """Leave out what is said of values: within one step, they are as in the notebook."""
    kept = (d for d in pipeline.diagnostics if d.code == _SYNTAX or not d.code.startswith(_FLOW))
    return replace(pipeline, diagnostics=tuple(kept))


def _shown(source: Path) -> str:
    here = Path.cwd()
    return str(source.relative_to(here)) if source.is_relative_to(here) else str(source)
