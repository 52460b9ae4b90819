"""What is known of texts and paths before they are used: whole, or only how they begin."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kernelpipe.analysis.heap import Kind, Value

_MOST = 16
"""How many texts one expression may be before they count as unknown."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE_URL = re.compile(r"file://|sqlite(\+\w+)?:///")
_FIELD = re.compile(r"\{|%")


class Computed(str):
    """A text that was put together; ``given`` names the parameters that it depends on, sorted.

    Of several that are computed there may be more than the analysis has seen: a loop may go on.
    """

    __slots__ = ("given",)
    given: tuple[str, ...]

    @classmethod
    def of(cls, text: str, given: Iterable[str] = ()) -> "Computed":
        """Return ``text``, marked."""
        made = cls(text)
        made.given = tuple(sorted(set(given)))
        return made


@dataclass(frozen=True, slots=True)
class Beginning:
    """A text of which only the beginning is known."""

    text: str
    given: tuple[str, ...] = ()


def given_of(constant: object) -> tuple[str, ...]:
    """Return the parameters that a text depends on."""
    return constant.given if isinstance(constant, Computed | Beginning) else ()


def constants_of(value: Value) -> tuple[object, ...]:
    """Return what the text ``value`` may be, (None,) when it may be any.

    Several texts are only told where each is written in the notebook.
    """
    found = {o.constant if o.kind in (Kind.IMMUTABLE, Kind.HANDLE) else None for o in value}
    if len(found) == 1:
        return tuple(found)
    if found and len(found) <= _MOST and all(type(each) is str for each in found):
        return tuple(sorted(map(str, found)))
    return (None,)


def constant_of(value: Value) -> object:
    """Return the one text that ``value`` is, or its beginning, None when it may be any."""
    found = constants_of(value)
    return found[0] if len(found) == 1 else None


def concatenated(parts: Iterable[object]) -> Computed | Beginning | None:
    """Return what texts are, one after the other; None when nothing is known of the first."""
    text = ""
    given: list[str] = []
    for part in parts:
        given += given_of(part)
        if not isinstance(part, str):
            text += part.text if isinstance(part, Beginning) else ""
            return Beginning(text, tuple(sorted(set(given)))) if text else None
        text += part
    return Computed.of(text, given)


def path_of(parts: Sequence[object]) -> Computed | Beginning | None:
    """Return the path that ``parts`` make, as ``pathlib`` and ``os.path.join`` do."""
    path = PurePosixPath()
    given: list[str] = []
    for part in parts:
        given += given_of(part)
        if not isinstance(part, str):
            rest = part.text if isinstance(part, Beginning) else ""
            known = str(path / rest) + ("/" if not rest or rest.endswith("/") else "")
            begins = path.parts or rest
            return Beginning(known, tuple(sorted(set(given)))) if begins else None
        path /= part
    return Computed.of(str(path), given) if parts else Computed.of(".")


def called(name: str, text: object, arguments: Sequence[object]) -> Computed | Beginning | None:
    """Return what method ``name`` of a text or a path gives, None when it is not known."""
    if name == "joinpath":
        return path_of([text, *arguments])
    if name == "format":
        return percent_formatted(text)
    known = [each for each in arguments if isinstance(each, str)]
    if not isinstance(text, str) or len(known) != len(arguments):
        return None
    found = _called(name, str(text), [str(each) for each in known])
    given = (*given_of(text), *(each for a in arguments for each in given_of(a)))
    return None if found is None else Computed.of(found, given)


def _called(name: str, text: str, arguments: list[str]) -> str | None:
    try:
        match name, arguments:
            case (("with_suffix" | "with_name" | "with_stem"), [given]):
                return str(getattr(PurePosixPath(text), name)(given))
            case "replace", [old, new]:
                return text.replace(old, new)
            case (("lower" | "upper" | "strip" | "rstrip" | "lstrip"), []):
                return str(getattr(text, name)())
            case (("resolve" | "absolute" | "expanduser" | "as_posix"), []):
                return text
    except ValueError:
        pass
    return None


def _formatted(text: str) -> Computed | Beginning | None:
    """Return what filling in a text's fields gives: what stands before the first is known."""
    field = _FIELD.search(text)
    if field is None:
        return Computed.of(text)
    return Beginning(text[: field.start()]) if field.start() else None


def percent_formatted(text: object) -> Computed | Beginning | None:
    """Return what ``text % values`` gives."""
    return _formatted(text) if isinstance(text, str) else None


def attribute_of(text: object, name: str) -> Computed | None:
    """Return what an attribute of a path is, None when it is not known."""
    if isinstance(text, str) and name in ("parent", "name", "stem", "suffix"):
        return Computed.of(str(getattr(PurePosixPath(text), name)), given_of(text))
    return None


def file_of(constant: object, *, is_pattern: bool = False) -> str | None:
    """Return the normal form of the file or folder that is meant, "" when it is no local file.

    Of a path whose end is not known it is the folder; None means any place at all.

    Args:
        constant: A text, its beginning, or None.
        is_pattern: ``*``, ``?`` and ``[`` stand for other characters.
    """
    if isinstance(constant, str):
        text = str(constant)
        wild = re.search(r"[*?\[]", text) if is_pattern else None
        is_whole = wild is None
        text = text[: wild.start()] if wild else text
    elif isinstance(constant, Beginning):
        text, is_whole = constant.text, False
    else:
        return None
    text = _FILE_URL.sub("", text)
    if _URL.match(text) or text == ":memory:":
        return ""
    if not is_whole:
        folder, slash, _ = text.rpartition("/")
        if not slash:
            return None
        text = folder or "/"
    return posixpath.normpath(text or ".")
