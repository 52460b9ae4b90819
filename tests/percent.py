"""Reads notebooks from text in percent format: a line ``# %% TAG TAG`` begins a code cell."""

import json
import re

import kit

from kernelpipe.analysis import build_pipeline
from kernelpipe.model.notebook import Notebook
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook

_TAG = re.compile(r"foreach:\w+ in \w+|\S+")


def notebook_of(text: str) -> Notebook:
    """Return the notebook that ``text`` means; code before the first marker is an untagged cell."""
    cells: list[tuple[list[str], list[str]]] = [([], [])]
    for line in text.strip("\n").split("\n"):
        if line.startswith("# %%"):
            cells.append((_TAG.findall(line.removeprefix("# %%")), []))
        else:
            cells[-1][1].append(line)
    kept = [(tags, "\n".join(lines).strip("\n")) for tags, lines in cells]
    content = kit.notebook(*(kit.code(source, *tags) for tags, source in kept if source or tags))
    return parse_notebook(json.dumps(content).encode(), path="test.ipynb")


def pipeline_of(text: str) -> Pipeline:
    """Return the linked pipeline of the notebook that ``text`` means; it may be JSON as well."""
    if text.startswith("{"):
        return build_pipeline(parse_notebook(text.encode(), path="test.ipynb"))
    return build_pipeline(notebook_of(text))


def edges_of(pipeline: Pipeline) -> str:
    """Return all edges as one text: ``a->b: x, y; a=>c`` (the latter orders only)."""
    return "; ".join(
        f"{e.producer}->{e.consumer}: {', '.join(e.names)}"
        if e.names
        else f"{e.producer}=>{e.consumer}"
        for e in pipeline.edges
    )
