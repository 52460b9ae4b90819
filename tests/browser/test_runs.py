"""Tests of runs that are started, watched and stopped in the browser."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Route, expect

from browser import notebooks, polling
from browser.lab import Lab
from browser.pages import LabPage

pytestmark = pytest.mark.timeout(150)


def start_diamond(tab: LabPage, folder: Path) -> None:
    """Run the diamond and wait until its middle steps are shown at work."""
    tab.open_with_panel(notebooks.diamond(folder, gates=True), notebooks.STEPS)
    tab.button("kernelpipe:run").click()
    tab.expect_states("RUNNING", "left", "right")


def test_run__independent_steps__work_at_the_same_time_and_succeed(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """Two steps are shown at work at one moment, and all as done, without a reload."""
    start_diamond(tab, folder)

    expect(tab.cell(3)).to_have_attribute("data-kernelpipe-state", "RUNNING")
    expect(tab.cell(4)).to_have_attribute("data-kernelpipe-state", "RUNNING")
    expect(tab.step("left")).to_contain_text("Running")
    notebooks.open_gate(folder / "left", folder / "right")

    tab.expect_states("SUCCEEDED", *notebooks.STEPS)
    expect(tab.step("join")).to_contain_text("Succeeded")
    assert lab.latest_run(folder)["state"] == "SUCCEEDED"
    assert tab.dialogs().count() == 0


def test_run__unsaved_edit__is_what_runs(tab: LabPage, folder: Path) -> None:
    """Run saves what the editor shows, so that it runs what the user sees."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)

    tab.write(5, f"open({str(folder / 'told')!r}, 'w').write(f'{{high}}{{low}}')\nspan = 1")
    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", *notebooks.STEPS)

    assert (folder / "told").read_text() == "40"


def test_run__step_that_was_edited_since__says_so(tab: LabPage, folder: Path) -> None:
    """What succeeded is not what the notebook says now; taken back, it is again."""
    tab.open_with_panel(notebooks.diamond(folder), notebooks.STEPS)
    tab.button("kernelpipe:run").click()
    tab.expect_states("SUCCEEDED", *notebooks.STEPS)
    source = tab.source(5)

    tab.write(5, "span = 1")
    expect(tab.step("join")).to_contain_text("edited since")
    expect(tab.step("left")).not_to_contain_text("edited since")
    tab.write(5, source)

    expect(tab.step("join")).not_to_contain_text("edited since")


def test_run__failing_step__is_shown_mended_and_resumed(tab: LabPage, folder: Path) -> None:
    """The failure leads to its cell; after the fix only what must run again does."""
    tab.open_with_panel(notebooks.failing(folder), ["load", "other", "split", "last"])

    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "split")
    tab.expect_states("SUCCEEDED", "load", "other")

    expect(tab.cell(3)).to_have_attribute("data-kernelpipe-state", "FAILED")
    expect(tab.page.get_by_text("ZeroDivisionError").first).to_be_visible()

    tab.write(2, notebooks.counted(folder, "split", "parts = 2"))
    tab.button("kernelpipe:resume").click()
    tab.expect_states("SUCCEEDED", "load", "other", "split", "last")

    assert notebooks.times_run(folder) == {"load": 1, "other": 1, "split": 2, "last": 1}


def test_stop__running_steps__leaves_no_process_behind(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """Stop ends the kernels of the run and what they started."""
    before = set(lab.processes())
    start_diamond(tab, folder)
    kernels = {notebooks.wait_at(folder / name) for name in ("left", "right")}

    tab.button("kernelpipe:stop").click()
    tab.expect_states("CANCELED", "left", "right")

    def left_over() -> dict[int, str]:
        return {
            pid: command
            for pid, command in lab.processes().items()
            if pid in kernels
            or (pid not in before and folder.name in command)
            or "kernelpipe.server.worker" in command
        }

    polling.until(lambda: not left_over(), f"the run's processes to end: {left_over()}")
    assert lab.latest_run(folder)["state"] == "CANCELED"


def test_run__closed_and_reopened_tab__is_live(
    new_tab: Callable[..., LabPage], folder: Path
) -> None:
    """A run goes on without its tab, and another tab shows it as it is."""
    first = new_tab()
    start_diamond(first, folder)

    first.page.close()
    second = new_tab()
    second.open(f"{folder.name}/diamond.ipynb")
    second.show_panel()
    second.expect_states("RUNNING", "left", "right")
    second.expect_states("SUCCEEDED", "load")
    notebooks.open_gate(folder / "left", folder / "right")

    second.expect_states("SUCCEEDED", *notebooks.STEPS)


def test_run__answer_that_comes_late__does_not_hide_what_is_newer(
    new_tab: Callable[..., LabPage], folder: Path
) -> None:
    """What the server said before an event, and the browser hears after it, is old."""
    first, second = new_tab(), new_tab()
    start_diamond(first, folder)
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        late.append((route, route.fetch()))

    address = re.compile(r"/kernelpipe/runs/[^/]+\?")
    second.page.route(address, hold, times=1)
    second.open(f"{folder.name}/diamond.ipynb")
    second.show_panel()
    second.page.wait_for_function("() => document.querySelector('[data-kernelpipe-latest]')")
    notebooks.open_gate(folder / "left", folder / "right")
    expect(second.panel.locator("[data-kernelpipe-latest]")).to_contain_text("Succeeded")
    [(route, response)] = late
    route.fulfill(response=response)

    second.expect_states("SUCCEEDED", *notebooks.STEPS)


def test_run__restarted_server__is_picked_up(tab: LabPage, lab: Lab, folder: Path) -> None:
    """A run outlives its server, and the next one shows how it goes on."""
    tab.refusals.update({502, 503, 504})
    start_diamond(tab, folder)

    lab.stop()
    lab.start()
    tab.reload()
    tab.show_panel()
    tab.expect_states("RUNNING", "left", "right")
    notebooks.open_gate(folder / "left", folder / "right")

    tab.expect_states("SUCCEEDED", *notebooks.STEPS)


def test_run__killed_with_its_server__is_not_shown_as_running(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """A run whose processes are gone says so."""
    start_diamond(tab, folder)

    lab.stop()
    for pid in lab.processes():
        os.kill(pid, signal.SIGKILL)
    lab.start()
    tab.reload()
    tab.show_panel()

    expect(tab.step("left")).not_to_have_attribute("data-kernelpipe-state", "RUNNING")
    polling.until(
        lambda: lab.latest_run(folder)["state"] not in {"RUNNING", "PENDING"}, "an honest state"
    )
