"""Tests of what travels in a step's arguments."""

import pytest

from kernelpipe.backends.kfp import payload
from kernelpipe.backends.kfp.payload import pack, unpack, without_docstrings


def test_pack__text_and_bytes__come_back() -> None:
    """Every file comes back as it was, also one that is no text."""
    files = {"work/a.py": "x = 'ä'\r\n".encode(), "work/b.bin": b"\xff\x00", "empty": b""}

    assert unpack(pack(files)) == files


def test_pack__word_that_kfp_local_replaces__is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that happens to hold the word is packed another way."""
    files = {"a": b"content"}
    first = pack(files)
    monkeypatch.setattr(payload, "_REPLACED", first[4:12])

    second = pack(files)

    assert first[4:12] not in second
    assert unpack(second) == files


def test_without_docstrings__code__keeps_its_meaning() -> None:
    """Docstrings and comments go, other text stays; bodies do not become empty."""
    source = '"""Text."""\n# note\nclass A:\n    """Text."""\n\ndef f():\n    return "x"\n'

    assert without_docstrings(source) == ("class A:\n    pass\n\ndef f():\n    return 'x'\n")


def test_without_docstrings__only_a_docstring__is_empty() -> None:
    """A module of nothing but text has no code."""
    assert without_docstrings('"""Module."""\n') == "\n"
