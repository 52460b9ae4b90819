"""The folder in which notebooks are verified."""

import shutil
from pathlib import Path

import pytest

from kernelpipe.api import folder_copies
from kernelpipe.api.folder_copies import WorkingFolder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a notebook's folder, in a project with a folder beside it."""
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "n.ipynb").write_text("{}")
    (folder / "kit").mkdir()
    (folder / "kit" / "__init__.py").write_text("x = 1")
    (folder / ".kernelpipe").mkdir()
    (folder / ".git").mkdir()
    (tmp_path / "project" / "data").mkdir()
    (tmp_path / "project" / "data" / "a.csv").write_text("a")
    return folder


def made(project: Path, place: Path, texts: str = "") -> tuple[WorkingFolder, list[str]]:
    """Return the folder's copies in ``place`` and the notes."""
    notes: list[str] = []
    place.mkdir(exist_ok=True)
    return WorkingFolder(project, place, texts=texts, on_note=notes.append), notes


def test_begin__after_a_run__is_as_in_the_beginning(project: Path, tmp_path: Path) -> None:
    """What a run adds, changes and removes is gone for the next; what it left can be kept."""
    folder, notes = made(project, tmp_path / "place")
    path = folder.begin()
    (path / "new").mkdir()
    (path / "new" / "out.txt").write_text("1")
    (path / "kit" / "__init__.py").write_text("x = 22")
    (path / "n.ipynb").unlink()

    kept = folder.keep("after")
    again = folder.begin()

    assert again == path
    assert sorted(each.name for each in again.iterdir()) == [".git", "kit", "n.ipynb"]
    assert (again / ".git").is_symlink()
    assert (again / "kit" / "__init__.py").read_text() == "x = 1"
    assert sorted(folder.changed(kept)) == ["kit/__init__.py", "n.ipynb", "new/out.txt"]
    assert not folder.changed(kept)["n.ipynb"].exists()
    assert notes == []
    assert (project / "n.ipynb").exists()


def test_begin__notebook_that_looks_outside__has_what_is_there(
    project: Path, tmp_path: Path
) -> None:
    """Relative paths lead where they lead from the notebook's folder."""
    folder, _ = made(project, tmp_path / "place", "pd.read_csv('../data/a.csv')")

    path = folder.begin()

    assert (path / ".." / "data" / "a.csv").read_text() == "a"
    assert (path / ".." / "notebooks" / "n.ipynb").read_text() == "{}"
    assert not (path / ".." / "notebooks").is_symlink()


def test_begin__too_much_to_copy__is_linked_and_said(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data of many gigabytes are not copied twice."""
    monkeypatch.setattr(folder_copies, "_BIG_BYTES", 10)
    (project / "big.bin").write_bytes(bytes(11))

    folder, notes = made(project, tmp_path / "place")

    assert (folder.begin() / "big.bin").is_symlink()
    assert len(notes) == 1
    assert notes[0].startswith("too big to be copied, so that both runs use the original: big.bin;")


def test_begin__another_notebook__replaces_the_first(project: Path, tmp_path: Path) -> None:
    """One place serves many notebooks, one after another."""
    made(project, tmp_path / "place")[0].begin()
    other = tmp_path / "other" / "notebooks"
    shutil.copytree(project, other, symlinks=True)
    (other / "n.ipynb").write_text("[]")

    path = made(other, tmp_path / "place")[0].begin()

    assert (path / "n.ipynb").read_text() == "[]"
