"""Runs on this machine with real kernels."""

import json
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import kit
import local_kit
import pytest

from kernelpipe.backends.local import RunRequest, kernels, run_pipeline
from kernelpipe.backends.local.session import Ending, Session
from kernelpipe.compiler import Task
from kernelpipe.errors import RunError, RunInterruptedError
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Metric, Run, RunState, StepError
from kernelpipe.runs import RunStore

pytestmark = pytest.mark.integration


def run(
    made: tuple[Pipeline, tuple[Task, ...]],
    *,
    jobs: int = 2,
    out: Path | None = None,
    reporter: local_kit.RememberingReporter | None = None,
    given: dict[str, object] | None = None,
) -> Run:
    """Run what ``local_kit.pipeline`` made, with the default home."""
    pipeline, tasks = made
    return run_pipeline(
        pipeline,
        tasks,
        given=given or {},
        store=RunStore(Path(pipeline.path).parent / ".kernelpipe"),
        request=RunRequest(jobs=jobs, out=out),
        reporter=reporter or local_kit.RememberingReporter(),
    )


_KEPT: Final[set[str]] = set()
"""Processes that serve all tests of this worker."""


@pytest.fixture(autouse=True)
def _keep_those_of_other_tests() -> None:
    _KEPT.clear()
    _KEPT.update(child_processes())


def child_processes() -> list[str]:
    """Return the command lines of this process's children that still run and began in the test."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                command = (status.parent / "cmdline").read_text().replace("\0", " ")
                found.append(f"{status.parent.name} {command}")
        except OSError:
            continue
    return [each for each in found if each not in _KEPT]


def test_run__all_steps_succeed__leaves_one_notebook_as_if_run_in_one_go(tmp_path: Path) -> None:
    """Outputs stand at their source cells, numbered in notebook order; the source is untouched."""
    made = local_kit.pipeline(
        tmp_path / "churn.ipynb",
        local_kit.step("a", "print('one')", "1 + 1"),
        local_kit.step("b", "import os\nos.environ['PYTHONHASHSEED']", after=["a"]),
        local_kit.step("c", "", "import os\nprint(os.getcwd())", after=["a"]),
    )
    before = (tmp_path / "churn.ipynb").read_bytes()

    found = run(made, out=tmp_path / "out.ipynb")

    assert found.state is RunState.SUCCEEDED
    assert found.notebook == f"{found.directory}/churn.ipynb"
    executed = kit.read(Path(found.notebook))
    assert local_kit.outputs(executed) == [["one\n"], ["2"], ["'0'"], [], [f"{tmp_path}\n"]]
    assert [cell["execution_count"] for cell in executed["cells"]] == [1, 2, 3, None, 4]
    assert executed["cells"][1]["outputs"][0]["execution_count"] == 2
    assert kit.read(tmp_path / "out.ipynb") == executed
    assert (tmp_path / "churn.ipynb").read_bytes() == before
    assert child_processes() == []


def test_run__values_flow__arrive_in_later_steps(tmp_path: Path) -> None:
    """Outputs of one step are inputs of the next, parameters and metrics included."""
    setup = [{"index": 0, "id": "c0", "role": "parameters", "source": "rate = 2"}]
    rate = {"name": "rate", "type": "int", "default": 2, "nullable": False, "cell": 0}
    made = local_kit.pipeline(
        tmp_path / "flow.ipynb",
        local_kit.extended(
            local_kit.step("a", "x = [rate]\nx"),
            setup=setup,
            parameters=[rate],
            outputs=[{"port": "x", "names": ["x"], "cells": {"x": 1}}],
        ),
        local_kit.extended(
            local_kit.step("b", "total = x[0] * 10", after=["a"]),
            inputs=[{"step": "a", "port": "x", "names": ["x"]}],
            metrics=["total"],
        ),
    )

    found = run(made, given={"rate": 7})

    assert found.state is RunState.SUCCEEDED
    assert found.metrics == (Metric(name="total", value=70),)
    assert local_kit.outputs(kit.read(Path(str(found.notebook)))) == [[], ["[7]"], []]


def test_run__a_step_fails__what_depends_on_it_is_skipped_and_the_rest_finishes(
    tmp_path: Path,
) -> None:
    """The error names the source cell and line; the outputs of all that ran are kept."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step("good", "'fine'"),
        local_kit.step("bad", "print('so far')\n\ndef f():\n    return 1 / 0\n\nf()", "'never'"),
        local_kit.step("next", "'never'", after=["bad"]),
        local_kit.step("last", "'never'", after=["next", "good"]),
        local_kit.step("other", "'still'", after=["good"]),
    )
    reporter = local_kit.RememberingReporter()

    found = run(made, reporter=reporter)

    assert found.state is RunState.FAILED
    states = {step.name: (step.state, step.reason) for step in found.steps}
    assert states == {
        "good": (RunState.SUCCEEDED, None),
        "bad": (RunState.FAILED, "cell 1, line 4: ZeroDivisionError: division by zero"),
        "next": (RunState.SKIPPED, "step 'bad' failed"),
        "last": (RunState.SKIPPED, "step 'bad' failed"),
        "other": (RunState.SUCCEEDED, None),
    }
    assert found.steps[1].error == StepError(
        cell_index=1, line=4, ename="ZeroDivisionError", evalue="division by zero"
    )
    executed = kit.read(Path(str(found.notebook)))
    assert local_kit.outputs(executed) == [
        ["'fine'"],
        ["so far\n", "ZeroDivisionError"],
        [],
        [],
        [],
        ["'still'"],
    ]
    traceback = "".join(executed["cells"][1]["outputs"][1]["traceback"])
    assert "In[2]" in traceback
    assert "In[1]" not in traceback
    assert reporter.runs == [found]
    assert reporter.lines[0] == "run good,bad,next,last,other 6"
    assert "cell bad 1" in reporter.lines
    log = Path(found.directory, "steps", "02-bad", "log.txt").read_text()
    assert "--- cell 1," in log
    assert "so far\n" in log
    assert "ZeroDivisionError: division by zero\n" in log


def test_run__independent_steps__run_at_the_same_time(tmp_path: Path) -> None:
    """Each step waits for the other one, which only works if both run."""
    os.mkfifo(tmp_path / "left")
    os.mkfifo(tmp_path / "right")
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step("a", "open('left', 'w').close()\nopen('right').close()"),
        local_kit.step("b", "open('left').close()\nopen('right', 'w').close()"),
    )

    found = run(made, jobs=2)

    assert found.state is RunState.SUCCEEDED


def test_run__one_job__starts_steps_in_pipeline_order(tmp_path: Path) -> None:
    """The order of the pipeline decides where dependencies do not."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb", local_kit.step("b", "1"), local_kit.step("a", "2")
    )
    reporter = local_kit.RememberingReporter()

    run(made, jobs=1, reporter=reporter)

    assert reporter.lines == [
        "run b,a 2",
        "start b",
        "cell b 0",
        "end b SUCCEEDED",
        "start a",
        "cell a 1",
        "end a SUCCEEDED",
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            "print('bye', flush=True)\nimport os\nos._exit(3)",
            "cell 1: DeadKernelError: the kernel died (exit code 3)",
            id="exit",
        ),
        pytest.param(
            "import ctypes\nctypes.string_at(0)",
            "cell 1: DeadKernelError: the kernel died (killed by SIGSEGV)",
            id="segfault",
        ),
        pytest.param("raise SystemExit(0)", "cell 1: SystemExit: 0", id="sys-exit"),
    ],
)
def test_run__the_kernel_dies__fails_the_step_in_that_cell(
    tmp_path: Path, source: str, reason: str
) -> None:
    """What ran before is kept; nothing is left running."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb", local_kit.step("a", "'before'", source, "'after'")
    )

    found = run(made)

    assert found.steps[0].state is RunState.FAILED
    assert found.steps[0].reason == reason
    step_notebook = kit.read(Path(str(found.steps[0].notebook)))
    statuses = [
        cell["metadata"]["papermill"]["status"]
        for cell in step_notebook["cells"]
        if "cell" in cell["metadata"]["kernelpipe"]
    ]
    assert statuses == ["completed", "failed", "pending"]
    executed = kit.read(Path(str(found.notebook)))
    assert local_kit.outputs(executed)[0] == ["'before'"]
    assert local_kit.outputs(executed)[2] == []
    assert child_processes() == []


def test_run__a_step_takes_too_long__fails_it_with_its_timeout(tmp_path: Path) -> None:
    """The timeout stops the cell and leaves its outputs."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step("a", "print('s')\nimport time\ntime.sleep(600)", timeout_s=1.5),
    )

    found = run(made)

    reason = "it took longer than its timeout of 1.5 s"
    assert found.steps[0].state is RunState.FAILED
    assert found.steps[0].reason == reason
    assert found.steps[0].error == StepError(
        cell_index=0, line=3, ename="TimeoutError", evalue=reason
    )
    assert local_kit.outputs(kit.read(Path(str(found.notebook)))) == [["s\n", "KeyboardInterrupt"]]
    assert child_processes() == []


def test_run__retry__tries_again_in_a_directory_of_its_own(tmp_path: Path) -> None:
    """The notebook shows the last attempt."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step(
            "a",
            "from pathlib import Path\n"
            "tries = len(list(Path().glob('try*')))\n"
            "Path(f'try{tries}').touch()\n"
            "print(tries)\n"
            "assert tries == 1",
            retry=2,
            env=(),
        ),
    )
    reporter = local_kit.RememberingReporter()

    found = run(made, reporter=reporter)

    assert found.state is RunState.SUCCEEDED
    assert (
        "step 'a' failed (cell 0, line 5: AssertionError); attempt 2 of 3 in 1 s" in reporter.lines
    )
    assert sorted(p.name for p in Path(found.directory, "steps").iterdir()) == ["01-a", "01-a.2"]
    assert local_kit.outputs(kit.read(Path(str(found.notebook)))) == [["1\n"]]


def test_run__unknown_kernel__uses_the_default_one_and_says_so(tmp_path: Path) -> None:
    """Notebooks from elsewhere name kernels that are not installed here."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb", local_kit.step("a", "1"), kernel_name="conda-env-far-away"
    )
    reporter = local_kit.RememberingReporter()

    found = run(made, reporter=reporter)

    assert found.state is RunState.SUCCEEDED
    assert (
        "the notebook's kernel 'conda-env-far-away' is not installed here; using 'python3'"
        in reporter.lines
    )


def test_run__kernel_does_not_start__fails_the_step_with_the_kernels_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernelspec may name a program that is broken."""
    spec = tmp_path / "jupyter" / "kernels" / "broken"
    spec.mkdir(parents=True)
    argv = ["/bin/sh", "-c", "echo no such environment >&2; exit 4", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "broken", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    made = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"), kernel_name="broken")

    found = run(made)

    assert found.state is RunState.FAILED
    assert found.steps[0].reason == (
        "KernelStartError: the kernel did not start: no such environment"
    )


def test_run__a_cell_leaves_a_process__it_is_ended_with_the_step(tmp_path: Path) -> None:
    """The process group of the kernel ends with the kernel; the pipe's end shows it."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step(
            "a",
            f"import subprocess\nfd = open('/proc/{os.getpid()}/fd/{writing}', 'w')\n"
            "p = subprocess.Popen(['sleep', '600'], pass_fds=[fd.fileno()])",
        ),
    )

    found = run(made)

    assert found.state is RunState.SUCCEEDED
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_run__path_with_braces__is_taken_literally(tmp_path: Path) -> None:
    """Papermill would fill parameters into the path."""
    made = local_kit.pipeline(tmp_path / "{x}" / "n {0}.ipynb", local_kit.step("a", "1"))

    found = run(made)

    assert found.state is RunState.SUCCEEDED


class SignallingReporter(local_kit.RememberingReporter):
    """Sends this process a signal when the first cell has been executed."""

    def cell_finished(self, step: StepName, cell_index: int) -> None:
        """Send it."""
        super().cell_finished(step, cell_index)
        signal.raise_signal(signal.SIGTERM)


def test_run__signal_between_events__cancels_and_raises(tmp_path: Path) -> None:
    """The reporter sees the end of the run before the exception leaves."""
    made = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step("a", "'one'", "import time\ntime.sleep(600)", retry=3),
        local_kit.step("b", "'never'", after=["a"]),
    )
    before = signal.getsignal(signal.SIGTERM)
    reporter = SignallingReporter()

    with pytest.raises(RunInterruptedError, match="was stopped by SIGTERM"):
        run(made, reporter=reporter)

    (found,) = reporter.runs
    assert found.state is RunState.CANCELED
    assert [step.state for step in found.steps] == [RunState.CANCELED, RunState.SKIPPED]
    assert local_kit.outputs(kit.read(Path(str(found.notebook))))[0] == ["'one'"]
    assert signal.getsignal(signal.SIGTERM) is before
    assert child_processes() == []


class RemovingReporter(local_kit.RememberingReporter):
    """Removes a directory when the run has finished."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def run_finished(self, run: Run) -> None:
        """Remove it."""
        super().run_finished(run)
        self._directory.rmdir()


def test_run__out_vanishes__says_where_the_notebook_is(tmp_path: Path) -> None:
    """The run itself is recorded as it went."""
    (tmp_path / "there").mkdir()
    made = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    reporter = RemovingReporter(tmp_path / "there")

    with pytest.raises(RunError, match=r"SUCCEEDED, but .*n\.ipynb: cannot write .*o\.ipynb"):
        run(made, out=tmp_path / "there" / "o.ipynb", reporter=reporter)

    assert RunStore(tmp_path / ".kernelpipe").load("latest").state is RunState.SUCCEEDED


def test_run__cell_may_raise__goes_on(tmp_path: Path) -> None:
    """Jupyter runs on after a cell tagged ``raises-exception``; so does the engine."""
    step = tmp_path / "step"
    step.mkdir()
    kit.write(step / "step.ipynb", kit.code("1 / 0", "raises-exception"), kit.code("'after'"))
    session = Session(
        step, kernel="python3", working_directory=tmp_path, env={}, on_cell=lambda _: None
    )

    ending = session.execute()

    assert replace(ending, usage=None, cells=()) == Ending(cell=1, is_complete=True)
    executed = kit.read(step / "executed.ipynb")
    assert local_kit.outputs(executed) == [["ZeroDivisionError"], ["'after'"]]


def test_session__stopped_before_it_starts__executes_nothing(tmp_path: Path) -> None:
    """A signal may come before there is a kernel."""
    kit.write(tmp_path / "step.ipynb", kit.code("'never'"))
    session = Session(
        tmp_path, kernel="python3", working_directory=tmp_path, env={}, on_cell=lambda _: None
    )

    session.interrupt()
    session.terminate()
    session.kill()
    ending = session.execute()

    assert replace(ending, usage=None, cells=()) == Ending(cell=None)
    assert local_kit.outputs(kit.read(tmp_path / "executed.ipynb")) == [[]]
    assert child_processes() == []


def test_run__no_room_for_sockets_and_no_shell__works_over_tcp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unix socket paths are short, and not every system has ``/bin/sh``."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setattr(kernels, "_SHELL", str(tmp_path / "none"))
    made = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "'fine'"))

    found = run(made)

    assert found.state is RunState.SUCCEEDED
    assert list(deep.iterdir()) == []
    assert child_processes() == []
