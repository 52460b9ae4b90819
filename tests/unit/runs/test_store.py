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
from kernelpipe.model.run import Metric, Run, RunFacts, RunState, StepError, StepRun
from kernelpipe.runs import RunStore, database, default_home
from kernelpipe.runs.database import MIGRATIONS, shared_index

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

    runs.record_steps(run.id, [failed])
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


def test_list_runs__clock_was_set_back__are_in_the_order_of_recording(tmp_path: Path) -> None:
    """The order of recording decides, not the clock; "latest" is what began last."""
    first = create(tmp_path, at=NOON + 60)
    second = create(tmp_path, at=NOON)

    assert [run.id for run in RunStore(tmp_path).list_runs()] == [second.id, first.id]
    assert RunStore(tmp_path).load("latest").id == second.id


def test_list_runs__of_a_batch__are_only_those(tmp_path: Path) -> None:
    """Runs that belong to no batch or to another are left out, with their steps."""
    runs = RunStore(tmp_path)
    made = [
        runs.create(
            pipeline="churn",
            source=tmp_path / "churn.ipynb",
            parameters="{}",
            steps=[StepName("a")],
            facts=facts,
        )
        for facts in (RunFacts(batch="b1"), RunFacts(), RunFacts(batch="b2"), RunFacts(batch="b1"))
    ]

    assert runs.list_runs(batch="b1") == (made[3], made[0])


def test_list_runs__index_of_the_first_schema__gets_its_order_from_the_clock(
    tmp_path: Path,
) -> None:
    """What was recorded before there was a sequence is sorted by start."""
    with sqlite3.connect(tmp_path / "index.sqlite") as opened:
        for statement in MIGRATIONS[0].split(";"):
            opened.execute(statement)
        opened.executemany(
            "INSERT INTO runs VALUES (?, 'p', 's', 'SUCCEEDED', NULL, ?, 1, NULL, '{}', '[]',"
            " 'h', 'b', 1, '1')",
            [("r2", 20.0), ("r1", 10.0), ("r3", 30.0)],
        )
        opened.execute("PRAGMA user_version = 1")
    opened.close()

    assert [run.id for run in RunStore(tmp_path).list_runs()] == ["r3", "r2", "r1"]


def test_remove__finished_run__is_gone_with_its_directory(tmp_path: Path) -> None:
    """Other runs stay."""
    runs = RunStore(tmp_path)
    kept, removed = create(tmp_path), create(tmp_path)
    runs.record_run(removed.id, RunState.SUCCEEDED)
    Path(removed.directory, "log.txt").touch(mode=0o444)

    runs.remove(removed.id)

    assert [run.id for run in runs.list_runs()] == [kept.id]
    assert not Path(removed.directory).exists()
    assert Path(kept.directory).is_dir()


def test_remove__run_is_going__is_refused(tmp_path: Path) -> None:
    """Its process would lose the files that it writes."""
    run = create(tmp_path)

    with pytest.raises(UsageError, match=rf"run {run.id} is still RUNNING"):
        RunStore(tmp_path).remove(run.id)

    assert Path(run.directory).is_dir()


def test_remove__directory_is_gone_already__removes_the_record(tmp_path: Path) -> None:
    """As after a removal that was cut short."""
    runs = RunStore(tmp_path)
    run = create(tmp_path)
    runs.record_run(run.id, RunState.FAILED)
    Path(run.directory).rmdir()

    runs.remove(run.id)

    assert runs.list_runs() == ()


def test_record_steps__index_was_replaced__goes_into_the_new_one(tmp_path: Path) -> None:
    """The connection that is kept open belongs to a file, not to a name."""
    create(tmp_path / "a")
    other = create(tmp_path / "b")
    runs = RunStore(tmp_path / "a")
    runs.list_runs()
    (tmp_path / "b" / "index.sqlite").replace(tmp_path / "a" / "index.sqlite")

    runs.record_steps(other.id, [StepRun(name=StepName("a"), state=RunState.SUCCEEDED)])

    assert [step.state for step in runs.load(other.id).steps] == [
        RunState.SUCCEEDED,
        RunState.PENDING,
    ]


def test_record_steps__process_was_forked__uses_a_connection_of_its_own(tmp_path: Path) -> None:
    """SQLite forbids to carry one into a child."""
    run = create(tmp_path)
    runs = RunStore(tmp_path)
    pid = os.fork()
    if pid == 0:
        try:
            runs.record_steps(run.id, [StepRun(name=StepName("a"), state=RunState.SKIPPED)])
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    runs.record_steps(run.id, [StepRun(name=StepName("b"), state=RunState.FAILED)])

    assert [step.state for step in runs.load(run.id).steps] == [RunState.SKIPPED, RunState.FAILED]


def test_record_steps__several__are_all_recorded(tmp_path: Path) -> None:
    """In one transaction."""
    run = create(tmp_path, steps=("a", "b", "c"))
    done = [StepRun(name=StepName(name), state=RunState.SUCCEEDED) for name in ("c", "a")]

    RunStore(tmp_path).record_steps(run.id, done)

    assert RunStore(tmp_path).load(run.id).steps == (done[1], run.steps[1], done[0])


def test_record_steps__index_is_locked__says_so_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And works again when it is free."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    run = create(tmp_path)
    runs = RunStore(tmp_path)
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(RunError, match=r"index.sqlite cannot be used: database is locked"):
        runs.record_steps(run.id, [run.steps[0]])

    other.close()
    runs.record_steps(run.id, [run.steps[0]])
    assert runs.load(run.id) == run


def test_record_steps__disk_is_full__says_so_and_the_store_stays_readable(tmp_path: Path) -> None:
    """What was recorded before is still there, and recording works again with space."""
    run = create(tmp_path)
    runs = RunStore(tmp_path)
    index = shared_index(tmp_path / "index.sqlite")
    with index.transaction("read") as opened:
        pages = opened.execute("PRAGMA page_count").fetchone()[0]
    with index.transaction("write") as opened:
        opened.execute(f"PRAGMA max_page_count = {pages}")
    big = StepRun(name=StepName("a"), state=RunState.FAILED, reason="x" * 100_000)

    with pytest.raises(RunError, match=r"index.sqlite cannot be used: database or disk is full"):
        runs.record_steps(run.id, [big])

    assert runs.load(run.id) == run
    index.close()
    runs.record_steps(run.id, [big])
    assert runs.load(run.id).steps[0] == big


def test_list_runs__no_home__is_empty_and_makes_nothing(tmp_path: Path) -> None:
    """Looking does not write."""
    assert RunStore(tmp_path / "none").list_runs() == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CANCELING])
def test_load__owner_is_gone__reports_a_failed_run(tmp_path: Path, state: RunState) -> None:
    """Nobody could record how it ended, so what was unfinished is told as it is."""
    run = create(tmp_path, steps=("a", "b", "c"))
    runs = RunStore(tmp_path)
    runs.record_steps(run.id, [StepRun(name=StepName("a"), state=RunState.SUCCEEDED)])
    runs.record_steps(run.id, [StepRun(name=StepName("b"), state=RunState.RUNNING)])
    runs.record_run(run.id, state)
    forget_owner(tmp_path, pid=ended_pid())

    found = runs.load(run.id)

    gone = "lost: the process ended without finishing"
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

    with pytest.raises(UsageError, match=r"newer kernelpipe \(schema 3, this one knows 2\)"):
        RunStore(tmp_path).list_runs()


def test_record_steps__index_was_removed__says_so(tmp_path: Path) -> None:
    """The run cannot be recorded any more: exit code 5."""
    run = create(tmp_path)
    (tmp_path / "index.sqlite").unlink()

    with pytest.raises(RunError, match="cannot be used: unable to open"):
        RunStore(tmp_path).record_steps(run.id, [run.steps[0]])


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


def test_list_ids__several_runs__are_those_of_the_list(tmp_path: Path) -> None:
    """In the same order; without a home there are none."""
    home = tmp_path / "home"
    before = RunStore(home).list_ids()
    runs = [create(home, at=at) for at in (NOON, NOON - 10, NOON + 10)]

    assert before == ()
    assert RunStore(home).list_ids() == tuple(run.id for run in reversed(runs))


def test_find__whole_id__gives_run_and_owner(tmp_path: Path) -> None:
    """The beginning of an id is not enough."""
    home = tmp_path / "home"
    run = create(home)
    store = RunStore(home)

    found = store.find(run.id)

    assert found is not None
    assert found[0] == run
    assert found[1].pid == os.getpid()
    assert store.find(RunId(run.id[:-1])) is None
    assert RunStore(tmp_path / "other").find(run.id) is None


def test_find__owner_is_gone__is_lost(tmp_path: Path) -> None:
    """As in the list."""
    home = tmp_path / "home"
    run = create(home)
    forget_owner(home, pid=ended_pid())

    found = RunStore(home).find(run.id)

    assert found is not None
    assert found[0] == RunStore(home).load(run.id)
    assert found[0].state is RunState.FAILED
