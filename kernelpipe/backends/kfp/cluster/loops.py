"""Steps that run once per item: which nodes of the workflow belong to which item.

On a cluster such a loop is a node with the task's name. Below it stand ``iteration-driver``, then
``iteration-iterations`` with one node per item, ``iteration-iterations(0:0)``, which has all that
is carried out for this item below it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kernelpipe.backends.kfp.cluster.answers import RemoteTask
from kernelpipe.model.names import StepName
from kernelpipe.model.run import (
    UNFINISHED,
    RunState,
    StepFacts,
    StepRun,
    ending_of,
    failure_of,
    item_facts,
)

_ITERATION: Final = re.compile(r"iteration-iterations\((\d+):.*\)")
_LOOP_DRIVER: Final = "iteration-driver"


class Ancestry:
    """Tells which node of a workflow is above another one."""

    def __init__(self, tasks: Iterable[RemoteTask]) -> None:
        listed = tuple(tasks)
        self._by_name = {name: task for task in listed for name in task.names}
        self._by_child = {child: task for task in listed for child in task.children}

    def of(self, task: RemoteTask) -> Iterable[RemoteTask]:
        """Yield the nodes above one, the nearest first."""
        seen = {id(task)}
        above = self._above(task)
        while above is not None and id(above) not in seen:
            seen.add(id(above))
            yield above
            above = self._above(above)

    def _above(self, task: RemoteTask) -> RemoteTask | None:
        parent = self._by_name.get(task.parent)
        named = (self._by_child[name] for name in sorted(task.names) if name in self._by_child)
        return parent if parent is not None else next(named, None)

    def item_of(self, task: RemoteTask, loop: str) -> int | None:
        """Return which item of the loop with this name a node is for, from zero; None if none."""
        found: int | None = None
        for above in self.of(task):
            if above.name == loop:
                return found
            iteration = _ITERATION.fullmatch(above.name)
            if iteration and found is None:
                found = int(iteration[1])
        return None


def tasks_by_item(loop: str, tasks: Sequence[RemoteTask]) -> dict[int, list[RemoteTask]]:
    """Return item of a loop, from zero -> its nodes."""
    ancestry = Ancestry(tasks)
    found: dict[int, list[RemoteTask]] = {}
    for task in tasks:
        number = ancestry.item_of(task, loop)
        if number is not None:
            found.setdefault(number, []).append(task)
    return dict(sorted(found.items()))


def drivers_of(loop: str, tasks: Sequence[RemoteTask]) -> tuple[RemoteTask, ...]:
    """Return the nodes that find out which items a loop has."""
    ancestry = Ancestry(tasks)
    return tuple(
        task
        for task in tasks
        if task.name == _LOOP_DRIVER
        and next((above.name for above in ancestry.of(task)), None) == loop
    )


def merged_items(
    name: StepName,
    items: Mapping[int, StepRun],
    *,
    is_over: bool,
    unstarted: StepRun,
    texts: Sequence[str] | None,
) -> StepRun:
    """Return a step that runs once per item as the one step that it is.

    Args:
        name: Of the step.
        items: How each item is that the cluster tells of; the first is 0.
        is_over: Whether the loop has ended.
        unstarted: What an item is that the cluster does not tell of.
        texts: What each item is ("lr = 0.1"), None if that is not known.
    """
    count = len(texts) if texts is not None else max(items, default=-1) + 1
    left = replace(unstarted, state=RunState.SKIPPED) if is_over else unstarted
    listed = [items.get(number, left) for number in range(count)]
    labels = [
        texts[number] if texts is not None else f"item {number}" for number in range(len(listed))
    ]
    # An empty list is one item to the cluster, which does nothing.
    told = listed or list(items.values())
    state = _state(told, is_over=is_over)
    facts = StepFacts(items=[item_facts(*each) for each in zip(labels, listed, strict=True)])
    starts = [json.loads(item.facts).get("started_s") for item in told]
    begun = [each for each in starts if each is not None]
    if begun:
        facts["started_s"] = min(begun)
    return StepRun(
        name=name,
        state=state,
        reason=_reason(state, told, labels),
        is_cached=bool(listed) and all(item.is_cached for item in listed),
        duration_s=_duration_s(told) if is_over else None,
        error=next((item.error for item in told if item.state is RunState.FAILED), None),
        facts=json.dumps(facts),
    )


def _state(items: Sequence[StepRun], *, is_over: bool) -> RunState:
    states = {item.state for item in items}
    if not is_over:
        return RunState.RUNNING if states - {RunState.PENDING} else RunState.PENDING
    return ending_of(states)


def _reason(state: RunState, items: Sequence[StepRun], labels: Sequence[str]) -> str | None:
    """Return which item is to blame, or what the first one waits for."""
    if state in {RunState.RUNNING, RunState.SUCCEEDED}:
        return None
    blamed = [(number, item) for number, item in enumerate(items) if item.state is state]
    if not blamed:
        return None
    number, first = blamed[0]
    if state is not RunState.FAILED or number >= len(labels):
        return first.reason
    return failure_of(items, labels)


def _duration_s(items: Sequence[StepRun]) -> float | None:
    """Return the time from the first start to the last end."""
    spans = [
        (json.loads(item.facts).get("started_s"), item.duration_s)
        for item in items
        if item.state not in UNFINISHED
    ]
    known = [(start, took) for start, took in spans if start is not None and took is not None]
    if not known:
        return None
    return float(max(start + took for start, took in known) - min(start for start, _ in known))


def each_of(merged: StepRun, names: Sequence[StepName]) -> list[StepRun]:
    """Return the steps that ran in one pod: the cluster knows only how the pod is.

    How long each took is not known, and if the pod failed, nor is which of them it was.
    """
    if len(names) < 2:  # noqa: PLR2004 - more than one
        return [replace(merged, name=name) for name in names]
    others = f"steps {', '.join(names[:-1])} and {names[-1]} share a pod"
    reason = merged.reason
    if merged.state is RunState.FAILED:
        reason = f"{others}, and the log says which of them failed: {merged.reason}"
    elif merged.state is RunState.PENDING and merged.reason:
        reason = f"{others}: {merged.reason}"
    return [replace(merged, name=name, reason=reason, duration_s=None) for name in names]
