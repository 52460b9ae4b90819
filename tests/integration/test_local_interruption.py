"""Runs that are stopped from outside: Ctrl-C, SIGTERM, SIGKILL."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import kit
import local_kit
import pytest

from kernelpipe.model.run import Run, RunState
from kernelpipe.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

CELL = """
import os
import subprocess
import time

print("so far", flush=True)
pipe = open("alive", "w")
is_told = False
subprocess.Popen(["sleep", "600"], pass_fds=[pipe.fileno()])
while True:
    try:
        if not is_told:
            is_told = True
            os.write(pipe.fileno(), str(os.getpid()).encode())
        time.sleep(600)
    except KeyboardInterrupt:
        if not os.path.exists("stubborn"):
            raise
"""

SCRIPT = """
import sys
from pathlib import Path

import local_kit
from kernelpipe.backends.local import PlainReporter, RunRequest, run_pipeline
from kernelpipe.errors import KernelpipeError
from kernelpipe.runs import RunStore

folder, cell = Path(sys.argv[1]), sys.argv[2]
pipeline, tasks = local_kit.pipeline(
    folder / "n.ipynb",
    local_kit.step("first", "'done'"),
    local_kit.step("long", cell, after=["first"]),
    local_kit.step("last", "'never'", after=["long"]),
)
store, reporter = RunStore(folder / ".kernelpipe"), PlainReporter(sys.stderr)
try:
    request = RunRequest(jobs=2)
    run_pipeline(pipeline, tasks, given={}, store=store, request=request, reporter=reporter)
except KernelpipeError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@contextmanager
def started_run(
    folder: Path,
) -> "Iterator[tuple[subprocess.Popen[str], int, int]]":
    """Start a run in a process of its own; yield it when its long cell runs.

    Yields:
        The process, the end of a pipe that reports end-of-file once the kernel is gone, and the
        kernel's pid.
    """
    os.mkfifo(folder / "alive")
    tests = str(Path(local_kit.__file__).parent)
    root = str(Path(tests).parent)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(folder), CELL],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([tests, root, *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
    )
    alive = os.open(folder / "alive", os.O_RDONLY)
    try:
        yield process, alive, int(os.read(alive, 100))
    finally:
        os.close(alive)
        process.kill()
        process.communicate()


def latest(folder: Path) -> Run:
    """Return the run as another command sees it."""
    return RunStore(folder / ".kernelpipe").load("latest")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal__while_a_cell_runs__keeps_outputs_and_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The run is CANCELED, exit code 130, and every kernel is gone."""
    with started_run(tmp_path) as (process, alive, _):
        process.send_signal(number)
        stderr = process.communicate(timeout=60)[1]
        assert os.read(alive, 1) == b""

    assert process.returncode == 130
    found = latest(tmp_path)
    assert found.state is RunState.CANCELED
    assert found.reason == f"stopped by {number.name}"
    assert [(step.state, step.reason) for step in found.steps] == [
        (RunState.SUCCEEDED, None),
        (RunState.CANCELED, f"stopped by {number.name} in cell 1"),
        (RunState.SKIPPED, "the run was stopped"),
    ]
    assert local_kit.outputs(kit.read(Path(str(found.notebook)))) == [
        ["'done'"],
        ["so far\n", "KeyboardInterrupt"],
        [],
    ]
    assert "Traceback" not in stderr
    assert f"{found.id} was stopped by {number.name}" in stderr


def test_signal__twice__kills_a_kernel_that_ignores_interrupts(tmp_path: Path) -> None:
    """The second signal does not wait for anything."""
    (tmp_path / "stubborn").touch()
    with started_run(tmp_path) as (process, alive, _):
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "stopping" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert os.read(alive, 1) == b""

    assert process.returncode == 130
    found = latest(tmp_path)
    assert found.steps[1].state is RunState.CANCELED
    assert local_kit.outputs(kit.read(Path(str(found.notebook))))[1] == ["so far\n"]


def test_signal__kernel_ignores_interrupts__is_terminated_after_the_grace_time(
    tmp_path: Path,
) -> None:
    """One signal is enough, it only takes longer."""
    (tmp_path / "stubborn").touch()
    with started_run(tmp_path) as (process, alive, _):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert os.read(alive, 1) == b""

    assert process.returncode == 130
    assert local_kit.outputs(kit.read(Path(str(latest(tmp_path).notebook))))[1] == ["so far\n"]


def test_sigkill__of_the_run__ends_its_kernels_and_shows_in_the_store(tmp_path: Path) -> None:
    """Nobody is left to clean up: the kernels notice, and the store's reader does."""
    with started_run(tmp_path) as (process, alive, _):
        process.kill()
        process.communicate(timeout=60)
        assert os.read(alive, 1) == b""

    found = latest(tmp_path)
    assert found.state is RunState.FAILED
    assert found.reason == "lost: the process ended without finishing"
    assert [step.state for step in found.steps] == [
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.SKIPPED,
    ]
    assert kit.read(Path(str(found.steps[0].notebook)))["nbformat"] == 4


def test_sigkill__of_the_kernel__fails_the_step(tmp_path: Path) -> None:
    """It looks like the system running out of memory."""
    with started_run(tmp_path) as (process, _, kernel):
        os.kill(kernel, signal.SIGKILL)
        process.communicate(timeout=60)

    assert process.returncode == 0
    error = latest(tmp_path).steps[1].error
    assert error is not None
    assert error.evalue == (
        "the kernel died (killed by SIGKILL, which is what happens when memory runs out)"
    )
