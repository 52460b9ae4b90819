"""The headings in the text cells of a notebook."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

LOWEST: Final = 7
"""The level of a line in bold that stands alone."""

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX: Final = re.compile(r" {0,3}(#{1,6})(?!#)[ \t]*(.*?)[ \t]*#*[ \t]*$")
_TAGGED: Final = re.compile(
    r"\s*(?:<(?:center|div|p)[^>]*>\s*)*<h([1-6])[^>]*>(.*?)</h\1>", re.IGNORECASE
)
_BOLD: Final = re.compile(r"\s*(?:\*\*|__)([^*_]{2,80}?):?(?:\*\*|__):?\s*$")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_LINK: Final = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_MARKUP: Final = re.compile(r"<[^>]*>|[*`$]|\\(?=[^a-zA-Z])|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading: ``level`` counts from 1, the highest; ``text`` has no markup and is not empty."""

    cell_index: int
    level: int
    text: str


def find_headings(texts: Mapping[int, str]) -> tuple[Heading, ...]:
    """Return the headings in notebook order.

    Args:
        texts: Index of a text cell -> its Markdown, in notebook order.
    """
    return tuple(
        Heading(cell_index=index, level=level, text=text)
        for index, source in texts.items()
        for level, said in _in_text(source)
        if (text := _plain(said))
    )


def _in_text(source: str) -> Iterator[tuple[int, str]]:
    """Yield the level and the raw text of each heading of a text cell; code in it has none."""
    fence = ""
    above = ""
    for line in source.splitlines():
        found = _FENCE.match(line)
        if fence:
            fence = "" if found and found[1].startswith(fence) else fence
            continue
        if found:
            fence, above = found[1], ""
            continue
        underline = _UNDERLINE.match(line)
        if underline and above.strip():
            yield (1 if underline[1][0] == "=" else 2), above
            above = ""
            continue
        told = _heading(line)
        if told is not None:
            yield told
        is_text = told is None and not line.lstrip().startswith(("-", "*", ">", "|", "+"))
        above = line if is_text else ""


def _heading(line: str) -> tuple[int, str] | None:
    if (found := _ATX.match(line)) or (found := _TAGGED.match(line)):
        mark, text = found.groups()
        return (len(mark) if mark[0] == "#" else int(mark)), text
    found = _BOLD.match(line)
    return (LOWEST, found[1]) if found else None


def _plain(text: str) -> str:
    """Return a heading's text without its markup."""
    return " ".join(html.unescape(_MARKUP.sub("", _LINK.sub(r"\1", text))).split())
