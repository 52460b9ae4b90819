"""Emit a pipeline as KFP v2 IR YAML: plain data, the same bytes for the same notebook."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe._version import __version__
from kernelpipe.backends.kfp.executor_rules import EXECUTOR_INPUT
from kernelpipe.backends.kfp.kfp_names import kfp_name, task_names
from kernelpipe.backends.kfp.local_modules import files_of
from kernelpipe.backends.kfp.packages import Packages, resolve_packages
from kernelpipe.backends.kfp.parameters import (
    input_definition,
    parameter_definition,
    travels_as_json,
)
from kernelpipe.backends.kfp.payload import (
    BOOTSTRAP,
    RUNTIME_INPUT,
    RUNTIME_OUTPUT,
    digest,
    pack,
    runtime_part,
)
from kernelpipe.backends.kfp.platform import kubernetes_executor, platform_document
from kernelpipe.backends.kfp.resources import resource_spec
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.backends.kfp.validate import SCHEMA_VERSION
from kernelpipe.compiler.task import Task
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Parameter, Pipeline

METRICS_PORT: Final = "run-metrics"
REPORT_PORT: Final = "run-report"
_KFP_LOCAL_WORD: Final = "kfp.dsl.executor_main"
"""``kfp.local.SubprocessRunner`` runs no container without this text in an argument."""
_SCHEMA_TITLES: Final = {
    ArtifactKind.DATASET: "system.Dataset",
    ArtifactKind.MODEL: "system.Model",
    ArtifactKind.ANY: "system.Artifact",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The documents of a pipeline, with what was found on the way.

    ``sizes`` are bytes of each step's container description as JSON, by step name.
    """

    documents: tuple[Json, ...]
    diagnostics: tuple[Diagnostic, ...]
    sizes: Mapping[StepName, int]


def default_image() -> str:
    """Return the image of steps that name none: Python in the version that runs here."""
    return f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


def build(pipeline: Pipeline, tasks: Sequence[Task]) -> Built:
    """Return a pipeline's IR documents: the pipeline spec and, if needed, the platform spec."""
    packages, diagnostics = resolve_packages(
        pipeline,
        {task.step: task.modules for task in tasks},
        frozenset(task.step for task in tasks if task.settings.image is not None),
    )
    draft = _Draft.of(pipeline, tasks, packages)
    containers = {task.step: draft.container(task) for task in tasks}
    root: Json = {"dag": {"tasks": {draft.names[task.step]: draft.task(task) for task in tasks}}}
    if draft.parameters:
        root["inputDefinitions"] = {
            "parameters": {
                name: parameter_definition(each) for name, each in draft.parameters.items()
            }
        }
    spec = {
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": f"kernelpipe-{__version__}",
        "pipelineInfo": _info(pipeline),
        "components": {f"comp-{draft.names[task.step]}": draft.component(task) for task in tasks},
        "deploymentSpec": {
            "executors": {
                f"exec-{draft.names[step]}": {"container": container}
                for step, container in containers.items()
            }
        },
        "root": root,
    }
    platform = {
        f"exec-{draft.names[task.step]}": settings
        for task in tasks
        if (settings := kubernetes_executor(task.settings))
    }
    return Built(
        documents=(spec, platform_document(platform)) if platform else (spec,),
        diagnostics=diagnostics,
        sizes={
            step: len(json.dumps(container, ensure_ascii=False).encode())
            for step, container in containers.items()
        },
    )


def _info(pipeline: Pipeline) -> Json:
    info = {"name": kfp_name(pipeline.name)}
    if pipeline.settings.description:
        info["description"] = pipeline.settings.description
    return info


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What the parts of the IR are made from.

    ``runtime_from`` is step -> the step that hands our runtime on to it; steps that come first are
    not in it: they have the runtime in their arguments.
    """

    names: Mapping[StepName, str]
    parameters: Mapping[str, Parameter]
    titles: Mapping[tuple[StepName, str], str]
    packages: Mapping[StepName, Packages]
    runtime_from: Mapping[StepName, StepName]

    @classmethod
    def of(
        cls, pipeline: Pipeline, tasks: Sequence[Task], packages: Mapping[StepName, Packages]
    ) -> "_Draft":
        return cls(
            names=task_names(task.step for task in tasks),
            parameters={parameter.name: parameter for parameter in pipeline.parameters},
            titles={
                (task.step, out.port): _SCHEMA_TITLES[out.kind]
                for task in tasks
                for out in task.outputs
            },
            packages=packages,
            runtime_from={task.step: min(task.after) for task in tasks if task.after},
        )

    def component(self, task: Task) -> Json:
        component: Json = {"executorLabel": f"exec-{self.names[task.step]}"}
        parameters = {each: input_definition(self.parameters[each]) for each in task.parameters}
        artifacts = {
            f"{each.step}-{each.port}": _artifact(self.titles[each.step, each.port])
            for each in task.inputs
        }
        if task.step in self.runtime_from:
            artifacts[RUNTIME_INPUT] = _artifact("system.Artifact")
        inputs = _filled(parameters=parameters, artifacts=artifacts)
        if inputs:
            component["inputDefinitions"] = inputs
        outputs = {each.port: _artifact(self.titles[task.step, each.port]) for each in task.outputs}
        if task.metrics:
            outputs[METRICS_PORT] = _artifact("system.Metrics")
        if task.settings.report is not False:
            outputs[REPORT_PORT] = _artifact("system.HTML")
        if task.step in self.runtime_from.values():
            outputs[RUNTIME_OUTPUT] = _artifact("system.Artifact")
        if outputs:
            component["outputDefinitions"] = {"artifacts": outputs}
        return component

    def task(self, task: Task) -> Json:
        name = self.names[task.step]
        entry: Json = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "cachingOptions": {"enableCache": task.settings.cache is True},
        }
        if task.after:
            entry["dependentTasks"] = sorted(self.names[step] for step in task.after)
        parameters = {each: {"componentInputParameter": each} for each in task.parameters}
        artifacts = {
            f"{each.step}-{each.port}": self._output(each.step, each.port) for each in task.inputs
        }
        if task.step in self.runtime_from:
            artifacts[RUNTIME_INPUT] = self._output(self.runtime_from[task.step], RUNTIME_OUTPUT)
        inputs = _filled(parameters=parameters, artifacts=artifacts)
        if inputs:
            entry["inputs"] = inputs
        if task.settings.retry:
            entry["retryPolicy"] = {
                "maxRetryCount": task.settings.retry,
                "backoffDuration": "0s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": "3600s",
            }
        return entry

    def container(self, task: Task) -> Json:
        parts = (pack(_step_files(task, self.packages[task.step], self.parameters)), runtime_part())
        container: Json = {
            "image": task.settings.image or default_image(),
            "command": ["python3", "-c", BOOTSTRAP],
            "args": [
                _KFP_LOCAL_WORD,
                EXECUTOR_INPUT,
                task.step,
                f"{sys.version_info.major}.{sys.version_info.minor}",
                digest(parts),
                *(parts[:1] if task.step in self.runtime_from else parts),
            ],
            "env": _environment(task),
        }
        resources = resource_spec(task.settings)
        if resources:
            container["resources"] = resources
        return container

    def _output(self, step: StepName, port: str) -> Json:
        return {"taskOutputArtifact": {"producerTask": self.names[step], "outputArtifactKey": port}}


def _filled(**parts: Json) -> Json:
    return {name: part for name, part in parts.items() if part}


def _artifact(title: str) -> Json:
    return {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}


def _environment(task: Task) -> list[Json]:
    variables = {"PYTHONHASHSEED": "0"} | {each.key: each.value for each in task.settings.env}
    return [{"name": key, "value": variables[key]} for key in sorted(variables)]


def _step_files(
    task: Task, packages: Packages, parameters: Mapping[str, Parameter]
) -> dict[str, bytes]:
    document = json.loads(task.document)
    document["tests"] = []  # a cluster runs no tests
    step = {
        "document": document,
        "json_parameters": [name for name in task.parameters if travels_as_json(parameters[name])],
        "platform": sys.platform,
        "pins": {each.name: each.version for each in packages.pins},
        "needed": {each.name: each.version for each in packages.needed},
        "tools": {each.name: each.version for each in packages.tools},
    }
    files = {"step.json": _compact(step)}
    for module in packages.modules:
        for name, path in files_of(module):
            files[f"work/{name}"] = path.read_bytes()
    return files


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
