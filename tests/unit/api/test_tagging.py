"""Changes to tags as JSON."""

from typing import Any

import pytest

from kernelpipe.api import edited_tags
from kernelpipe.errors import UsageError

CELLS = [
    {"id": "m", "cell_type": "markdown", "tags": []},
    {"id": "a", "cell_type": "code", "tags": ["hide-input", "step:load", 7]},
    {"id": "b", "cell_type": "code"},
]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            {"kind": "step", "ids": ["b"], "step": "train"},
            [{"id": "b", "tags": ["step:train"]}],
            id="step",
        ),
        pytest.param(
            {"kind": "step", "ids": ["a"], "step": None},
            [
                {"id": "a", "tags": ["hide-input", 7]},
                {"id": "b", "tags": ["step:load"]},
            ],
            id="no-step",
        ),
        pytest.param(
            {"kind": "role", "ids": ["b"], "role": "test"},
            [{"id": "b", "tags": ["test"]}],
            id="role",
        ),
        pytest.param({"kind": "order", "ids": ["b"], "after": []}, [], id="order"),
        pytest.param(
            {"kind": "setting", "ids": ["b"], "name": "gpu", "value": "1"},
            [{"id": "a", "tags": ["hide-input", "step:load", 7, "gpu:1"]}],
            id="setting",
        ),
        pytest.param(
            {"kind": "rename", "step": "load", "to": "read"},
            [{"id": "a", "tags": ["hide-input", "step:read", 7]}],
            id="rename",
        ),
    ],
)
def test_edited_tags__each_kind__only_changed_cells(
    edit: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    """The browser sets the tags of these cells and leaves the others alone."""
    assert edited_tags(CELLS, edit) == {"cells": expected}


@pytest.mark.parametrize(
    ("cells", "edit", "message"),
    [
        pytest.param(None, {"kind": "rename"}, "'cells' must be a list", id="no-cells"),
        pytest.param([1], {"kind": "rename"}, "'cells' must be a list", id="odd-cells"),
        pytest.param([{"id": 1}], {}, "the texts 'id' and 'cell_type'", id="odd-id"),
        pytest.param([*CELLS, CELLS[1]], {}, "two cells have the same id", id="same-id"),
        pytest.param(CELLS, None, "'edit' must be an object", id="no-edit"),
        pytest.param(CELLS, {"kind": ["step"]}, "'edit' must be an object", id="odd-kind"),
        pytest.param(CELLS, {"kind": "magic"}, "'kind': order, rename, role", id="unknown-kind"),
        pytest.param(CELLS, {"kind": "step", "ids": "a"}, "'edit.ids' must be", id="no-ids"),
        pytest.param(CELLS, {"kind": "step", "ids": [1]}, "'edit.ids' must be", id="odd-ids"),
        pytest.param(
            CELLS, {"kind": "step", "ids": ["a"], "step": 1}, "'edit.step' must be", id="odd-step"
        ),
        pytest.param(
            CELLS,
            {"kind": "setting", "ids": ["a"], "name": "env", "value": "A:\ud800"},
            "'edit.value' must be a text",
            id="half-character",
        ),
        pytest.param(
            CELLS, {"kind": "role", "ids": ["a"], "role": "step"}, "'step' is no role", id="role"
        ),
        pytest.param(
            [{"id": "a", "cell_type": "code", "tags": "step:b"}],
            {"kind": "step", "ids": ["a"], "step": "b"},
            "the tags of cell 0 are damaged",
            id="tags-are-no-list",
        ),
        pytest.param(
            [{"id": "a", "cell_type": "code", "tags": ["\ud800"]}],
            {"kind": "step", "ids": ["a"], "step": "b"},
            "the tags of cell 0 are damaged",
            id="tag-with-half-a-character",
        ),
    ],
)
def test_edited_tags__odd_request__is_refused(cells: object, edit: object, message: str) -> None:
    """Nothing is guessed from a request of another shape."""
    with pytest.raises(UsageError, match=message):
        edited_tags(cells, edit)
