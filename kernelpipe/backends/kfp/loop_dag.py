"""A loop in the IR: the step's task moves into a sub-DAG, which KFP runs once per item.

The names are those of KFP's own compiler where something hangs on them: ``kfp.local`` finds the
items by the name of the input alone. A task that has a condition keeps it, and the loop moves into
one more sub-DAG: KFP takes a loop that was not run for one that has succeeded, and would go on
after it; ``kfp.local`` runs a loop that has a condition once, with all items.
"""

from collections.abc import Collection, Iterable
from typing import Final

from kernelpipe.backends.kfp.kfp_names import unused_name
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.runtime.pod_chores import ITEMS_OUTPUT
from kernelpipe.runtime.pod_loops import ITEM_INPUT

_ITEM: Final = "{items}-loop-item"


def items_input(chore: str) -> str:
    """Return the name of the loop's input for the items that the task ``chore`` gives out."""
    return f"pipelinechannel--{chore}-{ITEMS_OUTPUT}"


def wrap_loop(  # noqa: PLR0913 - the parts of a loop
    name: str,
    task: Json,
    component: Json,
    *,
    chore: str,
    ports: Iterable[str],
    limit: int | None,
    taken: Collection[str],
) -> tuple[Json, Json]:
    """Return the task that stands for the loop, and the components that it takes.

    Args:
        name: The task's name, which the loop's task keeps.
        task: As of a step that runs once; its input ``ITEM_INPUT`` is left to the loop.
        component: The task's, with an executor.
        chore: The task that gives the items out.
        ports: The artifacts that later tasks may receive, as lists.
        limit: How many items may run at the same time.
        taken: Names of all tasks.
    """
    inner = unused_name(f"{name}-item", taken)
    items = items_input(chore)
    item = _ITEM.format(items=items)
    sources: Json = task.get("inputs", {})
    declared: Json = component["inputDefinitions"]
    lifted = {
        key: source
        for key, source in sources.get("parameters", {}).items()
        if key != ITEM_INPUT and "runtimeValue" not in source
    }
    artifacts = sources.get("artifacts", {})
    own = {key: value for key, value in task.items() if key in _OF_THE_ITEM}
    item_task = own | {
        "taskInfo": {"name": inner},
        "componentRef": {"name": f"comp-{inner}"},
        "inputs": _inputs(
            sources.get("parameters", {})
            | _from_parent("componentInputParameter", lifted)
            | {ITEM_INPUT: {"componentInputParameter": item}},
            _from_parent("componentInputArtifact", artifacts),
        ),
    }
    definitions = _inputs(
        {key: declared["parameters"][key] for key in lifted} | {items: {"parameterType": "LIST"}},
        {key: declared["artifacts"][key] for key in artifacts},
    )
    outputs = {
        port: component["outputDefinitions"]["artifacts"][port] | {"isArtifactList": True}
        for port in ports
    }
    loop = _dag(
        inner,
        item_task,
        definitions
        | {"parameters": definitions["parameters"] | {item: {"parameterType": "STRING"}}},
        outputs,
    )
    loop_task: Json = {
        "taskInfo": {"name": name},
        "componentRef": {"name": f"comp-{name}"},
        "inputs": _inputs(
            lifted
            | {
                items: {
                    "taskOutputParameter": {
                        "producerTask": chore,
                        "outputParameterKey": ITEMS_OUTPUT,
                    }
                }
            },
            artifacts,
        ),
        "parameterIterator": {"items": {"inputParameter": items}, "itemInput": item},
    }
    if limit is not None:
        loop_task["iteratorPolicy"] = {"parallelismLimit": limit}
    outside = {key: value for key, value in task.items() if key in _OF_THE_LOOP}
    components = {f"comp-{inner}": component}
    if "triggerPolicy" not in task:
        return loop_task | outside, components | {f"comp-{name}": loop}
    middle = unused_name(f"{name}-loop", {*taken, inner})
    whole = {key: value for key, value in loop_task.items() if key in _OF_ANY} | outside
    nested = loop_task | {
        "taskInfo": {"name": middle},
        "componentRef": {"name": f"comp-{middle}"},
        "inputs": _inputs(
            _from_parent("componentInputParameter", loop_task["inputs"]["parameters"]),
            _from_parent("componentInputArtifact", artifacts),
        ),
    }
    return whole, components | {
        f"comp-{middle}": loop,
        f"comp-{name}": _dag(middle, nested, definitions, outputs),
    }


_OF_THE_ITEM: Final = ("cachingOptions", "retryPolicy")
_OF_THE_LOOP: Final = ("dependentTasks", "triggerPolicy")
_OF_ANY: Final = ("taskInfo", "componentRef", "inputs")


def _dag(name: str, task: Json, inputs: Json, outputs: Json) -> Json:
    """Return a component that runs one task and hands on what that gives."""
    dag: Json = {"tasks": {name: task}}
    component: Json = {"dag": dag, "inputDefinitions": inputs}
    if outputs:
        dag["outputs"] = {
            "artifacts": {
                port: {"artifactSelectors": [{"producerSubtask": name, "outputArtifactKey": port}]}
                for port in outputs
            }
        }
        component["outputDefinitions"] = {"artifacts": outputs}
    return component


def _inputs(parameters: Json, artifacts: Json) -> Json:
    return {"parameters": parameters, **({"artifacts": artifacts} if artifacts else {})}


def _from_parent(kind: str, names: Iterable[str]) -> Json:
    return {name: {kind: name} for name in names}
