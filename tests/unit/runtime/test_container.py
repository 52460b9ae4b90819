"""Value files: checked before they are used, written whole or not at all."""

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.runtime.container import (
    CHUNK,
    MAGIC,
    ValueFileError,
    atomic_file,
    open_container,
    read_header,
    writing,
)
from kernelpipe.runtime.values import dump_group, load_group, read_values


def write_segments(path: Path, *contents: bytes, is_big: bool = False) -> dict[str, Any]:
    """Write a container with one segment per content and return its header."""
    header: dict[str, Any] = {"format": "test"}
    with writing(path, header) as writer:
        for content in contents:
            with writer.segment(is_big=is_big):
                writer.write(content)
    return header


def test_container__segments__come_back_aligned(tmp_path: Path) -> None:
    """Every segment begins at a multiple of 64 bytes of the file."""
    header = write_segments(tmp_path / "v", b"a", b"bc", b"")

    container = open_container(tmp_path / "v")

    assert [bytes(container.segment(i)) for i in range(3)] == [b"a", b"bc", b""]
    assert [start % 64 for start, _ in header["segments"]] == [0, 0, 0]
    assert read_header(tmp_path / "v") == {
        **header,
        "segments": [list(each) for each in header["segments"]],
    }


def test_container__big_segments__begin_at_pages(tmp_path: Path) -> None:
    """Big buffers are aligned in the file as in memory."""
    header = write_segments(tmp_path / "v", b"a", b"b", is_big=True)

    assert [(start + 64) % 4096 for start, _ in header["segments"]] == [0, 0]


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((3 * CHUNK,), id="whole_chunks"),
        pytest.param((5, 2 * CHUNK + 7, 3), id="odd_start_and_end"),
        pytest.param((CHUNK, CHUNK - 1, 1), id="small_pieces"),
    ],
)
def test_container__big_payload__has_the_same_checksum_however_it_is_written(
    sizes: tuple[int, ...], tmp_path: Path
) -> None:
    """Hashing in threads and piecewise agrees with what opening computes."""
    contents = [bytes([number]) * size for number, size in enumerate(sizes, start=1)]

    write_segments(tmp_path / "v", *contents)
    container = open_container(tmp_path / "v")

    assert [bytes(container.segment(i)) for i in range(len(sizes))] == contents


def damaged(path: Path, position: int) -> None:
    """Flip one bit."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("position", "message"),
    [
        pytest.param(0, "is not a kernelpipe value file", id="magic"),
        pytest.param(70, "its content does not fit its checksum", id="payload"),
        pytest.param(-60, "its header does not fit its checksum", id="header"),
        pytest.param(-45, "is cut off", id="header_length"),
        pytest.param(-1, "is cut off", id="end"),
    ],
)
def test_open_container__flipped_bit__is_noticed(
    position: int, message: str, tmp_path: Path
) -> None:
    """Damage anywhere is found before anything is unpickled."""
    path = tmp_path / "v"
    dump_group(["x"], {"x": list(range(100))}, path)
    damaged(path, position)

    with pytest.raises(ValueFileError, match=message):
        read_values(path)


@pytest.mark.parametrize("size", [0, 5, 64, 100, -1])
def test_open_container__cut_off__is_noticed(size: int, tmp_path: Path) -> None:
    """A file that ends early is refused at every length."""
    path = tmp_path / "v"
    dump_group(["x"], {"x": list(range(100))}, path)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ValueFileError, match=r"cut off|not a kernelpipe value file"):
        open_container(path)


def test_open_container__newer_version__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later format is not misread."""
    with monkeypatch.context() as patch:
        patch.setattr("kernelpipe.runtime.container.VERSION", 2)
        write_segments(tmp_path / "v", b"a")

    with pytest.raises(ValueFileError, match="has format version 2, but only 1 can be read"):
        open_container(tmp_path / "v")


def test_open_container__no_file__raises_os_error(tmp_path: Path) -> None:
    """A missing file is not a damaged one."""
    with pytest.raises(FileNotFoundError, match="No such file"):
        open_container(tmp_path / "v")


def test_atomic_file__failure__leaves_nothing(tmp_path: Path) -> None:
    """The old content stays and no temporary file is left."""
    path = tmp_path / "v"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"new")
            raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        fail()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_file__made__has_the_usual_mode(tmp_path: Path) -> None:
    """Others may read it if the umask says so; its folder is made."""
    path = tmp_path / "deep" / "v"
    before = os.umask(0o022)
    try:
        with atomic_file(path) as file:
            file.write(b"new")
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o644


def test_container__one_that_was_never_seen__keeps_threads_away(tmp_path: Path) -> None:
    """No thread of ours is left behind."""
    before = threading.active_count()

    write_segments(tmp_path / "v", bytes(3 * CHUNK))
    open_container(tmp_path / "v")

    assert threading.active_count() == before


def test_value_file_error__shown__has_the_path_and_survives_pickling() -> None:
    """The message begins with the file."""
    error = ValueFileError("is damaged", path="/a/v")

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (str(again), again.path) == ("/a/v: is damaged", "/a/v")
    assert again._render_traceback_() == ["ValueFileError: /a/v: is damaged"]


def test_load_group__absent_name__is_unbound(tmp_path: Path) -> None:
    """What did not exist where it was stored does not exist afterwards."""
    facts = dump_group(["a", "b"], {"a": 1}, tmp_path / "v")
    namespace = {"b": "from setup"}

    load_group(tmp_path / "v", ["a", "b"], namespace)

    assert namespace == {"a": 1}
    assert facts["absent"] == ["b"]


def test_load_group__some_names__binds_only_these(tmp_path: Path) -> None:
    """A step takes what it needs out of a file."""
    dump_group(["a", "b"], {"a": 1, "b": 2}, tmp_path / "v")
    namespace: dict[str, Any] = {}

    load_group(tmp_path / "v", ["b"], namespace)

    assert namespace == {"b": 2}


def test_load_group__name_that_is_not_there__says_so(tmp_path: Path) -> None:
    """A file of another group is not taken silently."""
    dump_group(["a"], {"a": 1}, tmp_path / "v")

    with pytest.raises(ValueFileError, match="holds no 'b'"):
        load_group(tmp_path / "v", ["b"], {})


class Fails:
    """Cannot be loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return (int, ("no number",))


def test_read_values__value_that_does_not_load__names_it(tmp_path: Path) -> None:
    """The error says which names the file holds, and what was raised."""
    dump_group(["a"], {"a": Fails()}, tmp_path / "v")

    with pytest.raises(ValueFileError, match=r"'a' cannot be loaded \(ValueError: invalid literal"):
        read_values(tmp_path / "v")


def test_read_values__stored_by_another_python__says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When loading fails, a difference of versions is mentioned."""
    with monkeypatch.context() as patch:
        patch.setattr("kernelpipe.runtime.container.sys.version_info", (3, 99, 0))
        dump_group(["a"], {"a": Fails()}, tmp_path / "v")

    with pytest.raises(ValueFileError, match=r"stored with Python 3\.99\.0, this is Python 3\."):
        read_values(tmp_path / "v")


def test_dump_group__same_values__makes_equal_files(tmp_path: Path) -> None:
    """Files can be compared by their checksum: ids of classes do not change it."""
    for name in ("one", "two"):
        dump_group(["a"], {"a": [1, {"b": 2.5}]}, tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_container__magic__is_no_text() -> None:
    """A text file can't be taken for a value file, nor survive newline conversion."""
    assert MAGIC[0] > 127
    assert b"\r\n" in MAGIC
