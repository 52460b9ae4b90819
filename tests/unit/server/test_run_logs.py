"""Tests of reading logs in pieces."""

from pathlib import Path

import pytest

from kernelpipe.server import run_logs
from kernelpipe.server.run_logs import read_log


def _attempts(folder: Path, *texts: bytes | None) -> list[tuple[str, Path]]:
    found = []
    for number, text in enumerate(texts, start=1):
        path = folder / f"log{number}.txt"
        if text is not None:
            path.write_bytes(text)
        found.append(("" if number == 1 else f"=== attempt {number}\n", path))
    return found


def test_read_log__step_goes_on__keeps_half_a_character_back(tmp_path: Path) -> None:
    """The next piece begins with the whole of it."""
    attempts = _attempts(tmp_path, "aä".encode()[:2])

    first = read_log(attempts, 0, has_ended=False)
    attempts[0][1].write_bytes("aäö".encode())
    second = read_log(attempts, 1, has_ended=True)

    assert first == {"text": "a", "next_offset": 1, "is_complete": False}
    assert second == {"text": "äö", "next_offset": 5, "is_complete": True}


def test_read_log__ended_in_half_a_character__ends_all_the_same(tmp_path: Path) -> None:
    """What never becomes a character is shown as such, once."""
    attempts = _attempts(tmp_path, "aä".encode()[:2])

    piece = read_log(attempts, 0, has_ended=True)

    assert piece == {"text": "a\ufffd", "next_offset": 2, "is_complete": True}


def test_read_log__several_attempts__are_one_text(tmp_path: Path) -> None:
    """Each but the first has a headline; offsets hold when another attempt begins."""
    attempts = _attempts(tmp_path, b"one\n", None, b"three\n")

    whole = read_log(attempts, 0, has_ended=True)
    first = read_log(attempts[:1], 0, has_ended=False)
    rest = read_log(attempts, 4, has_ended=True)

    assert whole["text"] == "one\n=== attempt 2\n=== attempt 3\nthree\n"
    assert first["next_offset"] == 4
    assert rest["text"] == "=== attempt 2\n=== attempt 3\nthree\n"


def test_read_log__long__comes_in_pieces_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all of it was read it is not complete."""
    monkeypatch.setattr(run_logs, "_MOST_BYTES", 4)
    attempts = _attempts(tmp_path, "aäö€".encode(), b"x")

    text, offset, pieces = "", 0, 0
    is_complete = False
    while not is_complete:
        piece = read_log(attempts, offset, has_ended=True)
        text, offset, is_complete = (
            text + str(piece["text"]),
            int(str(piece["next_offset"])),
            bool(piece["is_complete"]),
        )
        pieces += 1

    assert text == "aäö€=== attempt 2\nx"
    assert pieces > 5


@pytest.mark.parametrize("has_ended", [False, True])
def test_read_log__nothing_there__is_empty(tmp_path: Path, has_ended: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """A step that has not begun may still write something, one that ended will not."""
    assert read_log([], 0, has_ended=has_ended) == {
        "text": "",
        "next_offset": 0,
        "is_complete": has_ended,
    }
    assert read_log([("", tmp_path / "log.txt")], 7, has_ended=has_ended)["text"] == ""
