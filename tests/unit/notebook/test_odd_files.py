"""Files that are no notebooks, or notebooks in unusual clothes."""

import json
from pathlib import Path
from typing import Any

import kit
import nbformat
import pytest

from kernelpipe.errors import NotebookReadError
from kernelpipe.notebook import parse_notebook, read_notebook

PLAIN = kit.notebook(kit.code("x = 1", "step:a"), kit.markdown("text"), kit.code("y = x"))


def _encode(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b" \n", "the file is empty", id="blank"),
        pytest.param(b'{"cells": [,]}', "line 1, column 12", id="broken JSON"),
        pytest.param(b'{"cells": [', "not JSON", id="cut off"),
        pytest.param(b"[]", "notebook", id="a list"),
        pytest.param(b"{}", "notebook", id="no cells"),
        pytest.param(b"\x89PNG\r\n", "notebook|JSON|text", id="an image"),
        pytest.param(_encode({**PLAIN, "nbformat": 99}), "99", id="unknown format"),
        pytest.param(
            _encode({**PLAIN, "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}),
            "'R'",
            id="another language",
        ),
        pytest.param(
            _encode({**PLAIN, "metadata": {"language_info": {"name": "julia"}}}),
            "julia",
            id="another language by its info",
        ),
    ],
)
def test_parse_notebook__no_python_notebook__says_why(content: bytes, message: str) -> None:
    """Each is refused with the reason, exit code 3."""
    with pytest.raises(NotebookReadError, match=message) as caught:
        parse_notebook(content, path="n.ipynb")

    assert caught.value.exit_code == 3


def test_read_notebook__no_file_or_a_folder__says_so(tmp_path: Path) -> None:
    """What is not a file is named."""
    with pytest.raises(NotebookReadError, match="no such file"):
        read_notebook(tmp_path / "missing.ipynb")
    with pytest.raises(NotebookReadError, match="folder"):
        read_notebook(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_encode(PLAIN), id="utf-8"),
        pytest.param(b"\xef\xbb\xbf" + _encode(PLAIN), id="byte order mark"),
        pytest.param(json.dumps(PLAIN).encode("utf-16"), id="utf-16"),
        pytest.param(_encode(PLAIN).replace(b"\n", b"\r\n"), id="windows line ends"),
        pytest.param(_encode({**PLAIN, "nbformat_minor": 2}), id="older minor"),
        pytest.param(_encode({**PLAIN, "metadata": {}}), id="no kernelspec"),
        pytest.param(
            _encode({**PLAIN, "cells": [{**c, "source": [c["source"]]} for c in PLAIN["cells"]]}),
            id="source as a list",
        ),
    ],
)
def test_parse_notebook__unusual_clothes__reads_the_same(content: bytes) -> None:
    """Encodings, minors and forms of the source make no difference to what is read."""
    notebook = parse_notebook(content, path="n.ipynb")

    assert [(c.index, c.source, c.step) for c in notebook.cells] == [
        (0, "x = 1", "a"),
        (2, "y = x", None),
    ]


def test_parse_notebook__format_3__is_upgraded() -> None:
    """Old files are upgraded; their cells come out as cells."""
    old = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="x = 1")])]
    )

    notebook = parse_notebook(_encode(old), path="old.ipynb")

    assert [c.source for c in notebook.cells] == ["x = 1"]


def test_parse_notebook__no_ids__are_made_and_stay_the_same() -> None:
    """Cells without ids get ones that depend on the notebook alone."""
    cells = [{k: v for k, v in c.items() if k != "id"} for c in PLAIN["cells"]]
    content = _encode({**PLAIN, "nbformat_minor": 4, "cells": cells})

    first, second = (parse_notebook(content, path="n.ipynb") for _ in range(2))

    assert [c.id for c in first.cells] == [c.id for c in second.cells]
    assert len({c.id for c in first.cells}) == 2
