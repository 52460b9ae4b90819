"""Gated steps on this machine, with real kernels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import kit
import papermill
import pytest
from papermill.engines import papermill_engines

import kernelpipe
from kernelpipe import api
from kernelpipe.backends.papermill_engine import KernelpipeEngine
from kernelpipe.model.plan import Verdict
from kernelpipe.model.run import Run, RunState

pytestmark = pytest.mark.integration

CELLS = (
    kit.code("lr = 0.85\nmode = 'full'", "parameters"),
    kit.code("accuracy = lr", "step:fit"),
    kit.code("accuracy", "metrics"),
    kit.code("message = 'published'\nprint(message)", "step:publish", "when:accuracy > 0.9"),
    kit.code("print(message, 'again')", "step:tell"),
    kit.code("print('always')", "step:always"),
    kit.code("print(mode)", "step:full", "when:mode == 'full'"),
)


def states(run: Run) -> dict[str, tuple[RunState, str | None]]:
    """Return each step's state with its reason."""
    return {step.name: (step.state, step.reason) for step in run.steps}


def printed(run: Run) -> list[list[str]]:
    """Return what each code cell of the executed notebook printed."""
    notebook = kit.read(Path(str(run.notebook)))
    return [
        [output["text"] for output in cell["outputs"] if output["output_type"] == "stream"]
        for cell in notebook["cells"]
    ]


def test_run__gate_is_closed__skips_the_step_and_what_depends_on_it(tmp_path: Path) -> None:
    """The run succeeds, and the skipped cells have no outputs."""
    path = kit.write(tmp_path / "n.ipynb", *CELLS)

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.SUCCEEDED
    assert states(run) == {
        "fit": (RunState.SUCCEEDED, None),
        "publish": (RunState.SKIPPED, "when accuracy > 0.9: accuracy is 0.85"),
        "tell": (RunState.SKIPPED, "step 'publish' was skipped"),
        "always": (RunState.SUCCEEDED, None),
        "full": (RunState.SUCCEEDED, None),
    }
    assert printed(run) == [[], [], [], [], [], ["always\n"], ["full\n"]]


def test_run__gate_opens_and_closes_again__found_steps_obey_it(tmp_path: Path) -> None:
    """What an open gate made stays in the store; a closed one does not show it."""
    path = kit.write(tmp_path / "n.ipynb", *CELLS)
    home = tmp_path / "home"

    opened = api.run(path, {"lr": 0.95}, jobs=2, home=home, track=False)
    api.run(path, {"lr": 0.5, "mode": "half"}, jobs=2, home=home, track=False)
    closed = api.run(path, {"lr": 0.5, "mode": "half"}, jobs=2, home=home, track=False)
    again = api.run(path, {"lr": 0.95}, jobs=2, home=home, track=False)

    assert {state for state, _ in states(opened).values()} == {RunState.SUCCEEDED}
    assert states(closed)["publish"] == (
        RunState.SKIPPED,
        "when accuracy > 0.9: accuracy is 0.5",
    )
    assert states(closed)["full"] == (RunState.SKIPPED, "when mode == 'full': mode is 'half'")
    assert printed(closed)[3:] == [[], [], ["always\n"], []]
    assert [step.is_cached for step in again.steps] == [True] * 5
    assert printed(again) == printed(opened)


def test_plan__gate__is_skipped_when_known_and_maybe_when_not(tmp_path: Path) -> None:
    """A plan tells what the gate depends on while its metric is not known."""
    path = kit.write(tmp_path / "n.ipynb", *CELLS)
    home = tmp_path / "home"

    before = api.plan(path, home=home)
    api.run(path, jobs=2, home=home, track=False)
    after = api.plan(path, home=home)

    assert [(step.name, step.verdict, step.reasons) for step in before.steps] == [
        ("fit", Verdict.RUN, ("never run",)),
        ("publish", Verdict.MAYBE, ("depends on whether accuracy > 0.9", "never run")),
        ("tell", Verdict.MAYBE, ("depends on whether step 'publish' runs", "never run")),
        ("always", Verdict.RUN, ("never run",)),
        ("full", Verdict.RUN, ("never run",)),
    ]
    assert [(step.name, step.verdict) for step in after.steps] == [
        ("fit", Verdict.FOUND),
        ("publish", Verdict.SKIPPED),
        ("tell", Verdict.SKIPPED),
        ("always", Verdict.FOUND),
        ("full", Verdict.FOUND),
    ]
    assert after.steps[1].reasons == ("when accuracy > 0.9: accuracy is 0.85",)
    assert after.steps[2].reasons == ("step 'publish' is skipped",)


def test_run__metric_is_no_number__the_gated_step_fails(tmp_path: Path) -> None:
    """A gate that cannot be told is neither open nor closed."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("accuracy = 'good'", "step:fit"),
        kit.code("accuracy", "metrics"),
        kit.code("print(1)", "step:publish", "when:accuracy > 0.9"),
        kit.code("print(2)", "step:tell", "prev:publish"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.FAILED
    assert states(run) == {
        "fit": (RunState.SUCCEEDED, None),
        "publish": (RunState.FAILED, "when accuracy > 0.9: there is no number 'accuracy'"),
        "tell": (RunState.SKIPPED, "step 'publish' failed"),
    }


def test_run__gate_closed_and_another_step_failed__the_run_failed(tmp_path: Path) -> None:
    """A step that needs both is skipped as soon as one of them is."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("go = False", "parameters"),
        kit.code("x = 1", "step:gated", "when:go"),
        kit.code("y = 1 / 0", "step:broken"),
        kit.code("print(x, y)", "step:both"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.FAILED
    assert states(run)["gated"] == (RunState.SKIPPED, "when go: go is False")
    assert states(run)["both"] == (RunState.SKIPPED, "step 'gated' was skipped")
    assert json.loads(run.parameters) == {"go": False}


def test_resume__gate_was_closed__is_looked_at_again(tmp_path: Path) -> None:
    """A skipped step has nothing to go on with; what failed beside it is repeated."""
    path = kit.write(
        tmp_path / "n.ipynb",
        *CELLS,
        kit.code("import os\nif not os.path.exists('ok'):\n    raise ValueError", "step:late"),
        kit.code("print('then')", "step:then", "when:accuracy > 0.8", "prev:late"),
    )
    home = tmp_path / "home"

    first = api.run(path, jobs=2, home=home, track=False)
    (tmp_path / "ok").touch()
    second = api.resume(home=home, jobs=2, track=False)

    closed = (RunState.SKIPPED, "when accuracy > 0.9: accuracy is 0.85")
    assert first.state is RunState.FAILED
    assert states(first)["publish"] == states(second)["publish"] == closed
    assert states(first)["then"] == (RunState.SKIPPED, "step 'late' failed")
    assert second.state is RunState.SUCCEEDED
    assert [step.is_cached for step in second.steps] == [
        True,
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    assert printed(second)[-1] == ["then\n"]


def test_batch__gate__is_open_for_some_points(tmp_path: Path) -> None:
    """Each point SUCCEEDED; what is before the gate is shared."""
    path = kit.write(tmp_path / "n.ipynb", *CELLS)

    batch = kernelpipe.batch(path, grid={"lr": [0.95, 0.5], "mode": ["full", "half"]}, jobs=2)

    runs = [api.find_run(str(point.run_id), home=batch.home) for point in batch.points]
    skipped = [[step.name for step in run.steps if step.state is RunState.SKIPPED] for run in runs]
    assert [point.state for point in batch.points] == [RunState.SUCCEEDED] * 4
    assert skipped == [[], ["full"], ["publish", "tell"], ["publish", "tell", "full"]]
    assert sum(point.steps_run for point in batch.points) == 6


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_papermill__gate_over_a_parameter__sees_what_papermill_gave(tmp_path: Path) -> None:
    """The injected cell says what the parameters are; cells of skipped steps are empty."""
    papermill_engines.register("kernelpipe", KernelpipeEngine)
    path = kit.write(tmp_path / "n.ipynb", *CELLS)
    options = {"engine_name": "kernelpipe", "progress_bar": False}

    done = papermill.execute_notebook(path, None, {"mode": "half", "lr": 0.95}, **options)

    texts = ["".join(output.get("text", "") for output in cell.outputs) for cell in done.cells]
    assert texts == ["", "", "", "", "published\n", "published again\n", "always\n", ""]


@pytest.mark.parametrize("lr", [0.5, 0.95])
def test_command__run_again__is_the_same_whatever_the_gate(tmp_path: Path, lr: float) -> None:
    """Also when nothing has changed and the answer may be remembered."""
    kit.write(tmp_path / "n.ipynb", *CELLS)

    def run() -> kit.JSON:
        words = ("run", "n.ipynb", "-p", "lr", str(lr), "--json", "--no-mlflow")
        done = subprocess.run(
            [sys.executable, "-m", "kernelpipe", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
            capture_output=True,
            timeout=60,
            check=True,
        )
        found: kit.JSON = json.loads(done.stdout)
        return found

    runs = [run() for _ in range(3)]

    told = [[(s["name"], s["state"], s["reason"]) for s in run["steps"]] for run in runs]
    assert told[0] == told[1] == told[2]
    assert [step["cached"] for step in runs[2]["steps"]] == (
        [True, False, False, True, True] if lr == 0.5 else [True] * 5
    )
