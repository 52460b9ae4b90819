"""Estimates how large the Argo workflow is that KFP makes of a pipeline.

KFP compiles the IR to one Kubernetes object. Read in its compiler and driver (2.17): the arguments
of the workflow hold each component, each container and each step's Kubernetes settings once, as
JSON in a JSON text; each task is there twice, in the root component and in the template that runs
it. While the workflow runs, Argo adds the states of three nodes per task. The driver's has what it
was given (component, task, container, settings) and the pod that it worked out; the other two have
that pod again. The pod holds the container, the component once more, and the address of every
artifact. When all this is more than 1 MiB, Argo stores the nodes compressed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.spec import Json, Spec, compact_json, mapping, text, texts

LIMIT_BYTES: Final = 1 << 20
"""Argo's own limit of a stored workflow; that of etcd is half as much again."""
_FIXED: Final = 8_000
"""Templates that every workflow has."""
_TEMPLATE: Final = 1_200
"""Of a task in the template of the root, less the task itself."""
_RETRY_TEMPLATES: Final = 2_500
_NODES: Final = 3
_NODE: Final = 650
"""A node's names, times and children."""
_POD: Final = 1_600
"""The launcher's own arguments in a pod."""
_ARTIFACT: Final = 380
"""Name, type and address of an artifact in a pod's input."""
_PACKED: Final = 0.08
"""What is left of text in node states that Argo compresses: it repeats itself."""
_QUOTED_NOTHING: Final = 4
"""``"{}"``"""
_WINDOW: Final = 24_000
"""A packed text that is longer is not recognised when it stands in one node twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSize:
    """Bytes of a workflow as KFP submits it, and of what Argo adds until all nodes are done.

    ``packed`` are those of the nodes once Argo has compressed them.
    """

    submitted: int
    nodes: int
    packed: int

    @property
    def stored(self) -> int:
        """The largest that the stored object becomes."""
        whole = self.submitted + self.nodes
        return whole if whole <= LIMIT_BYTES else self.submitted + self.packed


def estimate_workflow(
    documents: Sequence[Json], item_counts: Mapping[str, int] | None = None
) -> WorkflowSize:
    """Return the size of the workflow of a pipeline spec and, if there is one, platform spec.

    Args:
        documents: The pipeline spec, and the platform spec if there is one.
        item_counts: Input of a loop that holds its items -> how many there are, 1 if not told.
    """
    spec = Spec(documents[0])
    settings = _settings(documents[1:])
    submitted = _FIXED + _quoted(spec.root)
    nodes = packed = 0
    for task, times in _tasks(spec, spec.root, item_counts or {}):
        component = spec.component_of(task) or {}
        label = text(component.get("executorLabel"))
        container = mapping(spec.executors.get(label, {}).get("container"))
        implementation = _quoted(container)
        definition = compact_json(component)
        once = _quoted_text(definition) + implementation + _quoted(settings.get(label, {}))
        pod = _POD + implementation + _quoted_text(definition, depth=2)
        pod += _ARTIFACT * _count_artifacts(component)
        copies = _NODES + ("retryPolicy" in task)
        own = once + _quoted(task)
        submitted += _TEMPLATE + own + _RETRY_TEMPLATES * (copies > _NODES)
        states = own + copies * (_NODE + pod)
        arguments = sum(map(len, texts(container.get("args"))))
        nodes += times * states
        packed += times * arguments * (copies + (arguments > _WINDOW))
        packed += int(times * _PACKED * (states - arguments * (copies + 1)))
    return WorkflowSize(submitted=submitted, nodes=nodes, packed=packed)


def _tasks(
    spec: Spec, component: Json, item_counts: Mapping[str, int], times: int = 1
) -> Iterator[tuple[Json, int]]:
    """Yield the tasks of a DAG and how often each runs, those of sub-DAGs after their DAG's."""
    for task in map(mapping, mapping(mapping(component.get("dag")).get("tasks")).values()):
        items = mapping(mapping(task.get("parameterIterator")).get("items"))
        runs = times * max(1, item_counts.get(text(items.get("inputParameter")), 1))
        yield task, runs
        yield from _tasks(spec, spec.component_of(task) or {}, item_counts, runs)


def _settings(platforms: Sequence[Json]) -> Mapping[str, Json]:
    """Return executor label -> its Kubernetes settings."""
    for platform in platforms:
        kubernetes = mapping(mapping(platform.get("platforms")).get("kubernetes"))
        return mapping(mapping(kubernetes.get("deploymentSpec")).get("executors"))
    return {}


def _count_artifacts(component: Json) -> int:
    return sum(
        len(mapping(mapping(component.get(direction)).get("artifacts")))
        for direction in ("inputDefinitions", "outputDefinitions")
    )


def _quoted(value: object) -> int:
    """Return the bytes of a value's JSON as a text in JSON."""
    return _quoted_text(compact_json(value)) if value else _QUOTED_NOTHING


def _quoted_text(text: str, *, depth: int = 1) -> int:
    """Return the bytes of a text of JSON as a text in JSON, ``depth`` times over."""
    size, quotes, slashes = len(text), text.count('"'), text.count("\\")
    for _ in range(depth):
        size, quotes, slashes = size + quotes + slashes + 2, quotes + 2, 2 * slashes + quotes
    return size
