"""Tests of what is kept in the user's cache."""

import os
from pathlib import Path

import pytest

from kernelpipe import user_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory that files are kept in; it does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernelpipe"


def test_recall__what_was_kept__comes_back() -> None:
    """The last one, under its own name."""
    user_cache.keep("a", {"x": [1, "ä"]})
    user_cache.keep("a", {"x": 2})

    assert user_cache.recall("a") == {"x": 2}
    assert user_cache.recall("b") is None


def test_keep__file__is_the_users_own_and_the_only_one(cache: Path) -> None:
    """Nobody else may read it, and no draft stays."""
    user_cache.keep("a", {})

    assert [path.name for path in cache.iterdir()] == ["a.json"]
    assert (cache / "a.json").stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["{", "[1]", "\x00", "null"])
def test_recall__damaged_file__is_nothing(cache: Path, text: str) -> None:
    """Whatever lies there."""
    user_cache.keep("a", {})
    (cache / "a.json").write_text(text)

    assert user_cache.recall("a") is None


def test_keep__nowhere_to_write__keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that is a file, for example."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    user_cache.keep("a", {})

    assert user_cache.recall("a") is None


def test_keep__user_without_home__writes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not into a directory of the name "~"."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)

    user_cache.keep("a", {})

    assert list(tmp_path.iterdir()) == []
    assert user_cache.recall("a") is None
