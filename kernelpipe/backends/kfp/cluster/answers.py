"""What the KFP API answers about a run, parsed once; everything may be missing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from kernelpipe.backends.kfp.payload import KFP_LOCAL_WORD, RUNTIME_STEP
from kernelpipe.backends.kfp.spec import Json, mapping, text, texts
from kernelpipe.model.run import RunState

FINAL_STATES: Final = frozenset(
    {RunState.SUCCEEDED, RunState.FAILED, RunState.SKIPPED, RunState.CANCELED}
)
PAUSED: Final = "PAUSED"
_STEP_ARGUMENT: Final = 2
"""Which argument of our containers is the step's name."""


_POD: Final = re.compile(r"(.+?)-(?:metadata-\d+-\d+-)?(?:retry-)?system-[a-z-]+-(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTask:
    """One node of the workflow: a step's DAG, its driver, its executor or another one.

    ``state`` is None where the cluster does not say it; times are seconds since the epoch, whole
    ones; ``names`` are all ids by which others may refer to it; ``children`` and ``parent`` are
    such ids.
    """

    name: str
    state: RunState | None
    started_at: float | None = None
    ended_at: float | None = None
    names: frozenset[str] = frozenset()
    parent: str = ""
    children: frozenset[str] = frozenset()
    pod: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStep:
    """A task of the submitted pipeline.

    ``memory``, ``cpu`` and ``image`` are as its container has them; ``has_condition`` tells
    whether it may be skipped. ``loop`` is the task that runs it once per item, "" for none.
    """

    task: str
    step: str
    image: str = ""
    memory: str = ""
    cpu: str = ""
    has_condition: bool = False
    loop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRun:
    """A run as the API tells of it; ``tasks`` is None where it gives no details.

    ``parameters`` is JSON text of name -> value. ``canceled_at`` is when it was asked to stop.
    """

    id: str
    name: str
    state: RunState | None
    stated: str
    """The state in the API's own words."""
    experiment_id: str
    schedule_id: str
    description: str
    pipeline: str
    parameters: str
    created_at: float | None
    finished_at: float | None
    canceled_at: float | None
    message: str
    steps: tuple[RemoteStep, ...]
    """In the order in which they can run."""
    tasks: tuple[RemoteTask, ...] | None
    runtime_task: RemoteStep | None = None
    """The task that hands our runtime to steps, if there is one."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_STATES


def parse_run(document: Json) -> RemoteRun:
    """Return what an answer about one run says."""
    details = document.get("run_details")
    listed = mapping(details).get("task_details")
    spec = pipeline_spec(document)
    stated = text(document.get("state"))
    return RemoteRun(
        id=text(document.get("run_id")),
        name=text(document.get("display_name")),
        state=_state(stated),
        stated=stated,
        experiment_id=text(document.get("experiment_id")),
        schedule_id=text(document.get("recurring_run_id")),
        description=text(document.get("description")),
        pipeline=text(mapping(spec.get("pipelineInfo")).get("name")),
        parameters=json.dumps(mapping(mapping(document.get("runtime_config")).get("parameters"))),
        created_at=parse_time(document.get("created_at")),
        finished_at=parse_time(document.get("finished_at")),
        canceled_at=_canceled_at(document),
        message=_message(document),
        steps=steps_of(spec),
        runtime_task=runtime_task_of(spec),
        tasks=tuple(_task(mapping(each)) for each in listed) if isinstance(listed, list) else None,
    )


def pipeline_spec(document: Json) -> Json:
    """Return the pipeline spec that a run or a schedule holds, {} if it only refers to one."""
    spec = mapping(document.get("pipeline_spec"))
    return mapping(spec.get("pipeline_spec")) or spec


def steps_of(spec: Json) -> tuple[RemoteStep, ...]:
    """Return the steps of a pipeline spec; a step comes after those that it depends on.

    Conditions, loops and exit handlers are pipelines in the pipeline: their steps stand in their
    place. The task that hands our runtime to steps is none.
    """
    tasks = _steps(spec, mapping(spec.get("root")), has_condition=False, loop="")
    return tuple(task for task in tasks if task.step != RUNTIME_STEP)


def runtime_task_of(spec: Json) -> RemoteStep | None:
    """Return the task that hands our runtime to steps, None if there is none."""
    tasks = _steps(spec, mapping(spec.get("root")), has_condition=False, loop="")
    return next((task for task in tasks if task.step == RUNTIME_STEP), None)


def _steps(spec: Json, component: Json, *, has_condition: bool, loop: str) -> Iterator[RemoteStep]:
    tasks = {
        name: mapping(task)
        for name, task in mapping(mapping(component.get("dag")).get("tasks")).items()
    }
    for name in _ordered(tasks):
        task = tasks[name]
        reference = text(mapping(task.get("componentRef")).get("name"))
        inner = mapping(mapping(spec.get("components")).get(reference))
        may_be_skipped = has_condition or bool(mapping(task.get("triggerPolicy")).get("condition"))
        if "dag" in inner:
            around = name if "parameterIterator" in task else loop
            yield from _steps(spec, inner, has_condition=may_be_skipped, loop=around)
        else:
            found = _step(spec, name, inner)
            yield replace(found, has_condition=may_be_skipped, loop=loop)


def parse_time(value: object) -> float | None:
    """Return seconds since the epoch; None for no time, and for the zero times of Go and Unix."""
    try:
        moment = datetime.fromisoformat(text(value)).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment > 0 else None


def _ordered(tasks: Mapping[str, Json]) -> Iterator[str]:
    """Yield the names so that each comes after those it depends on, else in their own order."""
    left = sorted(tasks)
    done: set[str] = set()
    while left:
        ready = next(
            (
                name
                for name in left
                if done.issuperset(set(texts(tasks[name].get("dependentTasks"))) & tasks.keys())
            ),
            left[0],
        )
        left.remove(ready)
        done.add(ready)
        yield ready


def _step(spec: Json, name: str, component: Json) -> RemoteStep:
    executors = mapping(mapping(spec.get("deploymentSpec")).get("executors"))
    container = mapping(
        mapping(executors.get(text(component.get("executorLabel")))).get("container")
    )
    resources = mapping(container.get("resources"))
    arguments = texts(container.get("args"))
    is_ours = arguments[:1] == [KFP_LOCAL_WORD] and len(arguments) > _STEP_ARGUMENT
    return RemoteStep(
        task=name,
        step=arguments[_STEP_ARGUMENT] if is_ours else name,
        image=text(container.get("image")),
        memory=text(resources.get("resourceMemoryLimit")),
        cpu=text(resources.get("resourceCpuLimit")),
    )


def _task(document: Json) -> RemoteTask:
    own = (text(document.get("task_id")), text(document.get("pod_name")))
    children = document.get("child_tasks")
    return RemoteTask(
        name=text(document.get("display_name")),
        state=_state(text(document.get("state"))),
        started_at=parse_time(document.get("start_time")),
        ended_at=parse_time(document.get("end_time")),
        names=frozenset(filter(None, (*own, _argo_id(own[1])))),
        parent=text(document.get("parent_task_id")),
        children=frozenset(
            name
            for child in (children if isinstance(children, list) else [])
            for name in (
                text(mapping(child).get("task_id")),
                text(mapping(child).get("pod_name")),
            )
            if name
        ),
        pod=own[1],
        message=_message(document),
    )


def _argo_id(pod: str) -> str:
    """Return a pod's node: "flow-x1-system-container-impl-7" -> "flow-x1-7"."""
    found = _POD.fullmatch(pod)
    return f"{found[1]}-{found[2]}" if found else ""


def _state(stated: str) -> RunState | None:
    if stated == PAUSED:
        return RunState.PENDING
    return RunState(stated) if stated in RunState.__members__ else None


def _message(document: Json) -> str:
    """Return what went wrong: the error of the thing itself, else the last one of its history."""
    own = text(mapping(document.get("error")).get("message"))
    if own:
        return own
    messages = [text(mapping(each.get("error")).get("message")) for each in _history(document)]
    return next(filter(None, reversed(messages)), "")


def _canceled_at(document: Json) -> float | None:
    times = [
        parse_time(each.get("update_time"))
        for each in _history(document)
        if each.get("state") == RunState.CANCELING.value
    ]
    return next(filter(None, times), None)


def _history(document: Json) -> list[dict[str, Any]]:
    history = document.get("state_history")
    return [mapping(each) for each in history] if isinstance(history, list) else []
