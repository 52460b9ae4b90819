"""The on-exit step in the IR: all other tasks move into a sub-DAG, which it waits for.

KFP runs one exit task per sub-DAG, as a hook of Argo, and knows it by its trigger strategy.
``kfp.local`` knows it by its input for the sub-DAG's final status.
"""

from typing import Final

from kernelpipe.backends.kfp.kfp_names import unused_name
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.runtime.pod import STATUS_INPUT

_WRAPPER: Final = "exit-handler-1"
"""What KFP's own compiler calls the sub-DAG, so that its user interface shows what users know."""


def status_definition() -> Json:
    """Return the definition of the input that tells the exit task how the run has ended."""
    return {STATUS_INPUT: {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}}


def wrap(tasks: Json, exit_name: str, parameters: Json) -> tuple[Json, Json]:
    """Return the tasks of the root, and the components to add.

    Args:
        tasks: All tasks; the exit task among them.
        exit_name: Of the exit task.
        parameters: Input definitions of all parameters of the pipeline, without defaults.
    """
    wrapper = unused_name(_WRAPPER, tasks)
    inner: Json = {"dag": {"tasks": {n: task for n, task in tasks.items() if n != exit_name}}}
    outer: Json = {
        "taskInfo": {"name": wrapper},
        "componentRef": {"name": f"comp-{wrapper}"},
    }
    if parameters:
        inner["inputDefinitions"] = {"parameters": parameters}
        outer["inputs"] = {
            "parameters": {name: {"componentInputParameter": name} for name in parameters}
        }
    exit_task: Json = tasks[exit_name]
    inputs: Json = exit_task.get("inputs", {})
    status: Json = {STATUS_INPUT: {"taskFinalStatus": {"producerTask": wrapper}}}
    leaving = exit_task | {
        "dependentTasks": [wrapper],
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
        "inputs": inputs | {"parameters": inputs.get("parameters", {}) | status},
    }
    return {wrapper: outer, exit_name: leaving}, {f"comp-{wrapper}": inner}
