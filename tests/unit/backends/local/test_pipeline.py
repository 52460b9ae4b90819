"""What a run refuses before it starts, and what it reports: no kernels."""

import io
from dataclasses import replace
from pathlib import Path

import local_kit
import pytest

from kernelpipe.backends.local import PlainReporter, SilentReporter, run_pipeline
from kernelpipe.backends.local.signals import on_stop_signal
from kernelpipe.errors import CompileError, KernelpipeError, RunError, UsageError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepRun
from kernelpipe.runs import RunStore


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"jobs": 0}, "--jobs must be at least 1, not 0", id="jobs"),
        pytest.param({"out": "n.ipynb"}, "is the source notebook", id="out-is-source"),
        pytest.param({"out": "link.ipynb"}, "is the source notebook", id="out-links-to-source"),
        pytest.param({"out": "none/o.ipynb"}, "cannot be written to", id="out-in-no-directory"),
        pytest.param({"out": "."}, "cannot be written to", id="out-is-a-directory"),
    ],
)
def test_run__wrong_use__is_refused_before_anything_is_made(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    """No run directory appears."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    (tmp_path / "link.ipynb").hardlink_to(tmp_path / "n.ipynb")
    out = tmp_path / str(changes["out"]) if "out" in changes else None

    with pytest.raises(UsageError, match=message):
        run_pipeline(
            pipeline,
            tasks,
            given={},
            store=RunStore(tmp_path / "home"),
            jobs=int(str(changes.get("jobs", 1))),
            out=out,
            reporter=SilentReporter(),
        )

    assert not (tmp_path / "home").exists()


def test_run__pipeline_has_errors__is_refused_with_all_of_them(tmp_path: Path) -> None:
    """What the backend does not support is among them."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1", when="x"))
    broken = Diagnostic(
        code="KP203",
        severity=Severity.ERROR,
        message="broken",
        location=Location(path="n.ipynb", cell_index=0),
    )

    with pytest.raises(CompileError) as caught:
        run_pipeline(
            replace(pipeline, diagnostics=(broken,)),
            tasks,
            given={},
            store=RunStore(tmp_path / "home"),
            jobs=1,
            out=None,
            reporter=SilentReporter(),
        )

    assert [found.code for found in caught.value.diagnostics] == ["KP203", "KP401"]


def test_run__source_is_gone__is_recorded_as_failed(tmp_path: Path) -> None:
    """A file of the run could not be written: exit code 5."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    (tmp_path / "n.ipynb").unlink()
    store = RunStore(tmp_path / "home")

    with pytest.raises(RunError, match=r"a file of the run cannot be written: .*n\.ipynb"):
        run_pipeline(
            pipeline, tasks, given={}, store=store, jobs=1, out=None, reporter=SilentReporter()
        )

    found = store.load("latest")
    assert found.state is RunState.FAILED
    assert str(found.reason).startswith("a file of the run cannot be written")


class FullStore(RunStore):
    """A store whose disk is full once the steps have started."""

    def record_step(self, run_id: RunId, step: StepRun) -> None:
        """Refuse."""
        raise RunError(f"no space for {run_id} {step.name}")


def test_run__store_cannot_be_written__stops_with_the_stores_words(tmp_path: Path) -> None:
    """A run that cannot be recorded does not go on."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))

    with pytest.raises(KernelpipeError, match="no space for"):
        run_pipeline(
            pipeline,
            tasks,
            given={},
            store=FullStore(tmp_path / "home"),
            jobs=1,
            out=None,
            reporter=SilentReporter(),
        )


class BlockingReporter(SilentReporter):
    """Puts a file where the directories of the steps belong."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def step_started(self, step: StepName) -> None:
        """Make the file."""
        assert step == "a"
        (directory,) = (self._home / "runs").iterdir()
        (directory / "steps").touch()


def test_run__step_directory_cannot_be_made__fails_the_step(tmp_path: Path) -> None:
    """The reason names the path; the run is concluded as usual."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))

    found = run_pipeline(
        pipeline,
        tasks,
        given={},
        store=RunStore(tmp_path / "home"),
        jobs=1,
        out=None,
        reporter=BlockingReporter(tmp_path / "home"),
    )

    assert found.state is RunState.FAILED
    assert found.steps[0].reason == (
        f"NotADirectoryError: Not a directory: {found.directory}/steps/01-a/outputs"
    )
    assert found.notebook is not None


def test_run__our_own_bug__is_raised_as_it_is(tmp_path: Path) -> None:
    """Exit code 1 with a traceback, not a failed step."""
    pipeline, (task,) = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    broken = replace(task, document='{"cells": [{"source": "1"}]}')

    store = RunStore(tmp_path / "home")

    with pytest.raises(KeyError, match="parameters"):
        run_pipeline(
            pipeline, [broken], given={}, store=store, jobs=1, out=None, reporter=SilentReporter()
        )

    found = store.load("latest")
    assert found.state is RunState.FAILED
    assert str(found.reason).startswith("kernelpipe itself failed: KeyError(")


class ClosedStream(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, _text: str) -> int:
        """Refuse."""
        raise BrokenPipeError


def test_plain_reporter__reader_is_gone__goes_on() -> None:
    """A closed terminal does not end the run."""
    PlainReporter(ClosedStream()).message("hello")


def test_plain_reporter__a_run__writes_a_line_per_event() -> None:
    """Cells are silent; states are KFP's words."""
    stream = io.StringIO()
    run = Run(
        id=RunId("20261121-120000-3f9a"),
        pipeline="n",
        source="/n.ipynb",
        state=RunState.FAILED,
        started_at=0.0,
        duration_s=2.5,
        directory="/runs/1",
        notebook="/runs/1/n.ipynb",
        parameters="{}",
        metrics=(),
        steps=(),
        reason="why",
    )

    for reporter in (PlainReporter(stream), SilentReporter()):
        reporter.run_started(run.id, Path("/runs/1"), (StepName("a"), StepName("b")), 3)
        reporter.step_started(StepName("a"))
        reporter.cell_finished(StepName("a"), 0)
        reporter.step_finished(
            StepRun(name=StepName("a"), state=RunState.SUCCEEDED, duration_s=1.25)
        )
        reporter.step_finished(
            StepRun(name=StepName("b"), state=RunState.SKIPPED, reason="step 'a' failed")
        )
        reporter.message("hello")
        reporter.run_finished(run)
        reporter.run_finished(replace(run, notebook=None, duration_s=None, reason=None))

    assert stream.getvalue().splitlines() == [
        "run 20261121-120000-3f9a: 2 steps, 3 cells, in /runs/1",
        "a: RUNNING",
        "a: SUCCEEDED (1.2 s)",
        "b: SKIPPED: step 'a' failed",
        "hello",
        "run 20261121-120000-3f9a: FAILED (2.5 s): why",
        "executed notebook: /runs/1/n.ipynb",
        "run 20261121-120000-3f9a: FAILED",
    ]


def test_on_stop_signal__other_thread__changes_nothing() -> None:
    """Only the main thread may set handlers."""
    import signal
    import threading

    found: list[object] = []

    def look() -> None:
        with on_stop_signal(lambda _: None):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert found == [signal.getsignal(signal.SIGTERM)]
