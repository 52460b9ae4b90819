"""Tests of how the items of a loop travel, and of what comes back from their pods."""

import json
from pathlib import Path

import pytest

from kernelpipe.runtime.pod_loops import (
    NO_ITEMS,
    PLACE,
    Item,
    LoopError,
    files_in_order,
    item_texts,
    read_bundle,
    read_item,
    write_bundle,
)


def test_item_texts__values__come_back_as_they_were() -> None:
    """Integers stay integers, equal items are told apart, and nothing looks like a placeholder."""
    values = [1, 1.0, 1, "{{$.x}}", {"a": [2, 2.5]}, None, True]

    texts = item_texts(values)

    assert repr([read_item(text) for text in texts]) == repr(
        [Item(place, value) for place, value in enumerate(values)]
    )
    assert len(set(texts)) == len(values)
    assert "{{" not in "".join(texts)


def test_item_texts__no_values__one_text_says_so() -> None:
    """KFP resolves no outputs of a loop that did not run."""
    (text,) = item_texts([])

    assert read_item(text) is None


def written(directory: Path, *contents: bytes) -> list[Path]:
    """Return files with these contents."""
    paths = [directory / f"f{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param([0.0, 1.0, 2.0], ["f0", "f1", "f2"], id="in-order"),
        pytest.param([2.0, 0.0, 1.0], ["f1", "f2", "f0"], id="out-of-order"),
        pytest.param([1, 2, 0], ["f2", "f0", "f1"], id="integers"),
    ],
)
def test_files_in_order__places__decide(
    tmp_path: Path, places: list[float], expected: list[str]
) -> None:
    """The backend may hand them over in any order, and its numbers are doubles."""
    artifacts = [{"metadata": {PLACE: place}} for place in places]

    found = files_in_order(artifacts, written(tmp_path, b"a", b"b", b"c"))

    assert [path.name for path in found] == expected


def test_files_in_order__loop_without_items__no_files(tmp_path: Path) -> None:
    """Its one pod says so in place of a value."""
    assert files_in_order([{}], written(tmp_path, NO_ITEMS)) == []
    assert len(files_in_order([{"metadata": {PLACE: 0}}], written(tmp_path, NO_ITEMS + b"!"))) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param([{PLACE: 0.0}, {PLACE: 0.0}], id="twice"),
        pytest.param([{PLACE: 0.0}, {PLACE: 2.0}], id="gap"),
        pytest.param([{PLACE: 0.0}, {}], id="no-place"),
    ],
)
def test_files_in_order__not_all_items__is_an_error(
    tmp_path: Path, metadata: list[dict[str, float]]
) -> None:
    """No list is made of what has arrived by chance."""
    artifacts = [{"metadata": each} for each in metadata]

    with pytest.raises(LoopError, match="the places of the items are"):
        files_in_order(artifacts, written(tmp_path, b"a", b"b"))


@pytest.mark.parametrize("contents", [[], [b"b", b"", b"a" * 3_000_000]], ids=["empty", "three"])
def test_bundle__files__come_back_in_order(tmp_path: Path, contents: list[bytes]) -> None:
    """To the last byte."""
    write_bundle(written(tmp_path, *contents), tmp_path / "bundle")

    found = read_bundle(tmp_path / "bundle", tmp_path / "some" / "where")

    assert [path.read_bytes() for path in found] == contents
    assert json.dumps([path.name for path in found]) == json.dumps(
        [str(number) for number in range(len(contents))]
    )
