"""Tests of the side panel: what it shows of a notebook while it is edited."""

import re
from collections.abc import Callable
from pathlib import Path

import kit
import yaml
from playwright.sync_api import expect

from browser import notebooks
from browser.lab import Lab
from browser.pages import LabPage

MANY = 200


def test_panel__opened_example__shows_steps_and_marks_cells(tab: LabPage, folder: Path) -> None:
    """The steps of an example stand in the panel in their order, and at their cells."""
    notebooks.example(folder, "wine_classification.ipynb")

    tab.open(f"{folder.name}/wine_classification.ipynb")
    tab.show_panel()

    tab.expect_steps(["load", "split", "forest", "boosting", "evaluate"])
    expect(tab.cell(4)).to_have_attribute("data-kernelpipe-step", "load")
    expect(tab.cell(5)).to_have_attribute("data-kernelpipe-step", "load")
    expect(tab.cell(1)).to_have_attribute("data-kernelpipe-role", "parameters")
    assert tab.dialogs().count() == 0


def test_panel__broken_cell__leads_to_its_line(tab: LabPage, folder: Path) -> None:
    """A click on a finding puts the cursor where the fault is."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)

    tab.write(5, "span = high - low\nprint(label,\n      spam)")
    found = tab.diagnostic("KP203")
    expect(found).to_contain_text("spam")
    tab.select(0)
    found.locator("button, a").or_(found).first.click()

    tab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex === 5"
    )
    assert tab.cursor() == (2, 6)


def test_panel__related_place__leads_there(tab: LabPage, folder: Path) -> None:
    """What a finding is about elsewhere stands below it; a click puts the cursor there."""
    kit.write(
        folder / "n.ipynb",
        kit.code("print(late)", "step:a"),
        kit.code("x = 1\nfor late in [x]: pass", "step:b"),
    )
    tab.open(f"{folder.name}/n.ipynb")
    tab.show_panel()
    found = tab.diagnostic("KP230")
    place = found.get_by_role("list", name="Related places").get_by_role("button")
    expect(place).to_have_text("cell 1, line 2: 'late' is defined here")

    place.click()

    tab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex === 1"
    )
    assert tab.cursor() == (1, 4)
    assert tab.axe("#kernelpipe-panel") == []


def test_panel__no_python_notebook__says_so_and_offers_no_run(tab: LabPage, folder: Path) -> None:
    """What cannot be a pipeline is no error."""
    kit.write(
        folder / "r.ipynb",
        kit.code("x <- 1", "step:a"),
        metadata={
            "kernelspec": {"name": "ir", "display_name": "R", "language": "R"},
            "language_info": {"name": "R"},
        },
    )

    tab.open(f"{folder.name}/r.ipynb")
    tab.dialogs().get_by_role("button", name="No Kernel").click()
    tab.show_panel()

    expect(tab.diagnostic("KP100")).to_be_visible()
    expect(tab.button("kernelpipe:run")).to_be_disabled()


def test_panel__no_notebook__says_what_to_do(tab: LabPage, lab: Lab) -> None:
    """Without a notebook the panel is no empty box."""
    tab.page.goto(lab.url("lab/workspaces/none"))
    tab.wait_for_app()

    tab.show_panel()

    expect(tab.panel).to_contain_text(re.compile("notebook", re.IGNORECASE))


def test_analysis__opened_notebook__neither_edits_nor_runs_it(tab: LabPage, folder: Path) -> None:
    """Looking at a notebook is no change, and the user's kernel hears nothing of it."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)
    tab.wait_for_kernel()
    tab.save()
    tab.page.evaluate(
        """() => {
             window.asked = [];
             const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
             kernel.anyMessage.connect((_, {direction, msg}) => {
                 if (direction === 'send') window.asked.push(msg.header.msg_type);
             });
        }"""
    )

    tab.write(5, "span = high - low + 1\nx = spam")
    expect(tab.diagnostic("KP203")).to_be_visible()
    tab.page.keyboard.press("Escape")
    tab.save()
    tab.write(5, "span = high - low")
    expect(tab.diagnostic("KP203")).to_have_count(0)
    tab.save()
    tab.step("left").get_by_role("button").first.click()
    tab.parameter("count").get_by_role("spinbutton").fill("9")
    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", *notebooks.STEPS)

    assert not tab.is_dirty()
    assert "execute_request" not in tab.page.evaluate("() => window.asked")


def test_analysis__edit_in_200_cells__shows_in_the_panel(
    tab: LabPage, folder: Path, note_figure: Callable[[str, float], None]
) -> None:
    """An edit of a long notebook is seen; how long that takes is reported."""
    cells = [
        kit.code(f"v{i} = {'v' + str(i - 1) if i else 0} + 1", f"step:s{i}") for i in range(MANY)
    ]
    kit.write(folder / "many.ipynb", *cells)
    tab.open(f"{folder.name}/many.ipynb")
    tab.show_panel()
    expect(tab.step("s199")).to_be_attached()

    tab.select(1)
    took_ms = tab.page.evaluate(
        """() => new Promise(resolve => {
             const panel = document.querySelector('#kernelpipe-panel');
             const model = window.jupyterapp.shell.currentWidget.content.widgets[1].model;
             const start = performance.now();
             const observer = new MutationObserver(() => {
                 if (panel.querySelector('[data-kernelpipe-diagnostic="KP203"]')) {
                     observer.disconnect();
                     resolve(performance.now() - start);
                 }
             });
             observer.observe(panel, {subtree: true, childList: true, attributes: true});
             model.sharedModel.setSource('v1 = spam');
        })"""
    )

    note_figure("edit-in-200-cells", took_ms)
    assert took_ms > 0


def test_plugins__activation__is_measured(
    tab: LabPage, folder: Path, note_figure: Callable[[str, float], None]
) -> None:
    """The browser's own timing says how long activation took; it is reported."""
    notebooks.diamond(folder)
    tab.open(f"{folder.name}/diamond.ipynb")

    measures = tab.page.evaluate(
        """() => performance.getEntriesByName('kernelpipe:activate')
             .map(measure => [measure.detail, measure.duration])"""
    )

    note_figure("activation", sum(ms for _, ms in measures))
    assert "kernelpipe:core" in [name for name, _ in measures]


def test_compile__saved__writes_the_pipeline_beside_the_notebook(
    tab: LabPage, folder: Path
) -> None:
    """Compile and save writes what a cluster needs."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)

    tab.execute("kernelpipe:compile-and-save")

    written = folder / "diamond.yaml"
    expect(tab.page.get_by_text("diamond.yaml").first).to_be_visible()
    spec = next(yaml.safe_load_all(written.read_text()))
    assert sorted(spec["root"]["dag"]["tasks"]) == ["join", "left", "load", "right"]


def test_compile__downloaded__is_the_same(tab: LabPage, folder: Path) -> None:
    """Compile and download hands the same file to the browser."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)

    with tab.page.expect_download() as found:
        tab.execute("kernelpipe:compile-and-download")

    assert found.value.suggested_filename == "diamond.yaml"
    tab.execute("kernelpipe:compile-and-save")
    assert Path(found.value.path()).read_bytes() == (folder / "diamond.yaml").read_bytes()


def test_parameters__changed_in_the_form__are_what_runs(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """Values have the types of their defaults, and reset gives the defaults back."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)
    count, label = tab.parameter("count"), tab.parameter("label")

    count.get_by_role("spinbutton").fill("9")
    label.get_by_role("textbox").fill("another")
    tab.parameter("verbose").get_by_role("checkbox").uncheck()
    tab.panel.get_by_role("button", name="Reset label").click()
    expect(label.get_by_role("textbox")).to_have_value("demo")
    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", *notebooks.STEPS)

    run = lab.latest_run(folder)
    assert run["given"] == {"count": 9, "verbose": False}
    assert run["metrics"] == {"span": 8}
    tab.panel.get_by_role("button", name="Reset all").click()
    expect(count.get_by_role("spinbutton")).to_have_value("5")


def test_parameters__numbers_that_browsers_round__reach_the_run_as_written(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """``1.0`` does not become ``1`` on its way, and a default that no double holds stays."""
    kit.write(
        folder / "exact.ipynb",
        kit.code("seed = 1152921504606846977\nshares = [0.5, 1.0]", "parameters"),
        kit.code("parts = (seed, shares)", "step:one"),
    )
    tab.open_with_panel(folder / "exact.ipynb", ["one"])

    tab.parameter("shares").get_by_role("textbox").fill("[0.25, 2.0]")
    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", "one")

    run = lab.latest_run(folder)
    assert repr(run["given"]) == "{'shares': [0.25, 2.0]}"
    expect(tab.parameter("seed").get_by_role("spinbutton")).to_have_value("1152921504606846977")


def test_parameters__no_valid_value__starts_nothing(tab: LabPage, lab: Lab, folder: Path) -> None:
    """What is no number is not silently replaced by the default."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)

    tab.parameter("count").get_by_role("spinbutton").fill("")
    tab.button("kernelpipe:run").click()

    expect(tab.panel).to_contain_text("parameter count has no valid value")
    assert lab.runs(folder) == []
