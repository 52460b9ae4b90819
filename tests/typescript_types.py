"""Checks JSON documents against the types that the extension's TypeScript declares."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

API = Path(__file__).parents[1] / "labextension" / "src" / "api.ts"
_TOKEN = re.compile(r"'[^']*'|[A-Za-z_]\w*|\d+|[{}()\[\]|&;:?,=<>]")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "PartialJSONObject": (dict,),
    "PartialJSONValue": (dict, list, str, int, float, bool, type(None)),
}


@dataclass(slots=True)
class Types:
    """The interfaces and type aliases of a file: name -> the tokens of what they mean."""

    aliases: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = API) -> "Types":
        """Return the exported types of a file."""
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        found = cls()
        flags = re.MULTILINE | re.DOTALL
        alias = r"^export type (\w+) =(.*?);\s*$"
        for name, meant in re.findall(alias, text, flags):
            found.aliases[name] = _TOKEN.findall(meant)
        interface = r"^export interface (\w+)(?: extends (\w+))? (\{.*?^\})"
        for name, base, meant in re.findall(interface, text, flags):
            found.aliases[name] = [*([base, "&"] if base else []), *_TOKEN.findall(meant)]
        return found

    def problems(self, name: str, document: Any) -> list[str]:
        """Return where a document is not of the type ``name``: what is missing, more or other."""
        return _Reader(self, list(self.aliases[name])).check(document, name)


@dataclass(slots=True)
class _Reader:
    """Reads a type from tokens and checks documents against it."""

    types: Types
    tokens: list[str]

    def check(self, document: Any, place: str) -> list[str]:
        kind = self._union()
        return _problems(self.types, kind, document, place)

    def _union(self) -> Any:
        if self.tokens[0] == "|":
            self.tokens.pop(0)
        parts = [self._intersection()]
        while self.tokens[:1] == ["|"]:
            self.tokens.pop(0)
            parts.append(self._intersection())
        return ("union", parts) if len(parts) > 1 else parts[0]

    def _intersection(self) -> Any:
        parts = [self._array()]
        while self.tokens[:1] == ["&"]:
            self.tokens.pop(0)
            parts.append(self._array())
        return ("both", parts) if len(parts) > 1 else parts[0]

    def _array(self) -> Any:
        kind = self._atom()
        while self.tokens[:2] == ["[", "]"]:
            del self.tokens[:2]
            kind = ("list", kind)
        return kind

    def _atom(self) -> Any:
        word = self.tokens.pop(0)
        if word == "(":
            kind = self._union()
            assert self.tokens.pop(0) == ")"
            return kind
        if word == "{":
            return self._object()
        if word.startswith("'"):
            return ("literal", word[1:-1])
        return ("name", word)

    def _object(self) -> Any:
        if self.tokens[0] == "[":
            keys = self.tokens[3] if self.tokens[2] == "in" else "string"
            del self.tokens[: self.tokens.index("]") + 2]
            kind = ("map", keys, self._union())
        else:
            fields: dict[str, tuple[bool, Any]] = {}
            while self.tokens[0] != "}":
                name = self.tokens.pop(0)
                is_optional = self.tokens[0] == "?"
                del self.tokens[: 2 if is_optional else 1]
                fields[name] = (is_optional, self._union())
                if self.tokens[0] in {";", ","}:
                    self.tokens.pop(0)
            kind = ("object", fields)
        if self.tokens[0] == ";":
            self.tokens.pop(0)
        assert self.tokens.pop(0) == "}"
        return kind


def _fields(types: Types, kind: Any) -> dict[str, tuple[bool, Any]]:
    """Return the fields of an object type: name -> whether it may be missing, and its type."""
    if kind[0] == "object":
        return dict(kind[1])
    if kind[0] == "name":
        return _fields(types, _resolved(types, kind[1]))
    assert kind[0] == "both", kind
    return {name: each for part in kind[1] for name, each in _fields(types, part).items()}


def _resolved(types: Types, name: str) -> Any:
    return _Reader(types, list(types.aliases[name]))._union()


def _problems(types: Types, kind: Any, document: Any, place: str) -> list[str]:
    found: list[str]
    match kind:
        case ("name", name):
            found = _name_problems(types, name, document, place)
        case ("literal", text):
            found = [] if document == text else [f"{place} is not {text!r}: {document!r}"]
        case ("list", inner):
            found = _list_problems(types, inner, document, place)
        case ("union", parts):
            tried = [_problems(types, part, document, place) for part in parts]
            found = [] if [] in tried else min(tried, key=len)
        case ("map", keys, inner):
            found = _map_problems(types, keys, inner, document, place)
        case _:
            found = _object_problems(_fields(types, kind), types, document, place)
    return found


def _name_problems(types: Types, name: str, document: Any, place: str) -> list[str]:
    if name == "null":
        return [] if document is None else [f"{place} is not null"]
    if name not in _PLAIN:
        return _problems(types, _resolved(types, name), document, place)
    is_bool = isinstance(document, bool) and bool not in _PLAIN[name]
    is_right = isinstance(document, _PLAIN[name]) and not is_bool
    return [] if is_right else [f"{place} is no {name}: {document!r}"]


def _list_problems(types: Types, inner: Any, document: Any, place: str) -> list[str]:
    if not isinstance(document, list):
        return [f"{place} is no list"]
    return [
        problem
        for index, each in enumerate(document)
        for problem in _problems(types, inner, each, f"{place}[{index}]")
    ]


def _map_problems(types: Types, keys: str, inner: Any, document: Any, place: str) -> list[str]:
    if not isinstance(document, dict):
        return [f"{place} is no mapping"]
    named = [] if keys == "string" else [part[1] for part in _resolved(types, keys)[1]]
    wrong = [f"{place} has other keys than {named}"] if named and {*document} != {*named} else []
    return wrong + [
        problem
        for key, each in document.items()
        for problem in _problems(types, inner, each, f"{place}.{key}")
    ]


def _object_problems(
    fields: Mapping[str, tuple[bool, Any]], types: Types, document: Any, place: str
) -> list[str]:
    if not isinstance(document, dict):
        return [f"{place} is no object"]
    missing = {name for name, (is_optional, _) in fields.items() if not is_optional} - {*document}
    found = [f"{place}.{name} is missing" for name in sorted(missing)]
    found += [f"{place}.{name} is not declared" for name in sorted({*document} - {*fields})]
    for name, (_, kind) in fields.items():
        if name in document:
            found += _problems(types, kind, document[name], f"{place}.{name}")
    return found
