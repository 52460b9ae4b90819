"""Which files steps share without handing them on: those on a volume that both mount."""

from pathlib import PurePosixPath

from kernelpipe.backends.kfp.platform import WORKSPACE_PATH
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import FileFlow, Pipeline
from kernelpipe.model.settings import MountKind
from kernelpipe.notebook.settings_tags import merge_settings


def is_shared(pipeline: Pipeline, flow: FileFlow) -> bool:
    """Return whether the consumer's pod finds the file that the producer's wrote."""
    if pipeline.settings.workspace is not None and _is_below(flow.path, WORKSPACE_PATH):
        return True
    return bool(
        _claims(pipeline, flow.producer, flow.path) & _claims(pipeline, flow.consumer, flow.path)
    )


def is_on_one_claim(pipeline: Pipeline, flow: FileFlow) -> bool:
    """Return whether the file is on a volume for one of the two, and not for the other."""
    return _claims(pipeline, flow.producer, flow.path) != _claims(
        pipeline, flow.consumer, flow.path
    )


def _claims(pipeline: Pipeline, name: StepName, path: str) -> set[tuple[str, str, str | None]]:
    """Return the claims on which ``path`` is in a step's pod: (claim, mount path, sub-path)."""
    step = next(each for each in pipeline.steps if each.name == name)
    settings = merge_settings(pipeline.settings.step_defaults, step.settings).settings
    return {
        (mount.name, mount.path, mount.sub_path)
        for mount in settings.mounts
        if mount.kind is MountKind.CLAIM and _is_below(path, mount.path)
    }


def _is_below(path: str, directory: str) -> bool:
    whole = PurePosixPath(path)
    return ".." not in whole.parts and PurePosixPath(directory) in whole.parents
