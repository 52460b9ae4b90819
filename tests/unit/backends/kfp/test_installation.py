"""Tests of what is remembered of the installed distributions, and until when."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernelpipe.backends.kfp import installation, site
from kernelpipe.backends.kfp.distributions import Installed
from kernelpipe.backends.kfp.pins import Pin

OLD = 1_700_000_000


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the only directory on the path that has distributions, with an empty cache."""
    made = tmp_path / "site"
    made.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    without = [entry for entry in sys.path if "site-packages" not in entry]
    monkeypatch.setattr(sys, "path", [str(made), *without])
    _forget()
    yield made
    _forget()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows each time the distributions are read."""
    found: list[str] = []
    read: Callable[[], object] = site.owners_of_modules
    monkeypatch.setattr(site, "owners_of_modules", lambda: found.append("all") or read())
    return found


def _forget() -> None:
    """Be another process."""
    for each in (installation._installed, installation._facts, installation._stamps):
        each.cache_clear()


def install(place: Path, name: str, version: str, *needs: str, is_old: bool = True) -> None:
    """Put a distribution of one module there; ``is_old`` means some time ago."""
    for old in place.glob(f"{name}-*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    directory = place / f"{name}-{version}.dist-info"
    directory.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in needs]
    (directory / "METADATA").write_text("\n".join(lines) + "\n")
    (directory / "top_level.txt").write_text(f"{name}\n")
    if is_old:
        for path in (*directory.iterdir(), directory, place):
            os.utime(path, (OLD, OLD + int(version)))


def learn() -> tuple[Pin, ...]:
    """Ask for what a step with ``alpha`` needs, and keep it, as a compilation does."""
    here = installation.installed()
    found = here.closure(here.holding("alpha"))
    installation.remember(here)
    return found


def test_installed__other_process__reads_nothing_again(place: Path, reads: list[str]) -> None:
    """What the first one found is kept."""
    install(place, "alpha", "1", "beta; python_version > '3'")
    install(place, "beta", "2")
    first = learn()
    _forget()

    second = learn()

    assert first == second == (Pin(name="alpha", version="1"), Pin(name="beta", version="2"))
    assert reads == ["all"]


def test_installed__other_version__is_found(place: Path, reads: list[str]) -> None:
    """In this process and in another one."""
    install(place, "alpha", "1")
    learn()
    install(place, "alpha", "2")

    now = learn()
    _forget()
    later = learn()

    assert now == later == (Pin(name="alpha", version="2"),)
    assert reads == ["all", "all"]


def test_installed__metadata_changed_in_its_place__is_found_by_another_process(
    place: Path, reads: list[str]
) -> None:
    """An editable install may write its version into the same file."""
    install(place, "alpha", "1")
    learn()
    file = place / "alpha-1.dist-info" / "METADATA"
    file.write_text(file.read_text().replace("Version: 1", "Version: 7"))
    os.utime(file, (OLD, OLD + 7))
    _forget()

    assert learn() == (Pin(name="alpha", version="7"),)
    assert reads == ["all", "all"]


def test_installed__files_beside_distributions__change_nothing(
    place: Path, reads: list[str]
) -> None:
    """A folder of notebooks is on the path of who works in it, and changes all the time."""
    install(place, "alpha", "1")
    learn()
    (place / "notebook.ipynb").write_text("{}")

    learn()
    _forget()
    learn()

    assert reads == ["all"]


def test_remember__just_installed__is_not_kept(place: Path, tmp_path: Path) -> None:
    """It may change again without a new time stamp."""
    install(place, "alpha", "1", is_old=False)

    learn()

    assert not (tmp_path / "cache").exists()


def test_remember__nothing_new__is_not_written_again(place: Path, tmp_path: Path) -> None:
    """Compiling again leaves the file alone."""
    install(place, "alpha", "1")
    learn()
    (file,) = (tmp_path / "cache" / "kernelpipe").iterdir()
    file.unlink()

    learn()

    assert not file.exists()


@pytest.mark.parametrize("known", [{}, {"owners": 1}, {"owners": {}, "pins": 3, "needs": []}, []])
def test_installed__damaged_answer__is_read_anew(
    place: Path, tmp_path: Path, reads: list[str], known: object
) -> None:
    """Whatever lies there."""
    install(place, "alpha", "1")
    learn()
    (file,) = (tmp_path / "cache" / "kernelpipe").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"known": known}))
    _forget()

    assert learn() == (Pin(name="alpha", version="1"),)
    assert reads == ["all", "all"]


def test_installed__extras__are_told_apart(place: Path) -> None:
    """What is kept says for which extras it holds."""
    install(place, "alpha", "1", "beta[more]")
    install(place, "beta", "2", "gamma; extra == 'more'", "delta; extra == 'other'")
    install(place, "gamma", "3")
    install(place, "delta", "4")
    learn()
    _forget()

    assert [pin.name for pin in learn()] == ["alpha", "beta", "gamma"]


def test_kept__direct_url__comes_back(place: Path) -> None:
    """Where a distribution was installed from decides whether it can be pinned."""
    install(place, "alpha", "1")
    (place / "alpha-1.dist-info" / "direct_url.json").write_text('{"url": "file:///src"}')
    here = Installed.read()
    here.closure(["alpha"])

    again = Installed.of(json.loads(json.dumps(here.kept())))

    assert again.pin("alpha") == Pin(name="alpha", version="1", direct_url="file:///src")
    assert str(place) in sys.path
