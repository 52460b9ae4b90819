"""Whatever edits follow each other: foreign tags stay, and only what was asked for changes."""

import kit
from hypothesis import given
from hypothesis import strategies as st

from kernelpipe.analysis.placement import place_cells
from kernelpipe.errors import UsageError
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook import parse_notebook
from kernelpipe.notebook.step_edits import RenameStep, SetOrder, SetSetting
from kernelpipe.notebook.tag_edits import SetRole, SetStep, TagEdit, edit_tags
from kernelpipe.notebook.tagged_cells import (
    OF_A_STEP,
    Place,
    TaggedCell,
    place_tagged,
)

STEPS = ["a", "b", "c"]
ROLES = [role for role in CellRole if role is not CellRole.STEP]
FOREIGN: list[object] = [
    "hide-input", "stpe:x", "Test", "foreign:tag", "raises-exception", 7, None, "parameters:x",
]  # fmt: skip
TAGS = st.sampled_from(
    ["step:a", "step:b", "block:c", "step:", "step:no name", "prev:a", "after:b", "prev:b",
     "imports", "functions", "parameters", "pipeline-parameters", "metrics", "test", "skip",
     "cpu:1", "cpu:2", "limit:cpu:1", "gpu:1", "limit:nvidia.com/gpu:2", "env:K:v:w",
     "cache:enabled", "cpu:much", "on-exit", *FOREIGN]
)  # fmt: skip
CELLS = st.lists(
    st.tuples(
        st.sampled_from(["code", "code", "code", "markdown"]),
        st.lists(TAGS, max_size=4).map(tuple) | st.just(()),
    ),
    min_size=1,
    max_size=8,
).map(
    lambda found: tuple(
        TaggedCell(id=f"c{index}", cell_type=kind, tags=tags)
        for index, (kind, tags) in enumerate(found)
    )
)
IDS = st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True).map(
    lambda found: tuple(f"c{index}" for index in sorted(found))
)
EDITS: st.SearchStrategy[TagEdit] = st.one_of(
    st.builds(SetStep, ids=IDS, step=st.sampled_from([*STEPS, "new", None])),
    st.builds(SetRole, ids=IDS, role=st.sampled_from([*ROLES, None])),
    st.builds(SetOrder, ids=IDS, after=st.lists(st.sampled_from(STEPS), max_size=2).map(tuple)),
    st.builds(
        SetSetting,
        ids=IDS,
        name=st.sampled_from(["cpu", "gpu", "env:K", "cache", "on-exit"]),
        value=st.sampled_from(["1", "on", None]),
    ),
    st.builds(RenameStep, step=st.sampled_from(STEPS), to=st.sampled_from([*STEPS, "other"])),
)  # fmt: skip


def _after(cells: tuple[TaggedCell, ...], edit: TagEdit) -> tuple[TaggedCell, ...] | None:
    """Return all cells after an edit, None if it is refused."""
    try:
        changed = {cell.id: cell for cell in edit_tags(cells, edit)}
    except UsageError:
        return None
    return tuple(changed.get(cell.id, cell) for cell in cells)


def _foreign(cell: TaggedCell) -> list[object]:
    return [tag for tag in cell.tags if tag in FOREIGN]


def _decided(cells: tuple[TaggedCell, ...]) -> dict[str, Place]:
    """Return the places of cells that a tag, theirs or one above, has put there."""
    found: dict[str, Place] = {}
    is_decided = has_step = False
    for cell in cells:
        if not cell.is_code:
            continue
        tags = cell.read()
        has_step = has_step or tags.step is not None
        if tags.role in {CellRole.IMPORTS, CellRole.FUNCTIONS} or has_step:
            is_decided = True
        elif tags.role is CellRole.PARAMETERS:
            is_decided = False
        place = place_tagged(cells)[cell.id]
        is_homeless = place.role in OF_A_STEP and place.step is None
        if not is_homeless and (is_decided or tags.role is not None):
            found[cell.id] = place
    return found


@given(cells=CELLS)
def test_place_tagged__any_tags__agrees_with_reader_and_analysis(
    cells: tuple[TaggedCell, ...],
) -> None:
    """Edits and analysis must not differ in what tags mean."""
    content = kit.notebook(
        *(
            {"cell_type": c.cell_type, "source": "", "metadata": {"tags": list(c.tags)}}
            | ({"outputs": [], "execution_count": None} if c.is_code else {})
            for c in cells
        )
    )
    notebook = parse_notebook(kit.encode(content), path="n.ipynb")
    placed = {p.cell.id: p.step for p in place_cells(notebook, {}).cells}
    expected = {c.id: Place(role=c.role, step=placed.get(c.id)) for c in notebook.cells}

    found = place_tagged(cells)

    assert found == expected


@given(cells=CELLS, edits=st.lists(EDITS, min_size=1, max_size=4))
def test_edit_tags__any_edits__foreign_tags_stay_in_order(
    cells: tuple[TaggedCell, ...], edits: list[TagEdit]
) -> None:
    """What is not ours is nobody's to touch."""
    before = [_foreign(cell) for cell in cells]

    for edit in edits:
        cells = _after(cells, edit) or cells

    assert [_foreign(cell) for cell in cells] == before


@given(cells=CELLS, edit=EDITS)
def test_edit_tags__any_edit__repeating_it_changes_nothing(
    cells: tuple[TaggedCell, ...], edit: TagEdit
) -> None:
    """What was asked for is there, so nothing is left to do."""
    once = _after(cells, edit)

    twice = None if once is None else _after(once, edit)

    assert twice in (None, once)


@given(cells=CELLS, ids=IDS, step=st.sampled_from([*STEPS, "new"]))
def test_edit_tags__cells_to_a_step__they_are_in_it_and_others_stay(
    cells: tuple[TaggedCell, ...], ids: tuple[str, ...], step: str
) -> None:
    """The chosen cells are the step's; others are what they were, or went along by a rule."""
    new = _after(cells, SetStep(ids=ids, step=step))
    if new is None:
        return

    places, old = place_tagged(new), place_tagged(cells)

    chosen = [name for name in ids if name in places]
    assert {places[name].step for name in chosen} == {step}
    assert {places[name].role for name in chosen} <= OF_A_STEP
    for name, place in _decided(cells).items():
        if name in chosen or places[name] == place:
            continue
        went_along = place.step in {old[n].step for n in chosen} and places[name].step == step
        assert went_along, name
        is_begun = len(chosen) == 1 and step not in {p.step for p in old.values()}
        is_of_emptied = place.step not in {p.step for p in places.values()}
        assert is_begun or (is_of_emptied and place.role is not CellRole.STEP), name


@given(cells=CELLS, ids=IDS, role=st.sampled_from([*CellRole, None]))
def test_edit_tags__role_or_no_step__others_stay(
    cells: tuple[TaggedCell, ...], ids: tuple[str, ...], role: CellRole | None
) -> None:
    """A cell that was not chosen keeps its step and its role; a chosen one has the role."""
    edit = SetStep(ids=ids, step=None) if role is CellRole.STEP else SetRole(ids=ids, role=role)
    new = _after(cells, edit)
    if new is None:
        return

    places = place_tagged(new)

    kept = {name: place for name, place in _decided(cells).items() if name not in ids}
    assert {name: places[name] for name in kept} == kept
    if role not in {CellRole.STEP, None}:
        assert {places[name].role for name in ids if name in places} == {role}


@given(cells=CELLS, edit=EDITS)
def test_edit_tags__of_a_step__no_cell_changes_its_place(
    cells: tuple[TaggedCell, ...], edit: TagEdit
) -> None:
    """Order and settings move nothing; a new name is the name of the same cells."""
    new = _after(cells, edit)
    if new is None or isinstance(edit, SetStep | SetRole):
        return

    names = {edit.step: edit.to} if isinstance(edit, RenameStep) else {}

    expected = {
        name: (place.role, names.get(str(place.step), place.step))
        for name, place in place_tagged(cells).items()
    }
    assert {n: (p.role, p.step) for n, p in place_tagged(new).items()} == expected
