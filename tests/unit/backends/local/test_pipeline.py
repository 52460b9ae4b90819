"""What a run refuses before it starts, and what it reports: no kernels."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import local_kit
import pytest

from kernelpipe.backends.local import RunRequest, SilentReporter, run_pipeline
from kernelpipe.backends.local.signals import on_stop_signal
from kernelpipe.errors import CompileError, KernelpipeError, RunError, UsageError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import RunState, StepRun
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
            request=RunRequest(jobs=int(str(changes.get("jobs", 1))), out=out),
            reporter=SilentReporter(),
        )

    assert not (tmp_path / "home").exists()


def test_run__pipeline_has_errors__is_refused_with_all_of_them(tmp_path: Path) -> None:
    """Warnings are not among them."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    found = [
        Diagnostic(
            code=code,
            severity=severity,
            message="broken",
            location=Location(path="n.ipynb", cell_index=0),
        )
        for code, severity in (
            ("KP203", Severity.ERROR),
            ("KP315", Severity.WARNING),
            ("KP310", Severity.ERROR),
        )
    ]

    with pytest.raises(CompileError) as caught:
        run_pipeline(
            replace(pipeline, diagnostics=tuple(found)),
            tasks,
            given={},
            store=RunStore(tmp_path / "home"),
            request=RunRequest(jobs=1),
            reporter=SilentReporter(),
        )

    assert [each.code for each in caught.value.diagnostics] == ["KP203", "KP310"]


def test_run__source_is_gone__nothing_is_started(tmp_path: Path) -> None:
    """No run is recorded."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))
    (tmp_path / "n.ipynb").unlink()
    store = RunStore(tmp_path / "home")

    with pytest.raises(UsageError, match=r"cannot read .*n\.ipynb: No such file"):
        run_pipeline(
            pipeline,
            tasks,
            given={},
            store=store,
            request=RunRequest(jobs=1),
            reporter=SilentReporter(),
        )

    assert store.list_runs() == ()


class FullStore(RunStore):
    """A store whose disk is full once the steps have started."""

    def record_steps(self, run_id: RunId, steps: Sequence[StepRun]) -> None:
        """Refuse."""
        raise RunError(f"no space for {run_id} {steps[0].name}")


def test_run__store_cannot_be_written__stops_with_the_stores_words(tmp_path: Path) -> None:
    """A run that cannot be recorded does not go on."""
    pipeline, tasks = local_kit.pipeline(tmp_path / "n.ipynb", local_kit.step("a", "1"))

    with pytest.raises(KernelpipeError, match="no space for"):
        run_pipeline(
            pipeline,
            tasks,
            given={},
            store=FullStore(tmp_path / "home"),
            request=RunRequest(jobs=1),
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
        request=RunRequest(jobs=1),
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
    content = json.loads(task.document)
    del content["pipeline"]
    broken = replace(task, document=json.dumps(content))

    store = RunStore(tmp_path / "home")

    with pytest.raises(KeyError, match="pipeline"):
        run_pipeline(
            pipeline,
            [broken],
            given={},
            store=store,
            request=RunRequest(jobs=1),
            reporter=SilentReporter(),
        )

    found = store.load("latest")
    assert found.state is RunState.FAILED
    assert str(found.reason).startswith("kernelpipe itself failed: KeyError(")


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
