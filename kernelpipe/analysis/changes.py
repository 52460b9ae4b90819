"""Changes of the world that a cell has made, and how they are taken back and done again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kernelpipe.analysis.heap import Obj, Value


@dataclass(frozen=True, slots=True)
class Member:
    """``item`` was put into, or taken from, one of the sets of a sealed object."""

    o: Obj
    attribute: str
    item: Obj
    is_in: bool


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute of a sealed object was set."""

    o: Obj
    attribute: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Binding:
    """A name was bound anew; None means that it is not bound."""

    name: str
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Seed:
    """A random generator was given a seed."""

    state: str


Change = Member | Field | Binding | Seed
_GROWING = ("contains", "keeps", "holders")
"""Sets of objects from which nothing is ever taken."""


@dataclass(slots=True, eq=False, repr=False)
class Effect:
    """What the changes of one cell come to, sorted by kind; those of one kind are independent."""

    bindings: dict[str, tuple[int, Value | None, Value | None, Value | None]] = field(
        default_factory=dict
    )
    """Name -> where in the log it is bound first, what it was before, was then, is at the end."""
    grown: dict[str, list[tuple[Obj, Obj]]] = field(
        default_factory=lambda: {attribute: [] for attribute in _GROWING}
    )
    """Attribute -> (object, item) where the item was put into that set of the object."""
    others: list[Member | Field] = field(default_factory=list)
    """What is guessed, and attributes; in the order in which they changed."""
    seeds: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, log: Sequence[Change]) -> "Effect":
        """Return what a log comes to."""
        found = cls()
        for index, change in enumerate(log):
            if isinstance(change, Binding):
                new = (index, change.before, change.after, None)
                at, before, first, _ = found.bindings.get(change.name, new)
                found.bindings[change.name] = at, before, first, change.after
            elif isinstance(change, Seed):
                found.seeds.append(change.state)
            elif isinstance(change, Field) or change.attribute not in _GROWING:
                found.others.append(change)
            else:
                found.grown[change.attribute].append((change.o, change.item))
        return found

    def undo(self, names: dict[str, Value], seeded: set[str]) -> None:
        """Take the changes back; whatever came after them has been taken back."""
        for name, (_, before, _, _) in self.bindings.items():
            if before is None:
                names.pop(name, None)
            else:
                names[name] = before
        for attribute, grown in self.grown.items():
            for o, item in grown:
                getattr(o, attribute).discard(item)
        for change in reversed(self.others):
            if isinstance(change, Field):
                setattr(change.o, change.attribute, change.before)
            else:
                _move(change, is_in=not change.is_in)
        seeded.difference_update(self.seeds)

    def redo(self, names: dict[str, Value], seeded: set[str], log: list[Change]) -> None:
        """Do the changes again; ``log`` is told where names are not what they were before."""
        for name, (index, before, first, after) in self.bindings.items():
            now = names.pop(name, None)
            if now is not before and now != before:
                log[index] = Binding(name, now, first)
                self.bindings[name] = index, now, first, after
            if after is not None:
                names[name] = after
        for attribute, grown in self.grown.items():
            for o, item in grown:
                getattr(o, attribute).add(item)
        for change in self.others:
            if isinstance(change, Field):
                setattr(change.o, change.attribute, change.after)
            else:
                _move(change, is_in=change.is_in)
        seeded.update(self.seeds)


def _move(change: Member, *, is_in: bool) -> None:
    members: set[Obj] = getattr(change.o, change.attribute)
    (members.add if is_in else members.discard)(change.item)
