"""What each edit does to the tags, typed out; notebooks are lists of cells' tags."""

import pytest

from kernelpipe.errors import UsageError
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.step_edits import RenameStep, SetOrder, SetSetting
from kernelpipe.notebook.tag_edits import SetRole, SetStep, TagEdit, edit_tags
from kernelpipe.notebook.tagged_cells import TaggedCell


def _cells(text: str) -> list[TaggedCell]:
    """Return cells c0, c1, ... of their tags; ``|`` parts cells, ``#`` marks one of text."""
    return [
        TaggedCell(
            id=f"c{index}",
            cell_type="markdown" if part.strip().startswith("#") else "code",
            tags=tuple(part.replace("#", "").split()),
        )
        for index, part in enumerate(text.split("|"))
    ]


def _edited(text: str, edit: TagEdit) -> str:
    """Return all cells after an edit, written as ``text`` is."""
    cells = _cells(text)
    changed = {cell.id: cell for cell in edit_tags(cells, edit)}
    return " | ".join(
        " ".join(
            (["#"] if cell.cell_type == "markdown" else [])
            + [str(tag) for tag in changed.get(cell.id, cell).tags]
        )
        for cell in cells
    )


def _step(*ids: int, step: str | None) -> SetStep:
    return SetStep(ids=tuple(f"c{i}" for i in ids), step=step)


def _role(*ids: int, role: CellRole | None) -> SetRole:
    return SetRole(ids=tuple(f"c{i}" for i in ids), role=role)


def _order(*ids: int, after: tuple[str, ...]) -> SetOrder:
    return SetOrder(ids=tuple(f"c{i}" for i in ids), after=after)


def _setting(*ids: int, name: str, value: str | None) -> SetSetting:
    return SetSetting(ids=tuple(f"c{i}" for i in ids), name=name, value=value)


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        pytest.param(" | | ", _step(1, step="a"), " | step:a | ", id="first-step-goes-on-below"),
        pytest.param(
            "imports | | ", _step(1, step="a"), "imports | step:a | ", id="begins-after-setup"
        ),
        pytest.param(
            "step:a | | | ", _step(2, step="b"), "step:a |  | step:b | ", id="new-step-goes-on"
        ),
        pytest.param(
            "step:a | | | ",
            _step(1, 2, step="b"),
            "step:a | step:b |  | step:a",
            id="new-step-of-several-cells-ends-with-them",
        ),
        pytest.param(
            "step:a | step:b | | step:c",
            _step(2, step="a"),
            "step:a | step:b | step:a | step:c",
            id="existing-step-gets-just-the-cell",
        ),
        pytest.param(
            "step:a | | step:b | ",
            _step(1, step="b"),
            "step:a | step:b | step:b | ",
            id="cell-joins-the-step-below",
        ),
        pytest.param(
            "step:a | step:b | ",
            _step(1, step="a"),
            "step:a |  | step:b",
            id="continuing-cell-needs-no-second-tag",
        ),
        pytest.param(
            "step:a | | ", _step(0, step="b"), "step:b | step:a | ", id="head-leaves-its-step"
        ),
        pytest.param(
            "x step:a cpu:2 y prev:p | z | step:p",
            _step(0, step="b"),
            "x step:b y | z step:a cpu:2 prev:p | step:p",
            id="settings-stay-with-the-step-that-is-left",
        ),
        pytest.param(
            "step:p | x block:a cpu:2 y prev:p",
            _step(1, step="b"),
            "step:p | x step:b cpu:2 y prev:p",
            id="settings-of-a-whole-step-go-along",
        ),
        pytest.param(
            "step:a | step:b prev:a | step:c prev:b after:a",
            _step(1, step="a"),
            "step:a |  | step:c prev:a after:a",
            id="order-after-a-step-that-went-into-another",
        ),
        pytest.param(
            "step:a | step:b | step:c prev:a x prev:b",
            _step(0, step="b"),
            "step:b | step:b | step:c x prev:b",
            id="order-is-said-once",
        ),
        pytest.param(
            "step:a | imports | | test | ",
            _step(2, step="b"),
            "step:a | imports | step:b | test step:a | ",
            id="setup-that-becomes-a-step-takes-no-test-of-another",
        ),
        pytest.param(
            "step:a | metrics | test",
            _step(0, step="b"),
            "step:b | metrics | test",
            id="tests-and-metrics-go-with-the-code",
        ),
        pytest.param(
            "step:a | metrics | ",
            _step(0, step="b"),
            "step:b | metrics step:a | ",
            id="metrics-stay-where-code-stays",
        ),
        pytest.param(
            "step:a | test | test",
            _step(2, step="b"),
            "step:a | test | test step:b",
            id="test-of-another-step",
        ),
        pytest.param(
            "imports | skip | parameters",
            _step(0, 1, 2, step="a"),
            "step:a |  | ",
            id="other-roles-are-given-up",
        ),
        pytest.param(
            "step:a | #  | ", _step(1, 2, step="b"), "step:a | # | step:b", id="text-is-left-alone"
        ),
        pytest.param("block:a | ", _step(0, 1, step="a"), "block:a | ", id="kale's-spelling-stays"),
        pytest.param("step:a step:b", _step(0, step="b"), "step:b", id="two-steps-are-mended"),
        pytest.param("step:no-_! x", _step(0, step="b"), "step:b x", id="a-wrong-name-is-mended"),
        pytest.param(
            "step:a | step:b cpu:1 | ",
            _step(1, step=None),
            "step:a |  | step:b cpu:1",
            id="step-taken-from-its-head",
        ),
        pytest.param(
            "step:a | step:b cpu:1 x | step:c",
            _step(1, step=None),
            "step:a | x | step:c",
            id="step-that-ends-takes-its-settings",
        ),
    ],
)
def test_edit_tags__step__as_documented(before: str, edit: TagEdit, after: str) -> None:
    """The rules at the head of the module, one by one."""
    assert _edited(before, edit) == after


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        pytest.param(
            "x | y | ",
            _role(0, 1, role=CellRole.IMPORTS),
            "x imports | y imports | ",
            id="imports-said-of-each",
        ),
        pytest.param(
            "functions step:a",
            _role(0, role=CellRole.FUNCTIONS),
            "functions",
            id="setup-belongs-to-no-step",
        ),
        pytest.param(
            "pipeline-parameters | ",
            _role(0, role=CellRole.PARAMETERS),
            "pipeline-parameters | ",
            id="kale's-spelling-stays",
        ),
        pytest.param(
            "x imports y", _role(0, role=CellRole.PARAMETERS), "x parameters y", id="replaced"
        ),
        pytest.param(
            "step:a cpu:1 | ",
            _role(0, role=CellRole.SKIP),
            "skip | step:a cpu:1",
            id="skipped-head-leaves-the-step-whole",
        ),
        pytest.param(
            "step:a cpu:1 x | step:b",
            _role(0, role=CellRole.SKIP),
            "skip x | step:b",
            id="nothing-is-said-in-vain",
        ),
        pytest.param(
            "step:a | step:b | ",
            _role(1, role=CellRole.TEST),
            "step:a | step:b test | ",
            id="test-keeps-its-step",
        ),
        pytest.param(
            "step:a | imports | ",
            _role(1, role=CellRole.METRICS),
            "step:a | metrics | imports",
            id="setup-becomes-metrics-of-the-step-above",
        ),
        pytest.param(
            "step:a | metrics", _role(1, role=None), "step:a | ", id="metrics-become-code"
        ),
        pytest.param(
            "step:a | imports | functions",
            _role(2, role=None),
            "step:a | imports | step:a",
            id="setup-becomes-code-of-the-step-above",
        ),
        pytest.param("imports | ", _role(0, role=None), " | ", id="no-step-has-begun"),
        pytest.param("step:a | skip | ", _role(1, role=None), "step:a |  | ", id="not-skipped"),
    ],
)
def test_edit_tags__role__as_documented(before: str, edit: TagEdit, after: str) -> None:
    """A cell has one role; those around it keep theirs."""
    assert _edited(before, edit) == after


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        pytest.param(
            "step:a | step:b | step:c x | ",
            _order(3, after=("a", "b")),
            "step:a | step:b | step:c x prev:a prev:b | ",
            id="said-at-the-head",
        ),
        pytest.param(
            "step:a | step:b | step:c prev:a y | after:b",
            _order(2, after=("b",)),
            "step:a | step:b | step:c y | after:b",
            id="what-is-there-stays",
        ),
        pytest.param(
            "step:a | step:b prev:a | prev:gone",
            _order(1, after=()),
            "step:a | step:b | ",
            id="none",
        ),
        pytest.param("step:a | ", _setting(1, name="cpu", value="2"), "step:a cpu:2 | ", id="new"),
        pytest.param(
            "step:a cpu:1 x",
            _setting(0, name="cpu", value=" 500m "),
            "step:a cpu:500m x",
            id="in-the-old-one's-place",
        ),
        pytest.param(
            "step:a limit:cpu:1 x | cpu:4",
            _setting(0, name="cpu", value="2"),
            "step:a cpu:2 x | ",
            id="kale's-limit-and-conflicts-are-replaced",
        ),
        pytest.param(
            "step:a cache:enabled",
            _setting(0, name="cache", value="on"),
            "step:a cache:enabled",
            id="same-in-kale's-spelling-stays",
        ),
        pytest.param(
            "step:a limit:amd.com/gpu:1",
            _setting(0, name="gpu", value="2"),
            "step:a limit:amd.com/gpu:2",
            id="maker-of-gpus-stays",
        ),
        pytest.param(
            "step:a limit:nvidia.com/gpu:1",
            _setting(0, name="gpu", value="2"),
            "step:a gpu:2",
            id="usual-gpus-in-our-spelling",
        ),
        pytest.param(
            "step:a cpu:much", _setting(0, name="cpu", value=None), "step:a", id="wrong-one-removed"
        ),
        pytest.param(
            "step:a | timeout:1h x",
            _setting(0, name="timeout", value=None),
            "step:a | x",
            id="removed-wherever-it-is",
        ),
        pytest.param(
            "step:a env:A:1 env:B:2",
            _setting(0, name="env", value="A:3"),
            "step:a env:A:3 env:B:2",
            id="one-of-several",
        ),
        pytest.param(
            "step:a env:A:1 env:B:2",
            _setting(0, name="env:B", value=None),
            "step:a env:A:1",
            id="one-of-several-removed",
        ),
        pytest.param(
            "step:a secret:s:k:V",
            _setting(0, name="secret:V", value="t:k"),
            "step:a secret:t:k:V",
            id="secret-by-its-variable",
        ),
        pytest.param(
            "step:a limit:fpga:1",
            _setting(0, name="limit:fpga", value="2"),
            "step:a limit:fpga:2",
            id="limit-by-its-resource",
        ),
        pytest.param(
            "step:a", _setting(0, name="on-exit", value="on"), "step:a on-exit", id="plain-tag"
        ),
        pytest.param(
            "step:a x | on-exit",
            _setting(0, name="on-exit", value="on"),
            "step:a x | on-exit",
            id="plain-tag-that-is-there",
        ),
        pytest.param(
            "step:a cpu:1 | step:b",
            _setting(0, 1, name="cpu", value="1"),
            "step:a cpu:1 | step:b cpu:1",
            id="several-steps",
        ),
        pytest.param(
            "x block:a prev:p | step:p prev:a | step:c after:a after:p | skip step:a | # step:a",
            RenameStep(step="a", to="new-name"),
            "x step:new-name prev:p | step:p prev:new-name | step:c prev:new-name after:p"
            " | skip step:new-name | # step:new-name",
            id="rename-everywhere",
        ),
        pytest.param("step:a", RenameStep(step="a", to="a"), "step:a", id="same-name"),
    ],
)
def test_edit_tags__of_a_step__as_documented(before: str, edit: TagEdit, after: str) -> None:
    """Order, settings and names are the step's, whichever of its cells is chosen."""
    assert _edited(before, edit) == after


@pytest.mark.parametrize(
    ("before", "edit", "message"),
    [
        pytest.param(
            "step:a", _step(0, step="1 b"), "'1 b' is no step name.*\n.*'_1_b'", id="name"
        ),
        pytest.param("step:a", _step(0, step=" "), "a step needs a name", id="no-name"),
        pytest.param("# x", _step(0, step="a"), "no code cell is chosen", id="text"),
        pytest.param("step:a", _step(7, step="b"), "no code cell is chosen", id="gone"),
        pytest.param("step:a | ", _step(1, step=None), "it has no step tag", id="continues"),
        pytest.param(
            "parameters | ",
            _role(1, role=CellRole.PARAMETERS),
            "cell 0 is the parameters cell already",
            id="second-parameters",
        ),
        pytest.param(
            " | ",
            _role(0, 1, role=CellRole.PARAMETERS),
            "only one parameters cell",
            id="two-parameters",
        ),
        pytest.param("x", _role(0, role=CellRole.TEST), "no step has begun above", id="homeless"),
        pytest.param("step:a", _role(0, role=None), "no role of its own", id="no-role"),
        pytest.param("step:a", _order(0, after=("a",)), "cannot come after itself", id="itself"),
        pytest.param(
            "step:load | step:b",
            _order(1, after=("laod",)),
            "no step 'laod'\n.*mean 'load'",
            id="unknown-order",
        ),
        pytest.param("imports", _order(0, after=()), "belongs to no step", id="order-of-setup"),
        pytest.param(
            "step:a",
            _setting(0, name="memory", value="4gb"),
            "memory: '4gb' is no amount of memory\n.*memory:4Gi",
            id="grammar",
        ),
        pytest.param("step:a", _setting(0, name="cpu", value=" "), "nothing after", id="empty"),
        pytest.param(
            "step:a", _setting(0, name="when", value="a in [1, 2]"), "has a comma", id="comma"
        ),
        pytest.param(
            "step:a", _setting(0, name="cpu", value=None), "no tag of step 'a' sets", id="unset"
        ),
        pytest.param(
            "step:a", _setting(0, name="memori", value="1Gi"), "is no setting", id="unknown"
        ),
        pytest.param("step:a", _setting(0, name="cpu:x", value="1"), "is no setting", id="no-keys"),
        pytest.param(
            "step:a", _setting(0, name="on-exit", value="off"), "takes no value", id="exit"
        ),
        pytest.param("step:a", RenameStep(step="b", to="c"), "there is no step 'b'", id="no-step"),
        pytest.param(
            "step:a | step:b", RenameStep(step="a", to="b"), "a step 'b' already", id="taken"
        ),
        pytest.param("step:a", RenameStep(step="a", to="x y"), "no step name", id="new-name"),
    ],
)
def test_edit_tags__impossible__says_why(before: str, edit: TagEdit, message: str) -> None:
    """A refusal says what is wrong in the user's words."""
    with pytest.raises(UsageError, match=message):
        edit_tags(_cells(before), edit)


def test_edit_tags__tags_that_are_no_text__are_kept() -> None:
    """Odd metadata of others is not ours to mend."""
    cells = [TaggedCell(id="c0", cell_type="code", tags=(7, "x", None, ["y"], "step:a"))]

    found = edit_tags(cells, SetStep(ids=("c0",), step="b"))

    assert [cell.tags for cell in found] == [(7, "x", None, ["y"], "step:b")]
