"""Paths that lead to no file, files that may not be read, and languages that are not Python."""

import errno
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.errors import NotebookReadError
from kernelpipe.notebook import parse_notebook, read_notebook


def test_read_notebook__name_is_misspelt__hint_names_the_neighbour(tmp_path: Path) -> None:
    """The nearest notebook in that folder is proposed."""
    kit.write(tmp_path / "churn.ipynb", kit.code("x"))

    with pytest.raises(NotebookReadError, match=r"no such file\n  hint: did you mean '.*churn\."):
        read_notebook(tmp_path / "chrun.ipynb")


def test_read_notebook__folder_with_notebooks__hint_names_one(tmp_path: Path) -> None:
    """A folder is no notebook; one of those in it may be meant."""
    kit.write(tmp_path / "churn.ipynb", kit.code("x"))

    with pytest.raises(NotebookReadError, match=r"a folder, .*\n  hint: name a .*churn\.ipynb'"):
        read_notebook(tmp_path)


class _Unreadable(type(Path())):  # type: ignore[misc]  # the concrete class of this platform
    """A path whose file may not be read, in a folder that may not be listed."""

    def read_bytes(self) -> bytes:
        raise self.error

    def glob(self, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    error: Exception = PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "read: Permission denied$"),
        (OSError(errno.EIO, "Input/output error"), "read: Input/output error$"),
        (ValueError("embedded null byte"), "read: embedded null byte$"),
        (FileNotFoundError(errno.ENOENT, "x"), "there is no such file$"),
        (IsADirectoryError(errno.EISDIR, "x"), "a folder, not a notebook$"),
    ],
)
def test_read_notebook__system_refuses__says_what_it_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """Tests may run as root, who may read everything; so the file system is a fake."""
    monkeypatch.setattr(_Unreadable, "error", error)
    monkeypatch.setattr(_Unreadable, "parent", _Unreadable("."))

    with pytest.raises(NotebookReadError, match=message):
        read_notebook(_Unreadable("n.ipynb"))


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "language": "R"}},
        {"kernelspec": {"name": "ir"}, "language_info": 3},
        {"kernelspec": {"name": "julia-1.9"}},
        {"kernelspec": {"name": ".net-csharp"}},
        {"kernelspec": {"name": "x", "language": "scala"}, "language_info": {"name": "python"}},
        {"kernelspec": None, "language_info": {"name": "R"}},
    ],
)
def test_parse_notebook__another_language__is_refused(metadata: dict[str, Any]) -> None:
    """What the kernel says counts before what the last run left."""
    content = kit.notebook(kit.code("x")) | {"metadata": metadata}

    with pytest.raises(NotebookReadError, match="kernelpipe runs Python notebooks"):
        parse_notebook(kit.encode(content), path="n.ipynb")


@pytest.mark.parametrize(
    ("metadata", "kernel_name"),
    [
        ({}, None),
        ({"kernelspec": {}}, None),
        ({"kernelspec": {"name": "", "language": "python"}}, None),
        ({"kernelspec": {"name": "iris-env"}}, "iris-env"),
        ({"kernelspec": {"name": "my env", "language": "Python"}}, "my env"),
        ({"kernelspec": {"name": "python3"}, "language_info": {"name": "ipython"}}, "python3"),
        ({"kernelspec": {"name": "k", "language": "python"}, "language_info": {"name": "R"}}, "k"),
    ],
)
def test_parse_notebook__python_or_nothing_said__is_read(
    metadata: dict[str, Any], kernel_name: str | None
) -> None:
    """A notebook that does not say is Python."""
    content = kit.notebook(kit.code("x")) | {"metadata": metadata}

    assert parse_notebook(kit.encode(content), path="n.ipynb").kernel_name == kernel_name


def test_parse_notebook__deep_json__is_refused() -> None:
    """Python's parser has a limit; it is no crash."""
    content = b'{"nbformat": 4, "x": ' + b"[" * 200_000

    with pytest.raises(NotebookReadError, match="JSON cannot be read"):
        parse_notebook(content, path="n.ipynb")


def test_parse_notebook__a_web_page__hint_says_so() -> None:
    """Saved from the browser, a notebook is often the page that shows it."""
    with pytest.raises(NotebookReadError, match=r"line 1, column 1.*\n  hint: this is a web page"):
        parse_notebook(b"<!DOCTYPE html>", path="n.ipynb")


def test_parse_notebook__long_junk__is_shown_in_short() -> None:
    """A message stays a line."""
    content = kit.notebook() | {"cells": ["x" * 100]}

    with pytest.raises(NotebookReadError, match=r'cell 0 is "x{35} \.\.\., not a cell'):
        parse_notebook(kit.encode(content), path="n.ipynb")


def test_parse_notebook__old_notebook_of_another_language__is_refused() -> None:
    """Format 3 kept the language with each cell."""
    cells = [{"cell_type": "code", "input": "x", "language": "ruby", "outputs": []}]
    content = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}

    with pytest.raises(NotebookReadError, match='language is "ruby"'):
        parse_notebook(kit.encode(content), path="n.ipynb")


def test_parse_notebook__ids_taken_or_impossible__new_ones_are_free() -> None:
    """A made id never meets one that is there."""
    ids: list[Any] = ["cell-1", "a b", "cell-1", 3]
    content = kit.notebook(*(kit.code("x") | {"id": each} for each in ids))

    found = parse_notebook(kit.encode(content), path="n.ipynb").cells

    assert [cell.id for cell in found] == ["cell-1", "cell-1-", "cell-2", "cell-3"]


def test_read_notebook__folder_without_notebooks__hint_says_what_to_name(tmp_path: Path) -> None:
    """There is nothing to propose but the kind of file."""
    with pytest.raises(NotebookReadError, match=r"a folder, .*\n  hint: name an \.ipynb file"):
        read_notebook(tmp_path)
