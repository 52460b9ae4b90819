"""Rules about the Kubernetes settings in the platform document."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.spec import Json, Spec, mapping, text, texts
from kernelpipe.notebook.settings_metadata import ACCESS_MODES
from kernelpipe.notebook.values import LABEL_KEY, LABEL_VALUE, VOLUME_NAME, parse_quantity

OWN_PATHS: Final = frozenset(
    {
        "/kfp-launcher",
        "/kfp-workspace",
        "/gcs",
        "/s3",
        "/minio",
        "/oci",
        "/.local",
        "/.cache",
        "/.config",
    }
)
"""Where KFP mounts volumes of its own into a step's pod."""
_EXECUTORS: Final = "platforms.kubernetes.deploymentSpec.executors"
_PIPELINE: Final = "platforms.kubernetes.pipelineConfig"
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_VOLUMES: Final = {
    "secretAsVolume": "secretName",
    "configMapAsVolume": "configMapName",
    "pvcMount": "pvcName",
    "genericEphemeralVolume": "volumeName",
    "emptyDirMounts": "volumeName",
}
"""Field of mounted volumes -> what names the volume."""
_NAMED: Final = {**_VOLUMES, "secretAsEnv": "secretName", "configMapAsEnv": "configMapName"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pod:
    """The settings of one executor, and the container that they are for."""

    path: str
    entry: Json
    container: Json

    def items(self, field: str) -> Iterator[tuple[str, Json]]:
        """Yield (path, item) of a list in the settings."""
        for index, item in enumerate(_list(self.entry.get(field))):
            yield f"{at(self.path, field)}[{index}]", mapping(item)


def check_platform(platform: Json, spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong with the platform document of ``spec``."""
    platforms = mapping(platform.get("platforms"))
    for name in sorted(set(map(str, platforms)) - {"kubernetes"}):
        yield Problem(path=at("platforms", name), message="only kubernetes is known")
    kubernetes = mapping(platforms.get("kubernetes"))
    yield from _check_pipeline(mapping(kubernetes.get("pipelineConfig")))
    executors = mapping(mapping(kubernetes.get("deploymentSpec")).get("executors"))
    for label, entry in executors.items():
        path = at(_EXECUTORS, label)
        if label not in spec.executors:
            yield Problem(path=path, message="no such executor in the pipeline spec")
            continue
        container = mapping(spec.executors[label].get("container"))
        pod = _Pod(path=path, entry=mapping(entry), container=container)
        for rule in _RULES:
            yield from rule(pod)


def _check_pipeline(config: Json) -> Iterator[Problem]:
    for key in (
        "resourceTtlOnCompletion",
        "resourceTtlOnSuccess",
        "resourceTtlOnFailure",
        "activeDeadlineSeconds",
    ):
        yield from _positive(config, key, _PIPELINE)
    if "workspace" not in config:
        return
    path = at(_PIPELINE, "workspace")
    workspace = mapping(config["workspace"])
    if parse_quantity(text(workspace.get("size"))) is None:
        yield Problem(path=at(path, "size"), message="must be an amount of storage such as 10Gi")
    if "kubernetes" not in workspace:
        yield Problem(path=at(path, "kubernetes"), message="is missing: no volume would be made")
    patch = mapping(mapping(workspace.get("kubernetes")).get("pvcSpecPatch"))
    for key in sorted(set(patch) - {"accessModes", "storageClassName"}):
        yield Problem(
            path=at(path, "kubernetes", "pvcSpecPatch", key),
            message="is refused: only accessModes and storageClassName may be set",
        )
    yield from _check_modes(patch, at(path, "kubernetes", "pvcSpecPatch"))


def _positive(owner: Json, key: str, path: str) -> Iterator[Problem]:
    """Yield a problem for a number that KFP takes for none at all, or refuses."""
    if key in owner and str(owner[key]).lstrip("-").isdecimal() and int(owner[key]) < 1:
        yield Problem(path=at(path, key), message=f"is {owner[key]}, must be at least 1")


def _check_modes(owner: Json, path: str) -> Iterator[Problem]:
    for index, mode in enumerate(texts(owner.get("accessModes"))):
        if mode not in ACCESS_MODES:
            yield Problem(
                path=f"{at(path, 'accessModes')}[{index}]",
                message=f"is {mode!r}, must be one of {', '.join(ACCESS_MODES)}",
            )


def _check_words(pod: _Pod) -> Iterator[Problem]:
    policy = pod.entry.get("imagePullPolicy")
    if policy is not None and policy not in _PULL_POLICIES:
        yield Problem(
            path=at(pod.path, "imagePullPolicy"),
            message=f"is {policy!r}, must be one of {', '.join(_PULL_POLICIES)}",
        )
    yield from _positive(pod.entry, "activeDeadlineSeconds", pod.path)


def _check_tolerations(pod: _Pod) -> Iterator[Problem]:
    for path, item in pod.items("tolerations"):
        operator, effect = item.get("operator", "Equal"), item.get("effect")
        if "tolerationJson" in item:
            continue
        if operator not in ("Equal", "Exists"):
            yield Problem(
                path=at(path, "operator"), message=f"is {operator!r}, must be Equal or Exists"
            )
        elif operator == "Equal" and not item.get("key"):
            yield Problem(path=at(path, "key"), message="is missing; only Exists goes without")
        elif operator == "Exists" and item.get("value"):
            yield Problem(path=at(path, "value"), message="must be empty: the operator is Exists")
        if effect is not None and effect not in _EFFECTS:
            yield Problem(
                path=at(path, "effect"),
                message=f"is {effect!r}, must be one of {', '.join(_EFFECTS)}",
            )


def _check_labels(pod: _Pod) -> Iterator[Problem]:
    for keys, has_form in (
        (("podMetadata", "labels"), True),
        (("podMetadata", "annotations"), False),
        (("nodeSelector", "labels"), True),
    ):
        place = at(pod.path, *keys)
        for key, value in mapping(mapping(pod.entry.get(keys[0])).get(keys[1])).items():
            if not LABEL_KEY.fullmatch(key):
                yield Problem(path=at(place, key), message="is no key that Kubernetes accepts")
            elif has_form and not LABEL_VALUE.fullmatch(text(value)):
                yield Problem(
                    path=at(place, key), message=f"is {value!r}, which cannot be a label's text"
                )


def _check_names(pod: _Pod) -> Iterator[Problem]:
    for field, key in _NAMED.items():
        for path, item in pod.items(field):
            if not _name(item, key) and not _is_known_later(item, key):
                yield Problem(path=at(path, key), message="is missing")


def _check_volumes(pod: _Pod) -> Iterator[Problem]:
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for field, key in _VOLUMES.items():
        for path, item in pod.items(field):
            name, place = _name(item, key), text(item.get("mountPath"))
            if name and not VOLUME_NAME.fullmatch(name):
                yield Problem(path=at(path, key), message=f"{name!r} cannot name a volume")
            elif name in names:
                yield Problem(path=at(path, key), message=f"{name!r} is a volume of {names[name]}")
            yield from _check_place(place, at(path, "mountPath"), places)
            yield from _check_modes(item, path)
            for size in ("size", "sizeLimit"):
                if size in item and parse_quantity(text(item[size])) is None:
                    yield Problem(
                        path=at(path, size), message=f"is {item[size]!r}, must be an amount"
                    )
            if name:
                names.setdefault(name, path)
            places.setdefault(place, path)


def _check_place(place: str, path: str, places: Mapping[str, str]) -> Iterator[Problem]:
    if not place.startswith("/"):
        yield Problem(path=path, message=f"is {place!r}, must be an absolute path")
    elif place in OWN_PATHS:
        yield Problem(path=path, message=f"is {place!r}, where KFP mounts a volume of its own")
    elif place in places:
        yield Problem(path=path, message=f"is {place!r}, as that of {places[place]}")


def _check_variables(pod: _Pod) -> Iterator[Problem]:
    seen = {
        text(mapping(variable).get("name")): "the container"
        for variable in _list(pod.container.get("env"))
    }
    for field in ("secretAsEnv", "configMapAsEnv", "fieldPathAsEnv"):
        for path, item in pod.items(field):
            keys = [mapping(each) for each in _list(item.get("keyToEnv"))] or [item]
            for each in keys:
                name = text(each.get("envVar")) or text(each.get("name"))
                if name in seen:
                    yield Problem(path=path, message=f"sets {name!r}, as {seen[name]} does")
                seen.setdefault(name, path)


def _name(item: Json, key: str) -> str:
    """Return what is named by ``key``, '' if that is known only when the step runs."""
    if key == "pvcName":
        return text(item.get("constant")) or _constant(item, "pvcNameParameter")
    return text(item.get(key)) or _constant(item, f"{key}Parameter")


def _constant(item: Json, key: str) -> str:
    return text(mapping(mapping(item.get(key)).get("runtimeValue")).get("constant"))


def _is_known_later(item: Json, key: str) -> bool:
    parameter = mapping(item.get(f"{key}Parameter"))
    sources = {"componentInputParameter", "taskOutputParameter"}
    return bool(sources & (set(parameter) | set(item)))


def _list(value: object) -> list[Any]:  # parsed YAML
    return value if isinstance(value, list) else []


_RULES: Final[tuple[Callable[[_Pod], Iterator[Problem]], ...]] = (
    _check_words,
    _check_tolerations,
    _check_labels,
    _check_names,
    _check_volumes,
    _check_variables,
)
