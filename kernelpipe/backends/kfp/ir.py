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
from kernelpipe.backends.kfp.module_sizes import leave_out_large
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
from kernelpipe.backends.kfp.platform import (
    WORKSPACE_PATH,
    kubernetes_executor,
    pipeline_config,
    platform_document,
)
from kernelpipe.backends.kfp.resources import resource_spec
from kernelpipe.backends.kfp.sharing import Shared
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.backends.kfp.validate import SCHEMA_VERSION
from kernelpipe.compiler.task import Task
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Parameter, Pipeline
from kernelpipe.model.settings import Backoff

METRICS_PORT: Final = "run-metrics"
REPORT_PORT: Final = "run-report"
WORKSPACE_INPUT: Final = "kernelpipe-workspace"
"""KFP mounts the workspace into the pods that have its path in an input, and into no others."""
WORKSPACE_VARIABLE: Final = "KERNELPIPE_WORKSPACE"
_NO_LIMIT_S: Final = 7 * 24 * 3600
"""For how long a step may be tried again. KFP's default of an hour counts from the start of the
first attempt: a step that fails after two hours would not be tried again at all."""
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
    packages, too_large = leave_out_large(pipeline, packages)
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
    config = pipeline_config(pipeline.settings)
    has_platform = bool(platform or config)
    return Built(
        documents=(spec, platform_document(platform, config)) if has_platform else (spec,),
        diagnostics=(*diagnostics, *too_large),
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
    has_workspace: bool
    documents: Mapping[StepName, Json]
    """What the pods' runtime reads, less tests: a cluster runs none."""
    shared: Shared
    runtime: str
    """Our runtime with what is shared, packed."""

    @classmethod
    def of(
        cls, pipeline: Pipeline, tasks: Sequence[Task], packages: Mapping[StepName, Packages]
    ) -> "_Draft":
        documents = {task.step: json.loads(task.document) | {"tests": []} for task in tasks}
        shared = Shared.of(list(documents.values()), packages.values())
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
            has_workspace=pipeline.settings.workspace is not None,
            documents=documents,
            shared=shared,
            runtime=runtime_part(shared.content()),
        )

    def component(self, task: Task) -> Json:
        component: Json = {"executorLabel": f"exec-{self.names[task.step]}"}
        parameters = {each: input_definition(self.parameters[each]) for each in task.parameters}
        if self.has_workspace:
            parameters[WORKSPACE_INPUT] = {"parameterType": "STRING"}
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
        parameters: Json = {each: {"componentInputParameter": each} for each in task.parameters}
        if self.has_workspace:
            parameters[WORKSPACE_INPUT] = {"runtimeValue": {"constant": WORKSPACE_PATH}}
        artifacts = {
            f"{each.step}-{each.port}": self._output(each.step, each.port) for each in task.inputs
        }
        if task.step in self.runtime_from:
            artifacts[RUNTIME_INPUT] = self._output(self.runtime_from[task.step], RUNTIME_OUTPUT)
        inputs = _filled(parameters=parameters, artifacts=artifacts)
        if inputs:
            entry["inputs"] = inputs
        if task.settings.retry:
            backoff = task.settings.backoff or Backoff(first_s=0)
            entry["retryPolicy"] = {
                "maxRetryCount": task.settings.retry,
                "backoffDuration": f"{backoff.first_s}s",
                "backoffFactor": float(backoff.factor),
                "backoffMaxDuration": f"{backoff.within_s or _NO_LIMIT_S}s",
            }
        return entry

    def container(self, task: Task) -> Json:
        own = pack(self._files(task))
        container: Json = {
            "image": task.settings.image or default_image(),
            "command": ["python3", "-c", BOOTSTRAP],
            "args": [
                _KFP_LOCAL_WORD,
                EXECUTOR_INPUT,
                task.step,
                f"{sys.version_info.major}.{sys.version_info.minor}",
                digest(own, self.runtime),
                own,
                *(() if task.step in self.runtime_from else (self.runtime,)),
            ],
            "env": _environment(task, has_workspace=self.has_workspace),
        }
        resources = resource_spec(task.settings)
        if resources:
            container["resources"] = resources
        return container

    def _files(self, task: Task) -> dict[str, bytes]:
        packages = self.packages[task.step]
        as_json = [name for name in task.parameters if travels_as_json(self.parameters[name])]
        step = {
            "document": self.shared.shorten(self.documents[task.step]),
            "json_parameters": as_json,
            "platform": sys.platform,
            "pins": {each.name: each.version for each in packages.pins},
            "needed": {each.name: each.version for each in packages.needed},
            **self.shared.own_tools(packages),
        }
        files = {"step.json": _compact(step)}
        for module in packages.modules:
            for name, path in files_of(module):
                files[f"work/{name}"] = path.read_bytes()
        return files

    def _output(self, step: StepName, port: str) -> Json:
        return {"taskOutputArtifact": {"producerTask": self.names[step], "outputArtifactKey": port}}


def _filled(**parts: Json) -> Json:
    return {name: part for name, part in parts.items() if part}


def _artifact(title: str) -> Json:
    return {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}


def _environment(task: Task, *, has_workspace: bool) -> list[Json]:
    variables = {"PYTHONHASHSEED": "0"}
    if has_workspace:
        variables[WORKSPACE_VARIABLE] = WORKSPACE_PATH
    variables |= {each.key: each.value for each in task.settings.env}
    return [{"name": key, "value": variables[key]} for key in sorted(variables)]


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
