"""Why one step comes after another."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName


class ReasonKind(Enum):
    """What ties one step to another; the values are the wire text."""

    VALUE = "value"
    """A value flows under a name."""
    SHARING = "sharing"
    """A value flows because it may share an object with another that does."""
    STATE = "state"
    """Hidden state (a random generator, options of a library, ...) flows."""
    UNSEEN = "unseen"
    """Code that may bind any name stands before."""
    FILE = "file"
    TAG = "tag"
    METRIC = "metric"
    """The gate of the second step asks for a metric of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason; ``places`` are the lines that make it, in the order in which they run.

    ``name`` is what flows, or the path of the file, None where there is none. ``through`` are the
    functions by which the second step reaches it, outermost first.
    """

    kind: ReasonKind
    name: str | None
    text: str
    places: tuple[tuple[Location, str], ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLink:
    """``consumer`` starts after ``producer``, for all of ``reasons``."""

    producer: StepName
    consumer: StepName
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether and why ``second`` comes after ``first``.

    ``links`` lead from one to the other by the fewest steps; they are empty if neither waits for
    the other, and lead back if ``is_reversed``. ``between`` are all steps that come after the
    earlier and before the later one, in the pipeline's order.
    """

    first: StepName
    second: StepName
    is_reversed: bool
    links: tuple[StepLink, ...]
    between: tuple[StepName, ...]
