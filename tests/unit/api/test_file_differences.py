"""Files that two runs of a notebook wrote."""

import gzip
import json
import pickle
import zipfile
from pathlib import Path

import pytest

from kernelpipe.api.file_differences import file_difference
from kernelpipe.api.tolerant_texts import Tolerance

NOW = Tolerance(relative=1e-9, between=(1_700_000_000.0, 1_700_000_060.0))


def compared(folder: Path, name: str, left: bytes, right: bytes) -> tuple[str, str] | str | None:
    """Write both files and compare them."""
    for side, content in (("one", left), ("other", right)):
        (folder / side).mkdir()
        (folder / side / name).write_bytes(content)
    return file_difference(
        folder / "one" / name, folder / "other" / name, tolerance=NOW, beside=folder, is_here=True
    )


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        pytest.param("log.txt", b"at 1700000001\n", b"at 1700000050\n", id="moment"),
        pytest.param("a.csv", b"x\n0.3\n", b"x\n0.30000000000000004\n", id="last digit"),
        pytest.param(
            "a.gz", gzip.compress(b"\0a", mtime=1), gzip.compress(b"\0a", mtime=2), id="gzip"
        ),
        pytest.param(
            "a.svg",
            b"<svg><dc:date>1</dc:date><path id='m0123456789'/></svg>",
            b"<svg><dc:date>2</dc:date><path id='mabcdef0123'/></svg>",
            id="svg",
        ),
        pytest.param(
            "a.pkl", pickle.dumps(["1700000001", 1]), pickle.dumps(["1700000050", 1]), id="pickle"
        ),
    ],
)
def test_file_difference__what_no_two_runs_share__is_none(
    name: str, left: bytes, right: bytes, tmp_path: Path
) -> None:
    """As in outputs and values."""
    assert compared(tmp_path, name, left, right) is None


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        pytest.param("a.txt", b"1", b"2", ("1", "2"), id="text"),
        pytest.param(
            "a.npy",
            b"\0abc",
            b"\0abd",
            ("4 bytes", "4 bytes, the first other one at 3"),
            id="bytes",
        ),
        pytest.param(
            "a.dat",
            b"\0ab",
            b"\0abc",
            ("3 bytes", "4 bytes, the first other one at 3"),
            id="length",
        ),
        pytest.param(
            "a.pkl",
            pickle.dumps({"at": "1700000001", "n": 1}),
            pickle.dumps({"at": "1700000050", "n": 2}),
            ("the object['n']: 1", "2"),
            id="pickle",
        ),
    ],
)
def test_file_difference__content_differs__is_told(
    name: str, left: bytes, right: bytes, expected: tuple[str, str], tmp_path: Path
) -> None:
    """Bytes count where nothing else is known of a kind of file."""
    assert compared(tmp_path, name, left, right) == expected


def test_file_difference__big_text__is_compared_by_bytes(tmp_path: Path) -> None:
    """Which forgives nothing."""
    text = json.dumps(["x" * 100] * 90_000).encode()

    assert compared(tmp_path, "a.json", text, text[:-2] + b"!]") == (
        "9360000 bytes",
        "9360000 bytes, the first other one at 9359998",
    )


def test_file_difference__archive__is_compared_by_members(tmp_path: Path) -> None:
    """Not by the times of its members."""

    def packed(day: int, content: str) -> bytes:
        path = tmp_path / "made.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.txt", (2020, 1, day, 0, 0, 0)), content)
        return path.read_bytes()

    (tmp_path / "same").mkdir()

    assert compared(tmp_path / "same", "a.npz", packed(1, "x"), packed(2, "x")) is None
    assert compared(tmp_path, "a.npz", packed(1, "x"), packed(1, "y")) == (
        "an archive",
        "one with other members",
    )


@pytest.mark.parametrize(
    ("name", "left", "right", "reason"),
    [
        pytest.param("a.pdf", b"\0a", b"\0b", "it does not have the same bytes", id="pdf"),
        pytest.param(
            "a.pkl",
            b"cnowhere_kit\nX\n.1",
            b"cnowhere_kit\nX\n.2",
            "it cannot be loaded",
            id="class",
        ),
    ],
)
def test_file_difference__cannot_be_compared__says_why(
    name: str, left: bytes, right: bytes, reason: str, tmp_path: Path
) -> None:
    """So that nobody takes it for compared."""
    found = compared(tmp_path, name, left, right)

    assert isinstance(found, str)
    assert found.startswith(reason)
