"""What a running pipeline writes down for MLflow."""

import json
import time
from pathlib import Path

import mlflow_kit
import pytest
from mlflow_kit import Telling

from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState
from kernelpipe.runs.tracking import TrackedStep, Tracker

LOAD = StepName("load")


def test_tracker__switched_off__does_nothing(tmp_path: Path) -> None:
    """By the user's variable; no file is made."""
    telling = Telling(tmp_path, variables={"KERNELPIPE_MLFLOW": "off"})
    telling.end_step("load")
    told = telling.end()
    told.tracker.deliver_in_background()

    assert not (told.home / "outbox").exists()
    assert told.tracker.notes() == ()
    assert told.tracker.step_environment(LOAD) == {}


def test_tracker__not_wanted__is_off(tmp_path: Path) -> None:
    """``run --no-mlflow``."""
    assert not Tracker(tmp_path, is_wanted=False, environment=mlflow_kit.environment()).is_on


def test_tracker__run__writes_a_line_for_each_fact(tmp_path: Path) -> None:
    """All that is needed later, without the run's store."""
    telling = Telling(tmp_path)
    telling.end_step("load")
    told = telling.end(RunState.FAILED)

    lines = (telling.outbox / "facts.jsonl").read_text().splitlines()
    facts = [json.loads(line) for line in lines]
    assert [fact["kind"] for fact in facts] == ["run_started", "step_finished", "run_finished"]
    assert facts[0]["destination"] == {
        "uri": told.uri,
        "experiment": "churn",
        "experiment_id": None,
    }
    assert facts[1]["step"]["facts"] == {"started_s": 1.0}
    assert (facts[2]["run"]["state"], facts[2]["run"]["parameters"]["n"]) == ("FAILED", 3)


def test_tracker__a_fact__takes_no_time(tmp_path: Path) -> None:
    """The median of many stays under a millisecond on any machine."""
    telling = Telling(tmp_path)
    times = []
    for number in range(50):
        began = time.perf_counter()
        telling.end_step(f"s{number}")
        times.append(time.perf_counter() - began)

    assert sorted(times)[25] < 0.001


def test_tracker__outbox_cannot_be_written__is_said_once(tmp_path: Path) -> None:
    """The run goes on; nothing is raised."""
    home = tmp_path / ".kernelpipe"
    home.mkdir()
    (home / "outbox").write_text("in the way")

    telling = Telling(tmp_path)
    telling.end_step("load")
    told = telling.end()
    told.tracker.deliver_in_background()

    (note,) = told.tracker.notes()
    assert note.startswith("the run is not logged to MLflow: ")
    assert str(home / "outbox") in note


def test_step_environment__step_without_mlflow__is_empty(tmp_path: Path) -> None:
    """Its variables are what they would be without tracking."""
    assert Telling(tmp_path).tracker.step_environment(LOAD) == {}


def test_step_environment__code_goes_elsewhere__may_not_resume(tmp_path: Path) -> None:
    """A run of another experiment cannot be resumed, so it is only told where it belongs."""
    step = TrackedStep(name=LOAD, uses_mlflow=True, resumes_run=False)
    telling = Telling(tmp_path, steps=[step], running=[LOAD])

    found = telling.tracker.step_environment(LOAD)

    assert found == {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "MLFLOW_EXPERIMENT_NAME": "churn",
        "MLFLOW_RUN_CONTEXT": json.dumps({"kernelpipe.within": f"{telling.run.id}/load"}),
    }


@pytest.mark.parametrize(
    ("uri", "count"), [("sqlite:////elsewhere.db", 0), (None, 1)], ids=["other", "same"]
)
def test_notes__last_delivery_failed__is_said_for_the_same_store(
    tmp_path: Path, uri: str | None, count: int
) -> None:
    """What hindered another store does not matter to this run."""
    told = Telling(tmp_path).end()
    problem = {"uri": uri or told.uri, "message": "it is full"}
    (told.home / "outbox" / "problem.json").write_text(json.dumps(problem))

    notes = told.tracker.notes()

    assert [note.partition(";")[0] for note in notes] == [
        "earlier runs are not logged to MLflow yet: it is full"
    ] * count
