"""Our own checks against nbformat's: what it accepts is read, what is refused it refuses, too."""

import json
from typing import Any

import kit
import nbformat
import pytest

from kernelpipe.errors import NotebookReadError
from kernelpipe.notebook import parse_notebook

OUTPUTS = [
    {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
    {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}},
    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []},
]


def _cell(kind: str = "code", source: Any = "x = 1", **more: Any) -> kit.JSON:
    cell = {"cell_type": kind, "source": source, "metadata": {}} | more
    return {"outputs": [], "execution_count": None} | cell if kind == "code" else cell


def _file(*cells: Any, minor: int = 4, **more: Any) -> kit.JSON:
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": list(cells)} | more


ACCEPTED = [
    pytest.param(_file(), id="no cells at all"),
    *(pytest.param(_file(_cell(), minor=minor), id=f"format 4.{minor}") for minor in range(5)),
    pytest.param(_file(_cell(id="a"), minor=5), id="format 4.5"),
    pytest.param(_file(_cell(id="a-B_9"), _cell("raw", id="b"), minor=5), id="ids"),
    pytest.param(_file(_cell(source=["x = 1\n", "y = 2"])), id="source in lines"),
    pytest.param(_file(_cell(source=[])), id="source of no lines"),
    pytest.param(_file(_cell(outputs=OUTPUTS, execution_count=3)), id="outputs"),
    pytest.param(_file(_cell(metadata={"tags": ["step:a"], "x": [1]})), id="tags"),
    pytest.param(_file(_cell(metadata={"collapsed": True, "scrolled": "auto"})), id="collapsed"),
    pytest.param(_file(_cell("markdown", "# T")), id="markdown"),
    pytest.param(
        _file(_cell("markdown", "x", attachments={"a.png": {"image/png": "AA"}})), id="attachment"
    ),
    pytest.param(_file(_cell("raw", metadata={"format": "text/latex"})), id="raw"),
    pytest.param(_file(_cell(), metadata=kit.PYTHON_KERNEL | {"authors": []}), id="kernel"),
    pytest.param(
        _file(_cell(), metadata={"kernelspec": {"name": "x", "display_name": "X"}}),
        id="kernel without a language",
    ),
    pytest.param(_file(_cell(), metadata={"title": "T", "widgets": {"a": 1}}), id="other metadata"),
]

REFUSED = [
    pytest.param(_file("x"), id="cell is text"),
    pytest.param(_file(None), id="cell is null"),
    pytest.param(_file({}), id="cell is empty"),
    pytest.param(_file(_cell("heading")), id="heading cell"),
    pytest.param(_file(_cell(source=3)), id="source is a number"),
    pytest.param(_file(_cell(source=["x", 3])), id="source holds a number"),
    pytest.param(_file(_cell(source=None)), id="source is null"),
    pytest.param(_file(cells={}), id="cells are a mapping"),
    pytest.param({"nbformat": 4, "nbformat_minor": 4, "metadata": {}}, id="cells are missing"),
    pytest.param(_file(nbformat="4"), id="format is text"),
    pytest.param(_file(nbformat=5), id="format 5"),
    pytest.param({"worksheets": 3, "nbformat": 3, "nbformat_minor": 0, "metadata": {}}, id="3"),
    pytest.param({"worksheets": [3], "nbformat": 3, "metadata": {}}, id="3 with a number"),
]


@pytest.mark.parametrize("content", ACCEPTED)
def test_parse_notebook__valid_for_nbformat__is_read(content: kit.JSON) -> None:
    """Every valid notebook is read, with its code cells in their places and nothing found."""
    nbformat.validate(content)
    sources = {
        index: "".join(cell["source"])
        for index, cell in enumerate(content["cells"])
        if cell["cell_type"] == "code"
    }

    notebook = parse_notebook(json.dumps(content).encode(), path="n.ipynb")

    assert {cell.index: cell.source for cell in notebook.cells} == sources
    assert notebook.diagnostics == ()


@pytest.mark.parametrize("content", REFUSED)
def test_parse_notebook__refused__nbformat_refuses_it_too(content: kit.JSON) -> None:
    """We are not stricter than nbformat is, but for what follows."""
    with pytest.raises(NotebookReadError, match="KP100"):
        parse_notebook(json.dumps(content).encode(), path="n.ipynb")

    with pytest.raises(Exception, match=r"."):  # whatever it trips over
        nbformat.validate(nbformat.reads(json.dumps(content), as_version=4))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        pytest.param({"nbformat": True}, "'nbformat' is true, not a version number", id="true"),
        pytest.param({}, "'nbformat' is null, not a version number", id="none"),
        pytest.param({"nbformat": 2}, "format 2 cannot be read, only 3 and 4", id="2"),
    ],
)
def test_parse_notebook__no_version_that_jupyter_writes__is_refused(
    version: kit.JSON, message: str
) -> None:
    """Nbformat takes these for notebooks of format 1 or 2, which nobody has written since 2012."""
    content = version | {"cells": []}

    with pytest.raises(NotebookReadError, match=message):
        parse_notebook(json.dumps(content).encode(), path="n.ipynb")


def test_parse_notebook__broken_cell__passes_on_what_nbformat_says() -> None:
    """Its message tells which rule of the format is broken."""
    content = _file(_cell(), _cell(source=3))

    with pytest.raises(NotebookReadError) as caught:
        parse_notebook(json.dumps(content).encode(), path="n.ipynb")

    assert str(caught.value) == (
        "n.ipynb: error[KP100]: cell 1 has 3 for its source, not text\n"
        "  hint: nbformat says: 3 is not valid under any of the given schemas"
    )
