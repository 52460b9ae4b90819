"""The settings of a step that fit no tag, from the metadata of its cells or of the notebook."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from kernelpipe.model.settings import (
    NO_SETTINGS,
    Backoff,
    Mount,
    MountKind,
    NamedText,
    PullPolicy,
    StepSettings,
    Toleration,
)
from kernelpipe.notebook import rules, values
from kernelpipe.notebook.json_values import JsonValue
from kernelpipe.notebook.settings_tags import merge_settings

ACCESS_MODES: Final = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_PATH: Final = re.compile(r"(?:/[^/{}:\x00]+)+")
_SUB_PATH: Final = re.compile(r"(?!\.\.(?:/|$))[^/{}\x00]+(?:/(?!\.\.(?:/|$))[^/{}\x00]+)*")
_MOUNT_KEYS: Final[Mapping[MountKind, tuple[str, ...]]] = {
    MountKind.SECRET: ("path", "optional"),
    MountKind.CONFIG_MAP: ("path", "optional"),
    MountKind.CLAIM: ("path", "sub_path"),
    MountKind.EPHEMERAL: ("path", "size", "access_modes", "storage_class"),
    MountKind.EMPTY_DIR: ("path", "size", "in_memory"),
}
_MOUNT_REQUIRED: Final = {MountKind.EPHEMERAL: ("path", "size")}
_KINDS: Final = tuple(kind.value for kind in MountKind)
_VOLUME_NAMES: Final = frozenset({MountKind.EPHEMERAL, MountKind.EMPTY_DIR})


def read_settings(content: JsonValue) -> StepSettings:
    """Return what a mapping of metadata sets; what is wrong with it is in ``content.findings``."""
    settings = NO_SETTINGS
    for key, value in content.entries(tuple(SETTING_KEYS)).items():
        found = SETTING_KEYS[key](value)
        settings = merge_settings(settings, found).settings
    return settings


def _retry(value: JsonValue) -> StepSettings:
    entries = value.entries(("count", "pause", "factor", "within"), required=("count",))
    if not entries:
        return NO_SETTINGS
    count = entries["count"].whole(least=0)
    pause = entries["pause"].whole_duration_s() if "pause" in entries else None
    factor = entries["factor"].whole(least=1) if "factor" in entries else None
    within = entries["within"].whole_duration_s() if "within" in entries else None
    if "pause" not in entries:
        for key in ("factor", "within"):
            if key in entries:
                entries[key].report(rules.METADATA_VALUE, "has no meaning without a 'pause'")
    if pause is None:
        return StepSettings(retry=count)
    backoff = Backoff(first_s=pause, factor=factor or 2, within_s=within)
    return StepSettings(retry=count, backoff=backoff)


def _env(value: JsonValue) -> StepSettings:
    return StepSettings(env=_texts(value, values.VARIABLE, "a variable"))


def _labels(value: JsonValue) -> StepSettings:
    return StepSettings(labels=_texts(value, values.LABEL_KEY, "a label", values.LABEL_VALUE))


def _annotations(value: JsonValue) -> StepSettings:
    return StepSettings(annotations=_texts(value, values.LABEL_KEY, "an annotation"))


def _node_selector(value: JsonValue) -> StepSettings:
    found = _texts(value, values.LABEL_KEY, "a label of nodes", values.LABEL_VALUE)
    return StepSettings(node_selector=found)


def _texts(
    value: JsonValue, keys: re.Pattern[str], what: str, texts: re.Pattern[str] | None = None
) -> tuple[NamedText, ...]:
    """Return a mapping of texts, in its order; ``texts`` is the form that they must have."""
    found = []
    for key, entry in value.pairs():
        if not keys.fullmatch(key):
            value.report(rules.CLUSTER_VALUE, f"has the key '{key}', which cannot name {what}")
        elif not isinstance(entry.value, str):
            entry.refuse("a text")
        elif texts is not None and not texts.fullmatch(entry.value):
            entry.report(
                rules.CLUSTER_VALUE,
                f"is '{entry.value}', which cannot be the text of {what}",
                "at most 63 letters, digits, '-', '_', '.'",
            )
        else:
            found.append(NamedText(key=key, value=entry.value))
    return tuple(found)


def _pull_secrets(value: JsonValue) -> StepSettings:
    names = [item.name(values.SECRET_NAME, "a secret") for item in value.items()]
    return StepSettings(image_pull_secrets=tuple(dict.fromkeys(filter(None, names))))


def _pull_policy(value: JsonValue) -> StepSettings:
    text = value.choice([policy.value for policy in PullPolicy])
    return StepSettings(image_pull_policy=None if text is None else PullPolicy(text))


def _tolerations(value: JsonValue) -> StepSettings:
    found = (_toleration(item) for item in value.items())
    return StepSettings(tolerations=tuple(dict.fromkeys(filter(None, found))))


def _toleration(item: JsonValue) -> Toleration | None:
    entries = item.entries(("key", "operator", "value", "effect", "seconds"))
    if not isinstance(item.value, dict):
        return None
    reported = len(item.findings)
    key = entries["key"].name(values.LABEL_KEY, "a taint") if "key" in entries else None
    operator = entries["operator"].choice(("Equal", "Exists")) if "operator" in entries else "Equal"
    effect = (
        entries["effect"].choice(("NoSchedule", "PreferNoSchedule", "NoExecute"))
        if "effect" in entries
        else None
    )
    text = (
        entries["value"].name(values.LABEL_VALUE, "a taint's value") if "value" in entries else None
    )
    seconds = entries["seconds"].whole(least=0) if "seconds" in entries else None
    if len(item.findings) > reported:
        return None
    if operator == "Exists" and text is not None:
        item.report(rules.CLUSTER_VALUE, "has a 'value', but the operator 'Exists' takes none")
    elif operator == "Equal" and key is None:
        item.report(
            rules.CLUSTER_VALUE,
            "has no 'key'",
            "the operator 'Exists' without a key tolerates every taint",
        )
    elif seconds is not None and effect != "NoExecute":
        item.report(
            rules.CLUSTER_VALUE, "has 'seconds', which need the effect 'NoExecute' to mean anything"
        )
    else:
        return Toleration(
            key=key, operator=operator or "Equal", value=text, effect=effect, seconds=seconds
        )
    return None


def _mounts(value: JsonValue) -> StepSettings:
    mounts: dict[str, Mount] = {}
    for item in value.items():
        mount = _mount(item)
        if mount is None:
            continue
        if mount.path in mounts:
            item.report(rules.CLUSTER_VALUE, f"mounts at '{mount.path}', as another one does")
        mounts.setdefault(mount.path, mount)
    return StepSettings(mounts=tuple(mounts.values()))


def _mount(item: JsonValue) -> Mount | None:
    if not isinstance(item.value, dict):
        item.refuse("a mapping")
        return None
    kinds = [kind for kind in MountKind if kind.value in item.value]
    if len(kinds) != 1:
        item.report(
            rules.METADATA_VALUE,
            f"must have one of {', '.join(_KINDS)}, to say what is mounted",
            'for example {"pvc": "data", "path": "/data"}',
        )
        for key in item.value:
            if not kinds and key not in {name for keys in _MOUNT_KEYS.values() for name in keys}:
                item.unknown(key, _KINDS)
        return None
    kind = kinds[0]
    required = (kind.value, *_MOUNT_REQUIRED.get(kind, ("path",)))
    entries = item.entries((kind.value, *_MOUNT_KEYS[kind]), required=required)
    return _mount_of(kind, entries) if entries else None


def _mount_of(kind: MountKind, entries: Mapping[str, JsonValue]) -> Mount | None:
    form = values.VOLUME_NAME if kind in _VOLUME_NAMES else values.SECRET_NAME
    name = entries[kind.value].name(form, f"a {kind.value.replace('_', ' ')}")
    path = _path(entries["path"], _PATH, "is no absolute path")
    sub_path = (
        _path(entries["sub_path"], _SUB_PATH, "is no path inside the volume")
        if "sub_path" in entries
        else None
    )
    optional = entries["optional"].truth() if "optional" in entries else None
    in_memory = entries["in_memory"].truth() if "in_memory" in entries else None
    size = entries["size"].quantity() if "size" in entries else None
    storage_class = read_storage_class(entries)
    if name is None or path is None or ("sub_path" in entries and sub_path is None):
        return None
    if kind is MountKind.EPHEMERAL and size is None:
        return None
    return Mount(
        kind=kind,
        name=name,
        path=path,
        sub_path=sub_path,
        is_optional=optional or False,
        size=size,
        access_modes=read_access_modes(entries)
        or (("ReadWriteOnce",) if kind is MountKind.EPHEMERAL else ()),
        storage_class=storage_class,
        is_in_memory=in_memory or False,
    )


def _path(value: JsonValue, form: re.Pattern[str], fault: str) -> str | None:
    text = value.text()
    if text is None:
        return None
    plain = text.rstrip("/")
    if form.fullmatch(plain) and not re.search(r"(?:^|/)\.{1,2}(?:/|$)", plain):
        return plain
    value.report(rules.CLUSTER_VALUE, f"is '{text}', which {fault}")
    return None


def read_access_modes(entries: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the access modes of a volume, if its mapping has the key for them."""
    if "access_modes" not in entries:
        return ()
    found = [item.choice(ACCESS_MODES) for item in entries["access_modes"].items()]
    return tuple(dict.fromkeys(filter(None, found)))


def read_storage_class(entries: Mapping[str, JsonValue]) -> str | None:
    """Return the storage class of a volume, if its mapping has the key for it."""
    if "storage_class" not in entries:
        return None
    return entries["storage_class"].name(values.SECRET_NAME, "a storage class")


SETTING_KEYS: Final[Mapping[str, Callable[[JsonValue], StepSettings]]] = {
    "retry": _retry,
    "env": _env,
    "labels": _labels,
    "annotations": _annotations,
    "mounts": _mounts,
    "tolerations": _tolerations,
    "node_selector": _node_selector,
    "image_pull_secrets": _pull_secrets,
    "image_pull_policy": _pull_policy,
}
"""The settings of a step in metadata: key -> its reader."""
