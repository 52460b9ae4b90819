"""The run store: recording, listing, finding, and homes that cannot be used."""

import os
import secrets
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kernelpipe.errors import RunError, UsageError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepError, StepRun
from kernelpipe.runs import RunStore, default_home
from kernelpipe.runs.database import MIGRATIONS

NOON = 1795262400.0  # 2026-11-21 12:00:00 UTC


def create(home: Path, *, at: float = NOON, steps: tuple[str, ...] = ("a", "b")) -> Run:
    """Record a run that starts at ``at``."""
    return RunStore(home, clock=lambda: at).create(
        pipeline="churn",
        source=home.parent / "churn.ipynb",
        parameters='{"lr": 0.1}',
        steps=[StepName(name) for name in steps],
    )


def forget_owner(home: Path, *, pid: int) -> None:
    """Make the recorded runs belong to process ``pid``."""
    with sqlite3.connect(home / "index.sqlite") as opened:
        opened.execute("UPDATE runs SET owner_pid = ?", (pid,))
    opened.close()


def ended_pid() -> int:
    """Return the pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_default_home__notebook_path__is_beside_it(tmp_path: Path) -> None:
    """Runs are kept where the notebook is."""
    assert default_home(tmp_path / "n.ipynb") == tmp_path / ".kernelpipe"


def test_create__new_home__makes_a_private_directory_and_a_running_run(tmp_path: Path) -> None:
    """The id begins with the time in UTC; git ignores the home."""
    home = tmp_path / ".kernelpipe"

    run = create(home)

    assert run.id.startswith("20261121-120000-")
    assert len(run.id) == 20
    assert run == Run(
        id=run.id,
        pipeline="churn",
        source=str(tmp_path / "churn.ipynb"),
        state=RunState.RUNNING,
        started_at=NOON,
        duration_s=None,
        directory=str(home / "runs" / run.id),
        notebook=None,
        parameters='{"lr": 0.1}',
        metrics=(),
        steps=(
            StepRun(name=StepName("a"), state=RunState.PENDING),
            StepRun(name=StepName("b"), state=RunState.PENDING),
        ),
    )
    assert RunStore(home).load(run.id) == run
    assert Path(run.directory).is_dir()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "index.sqlite").stat().st_mode) == 0o600
    assert (home / ".gitignore").read_text() == "*\n"


def test_record__states_change__load_returns_the_last_ones(tmp_path: Path) -> None:
    """Everything about steps and the run comes back as it was recorded."""
    run = create(tmp_path)
    runs = RunStore(tmp_path, clock=lambda: NOON + 2.5)
    failed = StepRun(
        name=StepName("b"),
        state=RunState.FAILED,
        reason="cell 3, line 1: ValueError: no",
        is_cached=True,
        duration_s=1.25,
        notebook=f"{run.directory}/steps/02-b/executed.ipynb",
        error=StepError(cell_index=3, line=1, ename="ValueError", evalue="no"),
    )

    runs.record_step(run.id, failed)
    recorded = runs.record_run(
        run.id,
        RunState.FAILED,
        notebook=tmp_path / "elsewhere.ipynb",
        metrics=[Metric(name="acc", value=0.5), Metric(name="n", value=3)],
        reason="why",
    )

    assert recorded == replace(
        run,
        state=RunState.FAILED,
        duration_s=2.5,
        notebook=str(tmp_path / "elsewhere.ipynb"),
        metrics=(Metric(name="acc", value=0.5), Metric(name="n", value=3)),
        steps=(run.steps[0], failed),
        reason="why",
    )
    assert runs.load("latest") == recorded


def test_record_run__not_final__keeps_the_duration_open(tmp_path: Path) -> None:
    """A run that is being stopped still runs."""
    run = create(tmp_path)

    recorded = RunStore(tmp_path).record_run(run.id, RunState.CANCELING)

    assert recorded == replace(run, state=RunState.CANCELING)


def test_home__was_moved__paths_inside_follow(tmp_path: Path) -> None:
    """Only paths outside the run's directory are kept absolute."""
    run = create(tmp_path / "old")
    runs = RunStore(tmp_path / "old")
    runs.record_run(run.id, RunState.SUCCEEDED, notebook=Path(run.directory, "n.ipynb"))
    (tmp_path / "old").rename(tmp_path / "new")

    found = RunStore(tmp_path / "new").load(run.id)

    assert found.notebook == str(tmp_path / "new" / "runs" / run.id / "n.ipynb")


def test_list_runs__several__are_sorted_newest_first(tmp_path: Path) -> None:
    """The clock decides, not the order of recording."""
    second = create(tmp_path, at=NOON + 60)
    first = create(tmp_path, at=NOON)

    assert [run.id for run in RunStore(tmp_path).list_runs()] == [second.id, first.id]


def test_list_runs__no_home__is_empty_and_makes_nothing(tmp_path: Path) -> None:
    """Looking does not write."""
    assert RunStore(tmp_path / "none").list_runs() == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELING])
def test_load__owner_is_gone__reports_a_failed_run(tmp_path: Path, state: RunState) -> None:
    """Nobody could record how it ended, so what was unfinished is told as it is."""
    run = create(tmp_path, steps=("a", "b", "c"))
    runs = RunStore(tmp_path)
    runs.record_step(run.id, StepRun(name=StepName("a"), state=RunState.SUCCEEDED))
    runs.record_step(run.id, StepRun(name=StepName("b"), state=RunState.RUNNING))
    runs.record_run(run.id, state)
    forget_owner(tmp_path, pid=ended_pid())

    found = runs.load(run.id)

    gone = "the process ended without finishing"
    assert (found.state, found.reason) == (RunState.FAILED, gone)
    assert [(step.state, step.reason) for step in found.steps] == [
        (RunState.SUCCEEDED, None),
        (RunState.FAILED, gone),
        (RunState.SKIPPED, gone),
    ]


def test_load__owner_is_gone_after_the_end__reports_what_was_recorded(tmp_path: Path) -> None:
    """A finished run needs no owner."""
    run = create(tmp_path)
    recorded = RunStore(tmp_path).record_run(run.id, RunState.SUCCEEDED)
    forget_owner(tmp_path, pid=ended_pid())

    assert RunStore(tmp_path).load(run.id) == recorded


def test_load__unique_prefix__finds_the_run(tmp_path: Path) -> None:
    """The beginning of an id is enough."""
    first = create(tmp_path, at=NOON)
    create(tmp_path, at=NOON + 86400)

    assert RunStore(tmp_path).load("20261121") == first


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        pytest.param("20261121-1", "2 runs begin with '20261121-1'", id="ambiguous"),
        pytest.param("lastest", "did you mean 'latest'", id="near-latest"),
        pytest.param("", "there is no run ''", id="empty"),
        pytest.param("zzz", "the latest run is 20261121-120100-", id="nothing-near"),
    ],
)
def test_load__unknown__is_refused_with_advice(
    tmp_path: Path, reference: str, message: str
) -> None:
    """The message names what was meant or what there is."""
    create(tmp_path, at=NOON)
    create(tmp_path, at=NOON + 60)

    with pytest.raises(UsageError, match=message):
        RunStore(tmp_path).load(reference)


def test_load__full_id_that_begins_another__is_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole id always means one run."""
    tokens = iter(["3f9a", "3f9a00"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(tokens))
    first, _ = create(tmp_path), create(tmp_path)

    assert RunStore(tmp_path).load("20261121-120000-3f9a") == first


def test_load__no_runs__says_where_it_looked(tmp_path: Path) -> None:
    """The hint names the option."""
    with pytest.raises(UsageError, match=r"there are no runs in .*\n.*--home"):
        RunStore(tmp_path).load("latest")


def test_create__id_is_taken__takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs in one second with the same random part do not share a directory."""
    tokens = iter(["3f9a", "3f9a", "77aa"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(tokens))

    first, second = create(tmp_path), create(tmp_path)

    assert (first.id, second.id) == ("20261121-120000-3f9a", "20261121-120000-77aa")


def test_create__no_id_is_free__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not try for ever."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: "3f9a")
    create(tmp_path)

    with pytest.raises(UsageError, match="no free run id"):
        create(tmp_path)


def test_create__home_is_a_file__is_refused_with_the_option(tmp_path: Path) -> None:
    """The message names the directory and what to do."""
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=r"file/home cannot be written: .*\n.*--home"):
        create(tmp_path / "file" / "home")


def test_create__home_is_read_only__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the system, since root may write anywhere."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        create(tmp_path)


def test_create__index_is_no_database__is_refused_and_left_alone(tmp_path: Path) -> None:
    """Somebody's file is never replaced."""
    (tmp_path / "index.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 9)

    with pytest.raises(UsageError, match="is not a run index"):
        create(tmp_path)

    assert (tmp_path / "index.sqlite").read_bytes().startswith(b"not a database")


def test_create__index_cannot_be_opened__is_refused(tmp_path: Path) -> None:
    """The advice is the same as for a home that cannot be made."""
    (tmp_path / "index.sqlite").mkdir()

    with pytest.raises(UsageError, match=r"index.sqlite cannot be used.*\n.*--home"):
        create(tmp_path)


def test_list_runs__index_of_a_newer_kernelpipe__is_refused(tmp_path: Path) -> None:
    """A schema that is not known is not touched."""
    create(tmp_path)
    with sqlite3.connect(tmp_path / "index.sqlite") as opened:
        opened.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    opened.close()

    with pytest.raises(UsageError, match=r"newer kernelpipe \(schema 2, this one knows 1\)"):
        RunStore(tmp_path).list_runs()


def test_record_step__index_was_removed__says_so(tmp_path: Path) -> None:
    """The run cannot be recorded any more: exit code 5."""
    run = create(tmp_path)
    (tmp_path / "index.sqlite").unlink()

    with pytest.raises(RunError, match="cannot be used: unable to open"):
        RunStore(tmp_path).record_step(run.id, run.steps[0])


def test_create__many_at_once__all_are_recorded(tmp_path: Path) -> None:
    """Commands on the same new home do not disturb each other."""
    home = tmp_path / "home"
    found: list[RunId] = []
    threads = [threading.Thread(target=lambda: found.append(create(home).id)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 8
    assert {run.id for run in RunStore(home).list_runs()} == set(found)
