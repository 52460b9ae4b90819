"""Small answers that are kept in the user's cache directory, where one may be lost at any time."""

import json
import os
from contextlib import suppress
from typing import Any


def recall(name: str) -> dict[str, Any] | None:
    """Return what is kept under a name, None if that is nothing or cannot be read.

    It may be of another version, or damaged: nothing is known of what is in it.
    """
    place = _place(name)
    if place is None:
        return None
    try:
        with open(place, encoding="utf-8") as file:
            kept = json.load(file)
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) else None


def keep(name: str, content: dict[str, Any]) -> None:
    """Keep JSON under a name, for this user only; where that is not possible, nothing is kept."""
    place = _place(name)
    if place is None:
        return
    with suppress(OSError, ValueError):
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        draft = f"{place}.{os.getpid()}.tmp"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(draft, place)


def _place(name: str) -> str | None:
    """Return the path of a name's file, None for a user without a home directory."""
    home = os.environ.get("XDG_CACHE_HOME")
    if not home:
        user = os.path.expanduser("~")
        if not os.path.isabs(user):
            return None
        home = os.path.join(user, ".cache")
    return os.path.join(home, "kernelpipe", f"{name}.json")
