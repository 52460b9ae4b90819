"""The task that hands our runtime to the steps that come first, where there are several of them.

A step that comes after another has the runtime from there. Those that come first would each have it
in their arguments, 64 KB that a workflow holds five times over: with five of them it outgrows what
Argo stores. Where one of them is cached, the task is, too: otherwise each run would hand another
artifact to that step.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.executor_rules import EXECUTOR_INPUT
from kernelpipe.backends.kfp.images import image_of
from kernelpipe.backends.kfp.kfp_names import unused_name
from kernelpipe.backends.kfp.payload import KFP_LOCAL_WORD, RUNTIME_OUTPUT, RUNTIME_STEP
from kernelpipe.backends.kfp.platform import kubernetes_executor
from kernelpipe.backends.kfp.resources import resource_spec
from kernelpipe.backends.kfp.retries import retry_policy
from kernelpipe.backends.kfp.small_pods import small_pod
from kernelpipe.backends.kfp.spec import Json, artifact_type
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.settings import StepSettings

_FEWEST: Final = 3
"""Steps that come first, so that one more pod pays."""
_NAME: Final = "kernelpipe-runtime"

_PROGRAM: Final = """\
import json, os, sys
executor_input, _, text = sys.argv[2:]
try:
    outputs = json.loads(executor_input)["outputs"]
    artifact = outputs["artifacts"]["run-runtime"]["artifacts"][0]
    scheme, _, path = artifact["uri"].rpartition("://")
    if scheme:
        path = path.replace("/", "_") if scheme == "oci" else path
        path = "/%s/%s" % ("gcs" if scheme == "gs" else scheme, path)
    described = {"name": artifact.get("name", ""), "uri": artifact["uri"], "metadata": {}}
    said = {"artifacts": {"run-runtime": {"artifacts": [described]}}}
    for place, content in (path, text), (outputs["outputFile"], json.dumps(said)):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.write(content)
except (KeyError, IndexError, OSError) as error:
    sys.exit("kernelpipe: its runtime could not be handed to the steps that come first: the "
             "pipeline root has no place to write it to (%s: %s)" % (type(error).__name__, error))
"""
"""Its arguments: a word for ``kfp.local``, the ExecutorInput, `RUNTIME_STEP`, the runtime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTask:
    """The task and the steps that it serves; ``settings`` are like those of most of them."""

    name: str
    served: tuple[StepName, ...]
    settings: StepSettings
    retried: StepSettings
    """Of the step that is tried again most often."""
    is_cached: bool

    @classmethod
    def where_it_pays(cls, tasks: Sequence[Task], taken: Collection[str]) -> "RuntimeTask | None":
        """Return the task of a pipeline, None where it would be no gain.

        Args:
            tasks: Of all steps. The on-exit step can't have it: it needs no other step's result.
            taken: The names of their tasks.
        """
        first = [task for task in tasks if not task.after and not task.is_exit]
        if len(first) < _FEWEST:
            return None
        (image, _), *_ = Counter(image_of(task.settings) for task in first).most_common(1)
        return cls(
            name=unused_name(_NAME, taken),
            served=tuple(task.step for task in first),
            settings=small_pod(next(t.settings for t in first if image_of(t.settings) == image)),
            retried=max((t.settings for t in first), key=lambda settings: settings.retry or 0),
            is_cached=any(task.settings.cache is True for task in first),
        )

    def task(self) -> Json:
        """Return its entry in the DAG."""
        return {
            "taskInfo": {"name": self.name},
            "componentRef": {"name": f"comp-{self.name}"},
            "cachingOptions": {"enableCache": self.is_cached},
            **retry_policy(self.retried),
        }

    def component(self) -> Json:
        """Return its component."""
        return {
            "executorLabel": f"exec-{self.name}",
            "outputDefinitions": {"artifacts": {RUNTIME_OUTPUT: artifact_type("system.Artifact")}},
        }

    def container(self, runtime: str) -> Json:
        """Return its container."""
        container: Json = {
            "image": image_of(self.settings),
            "command": ["python3", "-c", _PROGRAM],
            "args": [KFP_LOCAL_WORD, EXECUTOR_INPUT, RUNTIME_STEP, runtime],
        }
        resources = resource_spec(self.settings)
        if resources:
            container["resources"] = resources
        return container

    def platform(self) -> Json:
        """Return its Kubernetes settings, empty if it needs none."""
        return kubernetes_executor(self.settings)
