"""Tests of the report of a step."""

from typing import Any

import pytest

from kernelpipe.runtime import pod_report
from kernelpipe.runtime.pod_report import failure_report, plain_report, render_report

JSON = dict[str, Any]


def cell(source: str, *outputs: JSON, role: str = "step") -> JSON:
    """Return a code cell of a step notebook."""
    return {
        "cell_type": "code",
        "id": f"id-{role}",
        "metadata": {"kernelpipe": {"role": role}},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1,
    }


def notebook(*cells: JSON) -> JSON:
    """Return a notebook."""
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def shown(**data: Any) -> JSON:
    """Return a display output; a name's underscore is a slash."""
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("_", "/").replace("svg", "svg+xml"): v for key, v in data.items()},
    }


STREAM = {"output_type": "stream", "name": "stdout", "text": "\x1b[31ma < b\x1b[0m\n"}
ERROR = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["\x1b[1mE", "no<"]}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(STREAM, "<pre>a &lt; b\n</pre>", id="stream"),
        pytest.param(ERROR, '<pre class="error">E\nno&lt;</pre>', id="error"),
        pytest.param(shown(text_html=["<b>", "x</b>"]), "<div><b>x</b></div>", id="html"),
        pytest.param(shown(text_plain="1 < 2"), "<pre>1 &lt; 2</pre>", id="text"),
        pytest.param(shown(image_svg="<svg/>"), "<svg/>", id="svg"),
        pytest.param(
            shown(image_png="AB\nC="),
            '<img alt="output" src="data:image/png;base64,ABC=">',
            id="png",
        ),
        pytest.param(shown(application_json={}), "<pre></pre>", id="other"),
    ],
)
def test_plain_report__output__is_shown(output: JSON, expected: str) -> None:
    """Each kind of output has its place, with text escaped and colours removed."""
    assert expected in plain_report(notebook(cell("1 < 2", output)), "a")


def test_plain_report__markdown__is_text() -> None:
    """Cells without code are shown as they are."""
    text = {"cell_type": "markdown", "metadata": {}, "source": "# <Title>"}

    assert "<pre># &lt;Title&gt;</pre>" in plain_report(notebook(text), "a<b")


def test_render_report__own_cells__are_hidden_unless_they_failed() -> None:
    """A reader sees the notebook's cells; ours only with something to say."""
    pages = render_report(
        notebook(
            cell("begin()", role="begin"), cell("my_code()"), cell("save()", ERROR, role="save")
        ),
        "train",
    )

    assert "begin" not in pages.split("<body")[1]
    assert "my_code" in pages
    assert "no&lt;" in pages
    assert "<title>train</title>" in pages


def test_render_report__no_nbconvert__is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image without nbconvert gives a simple page."""
    monkeypatch.setattr(pod_report.importlib.util, "find_spec", lambda _: None)

    assert "max-width: 60em" in render_report(notebook(cell("x")), "train")


def test_failure_report__message__is_escaped() -> None:
    """A step that never ran says why."""
    assert '<pre class="error">no &lt;x&gt;</pre>' in failure_report("no <x>", "train")
