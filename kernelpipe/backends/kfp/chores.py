"""Small tasks of our own between the steps: they give out a loop's items, and look at gates.

A chore is handled like a task, under a name that no step can have. Its pod runs no notebook (see
``runtime.pod_chores``) and hands on our runtime as other pods do.

A loop's chore turns the list into one text per item, which says the item's place and its value as
JSON, so that integers stay integers on the way and no two items are ever the same to a cache. For
an empty list there is one text that says so: KFP resolves no outputs of a loop without items. What
earlier loops gave becomes one bundle each: of a list of artifacts KFP hands only one into a
sub-DAG.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kernelpipe.backends.kfp.packages import Packages
from kernelpipe.backends.kfp.parameters import pod_entry
from kernelpipe.backends.kfp.small_pods import small_pod
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.compiler.task import Task, TaskInput, TaskOutput
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Parameter, Pipeline
from kernelpipe.runtime.pod_chores import METRICS_PORT

_HIDDEN: Final = re.compile(r"\b(globals|locals|vars|dir|eval|exec|get_ipython)\b")
"""Words of code that may read a name without writing it."""
NO_PACKAGES: Final = Packages(pins=(), needed=(), tools=(), modules=())
"""What a chore's pod installs."""


def items_chore(step: StepName) -> StepName:
    """Return the name of the chore that gives out the items of a loop."""
    return StepName(f"{step} items")


def gate_chore(step: StepName) -> StepName:
    """Return the name of the chore that looks at the gate of a step."""
    return StepName(f"{step} gate")


def bundle_port(entry: TaskInput) -> str:
    """Return the output of a loop's chore that holds what an earlier loop gave."""
    return f"{entry.step}-{entry.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of a pipeline with its chores, each chore before the step that it is for."""

    tasks: tuple[Task, ...]
    chores: Mapping[StepName, Json]
    """Chore -> what its pod is to do."""
    loops: Mapping[StepName, StepName]
    """Step that runs once per item -> the chore that gives the items out."""


def plan_chores(pipeline: Pipeline, tasks: Sequence[Task]) -> Plan:
    """Return the tasks of a pipeline, in its order; loops come after their chores."""
    loops = {task.step: items_chore(task.step) for task in tasks if task.loop is not None}
    planned: list[Task] = []
    chores: dict[StepName, Json] = {}
    for task in tasks:
        if task.gate is not None and len({step for _, step in task.gate.metrics}) > 1:
            name = gate_chore(task.step)
            reports = tuple(
                TaskInput(step=step, port=METRICS_PORT, names=())
                for step in sorted({step for _, step in task.gate.metrics})
            )
            planned.append(_chore(name, task, reports))
            chores[name] = {"metrics": dict(task.gate.metrics)}
        if task.loop is None:
            planned.append(task)
            continue
        name = loops[task.step]
        lists = tuple(each for each in task.inputs if each.step in loops)
        bundles = tuple(
            TaskOutput(port=bundle_port(each), names=each.names, kind=ArtifactKind.ANY)
            for each in lists
        )
        listed = next(p for p in pipeline.parameters if p.name == task.loop.parameter)
        planned.append(_chore(name, task, lists, outputs=bundles, listed=listed))
        chores[name] = {"items": pod_entry(listed)}
        planned.append(_item_task(task, name, pipeline))
    return Plan(tasks=tuple(planned), chores=chores, loops=loops)


def _chore(
    name: StepName,
    task: Task,
    inputs: tuple[TaskInput, ...],
    *,
    outputs: tuple[TaskOutput, ...] = (),
    listed: Parameter | None = None,
) -> Task:
    """Return the chore for ``task``; it runs where the task's own pods can run."""
    document = {
        "step": name,
        "setup": [],
        "inputs": [{"step": i.step, "port": i.port, "names": list(i.names)} for i in inputs],
        "outputs": [{"port": each.port} for each in outputs],
    }
    return Task(
        step=name,
        after=tuple(sorted({each.step for each in inputs})),
        document=json.dumps(document),
        parameters=() if listed is None else (listed.name,),
        inputs=inputs,
        outputs=outputs,
        metrics=(),
        modules=(),
        settings=replace(small_pod(task.settings), cache=task.settings.cache),
    )


def _item_task(task: Task, chore: StepName, pipeline: Pipeline) -> Task:
    """Return the task of a loop's step, without the list if nothing reads it besides the loop.

    With the list among its inputs each item would miss the cluster's cache when another changes.
    """
    name = task.loop.parameter if task.loop is not None else ""
    return replace(
        task,
        after=tuple(sorted({*task.after, chore})),
        parameters=tuple(p for p in task.parameters if p != name or _is_read(pipeline, name)),
    )


def _is_read(pipeline: Pipeline, name: str) -> bool:
    """Return whether any code may read a parameter; it is mentioned where it gets its default."""
    sources: dict[int, str] = {}
    for step in pipeline.steps:
        cells = (*step.cells, *step.tests, *(setup.cell for setup in step.setup))
        sources |= {cell.index: cell.source for cell in cells}
    mentions = sum(len(re.findall(rf"\b{name}\b", source)) for source in sources.values())
    return mentions > 1 or any(map(_HIDDEN.search, sources.values()))
