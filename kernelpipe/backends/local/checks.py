"""Reports the settings that running on this machine does not honour (KP4xx)."""

from dataclasses import fields

from kernelpipe.model.diagnostic import Diagnostic, Severity, in_notebook_order
from kernelpipe.model.location import Location
from kernelpipe.model.pipeline import Pipeline, Step
from kernelpipe.model.settings import MetadataEntry, StepSettings

_HONOURED = frozenset(
    {
        "env",
        "retry",
        "backoff",
        "timeout_s",
        "cache",
        "checkpoint",
        "cpu",
        "memory",
        "cpu_request",
        "memory_request",
        "register",
        "when",
        "foreach",
        "on_exit",
    }
)
_OF_CLUSTERS = "it says where a cluster runs the step"
_NEEDLESS = {
    "report": "the executed notebook is always kept",
    "tolerations": _OF_CLUSTERS,
    "node_selector": _OF_CLUSTERS,
    "image_pull_secrets": "no image is used here",
    "image_pull_policy": "no image is used here",
}
"""Settings that do no harm when they are ignored -> why."""
_HINTS = {
    "secrets": "set the variable in the environment in which you run it",
    "config_maps": "set the variable in the environment in which you run it",
    "mounts": "the step finds what this machine has at that path",
}
"""Settings for whose effect something can be done -> what."""
_TAGS = {
    "gpu_type": "limit",
    "limits": "limit",
    "secrets": "secret",
    "labels": "label",
    "config_maps": "config-map",
}
"""Settings whose tag is not the field's name."""
_HARMLESS_METADATA = frozenset({"version", "kernelpipe.notify"})
_PIPELINE_SETTINGS = {
    "workspace": (Severity.WARNING, "steps share this machine's files instead"),
    "ttl": (Severity.INFO, "runs here are kept until 'kernelpipe gc' removes them"),
    "service_account": (Severity.INFO, "steps run as you"),
    "cluster": (Severity.INFO, "steps run on this machine"),
    "merge": (Severity.INFO, "steps run on this machine, without pods"),
}
"""Settings of the pipeline that have no effect here -> how bad that is, and what is done."""


def check_pipeline(pipeline: Pipeline) -> tuple[Diagnostic, ...]:
    """Return what this backend does not honour, in notebook order.

    Returns:
        KP401: warning or info for settings and metadata that are ignored here. KP413: of what the
        notebook installs, what cannot be installed as it would.
    """
    found = [
        diagnostic
        for step in pipeline.steps
        for name in _names_set(step, pipeline.settings.step_defaults)
        if (diagnostic := _check_setting(step, name)) is not None
    ]
    found.extend(
        _check_metadata(entry)
        for entry in pipeline.settings.other
        if entry.key not in _HARMLESS_METADATA
    )
    found.extend(
        Diagnostic(
            code="KP401",
            severity=severity,
            message=f"notebook metadata 'kernelpipe.{name}' is not honoured by backend 'local'",
            location=Location(path=pipeline.path),
            hint=hint,
        )
        for name, (severity, hint) in _PIPELINE_SETTINGS.items()
        if getattr(pipeline.settings, name) is not None
    )
    if pipeline.requirements:
        from kernelpipe.backends.local.requirements import check_requirements  # noqa: PLC0415

        found.extend(check_requirements(pipeline))
    return in_notebook_order(tuple(found))


def _names_set(step: Step, defaults: StepSettings) -> tuple[str, ...]:
    """Return the settings that the step or the pipeline's defaults set, in the fields' order."""
    found = {*step.settings.names_set(), *defaults.names_set()}
    return tuple(field.name for field in fields(StepSettings) if field.name in found)


def _check_setting(step: Step, name: str) -> Diagnostic | None:
    if name in _HONOURED:
        return None
    location = _location(step, name)
    needless = _NEEDLESS.get(name)
    return Diagnostic(
        code="KP401",
        severity=Severity.INFO if needless else Severity.WARNING,
        message=f"step '{step.name}': '{_tag(name)}' is not honoured by backend 'local'",
        location=location,
        hint=needless or _HINTS.get(name),
    )


def _tag(name: str) -> str:
    return _TAGS.get(name, name.removesuffix("s") if name == "annotations" else name)


def _location(step: Step, name: str) -> Location:
    """Return the cell whose tag sets it; the step's first cell when a default does."""
    for cell in step.cells:
        if name in cell.settings.names_set():
            return cell.location
    return step.cells[0].location


def _check_metadata(entry: MetadataEntry) -> Diagnostic:
    return Diagnostic(
        code="KP401",
        severity=Severity.WARNING,
        message=f"notebook metadata '{entry.key}' is not honoured by backend 'local'",
        location=entry.location,
    )
