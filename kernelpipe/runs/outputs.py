"""What a cell put out, as text that can be compared and as digests of what is no text."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kernelpipe.notebook.document import joined

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^>]*>")
_PLAIN = "text/plain"
_HTML = "text/html"


def output_text(outputs: str) -> str:
    """Return what is to be read in a cell's outputs (JSON text of a list).

    Addresses of objects, which differ from process to process, are left out.
    """
    return _ADDRESS.sub("0x...", "".join(_text(output) for output in json.loads(outputs)))


def output_digests(outputs: str) -> tuple[tuple[str, str], ...]:
    """Return (MIME type, SHA-256) of everything in a cell's outputs that is not plain text.

    Of HTML the text between the tags counts: ids and scripts differ each time.
    """
    return tuple(
        (kind, hashlib.sha256(_comparable(kind, value).encode("utf-8", "replace")).hexdigest())
        for output in json.loads(outputs)
        for kind, value in sorted(_data(output).items())
        if kind != _PLAIN
    )


def _text(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "stream":
        return joined(output.get("text")) or ""
    if output.get("output_type") == "error":
        return f"{output.get('ename')}: {output.get('evalue')}\n"
    text = joined(_data(output).get(_PLAIN))
    return f"{text}\n" if text else ""


def _data(output: Mapping[str, Any]) -> Mapping[str, Any]:
    data = output.get("data")
    return data if isinstance(data, dict) else {}


def _comparable(kind: str, value: object) -> str:
    text = joined(value)
    if text is None:
        return json.dumps(value, sort_keys=True)
    if kind == _HTML:
        visible = _HTML_TAG.sub(" ", _HIDDEN_HTML.sub("", text))
        return _ADDRESS.sub("0x...", " ".join(visible.split()))
    return text
