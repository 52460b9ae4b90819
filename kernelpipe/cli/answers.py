"""Remembers what ``kernelpipe graph`` printed for a notebook, so that asking again is instant.

Half of the time of that command is loading the analysis. An answer is kept with all that it
depends on, the notebook's whole text included, and only given again while all of it is the same.
"""

import os
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from kernelpipe import user_cache

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PARTS = ("", "analysis", "api", "cli", "cli/commands", "compiler", "model", "notebook")
_MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the command printed, and its exit code."""

    stdout: str
    stderr: str
    exit_code: int


def recall(path: str, form: str) -> Answer | None:
    """Return the answer for the notebook as it is now, None if there is none."""
    known = user_cache.recall(_name(path, form))
    try:
        if known is not None and known["facts"] == _facts(path, form):
            return Answer(**known["answer"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def remember(path: str, form: str, answer: Answer) -> None:
    """Keep an answer; where that is not possible, nothing is kept."""
    with suppress(OSError, ValueError):
        facts = _facts(path, form)
        if "import *" in facts[-1]:
            return  # depends on other files, too
        user_cache.keep(_name(path, form), {"facts": facts, "answer": asdict(answer)})


def _name(path: str, form: str) -> str:
    """Return the one name for this notebook and form: a new answer replaces the old one."""
    key = zlib.crc32(os.path.abspath(path).encode("utf-8", "surrogateescape"))
    return f"graph-{key:08x}-{form}"


def _facts(path: str, form: str) -> list[str]:
    """Return everything that an answer depends on, the notebook's text last."""
    if os.path.getsize(path) > _MOST_BYTES:
        raise ValueError(path)
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return [path, form, sys.version, encoding, str(sys.stderr.isatty()), own_age(_PARTS), text]


def own_age(parts: Sequence[str]) -> str:
    """Return when our own code in these folders of the package was last changed."""
    newest, count = 0, 0
    for part in parts:
        for entry in os.scandir(os.path.join(_PACKAGE, part)):
            if entry.name.endswith(".py"):
                newest = max(newest, entry.stat().st_mtime_ns)
                count += 1
    return f"{newest} {count}"
