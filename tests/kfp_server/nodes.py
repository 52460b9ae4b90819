"""Task details as a cluster gives them: one entry per Argo node, times in whole seconds."""

import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kfp_server.behaviour import Fault
from kfp_server.execution import TaskRecord

JSON = dict[str, Any]

NEVER = "0001-01-01T00:00:00Z"
"""What Argo's zero time becomes on its way through the API."""
UNFINISHED = frozenset({"PENDING", "RUNNING", "CANCELING"})


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What the details of a run are made from; ``ended`` is None while it goes on.

    ``tasks`` are those that have a pod; ``gated`` are those of them that have a condition of their
    own, ``hidden`` those in a part of the pipeline that has one or is repeated: a cluster does not
    tell of them when it is skipped. ``loops`` has the loop around each task that is in one.
    """

    run_id: str
    workflow: str
    state: str
    created: float
    ended: float | None
    tasks: tuple[str, ...]
    gated: frozenset[str]
    hidden: frozenset[str]
    loops: Mapping[str, str]
    records: Mapping[str, TaskRecord]
    faults: Mapping[str, Fault]


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A node of the workflow; ``template`` is None for those that have no pod."""

    name: str
    state: str
    start: float
    end: float | None
    path: str
    parent: str | None = None
    template: str | None = None
    message: str = ""


def timestamp(seconds: float | None) -> str:
    """Return a time as the API writes it, without fractions of a second."""
    if seconds is None:
        return NEVER
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def task_details(facts: RunFacts, *, is_classic: bool) -> list[JSON]:
    """Return the details of all nodes, in the order of their Argo ids."""
    nodes = list(_nodes(facts))
    details = [_detail(facts, node, nodes, is_classic=is_classic) for node in nodes]
    return sorted(details, key=lambda each: each["task_id"])


def pods(facts: RunFacts) -> dict[str, str]:
    """Return pod name -> key of the record, for the pods in which steps run."""
    return {
        _pod(facts.workflow, node): node.path.split("/")[-2]
        for node in _nodes(facts)
        if node.name == "executor"
    }


def _nodes(facts: RunFacts) -> Iterator[_Node]:
    start, end = facts.created, facts.ended
    state = "FAILED" if facts.state == "CANCELED" else facts.state
    state = "RUNNING" if state in UNFINISHED else state
    yield _Node(name=facts.workflow, state=state, start=start, end=end, path="")
    yield _Node(
        name="root-driver",
        state="SUCCEEDED",
        start=start,
        end=start + 1,
        path="root-driver",
        parent="",
        template="system-dag-driver",
    )
    yield _Node(name="root", state=state, start=start, end=end, path="root", parent="root-driver")
    for key, record in facts.records.items():
        if record.is_loop:
            yield from _loop_nodes(facts, record)
        else:
            above = (
                _item_path(facts.loops[record.name], record.item)
                if record.item is not None
                else "root"
            )
            yield from _task_nodes(facts, record, key, above)
    started = {record.name for record in facts.records.values()}
    for task in facts.tasks:
        if end is not None and task not in started | facts.hidden:
            yield from _unstarted_nodes(facts, task, end)


def _item_path(loop: str, item: int) -> str:
    """Return where what is carried out for an item of a loop stands."""
    return f"root/{loop}/iteration-iterations({item}:{item})/iteration-item"


def _loop_nodes(facts: RunFacts, loop: TaskRecord) -> Iterator[_Node]:
    """Yield the nodes of a loop without those of its tasks: one driver for all, one per item."""
    path = f"root/{loop.name}"
    own = [r for r in facts.records.values() if facts.loops.get(r.name) == loop.name]
    state, end = _ending(facts, loop)
    yield _Node(name=loop.name, state=state, start=loop.started, end=end, path=path, parent="root")
    driver = f"{path}/iteration-driver"
    yield _Node(
        name="iteration-driver",
        state="SUCCEEDED",
        start=loop.started,
        end=loop.started,
        path=driver,
        parent=path,
        template="system-dag-driver",
    )
    group = f"{path}/iteration-iterations"
    yield _Node(
        name="iteration-iterations",
        state=state if own else "SKIPPED",
        start=loop.started,
        end=end,
        path=group,
        parent=driver,
    )
    for item in sorted({record.item for record in own if record.item is not None}):
        records = [record for record in own if record.item == item]
        ended = max((record.ended or end or 0.0 for record in records), default=0.0) or None
        states = {_ending(facts, record)[0] for record in records}
        state = next(each for each in ("FAILED", "RUNNING", "SUCCEEDED") if each in states)
        start = min(record.started for record in records)
        one = f"{group}({item}:{item})"
        for name, node, parent, template in (
            (f"iteration-iterations({item}:{item})", one, group, None),
            ("iteration-item-driver", f"{one}/iteration-item-driver", one, "system-dag-driver"),
            ("iteration-item", f"{one}/iteration-item", f"{one}/iteration-item-driver", None),
        ):
            yield _Node(
                name=name,
                state="SUCCEEDED" if template else state,
                start=start,
                end=start if template else ended,
                path=node,
                parent=parent,
                template=template,
            )


def _ending(facts: RunFacts, record: TaskRecord) -> tuple[str, float | None]:
    """Return how a record is, or was when the run was stopped, and since when that is over."""
    ended = record.ended if record.ended is not None else facts.ended
    if record.has_succeeded is not None:
        return "SUCCEEDED" if record.has_succeeded else "FAILED", ended
    return "RUNNING" if facts.ended is None else "FAILED", ended


def _unstarted_nodes(facts: RunFacts, task: str, end: float) -> Iterator[_Node]:
    """Yield the nodes of a task that was never begun.

    Where its condition did not hold, its driver has found that out. Else Argo calls both nodes
    Omitted, a phase that the API does not know.
    """
    is_gated = task in facts.gated and facts.state == "SUCCEEDED"
    unknown = "RUNTIME_STATE_UNSPECIFIED"
    yield _Node(
        name=f"{task}-driver",
        state="SUCCEEDED" if is_gated else unknown,
        start=end,
        end=end,
        path=f"root/{task}-driver",
        parent="root",
    )
    yield _Node(
        name=task,
        state="SKIPPED" if is_gated else unknown,
        start=end,
        end=end,
        path=f"root/{task}",
        parent=f"root/{task}-driver",
    )


def _task_nodes(facts: RunFacts, record: TaskRecord, key: str, above: str) -> Iterator[_Node]:
    fault = facts.faults.get(record.name)
    has_driver_failed = fault is Fault.DRIVER and record.ended is not None
    driver = f"{above}/{key}-driver"
    yield _Node(
        name=f"{record.name}-driver",
        state="FAILED" if has_driver_failed else "SUCCEEDED",
        start=record.started,
        end=record.started,
        path=driver,
        parent=above,
        template="system-container-driver",
        message=fault.value if has_driver_failed and fault else "",
    )
    state, ended = _ending(facts, record)
    if has_driver_failed:
        state = "RUNTIME_STATE_UNSPECIFIED"
    message = "" if fault is None or has_driver_failed else fault.value
    if record.ended is None and facts.ended is not None and not message:
        message = Fault.CANCELED.value
    if state == "FAILED" and not message:
        message = "Error (exit code 1)"
    step = _Node(
        name=record.name,
        state=state,
        start=record.started,
        end=ended,
        path=f"{above}/{key}",
        parent=driver,
        message=f"child '{facts.workflow}-{_number(f'{above}/{key}/executor')}' failed"
        if state == "FAILED"
        else "",
    )
    yield step
    if not has_driver_failed:
        is_waiting = fault is not None and fault.is_waiting and state == "RUNNING"
        yield _Node(
            name="executor",
            state="PENDING" if is_waiting else state,
            start=record.started,
            end=ended,
            path=f"{step.path}/executor",
            parent=step.path,
            template="system-container-impl",
            message=message,
        )


def _detail(facts: RunFacts, node: _Node, nodes: Iterable[_Node], *, is_classic: bool) -> JSON:
    children = [each for each in nodes if each.parent == node.path]
    found: JSON = {
        "run_id": facts.run_id,
        "task_id": _task_id(facts, node.path),
        "display_name": node.name,
        "create_time": timestamp(facts.created),
        "start_time": timestamp(node.start),
        "end_time": timestamp(node.end if node.state not in UNFINISHED else None),
        "state": node.state,
        "execution_id": "0",
        "inputs": {},
        "outputs": {},
        "state_history": [{"update_time": timestamp(node.start), "state": node.state}],
    }
    if is_classic:
        found["child_tasks"] = [{"pod_name": _argo_id(facts, each)} for each in children]
        return found
    found["child_tasks"] = [
        {"task_id": _task_id(facts, each.path)}
        | ({"pod_name": _pod(facts.workflow, each)} if each.template else {})
        for each in children
    ]
    if node.parent is not None:
        found["parent_task_id"] = _task_id(facts, node.parent)
    if node.template:
        found["pod_name"] = _pod(facts.workflow, node)
    if node.message:
        found["error"] = {"code": 2, "message": node.message, "details": []}
    return found


def _task_id(facts: RunFacts, path: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{facts.run_id}/{path}"))


def _number(path: str) -> int:
    return zlib.crc32(path.encode())


def _argo_id(facts: RunFacts, node: _Node) -> str:
    return f"{facts.workflow}-{_number(node.path)}"


def _pod(workflow: str, node: _Node) -> str:
    return f"{workflow}-{node.template}-{_number(node.path)}"
