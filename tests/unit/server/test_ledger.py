"""Tests of what a server knows of runs, and how changes of it are numbered."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit
from records_kit import step

from kernelpipe.model.names import RunId
from kernelpipe.model.run import Run, RunState
from kernelpipe.runs import RunStore
from kernelpipe.server.homes import Homes
from kernelpipe.server.ledger import Ledger
from kernelpipe.server.paths import ContentsRoot


class Clock:
    """A time that only goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 5e9  # later than all files, so that no file counts as changed just now

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.now


def _ledger(root: Path, *, clock: Clock | None = None) -> Ledger:
    homes = Homes(root.parent / "homes.json")
    return Ledger(ContentsRoot(root), homes, server="s", clock=clock or Clock())


def _root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    return root


def _unfinished(home: Path) -> Run:
    run = records_kit.record(home, steps=[step("a", "PENDING")], state="RUNNING")
    kit.write(Path(run.directory) / "source.ipynb", kit.code("1", "step:a"))
    return run


def _say(run: Run, *events: dict[str, Any]) -> None:
    with Path(run.directory, "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"time": 1.0, **event}) + "\n" for event in events)


def _brief(events: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for event in events:
        what = event.get("run") or event.get("step") or event.get("cell") or {}
        found.append((event["seq"], event["kind"], what.get("state", event.get("text"))))
    return found


def test_list_runs__several_homes__newest_first(tmp_path: Path) -> None:
    """Runs of all folders stand in one list."""
    root = _root(tmp_path)
    for name, at in (("a", 10.0), ("b", 30.0), ("a", 20.0)):
        (root / name).mkdir(exist_ok=True)
        records_kit.record(root / name / ".kernelpipe", kit.code("1"), at=at)
    ledger = _ledger(root)
    for name in ("a", "b"):
        ledger.add_home(root / name / ".kernelpipe")

    found = ledger.list_runs()

    runs: Any = found["runs"]
    assert [(run["folder"], run["started_at"]) for run in runs] == [
        ("b", 30.0),
        ("a", 20.0),
        ("a", 10.0),
    ]
    assert runs[0]["path"] == "b/churn.ipynb"
    assert (found["server"], found["seq"]) == ("s", 0)


def test_add_home__outside_of_the_root__is_left_alone(tmp_path: Path) -> None:
    """So are links to homes, and folders that are no homes."""
    root = _root(tmp_path)
    records_kit.record(tmp_path / ".kernelpipe", kit.code("1"))
    (root / "a").mkdir()
    (root / "a" / ".kernelpipe").symlink_to(tmp_path / ".kernelpipe")
    (root / "b" / ".kernelpipe").mkdir(parents=True)
    ledger = _ledger(root)

    for folder in (tmp_path, root / "a", root / "b"):
        ledger.add_home(folder / ".kernelpipe")

    assert ledger.list_runs()["runs"] == []
    assert ledger.find(tmp_path / ".kernelpipe", RunId("x")) is None


def test_look__run_goes_on__numbers_its_events(tmp_path: Path) -> None:
    """Each change has the next number; a run's end comes after its last step."""
    root = _root(tmp_path)
    run = _unfinished(root / ".kernelpipe")
    store = RunStore(root / ".kernelpipe")
    ledger = _ledger(root)
    ledger.add_home(store.home)
    ledger.look()
    assert ledger.has_unfinished()

    _say(
        run,
        {"kind": "run_started", "steps": [{"name": "a", "cells_total": 1}]},
        {"kind": "step_started", "step": "a"},
        {"kind": "cell_started", "step": "a", "cell": 0},
        {"kind": "message", "text": "hm"},
    )
    ledger.look()
    _say(run, {"kind": "cell_finished", "step": "a", "cell": 0})
    store.record_steps(run.id, [step("a")])
    store.record_run(run.id, RunState.SUCCEEDED)
    _say(run, {"kind": "run_finished"})
    ledger.look()

    assert _brief(ledger.take_events()) == [
        (1, "run", "RUNNING"),
        (2, "cell", "RUNNING"),
        (3, "step", "RUNNING"),
        (4, "message", "hm"),
        (5, "cell", "SUCCEEDED"),
        (6, "step", "SUCCEEDED"),
        (7, "run", "SUCCEEDED"),
    ]
    assert not ledger.has_unfinished()
    assert ledger.take_events() == []


def test_look__run_appears_and_has_said_something__tells_it(tmp_path: Path) -> None:
    """A run may have begun a cell before the server looks for the first time."""
    root = _root(tmp_path)
    records_kit.record(root / ".kernelpipe", kit.code("1"))
    ledger = _ledger(root)
    ledger.add_home(root / ".kernelpipe")
    ledger.list_runs()

    run = _unfinished(root / ".kernelpipe")
    _say(
        run,
        {"kind": "run_started", "steps": [{"name": "a", "cells_total": 1}]},
        {"kind": "step_started", "step": "a"},
        {"kind": "cell_started", "step": "a", "cell": 0},
    )
    ledger.look()

    assert _brief(ledger.take_events()) == [
        (1, "run", "RUNNING"),
        (2, "cell", "RUNNING"),
        (3, "step", "RUNNING"),
    ]


def test_look__run_has_ended_but_says_more__is_still_heard(tmp_path: Path) -> None:
    """What a run says after its record (its tracking failed) is told, too."""
    root = _root(tmp_path)
    run = _unfinished(root / ".kernelpipe")
    store = RunStore(root / ".kernelpipe")
    ledger = _ledger(root)
    ledger.add_home(store.home)
    ledger.look()
    store.record_steps(run.id, [step("a")])
    store.record_run(run.id, RunState.SUCCEEDED)
    ledger.look()
    ledger.take_events()

    assert ledger.has_unfinished()
    assert ledger.count_unfinished() == 0
    _say(run, {"kind": "message", "text": "late"}, {"kind": "run_finished"})
    ledger.look()

    assert [event["text"] for event in ledger.take_events()] == ["late"]
    assert not ledger.has_unfinished()


OWNER = """
import sys, time
import records_kit
from pathlib import Path
records_kit.record(Path(sys.argv[1]), steps=[records_kit.step("a", "RUNNING")], state="RUNNING")
print("recorded", flush=True)
time.sleep(600)
"""


def test_look__owner_is_gone__is_told_once(tmp_path: Path) -> None:
    """A run whose process ended without a word is FAILED: lost; nothing in the store says so."""
    root, clock = _root(tmp_path), Clock()
    home = root / ".kernelpipe"
    ledger = _ledger(root, clock=clock)
    folders = [str(Path(__file__).parents[3]), str(Path(__file__).parents[2])]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"recorded\n"
        ledger.add_home(home)
        ledger.look()
        ledger.take_events()
        owner.kill()

    clock.now += 1
    ledger.look()
    too_early = ledger.take_events()
    clock.now += 2
    ledger.look()
    first = ledger.take_events()
    clock.now += 10
    ledger.look()

    assert too_early == []
    assert [event["kind"] for event in first] == ["step", "run"]
    assert first[-1]["run"]["reason"] == "lost: the process ended without finishing"
    assert ledger.take_events() == []


def test_look__run_appears_and_is_removed__is_told(tmp_path: Path) -> None:
    """Runs of the command line come and go without the server's doing."""
    root = _root(tmp_path)
    home = root / ".kernelpipe"
    first = records_kit.record(home, kit.code("1"))
    ledger = _ledger(root)
    ledger.add_home(home)
    ledger.list_runs()

    second = records_kit.record(home, kit.code("1"))
    ledger.look()
    RunStore(home).remove(first.id)
    ledger.look()

    found = [(event["kind"], event["run_id"]) for event in ledger.take_events()]
    assert found == [("run", second.id), ("removed", first.id)]
    runs: Any = ledger.list_runs()["runs"]
    assert [run["run_id"] for run in runs] == [second.id]


def test_look__expected_home_appears__its_runs_are_told(tmp_path: Path) -> None:
    """The first run of an open notebook may be one of the command line."""
    root = _root(tmp_path)
    ledger = _ledger(root)
    ledger.expect(root / ".kernelpipe")
    ledger.list_runs()
    run = records_kit.record(root / ".kernelpipe", kit.code("1"))

    ledger.look()

    assert [event["run_id"] for event in ledger.take_events()] == [run.id]


def test_look__home_is_deleted__its_runs_are_gone(tmp_path: Path) -> None:
    """It may come back later."""
    root = _root(tmp_path)
    home = root / ".kernelpipe"
    run = records_kit.record(home, kit.code("1"))
    ledger = _ledger(root)
    ledger.add_home(home)
    ledger.list_runs()

    home.rename(tmp_path / "elsewhere")
    ledger.look()
    gone = ledger.list_runs()["runs"]
    (tmp_path / "elsewhere").rename(home)
    ledger.look()

    assert gone == []
    kinds = [(event["kind"], event["run_id"]) for event in ledger.take_events()]
    assert kinds == [("removed", run.id), ("run", run.id)]


def test_look__index_is_none__says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other homes are shown all the same."""
    root = _root(tmp_path)
    home = root / "a" / ".kernelpipe"
    home.mkdir(parents=True)
    (home / "index.sqlite").write_text("no database at all, but a text of some length" * 10)
    run = records_kit.record(root / ".kernelpipe", kit.code("1"))
    ledger = _ledger(root)
    ledger.add_home(home)
    ledger.add_home(root / ".kernelpipe")

    ledger.look()
    runs: Any = ledger.list_runs()["runs"]

    assert [each["run_id"] for each in runs] == [run.id]
    assert caplog.text.count("cannot be read") == 1


def test_find__run_of_an_older_version__has_its_steps(tmp_path: Path) -> None:
    """Without events there is what was recorded."""
    root = _root(tmp_path)
    done = step("a", facts={"cell_count": 3, "started_s": 2.0, "attempts": 1}, duration_s=1.5)
    run = records_kit.record(
        root / ".kernelpipe",
        kit.code("1"),
        steps=[done, step("b", "SKIPPED", reason="not asked for")],
        parameters={"lr": float("nan"), "n": 1},
        metrics={"auc": 0.5},
    )
    ledger = _ledger(root)

    found = ledger.find(root / ".kernelpipe", run.id)

    assert found is not None
    detail: Any = found.detail
    assert (detail["state"], detail["steps_done"], detail["steps_total"]) == ("SUCCEEDED", 1, 1)
    assert detail["given"] == {"lr": "NaN"}
    assert detail["metrics"] == {"auc": 0.5}
    assert detail["steps"][0] == {
        "name": "a",
        "state": "SUCCEEDED",
        "cached": False,
        "reason": None,
        "started_at": records_kit.NOON + 2,
        "duration_s": 1.5,
        "attempts": 1,
        "cells_done": 3,
        "cells_total": 3,
        "error": None,
        "items": None,
    }
    assert not found.is_trusted


def test_find__no_such_run__gives_none(tmp_path: Path) -> None:
    """An id must be given in full."""
    root = _root(tmp_path)
    run = records_kit.record(root / ".kernelpipe", kit.code("1"))
    ledger = _ledger(root)

    assert ledger.find(root / ".kernelpipe", RunId(run.id[:-1])) is None
    assert ledger.find(root / "other" / ".kernelpipe", run.id) is None


def test_trust__run_seen_going_on_here__is_given(tmp_path: Path) -> None:
    """Values of a home that came from elsewhere are not loaded before that."""
    root = _root(tmp_path)
    home = root / ".kernelpipe"
    old = records_kit.record(home, kit.code("1"))
    ledger = _ledger(root)
    before = ledger.find(home, old.id)

    _unfinished(home)
    after = ledger.find(home, old.id)

    assert before is not None
    assert after is not None
    assert (before.is_trusted, after.is_trusted) == (False, True)


def test_trust__run_of_another_machine__is_not_given(tmp_path: Path) -> None:
    """A record that claims to go on elsewhere proves nothing."""
    root = _root(tmp_path)
    home = root / ".kernelpipe"
    run = _unfinished(home)
    with RunStore(home)._index.transaction("write") as opened:
        opened.execute("UPDATE runs SET owner_host = 'elsewhere'")
    ledger = _ledger(root)

    found = ledger.find(home, run.id)

    assert found is not None
    assert found.owner.host == "elsewhere"
    assert not found.is_trusted
