"""The Kubernetes settings of steps and pipelines: what KFP keeps in the second YAML document."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kernelpipe.backends.kfp.spec import Json, filled
from kernelpipe.model.settings import (
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    StepSettings,
    Toleration,
)

WORKSPACE_PATH: Final = "/kfp-workspace"
"""Where KFP mounts the workspace of a run."""


def kubernetes_executor(settings: StepSettings) -> Json:
    """Return one step's entry in the platform document, empty if it needs none."""
    entry: Json = {
        "podMetadata": filled(
            labels=_texts(settings.labels), annotations=_texts(settings.annotations)
        ),
        "secretAsEnv": _variables(
            "secret", ((each.secret, each.key, each.env) for each in settings.secrets)
        ),
        "configMapAsEnv": _variables(
            "configMap", ((each.config_map, each.key, each.env) for each in settings.config_maps)
        ),
        "tolerations": [_toleration(each) for each in settings.tolerations],
        "nodeSelector": filled(labels=_texts(settings.node_selector)),
        "imagePullSecret": [_named("secretName", name) for name in settings.image_pull_secrets],
        **_mounts(settings.mounts),
    }
    if settings.image_pull_policy is not None:
        entry["imagePullPolicy"] = settings.image_pull_policy.value
    if settings.timeout_s is not None:
        entry["activeDeadlineSeconds"] = str(max(1, math.ceil(settings.timeout_s)))
    return filled(**entry)


def pipeline_config(settings: PipelineSettings) -> Json:
    """Return the settings of whole runs in the platform document, empty if there are none."""
    config: Json = {}
    if settings.workspace is not None:
        claim: Json = {}
        if settings.workspace.storage_class is not None:
            claim["storageClassName"] = settings.workspace.storage_class
        if settings.workspace.access_modes:
            claim["accessModes"] = list(settings.workspace.access_modes)
        # Without this part, be it empty, the backend makes no volume.
        kubernetes = {"pvcSpecPatch": claim}
        config["workspace"] = {"size": settings.workspace.size, "kubernetes": kubernetes}
    if settings.ttl is not None:
        config |= _given(
            resourceTtlOnCompletion=settings.ttl.finished_s,
            resourceTtlOnSuccess=settings.ttl.success_s,
            resourceTtlOnFailure=settings.ttl.failure_s,
        )
    return config | _given(activeDeadlineSeconds=settings.deadline_s)


def platform_document(entries: Mapping[str, Json], config: Json) -> Json:
    """Return the platform document for executor label -> entry and the pipeline's settings."""
    kubernetes: Json = {}
    if entries:
        kubernetes["deploymentSpec"] = {"executors": dict(entries)}
    if config:
        kubernetes["pipelineConfig"] = config
    return {"platforms": {"kubernetes": kubernetes}}


def _given(**parts: object) -> Json:
    return {name: part for name, part in parts.items() if part is not None}


def _texts(items: Iterable[NamedText]) -> dict[str, str]:
    return {item.key: item.value for item in items}


def _named(field: str, name: str) -> Json:
    """Return a name in both spellings: old backends read the text, new ones the parameter."""
    return {field: name, f"{field}Parameter": {"runtimeValue": {"constant": name}}}


def _variables(kind: str, variables: Iterable[tuple[str, str, str]]) -> list[Json]:
    """Return variables that are filled from keys of a secret or a config map."""
    return [
        {
            **_named(f"{kind}Name", name),
            "keyToEnv": [{f"{kind}Key": key, "envVar": env}],
            "optional": False,
        }
        for name, key, env in variables
    ]


def _toleration(toleration: Toleration) -> Json:
    entry = _given(
        key=toleration.key,
        operator=toleration.operator,
        value=toleration.value,
        effect=toleration.effect,
    )
    if toleration.seconds is not None:
        entry["tolerationSeconds"] = str(toleration.seconds)
    return entry


def _mounts(mounts: Iterable[Mount]) -> dict[str, list[Json]]:
    entries: dict[str, list[Json]] = {}
    for mount in mounts:
        field, emit = _MOUNTS[mount.kind]
        entries.setdefault(field, []).append({"mountPath": mount.path, **emit(mount)})
    return entries


def _secret(mount: Mount) -> Json:
    return {**_named("secretName", mount.name), "optional": mount.is_optional}


def _config_map(mount: Mount) -> Json:
    return {**_named("configMapName", mount.name), "optional": mount.is_optional}


def _claim(mount: Mount) -> Json:
    entry: Json = {
        "constant": mount.name,
        "pvcNameParameter": {"runtimeValue": {"constant": mount.name}},
    }
    return entry | _given(subPath=mount.sub_path)


def _ephemeral(mount: Mount) -> Json:
    entry: Json = {
        "volumeName": mount.name,
        "accessModes": list(mount.access_modes),
        "size": mount.size,
    }
    if mount.storage_class is None:
        return entry | {"defaultStorageClass": True}
    return entry | {"storageClassName": mount.storage_class}


def _empty_dir(mount: Mount) -> Json:
    medium = "Memory" if mount.is_in_memory else None
    return {"volumeName": mount.name, **_given(medium=medium, sizeLimit=mount.size)}


_MOUNTS: Final[Mapping[MountKind, tuple[str, Callable[[Mount], Json]]]] = {
    MountKind.SECRET: ("secretAsVolume", _secret),
    MountKind.CONFIG_MAP: ("configMapAsVolume", _config_map),
    MountKind.CLAIM: ("pvcMount", _claim),
    MountKind.EPHEMERAL: ("genericEphemeralVolume", _ephemeral),
    MountKind.EMPTY_DIR: ("emptyDirMounts", _empty_dir),
}
