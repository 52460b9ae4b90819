"""Tests of which homes of runs a server knows."""

import json
from pathlib import Path

from kernelpipe.server.homes import Homes, find_homes


def _home(folder: Path) -> Path:
    home = folder / ".kernelpipe"
    home.mkdir(parents=True)
    (home / "index.sqlite").touch()
    return home


def test_find_homes__nested_folders__nearest_first(tmp_path: Path) -> None:
    """Hidden folders, links and installed software are left out."""
    inner, outer = _home(tmp_path / "a" / "b"), _home(tmp_path / "z")
    for place in ("node_modules/x", ".hidden", "a/__pycache__", "env/lib"):
        _home(tmp_path / place)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "empty" / ".kernelpipe").mkdir(parents=True)

    assert list(find_homes(tmp_path)) == [outer, inner]


def test_find_homes__too_many_folders__ends(tmp_path: Path) -> None:
    """A search that would take long is given up."""
    _home(tmp_path / "a")
    _home(tmp_path / "b")

    assert list(find_homes(tmp_path, most_folders=2)) == [tmp_path / "a" / ".kernelpipe"]


def test_find_homes__takes_too_long__ends(tmp_path: Path) -> None:
    """So does one whose time is up."""
    _home(tmp_path / "a")
    times = iter([0.0, 1.0, 6.0])

    assert list(find_homes(tmp_path, clock=lambda: next(times))) == []


def test_find_homes__folder_that_cannot_be_read__is_left_out(tmp_path: Path) -> None:
    """A folder that is gone by then is no failure."""
    assert list(find_homes(tmp_path / "missing")) == []


def test_homes__added__are_remembered(tmp_path: Path) -> None:
    """The next server knows them, and which are trusted."""
    memory = tmp_path / "data" / "homes.json"
    one, two = _home(tmp_path / "one"), _home(tmp_path / "two")
    homes = Homes(memory)

    assert [homes.add(one), homes.add(two), homes.add(one, is_trusted=True)] == [True, True, False]

    again = Homes(memory)
    assert again.all() == (one, two)
    assert (again.is_trusted(one), again.is_trusted(two)) == (True, False)
    assert not again.is_trusted(tmp_path)


def test_homes__added_again__stay_trusted(tmp_path: Path) -> None:
    """Trust is not lost by finding a home once more."""
    homes = Homes(tmp_path / "homes.json")
    homes.add(tmp_path, is_trusted=True)

    homes.add(tmp_path)

    assert homes.is_trusted(tmp_path)


def test_homes__two_servers__keep_what_the_other_added(tmp_path: Path) -> None:
    """Those that are gone from the disk are dropped."""
    memory = tmp_path / "homes.json"
    one, two, gone = _home(tmp_path / "one"), _home(tmp_path / "two"), tmp_path / "gone"
    first, second = Homes(memory), Homes(memory)

    first.add(one)
    first.add(gone)
    second.add(two)

    assert set(Homes(memory).all()) == {one, two}


def test_homes__forgotten__are_not_remembered(tmp_path: Path) -> None:
    """A home that was deleted does not come back."""
    homes = Homes(tmp_path / "homes.json")
    homes.add(tmp_path / "a")

    homes.forget(tmp_path / "a")
    homes.forget(tmp_path / "b")

    assert Homes(tmp_path / "homes.json").all() == ()


def test_homes__memory_is_damaged__begins_anew(tmp_path: Path) -> None:
    """What cannot be read is written anew."""
    memory = tmp_path / "homes.json"
    memory.write_text("[1]", encoding="utf-8")

    homes = Homes(memory)
    homes.add(tmp_path)

    assert json.loads(memory.read_text(encoding="utf-8")) == {
        "homes": [{"home": str(tmp_path), "trusted": False}]
    }


def test_homes__memory_cannot_be_written__are_known_all_the_same(tmp_path: Path) -> None:
    """They are found again by the next search."""
    (tmp_path / "file").touch()
    homes = Homes(tmp_path / "file" / "homes.json")

    assert homes.add(tmp_path)
    assert homes.all() == (tmp_path,)
