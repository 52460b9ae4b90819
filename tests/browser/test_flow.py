"""Tests of gates, loops and the on-exit step in the panel, the graph and the tag editor."""

from pathlib import Path

import kit
from playwright.sync_api import expect

from browser.pages import LabPage

STEPS = ("load", "train", "pick", "publish", "bye")


def notebook(folder: Path) -> Path:
    """Write a notebook with one of each; the second item fails if ``worst`` is too low."""
    return kit.write(
        folder / "flow.ipynb",
        kit.code("rates = [0.1, 0.2]\nworst = 1", "parameters"),
        kit.code("x = [1, 2]", "step:load"),
        kit.code(
            "assert rate < worst, 'too high'\nscore = rate * len(x)",
            "step:train",
            "foreach:rate in rates",
        ),
        kit.code("quality = max(score)", "step:pick", "metrics"),
        kit.code("print('published')", "step:publish", "when:quality > 0.5"),
        kit.code("print('bye')", "step:bye", "on-exit"),
    )


def test_steps__control_flow__is_shown_and_followed(tab: LabPage, folder: Path) -> None:
    """What a step waits for, each item, why one was skipped: in list, details and graph."""
    tab.open_with_panel(notebook(folder), STEPS)
    expect(tab.step("publish")).to_contain_text("when quality > 0.5")
    expect(tab.step("train")).to_contain_text("for rate in rates")
    expect(tab.step("bye")).to_contain_text("at the end")

    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", "load", "train", "pick", "bye")
    expect(tab.step("publish")).to_contain_text("Skipped · when quality > 0.5: quality is 0.4")
    expect(tab.step("train")).to_contain_text("2 of 2 items")
    tab.step("train").get_by_role("button", name="Details of train").click()
    items = tab.step("train").get_by_role("list", name="Items").get_by_role("listitem")
    expect(items).to_have_count(2)
    expect(items.nth(1)).to_contain_text("rate = 0.2")
    expect(items.nth(1)).to_contain_text("Succeeded")
    assert tab.axe("#kernelpipe-panel") == []

    tab.execute("kernelpipe:show-graph")
    expect(tab.graph_step("publish")).to_contain_text("when quality > 0.5")
    heights = {name: tab.graph_step(name).bounding_box() for name in STEPS}
    assert all(
        heights["bye"]["y"] > box["y"] for name, box in heights.items() if box and name != "bye"
    )
    assert tab.axe(".jp-kernelpipe-Graph") == []


def test_steps__item_failed__says_which(tab: LabPage, folder: Path) -> None:
    """The step that runs at the end ran."""
    tab.open_with_panel(notebook(folder), STEPS)
    tab.parameter("worst").locator("input").fill("0")

    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "train")
    tab.expect_states("SUCCEEDED", "bye")
    tab.step("train").get_by_role("button", name="Details of train").click()

    expect(tab.step("train").locator("[data-kernelpipe-state=FAILED]")).to_have_count(2)
    expect(tab.step("publish")).to_contain_text("Skipped · ")


def test_tagging__control_flow__is_set_and_checked_in_the_property_inspector(
    tab: LabPage, folder: Path
) -> None:
    """What is no loop is refused where it was typed; what the notebook lacks is a finding."""
    tab.refusals.add(400)
    path = kit.write(
        folder / "plain.ipynb",
        kit.code("rates = [0.1, 0.2]", "parameters"),
        kit.code("print(rate)", "step:train"),
        kit.code("print('bye')", "step:bye"),
    )
    tab.open_with_panel(path, ("train", "bye"))
    tab.select(1)
    tab.execute("kernelpipe:step-settings")
    section = tab.page.locator(".jp-kernelpipe-StepTool")
    loop = section.get_by_label("Once for each")

    loop.fill("rate of rates")
    loop.press("Enter")
    expect(section.get_by_role("alert")).to_contain_text("a variable and a list")
    loop.fill("rate in rate_list")
    loop.press("Enter")
    tab.wait_for_tags(1, ["step:train", "foreach:rate in rate_list"])
    expect(tab.diagnostic("KP310")).to_be_visible()
    loop.fill("rate in rates")
    loop.press("Enter")
    tab.wait_for_tags(1, ["step:train", "foreach:rate in rates"])
    expect(tab.diagnostic("KP310")).to_have_count(0)
    tab.select(2)
    section.get_by_role("button", name="At the end").click()
    tab.wait_for_tags(2, ["step:bye", "on-exit"])
    expect(section.get_by_role("button", name="At the end")).to_have_attribute(
        "aria-pressed", "true"
    )
    section.get_by_role("button", name="In its turn").click()
    tab.wait_for_tags(2, ["step:bye"])
    assert tab.axe(".jp-kernelpipe-StepTool") == []
