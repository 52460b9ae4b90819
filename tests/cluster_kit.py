"""Builders for what a cluster answers, and a fake of its API."""

from collections.abc import Callable, Mapping
from typing import Any

from kernelpipe.backends.kfp.cluster import ClusterSettings
from kernelpipe.errors import ClusterError

JSON = dict[str, Any]

CREATED = "2026-11-21T10:00:00Z"
NEVER = "0001-01-01T00:00:00Z"


def at(seconds: int) -> str:
    """Return the API's time so many seconds after the run was created."""
    return f"2026-11-21T10:{seconds // 60:02}:{seconds % 60:02}Z"


def spec(*tasks: str, conditions: tuple[str, ...] = (), memory: str = "", image: str = "") -> JSON:
    """Return a pipeline spec of tasks in a chain."""
    container: JSON = {"image": image or "python:3.11-slim"}
    if memory:
        container["resources"] = {"resourceMemoryLimit": memory}
    listed: JSON = {}
    for before, name in zip((None, *tasks), tasks, strict=False):
        listed[name] = {"componentRef": {"name": f"comp-{name}"}}
        if before is not None:
            listed[name]["dependentTasks"] = [before]
        if name in conditions:
            listed[name]["triggerPolicy"] = {"condition": "x == 1"}
    return {
        "pipelineInfo": {"name": "demo"},
        "root": {"dag": {"tasks": listed}},
        "components": {f"comp-{name}": {"executorLabel": f"exec-{name}"} for name in tasks},
        "deploymentSpec": {
            "executors": {
                f"exec-{name}": {
                    "container": container
                    | {"args": ["kfp.dsl.executor_main", "{{$}}", f"{name}_step", "3.11", "x"]}
                }
                for name in tasks
            }
        },
    }


def node(name: str, state: str, start: int = 0, end: int | None = None, **more: object) -> JSON:
    """Return one entry of task details; ``start`` and ``end`` in seconds after the run's start."""
    return {
        "task_id": f"id-{name}",
        "display_name": name,
        "state": state,
        "start_time": at(start),
        "end_time": NEVER if end is None else at(end),
        "inputs": {},
        "outputs": {},
        **more,
    }


def step_nodes(
    name: str, state: str, start: int = 0, end: int | None = None, *, message: str = ""
) -> list[JSON]:
    """Return the nodes of one step: its driver, its DAG and its executor."""
    error = {"error": {"code": 2, "message": message}} if message else {}
    return [
        node(f"{name}-driver", "SUCCEEDED", start, start),
        node(name, state, start, end),
        node(
            "executor", state, start, end, task_id=f"{name}-e", parent_task_id=f"id-{name}", **error
        ),
    ]


def run(
    state: str,
    *nodes: JSON,
    pipeline: JSON | None = None,
    finished: int | None = None,
    **more: object,
) -> JSON:
    """Return the answer about a run; without nodes it has no details."""
    document: JSON = {
        "run_id": "r1",
        "display_name": "my run",
        "experiment_id": "e1",
        "state": state,
        "created_at": CREATED,
        "finished_at": "1970-01-01T00:00:00Z" if finished is None else at(finished),
        "pipeline_spec": pipeline if pipeline is not None else spec("split", "train"),
        "runtime_config": {"parameters": {"lr": 0.1}},
        **more,
    }
    if nodes:
        document["run_details"] = {"task_details": list(nodes)}
    return document


class FakeCalls:
    """An API that gives prepared answers, and remembers what it was asked.

    An answer is a document, an error to raise, or a list of these, one for each call.
    """

    def __init__(
        self,
        answers: Mapping[str, object] | None = None,
        *,
        settings: ClusterSettings | None = None,
        texts: Callable[[str], str] | None = None,
    ) -> None:
        self.settings = settings or ClusterSettings(host="http://localhost", namespace="team")
        self.answers: dict[str, object] = {
            "healthz_service_get_healthz": {},
            "experiment_service_list_experiments": {"experiments": [{"experiment_id": "e1"}]},
            **(answers or {}),
        }
        self.asked: list[tuple[str, JSON]] = []
        self._texts = texts

    def call(self, group: str, operation: str, **arguments: Any) -> JSON:
        """Give the next prepared answer."""
        del group
        self.asked.append((operation, arguments))
        answer = self.answers[operation]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    def text(self, path: str) -> str:
        """Give the text that the test prepared."""
        if self._texts is None:
            raise ClusterError("no logs", status=404)
        return self._texts(path)

    def page(self, path: str) -> str:
        """Return an address."""
        return f"http://localhost/#/{path}"

    def names(self) -> list[str]:
        """Return the operations asked for so far."""
        return [name for name, _ in self.asked]
