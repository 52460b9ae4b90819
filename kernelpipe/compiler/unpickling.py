"""Finds the steps that may hold objects out of pickle files, which the analysis cannot see."""

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName

_WORDS = ("pickle", "joblib", "dill", "torch", "shelve")
"""At least one of them is in the text of code that unpickles."""


def follow_unpickled(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Return the tasks; those that get what another step may have unpickled use all of setup.

    A pickle names the classes and functions of the notebook that its objects need, and these call
    others. That is in no cell that could be read.

    Args:
        tasks: In pipeline order.
    """
    found: list[Task] = []
    sources: set[StepName] = set()
    for task in tasks:
        names = set(task.setup_names)
        if any(port.step in sources for port in task.inputs):
            names.update(json.loads(task.document)["shared"])
            sources.add(task.step)
        elif any(word in task.document for word in _WORDS) and _unpickles(task):
            sources.add(task.step)
        found.append(replace(task, setup_names=tuple(sorted(names))))
    return tuple(found)


def _unpickles(task: Task) -> bool:
    from kernelpipe.compiler.mentions import Mentions, may_unpickle  # noqa: PLC0415 - rarely needed
    from kernelpipe.compiler.statements import units_of  # noqa: PLC0415 - likewise

    document = json.loads(task.document)
    mentions: Collection[Mentions] = [
        unit.mentions
        for part in ("setup", "cells")
        for entry in document[part]
        for unit in units_of(entry["source"])
    ]
    return may_unpickle(mentions)
