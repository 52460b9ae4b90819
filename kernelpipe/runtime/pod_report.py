"""The report of a step: its executed notebook as HTML."""

import html
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_OWN_ROLES = frozenset({"begin", "load", "save"})
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }}
pre {{ overflow-x: auto; padding: .6em; margin: .3em 0; white-space: pre-wrap; }}
pre.source {{ background: #f4f4f4; }} pre.error {{ background: #fde8e8; }}
img {{ max-width: 100%; }}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""


def render_report(notebook: Mapping[str, Any], title: str) -> str:
    """Return an executed step notebook as an HTML page, through nbconvert if it is there.

    Our own cells are left out unless they say something.
    """
    shown = {**notebook, "cells": [cell for cell in notebook["cells"] if _is_shown(cell)]}
    if importlib.util.find_spec("nbconvert") is None:
        return plain_report(shown, title)
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter()
    body, _ = exporter.from_notebook_node(
        nbformat.from_dict(shown), resources={"metadata": {"name": title}}
    )
    return str(body)


def plain_report(notebook: Mapping[str, Any], title: str) -> str:
    """Return a notebook as a simple HTML page, with nothing but the standard library."""
    parts: list[str] = []
    for cell in notebook["cells"]:
        source = _text(cell["source"])
        if cell["cell_type"] != "code":
            parts.append(f"<pre>{html.escape(source)}</pre>")
            continue
        parts.append(f'<pre class="source">{html.escape(source)}</pre>')
        parts += (_output(output) for output in cell["outputs"])
    return _PAGE.format(title=html.escape(title), body="\n".join(parts))


def failure_report(message: str, title: str) -> str:
    """Return a page that says why a step failed before any of its cells ran."""
    body = f'<pre class="error">{html.escape(message)}</pre>'
    return _PAGE.format(title=html.escape(title), body=body)


def _is_shown(cell: Mapping[str, Any]) -> bool:
    role = cell["metadata"].get("kernelpipe", {}).get("role")
    return role not in _OWN_ROLES or any(
        output["output_type"] in {"error", "stream"} for output in cell.get("outputs", ())
    )


def output_texts(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what a cell printed, and its tracebacks, as plain text."""
    for output in outputs:
        if output["output_type"] == "stream":
            yield _ANSI.sub("", _text(output["text"])).rstrip("\n")
        elif output["output_type"] == "error":
            yield _ANSI.sub("", "\n".join(output["traceback"]))


def _output(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return f"<pre>{html.escape(_ANSI.sub('', _text(output['text'])))}</pre>"
    if output["output_type"] == "error":
        traceback = _ANSI.sub("", "\n".join(output["traceback"]))
        return f'<pre class="error">{html.escape(traceback)}</pre>'
    data = output.get("data", {})
    if "text/html" in data:
        return f"<div>{_text(data['text/html'])}</div>"
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            content = _text(data[kind]).replace("\n", "")
            return f'<img alt="output" src="data:{kind};base64,{content}">'
    if "image/svg+xml" in data:
        return _text(data["image/svg+xml"])
    return f"<pre>{html.escape(_text(data.get('text/plain', '')))}</pre>"


def _text(content: str | Sequence[str]) -> str:
    return content if isinstance(content, str) else "".join(content)
