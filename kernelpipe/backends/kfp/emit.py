"""The KFP backend's front: check a pipeline, write its IR YAML."""

from collections.abc import Callable, Mapping, Sequence

from kernelpipe.backends.kfp.checks import diagnose
from kernelpipe.backends.kfp.ir import build
from kernelpipe.backends.kfp.validate import validate_ir
from kernelpipe.backends.kfp.yaml_text import to_yaml
from kernelpipe.compiler.task import Task
from kernelpipe.errors import CompileError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline


def check_pipeline(pipeline: Pipeline, tasks: Sequence[Task]) -> tuple[Diagnostic, ...]:
    """Return what stands against running a pipeline on KFP (KP4xx), in notebook order.

    Args:
        pipeline: Without errors.
        tasks: What it was lowered to, in its order.
    """
    return diagnose(pipeline, tasks, build(pipeline, tasks, merge=pipeline.settings.merge is True))


def emit_ir(
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    report: Callable[[tuple[Diagnostic, ...]], None] | None = None,
    merge: bool = False,
    on_merged: Callable[[Mapping[str, tuple[StepName, ...]]], None] | None = None,
) -> str:
    """Return the IR YAML of a pipeline: the same text for the same notebook and packages.

    Args:
        pipeline: Without errors.
        tasks: What it was lowered to, in its order.
        report: Is called with what `check_pipeline` finds, also when that is nothing.
        merge: Let linear chains of steps share a pod.
        on_merged: Is called with the tasks that run several steps: name -> steps in order.

    Raises:
        CompileError: If `check_pipeline` finds errors; it carries all its findings.
    """
    built = build(pipeline, tasks, merge=merge)
    diagnostics = diagnose(pipeline, tasks, built)
    if report is not None:
        report(diagnostics)
    if any(each.severity is Severity.ERROR for each in diagnostics):
        raise CompileError(diagnostics=diagnostics)
    problems = validate_ir(built.documents)
    if problems:
        raise ValueError("emitted an invalid pipeline: " + "; ".join(map(str, problems)))
    if on_merged is not None:
        on_merged(built.merged)
    return to_yaml(built.documents)
