"""What the validator finds wrong in an IR document."""

import re
from dataclasses import dataclass
from typing import Final

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken rule.

    ``path`` leads to the place, like ``root.dag.tasks.train.componentRef.name``; it is empty for
    the whole file.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the file'}: {self.message}"


def at(path: str, *keys: str) -> str:
    """Return ``path`` continued by ``keys``; keys that are no plain words are put in brackets."""
    for key in keys:
        if not _PLAIN_KEY.fullmatch(key):
            path = f"{path}[{key!r}]"
        else:
            path = f"{path}.{key}" if path else key
    return path
