"""A reader of TypeScript's types, as far as ``api.ts`` uses them, that checks documents by them.

A document must have exactly the properties of its interface: one that the server forgets is a
blank in the panel, one that the panel does not know is dead weight.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(r"\s+|//[^\n]*|/\*.*?\*/|('[^']*'|\w+|[{}\[\]()<>|&:;,?=.])", re.DOTALL)
_EXPORT = re.compile(r"^export (?=interface |type )", re.MULTILINE)
_PRIMITIVES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "PartialJSONObject": (dict,),
    "PartialJSONValue": (str, int, float, bool, type(None), dict, list),
}


@dataclass(frozen=True, slots=True)
class Name:
    """Another type by its name, or one that TypeScript has."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A text as a type."""

    text: str


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of one type."""

    of: "Type"


@dataclass(frozen=True, slots=True)
class Either:
    """A union."""

    options: "tuple[Type, ...]"


@dataclass(frozen=True, slots=True)
class Both:
    """An intersection of objects, or an interface with those that it extends."""

    parts: "tuple[Type, ...]"


@dataclass(frozen=True, slots=True)
class Field:
    """A property; ``keys`` is a type of names when it stands for many, as in a mapping."""

    name: str
    type: "Type"
    is_optional: bool = False
    keys: "Type | None" = None


@dataclass(frozen=True, slots=True)
class Object:
    """Properties in the order of the source."""

    fields: tuple[Field, ...]


Type = Name | Literal | Array | Either | Both | Object


def read_types(path: Path) -> dict[str, Type]:
    """Return the exported interfaces and types of a module by their names."""
    text = path.read_text(encoding="utf-8")
    return dict(_Reader(text[found.start() :]).declaration() for found in _EXPORT.finditer(text))


class _Reader:
    """Reads one declaration at the beginning of a text."""

    def __init__(self, text: str) -> None:
        self._tokens = (found[1] for found in _TOKEN.finditer(text) if found[1])
        self._next = next(self._tokens, "")

    def _take(self, *expected: str) -> str:
        taken, self._next = self._next, next(self._tokens, "")
        if expected and taken not in expected:
            raise ValueError(f"expected {' or '.join(expected)}, not {taken}")
        return taken

    def _took(self, token: str) -> bool:
        is_there = self._next == token
        if is_there:
            self._take()
        return is_there

    def declaration(self) -> tuple[str, Type]:
        """Return the name and the type after ``interface`` or ``type``."""
        self._take("export")
        is_interface = self._take("interface", "type") == "interface"
        name = self._take()
        if not is_interface:
            self._take("=")
            return name, self._union()
        bases: list[Type] = []
        if self._took("extends"):
            bases.append(Name(self._take()))
            while self._took(","):
                bases.append(Name(self._take()))
        own = self._object()
        return name, Both((*bases, own)) if bases else own

    def _union(self) -> Type:
        self._took("|")
        options = [self._intersection()]
        while self._took("|"):
            options.append(self._intersection())
        return Either(tuple(options)) if len(options) > 1 else options[0]

    def _intersection(self) -> Type:
        parts = [self._array()]
        while self._took("&"):
            parts.append(self._array())
        return Both(tuple(parts)) if len(parts) > 1 else parts[0]

    def _array(self) -> Type:
        found = self._single()
        while self._took("["):
            self._take("]")
            found = Array(found)
        return found

    def _single(self) -> Type:
        if self._next == "{":
            return self._object()
        if self._took("("):
            found = self._union()
            self._take(")")
            return found
        name = self._take()
        if self._took("<"):
            while self._take() != ">":
                pass
        return Literal(name[1:-1]) if name.startswith("'") else Name(name)

    def _object(self) -> Object:
        self._take("{")
        fields = []
        while not self._took("}"):
            fields.append(self._field())
            self._took(";")
        return Object(tuple(fields))

    def _field(self) -> Field:
        keys: Type | None = None
        if self._took("["):
            name = self._take()
            self._take(":", "in")
            keys = self._union()
            self._take("]")
        else:
            name = self._take()
        is_optional = self._took("?")
        self._take(":")
        return Field(name, self._union(), is_optional, keys)


class Checker:
    """Checks documents; ``seen`` has the names of the types that something was held against."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self._types = types
        self.seen: set[str] = set()

    def problems(self, document: object, name: str) -> list[str]:
        """Return what keeps a document from being of a type, each with its place."""
        return list(self._problems(document, Name(name), name))

    def _problems(self, value: object, wanted: Type, place: str) -> Iterator[str]:
        match wanted:
            case Name(name) if name in _PRIMITIVES:
                allowed = _PRIMITIVES[name]
                is_right = isinstance(value, allowed)
                if not is_right or (isinstance(value, bool) and bool not in allowed):
                    yield f"{place}: {value!r} is no {name}"
            case Name(name):
                self.seen.add(name)
                yield from self._problems(value, self._types[name], place)
            case Literal(text):
                if value != text:
                    yield f"{place}: {value!r} is not '{text}'"
            case Array(of):
                yield from self._problems_of_array(value, of, place)
            case Either(options):
                yield from self._problems_of_either(value, options, place)
            case Both() | Object():
                yield from self._problems_of_object(value, self._fields(wanted), place)

    def _problems_of_array(self, value: object, of: Type, place: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no array"
            return
        for index, each in enumerate(value):
            yield from self._problems(each, of, f"{place}[{index}]")

    def _problems_of_either(
        self, value: object, options: tuple[Type, ...], place: str
    ) -> Iterator[str]:
        tried = [list(self._problems(value, option, place)) for option in options]
        if all(tried):
            # What it probably should have been: the option that is wrong inside, not altogether.
            inner = [each for each in tried if not each[0].startswith(f"{place}: {value!r} ")]
            yield from inner[0] if inner else [f"{place}: {value!r} is none of its options"]

    def _problems_of_object(
        self, value: object, fields: tuple[Field, ...], place: str
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
            return
        unknown = set(value)
        for field in fields:
            for key in self._keys(field, value):
                unknown.discard(key)
                if key in value:
                    yield from self._problems(value[key], field.type, f"{place}.{key}")
                elif not field.is_optional:
                    yield f"{place}.{key} is missing"
        yield from (f"{place}.{key} is not in the interface" for key in sorted(unknown))

    def _keys(self, field: Field, value: Mapping[str, object]) -> list[str]:
        """Return the names that a property stands for: of a mapping of texts all that are there."""
        match field.keys:
            case None:
                return [field.name]
            case Name("string"):
                return list(value)
            case Name(name):
                names = self._types[name]
                assert isinstance(names, Either)
                return [option.text for option in names.options if isinstance(option, Literal)]
            case _:
                raise ValueError(f"{field.keys} are no keys")

    def _fields(self, wanted: Type) -> tuple[Field, ...]:
        match wanted:
            case Object(fields):
                return fields
            case Both(parts):
                return tuple(field for part in parts for field in self._fields(part))
            case Name(name):
                self.seen.add(name)
                return self._fields(self._types[name])
            case _:
                raise ValueError(f"{wanted} has no properties")
