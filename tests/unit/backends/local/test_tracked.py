"""What tracking is told about steps."""

from dataclasses import replace
from pathlib import Path

import local_kit
import pytest

from kernelpipe.backends.local.tracked import tracked_steps
from kernelpipe.compiler import TaskInput
from kernelpipe.model.names import StepName
from kernelpipe.runs.tracking import InputFile, TrackedStep


def test_tracked_steps__step__has_what_it_takes_and_registers(tmp_path: Path) -> None:
    """Steps that do not import MLflow need nothing of it."""
    task = replace(
        local_kit.step("train", "1", register="churn:model"),
        parameters=("lr",),
        inputs=(TaskInput(step=StepName("load"), port="df", names=("df",)),),
        modules=("pandas",),
    )

    assert tracked_steps([task], tmp_path) == (
        TrackedStep(
            name=StepName("train"),
            parameters=("lr",),
            inputs=(InputFile(step=StepName("load"), port="df", names=("df",)),),
            register="churn:model",
        ),
    )


@pytest.mark.parametrize(
    ("source", "helper", "resumes"),
    [
        pytest.param("mlflow.start_run()", "", True, id="logs"),
        pytest.param("mlflow.set_experiment('x')", "", False, id="chooses-an-experiment"),
        pytest.param("mlflow.set_tracking_uri('x')", "", False, id="chooses-a-server"),
        pytest.param("go()", "import mlflow\nmlflow.set_experiment('x')", False, id="own-module"),
    ],
)
def test_tracked_steps__step_uses_mlflow__resumes_unless_it_goes_elsewhere(
    tmp_path: Path, source: str, helper: str, *, resumes: bool
) -> None:
    """MLflow refuses to resume a run of another experiment or server."""
    (tmp_path / "helper.py").write_text(helper)
    task = replace(local_kit.step("a", source), modules=("helper", "mlflow.sklearn"))

    (found,) = tracked_steps([task], tmp_path)

    assert (found.uses_mlflow, found.resumes_run) == (True, resumes)
