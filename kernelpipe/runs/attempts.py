"""The names of the directories that attempts at steps have in a run's directory."""

from pathlib import Path

from kernelpipe.model.names import StepName


def attempt_name(
    position: int, step: StepName, *, attempt: int = 1, item: int | None = None
) -> str:
    """Return the name of the directory of one attempt, in the run's directory ``steps``.

    Args:
        position: Of the step in the pipeline, from zero.
        step: The step.
        attempt: From one.
        item: Which item of a loop's step it is for, from zero; None of a step that runs once.
    """
    name = f"{position + 1:02d}-{step}"
    if item is not None:
        name += f".{item}"
    return name if attempt == 1 else f"{name}.{attempt}"


def find_attempts(
    directory: Path, position: int, step: StepName, *, item: int | None = None
) -> list[Path]:
    """Return the directories of the attempts at a step, or at one of its items, in order.

    Args:
        directory: The run's.
        position: See :func:`attempt_name`, as for the others.
        step: The step.
        item: Of a loop's step.
    """
    found: list[Path] = []
    while True:
        name = attempt_name(position, step, attempt=len(found) + 1, item=item)
        path = directory / "steps" / name
        if not path.is_dir():
            return found
        found.append(path)
