"""Tests of making cells steps without typing tags."""

from pathlib import Path

import kit
import pytest
from playwright.sync_api import expect

from browser.pages import LabPage


@pytest.fixture
def path(folder: Path) -> Path:
    """A notebook with tags of others and an order edge."""
    return kit.write(
        folder / "tagged.ipynb",
        kit.code("a = 1", "hide-input", "step:one", "mine"),
        kit.code("b = 2"),
        kit.code("c = 3", "slide", own={"kept": [1, 2]}),
        kit.code("d = 4", "prev:one", "step:last", "hide-output"),
    )


def saved_tags(tab: LabPage, path: Path) -> list[list[str]]:
    """Save, and return the tags of all cells as the file has them."""
    tab.save()
    return [cell["metadata"].get("tags", []) for cell in kit.read(path)["cells"]]


def test_tagging__step_chosen_in_the_cell_toolbar__is_saved_beside_foreign_tags(
    tab: LabPage, path: Path
) -> None:
    """A click on the cell's button and on a step is enough."""
    tab.open_with_panel(path, ["one", "last"])

    tab.select(2)
    tab.cell(2).get_by_role("button", name="Pipeline step of this cell").click()
    tab.menu_item("last").click()

    expect(tab.cell(2)).to_have_attribute("data-kernelpipe-step", "last")
    assert saved_tags(tab, path) == [
        ["hide-input", "step:one", "mine"],
        [],
        ["slide", "step:last"],
        ["prev:one", "step:last", "hide-output"],
    ]
    assert kit.read(path)["cells"][2]["metadata"]["own"] == {"kept": [1, 2]}


def test_tagging__several_cells_and_a_new_name__become_a_step_and_one_undo_takes_it_back(
    tab: LabPage, path: Path
) -> None:
    """The selected cells are made a step at once, by keyboard; that is one change."""
    tab.open_with_panel(path, ["one", "last"])

    tab.select(1, 2)
    tab.set_step("two")
    tab.expect_steps(["one", "two", "last"])
    assert (tab.tags(1), tab.tags(2)) == (["step:two"], ["slide"])
    expect(tab.cell(2)).to_have_attribute("data-kernelpipe-step", "two")
    tab.page.keyboard.press("z")

    tab.expect_steps(["one", "last"])
    assert (tab.tags(1), tab.tags(2)) == ([], ["slide"])


def test_tagging__renamed_step__is_renamed_where_others_name_it(tab: LabPage, path: Path) -> None:
    """Renaming keeps the order of steps, and the tags of others."""
    tab.open_with_panel(path, ["one", "last"])

    tab.select(0)
    tab.press_palette("Rename Pipeline Step")
    name = tab.page.get_by_role("combobox", name="New name of step one")
    name.fill("first")
    name.press("Enter")

    tab.expect_steps(["first", "last"])
    assert saved_tags(tab, path) == [
        ["hide-input", "step:first", "mine"],
        [],
        ["slide"],
        ["prev:first", "step:last", "hide-output"],
    ]


def test_tagging__invalid_name__is_refused_where_it_was_typed(tab: LabPage, path: Path) -> None:
    """What can be no step's name is said at the field, and changes nothing."""
    tab.refusals.add(400)
    tab.open_with_panel(path, ["one", "last"])

    tab.select(1)
    tab.page.keyboard.press("p")
    name = tab.page.get_by_role("dialog").get_by_role("combobox")
    name.fill("no, name")
    name.press("Enter")

    expect(tab.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no, name")
    assert tab.tags(1) == []
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Escape")
    expect(name).to_have_count(0)


def test_tagging__role_from_the_context_menu__dims_what_is_skipped(
    tab: LabPage, path: Path
) -> None:
    """The context menu has the roles; a skipped cell looks like one."""
    tab.open_with_panel(path, ["one", "last"])

    tab.cell(1).click(button="right", position={"x": 300, "y": 15})
    tab.menu_item("Pipeline Step").hover()
    tab.menu_item("Role").hover()
    tab.menu_item("Skip").click()

    expect(tab.cell(1)).to_have_attribute("data-kernelpipe-role", "skip")
    assert tab.tags(1) == ["skip"]


def test_tagging__property_inspector__sets_order_and_settings(tab: LabPage, path: Path) -> None:
    """The section of the property inspector changes what the step needs."""
    tab.refusals.add(400)
    tab.open_with_panel(path, ["one", "last"])
    tab.select(3)
    tab.execute("kernelpipe:step-settings")
    section = tab.page.locator(".jp-kernelpipe-StepTool")

    section.get_by_label("Memory").fill("4Gi")
    section.get_by_label("Memory").press("Enter")
    tab.wait_for_tags(3, ["prev:one", "step:last", "hide-output", "memory:4Gi"])
    section.get_by_label("one").uncheck()
    tab.wait_for_tags(3, ["step:last", "hide-output", "memory:4Gi"])
    section.get_by_label("Retries").fill("many")
    section.get_by_label("Retries").press("Enter")
    expect(section.get_by_role("alert")).to_contain_text("many")

    assert tab.tags(3) == ["step:last", "hide-output", "memory:4Gi"]


def test_keyboard__from_tagging_to_a_finished_run__needs_no_mouse(
    tab: LabPage, folder: Path
) -> None:
    """Tag two cells, go to the panel and run: with keys alone."""
    path = kit.write(folder / "plain.ipynb", kit.code("a = 1"), kit.code("b = a + 1"))
    tab.open(f"{folder.name}/{path.name}")
    tab.page.locator(".jp-Notebook").focus()
    keys = tab.page.keyboard

    keys.press("Escape")
    for name in ("one", "two"):
        keys.press("p")
        expect(tab.page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()
        keys.type(name)
        keys.press("Enter")
        expect(tab.page.get_by_role("dialog")).to_have_count(0)
        keys.press("ArrowDown")
    tab.press_palette("Show Pipeline Panel")
    tab.expect_steps(["one", "two"])
    for _ in range(10):
        if tab.focused() == "kernelpipe:run":
            break
        keys.press("Shift+Tab")
    assert tab.focused() == "kernelpipe:run"
    keys.press("Enter")

    tab.expect_states("SUCCEEDED", "one", "two")
