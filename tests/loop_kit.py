"""Reads runs of notebooks with loops, and a notebook with one."""

import json
from pathlib import Path

import kit

from kernelpipe.model.run import Run, StepFacts, StepRun, parts_of

FIT = (
    kit.code("rates = [1, 2, 3]\nbase = 10", "parameters"),
    kit.code("score = lr + base", "step:fit", "foreach:lr in rates"),
    kit.code("score", "metrics"),
    kit.code("best = max(score)\nprint(score)", "step:best"),
)
"""A loop over three items, their metric, and a step that takes their list."""


def facts(step: StepRun) -> StepFacts:
    """Return what is recorded about a step."""
    found: StepFacts = json.loads(step.facts)
    return found


def step_of(run: Run, name: str) -> StepRun:
    """Return one step of a run."""
    return next(step for step in run.steps if step.name == name)


def states(run: Run) -> dict[str, str]:
    """Return step, and item of a step -> its state, with a star when it was found."""
    parts = {part.name: part for step in run.steps for part in (step, *parts_of(step))}
    return {name: part.state.value + "*" * part.is_cached for name, part in parts.items()}


def shown(run: Run, cell: int) -> list[str]:
    """Return the texts that a cell of the executed notebook shows."""
    outputs = kit.read(Path(str(run.notebook)))["cells"][cell]["outputs"]
    return [
        output["text"] if "text" in output else output["data"]["text/plain"] for output in outputs
    ]
