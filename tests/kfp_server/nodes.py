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
    own, ``hidden`` those in a part of the pipeline that has one: a cluster does not tell of them
    when it is skipped.
    """

    run_id: str
    workflow: str
    state: str
    created: float
    ended: float | None
    tasks: tuple[str, ...]
    gated: frozenset[str]
    hidden: frozenset[str]
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
        _pod(facts.workflow, node): node.path.split("/")[1]
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
        yield from _task_nodes(facts, record, key)
    started = {record.name for record in facts.records.values()}
    for task in facts.tasks:
        if end is not None and task not in started | facts.hidden:
            yield from _unstarted_nodes(facts, task, end)


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


def _task_nodes(facts: RunFacts, record: TaskRecord, key: str) -> Iterator[_Node]:
    fault = facts.faults.get(record.name)
    has_driver_failed = fault is Fault.DRIVER and record.ended is not None
    driver = f"root/{key}-driver"
    yield _Node(
        name=f"{record.name}-driver",
        state="FAILED" if has_driver_failed else "SUCCEEDED",
        start=record.started,
        end=record.started,
        path=driver,
        parent="root",
        template="system-container-driver",
        message=fault.value if has_driver_failed and fault else "",
    )
    ended = record.ended if record.ended is not None else facts.ended
    if has_driver_failed:
        state = "RUNTIME_STATE_UNSPECIFIED"
    elif record.has_succeeded is not None:
        state = "SUCCEEDED" if record.has_succeeded else "FAILED"
    else:
        state = "RUNNING" if facts.ended is None else "FAILED"
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
        path=f"root/{key}",
        parent=driver,
        message=f"child '{facts.workflow}-{_number(f'root/{key}/executor')}' failed"
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
