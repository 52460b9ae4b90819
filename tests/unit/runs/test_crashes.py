"""Processes that are killed while they store, and processes that store at the same time."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from result_kit import NOON, start_run

from kernelpipe.model.run import RunState
from kernelpipe.runs import ResultStore, RunStore
from kernelpipe.runs.garbage import collect_garbage
from kernelpipe.runs.results import TEMPORARY

STORE_FOREVER = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2].split(os.pathsep)
from result_kit import make_result
from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState, StepRun
from kernelpipe.runs import FileDigests, ResultStore, RunStore
home, name, count = Path(sys.argv[1]), sys.argv[3], int(sys.argv[4])
if sys.argv[5] == "copying":
    def refuse(*_, **__):
        raise OSError(18, "Invalid cross-device link")
    os.link = refuse
runs, results, digests = RunStore(home), ResultStore(home), FileDigests(home)
run = runs.create(pipeline="p", source=home / "n.ipynb", parameters="{}", steps=[StepName("load")])
number = 0
print("ready", flush=True)
while number != count:
    number += 1
    path = Path(run.directory, f"{number}.ipynb")
    path.write_text(f"content {number} " * 20_000)
    digest, _ = results.keep_file(path)
    digests.states([str(path)])
    results.add(make_result(f"{name}-{number}", executed=digest, key=f"k{number}"))
    runs.record_steps(run.id, [StepRun(name=StepName("load"), state=RunState.SUCCEEDED)])
runs.record_run(run.id, RunState.SUCCEEDED)
"""


def start_storing(
    home: Path, name: str, *, count: int = -1, mode: str = "linking"
) -> "subprocess.Popen[str]":
    """Start a process that stores ``count`` results, or until it is killed; wait for the first."""
    paths = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", STORE_FOREVER, str(home), paths, name, str(count), mode],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def assert_whole(home: Path) -> None:
    """Check that the index opens, every object is what its name says, and no result lacks one."""
    with closing(sqlite3.connect(home / "index.sqlite")) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for path in (home / "values").glob("*/*"):
        if not path.name.startswith(TEMPORARY):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    results = ResultStore(home)
    for result in results.find_base("k"):
        assert results.damage(result.executed) is None


@pytest.mark.parametrize("mode", ["linking", "copying"])
def test_store__process_is_killed__is_whole(tmp_path: Path, mode: str) -> None:
    """At random moments, again and again in one home; then it is used as if nothing had been."""
    home = tmp_path / "home"
    moments = random.Random(20261121)  # noqa: S311 - moments, no secrets
    for number in range(8):
        process = start_storing(home, f"p{number}", mode=mode)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=moments.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert_whole(home)

    runs = RunStore(home).list_runs()
    assert len(runs) == 8
    assert {(run.state, run.reason) for run in runs} == {
        (RunState.FAILED, "lost: the process ended without finishing")
    }
    start_run(home)
    found = collect_garbage(
        RunStore(home),
        older_than_s=None,
        max_bytes=None,
        is_dry_run=False,
        clock=lambda: NOON * 2,
    )
    assert found.kept_results == len(ResultStore(home).find_base("k"))
    assert not list((home / "values").glob(f"*/{TEMPORARY}*"))
    assert_whole(home)


def test_store__two_processes_and_a_collector__lose_nothing(tmp_path: Path) -> None:
    """Both store the same content while garbage is collected without pause."""
    home = tmp_path / "home"
    processes = [start_storing(home, f"p{number}", count=40) for number in range(2)]

    collections = 0
    while any(process.poll() is None for process in processes):
        collect_garbage(RunStore(home), older_than_s=0, max_bytes=0, is_dry_run=False)
        collections += 1
    for process in processes:
        process.communicate()

    assert [process.returncode for process in processes] == [0, 0]
    assert collections > 0
    assert {run.state for run in RunStore(home).list_runs()} == {RunState.SUCCEEDED}
    assert len({path.name for path in (home / "values").glob("*/*")}) == 40
    assert_whole(home)
