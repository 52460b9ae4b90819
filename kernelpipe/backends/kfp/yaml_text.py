"""Write plain data as YAML that every YAML reader takes for the same."""

import functools
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from kernelpipe.backends.kfp.spec import Json

_PLAIN: Final = re.compile(r"[A-Za-z_][\w./=-]*", re.ASCII)
_WORDS: Final = frozenset({"y", "yes", "n", "no", "true", "false", "on", "off", "null", "none"})
"""Plain words that some YAML reads as something else than text, in whatever case."""
_ONE_LINE: Final = re.compile(r"[\x20-\x7e\xa0-\u2027\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")
"""Characters that may stand between single quotes as they are."""
_BLOCK: Final = re.compile(r"(?:[\x21-\x7e][\x20-\x7e]*\n(?:[\x20-\x7e]*[\x21-\x7e]?\n)*)")
"""Lines of ASCII, the first not indented and the last not empty: what a block can hold."""
_ESCAPED: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff-\uffff]")


def to_yaml(documents: Sequence[Json]) -> str:
    """Return documents as YAML text with sorted keys.

    Text that another YAML version could read as a number is quoted, longer text is a block.
    """
    texts = []
    for document in documents:
        parts: list[str] = []
        _add_mapping(parts, document, "")
        texts.append("".join(parts))
    return "---\n".join(texts)


def _add_mapping(parts: list[str], value: Json, indent: str, first: str | None = None) -> None:
    """Add the lines of a mapping that is not empty; ``first`` stands before its first key."""
    before = indent if first is None else first
    for key in sorted(value):
        item = value[key]
        if isinstance(item, dict) and item:
            parts.append(f"{before}{_text(key)}:\n")
            _add_mapping(parts, item, f"{indent}  ")
        elif isinstance(item, list) and item:
            parts.append(f"{before}{_text(key)}:\n")
            _add_list(parts, item, indent)
        else:
            parts.append(f"{before}{_text(key)}: {_scalar(item, indent)}\n")
        before = indent


def _add_list(parts: list[str], items: list[Any], indent: str, first: str | None = None) -> None:
    """Add the lines of a list; its dashes stand below its key."""
    before = indent if first is None else first
    for item in items:
        if isinstance(item, dict) and item:
            _add_mapping(parts, item, f"{indent}  ", f"{before}- ")
        elif isinstance(item, list) and item:
            _add_list(parts, item, f"{indent}  ", f"{before}- ")
        else:
            parts.append(f"{before}- {_scalar(item, indent)}\n")
        before = indent


def _scalar(value: Any, indent: str) -> str:
    if isinstance(value, str):
        if "\n" in value and _BLOCK.fullmatch(value) and not value.endswith("\n\n"):
            lines = value[:-1].split("\n")
            inner = f"\n{indent}  "
            return "|" + "".join(inner + line if line else "\n" for line in lines)
        return _text(value)
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


@functools.lru_cache(maxsize=4096)  # keys and names come again and again
def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if _ONE_LINE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    quoted = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _number(number: float) -> str:
    """Return a number as YAML 1.1 knows it: with a point, and a sign in the exponent."""
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number of JSON")
    text = repr(number)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return text
