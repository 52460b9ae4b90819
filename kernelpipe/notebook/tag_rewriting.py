"""Gives cells the tags that put them where an edit wants them, and keeps what steps say."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.tagged_cells import (
    OF_A_STEP,
    Kind,
    Place,
    Placing,
    TaggedCell,
    kind_of,
    place_tagged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """Where cells were and where they are to be.

    ``places`` are those before the edit; ``wanted`` maps the ids of cells that must come to stand
    somewhere to their place there, others stand where their tags put them. ``gone`` are the cells
    that the edit moves, ``into`` is the step that it moves them to.
    """

    places: Mapping[str, Place]
    wanted: Mapping[str, Place]
    gone: AbstractSet[str]
    into: StepName | None = None
    is_removal: bool = False
    """Whether what was said of a step goes when none of its cells stays."""

    def of(self, cells: Sequence[TaggedCell]) -> list[TaggedCell]:
        """Return all cells with their new tags; ``cells`` are without those that must go."""
        placing = Placing.start()
        edited: list[TaggedCell] = []
        for cell in cells:
            want = self.wanted.get(cell.id)
            new = _fitted(cell, want, placing) if want is not None else cell
            if new.is_code:
                placing.enter(new)
            edited.append(new)
        return self._renamed_orders(self._with_what_steps_say(edited))

    def _with_what_steps_say(self, cells: list[TaggedCell]) -> list[TaggedCell]:
        """Return the cells with order and settings on a cell of the step that they speak of."""
        places = place_tagged(cells)
        found = {cell.id: cell for cell in cells}
        for cell in cells:
            said = cell.texts(Kind.ORDER, Kind.SETTING)
            old = self.places[cell.id].step if cell.id in self.gone else None
            if not said or old is None or places[cell.id].step == old:
                continue
            heir = head_of(old, places)
            if heir is not None:
                found[heir] = found[heir].with_tags(*said)
            if heir is not None or self.is_removal or places[cell.id].step is None:
                found[cell.id] = found[cell.id].without(Kind.ORDER, Kind.SETTING)
        return list(found.values())

    def _renamed_orders(self, cells: list[TaggedCell]) -> list[TaggedCell]:
        """Return the cells with the orders after steps that are now part of another."""
        if self.into is None:
            return cells
        places = place_tagged(cells)
        left = {place.step for place in places.values()}
        merged = {self.places[name].step for name in self.gone} - left
        edited: list[TaggedCell] = []
        for cell in cells:
            names = {_named(tag) for tag in cell.texts(Kind.ORDER)}
            is_about = bool(names & merged) or (cell.id in self.gone and self.into in names)
            place = places.get(cell.id)
            edited.append(_ordered_after(cell, merged, self.into, place) if is_about else cell)
        return edited


def _ordered_after(
    cell: TaggedCell, merged: AbstractSet[StepName | None], into: StepName, place: Place | None
) -> TaggedCell:
    """Return the cell with its orders after ``merged`` steps made to be after ``into``."""
    is_inside = place is not None and place.step == into
    kept: list[object] = []
    for tag in cell.tags:
        name = _named(tag) if kind_of(tag) is Kind.ORDER else None
        if name is None or name not in {*merged, into}:
            kept.append(tag)
        elif not is_inside:
            new = str(tag) if name == into else f"prev:{into}"
            if new not in kept:
                kept.append(new)
    return replace(cell, tags=tuple(kept))


def _named(tag: object) -> str:
    return str(tag).partition(":")[2]


def _fitted(cell: TaggedCell, want: Place, placing: Placing) -> TaggedCell:
    """Return the next cell with as few tags as put it into the place that is wanted.

    A wanted place of a step's cell without a step means the step above, if there is one.
    """
    if want.role in OF_A_STEP and want.step is None:
        if placing.current is None:
            return cell
        want = replace(want, step=placing.current)
    if placing.peek(cell) == want:
        return cell
    if want.role not in OF_A_STEP:
        return cell.with_tags(want.role.value)
    bare = cell.without(Kind.STEP)
    return bare if placing.peek(bare) == want else bare.with_tags(f"step:{want.step}")


def head_of(step: StepName, places: Mapping[str, Place]) -> str | None:
    """Return the id of the step's first cell, which is code rather than a test or metrics."""
    cells = [(name, place.role) for name, place in places.items() if place.step == step]
    code = [name for name, role in cells if role is CellRole.STEP]
    return next(iter((*code, *(name for name, _ in cells))), None)


def settled(old: TaggedCell, new: TaggedCell) -> TaggedCell:
    """Return ``new`` with the tags that are new in the place of the first that is gone."""
    added = [tag for tag in new.tags if tag not in old.tags]
    tags: list[object] = []
    for tag in old.tags:
        if tag in new.tags:
            tags.append(tag)
        else:
            tags += added
            added = []
    return replace(new, tags=(*tags, *added))
