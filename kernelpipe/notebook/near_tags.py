"""Tells foreign tags from misspelt ones of ours."""

import re
from typing import Final

from kernelpipe.notebook.tag_names import PLAIN_TAGS, PREFIXES
from kernelpipe.notebook.values import STEP_NAME

_ALIASES: Final = {
    "args": "parameters",
    "def": "functions",
    "defs": "functions",
    "func": "functions",
    "funcs": "functions",
    "function": "functions",
    "import": "imports",
    "metric": "metrics",
    "onexit": "on-exit",
    "param": "parameters",
    "params": "parameters",
    "parameter": "parameters",
    "pipeline-metric": "pipeline-metrics",
    "pipeline-parameter": "pipeline-parameters",
    "tests": "test",
}
_PREFIX_ALIASES: Final = {
    "container": "image",
    "cpus": "cpu",
    "depends": "after",
    "environment": "env",
    "gpus": "gpu",
    "mem": "memory",
    "previous": "prev",
    "ram": "memory",
    "registered": "register",
    "requires": "after",
    "retries": "retry",
}
_SPLIT: Final = re.compile(r"\s*([A-Za-z_-]+?)\s*([:=\s])\s*(.*)", re.DOTALL)
_SPACED: Final = frozenset({"step", "block", "prev", "after", "foreach"})
_BARE: Final = {"step": "step:NAME", "block": "step:NAME", "prev": "prev:NAME"}
_LEAST_LENGTH: Final = 4
"""Shorter names are one letter away from too many words."""
_LEAST_PLAIN_LENGTH: Final = 6


def near_tag(tag: str) -> str | None:
    """Return the tag of ours that ``tag`` was surely meant to be, None for a foreign tag."""
    plain = tag.strip().lower().replace("_", "-")
    if plain in _BARE:
        return _BARE[plain]
    if plain in PLAIN_TAGS:
        return plain
    if plain in _ALIASES:
        return _ALIASES[plain]
    found = _SPLIT.fullmatch(tag)
    if found is None:
        return _one_letter_off(plain, PLAIN_TAGS, _LEAST_PLAIN_LENGTH)
    return _near_named(found[1].lower(), found[2], found[3].strip())


def _near_named(head: str, separator: str, value: str) -> str | None:
    """Return the tag meant by ``head``, a separator and a value."""
    if separator.isspace():
        is_meant = head in _SPACED and (head == "foreach" or STEP_NAME.fullmatch(value))
        return f"{head}:{value}" if is_meant and value else None
    if head in PREFIXES:
        return f"{head}:{value}"
    if separator == "=":
        return None
    name = _PREFIX_ALIASES.get(head) or _one_letter_off(head, PREFIXES, _LEAST_LENGTH)
    return f"{name}:{value}" if name else None


def _one_letter_off(word: str, known: frozenset[str], least_length: int) -> str | None:
    """Return the one of ``known`` that is a letter more, less or other, or two swapped."""
    near = [name for name in sorted(known) if len(name) >= least_length and _is_near(word, name)]
    return near[0] if near else None


def _is_near(word: str, name: str) -> bool:
    start = 0
    while start < min(len(word), len(name)) and word[start] == name[start]:
        start += 1
    left, right = word[start:], name[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:] and len(left) > 1)
    )
