"""Tests of changing tags through a real Jupyter Server."""

import pytest
from server_kit import Server

pytestmark = pytest.mark.integration

CELLS = [
    {"id": "a", "cell_type": "code", "tags": ["hide-input", "step:load"]},
    {"id": "b", "cell_type": "code", "tags": []},
]


def test_tags__edit__answers_the_cells_that_change(jupyter_server: Server) -> None:
    """Tags that are not ours come back where they were."""
    edit = {"kind": "rename", "step": "load", "to": "read"}

    found = jupyter_server.post("tags", {"cells": CELLS, "edit": edit})

    assert found == {"cells": [{"id": "a", "tags": ["hide-input", "step:read"]}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            {
                "cells": CELLS,
                "edit": {"kind": "setting", "ids": ["b"], "name": "memory", "value": "4gb"},
            },
            "memory: '4gb' is no amount of memory\n  hint: did you mean 'memory:4Gi'?",
            id="grammar",
        ),
        pytest.param({"edit": {}}, "'cells' must be a list of objects", id="shape"),
    ],
)
def test_tags__impossible_edit__is_refused_in_words(
    jupyter_server: Server, body: object, message: str
) -> None:
    """The panel shows the message at the field."""
    answer = jupyter_server.request("POST", "tags", body)

    assert answer.status == 400
    assert answer.json["error"] == {"type": "UsageError", "message": message}
