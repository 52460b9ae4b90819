"""Scopes of the code that is executed abstractly, and what is known of their names."""

from dataclasses import dataclass, field

from kernelpipe.analysis.heap import NOTHING, Obj, Value


@dataclass(slots=True)
class Flow:
    """What is known of the names of one scope at one point.

    ``definite`` names are surely bound by this scope, ``bound`` ones may be; ``deleted`` ones
    were surely deleted since. Code after ``raise``, ``return``, ``break`` is not live.
    """

    bound: dict[str, Value] = field(default_factory=dict)
    definite: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    maybe_deleted: set[str] = field(default_factory=set)
    is_live: bool = True

    def copy(self) -> "Flow":
        """Return an independent copy."""
        return Flow(
            dict(self.bound),
            set(self.definite),
            set(self.deleted),
            set(self.maybe_deleted),
            self.is_live,
        )

    def merge(self, other: "Flow") -> None:
        """Make this the state after either of the two."""
        if not other.is_live:
            return
        if not self.is_live:
            self.bound, self.definite = other.bound, other.definite
            self.deleted, self.maybe_deleted = other.deleted, other.maybe_deleted
            self.is_live = True
            return
        for name, value in other.bound.items():
            self.bound[name] = self.bound.get(name, NOTHING) | value
        self.definite &= other.definite
        self.maybe_deleted |= other.maybe_deleted | (self.deleted ^ other.deleted)
        self.deleted &= other.deleted


class ScopeKind:
    """The kinds of scopes that Python has."""

    CELL = "cell"
    FUNCTION = "function"
    CLASS = "class"
    COMPREHENSION = "comprehension"


@dataclass(slots=True)
class Scope:
    """One scope: its own names, and everything that they were ever bound to (for closures)."""

    kind: str
    parent: "Scope | None" = None
    own: frozenset[str] = frozenset()
    declared_global: frozenset[str] = frozenset()
    flow: Flow = field(default_factory=Flow)
    everything: dict[str, Value] = field(default_factory=dict)
    cells: dict[str, Obj] = field(default_factory=dict)
    """Variables that inner functions bind with ``nonlocal``, as objects that they change."""


@dataclass(slots=True, kw_only=True)
class GlobalRead:
    """The first read of a global in a cell that the cell itself had not surely bound."""

    line: int
    column: int
    is_certain: bool
    """Runs whenever the cell does: not in a branch, a loop, or a function that may not run."""
    is_written: bool
    """The code says so; else the old value is only kept where the name may not be bound anew."""
