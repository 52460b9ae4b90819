"""``kernelpipe gc``: its options, and what it says."""

import json
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from result_kit import start_run, store_result

from kernelpipe.cli.commands.gc import size_bytes
from kernelpipe.cli.main import main
from kernelpipe.model.run import RunState
from kernelpipe.runs import RunStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with one old result and one run that SUCCEEDED."""
    run = start_run(tmp_path / "home")
    RunStore(tmp_path / "home").record_run(run.id, RunState.SUCCEEDED)
    store_result(tmp_path / "home", "r1", "hello", clock=1000.0)
    return tmp_path / "home"


def test_gc__older_than__says_what_it_removed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is new, so it stays a while."""
    assert main(["gc", "--home", str(home), "--older-than", "30d"]) == 0

    assert capsys.readouterr().out == (
        "removed 1 result, 0 files, 0 leftovers: 0 B\n"
        "1 file too young to be removed: a run may be about to use them\n"
        "0 results kept: 5 B\n"
    )


def test_gc__dry_run__says_what_it_would_remove(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the same."""
    words = ["gc", "--home", str(home), "--max-size", "4", "--dry-run"]

    assert main(words) == 0
    first = capsys.readouterr().out
    assert main(words) == 0

    assert first.startswith("would remove 1 result, 0 files, 0 leftovers: 0 B\n")
    assert capsys.readouterr().out == first


def test_gc__json__is_one_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are bytes and counts."""
    assert main(["gc", "--home", str(home), "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "dry_run": False,
        "results": 0,
        "objects": 0,
        "young_objects": 0,
        "leftovers": 0,
        "freed_bytes": 0,
        "held_bytes": 0,
        "kept_results": 1,
        "kept_bytes": 5,
        "protected_results": 0,
    }


def test_gc__no_home__removes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It makes nothing, either."""
    assert main(["gc", "--home", str(tmp_path / "none")]) == 0

    assert "removed 0 results, 0 files, 0 leftovers: 0 B" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--older-than", "soon"], "'soon' is no time"),
        (["--max-size", "much"], "'much' is no size; write for example 500M"),
        (["--max-size", "-1"], "--max-size"),
    ],
)
def test_gc__option_is_wrong__is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], option: list[str], message: str
) -> None:
    """Nothing is removed then."""
    assert main(["gc", "--home", str(home), *option]) == 2

    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("500", 500),
        ("500B", 500),
        ("1K", 1000),
        ("500M", 500_000_000),
        ("10G", 10_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("2 TB", 2_000_000_000_000),
        ("4gi", 4_294_967_296),
    ],
)
def test_size_bytes__size__is_bytes(text: str, expected: int) -> None:
    """Units are powers of 1000, with an "i" of 1024."""
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "G", "1X", "1iB", "-1", "1e3", "nan"])
def test_size_bytes__no_size__is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ArgumentTypeError, match="is no size"):
        size_bytes(text)
