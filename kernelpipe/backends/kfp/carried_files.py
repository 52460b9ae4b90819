"""The files that pods hand on to each other, as artifacts: which they are, and which can't be."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from kernelpipe.backends.kfp.travelling_files import is_on_one_claim, is_shared
from kernelpipe.compiler.task import Task, TaskFile
from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import WORKING_DIRECTORY, FileFlow, Pipeline, is_store
from kernelpipe.runtime.pod_files import path_fault

FILES_PORT: Final = "files"
"""What the ports of files begin with; a dash follows, which ports of values never have."""
_FEWEST_SLASHES: Final = 2
_LONGEST: Final = 60


def with_files(tasks: Iterable[Task], pipeline: Pipeline) -> tuple[Task, ...]:
    """Return ``tasks`` with the files that travel between them."""
    flows = [
        flow
        for flow in pipeline.file_flows
        if not is_shared(pipeline, flow) and why_not(pipeline, flow) is None
    ]
    handed_on: dict[StepName, dict[str, TaskFile]] = {}
    for flow in flows:
        files = handed_on.setdefault(flow.producer, {})
        if flow.path not in files:
            port = _port(flow.path, {each.port.lower() for each in files.values()})
            files[flow.path] = TaskFile(step=flow.producer, port=port, path=flow.path)
    return tuple(
        replace(
            task,
            file_inputs=tuple(
                handed_on[flow.producer][flow.path] for flow in flows if flow.consumer == task.step
            ),
            file_outputs=tuple(handed_on.get(task.step, {}).values()),
        )
        for task in tasks
    )


def left_behind(
    pipeline: Pipeline, merged: Mapping[str, tuple[StepName, ...]]
) -> Iterator[tuple[FileFlow, str]]:
    """Yield the files that a step would start from and does not find, and why.

    Args:
        pipeline: The pipeline.
        merged: Tasks that run several steps, which find each other's files.
    """
    for flow in pipeline.file_flows:
        reason = why_not(pipeline, flow)
        is_within = not is_store(flow.path) and any(
            {flow.producer, flow.consumer} <= set(each) for each in merged.values()
        )
        if is_shared(pipeline, flow):
            reason = _why_unordered(pipeline, flow)
        if reason is not None and not is_within:
            yield flow, reason


def path_parameters(pipeline: Pipeline) -> dict[str, bool]:
    """Return the parameters on which the paths of travelling files depend, sorted.

    Returns:
        Parameter name -> whether it must keep its default: the files are outside of the working
        directory, and travel from and to where they are by default. Others must keep them inside.
    """
    found: dict[str, bool] = {}
    for flow in pipeline.file_flows:
        if flow.given and not is_shared(pipeline, flow):
            is_fixed = flow.path != WORKING_DIRECTORY
            found |= {name: found.get(name, False) or is_fixed for name in flow.given}
    return dict(sorted(found.items()))


def check_paths(pipeline: Pipeline, given: Mapping[str, object]) -> None:
    """Check the values of parameters that say where files are which travel.

    Args:
        pipeline: The pipeline.
        given: JSON values by parameter name.

    Raises:
        UsageError: If a file would not travel.
    """
    fixed = path_parameters(pipeline)
    for parameter in pipeline.parameters:
        name = parameter.name
        if name in fixed and name in given:
            fault = path_fault(
                given[name], json.loads(parameter.default), must_be_default=fixed[name]
            )
            if fault:
                raise UsageError(
                    f"'{name}' says where files are that travel between pods: {fault}",
                    hint="make it the default in the notebook and compile again, or mount a volume "
                    "(metadata 'mounts' or 'workspace')",
                )


def why_not(pipeline: Pipeline, flow: FileFlow) -> str | None:
    """Return why a file can't travel, None if it can."""
    steps = {step.name: step for step in pipeline.steps}
    if steps[flow.consumer].is_exit or steps[flow.producer].is_exit:
        return "no file travels to an on-exit step"
    if steps[flow.producer].loop is not None:
        return "each item of its loop leaves files in a pod of its own"
    if is_store(flow.path):  # each pod has a profile of its own
        return "what '%store' keeps stays in its pod"
    if is_on_one_claim(pipeline, flow):
        return "it is on a volume that only one of them mounts"
    if _is_outside(flow.path):
        return "files travel only in the working directory, or in a folder such as /tmp/NAME"
    return None


def _why_unordered(pipeline: Pipeline, flow: FileFlow) -> str | None:
    """Return why a file on a volume that both mount is not what it would be, None if it is.

    A folder may hold a file of each item.
    """
    loop = next(step.loop for step in pipeline.steps if step.name == flow.producer)
    is_file = "." in PurePosixPath(flow.path).name
    if loop is not None and loop.is_ordered and is_file:
        return "the items of its loop run in any order, and at the same time"
    return None


def _is_outside(path: str) -> bool:
    """Tell whether a path leads where nothing is put in place for a step.

    That is above the working directory, into a home directory, or to a folder that other programs
    use as well (``/``, ``/tmp``).
    """
    if path.startswith("/"):
        return path.count("/") < _FEWEST_SLASHES
    return path.startswith(("~", "../")) or path == ".."


def is_files_port(port: str) -> bool:
    """Tell whether a port, as its step or as a merged task calls it, is for files."""
    return port.rpartition("--")[2].startswith(f"{FILES_PORT}-")


def _port(path: str, taken: set[str]) -> str:
    """Return a name for the port of ``path``: ASCII, without two dashes in a row."""
    name = "directory" if path == WORKING_DIRECTORY else path
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in name).split()
    port = "-".join([FILES_PORT, *words])[:_LONGEST].rstrip("-")
    candidate, number = port, 2
    while candidate.lower() in taken:
        candidate, number = f"{port}-{number}", number + 1
    return candidate
