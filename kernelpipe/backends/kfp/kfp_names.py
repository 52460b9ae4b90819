"""Names that Kubeflow accepts, made from the user's names."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

from kernelpipe.model.names import StepName

_PIPELINE_LIMIT: Final = 63
_TASK_LIMIT: Final = 50
_RESERVED: Final = re.compile(r"root|.*-driver")


def kfp_name(name: str, *, limit: int = _PIPELINE_LIMIT) -> str:
    """Return ``name`` as lower-case letters, digits and dashes; '' if nothing of it is left.

    Accents are dropped. A name that is too long is cut, and ends in six digits of its hash.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(short) <= limit:
        return short
    return f"{short[: limit - 7].rstrip('-')}-{_digest(name)}"


def task_names(steps: Iterable[StepName]) -> dict[StepName, str]:
    """Return step name -> task name, in the order of ``steps``.

    Task names are unique. A step whose plain name is taken, kept by the backend or empty gets
    digits of the hash of its own name, so that a task's name does not depend on other steps more
    than it must.
    """
    names: dict[StepName, str] = {}
    taken: set[str] = set()
    for step in steps:
        names[step] = free_name(step, taken)
        taken.add(names[step])
    return names


def free_name(text: str, taken: Collection[str]) -> str:
    """Return the task name made from ``text``, with digits of its hash unless it is free."""
    name = kfp_name(text, limit=_TASK_LIMIT)
    if not name or name in taken or _RESERVED.fullmatch(name):
        name = "-".join(filter(None, (name, _digest(text))))
    return name


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a task of ours, which no user chose: ``name``, longer if it is taken."""
    while name in taken:
        name = f"{name}-1"
    return name


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]
