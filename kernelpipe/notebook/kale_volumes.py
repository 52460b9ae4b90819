"""Kale's volumes: those that say just what a mount of ours says become mounts."""

from collections.abc import Mapping
from typing import Any, Final

from kernelpipe.model.settings import NO_SETTINGS, StepSettings
from kernelpipe.notebook.json_values import JsonValue
from kernelpipe.notebook.settings_metadata import read_settings

_INERT: Final = frozenset({"size", "size_type", "annotations"})
"""What Kale reads for volumes that it makes anew only."""


def read_volumes(value: JsonValue) -> tuple[StepSettings, tuple[object, ...]]:
    """Return the mounts of existing claims, and the volumes that are anything else.

    New volumes, snapshots and volumes that are no claims have no counterpart: Kale makes one for
    all steps of a run, from a snapshot or from the notebook server's own.
    """
    if not isinstance(value.value, list):
        value.refuse("a list")
        return NO_SETTINGS, ()
    claims = [volume for volume in value.value if is_existing_claim(volume)]
    mounts = [{"pvc": each["name"], "path": each["mount_point"]} for each in claims]
    content = JsonValue(
        value={"mounts": mounts},
        path=value.path.rpartition(".")[0],
        location=value.location,
        findings=value.findings,
    )
    settings = read_settings(content) if mounts else NO_SETTINGS
    return settings, tuple(each for each in value.value if not is_existing_claim(each))


def is_existing_claim(volume: object) -> bool:
    """Tell whether a volume is a claim that exists and is mounted as it is."""
    if not isinstance(volume, dict) or volume.get("type") != "pvc" or volume.get("snapshot"):
        return False
    return {"name", "mount_point"} <= set(volume) and _is_known(volume)


def _is_known(volume: Mapping[str, Any]) -> bool:
    known = {"type", "name", "mount_point", "snapshot", "snapshot_name", *_INERT}
    return set(volume) <= known
