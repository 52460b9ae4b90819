"""What a cell is: by its own tags, by the cells above it, and where tags have no effect."""

import kit
import pytest

from kernelpipe.model.notebook import Notebook
from kernelpipe.notebook import parse_notebook


def _read(*cells: kit.JSON) -> Notebook:
    return parse_notebook(kit.encode(kit.notebook(*cells)), path="n.ipynb")


def _roles(*tags: tuple[str, ...]) -> str:
    """Return the roles of cells with these tags; a step's cell also has its step's name."""
    found = _read(*(kit.code("x = 1", *each) for each in tags)).cells
    return " ".join(f"{c.role.value}:{c.step}" if c.step else c.role.value for c in found)


def _findings(*cells: kit.JSON) -> list[str]:
    return [f"{d.location.cell_index} {d.code}" for d in _read(*cells).diagnostics]


def _tags(*tags: str) -> kit.JSON:
    return {"metadata": {"tags": list(tags)}}


@pytest.mark.parametrize(
    ("tags", "roles"),
    [
        pytest.param([(), ("step:a",), ()], "imports step:a step", id="setup first"),
        pytest.param([("parameters",), (), ("step:a",)], "parameters imports step:a", id="below"),
        pytest.param([("functions",), (), ("step:a",)], "functions functions step:a", id="joins"),
        pytest.param([("step:a",), ("imports",), ()], "step:a imports imports", id="as in Kale"),
        pytest.param(
            [("step:a",), ("functions",), ("step:",), ()], "step:a functions step step", id="back"
        ),
        pytest.param([("step:a",), ("skip",), ()], "step:a skip step", id="skip is not there"),
        pytest.param([("imports",), ("skip",), ()], "imports skip imports", id="skip in setup"),
        pytest.param([("step:a",), ("test",), ()], "step:a test step", id="test"),
        pytest.param([("step:a",), ("metrics",), ()], "step:a metrics step", id="metrics"),
        pytest.param([("step:a", "metrics"), ()], "metrics:a step", id="metrics of its step"),
        pytest.param([("metrics",), ()], "metrics imports", id="metrics before any step"),
        pytest.param([("block:a",), ("block:",)], "step:a step", id="block"),
        pytest.param([("imports", "functions")], "functions", id="both setup"),
        pytest.param([("skip", "step:a"), ()], "skip imports", id="skip wins"),
        pytest.param([("pipeline-parameters", "parameters")], "parameters", id="both spellings"),
        pytest.param(
            [("parameters",), ("injected-parameters",), ()],
            "parameters parameters imports",
            id="injected by papermill",
        ),
        pytest.param(
            [("step:a",), ("injected-parameters",)], "step:a step", id="injected into a step"
        ),
        pytest.param(
            [("injected-parameters", "step:a"), ()], "step:a step", id="injected with a step"
        ),
    ],
)
def test_read__tags_and_neighbours__give_the_role(tags: list[tuple[str, ...]], roles: str) -> None:
    """An untagged cell goes with the cell above it; code before the first step is setup."""
    assert _roles(*tags) == roles


@pytest.mark.parametrize(
    ("cells", "findings"),
    [
        pytest.param([kit.code("x", "step:")], ["0 KP135"], id="no step to continue"),
        pytest.param([kit.code("x", "cpu:1")], ["0 KP135"], id="setting before any step"),
        pytest.param([kit.code("x", "step:a"), kit.code("y", "cpu:1")], [], id="joined cell"),
        pytest.param([kit.code("x", "imports", "on-exit")], ["0 KP134"], id="setting on setup"),
        pytest.param([kit.code("x", "skip", "step:a", "cpu:1")], ["0 KP134"], id="skipped"),
        pytest.param([kit.code("x", "skip")], [], id="only skipped"),
        pytest.param([kit.markdown("x") | _tags("step:a")], ["0 KP134"], id="markdown"),
        pytest.param([kit.raw("x") | _tags("metrics", "cpu:1")], ["0 KP134"], id="raw"),
        pytest.param([kit.markdown("x") | _tags("skip", "cpu")], [], id="skipped text"),
        pytest.param([kit.code("x", "test", "metrics")], ["0 KP130"], id="two roles"),
        pytest.param([kit.code("x", "functions", "step:a")], ["0 KP130"], id="setup and step"),
        pytest.param([kit.code("x", "parameters", "step:")], ["0 KP130", "0 KP135"], id="both"),
        pytest.param([kit.code("x", "step:a", "step:b")], ["0 KP131"], id="two steps"),
        pytest.param([kit.code("x", "step:a", "step:")], [], id="named and continued"),
        pytest.param([kit.code("x", "step:a", "prev:")], ["0 KP113"], id="prev without a name"),
    ],
)
def test_read__tags_without_effect_or_at_odds__are_found(
    cells: list[kit.JSON], findings: list[str]
) -> None:
    """No tag of ours is accepted and then ignored."""
    assert _findings(*cells) == findings


def test_read__order_tags__are_kept_once_in_tag_order() -> None:
    """``prev:`` and ``after:`` are two words for one thing."""
    cell = _read(kit.code("x", "step:c", "prev:b", "after:a", "after:b")).cells[0]

    assert cell.after == ("b", "a")


def test_read__half_a_character__is_replaced_and_found() -> None:
    """No kernel can be sent it, so the cell is an error, and the text is harmless."""
    notebook = _read(kit.code("x = 1\ny = '\ud83d'", "step:a"))

    assert notebook.cells[0].source == "x = 1\ny = '?'"
    assert str(notebook.diagnostics[0]) == (
        "n.ipynb cell 0, line 2: error[KP105]: the cell holds half a character, so no kernel can "
        "run it\n  hint: delete the character and type it again"
    )
    assert notebook.diagnostics[0].location.column == 5


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        pytest.param({"metadata": []}, ["KP103"], id="metadata is a list"),
        pytest.param({"metadata": {"tags": "step:a"}}, ["KP103"], id="tags are text"),
        pytest.param({"metadata": {"tags": {"a": 1}}}, ["KP103"], id="tags are a mapping"),
        pytest.param({"metadata": {"tags": ["step:a", 3]}}, ["KP103"], id="a tag is a number"),
        pytest.param({"metadata": {"tags": None}}, [], id="tags are null"),
        pytest.param({"metadata": None}, [], id="metadata is null"),
        pytest.param({"execution_count": "3"}, [], id="count is text"),
    ],
)
def test_read__odd_cell_metadata__is_found_and_left_out(cell: kit.JSON, code: list[str]) -> None:
    """The rest of the cell is read."""
    notebook = _read(kit.code("x = 1") | cell)

    assert [d.code for d in notebook.diagnostics] == code
    assert (notebook.cells[0].source, notebook.cells[0].execution_count) == ("x = 1", None)


@pytest.mark.parametrize("tags", [("raises-exception",), ("step:a", "raises-exception")])
def test_read__cell_that_may_raise__is_known(tags: tuple[str, ...]) -> None:
    """The foreign tag changes what a run of the notebook does."""
    assert _read(kit.code("x", *tags)).cells[0].may_raise
