"""Tests of use without a mouse, without good eyes, and in every theme."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import notebooks
from browser.lab import Lab
from browser.pages import LabPage

THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]


@pytest.fixture(params=THEMES, ids=["light", "dark", "contrast"])
def theme(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A theme that a user has chosen."""
    plugin = "@jupyterlab/apputils-extension/themes"
    lab.set_preference(plugin, theme=request.param)
    yield str(request.param)
    lab.forget_preference(plugin)


def test_panel__any_theme__is_accessible(tab: LabPage, folder: Path, theme: str) -> None:
    """Axe finds nothing serious in the panel: of a notebook with a finding, and of a failed run."""
    tab.open_with_panel(notebooks.failing(folder), ["load", "other", "split", "last"])
    assert tab.theme() == theme
    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "split")
    tab.write(4, "print(shaer)")
    expect(tab.diagnostic("KP203")).to_be_visible()

    assert tab.axe("#kernelpipe-panel") == []


def test_run_view_and_graph__any_theme__are_accessible(
    tab: LabPage, lab: Lab, folder: Path, theme: str
) -> None:
    """Axe finds nothing serious in what opens in the main area."""
    tab.open_with_panel(notebooks.failing(folder), ["load", "other", "split", "last"])
    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "split")

    assert tab.theme() == theme
    tab.execute("kernelpipe:show-graph")
    expect(tab.graph_step("split")).to_be_visible()
    assert tab.axe(".jp-kernelpipe-Graph") == []
    run = lab.latest_run(folder)
    tab.execute("kernelpipe:open-run", folder=run["folder"], run_id=run["run_id"])
    expect(tab.run_view).to_contain_text("ZeroDivisionError")
    assert tab.axe(".jp-kernelpipe-RunView") == []
