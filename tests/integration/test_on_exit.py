"""On-exit steps on this machine, with real kernels."""

from pathlib import Path

import kit
import papermill
import pytest
from papermill.engines import papermill_engines

import kernelpipe
from kernelpipe import api
from kernelpipe.backends.papermill_engine import KernelpipeEngine
from kernelpipe.errors import RunInterruptedError
from kernelpipe.model.plan import Verdict
from kernelpipe.model.run import Run, RunState
from kernelpipe.runs import RunStore

pytestmark = pytest.mark.integration

TELL = (
    "import os\nprint(where, os.environ['KERNELPIPE_RUN_STATE'],"
    " os.environ['KERNELPIPE_RUN_REASON'], sep='|', end='')"
)


def cells(source: str, handler: str = TELL) -> tuple[kit.JSON, ...]:
    """Return a notebook whose on-exit step stands before another step."""
    return (
        kit.code("where = 'here'\nlr = 1", "parameters"),
        kit.code(source, "step:work"),
        kit.code(handler, "step:tell", "on-exit"),
        kit.code("print('more')", "step:more", "prev:work"),
    )


def told(run: Run) -> str:
    """Return what the on-exit step printed."""
    outputs = kit.read(Path(str(run.notebook)))["cells"][2]["outputs"]
    return "".join(output.get("text", "") for output in outputs)


def states(run: Run) -> dict[str, RunState]:
    """Return the state of each step."""
    return {step.name: step.state for step in run.steps}


def test_run__succeeds__on_exit_is_told_so_each_time(tmp_path: Path) -> None:
    """It runs last, though it stands in between, and is never taken from the store."""
    path = kit.write(tmp_path / "n.ipynb", *cells("print(lr)"))

    first = api.run(path, jobs=2, home=tmp_path / "home", track=False)
    second = api.run(path, {"where": "there"}, jobs=2, home=tmp_path / "home", track=False)
    plan = api.plan(path, home=tmp_path / "home")

    assert first.state is second.state is RunState.SUCCEEDED
    assert told(first) == "here|SUCCEEDED|"
    assert told(second) == "there|SUCCEEDED|"
    assert [(step.name, step.is_cached) for step in second.steps] == [
        ("work", True),
        ("more", True),
        ("tell", False),
    ]
    assert [step.verdict for step in plan.steps] == [Verdict.FOUND, Verdict.FOUND, Verdict.RUN]
    assert plan.steps[2].reasons == ("it runs at the end of every run",)


def test_run__step_fails__on_exit_is_told_why(tmp_path: Path) -> None:
    """The run has FAILED all the same."""
    path = kit.write(tmp_path / "n.ipynb", *cells("1 / 0"))

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.FAILED
    assert states(run) == {
        "work": RunState.FAILED,
        "more": RunState.SKIPPED,
        "tell": RunState.SUCCEEDED,
    }
    assert told(run) == (
        "here|FAILED|step 'work' failed: cell 1, line 1: ZeroDivisionError: division by zero"
    )


def test_run__on_exit_fails__the_run_fails(tmp_path: Path) -> None:
    """Nobody looks at a run that SUCCEEDED."""
    path = kit.write(tmp_path / "n.ipynb", *cells("print(lr)", "raise OSError('no mail')"))

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.FAILED
    assert states(run)["tell"] is RunState.FAILED


def test_run__is_stopped__on_exit_runs_all_the_same(tmp_path: Path) -> None:
    """A stopped run cleans up; it stays CANCELED."""
    path = kit.write(
        tmp_path / "n.ipynb",
        *cells("import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(99)"),
    )

    with pytest.raises(RunInterruptedError) as caught:
        api.run(path, {"lr": 1}, jobs=2, home=tmp_path / "home", track=False, engine="kernel")

    run = RunStore(tmp_path / "home").load(caught.value.run_id)
    assert run.state is RunState.CANCELED
    assert states(run) == {
        "work": RunState.CANCELED,
        "more": RunState.SKIPPED,
        "tell": RunState.SUCCEEDED,
    }
    assert told(run) == "here|CANCELED|stopped by SIGINT"


def test_run__until_an_earlier_step__on_exit_runs_too(tmp_path: Path) -> None:
    """It belongs to every run, but for one that asks for single steps only."""
    path = kit.write(tmp_path / "n.ipynb", *cells("print(lr)"))
    home = tmp_path / "home"

    until = api.run(path, until=["work"], jobs=2, home=home, track=False)
    only = api.run(path, only=["more"], jobs=2, home=home, track=False)

    assert states(until)["tell"] is RunState.SUCCEEDED
    assert states(only)["tell"] is RunState.SKIPPED


def test_resume__on_exit_failed__it_runs_again_and_the_rest_is_found(tmp_path: Path) -> None:
    """The steps before it have done their work."""
    handler = "import os\nif not os.path.exists('ok'):\n    raise OSError\n" + TELL
    path = kit.write(tmp_path / "n.ipynb", *cells("print(lr)", handler))
    home = tmp_path / "home"

    first = api.run(path, jobs=2, home=home, track=False)
    (tmp_path / "ok").touch()
    second = api.resume(home=home, jobs=2, track=False)

    assert first.state is RunState.FAILED
    assert second.state is RunState.SUCCEEDED
    assert [(step.name, step.is_cached) for step in second.steps] == [
        ("work", True),
        ("more", True),
        ("tell", False),
    ]
    assert told(second) == "here|SUCCEEDED|"


def test_batch__on_exit__runs_for_each_point(tmp_path: Path) -> None:
    """It is told of its own point."""
    path = kit.write(tmp_path / "n.ipynb", *cells("1 / lr"))

    batch = kernelpipe.batch(path, grid={"lr": [1, 0]}, jobs=2, home=tmp_path / "home")

    runs = [api.find_run(str(point.run_id), home=batch.home) for point in batch.points]
    assert [run.state for run in runs] == [RunState.SUCCEEDED, RunState.FAILED]
    assert [told(run) for run in runs] == [
        "here|SUCCEEDED|",
        "here|FAILED|step 'work' failed: cell 1, line 1: ZeroDivisionError: division by zero",
    ]


def test_run__item_of_a_loop_fails__on_exit_is_told_which(tmp_path: Path) -> None:
    """The reason names the item."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("where = 'here'\nitems = [1, 0]", "parameters"),
        kit.code("x = 1 / lr", "step:work", "foreach:lr in items"),
        kit.code(TELL, "step:tell", "on-exit"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert told(run) == (
        "here|FAILED|step 'work' failed: item 1 (lr = 0): cell 1, line 1: ZeroDivisionError:"
        " division by zero"
    )


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_papermill__on_exit__runs_after_a_failure(tmp_path: Path) -> None:
    """What papermill raises is the error of the step that failed."""
    papermill_engines.register("kernelpipe", KernelpipeEngine)
    path = kit.write(tmp_path / "n.ipynb", *cells("1 / lr"))
    out = tmp_path / "out.ipynb"

    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        papermill.execute_notebook(
            path, out, {"lr": 0}, engine_name="kernelpipe", progress_bar=False
        )

    texts = [
        "".join("".join(output.get("text", "")) for output in cell.get("outputs", ()))
        for cell in kit.read(out)["cells"]
    ]
    assert [text for text in texts if "|" in text] == [
        "here|FAILED|step 'work' failed: cell 2, line 1: ZeroDivisionError: division by zero"
    ]
