"""Tests of the history of runs: open, compare, delete; and of the graph."""

import re
import subprocess
import sys
from pathlib import Path

import kit
import pytest
import records_kit
from playwright.sync_api import expect

from browser import notebooks
from browser.lab import ROOT, Lab
from browser.pages import LabPage

pytestmark = pytest.mark.timeout(150)

MANY = 60


def run_by_command(path: Path, *words: str) -> None:
    """Run a notebook as a user does in a terminal."""
    subprocess.run(
        [sys.executable, "-m", "kernelpipe", "run", str(path), "--no-mlflow", *words],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )


def test_history__runs_of_command_line_and_panel__are_compared_and_deleted(
    tab: LabPage, lab: Lab, folder: Path
) -> None:
    """What was run in a terminal is there, too; two runs can be compared, one deleted."""
    path = notebooks.diamond(folder)
    run_by_command(path, "-p", "count", "9")
    tab.open_with_panel(path, notebooks.STEPS)
    tab.show_history()
    tab.page.wait_for_function("() => document.querySelector('[data-kernelpipe-run]')")
    first = lab.latest_run(folder)["run_id"]
    expect(tab.run_row(first)).to_contain_text("count")

    tab.button("kernelpipe:run").click()
    latest = tab.panel.locator("[data-kernelpipe-latest]")
    expect(latest).not_to_have_attribute("data-kernelpipe-latest", first)
    tab.expect_states("SUCCEEDED", *notebooks.STEPS)
    second = lab.latest_run(folder)["run_id"]
    assert second != first
    tab.show_history()
    for run in (first, second):
        tab.run_row(run).get_by_role("checkbox").check()
    tab.button("kernelpipe:compare-runs").click()
    comparison = tab.page.locator(".lm-DockPanel .jp-MainAreaWidget:visible").last
    expect(comparison).to_contain_text("count")
    expect(comparison).to_contain_text("span")

    tab.run_row(first).locator('[data-command="kernelpipe:delete-run"]').click()
    tab.dialogs().get_by_role("button", name="Delete").click()
    expect(tab.run_row(first)).to_have_count(0)
    assert [run["run_id"] for run in lab.runs(folder)] == [second]


def test_history__many_runs__are_all_within_reach(tab: LabPage, folder: Path) -> None:
    """A long history neither hides runs nor holds the panel up."""
    cell = kit.code("value = 1", "step:only")
    path = kit.write(folder / "often.ipynb", cell)
    for number in range(MANY):
        records_kit.record(
            folder / ".kernelpipe",
            cell,
            steps=[records_kit.step("only", duration_s=1.0)],
            at=records_kit.NOON + 100 * number,
            parameters={"number": number},
            notebook=path.name,
        )
    tab.open_with_panel(path, ["only"])

    tab.show_history()
    rows = tab.panel.locator("[data-kernelpipe-run]")
    expect(rows).to_have_count(25)
    tab.panel.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(50)
    tab.panel.get_by_role("button", name="Show more").click()

    expect(rows).to_have_count(MANY)


def test_graph__before_and_after_a_run__shows_names_sizes_and_states(
    tab: LabPage, folder: Path
) -> None:
    """The graph names what flows, files too, and after a run how big it was."""
    path = kit.write(
        folder / "flows.ipynb",
        kit.code("numbers = [1, 2]\nopen('table.csv', 'w').write('3')", "step:load"),
        kit.code("total = sum(numbers)", "step:add"),
        kit.code("print(open('table.csv').read())", "step:read"),
    )
    steps = ["load", "add", "read"]
    tab.open_with_panel(path, steps)

    tab.execute("kernelpipe:show-graph")
    for step in steps:
        expect(tab.graph_step(step)).to_be_visible()
    graph = tab.page.locator(".jp-kernelpipe-Graph")
    expect(graph).to_contain_text("numbers")
    expect(graph.locator('[data-kernelpipe-to="read"] title')).to_have_text(
        "read starts after load · table.csv"
    )
    expect(graph).to_contain_text("table.csv")
    expect(graph).not_to_contain_text(re.compile(r"\d B"))
    tab.button("kernelpipe:run").click()

    for step in steps:
        expect(tab.graph_step(step)).to_have_attribute("data-kernelpipe-state", "SUCCEEDED")
    expect(graph).to_contain_text(re.compile(r"\d B"))
