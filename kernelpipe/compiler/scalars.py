"""Read the values that users type: YAML 1.2's core scalars, flow lists and mappings."""

import json
import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import ParameterType

if TYPE_CHECKING:
    import yaml

_WORDS: Mapping[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[-+]?inf|nan")


def parse_value(text: str, kind: ParameterType, *, is_nullable: bool = False) -> object:
    """Return the value that ``text``, as typed on a command line, means for a parameter.

    Text for a ``str`` parameter is taken as it stands ("5" stays text); only ``null`` means None
    where None is accepted. Whether the value fits the type is not checked here.

    Raises:
        UsageError: If a quoted text, list or mapping is not closed or otherwise not YAML.
    """
    if kind is ParameterType.STRING:
        return None if is_nullable and text == "null" else text
    stripped = text.strip()
    if stripped[:1] in {"[", "{", '"', "'"}:
        return _parse_flow(stripped)
    return parse_scalar(stripped)


def parse_scalar(text: str) -> object:
    """Return what a plain scalar means in YAML 1.2's core schema.

    There ``1e-3`` is a number and ``yes`` is text. ``inf`` and ``nan`` are read without their dot,
    too, as Python writes them.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return _integer(text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _integer(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError as error:  # Python refuses decimal texts of more than 4,300 digits
        raise UsageError(f"the number {text[:20]}... has too many digits") from error


def _parse_flow(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return parse_yaml(text)


def parse_yaml(text: str) -> object:
    """Return the value of a YAML document, scalars read by the core schema.

    Raises:
        UsageError: If the text is not YAML, or a mapping has a key twice.
    """
    import yaml

    try:
        return yaml.load(text, Loader=_core_loader())  # noqa: S506  # derives from SafeLoader
    except yaml.YAMLError as error:
        raise UsageError(f"not valid YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise UsageError("not valid YAML: nested too deeply") from error


def _core_loader() -> "type[yaml.SafeLoader]":
    """Return a loader class; made here so that importing this module does not load PyYAML."""
    import yaml

    class CoreLoader(yaml.SafeLoader):
        """Plain scalars by ``parse_scalar``, quoted ones as text; a repeated key is an error."""

        def construct_mapping(
            self,
            node: yaml.MappingNode,
            deep: bool = False,  # noqa: FBT001, FBT002  # as overridden
        ) -> dict[Hashable, Any]:  # Any as overridden
            """Build a mapping and refuse keys that stand in it twice."""
            mapping = super().construct_mapping(node, deep=deep)
            if len(mapping) != len(node.value):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key stands in this mapping twice", node.start_mark
                )
            return mapping

    def scalar(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
        return parse_scalar(node.value) if node.style is None else node.value

    CoreLoader.yaml_implicit_resolvers = {}
    CoreLoader.add_constructor("tag:yaml.org,2002:str", scalar)
    return CoreLoader


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
