"""Takes the pictures that people look at; what they show is asserted by the other tests."""

from pathlib import Path

import kit
import pytest
from playwright.sync_api import ViewportSize, expect

from browser import notebooks
from browser.lab import Lab
from browser.pages import LabPage

pytestmark = pytest.mark.timeout(200)

STEPS = ["load", "split", "forest", "boosting", "evaluate"]
SIZE: ViewportSize = {"width": 1360, "height": 1000}
SLOW_S = 90.0
THEME = "@jupyterlab/apputils-extension/themes"


def test_pictures__light__before_while_and_after_a_run(
    tab: LabPage, folder: Path, pictures: Path
) -> None:
    """The wine example as it is opened, run, and done; its graph and its history."""
    tab.page.set_viewport_size(SIZE)
    path = notebooks.example(folder, "wine_classification.ipynb")
    tab.open_with_panel(path, STEPS)
    tab.wait_for_kernel()
    tab.select(4)
    tab.picture(pictures / "light.png", has_notifications=False)

    tab.button("kernelpipe:run").click()
    tab.expect_states("RUNNING", "forest", "boosting", within_s=SLOW_S)
    expect(tab.step("boosting")).not_to_contain_text(" 0/")
    tab.reveal(10)
    tab.picture(pictures / "running.png", has_notifications=False)
    tab.expect_states("SUCCEEDED", *STEPS, within_s=SLOW_S)

    tab.execute("kernelpipe:show-graph")
    expect(tab.graph_step("evaluate")).to_have_attribute("data-kernelpipe-state", "SUCCEEDED")
    tab.picture(pictures / "graph.png", has_notifications=False)
    tab.parameter("folds").get_by_role("spinbutton").fill("3")
    tab.button("kernelpipe:run").click()
    tab.expect_states("RUNNING", "forest", within_s=SLOW_S)
    tab.expect_states("SUCCEEDED", *STEPS, within_s=SLOW_S)
    tab.show_history()
    tab.fold("Diagnostics", "Parameters")
    tab.button("kernelpipe:open-run").click()
    expect(tab.run_view).to_contain_text("boosting wins")
    tab.picture(pictures / "history.png", has_notifications=False)


def test_pictures__dark__a_failed_run(tab: LabPage, lab: Lab, folder: Path, pictures: Path) -> None:
    """The diabetes example in the dark theme, and a run of it that fails."""
    lab.set_preference(THEME, theme="JupyterLab Dark")
    tab.page.set_viewport_size(SIZE)
    path = notebooks.example(folder, "diabetes_etl.ipynb")
    steps = ["extract", "practices", "transform", "join", "report", "load"]
    tab.open_with_panel(path, steps)
    lab.forget_preference(THEME)
    tab.wait_for_kernel()
    tab.select(5)
    tab.picture(pictures / "dark.png", has_notifications=False)

    source = "".join(kit.read(path)["cells"][10]["source"])
    tab.write(10, source.replace("removesuffix", "removesufix"))
    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "transform", within_s=SLOW_S)
    tab.button("kernelpipe:open-run").click()
    expect(tab.run_view).to_contain_text("AttributeError")
    tab.picture(pictures / "failed.png", has_notifications=False)
