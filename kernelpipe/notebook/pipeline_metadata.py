"""The settings of a whole pipeline that are more than a text, from the notebook's metadata."""

from collections.abc import Callable, Mapping
from typing import Final

from kernelpipe.model.settings import ClusterPlace, TimeToLive, Workspace
from kernelpipe.notebook import values
from kernelpipe.notebook.json_values import JsonValue
from kernelpipe.notebook.settings_metadata import read_access_modes, read_storage_class


def _workspace(value: JsonValue) -> Workspace | None:
    entries = value.entries(("size", "storage_class", "access_modes"), required=("size",))
    size = entries["size"].quantity() if entries else None
    storage_class, modes = read_storage_class(entries), read_access_modes(entries)
    if size is None:
        return None
    return Workspace(size=size, storage_class=storage_class, access_modes=modes)


def _ttl(value: JsonValue) -> TimeToLive | None:
    if not isinstance(value.value, dict):
        seconds = value.whole_duration_s()
        return None if seconds is None else TimeToLive(finished_s=seconds)
    found = {
        key: entry.whole_duration_s()
        for key, entry in value.entries(("finished", "success", "failure")).items()
    }
    return TimeToLive(
        finished_s=found.get("finished"),
        success_s=found.get("success"),
        failure_s=found.get("failure"),
    )


def _deadline(value: JsonValue) -> int | None:
    return value.whole_duration_s()


def _parallelism(value: JsonValue) -> int | None:
    return value.whole(least=1)


def _service_account(value: JsonValue) -> str | None:
    return value.name(values.SECRET_NAME, "a service account")


def _cluster(value: JsonValue) -> ClusterPlace | None:
    found = {key: entry.text() for key, entry in value.entries(("host", "namespace")).items()}
    return ClusterPlace(**found) if any(found.values()) else None


def _merge(value: JsonValue) -> bool | None:
    return value.truth()


PIPELINE_KEYS: Final[Mapping[str, tuple[str, Callable[[JsonValue], object]]]] = {
    "workspace": ("workspace", _workspace),
    "ttl": ("ttl", _ttl),
    "deadline": ("deadline_s", _deadline),
    "parallelism": ("parallelism", _parallelism),
    "cluster": ("cluster", _cluster),
    "service_account": ("service_account", _service_account),
    "merge": ("merge", _merge),
}
"""Key in the metadata -> field of ``PipelineSettings`` and the reader of its value."""
