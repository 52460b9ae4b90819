"""Tests of comparing the editor's notebook with the file's."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.errors import NotebookReadError
from kernelpipe.server.notebooks import differs_from_file

JSON = dict[str, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a notebook's file."""
    return kit.write(
        tmp_path / "a.ipynb",
        kit.markdown("# Title"),
        kit.code("x = 1\ny = 2", "step:a", "mine", scrolled=True),
        metadata={"kernelpipe": {"version": 1, "name": "n"}},
    )


def _set(*keys: str | int, value: object) -> Callable[[JSON], None]:
    def change(content: Any) -> None:  # Any: JSON
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_set("cells", 1, "source", value="x = 1\ny = 3"), id="a source"),
        pytest.param(_set("cells", 0, "source", value="# Other"), id="a text"),
        pytest.param(_set("cells", 0, "cell_type", value="raw"), id="a type"),
        pytest.param(_set("cells", 1, "metadata", "tags", value=["step:b", "mine"]), id="a tag"),
        pytest.param(_set("cells", 1, "metadata", "tags", value=["step:a"]), id="a foreign tag"),
        pytest.param(_set("cells", 1, "metadata", value={}), id="no tags"),
        pytest.param(
            _set("cells", 1, "metadata", "kernelpipe", value={"a": 1}), id="cell metadata"
        ),
        pytest.param(_set("metadata", "kernelpipe", "name", value="m"), id="our metadata"),
        pytest.param(_set("metadata", "kubeflow_notebook", value={"a": 1}), id="Kale's metadata"),
        pytest.param(_set("metadata", "kernelspec", "name", value="other"), id="another kernel"),
        pytest.param(lambda content: content["cells"].pop(), id="a cell less"),
        pytest.param(lambda content: content["cells"].reverse(), id="another order"),
    ],
)
def test_differs_from_file__meaning_changed__differs(
    file: Path, change: Callable[[JSON], None]
) -> None:
    """Whatever a pipeline is made from counts."""
    content = kit.read(file)
    change(content)

    assert differs_from_file(content, file)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="nothing"),
        pytest.param(_set("cells", 1, "outputs", value=[{"a": 1}]), id="outputs"),
        pytest.param(_set("cells", 1, "id", value="other"), id="an id"),
        pytest.param(_set("cells", 1, "metadata", "scrolled", value=False), id="foreign metadata"),
        pytest.param(_set("cells", 0, "metadata", "tags", value=[]), id="an empty list of tags"),
        pytest.param(_set("cells", 1, "source", value=["x = 1\n", "y = 2"]), id="a list of lines"),
        pytest.param(_set("cells", 1, "source", value="x = 1\r\ny = 2"), id="line ends"),
        pytest.param(_set("metadata", "language_info", value={}), id="about the language"),
        pytest.param(lambda content: content["cells"][1].pop("outputs"), id="without outputs"),
    ],
)
def test_differs_from_file__meaning_kept__does_not_differ(
    file: Path, change: Callable[[JSON], None]
) -> None:
    """What a pipeline takes no notice of does not count."""
    content = copy.deepcopy(kit.read(file))
    change(content)

    assert not differs_from_file(content, file)


def test_differs_from_file__no_file__says_so(tmp_path: Path) -> None:
    """A notebook that was never saved has no file."""
    with pytest.raises(NotebookReadError, match="there is no such file"):
        differs_from_file(kit.notebook(), tmp_path / "a.ipynb")
