"""The items of a loop: how they travel to the pods of its step, and what these give from there."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .pod_values import shielded

ITEM_INPUT = "kernelpipe-item"
"""The input of a pod that says which item it is for."""
PLACE = "kernelpipe_item"
"""In the metadata of what an item gave: the item's place in the list."""
NO_ITEMS = b"kernelpipe: the loop had no items"
"""What a pod writes in place of values for a list without items."""


class LoopError(Exception):
    """What the items of a loop gave did not arrive in full."""


class Item(NamedTuple):
    """An item with its place in the list."""

    place: int
    value: Any


def item_texts(values: Sequence[Any]) -> list[str]:
    """Return what the pods of a loop's step are given, at least one text."""
    items = [shielded(json.dumps([place, value])) for place, value in enumerate(values)]
    return items or ["[]"]


def read_item(text: str) -> Item | None:
    """Return the item that a pod is for, None if the list has none."""
    item = json.loads(text)
    return Item(*item) if item else None


def files_in_order(artifacts: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> list[Path]:
    """Return the files of a loop's items in item order; KFP promises none.

    Raises:
        LoopError: If one is missing, or there twice.
    """
    if len(paths) == 1 and _is_marker(paths[0]):
        return []
    places = [artifact.get("metadata", {}).get(PLACE) for artifact in artifacts]
    found = dict(zip(places, paths, strict=True))
    if found.keys() != set(range(len(paths))):
        raise LoopError(f"the places of the items are {places}")
    return [found[place] for place in range(len(paths))]


def _is_marker(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(NO_ITEMS) + 1) == NO_ITEMS


def write_bundle(paths: Sequence[Path], bundle: Path) -> None:
    """Put files into one, in order."""
    with tarfile.open(bundle, "w") as tar:
        for place, path in enumerate(paths):
            tar.add(path, str(place))


def read_bundle(bundle: Path, directory: Path) -> list[Path]:
    """Take the files out of a bundle, in order, into a directory that may not exist yet."""
    directory.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    with tarfile.open(bundle) as tar:
        for member in tar:
            source = tar.extractfile(member)
            assert source is not None  # noqa: S101 - for mypy; there are files only
            found.append(directory / str(len(found)))
            with source, found[-1].open("wb") as target:
                while piece := source.read(1 << 20):
                    target.write(piece)
    return found
