"""The parts of a pipeline spec: made for the emitter, read forgivingly for the validator."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]  # parsed YAML: rules check what they use
_TEXT: Final = frozenset({str})
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


compact_json: Final = json.JSONEncoder(separators=(",", ":")).encode
"""Returns a value as JSON text without blanks."""


def filled(**parts: object) -> Json:
    """Return the parts that are not empty."""
    return {name: part for name, part in parts.items() if part}


def artifact_type(title: str) -> Json:
    """Return the definition of an artifact, by the title of its schema."""
    return {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}


def mapping(value: object) -> Json:
    """Return ``value`` if it is a mapping, else an empty one.

    Keys that are no text are left out. The schema check reports all that is dropped here.
    """
    if not isinstance(value, dict):
        return {}
    if set(map(type, value)) <= _TEXT:
        return value
    return {key: item for key, item in value.items() if isinstance(key, str)}


def text(value: object) -> str:
    """Return ``value`` if it is text, else ''."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """Return the texts in ``value`` if it is a list, else an empty list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


class Spec:
    """A pipeline spec's parts, with empty ones for what is missing or of a wrong type."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.root: Json = mapping(document.get("root"))
        self.components: Mapping[str, Json] = {
            name: mapping(component)
            for name, component in mapping(document.get("components")).items()
        }
        self.executors: Mapping[str, Json] = {
            label: mapping(executor)
            for label, executor in mapping(
                mapping(document.get("deploymentSpec")).get("executors")
            ).items()
        }

    def all_components(self) -> Iterator[tuple[str, Json]]:
        """Yield (path, component) of the root and of every component."""
        yield "root", self.root
        for name, component in self.components.items():
            yield f"components.{name}", component

    def component_of(self, task: Json) -> Json | None:
        """Return the component that ``task`` refers to, None if there is none."""
        return self.components.get(text(mapping(task.get("componentRef")).get("name")))

    @staticmethod
    def is_valid_name(name: str, *, limit: int) -> bool:
        """Return whether ``name`` is made of lower-case letters, digits and inner dashes."""
        return len(name) <= limit and _NAME.fullmatch(name) is not None


def definition(component: Json, direction: str, kind: str, name: str) -> Json | None:
    """Return one definition of a component, None if it has none of that name.

    Args:
        component: The component.
        direction: ``inputDefinitions`` or ``outputDefinitions``.
        kind: ``parameters`` or ``artifacts``.
        name: The key.
    """
    found = mapping(mapping(component.get(direction)).get(kind)).get(name)
    return found if isinstance(found, dict) else None
