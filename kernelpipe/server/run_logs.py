"""Reads the log of a step piece by piece, all attempts at it as one text."""

import codecs
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kernelpipe.api.documents import JsonObject

_MOST_BYTES: Final = 1 << 18


def read_log(logs: Sequence[tuple[str, Path]], offset: int, *, has_ended: bool) -> JsonObject:
    """Return a piece of a log (``ILog``); no piece begins or ends within a character.

    What was said to be at an offset stays there: the log of an attempt ends before that of the
    next one begins, under a headline.

    Args:
        logs: (Headline, file) of each attempt, in order; there may be no such file.
        offset: Where the piece begins, in bytes; a piece's ``next_offset``, or zero.
        has_ended: Whether nothing is written any more.
    """
    content = b""
    position = 0
    for headline, path in logs:
        for part in (headline.encode(), path):
            size = _size(part)
            begin = offset + len(content) - position
            if 0 <= begin < size:
                content += _read(part, begin, _MOST_BYTES - len(content))
            position += size
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    is_complete = has_ended and offset + len(content) >= position
    text = decoder.decode(content, final=is_complete)
    cut = len(decoder.getstate()[0])
    return {
        "text": text,
        "next_offset": offset + len(content) - cut,
        "is_complete": is_complete,
    }


def _size(part: bytes | Path) -> int:
    """Return how many bytes a text or a file has; none if there is no such file."""
    if isinstance(part, bytes):
        return len(part)
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _read(part: bytes | Path, begin: int, most: int) -> bytes:
    if isinstance(part, bytes):
        return part[begin : begin + most]
    try:
        with part.open("rb") as file:
            file.seek(begin)
            return file.read(most)
    except OSError:
        return b""
