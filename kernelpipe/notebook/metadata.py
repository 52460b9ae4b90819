"""The notebook's own metadata: pipeline settings of kernelpipe and of Kale."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.settings import NO_SETTINGS, MetadataEntry, PipelineSettings, StepSettings
from kernelpipe.notebook import rules
from kernelpipe.notebook.json_values import JsonValue
from kernelpipe.notebook.kale_volumes import is_existing_claim, read_volumes
from kernelpipe.notebook.pipeline_metadata import PIPELINE_KEYS
from kernelpipe.notebook.settings_metadata import read_settings
from kernelpipe.notebook.settings_tags import merge_settings
from kernelpipe.notebook.tags import parse_step_defaults

OWN_KEY: Final = "kernelpipe"
KALE_KEY: Final = "kubeflow_notebook"
VERSION: Final = 1
_OWN_KEYS: Final = (
    "version",
    "name",
    "description",
    "experiment",
    "step_defaults",
    "notify",
    *PIPELINE_KEYS,
)

_OF_EXECUTED_CELLS: Final = frozenset({"version", "cell", "role"})
"""What is no setting of a cell: its version, and what the notebooks of finished steps say."""


@dataclass(slots=True)
class _Findings:
    """What has been read so far of one of the two."""

    path: str
    where: str
    texts: dict[str, str] = field(default_factory=dict)
    typed: dict[str, object] = field(default_factory=dict)
    defaults: StepSettings = field(default_factory=StepSettings)
    other: dict[str, MetadataEntry] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    place: Location | None = None
    """The cell's, None for the notebook's metadata."""

    @property
    def location(self) -> Location:
        return self.place or Location(path=self.path)

    def report(self, rule: rules.Rule, message: str, hint: str | None = None) -> None:
        self.diagnostics.append(rule.at(self.location, message, hint))

    def refuse(self, key: str, expected: str) -> None:
        self.report(rules.METADATA_VALUE, f"metadata '{self.where}.{key}' is not {expected}")

    def text(self, target: str, key: str, value: object) -> None:
        """Take in a text; an empty one sets nothing."""
        if value is None or value == "":
            return
        if isinstance(value, str):
            self.texts[target] = value
        else:
            self.refuse(key, "text")

    def value(self, key: str, value: object) -> JsonValue:
        """Return a part of this metadata, to read it strictly."""
        return JsonValue(
            value=value,
            path=f"{self.where}.{key}",
            location=self.location,
            findings=self.diagnostics,
        )

    def step_defaults(self, key: str, value: object) -> None:
        """Take in the settings of all steps: a list of tags, or a mapping with what fits none."""
        if not isinstance(value, dict):
            self.tags(key, value)
            return
        if "tags" in value:
            self.tags(f"{key}.tags", value["tags"])
        rest = {name: item for name, item in value.items() if name != "tags"}
        self.join(read_settings(self.value(key, rest)))

    def join(self, settings: StepSettings) -> None:
        """Take in further settings of all steps."""
        self.defaults = merge_settings(self.defaults, settings).settings

    def tags(self, key: str, value: object) -> None:
        """Take in the settings of all steps, a list of tags."""
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            self.refuse(key, "a list of tags")
            return
        settings, found = parse_step_defaults(value, self.location)
        self.join(settings)
        self.diagnostics += found

    def notify(self, key: str, value: object) -> None:
        """Keep who is told how runs went: a text or a list of texts."""
        texts = value if isinstance(value, list) else [value]
        if all(isinstance(text, str) for text in texts):
            self.keep(key, value)
        else:
            self.refuse(key, "a text or a list of texts")

    def keep(self, key: str, value: object) -> None:
        """Keep what has no typed setting, for backends to report."""
        name = f"{self.where}.{key}"
        self.other[name] = MetadataEntry(
            key=name, value=json.dumps(value, sort_keys=True), location=self.location
        )


def parse_metadata(
    metadata: Mapping[str, Any], *, path: str
) -> tuple[PipelineSettings, tuple[Diagnostic, ...]]:
    """Return the settings of the whole notebook; where both have one, kernelpipe's own holds."""
    own = _read(metadata, _Findings(path, OWN_KEY), _read_own)
    kale = _read(metadata, _Findings(path, KALE_KEY), _read_kale)
    both = [key for key in own.texts if kale.texts.get(key, own.texts[key]) != own.texts[key]]
    merged = merge_settings(kale.defaults, own.defaults)
    found: list[Diagnostic] = [
        rules.TWO_METADATA.at(
            Location(path=path),
            f"metadata '{OWN_KEY}' and '{KALE_KEY}' differ in '{key}'; the first holds",
        )
        for key in (*both, *merged.conflicts)
    ]
    texts = kale.texts | own.texts
    settings = PipelineSettings(
        name=texts.get("name"),
        description=texts.get("description"),
        experiment=texts.get("experiment"),
        step_defaults=merged.settings,
        other=tuple(entry for _, entry in sorted((own.other | kale.other).items())),
    )
    settings = replace(settings, **own.typed)  # type: ignore[arg-type]  # each by its field's name
    return settings, (*own.diagnostics, *kale.diagnostics, *found)


def _read(
    metadata: Mapping[str, Any],
    findings: _Findings,
    reader: Callable[[Mapping[str, Any], _Findings], None],
) -> _Findings:
    content = metadata.get(findings.where)
    if isinstance(content, dict):
        reader(content, findings)
    elif content is not None:
        findings.report(
            rules.ODD_METADATA, f"metadata '{findings.where}' is not a mapping; it is not read"
        )
    return findings


def _read_own(content: Mapping[str, Any], findings: _Findings) -> None:
    version = _read_version(content, findings)
    for key, value in content.items():
        if key == "step_defaults":
            findings.step_defaults(key, value)
        elif key in PIPELINE_KEYS:
            target, reader = PIPELINE_KEYS[key]
            if value is not None:
                findings.typed[target] = reader(findings.value(key, value))
        elif key == "notify":
            findings.notify(key, value)
        elif key in _OWN_KEYS:
            if key != "version":
                findings.text(key, key, value)
        elif version > VERSION:
            findings.keep(key, value)
        else:
            findings.report(
                rules.UNKNOWN_KEY,
                f"metadata '{OWN_KEY}' has the key '{key}', which is not known",
                did_you_mean(key, _OWN_KEYS),
            )


def _read_version(content: Mapping[str, Any], findings: _Findings) -> int:
    version = content.get("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        findings.refuse("version", "a version number")
        return VERSION
    if version > VERSION:
        findings.report(
            rules.NEWER_METADATA,
            f"metadata '{OWN_KEY}' has version {version}; this kernelpipe knows {VERSION}",
            "upgrade kernelpipe: pip install --upgrade kernelpipe",
        )
    return version


def parse_cell_metadata(
    metadata: Mapping[str, Any], location: Location
) -> tuple[StepSettings, tuple[Diagnostic, ...]]:
    """Return what a cell's metadata sets for its step, with what is wrong with it.

    Args:
        metadata: Of the cell; what is not below ``kernelpipe`` is others'.
        location: The cell's.
    """
    content = metadata.get(OWN_KEY)
    if content is None:
        return NO_SETTINGS, ()
    findings = _Findings(location.path, OWN_KEY, place=location)
    if not isinstance(content, dict):
        findings.report(
            rules.ODD_METADATA, f"metadata '{OWN_KEY}' is not a mapping; it is not read"
        )
        return NO_SETTINGS, tuple(findings.diagnostics)
    _read_version(content, findings)
    rest = {key: value for key, value in content.items() if key not in _OF_EXECUTED_CELLS}
    value = JsonValue(value=rest, path=OWN_KEY, location=location, findings=findings.diagnostics)
    return read_settings(value), tuple(findings.diagnostics)


def _read_kale(content: Mapping[str, Any], findings: _Findings) -> None:
    for key, target in _KALE_TEXTS.items():
        findings.text(target, key, content.get(key))
    experiment = content.get("experiment")
    if isinstance(experiment, dict):
        findings.text("experiment", "experiment.name", experiment.get("name"))
    elif experiment is not None:
        findings.refuse("experiment", "a mapping")
    _read_kale_defaults(content, findings)
    volumes = content.get("volumes")
    if volumes:
        mounts, left = read_volumes(findings.value("volumes", volumes))
        findings.join(mounts)
        if left:
            findings.keep("volumes", list(left))
    for key, value in content.items():
        if key not in _KALE_READ and not _is_inert(key, content):
            findings.keep(key, value)


def _read_kale_defaults(content: Mapping[str, Any], findings: _Findings) -> None:
    """Take in the settings of all steps; ``steps_defaults`` holds over what is more general."""
    for key in ("docker_image", "base_image"):
        image = content.get(key)
        if isinstance(image, str) and image:
            findings.tags(key, [f"image:{image}"])
        elif image:
            findings.refuse(key, "text")
    caching = content.get("enable_caching")
    if isinstance(caching, bool):
        findings.defaults = replace(findings.defaults, cache=caching)
    elif caching is not None:
        findings.refuse("enable_caching", "true or false")
    defaults = content.get("steps_defaults")
    if isinstance(defaults, dict):
        findings.tags("steps_defaults", _tags_of_mapping(defaults))
    elif defaults is not None:
        findings.tags("steps_defaults", defaults)


def _tags_of_mapping(defaults: Mapping[str, Any]) -> list[str] | None:
    """Return Kale's ``{"labels": {key: text}, ...}`` as tags, None if it is anything else."""
    tags: list[str] = []
    for kind, entries in defaults.items():
        if not isinstance(entries, dict):
            return None
        tags += [f"{kind.removesuffix('s')}:{key}:{value}" for key, value in entries.items()]
    return tags


def _is_inert(key: str, content: Mapping[str, Any]) -> bool:
    """Tell whether Kale itself would do nothing for this entry."""
    value = content[key]
    if value in _NOTHING or key in _UI_ONLY:
        return True
    if key in _WITH_VOLUMES:
        volumes = content.get("volumes")
        return not volumes or (isinstance(volumes, list) and all(map(is_existing_claim, volumes)))
    if key.startswith("katib_"):
        return not content.get("katib_run")
    return key.startswith("marshal_")  # where Kale puts values between steps; ours need no volume


_NOTHING: Final[tuple[object, ...]] = (None, False, "", [], {})
_UI_ONLY: Final = frozenset({"notebook_path", "abs_working_dir", "deploy_config"})
"""What Kale's panel keeps there for itself: the place of the notebook where it was last open."""
_WITH_VOLUMES: Final = frozenset({"volume_access_mode", "storage_class_name"})
_KALE_TEXTS: Final = {
    "pipeline_name": "name",
    "pipeline_description": "description",
    "experiment_name": "experiment",
}
_KALE_READ: Final = frozenset(
    {
        *_KALE_TEXTS,
        "experiment",
        "docker_image",
        "base_image",
        "enable_caching",
        "steps_defaults",
        "volumes",
    }
)
