"""Tests of proposed steps in the panel: one click, a look at them, another click, one undo."""

from pathlib import Path

import kit
import pytest
from playwright.sync_api import Locator, expect

from browser.pages import LabPage

STEPS = ["load", "total"]
TAGS = [[], ["imports"], [], ["hide-input", "step:load"], [], [], ["step:total"], []]
BEFORE = [[], [], [], ["hide-input"], [], [], [], []]


@pytest.fixture
def path(folder: Path) -> Path:
    """A notebook without steps."""
    return kit.write(
        folder / "plain.ipynb",
        kit.markdown("# A notebook"),
        kit.code("import math"),
        kit.markdown("## Load"),
        kit.code("rows = [math.sqrt(n) for n in range(9)]", "hide-input"),
        kit.code("rows[:3]"),
        kit.markdown("## Total"),
        kit.code("total = sum(rows)"),
        kit.code("print(total)"),
    )


def all_tags(tab: LabPage) -> list[list[str]]:
    """Return the tags of all cells."""
    return [tab.tags(index) for index in range(len(TAGS))]


def proposal(tab: LabPage) -> Locator:
    """Return the part of the panel that shows what is proposed."""
    return tab.panel.get_by_role("region", name="Proposed steps")


def open_notebook(tab: LabPage, path: Path) -> None:
    """Open it with the panel, and wait until it is known to have no steps."""
    tab.open(path.relative_to(tab.lab.root).as_posix())
    tab.show_panel()
    expect(tab.button("kernelpipe:propose-steps")).to_be_visible()


def test_proposal__one_click_each__shows_then_tags_and_one_undo_takes_it_back(
    tab: LabPage, path: Path
) -> None:
    """Nothing is tagged before it was seen; tags of others stay; `z` undoes all of it."""
    open_notebook(tab, path)

    tab.button("kernelpipe:propose-steps").click()
    shown = proposal(tab)
    expect(shown.get_by_role("listitem")).to_have_text(
        [
            "Importscell 1",
            "load2 cells, 3-4“Load”",
            "total2 cells, 6-7“Total”takes rows",
        ]
    )
    expect(shown.get_by_role("status")).to_have_text("Proposed: 2 steps. Nothing is tagged yet.")
    assert all_tags(tab) == BEFORE
    assert tab.axe("#kernelpipe-panel") == []
    shown.get_by_role("button", name="total").click()
    tab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex === 6"
    )
    shown.get_by_role("button", name="Tag 3 cells").click()

    tab.expect_steps(STEPS)
    assert all_tags(tab) == TAGS
    tab.select(3)
    tab.page.keyboard.press("z")
    expect(tab.button("kernelpipe:propose-steps")).to_be_visible()
    assert all_tags(tab) == BEFORE


def test_proposal__by_keyboard__leads_from_the_palette_to_the_tagged_steps(
    tab: LabPage, path: Path
) -> None:
    """The focus is where the next key is expected; the rows lead to their cells."""
    open_notebook(tab, path)

    tab.press_palette("Propose Pipeline Steps")
    apply = proposal(tab).get_by_role("button", name="Tag 3 cells")
    expect(apply).to_be_focused()
    expect(apply).to_have_accessible_description("Proposed: 2 steps. Nothing is tagged yet.")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")  # discards it
    expect(tab.button("kernelpipe:propose-steps")).to_be_focused()
    assert all_tags(tab) == BEFORE
    tab.page.keyboard.press("Enter")
    expect(apply).to_be_focused()
    tab.page.keyboard.press("Enter")

    tab.expect_steps(STEPS)
    expect(tab.step("load").get_by_role("button").first).to_be_focused()
    assert all_tags(tab) == TAGS


def test_proposal__notebook_changed_meanwhile__is_proposed_anew_and_the_notice_takes_it_back(
    tab: LabPage, path: Path
) -> None:
    """Old tags never meet new cells: the new proposal is shown first."""
    open_notebook(tab, path)
    tab.button("kernelpipe:propose-steps").click()
    apply = proposal(tab).get_by_role("button", name="Tag 3 cells")
    expect(apply).to_be_visible()
    tab.write(6, "def total():\n    return sum(rows)")

    apply.click()

    expect(tab.panel).to_contain_text("this is a new proposal, and nothing is tagged yet")
    assert all_tags(tab) == BEFORE
    proposal(tab).get_by_role("button", name="Tag").click()
    tab.expect_steps(["load", "total"])

    tab.page.get_by_role("button", name="Undo", exact=True).click()

    expect(tab.button("kernelpipe:propose-steps")).to_be_visible()
    assert all_tags(tab) == BEFORE
