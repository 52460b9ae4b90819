"""Cells with their raw tags, for edits: which tags are ours, and what each cell means by them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Final, Self

from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.settings_tags import SETTING_NAMES
from kernelpipe.notebook.tag_names import EXIT_TAG, ORDER_NAMES, ROLE_TAGS, STEP_NAMES
from kernelpipe.notebook.tags import CellTags, parse_tags
from kernelpipe.notebook.walk import SETUP_ROLES, Walk

_ANYWHERE: Final = Location(path="")
OF_A_STEP: Final = frozenset({CellRole.STEP, CellRole.METRICS, CellRole.TEST})
"""The roles of cells that belong to a step."""


class Kind(Enum):
    """What a tag speaks of."""

    STEP = "step"
    ROLE = "role"
    ORDER = "order"
    SETTING = "setting"
    FOREIGN = "foreign"
    """None of ours, also what only looks like one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedCell:
    """A cell; ``tags`` are as its metadata has them, so some may be no text."""

    id: str
    cell_type: str
    tags: tuple[object, ...] = ()

    @property
    def is_code(self) -> bool:
        """Tell whether the cell can be part of a pipeline."""
        return self.cell_type == "code"

    def texts(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the tags of these kinds, in order; what is no text is left out."""
        return tuple(tag for tag in self.tags if isinstance(tag, str) and kind_of(tag) in kinds)

    def without(self, *kinds: Kind) -> Self:
        """Return the cell without the tags of these kinds."""
        return replace(self, tags=tuple(tag for tag in self.tags if kind_of(tag) not in kinds))

    def with_tags(self, *tags: str) -> Self:
        """Return the cell with those of ``tags`` at the end that it does not have."""
        new = tuple(tag for tag in dict.fromkeys(tags) if tag not in self.tags)
        return replace(self, tags=(*self.tags, *new))

    def read(self) -> CellTags:
        """Return what the tags say together."""
        return _read(tuple(tag for tag in self.tags if isinstance(tag, str)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a code cell is for and where it belongs; ``step`` is None for setup and ``skip``.

    A test before the first step has the role TEST and no step.
    """

    role: CellRole
    step: StepName | None = None


@dataclass(slots=True)
class Placing:
    """Finds the places of code cells in notebook order, as their tags alone tell them.

    The analysis may know better: it puts setup that needs a step's values into that step.
    """

    walk: Walk
    current: StepName | None = None

    @classmethod
    def start(cls) -> Self:
        """Return the state before the first cell."""
        return cls(walk=Walk())

    def enter(self, cell: TaggedCell) -> Place:
        """Return the place of the next code cell."""
        tags = cell.read()
        role = self.walk.enter(tags)
        if role is CellRole.SKIP or role in SETUP_ROLES:
            return Place(role=role)
        self.current = tags.step or self.current
        return Place(role=role, step=self.current)

    def peek(self, cell: TaggedCell) -> Place:
        """Return the place that ``cell`` would have as the next one."""
        return Placing(walk=replace(self.walk), current=self.current).enter(cell)


def place_tagged(cells: Sequence[TaggedCell]) -> dict[str, Place]:
    """Return the places of the code cells: id -> place, in notebook order."""
    placing = Placing.start()
    return {cell.id: placing.enter(cell) for cell in cells if cell.is_code}


def kind_of(tag: object) -> Kind:
    """Return what a tag speaks of, also where its value is wrong."""
    if not isinstance(tag, str):
        return Kind.FOREIGN
    if tag in ROLE_TAGS:
        return Kind.ROLE
    if tag == EXIT_TAG:
        return Kind.SETTING
    name, colon, _ = tag.partition(":")
    if not colon:
        return Kind.FOREIGN
    kinds = ((STEP_NAMES, Kind.STEP), (ORDER_NAMES, Kind.ORDER), (SETTING_NAMES, Kind.SETTING))
    return next((kind for names, kind in kinds if name in names), Kind.FOREIGN)


@lru_cache(maxsize=4096)
def _read(tags: tuple[str, ...]) -> CellTags:
    return parse_tags(tags, _ANYWHERE)
