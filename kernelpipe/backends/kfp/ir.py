"""Emit a pipeline as KFP v2 IR YAML: plain data, the same bytes for the same notebook."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe._version import __version__
from kernelpipe.backends.kfp.carried_files import path_parameters, with_files
from kernelpipe.backends.kfp.chores import NO_PACKAGES, Plan, bundle_port, plan_chores
from kernelpipe.backends.kfp.data_files import DataFiles, enclose
from kernelpipe.backends.kfp.executor_rules import EXECUTOR_INPUT
from kernelpipe.backends.kfp.exit_dag import status_definition, wrap
from kernelpipe.backends.kfp.gates import Gates
from kernelpipe.backends.kfp.images import image_of
from kernelpipe.backends.kfp.kfp_names import kfp_name
from kernelpipe.backends.kfp.local_modules import files_of
from kernelpipe.backends.kfp.loop_dag import items_input, wrap_loop
from kernelpipe.backends.kfp.merging import Group, Pods, find_chains, split_large
from kernelpipe.backends.kfp.module_sizes import leave_out_large
from kernelpipe.backends.kfp.packages import Packages, resolve_packages
from kernelpipe.backends.kfp.parameters import (
    input_definition,
    parameter_definition,
    travels_as_json,
)
from kernelpipe.backends.kfp.payload import (
    BOOTSTRAP,
    BUDGET_BYTES,
    KFP_LOCAL_WORD,
    RUNTIME_INPUT,
    RUNTIME_OUTPUT,
    RUNTIME_STEP,
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
from kernelpipe.backends.kfp.retries import retry_policy
from kernelpipe.backends.kfp.runtime_task import RuntimeTask
from kernelpipe.backends.kfp.sharing import Shared
from kernelpipe.backends.kfp.spec import Json, artifact_type, compact_json, filled
from kernelpipe.backends.kfp.validate import SCHEMA_VERSION
from kernelpipe.compiler.task import Task, TaskInput
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Parameter, Pipeline
from kernelpipe.runtime.pod import CHAIN_FILE, REPORT_PORT
from kernelpipe.runtime.pod_chores import ITEMS_OUTPUT, METRICS_PORT
from kernelpipe.runtime.pod_loops import ITEM_INPUT

WORKSPACE_INPUT: Final = "kernelpipe-workspace"
"""KFP mounts the workspace into the pods that have its path in an input, and into no others."""
WORKSPACE_VARIABLE: Final = "KERNELPIPE_WORKSPACE"
_SCHEMA_TITLES: Final = {
    ArtifactKind.DATASET: "system.Dataset",
    ArtifactKind.MODEL: "system.Model",
    ArtifactKind.ANY: "system.Artifact",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The documents of a pipeline, with what was found on the way.

    ``sizes`` are bytes of the description of each step's container as JSON, by step name.
    """

    documents: tuple[Json, ...]
    diagnostics: tuple[Diagnostic, ...]
    sizes: Mapping[StepName, int]
    gate_faults: Mapping[StepName, str]
    """Gated step -> why its gate cannot be had in KFP."""
    merged: Mapping[str, tuple[StepName, ...]]
    """Tasks that run several steps -> these in order."""
    item_counts: Mapping[str, int]
    """Input of a loop that holds its items -> how many there are by default."""


def build(pipeline: Pipeline, tasks: Sequence[Task], *, merge: bool = False) -> Built:
    """Return a pipeline's IR documents: the pipeline spec and, if needed, the platform spec.

    With ``merge``, linear chains of steps share a pod.
    """
    packages, diagnostics = resolve_packages(
        pipeline,
        {task.step: task.modules for task in tasks},
        frozenset(task.step for task in tasks if task.settings.image is not None),
    )
    packages, too_large = leave_out_large(pipeline, packages)
    enclosed = enclose(pipeline, packages)
    plan = plan_chores(pipeline, with_files(tasks, pipeline))
    tasks = plan.tasks
    draft = _Draft.of(pipeline, plan, packages, enclosed.files, [(task,) for task in tasks])
    if merge:
        chains = split_large(find_chains(tasks, draft.gates.behind), draft.fits)
        draft = _Draft.of(pipeline, plan, packages, enclosed.files, chains)
    pods = {draft.names[group[0].step]: group for group in draft.pods.groups}
    containers = {name: draft.container(group) for name, group in pods.items()}
    root_tasks: Json = {
        name: draft.pods.join_tasks(group, [draft.task(task) for task in group])
        for name, group in pods.items()
    }
    components = {
        f"comp-{name}": draft.pods.join_components(group, [draft.component(t) for t in group])
        for name, group in pods.items()
    }
    if draft.runtime_task is not None:
        root_tasks[draft.runtime_task.name] = draft.runtime_task.task()
        components[f"comp-{draft.runtime_task.name}"] = draft.runtime_task.component()
    for task in tasks:
        if task.step in plan.loops:
            name = draft.names[task.step]
            root_tasks[name], further = wrap_loop(
                name,
                root_tasks[name],
                components.pop(f"comp-{name}"),
                chore=draft.names[plan.loops[task.step]],
                ports=[each.port for each in task.outputs],
                limit=pipeline.settings.parallelism,
                taken=root_tasks,
            )
            components |= further
    leaving = next((task for task in tasks if task.is_exit), None)
    if leaving is not None:
        inputs = {name: input_definition(each) for name, each in draft.parameters.items()}
        root_tasks, further = wrap(root_tasks, draft.names[leaving.step], inputs)
        components |= further
    root: Json = {"dag": {"tasks": root_tasks}}
    if draft.parameters:
        root["inputDefinitions"] = {
            "parameters": {
                name: parameter_definition(each) for name, each in draft.parameters.items()
            }
        }
    executors = {f"exec-{name}": {"container": container} for name, container in containers.items()}
    platform = {
        f"exec-{name}": settings
        for name, group in pods.items()
        if (settings := kubernetes_executor(group[0].settings))
    }
    if draft.runtime_task is not None:
        label = f"exec-{draft.runtime_task.name}"
        executors[label] = {"container": draft.runtime_task.container(draft.runtime)}
        platform |= filled(**{label: draft.runtime_task.platform()})
    spec = {
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": f"kernelpipe-{__version__}",
        "pipelineInfo": _info(pipeline),
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": root,
    }
    config = pipeline_config(pipeline.settings)
    has_platform = bool(platform or config)
    return Built(
        documents=(spec, platform_document(platform, config)) if has_platform else (spec,),
        diagnostics=(*diagnostics, *too_large, *enclosed.diagnostics),
        sizes={task.step: _size(containers[draft.names[task.step]]) for task in tasks},
        gate_faults=draft.gates.faults,
        merged=draft.pods.merged,
        item_counts={
            items_input(draft.names[plan.loops[task.step]]): len(
                json.loads(draft.parameters[task.loop.parameter].default) or ()
            )
            for task in tasks
            if task.loop is not None
        },
    )


def _size(container: Json) -> int:
    return len(json.dumps(container, ensure_ascii=False).encode())


def _info(pipeline: Pipeline) -> Json:
    info = {"name": kfp_name(pipeline.name)}
    if pipeline.settings.description:
        info["description"] = pipeline.settings.description
    return info


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What the parts of the IR are made from.

    ``runtime_from`` is the first step of a pod -> the first step of the pod that hands our runtime
    on to it; for pods that come first this is the runtime task, `RUNTIME_STEP`. Where there is
    none, they are not in it: they have the runtime in their arguments.
    """

    pods: Pods
    names: Mapping[StepName, str]
    """Step -> the task that runs it; the runtime task's name is there, too."""
    parameters: Mapping[str, Parameter]
    titles: Mapping[tuple[StepName, str], str]
    packages: Mapping[StepName, Packages]
    enclosed: Mapping[StepName, DataFiles]
    path_parameters: Mapping[str, bool]
    """As `carried_files.path_parameters` returns them."""
    runtime_task: RuntimeTask | None
    runtime_from: Mapping[StepName, StepName]
    has_workspace: bool
    documents: Mapping[StepName, Json]
    """What the pods' runtime reads, less tests: a cluster runs none."""
    shared: Shared
    runtime: str
    """Our runtime with what is shared, packed."""
    gates: Gates
    plan: Plan

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        plan: Plan,
        packages: Mapping[StepName, Packages],
        enclosed: Mapping[StepName, DataFiles],
        groups: Iterable[Group],
    ) -> "_Draft":
        tasks = plan.tasks
        documents = {task.step: json.loads(task.document) | {"tests": []} for task in tasks}
        shared = Shared.of([documents[step] for step in packages], packages.values())
        pods = Pods.of(sorted(tasks, key=lambda task: task.step in plan.chores), groups)
        parameters = {parameter.name: parameter for parameter in pipeline.parameters}
        names = dict(pods.tasks)
        first = [group[0] for group in pods.groups]
        runtime_from = {
            task.step: pods.first[min(plan.loops.get(step, step) for step in task.after)]
            for task in first
            if task.after
        }
        runtime_task = RuntimeTask.where_it_pays(first, {*names.values(), *pods.steps.values()})
        if runtime_task is not None:
            names[RUNTIME_STEP] = runtime_task.name
            runtime_from |= dict.fromkeys(runtime_task.served, RUNTIME_STEP)
        return cls(
            pods=pods,
            parameters=parameters,
            titles={
                (task.step, out.port): _SCHEMA_TITLES[out.kind]
                for task in tasks
                for out in task.outputs
            }
            | {(task.step, METRICS_PORT): "system.Metrics" for task in tasks},
            packages=packages,
            enclosed=enclosed,
            path_parameters=path_parameters(pipeline),
            names=names,
            runtime_task=runtime_task,
            runtime_from=runtime_from,
            has_workspace=pipeline.settings.workspace is not None,
            documents=documents,
            shared=shared,
            runtime=runtime_part(shared.content()),
            gates=Gates.of(tasks, pods.tasks, parameters),
            plan=plan,
        )

    def fits(self, group: Group) -> bool:
        """Return whether a pod can be given what all steps of a group need."""
        return _size(self.container(group)) <= BUDGET_BYTES

    def component(self, task: Task) -> Json:
        component: Json = {"executorLabel": f"exec-{self.names[task.step]}"}
        needed = (*task.parameters, *self.gates.further_parameters(task))
        parameters = {each: input_definition(self.parameters[each]) for each in needed}
        parameters |= {each: {"parameterType": "STRING"} for each in self.gates.inputs(task.step)}
        if task.step in self.plan.loops:
            parameters[ITEM_INPUT] = {"parameterType": "STRING"}
        if task.is_exit:
            parameters |= status_definition()
        if self.has_workspace:
            parameters[WORKSPACE_INPUT] = {"parameterType": "STRING"}
        artifacts = {}
        for each in task.inputs:
            producer, port = self._source(task, each)
            artifacts[f"{each.step}-{each.port}"] = artifact_type(self.titles[producer, port]) | (
                {"isArtifactList": True} if producer in self.plan.loops else {}
            )
        for file in task.file_inputs:
            artifacts[f"{file.step}-{file.port}"] = artifact_type("system.Artifact")
        if task.step in self.runtime_from:
            artifacts[RUNTIME_INPUT] = artifact_type("system.Artifact")
        inputs = filled(parameters=parameters, artifacts=artifacts)
        if inputs:
            component["inputDefinitions"] = inputs
        outputs = self._output_definitions(task)
        if outputs:
            component["outputDefinitions"] = outputs
        return component

    def _output_definitions(self, task: Task) -> Json:
        outputs = {
            each.port: artifact_type(self.titles[task.step, each.port]) for each in task.outputs
        }
        for file in task.file_outputs:
            outputs[file.port] = artifact_type("system.Artifact")
        if task.metrics:
            outputs[METRICS_PORT] = artifact_type("system.Metrics")
        if task.settings.report is not False:
            outputs[REPORT_PORT] = artifact_type("system.HTML")
        if task.step in self.runtime_from.values():
            outputs[RUNTIME_OUTPUT] = artifact_type("system.Artifact")
        told = {
            self.gates.port(gated): {"parameterType": "STRING"}
            for gated in self.gates.asked_of(task.step)
        }
        if task.step in self.plan.loops.values():
            told[ITEMS_OUTPUT] = {"parameterType": "LIST"}
        return filled(artifacts=outputs, parameters=told)

    def task(self, task: Task) -> Json:
        name = self.names[task.step]
        entry: Json = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "cachingOptions": {"enableCache": task.settings.cache is True},
        }
        after = {*task.after, *self.gates.tellers(task.step)}
        if task.step in self.runtime_from:
            after.add(self.runtime_from[task.step])
        if after:
            entry["dependentTasks"] = sorted({self.names[step] for step in after})
        condition = self.gates.condition(task.step)
        if condition is not None:
            entry["triggerPolicy"] = {"condition": condition}
        needed = (*task.parameters, *self.gates.further_parameters(task))
        parameters: Json = {each: {"componentInputParameter": each} for each in needed}
        parameters |= self.gates.inputs(task.step)
        if task.step in self.plan.loops:
            parameters[ITEM_INPUT] = {}  # the loop's sub-DAG knows it
        if self.has_workspace:
            parameters[WORKSPACE_INPUT] = {"runtimeValue": {"constant": WORKSPACE_PATH}}
        artifacts = {
            f"{each.step}-{each.port}": self._output(*self._source(task, each))
            for each in task.inputs
        } | {
            f"{each.step}-{each.port}": self._output(each.step, each.port)
            for each in task.file_inputs
        }
        if task.step in self.runtime_from:
            artifacts[RUNTIME_INPUT] = self._output(self.runtime_from[task.step], RUNTIME_OUTPUT)
        inputs = filled(parameters=parameters, artifacts=artifacts)
        if inputs:
            entry["inputs"] = inputs
        return entry | retry_policy(task.settings)

    def container(self, group: Group) -> Json:
        """Return the container that runs the steps of ``group`` one after another."""
        task = group[0]
        own = pack(self._files(group))
        container: Json = {
            "image": image_of(task.settings),
            "command": ["python3", "-c", BOOTSTRAP],
            "args": [
                KFP_LOCAL_WORD,
                EXECUTOR_INPUT,
                "+".join(each.step for each in group),
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

    def _files(self, group: Group) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        if len(group) == 1:
            files["step.json"] = compact_json(self._entry(group[0])).encode()
        else:
            files[CHAIN_FILE] = compact_json(
                [
                    {
                        "name": self.pods.steps[task.step],
                        "step": self._entry(task),
                        "ports": self.pods.ports(task.step, self.component(task)),
                    }
                    for task in group
                ]
            ).encode()
        modules = {each.name: each for t in group for each in self._packages(t.step).modules}
        beside = {name: path for each in modules.values() for name, path in files_of(each)}
        for task in group:
            beside |= self.enclosed.get(task.step, {})
        files |= {f"work/{name}": path.read_bytes() for name, path in beside.items()}
        return files

    def _packages(self, step: StepName) -> Packages:
        return self.packages.get(step, NO_PACKAGES)

    def _entry(self, task: Task) -> Json:
        """Return what the pod must know of one of its steps."""
        packages = self._packages(task.step)
        needed = (*task.parameters, *self.gates.further_parameters(task))
        as_json = [name for name in needed if travels_as_json(self.parameters[name])]
        gates = self.gates.entries(task.step)
        return {
            "document": self.shared.shorten(self.documents[task.step]),
            "json_parameters": as_json,
            "platform": sys.platform,
            "pins": {each.name: each.version for each in packages.pins},
            "needed": {each.name: each.version for each in packages.needed},
            **self.shared.own_tools(packages),
            **({"gates": gates} if gates else {}),
            **filled(
                files_in=[[f"{each.step}-{each.port}", each.path] for each in task.file_inputs],
                files_out=[[each.port, each.path] for each in task.file_outputs],
                path_parameters={
                    name: must_be_default
                    for name, must_be_default in self.path_parameters.items()
                    if name in task.parameters
                },
            ),
            **self._control(task),
        }

    def _control(self, task: Task) -> Json:
        """Return what the pod must know of chores, loops and its gate."""
        loop = task.loop
        loops = self.plan.loops
        return filled(
            chore=self.plan.chores.get(task.step, {}),
            loop={"variable": loop.variable} if loop is not None else {},
            lists=sorted({each.step for each in task.inputs if each.step in loops}),
            gate=self.gates.answer(task.step),
        )

    def _source(self, task: Task, entry: TaskInput) -> tuple[StepName, str]:
        """Return the task and the output that an input comes from."""
        loops = self.plan.loops
        if task.step in loops and entry.step in loops:
            return loops[task.step], bundle_port(entry)
        return entry.step, entry.port

    def _output(self, step: StepName, port: str) -> Json:
        return {
            "taskOutputArtifact": {
                "producerTask": self.names[step],
                "outputArtifactKey": self.pods.port(step, port),
            }
        }


def _environment(task: Task, *, has_workspace: bool) -> list[Json]:
    variables = {"PYTHONHASHSEED": "0"}
    if has_workspace:
        variables[WORKSPACE_VARIABLE] = WORKSPACE_PATH
    variables |= {each.key: each.value for each in task.settings.env}
    return [{"name": key, "value": variables[key]} for key in sorted(variables)]
