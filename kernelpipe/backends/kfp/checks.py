"""Say what a pipeline asks for and KFP does not do, before anything is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from kernelpipe.backends.kfp.carried_files import left_behind
from kernelpipe.backends.kfp.executor_rules import ARGUMENT_LIMIT
from kernelpipe.backends.kfp.ir import Built
from kernelpipe.backends.kfp.kfp_names import kfp_name
from kernelpipe.backends.kfp.payload import BUDGET_BYTES
from kernelpipe.backends.kfp.pod_checks import pod_faults
from kernelpipe.backends.kfp.resources import accelerator
from kernelpipe.backends.kfp.workflow_size import LIMIT_BYTES, estimate_workflow
from kernelpipe.compiler.task import Task
from kernelpipe.model.diagnostic import Diagnostic, Severity, in_notebook_order
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import WORKING_DIRECTORY, Pipeline, describe_path
from kernelpipe.notebook.values import parse_quantity

_QUANTITIES: Final = {
    "cpu": "cpu",
    "memory": "memory",
    "cpu_request": "request:cpu",
    "memory_request": "request:memory",
}
"""Settings that are Kubernetes quantities -> their tags."""


def diagnose(pipeline: Pipeline, tasks: Sequence[Task], built: Built) -> tuple[Diagnostic, ...]:
    """Return what KFP would not do as asked, and what it could not take, in notebook order."""
    found = [
        *built.diagnostics,
        *_check_name(pipeline),
        *_check_metadata(pipeline),
        *_check_files(pipeline, built.merged),
    ]
    for task in tasks:
        step = _Step(pipeline, task)
        found += _check_unsupported(step)
        found += _check_loop(step)
        found += _check_gate(step, built.gate_faults.get(task.step))
        found += _check_resources(step)
        found += _check_texts(step)
        found += _check_pod(step)
        found += _check_size(step, built.sizes[task.step])
    found += _check_workflow(pipeline, tasks, built)
    return in_notebook_order(tuple(found))


@dataclass(frozen=True, slots=True)
class _Step:
    pipeline: Pipeline
    task: Task

    def report(
        self, code: str, severity: Severity, message: str, *, setting: str, hint: str
    ) -> Diagnostic:
        return Diagnostic(
            code=code,
            severity=severity,
            message=f"step '{self.task.step}': {message}",
            location=self.location(setting),
            hint=hint,
        )

    def location(self, setting: str) -> Location:
        """Return the cell whose tags give ``setting``, else the step's first, else the file."""
        step = next(each for each in self.pipeline.steps if each.name == self.task.step)
        for cell in step.cells:
            if setting in cell.settings.names_set():
                return cell.location
        if step.cells and setting not in self.pipeline.settings.step_defaults.names_set():
            return step.cells[0].location
        return Location(path=self.pipeline.path)


def _check_name(pipeline: Pipeline) -> Iterator[Diagnostic]:
    if not kfp_name(pipeline.name):
        yield Diagnostic(
            code="KP406",
            severity=Severity.ERROR,
            message=f"the pipeline's name '{pipeline.name}' has no letter or digit KFP accepts",
            location=Location(path=pipeline.path),
            hint="set a name with the letters a-z in the notebook's kernelpipe metadata",
        )


def _check_metadata(pipeline: Pipeline) -> Iterator[Diagnostic]:
    for entry in pipeline.settings.other:
        yield Diagnostic(
            code="KP401",
            severity=Severity.WARNING,
            message=f"metadata '{entry.key}' is not honoured by backend 'kfp'",
            location=entry.location,
            hint="the compiled pipeline runs without it",
        )
    if pipeline.settings.experiment:
        yield Diagnostic(
            code="KP401",
            severity=Severity.INFO,
            message=f"the experiment '{pipeline.settings.experiment}' is not part of the YAML",
            location=Location(path=pipeline.path),
            hint="choose it when you submit the YAML",
        )
    if pipeline.settings.cluster:
        yield Diagnostic(
            code="KP401",
            severity=Severity.INFO,
            message="the cluster that the notebook names is not part of the YAML",
            location=Location(path=pipeline.path),
            hint="'kernelpipe submit' uses it",
        )
    if pipeline.settings.service_account:
        yield Diagnostic(
            code="KP401",
            severity=Severity.INFO,
            message=f"the service account '{pipeline.settings.service_account}' is not part of the "
            "YAML",
            location=Location(path=pipeline.path),
            hint="choose it when you submit the YAML",
        )
    if pipeline.settings.parallelism:
        yield Diagnostic(
            code="KP401",
            severity=Severity.WARNING,
            message="'parallelism' is not honoured by backend 'kfp'",
            location=Location(path=pipeline.path),
            hint="KFP has no such limit for a run, only for the items of one loop, where it holds;"
            " steps that ask for cpu and memory wait for room",
        )


def _check_files(
    pipeline: Pipeline, merged: Mapping[str, tuple[StepName, ...]]
) -> Iterator[Diagnostic]:
    """Report files that one step writes and another does not find: pods share no file system."""
    first = {
        step.name: step.cells[0].location if step.cells else Location(path=pipeline.path)
        for step in pipeline.steps
    }
    said = set()
    for flow, reason in left_behind(pipeline, merged):
        is_known = flow.path != WORKING_DIRECTORY
        name = describe_path(flow.path) if is_known else "a file"
        verb = ("reads" if is_known else "may read") if flow.is_read else "may change"
        said.add((flow.producer, flow.consumer))
        yield Diagnostic(
            code="KP408",
            severity=Severity.ERROR if is_known and flow.is_read else Severity.WARNING,
            message=f"step '{flow.consumer}' {verb} {name} that step '{flow.producer}' writes: "
            f"{reason}",
            location=first[flow.consumer],
            hint="hand the content on in a variable, write and read it in one step, or mount a "
            "volume in both (metadata 'mounts' or 'workspace')",
        )
    for tie in pipeline.file_ties:
        pair = {tie.producer, tie.consumer}
        is_within = any(pair <= set(steps) for steps in merged.values())
        if (
            tie.path is None
            and tie.is_read
            and not is_within
            and (tie.producer, tie.consumer) not in said
        ):
            yield Diagnostic(
                code="KP408",
                severity=Severity.WARNING,
                message=f"step '{tie.consumer}' may read a file that step '{tie.producer}' writes, "
                "and its name is not known before the run: it travels only if it is in the working "
                "directory",
                location=first[tie.consumer],
                hint="write the path so that it can be told, such as open('folder/' + name)",
            )


def _check_loop(step: _Step) -> Iterator[Diagnostic]:
    """Report what items would find as others left it: here one comes after the other."""
    for path in step.task.loop.handed_on if step.task.loop is not None else ():
        is_file = "." in PurePosixPath(path).name
        yield step.report(
            "KP408",
            Severity.ERROR if is_file else Severity.WARNING,
            f"its items {'' if is_file else 'may '}read '{path}' as items before them left it, and "
            "each has a pod of its own",
            setting="foreach",
            hint="put the item into the name, or hand the content on in a variable: later steps "
            "see the list of what the items gave",
        )


def _check_unsupported(step: _Step) -> Iterator[Diagnostic]:
    if step.task.settings.checkpoint:
        yield step.report(
            "KP401",
            Severity.INFO,
            "'checkpoint' is not honoured by backend 'kfp'",
            setting="checkpoint",
            hint="a step that fails begins again at its first cell there",
        )
    if step.task.settings.register is not None:
        yield step.report(
            "KP401",
            Severity.WARNING,
            "'register' is not honoured by backend 'kfp'",
            setting="register",
            hint="no model is registered; runs on this machine do it",
        )
    _, left = accelerator(step.task.settings)
    for limit in left:
        yield step.report(
            "KP401",
            Severity.WARNING,
            f"'limit:{limit.resource}:{limit.amount}' is not honoured by backend 'kfp'",
            setting="limits",
            hint="KFP limits cpu, memory and one kind of device per step",
        )


def _check_gate(step: _Step, fault: str | None) -> Iterator[Diagnostic]:
    if fault is not None:
        yield step.report(
            "KP409",
            Severity.ERROR,
            f"'when:{step.task.settings.when}' cannot be had on a cluster: {fault}",
            setting="when",
            hint="compute the answer in a metrics cell of one step, and write when:THAT_METRIC",
        )


def _check_resources(step: _Step) -> Iterator[Diagnostic]:
    for setting, tag in _QUANTITIES.items():
        text = getattr(step.task.settings, setting)
        if text is not None and parse_quantity(text) is None:
            yield step.report(
                "KP407",
                Severity.ERROR,
                f"'{tag}:{text}' is no Kubernetes quantity",
                setting=setting,
                hint="write a number with a unit such as '500m' or '4Gi'",
            )


def _check_texts(step: _Step) -> Iterator[Diagnostic]:
    settings = step.task.settings
    texts = [("image", settings.image or "")]
    texts += [("env", item.value) for item in settings.env]
    texts += [("labels", item.value) for item in settings.labels]
    texts += [("annotations", item.value) for item in settings.annotations]
    for setting, text in texts:
        if "{{" in text:
            yield step.report(
                "KP407",
                Severity.ERROR,
                f"KFP would replace '{{{{' in '{text}'",
                setting=setting,
                hint="use a text without two braces in a row",
            )


def _check_size(step: _Step, size: int) -> Iterator[Diagnostic]:
    if size <= BUDGET_BYTES:
        return
    is_too_large = size > ARGUMENT_LIMIT
    yield step.report(
        "KP404",
        Severity.ERROR if is_too_large else Severity.WARNING,
        f"its code takes {size // 1000} KB compressed, "
        f"{'more than' if is_too_large else 'close to'} the {ARGUMENT_LIMIT // 1000} KB "
        "that one pod can be given",
        setting="",
        hint="move data out of the cells, split the step, or install the notebook's own modules "
        "as a package in the step's image",
    )


def _check_pod(step: _Step) -> Iterator[Diagnostic]:
    for fault in pod_faults(step.task.settings):
        yield step.report(
            "KP407", Severity.ERROR, fault.message, setting=fault.setting, hint=fault.hint
        )


def _check_workflow(
    pipeline: Pipeline, tasks: Sequence[Task], built: Built
) -> Iterator[Diagnostic]:
    size = estimate_workflow(built.documents, built.item_counts)
    if size.stored <= LIMIT_BYTES:
        return
    pods = len(tasks) - sum(len(steps) - 1 for steps in built.merged.values())
    each = size.stored // max(1, pods)
    yield Diagnostic(
        code="KP405",
        severity=Severity.WARNING,
        message=f"the workflow may grow to {size.stored / 1e6:.1f} MB "
        f"({size.submitted / 1e6:.1f} MB when it is submitted), Argo stores 1.0 MB",
        location=Location(path=pipeline.path),
        hint=("" if built.merged else "try --merge, or ")
        + f"merge small steps: each pod takes about {each // 1000} KB",
    )
