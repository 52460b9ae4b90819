"""What MLflow tracking is told about the steps of a pipeline."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from kernelpipe.compiler import Task
from kernelpipe.runs.tracking import InputFile, TrackedStep

_LEAVING_CALLS = ("set_experiment", "set_tracking_uri")
"""Calls of MLflow that lead elsewhere: resuming the step's run would then fail."""


def tracked_steps(tasks: Sequence[Task], directory: Path) -> tuple[TrackedStep, ...]:
    """Return the steps as tracking knows them, in pipeline order.

    Args:
        tasks: In pipeline order.
        directory: Where the notebook's own modules are.
    """
    return tuple(_tracked(task, directory) for task in tasks)


def _tracked(task: Task, directory: Path) -> TrackedStep:
    uses_mlflow = any(module.partition(".")[0] == "mlflow" for module in task.modules)
    return TrackedStep(
        name=task.step,
        parameters=task.parameters,
        inputs=tuple(
            InputFile(step=each.step, port=each.port, names=each.names) for each in task.inputs
        ),
        register=task.settings.register,
        uses_mlflow=uses_mlflow,
        resumes_run=uses_mlflow
        and not any(call in text for text in _texts(task, directory) for call in _LEAVING_CALLS),
    )


def _texts(task: Task, directory: Path) -> Iterator[str]:
    """Give the step's code and that of the notebook's own modules that it imports."""
    yield task.document
    for module in task.modules:
        path = directory.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                yield file.read_text(encoding="utf-8", errors="replace")
