"""Tests of the record of schedules."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.model.run import ClusterFacts, RunFacts
from kernelpipe.runs.schedules import ScheduleBook, ScheduleRecord, has_schedules

FILES = {"source.ipynb": b"{}", "pipeline.yaml": b"a: 1"}


def record(**changes: Any) -> ScheduleRecord:
    """Return a schedule."""
    made = ScheduleRecord(
        schedule_id="s1",
        name="nightly",
        cron="0 3 * * *",
        interval_s=None,
        created_at=100.0,
        pipeline="demo",
        source="/place/demo.ipynb",
        parameters='{"n": 1}',
        steps=("split", "train"),  # type: ignore[arg-type]  # texts are names
        facts=RunFacts(given=["n"], cluster=ClusterFacts(host="http://example.com")),
    )
    return replace(made, **changes)


def test_add__schedule__is_found_with_its_files_until_it_is_forgotten(tmp_path: Path) -> None:
    """The latest comes first."""
    book = ScheduleBook(tmp_path)
    first, second = record(), record(key="0" * 16, created_at=200.0)
    assert (book.all(), has_schedules(tmp_path)) == ((), False)

    book.add(first, FILES)
    book.add(second, {})
    assert book.all() == (second, first)
    assert has_schedules(tmp_path)
    assert book.find(first.key) == first
    assert book.files(first) == FILES
    assert first.cluster == {"host": "http://example.com"}
    book.forget(first)

    assert book.all() == (second,)
    assert book.find(first.key) is None


def test_seen__runs__are_known_from_then_on(tmp_path: Path) -> None:
    """Those of the same second are told apart; two processes do not look at the same time."""
    book, made = ScheduleBook(tmp_path), record()
    book.add(made, {})
    with book.seen(made) as seen:
        assert seen is not None
        assert not seen.has("r1", 150.0)
        seen.add("r1", 150.0)
        seen.add("r2", 160.0)
        with book.seen(made) as other:
            assert other is None

    with ScheduleBook(tmp_path).seen(made) as later:
        assert later is not None
        answers = [later.has(*run) for run in (("r1", 150.0), ("r2", 160.0), ("r3", 160.0))]

    assert answers == [True, True, False]


def test_files__link_out_of_the_home__is_left_alone(tmp_path: Path) -> None:
    """A folder that came from elsewhere must not have files of the user shown."""
    book, made = ScheduleBook(tmp_path / "home"), record()
    book.add(made, FILES)
    (tmp_path / "secret").write_text("mine")
    (book.folder / made.key / "link.txt").symlink_to(tmp_path / "secret")
    (book.folder / made.key / "source.ipynb").unlink()
    (book.folder / made.key / "source.ipynb").symlink_to(tmp_path / "secret")

    assert book.files(made) == {"pipeline.yaml": b"a: 1"}


@pytest.mark.parametrize(
    "change",
    [
        {"key": "../../../etc"},
        {"key": "1" * 16},
        {"steps": "ab"},
        {"parameters": "[]"},
        {"parameters": "{"},
        {"facts": []},
        {"created_at": "now"},
        {"more": 1},
    ],
)
def test_all__record_of_another_shape__is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    """Nobody but us writes there, as long as all is well."""
    book, made = ScheduleBook(tmp_path), record()
    book.add(made, {})
    path = book.folder / made.key / "schedule.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    assert book.all() == ()
