"""What a cell put out, as a part of the page."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from kernelpipe.api.reporting.ansi import terminal_html
from kernelpipe.api.reporting.markup import Html, join, tag
from kernelpipe.api.reporting.sanitising import embed
from kernelpipe.notebook.document import joined

_MOST_CHARACTERS = 100_000
_MOST_IMAGE_CHARACTERS = 14_000_000
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_TEXTS = ("text/markdown", "text/latex", "text/plain")
_ELSEWHERE = "in the executed notebook only"


def outputs_html(outputs: str, *, cell_index: int) -> Html:
    """Return all outputs of a cell (JSON text of a list), one after the other."""
    return join(
        part for output in json.loads(outputs) for part in _output_parts(output, cell_index)
    )


def _output_parts(output: Mapping[str, Any], cell_index: int) -> Iterator[Html]:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        yield _text(joined(output.get("text")) or "", class_=name)
    elif kind == "error":
        trace = output.get("traceback")
        lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
        text = "\n".join(lines) or f"{output.get('ename')}: {output.get('evalue')}"
        yield _text(text, class_="error")
    else:
        data = output.get("data")
        yield from _display(data if isinstance(data, dict) else {}, cell_index)


def _display(data: Mapping[str, Any], cell_index: int) -> Iterator[Html]:
    """Yield the richest form of what was displayed that can be shown without running anything."""
    html, has_lost_scripts = Html(""), False
    if "text/html" in data:
        source = joined(data["text/html"]) or ""
        if len(source) > _MOST_IMAGE_CHARACTERS:
            yield _note(f"An output of {len(source)} characters of HTML is {_ELSEWHERE}.")
        else:
            html, has_lost_scripts = embed(source, title=f"HTML output of cell {cell_index}")
    shown = html or _image(data, cell_index) or _first_text(data)
    if shown:
        yield shown
    elif data:
        yield _note(f"An output of type {', '.join(sorted(map(str, data)))} is {_ELSEWHERE}.")
    if has_lost_scripts:
        yield _note(f"Interactive parts are {_ELSEWHERE}.")


def _image(data: Mapping[str, Any], cell_index: int) -> Html | None:
    words = joined(data.get("text/plain")) or ""
    alt = f"Image output of cell {cell_index}" + (f": {words[:100]}" if words else "")
    svg = joined(data.get("image/svg+xml"))
    for kind in _IMAGES:
        content = "".join((joined(data.get(kind)) or "").split())
        if content and len(content) <= _MOST_IMAGE_CHARACTERS and _is_base64(content):
            return tag("img", src=f"data:{kind};base64,{content}", alt=alt)
    if svg and len(svg) <= _MOST_IMAGE_CHARACTERS:
        # As an image it can neither run scripts nor load anything.
        content = base64.b64encode(svg.encode("utf-8", "replace")).decode()
        return tag("img", src=f"data:image/svg+xml;base64,{content}", alt=alt)
    return None


def _is_base64(content: str) -> bool:
    try:
        base64.b64decode(content, validate=True)
    except binascii.Error:
        return False
    return True


def _first_text(data: Mapping[str, Any]) -> Html | None:
    for kind in _TEXTS:
        text = joined(data.get(kind))
        if text:
            return _text(text, class_="result")
    if "application/json" in data:
        text = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
        return _text(text, class_="result")
    return None


def _text(text: str, *, class_: str) -> Html:
    rest = len(text) - _MOST_CHARACTERS
    shown = tag("pre", terminal_html(text[:_MOST_CHARACTERS]), class_=class_, tabindex=0)
    if rest <= 0:
        return shown
    return join((shown, _note(f"{rest} more characters are {_ELSEWHERE}.")))


def _note(text: str) -> Html:
    return tag("p", text, class_="note")
