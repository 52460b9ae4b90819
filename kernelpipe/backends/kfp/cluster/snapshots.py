"""A remote run in our words: the run and its steps, with their states, times and reasons."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kernelpipe.backends.kfp.cluster.answers import (
    FINAL_STATES,
    PAUSED,
    RemoteRun,
    RemoteStep,
    RemoteTask,
)
from kernelpipe.backends.kfp.cluster.explaining import explain
from kernelpipe.backends.kfp.cluster.loops import (
    drivers_of,
    each_of,
    merged_items,
    tasks_by_item,
)
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import ClusterFacts, Run, RunState, StepError, StepFacts, StepRun

NO_DETAILS: Final = "the cluster gives no details of its steps"
NOT_STATED: Final = "the cluster does not say how it is"
CONDITION: Final = "its condition did not hold, or a step that it needs was skipped"
EARLIER_FAILED: Final = "an earlier step failed"
RUN_STOPPED: Final = "the run was stopped"
_EXECUTOR: Final = re.compile(r"executor(\(\d+\))?")
_BUBBLED: Final = re.compile(r"child '.*' failed|No more retries left")
"""What Argo says of a node whose child failed."""
_ORDER: Final = (
    RunState.FAILED,
    RunState.RUNNING,
    RunState.CANCELING,
    RunState.PENDING,
    RunState.CANCELED,
    RunState.SUCCEEDED,
    RunState.SKIPPED,
)
"""What several nodes of one step amount to: the first of these that one of them is."""


def to_run(
    remote: RemoteRun,
    *,
    source: str = "",
    directory: str = "",
    previous: Run | None = None,
) -> Run:
    """Return the run as it is now.

    Args:
        remote: What the cluster says.
        source: Path of the source notebook, if known.
        directory: Where files of the run are kept here, if anywhere.
        previous: The last snapshot: what it said of steps stays where the cluster now says nothing.
    """
    state = remote.state or (previous.state if previous else RunState.PENDING)
    before = {step.name: step for step in previous.steps} if previous else {}
    recorded = (previous.cluster if previous else None) or ClusterFacts()
    steps = tuple(each for step in remote.steps for each in _step_runs(remote, step, recorded))
    if remote.tasks is None:
        steps = tuple(_kept(before, step) for step in steps)
    return Run(
        id=RunId(remote.id),
        pipeline=remote.pipeline or (previous.pipeline if previous else ""),
        source=source,
        state=state,
        started_at=remote.created_at or 0.0,
        duration_s=_between(remote.created_at, remote.finished_at) if remote.is_final else None,
        directory=directory,
        notebook=None,
        parameters=remote.parameters,
        metrics=(),
        steps=_known(steps, previous),
        reason=_run_reason(remote, steps, before),
    )


def _known(steps: tuple[StepRun, ...], previous: Run | None) -> tuple[StepRun, ...]:
    """Return the steps of the notebook, in its order: the cluster has tasks besides them."""
    if previous is None or not previous.steps:
        return steps
    found = {step.name: step for step in steps}
    return tuple(found.get(step.name, step) for step in previous.steps)


def executors_of(own: Iterable[RemoteTask], tasks: Iterable[RemoteTask]) -> tuple[RemoteTask, ...]:
    """Return the executors below nodes of a step: one, or one for each attempt and one for all."""
    found: tuple[RemoteTask, ...] = ()
    above = tuple(own)
    left = [task for task in tasks if _EXECUTOR.fullmatch(task.name)]
    while above:
        ids = frozenset(each for task in above for each in task.names)
        children = frozenset(child for task in above for child in task.children)
        above = tuple(
            task for task in left if task.parent in ids or not children.isdisjoint(task.names)
        )
        left = [task for task in left if task not in above]
        found += above
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """The nodes that belong to one step; there are several of each where it is repeated."""

    own: tuple[RemoteTask, ...]
    drivers: tuple[RemoteTask, ...]
    executors: tuple[RemoteTask, ...]

    @classmethod
    def of(cls, tasks: Iterable[RemoteTask], name: str) -> "_Nodes":
        listed = tuple(tasks)
        own = tuple(task for task in listed if task.name == name)
        return cls(
            own=own,
            drivers=tuple(task for task in listed if task.name == f"{name}-driver"),
            executors=executors_of(own, listed),
        )

    def state(self) -> RunState | None:
        """Return what they amount to, None if they do not say."""
        if any(task.state is RunState.FAILED for task in self.drivers):
            return RunState.FAILED
        states = {task.state for task in self.own}
        if RunState.RUNNING in states and self.is_waiting():
            states = states - {RunState.RUNNING} | {RunState.PENDING}
        return next((state for state in _ORDER if state in states), None)

    def is_waiting(self) -> bool:
        """Tell whether pods were asked for, but none has started."""
        return bool(self.executors) and all(
            task.state is RunState.PENDING for task in self.executors
        )

    def message(self, state: RunState) -> str:
        """Return what the cluster says of those in a state, the most telling first."""
        told = [
            task.message
            for group in (self.drivers, reversed(self.executors), self.own)
            for task in group
            if task.state is state and task.message and not _BUBBLED.search(task.message)
        ]
        return told[0] if told else ""

    def has_failed_driver(self) -> bool:
        return any(task.state is RunState.FAILED for task in self.drivers)

    def is_cached(self) -> bool:
        """Tell whether no pod was needed: Kubeflow skips the executors of cached steps."""
        return bool(self.executors) and all(
            task.state is RunState.SKIPPED for task in self.executors
        )

    def times(self) -> tuple[float | None, float | None]:
        """Return when the first began and when the last ended."""
        nodes = self.own or self.drivers
        started = [task.started_at for task in nodes if task.started_at is not None]
        ended = [task.ended_at for task in nodes]
        is_over = bool(nodes) and all(each is not None for each in ended)
        return (
            min(started, default=None),
            max((each for each in ended if each is not None), default=None) if is_over else None,
        )


def _step_runs(remote: RemoteRun, step: RemoteStep, recorded: ClusterFacts) -> Iterator[StepRun]:
    """Yield what a task of the cluster is here: a step, or several that share a pod."""
    names = recorded.get("merged", {}).get(step.task, [step.step])
    if remote.tasks is None:
        found = _without_details(remote, step)
    elif step.loop:
        found = _loop_run(remote, step, recorded.get("items", {}).get(step.step))
    else:
        found = _step_run(remote, step, remote.tasks)
    yield from each_of(found, [StepName(name) for name in names])


def _loop_run(remote: RemoteRun, step: RemoteStep, texts: Sequence[str] | None) -> StepRun:
    """Return a step that runs once per item."""
    tasks = remote.tasks or ()
    loop = _Nodes(
        own=tuple(task for task in tasks if task.name == step.loop),
        drivers=drivers_of(step.loop, tasks),
        executors=(),
    )
    state = loop.state()
    is_over = remote.is_final or state in FINAL_STATES
    name = StepName(step.step)
    items = {
        number: _step_run(remote, step, own)
        for number, own in tasks_by_item(step.loop, tasks).items()
    }
    is_told = any(task.name == step.task for task in tasks)
    if items or (state is RunState.SUCCEEDED and not is_told):
        unstarted = _not_started(remote, name)
        return merged_items(name, items, is_over=is_over, unstarted=unstarted, texts=texts)
    if state is RunState.FAILED:
        return _failed(remote, step, loop)
    found = _step_run(remote, step, tasks)
    if is_over or found.state is RunState.PENDING:
        return found
    # Clusters that do not tell which node is above which one: more items may follow.
    return replace(found, state=RunState.RUNNING, duration_s=None)


def _step_run(remote: RemoteRun, step: RemoteStep, tasks: Iterable[RemoteTask]) -> StepRun:
    name = StepName(step.step)
    nodes = _Nodes.of(tasks, step.task)
    state = nodes.state()
    started, ended = nodes.times()
    if state is None:
        return _not_started(remote, name)
    if state is RunState.FAILED:
        return _failed(remote, step, nodes)
    if state in FINAL_STATES:
        return StepRun(
            name=name,
            state=state,
            reason=_PLAIN_REASONS.get(state),
            is_cached=state is RunState.SUCCEEDED and nodes.is_cached(),
            duration_s=None if state is RunState.SKIPPED else _between(started, ended),
            facts="{}" if state is RunState.SKIPPED else _facts(remote, started),
        )
    if remote.is_final:
        # The cluster told of the end of the run first; the step does not go on.
        return _not_started(remote, name)
    message = nodes.message(RunState.PENDING)
    return StepRun(
        name=name,
        state=state,
        reason=explain(message, step).text if message else None,
        facts="{}" if state is RunState.PENDING else _facts(remote, started),
    )


def _facts(remote: RemoteRun, started: float | None) -> str:
    """Return the facts of a step: when it was started, by the cluster's clock."""
    started_s = _between(remote.created_at, started)
    return "{}" if started_s is None else json.dumps(StepFacts(started_s=started_s))


_PLAIN_REASONS: Final[Mapping[RunState, str]] = {
    RunState.SKIPPED: CONDITION,
    RunState.CANCELED: RUN_STOPPED,
}


def _failed(remote: RemoteRun, step: RemoteStep, nodes: _Nodes) -> StepRun:
    started, ended = nodes.times()
    duration_s = _between(started, ended)
    message = nodes.message(RunState.FAILED)
    name = StepName(step.step)
    if _is_stopped(remote, ended, message):
        return StepRun(
            name=name,
            state=RunState.CANCELED,
            reason=RUN_STOPPED,
            duration_s=duration_s,
            facts=_facts(remote, started),
        )
    explanation = explain(message, step, is_driver=nodes.has_failed_driver())
    return StepRun(
        name=name,
        state=RunState.FAILED,
        reason=explanation.text,
        duration_s=duration_s,
        facts=_facts(remote, started),
        error=StepError(
            cell_index=None,
            line=None,
            ename=explanation.name,
            evalue=message or explanation.text,
        ),
    )


def _is_stopped(remote: RemoteRun, ended_at: float | None, message: str) -> bool:
    """Tell whether a failed step failed because the run was stopped; Argo has no other word."""
    if remote.state not in {RunState.CANCELED, RunState.CANCELING}:
        return False
    if "shutdown with strategy" in message:
        return True
    if remote.canceled_at is None or ended_at is None:
        return not message
    return ended_at >= remote.canceled_at


def _not_started(remote: RemoteRun, name: StepName) -> StepRun:
    if not remote.is_final:
        return StepRun(name=name, state=RunState.PENDING)
    reason = _UNSTARTED.get(remote.state, CONDITION) if remote.state else CONDITION
    return StepRun(name=name, state=RunState.SKIPPED, reason=reason)


_UNSTARTED: Final[Mapping[RunState, str]] = {
    RunState.FAILED: EARLIER_FAILED,
    RunState.CANCELED: RUN_STOPPED,
}


def _without_details(remote: RemoteRun, step: RemoteStep) -> StepRun:
    """Return what is known of a step where only the run's state is."""
    name = StepName(step.step)
    if remote.state is RunState.SUCCEEDED and not any(each.has_condition for each in remote.steps):
        return StepRun(name=name, state=RunState.SUCCEEDED, reason=NO_DETAILS)
    return StepRun(
        name=name, state=RunState.PENDING, reason=NO_DETAILS if remote.is_final else None
    )


def _kept(before: Mapping[StepName, StepRun], step: StepRun) -> StepRun:
    """Return the step, with what was known of it where the cluster has nothing new to say."""
    known = before.get(step.name)
    if known is None or known.state is RunState.PENDING:
        return step
    if known.state in FINAL_STATES:
        return known
    return replace(known, reason=step.reason) if step.state is RunState.PENDING else step


def _run_reason(
    remote: RemoteRun, steps: Iterable[StepRun], known: Collection[StepName]
) -> str | None:
    if remote.state is None:
        return NOT_STATED
    if remote.stated == PAUSED:
        return "it is paused on the cluster"
    if remote.state is RunState.CANCELED:
        return RUN_STOPPED
    failed = [step for step in steps if step.state is RunState.FAILED]
    if remote.state is not RunState.FAILED or any(not known or s.name in known for s in failed):
        return None
    if failed:
        return f"task '{failed[0].name}', which is no step, failed: {failed[0].reason}"
    return _failure_reason(remote)


def _failure_reason(remote: RemoteRun) -> str:
    """Return why a run failed in which no task did."""
    root = [task for task in remote.tasks or () if task.name == "root-driver"]
    if any(task.state is RunState.FAILED for task in root):
        told = "; ".join(filter(None, (task.message for task in root)))
        told = told or "see its log"
        return f"Kubeflow could not start the pipeline (its root driver failed): {told}"
    return (
        _runtime_fault(remote)
        or remote.message
        or "the cluster says that the run failed, but names no step"
    )


def _runtime_fault(remote: RemoteRun) -> str | None:
    """Return why the task failed that hands our runtime to steps, None if it did not."""
    if remote.runtime_task is None:
        return None
    nodes = _Nodes.of(remote.tasks or (), remote.runtime_task.task)
    if nodes.state() is not RunState.FAILED:
        return None
    message = nodes.message(RunState.FAILED)
    told = explain(message, remote.runtime_task, is_driver=nodes.has_failed_driver()).text
    return f"the steps that come first did not get kernelpipe's runtime: {told}"


def _between(start: float | None, end: float | None) -> float | None:
    return max(0.0, end - start) if start is not None and end is not None else None
