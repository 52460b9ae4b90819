"""Tests of where the extension works: in Notebook, and together with other people."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import lab as labs
from browser import notebooks
from browser.lab import Lab
from browser.pages import LabPage


def test_notebook_7__opened_and_run__shows_steps_and_states(tab: LabPage, folder: Path) -> None:
    """Jupyter Notebook has the panel, and runs from there."""
    notebooks.diamond(folder)

    tab.open_in_notebook(f"{folder.name}/diamond.ipynb")
    tab.execute("kernelpipe:show-panel")
    tab.expect_steps(notebooks.STEPS)
    tab.button("kernelpipe:run").click()

    tab.expect_states("SUCCEEDED", *notebooks.STEPS)


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server whose documents are shared live."""
    with labs.running(tmp_path_factory.mktemp("shared"), has_collaboration=True) as found:
        yield found


@pytest.mark.timeout(120)
def test_collaboration__tag_set_in_one_browser__shows_in_the_other(
    shared_lab: Lab, chromium: Browser, new_tab: Callable[..., LabPage]
) -> None:
    """Two people see each other's steps, and neither's tags get lost."""
    folder = shared_lab.root / "shared"
    folder.mkdir()
    notebooks.diamond(folder)
    first, second = (
        new_tab(
            context=chromium.new_context(viewport={"width": 1400, "height": 900}), lab=shared_lab
        )
        for _ in range(2)
    )
    for tab in (first, second):
        tab.open("shared/diamond.ipynb")
        tab.show_panel()
        tab.expect_steps(notebooks.STEPS)

    first.select(4)
    first.set_step("renamed")

    second.expect_steps(("load", "left", "renamed", "join"))
    assert second.tags(4) == ["step:renamed"]
    assert second.tags(3) == ["step:left", "hide-input"]
