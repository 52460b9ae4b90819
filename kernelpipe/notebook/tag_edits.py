"""Changes to the tags of cells, as a person means them: make these cells a step, a test, setup.

What the edit does not speak of stays: tags that are not ours exactly as they were, and the step
and the role of every cell that was not chosen. Where leaving out a tag above would give such a
cell another meaning, it gets the tag that says what it was. Four rules say what that is worth:

- An existing step gets just the chosen cells; so does a new one that several cells are chosen for.
- A new step that one cell without a tag is chosen for begins there and goes on, as if its tag had
  been typed: the untagged cells below that belonged to the same step (or setup) go along.
- Code that is setup only because no step has begun above may join the step that now begins above.
- Order and settings are of steps: those on a cell that leaves a step go to a cell that stays in
  it. If none stays they go along with the cell, and other steps that came after the old one come
  after the new one; if the cell is in no step any more, or its step was removed, they go, too.
  Tests and metrics without a step's tag go along with the last code of their step.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.step_edits import (
    RenameStep,
    SetOrder,
    SetSetting,
    rename_step,
    set_order,
    set_setting,
    step_name,
)
from kernelpipe.notebook.tag_names import ROLE_TAGS
from kernelpipe.notebook.tag_rewriting import Rewriting, settled
from kernelpipe.notebook.tagged_cells import (
    OF_A_STEP,
    Kind,
    Place,
    TaggedCell,
    kind_of,
    place_tagged,
)
from kernelpipe.notebook.walk import SETUP_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStep:
    """Make cells part of a step, which begins with them if there is none of that name.

    None takes the step's tag away, so that the cells continue what is above them.
    """

    ids: tuple[str, ...]
    step: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRole:
    """Say what cells are for; None makes them ordinary code again."""

    ids: tuple[str, ...]
    role: CellRole | None


TagEdit = SetStep | SetRole | SetOrder | SetSetting | RenameStep


def edit_tags(cells: Sequence[TaggedCell], edit: TagEdit) -> tuple[TaggedCell, ...]:
    """Return the cells whose tags change, with their new tags, in notebook order.

    Args:
        cells: All cells of the notebook; their ids are unique.
        edit: What is to change.

    Raises:
        UsageError: If it cannot be done; the message says why.
    """
    match edit:
        case SetStep():
            edited = _set_step(cells, edit)
        case SetRole():
            edited = _set_role(cells, edit)
        case SetOrder():
            edited = set_order(cells, edit)
        case SetSetting():
            edited = set_setting(cells, edit)
        case _:
            edited = rename_step(cells, edit)
    return tuple(
        settled(old, new) for old, new in zip(cells, edited, strict=True) if old.tags != new.tags
    )


def _set_step(cells: Sequence[TaggedCell], edit: SetStep) -> list[TaggedCell]:
    chosen = _chosen(cells, edit.ids)
    places = place_tagged(cells)
    wanted = _wanted_by_others(cells, places, chosen)
    if edit.step is None:
        if not any(cell.texts(Kind.STEP) for cell in cells if cell.id in chosen):
            raise UsageError(
                "the cell continues what is above it: it has no step tag to remove",
                hint="give it another step, or a role such as 'skip'",
            )
        bare = [c.without(Kind.STEP) if c.id in chosen else c for c in cells]
        return Rewriting(places=places, wanted=wanted, gone=chosen, is_removal=True).of(bare)
    step = step_name(edit.step)
    gone = chosen | _going_along(cells, places, chosen, step)
    gone |= _left_alone(cells, places, gone, step)
    for name in gone:
        role = places[name].role
        role = role if role in OF_A_STEP else CellRole.STEP
        wanted[name] = Place(role=role, step=step)
    cleaned = [_cleaned_for(c, step) if c.id in chosen else c for c in cells]
    return Rewriting(places=places, wanted=wanted, gone=gone, into=step).of(cleaned)


def _set_role(cells: Sequence[TaggedCell], edit: SetRole) -> list[TaggedCell]:
    chosen = _chosen(cells, edit.ids)
    places = place_tagged(cells)
    wanted = _wanted_by_others(cells, places, chosen)
    if edit.role is CellRole.PARAMETERS:
        _check_only_parameters(cells, chosen)
    if edit.role is None and not any(c.texts(Kind.ROLE) for c in cells if c.id in chosen):
        raise UsageError(
            "the cell has no role of its own to remove: what it is follows from the cells above",
            hint="give it a step",
        )
    for name in chosen:
        want = _wanted_place(places[name], edit.role)
        if want is not None:
            wanted[name] = want
    cleaned = [_cleaned_of_roles(c, edit.role) if c.id in chosen else c for c in cells]
    edited = Rewriting(places=places, wanted=wanted, gone=chosen).of(cleaned)
    if edit.role in {CellRole.TEST, CellRole.METRICS}:
        new_places = place_tagged(edited)
        if any(new_places[name].step is None for name in chosen):
            raise UsageError(
                f"a cell with the role '{edit.role.value}' belongs to a step, "
                "but no step has begun above it",
                hint="make a cell above it a step first",
            )
    return edited


def _wanted_place(old: Place, role: CellRole | None) -> Place | None:
    """Return where a cell with a new role belongs, None for wherever its tags put it.

    A place of a step's cell without a step means the step above.
    """
    if role is None:
        return None if old.role is CellRole.SKIP else Place(role=CellRole.STEP, step=old.step)
    return Place(role=role, step=old.step if role in OF_A_STEP else None)


def _check_only_parameters(cells: Sequence[TaggedCell], chosen: AbstractSet[str]) -> None:
    others = [
        index
        for index, cell in enumerate(cells)
        if cell.is_code and cell.id not in chosen and cell.read().role is CellRole.PARAMETERS
    ]
    if others:
        raise UsageError(
            f"cell {others[0]} is the parameters cell already; a notebook has only one",
            hint="take the role from that cell first",
        )
    if len(chosen) > 1:
        raise UsageError(
            "a notebook has only one parameters cell", hint="choose one cell for all parameters"
        )


def _chosen(cells: Sequence[TaggedCell], ids: Iterable[str]) -> set[str]:
    """Return the ids of code cells among ``ids``."""
    known = {cell.id for cell in cells if cell.is_code}
    chosen = known & set(ids)
    if not chosen:
        raise UsageError(
            "no code cell is chosen: only code cells are part of a pipeline",
            hint="choose a code cell",
        )
    return chosen


def _wanted_by_others(
    cells: Sequence[TaggedCell], places: Mapping[str, Place], chosen: AbstractSet[str]
) -> dict[str, Place]:
    """Return the places that cells that were not chosen keep; those that have none are left out."""
    undecided = _undecided(cells)
    return {
        name: place
        for name, place in places.items()
        if name not in chosen
        and name not in undecided
        and not (place.role in OF_A_STEP and place.step is None)
    }


def _undecided(cells: Sequence[TaggedCell]) -> set[str]:
    """Return the ids of the cells that are setup only because no step has begun above."""
    is_decided = has_step = False
    found: set[str] = set()
    for cell in cells:
        if not cell.is_code:
            continue
        tags = cell.read()
        has_step = has_step or tags.step is not None
        if tags.role in SETUP_ROLES:
            is_decided = has_step or tags.role is not CellRole.PARAMETERS
        elif tags.step is not None:
            is_decided = True
        elif tags.role is None and not is_decided and not tags.is_continued:
            found.add(cell.id)
    return found


def _going_along(
    cells: Sequence[TaggedCell],
    places: Mapping[str, Place],
    chosen: AbstractSet[str],
    step: StepName,
) -> set[str]:
    """Return the cells that continue the one chosen cell, where a new step begins with it."""
    is_new = all(place.step != step for place in places.values())
    first = next(index for index, cell in enumerate(cells) if cell.id in chosen)
    if len(chosen) > 1 or not is_new or _has_place(cells[first]):
        return set()
    found: set[str] = set()
    for cell in cells[first + 1 :]:
        if not cell.is_code or places[cell.id].role is CellRole.SKIP:
            continue
        if cell.texts(Kind.STEP) or cell.read().role in SETUP_ROLES:
            break
        if places[cell.id].step == places[cells[first].id].step:
            found.add(cell.id)
    return found


def _left_alone(
    cells: Sequence[TaggedCell], places: Mapping[str, Place], gone: AbstractSet[str], step: StepName
) -> set[str]:
    """Return the tests and metrics of steps whose other cells have all gone to ``step``."""
    left: dict[StepName, list[TaggedCell]] = {}
    for cell in cells:
        place = places.get(cell.id)
        if place is not None and place.step is not None and cell.id not in gone:
            left.setdefault(place.step, []).append(cell)
    emptied = {places[name].step for name in gone} - {step, None}
    return {
        cell.id
        for old, rest in left.items()
        if old in emptied
        and all(places[c.id].role is not CellRole.STEP and not c.texts(Kind.STEP) for c in rest)
        for cell in rest
    }


def _has_place(cell: TaggedCell) -> bool:
    return bool(cell.texts(Kind.STEP) or cell.texts(Kind.ROLE))


def _cleaned_for(cell: TaggedCell, step: StepName) -> TaggedCell:
    """Return the cell without what keeps it out of ``step``."""
    return replace(
        cell,
        tags=tuple(
            tag
            for tag in cell.tags
            if not (kind_of(tag) is Kind.STEP and str(tag).partition(":")[2] != step)
            and not (kind_of(tag) is Kind.ROLE and ROLE_TAGS[str(tag)] not in OF_A_STEP)
        ),
    )


def _cleaned_of_roles(cell: TaggedCell, role: CellRole | None) -> TaggedCell:
    """Return the cell with this role alone, and without a step where the role excludes one."""
    if role is not None and role not in OF_A_STEP:
        cell = cell.without(Kind.STEP)
    said = tuple(
        tag
        for tag in cell.tags
        if not (kind_of(tag) is Kind.ROLE and ROLE_TAGS[str(tag)] is not role)
    )
    cell = replace(cell, tags=said)
    return cell if role is None or cell.texts(Kind.ROLE) else cell.with_tags(role.value)
