"""Tests of the file in which a run's events are written down."""

import subprocess
import sys
from pathlib import Path

import pytest

from kernelpipe.runs.events import EventFile, EventTail


def test_append__then_read__gives_the_events_once(tmp_path: Path) -> None:
    """Each read goes on where the last one ended."""
    path = tmp_path / "events.jsonl"
    file, tail = EventFile(path), EventTail(path)

    file.append({"time": 1.5, "kind": "message", "text": "one\ntwo \ud800"})
    first = tail.read()
    file.append({"time": 2, "kind": "message", "text": "three"})
    second = tail.read()
    file.close()

    assert first == [{"time": 1.5, "kind": "message", "text": "one\ntwo \ud800"}]
    assert second == [{"time": 2, "kind": "message", "text": "three"}]
    assert tail.read() == []


def test_read__line_not_yet_complete__waits_for_its_end(tmp_path: Path) -> None:
    """A line counts once its end is there."""
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)

    path.write_text('{"time": 1, "kind": "a"}\n{"time": 2,', encoding="utf-8")
    first = tail.read()
    with path.open("a", encoding="utf-8") as file:
        file.write(' "kind": "b"}\n')

    assert [event["kind"] for event in first] == ["a"]
    assert [event["kind"] for event in tail.read()] == ["b"]


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "1", '{"kind": 1, "time": 1}', '{"kind": "a"}', '{"kind": "a", "time": "x"}'],
)
def test_read__line_that_is_no_event__is_left_out(tmp_path: Path, line: str) -> None:
    """What a full disk left does not hide what follows."""
    path = tmp_path / "events.jsonl"
    path.write_text(f'{line}\n{{"time": 1, "kind": "a"}}\n', encoding="utf-8")

    assert [event["kind"] for event in EventTail(path).read()] == ["a"]


def test_read__no_file__gives_nothing(tmp_path: Path) -> None:
    """A run of an older version has none."""
    assert EventTail(tmp_path / "events.jsonl").read() == []


def test_append__line_was_cut_off__begins_a_new_one(tmp_path: Path) -> None:
    """After a write that the disk had no room for, the next event can be read."""
    path = tmp_path / "events.jsonl"
    script = f"""
import signal
from pathlib import Path
from kernelpipe.runs.events import EventFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import resource
file = EventFile(Path({str(path)!r}))
file.append({{"time": 1, "kind": "a"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (40, resource.RLIM_INFINITY))
file.append({{"time": 2, "kind": "b", "text": "x" * 100}})
file.append({{"time": 3, "kind": "c", "text": "y" * 100}})
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append({{"time": 4, "kind": "d"}})
"""

    subprocess.run([sys.executable, "-c", script], check=True)

    assert [event["kind"] for event in EventTail(path).read()] == ["a", "d"]


def test_append__file_cannot_be_made__is_no_failure(tmp_path: Path) -> None:
    """A run goes on without its events."""
    file = EventFile(tmp_path / "missing" / "events.jsonl")

    file.append({"time": 1, "kind": "a"})
    file.close()

    assert list(tmp_path.iterdir()) == []
