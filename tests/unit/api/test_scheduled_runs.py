"""Tests of the runs that schedules start, against a fake of the API."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import pytest
from cluster_kit import FakeCalls, at, run

from kernelpipe import api
from kernelpipe.backends.kfp.cluster import ClusterSettings
from kernelpipe.errors import ClusterError, UsageError
from kernelpipe.model.run import Run, RunState
from kernelpipe.runs import RunStore
from kernelpipe.runs.schedules import ScheduleBook, ScheduleRecord

HOST = "http://localhost"
MAKE, LIST, DELETE = (
    "recurring_run_service_create_recurring_run",
    "recurring_run_service_list_recurring_runs",
    "recurring_run_service_delete_recurring_run",
)
RUNS = "run_service_list_runs"
MADE = {
    "recurring_run_id": "s1",
    "display_name": "nightly",
    "experiment_id": "e1",
    "created_at": at(0),
    "status": "ENABLED",
    "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
}


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings away; the cluster is the one of the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", HOST)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Make a schedule of a notebook; return the store beside it."""
    notebook = kit.write(
        tmp_path / "demo.ipynb", kit.code("n = 1", "parameters"), kit.code("x = n", "step:split")
    )
    calls = FakeCalls({MAKE: MADE})
    api.schedule(notebook, {"n": 5}, cron="0 3 * * *", name="nightly", connect=connecting(calls))
    return api.find_runs(notebook)


def connecting(calls: FakeCalls) -> Callable[[ClusterSettings], FakeCalls]:
    """Return what makes connections to the fake."""
    return lambda _settings: calls


def listing(*runs: tuple[str, int], schedule: str = "s1") -> FakeCalls:
    """Return an API that lists these runs of a schedule: id and second of their creation."""
    found = [
        run("RUNNING", run_id=run_id, created_at=at(second), recurring_run_id=schedule)
        for run_id, second in sorted(runs, key=lambda each: -each[1])
    ]
    return FakeCalls({RUNS: {"runs": found}, DELETE: {}, LIST: {"recurringRuns": [MADE]}})


def remote_ids(runs: tuple[Run, ...]) -> list[str]:
    """Return the ids of runs on their cluster."""
    return [(each.cluster or {})["run_id"] for each in runs]


def only(store: RunStore) -> ScheduleRecord:
    """Return the one schedule."""
    (record,) = ScheduleBook(store.home).all()
    return record


def test_collect_runs__new_ones__are_recorded_like_any_run(store: RunStore) -> None:
    """With the notebook as it was scheduled, and when the cluster started them."""
    source = store.home.parent / "demo.ipynb"
    content = source.read_bytes()
    source.write_text("changed since")

    problems = api.collect_runs(store, connect=connecting(listing(("r1", 10), ("r2", 20))))

    later, first = store.list_runs()
    assert problems == ()
    assert remote_ids((first, later)) == ["r1", "r2"]
    assert (first.state, first.started_at) == (RunState.PENDING, 1795255210.0)
    assert json.loads(first.parameters) == {"n": 5}
    assert [step.name for step in first.steps] == ["split"]
    assert first.cluster == {
        "host": HOST,
        "namespace": "team",
        "experiment": "",
        "experiment_id": "e1",
        "run_id": "r1",
        "page": "http://localhost/#/runs/details/r1",
        "schedule": "nightly",
    }
    assert Path(first.directory, "source.ipynb").read_bytes() == content


def test_collect_runs__known_removed_and_foreign_ones__are_left_out(store: RunStore) -> None:
    """Also one that was recorded by a process that was killed before it could note that."""
    api.collect_runs(store, connect=connecting(listing(("r1", 10), ("r2", 20))))
    api.refresh_runs(
        store,
        store.list_runs(),
        connect=connecting(FakeCalls({"run_service_get_run": run("SUCCEEDED", finished=30)})),
    )
    store.remove(store.list_runs()[0].id)
    both = listing(("r1", 10), ("r2", 20), ("r3", 20))

    api.collect_runs(store, connect=connecting(both))
    (ScheduleBook(store.home).folder / only(store).key / "seen.json").unlink()
    api.collect_runs(store, connect=connecting(listing(("r1", 10), ("r3", 20))))
    api.collect_runs(store, connect=connecting(listing(("r9", 50), schedule="s2")))

    assert remote_ids(store.list_runs()) == ["r3", "r1"]


def test_collect_runs__somebody_else_does__waits_for_nobody(store: RunStore) -> None:
    """The other one records them."""
    with ScheduleBook(store.home).seen(only(store)):
        api.collect_runs(store, connect=connecting(listing(("r1", 10))))

    assert store.list_runs() == ()


def test_collect_runs__cluster_that_the_user_never_named__is_not_asked(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder may come from anybody, and the login must not go where it says."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another user"))
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    calls = listing(("r1", 10))

    problems = api.collect_runs(store, connect=connecting(calls))
    (known,) = api.known_schedules(store, connect=connecting(calls))

    assert problems == (f"schedule 'nightly': its cluster {HOST} is none that you have used",)
    assert known.problem == f"its cluster {HOST} is none that you have used"
    assert calls.asked == []


def test_change_known_schedule__delete__records_its_last_runs_first(store: RunStore) -> None:
    """Nobody knows of them afterwards."""
    key = only(store).key
    calls = listing(("r1", 10))

    api.change_known_schedule(store, key, "delete", connect=connecting(calls))

    assert remote_ids(store.list_runs()) == ["r1"]
    assert calls.asked[0] == (DELETE, {"recurring_run_id": "s1"})
    assert ScheduleBook(store.home).all() == ()
    with pytest.raises(UsageError, match="there is no such schedule"):
        api.change_known_schedule(store, key, "delete", connect=connecting(calls))


def test_change_known_schedule__cluster_refuses__keeps_it(store: RunStore) -> None:
    """Nothing was changed."""
    calls = FakeCalls({DELETE: ClusterError("not yours", status=403)})

    with pytest.raises(ClusterError, match="not yours"):
        api.change_known_schedule(store, only(store).key, "delete", connect=connecting(calls))

    assert len(ScheduleBook(store.home).all()) == 1


def test_known_schedules__of_another_notebook__are_left_out(store: RunStore) -> None:
    """The home keeps those of all notebooks of its folder."""
    calls: Any = connecting(listing())
    folder = store.home.parent

    own = api.known_schedules(store, notebook=folder / "demo.ipynb", connect=calls)
    other = api.known_schedules(store, notebook=folder / "other.ipynb", connect=calls)

    assert [(each.record.name, each.now and each.now.is_enabled) for each in own] == [
        ("nightly", True)
    ]
    assert other == ()
