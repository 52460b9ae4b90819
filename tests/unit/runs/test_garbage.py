"""Garbage collection: what goes, what stays, and what that frees."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from result_kit import make_result, names, start_run, store_result, write_file

from kernelpipe.errors import RunError
from kernelpipe.model.names import StepName
from kernelpipe.model.result import Result, StoredValue
from kernelpipe.model.run import Run, RunFacts, RunState, StepRun
from kernelpipe.runs import ResultStore, RunStore, garbage
from kernelpipe.runs.garbage import Garbage, collect_garbage

DAY_S = 86400.0
NOTHING = Garbage(
    results=0,
    objects=0,
    young_objects=0,
    leftovers=0,
    freed_bytes=0,
    held_bytes=0,
    kept_results=0,
    kept_bytes=0,
    protected_results=0,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with one run that SUCCEEDED."""
    run = start_run(tmp_path / "home")
    RunStore(tmp_path / "home").record_run(run.id, RunState.SUCCEEDED)
    return tmp_path / "home"


@pytest.fixture
def later() -> float:
    """Return when the tests collect: tomorrow, so that nothing is new then."""
    return time.time() + DAY_S


def collect(
    home: Path,
    *,
    older_than_s: float | None = None,
    max_bytes: int | None = None,
    is_dry_run: bool = False,
    in_s: float = DAY_S,
) -> Garbage:
    """Collect in ``home``, ``in_s`` seconds from now."""
    return collect_garbage(
        RunStore(home),
        older_than_s=older_than_s,
        max_bytes=max_bytes,
        is_dry_run=is_dry_run,
        clock=lambda: time.time() + in_s,
    )


def results_left(home: Path) -> list[str]:
    """Return the ids of the results in the index, sorted."""
    with closing(sqlite3.connect(home / "index.sqlite")) as opened:
        return [name for (name,) in opened.execute("SELECT id FROM results ORDER BY id")]


def objects_left(home: Path) -> set[str]:
    """Return the digests of the objects."""
    return {path.name for path in (home / "values").glob("*/*")}


def record_use(home: Path, run: Run, result: Result, state: RunState) -> None:
    """Record that the run's step has used the result, and how the run is."""
    step = StepRun(
        name=StepName("load"),
        state=RunState.SUCCEEDED,
        facts=f'{{"result": "{result.id}", "metrics": {{"loss": NaN}}}}',
    )
    RunStore(home).record_steps(run.id, [step])
    RunStore(home).record_run(run.id, state)


def test_collect__no_home__finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    """There is nothing to keep small."""
    assert collect(tmp_path / "none") == NOTHING
    assert list(tmp_path.iterdir()) == []


def test_collect__index_is_gone__touches_nothing(home: Path) -> None:
    """Without it, everything would look like garbage."""
    result = store_result(home, "r1", "hello")
    (home / "index.sqlite").unlink()

    assert collect(home, older_than_s=0, max_bytes=0) == NOTHING

    assert objects_left(home) == {result.executed}


def test_collect__no_limits__removes_what_belongs_to_nothing(home: Path) -> None:
    """Results stay, however old."""
    kept = store_result(home, "r1", "hello", clock=1.0)
    ResultStore(home).keep_file(path := write_file(home / "work" / "x", "orphan"))
    path.unlink()

    found = collect(home)

    assert found == replace(NOTHING, objects=1, freed_bytes=6, kept_results=1, kept_bytes=5)
    assert objects_left(home) == {kept.executed}
    assert results_left(home) == ["r1"]


def test_collect__older_than__goes_by_the_last_use(home: Path, later: float) -> None:
    """A result that was used again is not old."""
    store_result(home, "old", "1", clock=later - 31 * DAY_S)
    used = store_result(home, "used", "22", clock=later - 31 * DAY_S)
    new = store_result(home, "new", "333", clock=later - 29 * DAY_S)
    ResultStore(home, clock=lambda: later - DAY_S).mark_used(["used"])

    found = collect(home, older_than_s=30 * DAY_S)

    assert found == replace(
        NOTHING, results=1, objects=1, freed_bytes=1, kept_results=2, kept_bytes=5
    )
    assert results_left(home) == ["new", "used"]
    assert objects_left(home) == {used.executed, new.executed}


def test_collect__max_size__removes_the_least_recently_used(home: Path) -> None:
    """Only as many as needed; shared objects count once and stay with their last user."""
    for number, text in enumerate(["x" * 10, "y" * 20, "x" * 10, "z" * 30]):
        store_result(home, f"r{number}", text, clock=1000.0 + number)
    ResultStore(home, clock=lambda: 2000.0).mark_used(["r0"])

    found = collect(home, max_bytes=45)

    assert (found.results, found.freed_bytes, found.kept_bytes) == (1, 20, 40)
    assert results_left(home) == ["r0", "r2", "r3"]
    found = collect(home, max_bytes=39)
    assert (found.results, found.freed_bytes, found.kept_bytes) == (2, 30, 10)
    assert results_left(home) == ["r0"]


def test_collect__values_of_a_result__go_with_it(home: Path) -> None:
    """Not only its executed notebook."""
    results = ResultStore(home, clock=lambda: 1.0)
    digest, size = results.keep_file(value := write_file(home / "work" / "v", "value"))
    executed, _ = results.keep_file(notebook := write_file(home / "work" / "n", "notebook"))
    value.unlink()
    notebook.unlink()
    stored = StoredValue(port="df", digest=digest, size_bytes=size)
    results.add(make_result("r1", executed=executed, values=(stored,)))

    assert collect(home) == replace(NOTHING, kept_results=1, kept_bytes=13)
    assert collect(home, older_than_s=60) == replace(NOTHING, results=1, objects=2, freed_bytes=13)
    assert objects_left(home) == set()


def test_collect__directory_of_a_run_has_the_file_too__frees_nothing(home: Path) -> None:
    """The disk gains nothing as long as another link is there, and that one stays."""
    shown = write_file(home / "runs" / "r" / "executed.ipynb", "hello")
    results = ResultStore(home, clock=lambda: 1.0)
    digest, _ = results.keep_file(shown)
    results.add(make_result("r1", executed=digest))

    found = collect(home, older_than_s=60)

    assert found == replace(NOTHING, results=1, objects=1, held_bytes=5)
    assert shown.read_text() == "hello"


def test_collect__dry_run__tells_the_same_and_removes_nothing(home: Path) -> None:
    """Except that it tells."""
    store_result(home, "r1", "hello", clock=1.0)
    (home / "runs" / "20261121-120000-dead").mkdir()

    told = collect(home, older_than_s=60, is_dry_run=True)

    assert results_left(home) == ["r1"]
    assert len(objects_left(home)) == 1
    assert told == collect(home, older_than_s=60)
    assert told == replace(NOTHING, results=1, objects=1, leftovers=1, freed_bytes=5)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELED])
def test_collect__run_can_be_resumed__keeps_its_results(home: Path, state: RunState) -> None:
    """Whatever the limits."""
    result = store_result(home, "r1", "hello", clock=1.0)
    store_result(home, "r2", "other", clock=1.0)
    record_use(home, start_run(home), result, state)

    found = collect(home, older_than_s=0, max_bytes=0)

    assert (found.results, found.kept_results, found.protected_results) == (1, 1, 1)
    assert results_left(home) == ["r1"]
    assert objects_left(home) == {result.executed}


def test_collect__run_was_resumed__keeps_nothing_for_it(home: Path) -> None:
    """The run that continued it is the one that counts."""
    result = store_result(home, "r1", "hello", clock=1.0)
    failed = start_run(home)
    record_use(home, failed, result, RunState.FAILED)
    again = start_run(home, facts=RunFacts(resumes=failed.id))
    RunStore(home).record_run(again.id, RunState.SUCCEEDED)

    assert collect(home, older_than_s=0).results == 1


def test_collect__run_succeeded__keeps_nothing_for_it(home: Path) -> None:
    """It has what it shows in its directory."""
    result = store_result(home, "r1", "hello", clock=1.0)
    record_use(home, start_run(home), result, RunState.SUCCEEDED)

    assert collect(home, older_than_s=0).results == 1


def test_collect__values_wait_to_be_delivered__keeps_them(home: Path) -> None:
    """The outbox names objects in the store."""
    result = store_result(home, "r1", "hello", clock=1.0)
    run = start_run(home)
    record_use(home, run, result, RunState.SUCCEEDED)
    (home / "outbox" / run.id).mkdir(parents=True)

    assert collect(home, older_than_s=0).results == 0


def test_collect__run_is_going__keeps_what_was_made_or_used_since(home: Path) -> None:
    """Recorded or not; what is older and unused may go."""
    start = time.time() - 60
    start_run(home, at=start)
    store_result(home, "made", "1", clock=start + 10)
    store_result(home, "old", "22", clock=start - 1000)
    ResultStore(home).keep_file(write_file(home / "work" / "x", "to be added"))
    (home / "runtime" / "v1").mkdir(parents=True)
    (home / "runtime" / "v2").mkdir()

    found = collect(home, older_than_s=0, max_bytes=0)

    assert (found.results, found.objects, found.leftovers) == (1, 0, 0)
    assert results_left(home) == ["made"]
    assert len(objects_left(home)) == 3


def test_collect__object_is_young__stays(home: Path) -> None:
    """A run that cannot be seen from here may be about to add its result."""
    path = write_file(home / "work" / "x", "hello")
    ResultStore(home).keep_file(path)

    assert collect(home, in_s=200) == replace(NOTHING, young_objects=1, kept_bytes=5)
    assert collect(home, in_s=400).objects == 1


def test_collect__object_is_kept_again_meanwhile__stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that makes the same content again must find it."""
    results = ResultStore(home)
    path = write_file(home / "work" / "x", "hello")
    digest, _ = results.keep_file(path)
    remove = garbage._remove_object

    def keep_and_remove(*arguments: garbage._File) -> bool:
        results.keep_file(path)
        return remove(*arguments)

    monkeypatch.setattr(garbage, "_remove_object", keep_and_remove)

    assert collect(home).objects == 0
    assert objects_left(home) == {digest}


def test_collect__leftovers_of_killed_processes__go(home: Path) -> None:
    """Run directories only when they are empty, runtimes but the newest."""
    result = store_result(home, "r1", "hello")
    folder = ResultStore(home).path(result.executed).parent
    write_file(folder / ".new-0123", "half")
    (home / "runs" / "20261121-120000-dead").mkdir()
    write_file(home / "runs" / "20261121-120000-full" / "n.ipynb", "somebody's")
    write_file(home / "runtime" / "v1" / "kernelpipe_runtime" / "a.py", "123")
    write_file(home / "runtime" / ".draft-x" / "a.py", "45")
    write_file(home / "runtime" / "v2" / "kernelpipe_runtime" / "a.py", "123")
    os.utime(home / "runtime" / "v1", (1, 1))

    found = collect(home)

    assert found == replace(
        NOTHING, leftovers=4, freed_bytes=4 + 3 + 2, kept_results=1, kept_bytes=5
    )
    assert names(home / "runtime") == ["v2"]
    assert names(folder) == [result.executed]
    assert (home / "runs" / "20261121-120000-full" / "n.ipynb").exists()
    assert not (home / "runs" / "20261121-120000-dead").exists()


def test_collect__other_files_in_the_store__stay(home: Path) -> None:
    """Only what has the name of an object, in its place, is one."""
    for name in ("ab/README", f"cd/{'ab' * 32}", "README"):
        write_file(home / "values" / name, "x")
    (home / "values" / "ab" / ("ab" * 32)).symlink_to(home / "index.sqlite")

    assert collect(home) == NOTHING

    assert sorted(str(path.relative_to(home / "values")) for path in home.glob("values/*/*")) == [
        "ab/README",
        f"ab/{'ab' * 32}",
        f"cd/{'ab' * 32}",
    ]


def test_collect__file_cannot_be_removed__says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its place and the system's reason."""
    store_result(home, "r1", "hello", clock=1.0)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(RunError, match=r"values/2c/2cf2\w+ cannot be removed: Permission denied"):
        collect(home, older_than_s=0)


def test_collect__directory_is_used_after_all__stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and removing, its run may have come."""
    empty = home / "runs" / "20261121-120000-dead"
    empty.mkdir()
    rmdir = Path.rmdir

    def fill_and_remove(path: Path) -> None:
        write_file(path / "n.ipynb", "x")
        rmdir(path)

    monkeypatch.setattr(Path, "rmdir", fill_and_remove)

    assert collect(home).leftovers == 0
    assert (empty / "n.ipynb").exists()


def test_collect__digests_of_files_long_ago__are_forgotten(home: Path, later: float) -> None:
    """Files that are gone would be remembered for ever."""
    with closing(sqlite3.connect(home / "index.sqlite")) as opened, opened:
        opened.executemany(
            "INSERT INTO file_digests VALUES (?, 'x', ?)",
            [("old", later - 91 * DAY_S), ("new", later - 89 * DAY_S)],
        )

    collect(home)

    with closing(sqlite3.connect(home / "index.sqlite")) as opened:
        assert opened.execute("SELECT signature FROM file_digests").fetchall() == [("new",)]


def test_collect__lost_run__can_be_resumed(home: Path) -> None:
    """Its process is gone, so it is not going, but what it made is kept."""
    result = store_result(home, "r1", "hello", clock=1.0)
    record_use(home, start_run(home), result, RunState.RUNNING)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with closing(sqlite3.connect(home / "index.sqlite")) as opened, opened:
        opened.execute("UPDATE runs SET owner_pid = ?", (process.pid,))
    (home / "runs" / "20261121-120000-dead").mkdir()

    found = collect(home, older_than_s=0)

    assert (found.results, found.protected_results, found.leftovers) == (0, 1, 1)
