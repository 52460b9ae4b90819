"""Attributes of globals that are not known where a function is summarised: maybe of libraries."""

from dataclasses import dataclass

from kernelpipe.analysis.heap import Kind, Obj, Value, library_attribute, new, part_of


@dataclass(frozen=True, slots=True)
class AttributeName:
    """The constant of a part of a symbol that may be a library: which attribute it is."""

    name: str


def named_part(whole: Obj, name: str) -> Obj:
    """Return attribute ``name`` of a global that is not known where a function is summarised."""
    made = new(Kind.UNKNOWN, {whole}, constant=AttributeName(name))
    made.is_part = True
    made.wholes = (whole,)
    return made


def attribute_of_whole(part: Obj, wholes: Value) -> Value:
    """Return what ``part`` is where it is known what it is a part of."""
    if not isinstance(part.constant, AttributeName):
        return part_of(wholes)
    libraries = frozenset(o for o in wholes if o.kind in (Kind.MODULE, Kind.IMPORTED))
    name = part.constant.name
    return part_of(wholes - libraries) | {library_attribute(o, name) for o in libraries}
