"""Tests of files that travel between pods."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelpipe.runtime.pod_files import PAYLOAD_FILE, note_payload, put_in_place, take_out

Change = Callable[[Path], object]


def carry(
    path: str, tmp_path: Path, before: Change, there: Change, *, payload: str | None = None
) -> dict[str, str | None]:
    """Take ``path`` out of one directory, put it into another one, and return what is there.

    Args:
        path: What travels.
        tmp_path: For both.
        before: Makes what is taken out.
        there: Makes what is in the other directory at first.
        payload: A file that both have from the beginning.
    """
    works = []
    for name, change in (("one", before), ("other", there)):
        work = tmp_path / name / "work"
        work.mkdir(parents=True)
        if payload is not None:
            (work / payload).write_text("given")
        note_payload(tmp_path / name, work)
        change(work)
        works.append(work)
    noted = json.loads((tmp_path / "other" / PAYLOAD_FILE).read_text())

    take_out(path, works[0], tmp_path / "archive", noted)
    put_in_place(path, works[1], tmp_path / "archive", noted)

    found = sorted(works[1].rglob("*"))
    return {
        each.relative_to(works[1]).as_posix(): None if each.is_dir() else each.read_text()
        for each in found
    }


def nothing(_work: Path) -> None:
    """Leave a directory empty."""


def write(**files: str) -> Change:
    """Return what writes files; two underscores stand for a slash."""

    def change(work: Path) -> None:
        for name, text in files.items():
            path = work / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return change


@pytest.mark.parametrize(
    ("path", "before", "there", "found"),
    [
        pytest.param("x", write(x="1", y="2"), nothing, {"x": "1"}, id="file"),
        pytest.param("x", write(x="1"), write(x="old", z="3"), {"x": "1", "z": "3"}, id="replaced"),
        pytest.param("x", nothing, write(x="old"), {}, id="deleted"),
        pytest.param("x", write(x__a="1"), write(x="old"), {"x": None, "x/a": "1"}, id="folder"),
        pytest.param("x", write(x__a="1"), write(x__b="2"), {"x": None, "x/a": "1"}, id="whole"),
        pytest.param("x/a", write(x__a="1", x__b="2"), nothing, {"x": None, "x/a": "1"}, id="part"),
        pytest.param("x/a", write(x__b="2"), nothing, {"x": None}, id="folder-of-nothing"),
        pytest.param(
            "x/a",
            write(x__a="1"),
            write(x__b="2"),
            {"x": None, "x/a": "1", "x/b": "2"},
            id="beside",
        ),
        pytest.param(".", write(a="1", b__c="2"), write(d="3"), {"a": "1", "b": None, "b/c": "2"}),
    ],
)
def test_files__taken_out_and_put_in_place__are_as_they_were(
    path: str, before: Change, there: Change, found: dict[str, str | None], tmp_path: Path
) -> None:
    """What is at the path afterwards is what was there, or nothing; the rest stays."""
    assert carry(path, tmp_path, before, there) == found


def test_files__own_modules_of_a_pod__stay(tmp_path: Path) -> None:
    """The working directory travels without what each pod is given, which is not removed."""
    found = carry(".", tmp_path, write(a="1"), write(b="2"), payload="own.py")

    assert found == {"a": "1", "own.py": "given"}


def test_files__own_module_written_anew__travels(tmp_path: Path) -> None:
    """A module that a step has changed is a file as any other."""
    found = carry(".", tmp_path, write(**{"own.py": "changed"}), nothing, payload="own.py")

    assert found == {"own.py": "changed"}


def test_files__absolute_path__is_the_same_path(tmp_path: Path) -> None:
    """A file outside the working directory is put where it was."""
    target = tmp_path / "far" / "x"
    target.parent.mkdir()
    target.write_text("1")
    take_out(str(target), tmp_path, tmp_path / "archive", {})
    target.unlink()
    target.parent.rmdir()

    put_in_place(str(target), tmp_path, tmp_path / "archive", {})

    assert target.read_text() == "1"


def test_files__mode_time_and_links__are_kept(tmp_path: Path) -> None:
    """A script stays executable, a file keeps its time, a link stays a link."""

    def before(work: Path) -> None:
        (work / "d").mkdir()
        (work / "d" / "x").write_text("1")
        (work / "d" / "x").chmod(0o755)
        os.utime(work / "d" / "x", (5, 5))
        (work / "d" / "y").symlink_to("x")

    carry("d", tmp_path, before, nothing)

    folder = tmp_path / "other" / "work" / "d"
    assert (folder / "x").stat().st_mode & 0o777 == 0o755
    assert (folder / "x").stat().st_mtime == 5
    assert (folder / "y").readlink() == Path("x")


def test_put_in_place__payload_was_deleted__is_deleted_in_later_pods_too(tmp_path: Path) -> None:
    """Also in a pod behind one that was never given the file."""
    notes: list[dict[str, object]] = []
    for name, files in (("a", ["x.txt"]), ("b", []), ("c", ["x.txt", "y.txt"])):
        (tmp_path / name / "work").mkdir(parents=True)
        for file in files:
            (tmp_path / name / "work" / file).write_text("given")
        note_payload(tmp_path / name, tmp_path / name / "work")
        notes.append(json.loads((tmp_path / name / PAYLOAD_FILE).read_text()))
    (tmp_path / "a" / "work" / "x.txt").unlink()

    take_out(".", tmp_path / "a" / "work", tmp_path / "one", notes[0])
    put_in_place(".", tmp_path / "b" / "work", tmp_path / "one", notes[1])
    take_out(".", tmp_path / "b" / "work", tmp_path / "two", notes[1])
    put_in_place(".", tmp_path / "c" / "work", tmp_path / "two", notes[2])

    assert [each.name for each in (tmp_path / "c" / "work").iterdir()] == ["y.txt"]
