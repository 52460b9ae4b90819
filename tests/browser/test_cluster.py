"""Tests of runs on a Kubeflow cluster from the panel; the stand-in is the cluster."""

from collections.abc import Iterator
from pathlib import Path

import kit
import pytest
from kfp_server import Fault, KfpServer
from playwright.sync_api import expect

from browser import lab as labs
from browser import polling
from browser.lab import Lab
from browser.pages import LabPage

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STEPS = ("first", "second")
PATIENT_S = 60.0
"""Pods of the stand-in are started one after another, and asked for every few seconds."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, cluster: KfpServer) -> Iterator[Lab]:
    """Run a server that knows the cluster."""
    environment = {"KF_PIPELINES_ENDPOINT": cluster.host}
    with labs.running(tmp_path_factory.mktemp("lab"), environment=environment) as found:
        yield found


@pytest.fixture(autouse=True)
def _well_behaved(cluster: KfpServer) -> Iterator[None]:
    """Let no test disturb the next one."""
    yield
    cluster.behaviour.faults = {}
    cluster.behaviour.drops_before = 0


def open_on_kubeflow(tab: LabPage, folder: Path, last: str = "y = sum(x)") -> None:
    """Open a notebook of two steps and choose the cluster."""
    path = kit.write(
        folder / "demo.ipynb",
        kit.code("x = [1, 2]\nprint('x is ready')", "step:first"),
        kit.code(last, "step:second", "memory:1Gi"),
    )
    tab.open_with_panel(path, STEPS)
    tab.wait_for_kernel()  # what the panel says goes away when Lab notes the kernel after it
    tab.save()
    tab.panel.locator("[data-kernelpipe-choice=backend]").select_option("kfp")


def test_run__on_kubeflow__is_followed_to_its_end(
    tab: LabPage, lab: Lab, cluster: KfpServer, folder: Path
) -> None:
    """Each step is shown as it goes, the run as one on the cluster, with a way to its page."""
    sign = folder / "sign"
    wait = f"while not pathlib.Path({str(sign)!r}).exists():\n    time.sleep(0.05)"
    open_on_kubeflow(tab, folder, last=f"import pathlib, time\n{wait}\ny = sum(x)")

    tab.button("kernelpipe:run").click()
    tab.expect_states("RUNNING", "second", within_s=PATIENT_S)
    tab.expect_states("SUCCEEDED", "first")
    sign.touch()
    tab.expect_states("SUCCEEDED", *STEPS, within_s=PATIENT_S)
    latest = tab.panel.locator("[data-kernelpipe-latest]")
    expect(latest).to_have_attribute("data-kernelpipe-state", "SUCCEEDED")

    run = lab.latest_run(folder)
    page = tab.panel.get_by_role("link", name="Open in Kubeflow")
    expect(page).to_have_attribute(
        "href", f"{cluster.host}/#/runs/details/{run['cluster']['run_id']}"
    )
    assert (run["backend"], run["state"]) == ("kfp", "SUCCEEDED")
    assert tab.dialogs().count() == 0


def test_run__failing_step_on_kubeflow__explains_itself(tab: LabPage, folder: Path) -> None:
    """There is nothing to resume on a cluster; executed notebooks and values stay there."""
    open_on_kubeflow(tab, folder, last="assert not x, 'no such luck'")

    tab.button("kernelpipe:run").click()
    tab.expect_states("FAILED", "second", within_s=PATIENT_S)
    tab.step("second").get_by_role("button", name="Details of second").click()

    expect(tab.step("second")).to_contain_text("its program ended with exit code 1")
    expect(tab.button("kernelpipe:resume")).to_have_count(0)
    tab.panel.get_by_role("button", name="Open run").click()
    view = tab.run_view
    expect(view.get_by_role("link", name="Download report")).to_be_visible(timeout=60_000)
    expect(view.get_by_role("tab", name="Log")).to_be_visible()
    expect(view.locator("[data-command='kernelpipe:open-run-notebook']")).to_have_count(0)
    expect(view.get_by_role("tab", name="Values")).to_have_count(0)


def test_stop__run_on_kubeflow__is_canceled(
    tab: LabPage, lab: Lab, cluster: KfpServer, folder: Path
) -> None:
    """Why the step waits is shown before."""
    cluster.behaviour.faults = {"first": Fault.IMAGE_PULL}
    open_on_kubeflow(tab, folder)
    tab.button("kernelpipe:run").click()
    expect(tab.step("first")).to_contain_text("cannot be pulled", timeout=PATIENT_S * 1000)

    tab.button("kernelpipe:stop").click()
    tab.expect_states("CANCELED", "first", within_s=PATIENT_S)

    polling.until(lambda: lab.latest_run(folder)["state"] == "CANCELED", "the run to end")


def test_watch__cluster_away_and_back__is_said(
    tab: LabPage, cluster: KfpServer, folder: Path
) -> None:
    """The last state stays, with the time from which it is."""
    cluster.behaviour.faults = {"first": Fault.IMAGE_PULL}
    open_on_kubeflow(tab, folder)
    tab.button("kernelpipe:run").click()
    expect(tab.step("first")).to_contain_text("cannot be pulled", timeout=PATIENT_S * 1000)
    problem = tab.panel.locator("[data-kernelpipe-cluster=problem]")

    cluster.behaviour.drops_before = 1000
    expect(problem).to_contain_text("no answer from", timeout=PATIENT_S * 1000)
    expect(problem).to_contain_text("As of ")
    cluster.behaviour.drops_before = 0
    expect(problem).to_have_count(0, timeout=PATIENT_S * 1000)

    tab.button("kernelpipe:stop").click()
    tab.expect_states("CANCELED", "first", within_s=PATIENT_S)


def test_schedule__from_the_panel__is_made_paused_resumed_and_deleted(
    tab: LabPage, lab: Lab, cluster: KfpServer, folder: Path
) -> None:
    """Its meaning is said while it is typed; its runs are in the list, and stay when it is gone."""
    open_on_kubeflow(tab, folder)
    tab.panel.locator("[data-kernelpipe-menu=panel]").click()
    tab.menu_item("Schedule on Kubeflow…").click()
    form = tab.panel.get_by_role("form", name="New schedule")
    line = form.get_by_label("Crontab line of five fields")
    line.fill("0 25 * * *")
    expect(form).to_contain_text("25 is out of range")
    line.fill("30 6 * * 1-5")
    expect(form).to_contain_text("at 06:30 on Monday to Friday, in the time zone of the cluster")
    assert tab.axe("#kernelpipe-panel") == []

    form.get_by_role("button", name="Schedule", exact=True).click()
    row = tab.panel.locator("[data-kernelpipe-schedule]")
    expect(row).to_contain_text("On · at 06:30 on Monday to Friday")
    row.get_by_role("button", name="Pause demo").click()
    expect(row).to_have_attribute("data-kernelpipe-enabled", "false")
    row.get_by_role("button", name="Resume demo").click()
    expect(row).to_have_attribute("data-kernelpipe-enabled", "true")
    cluster.service.fire(next(iter(cluster.service.recurring)))
    polling.until(lambda: bool(lab.runs(folder)), "the run of the schedule to be listed")
    run = tab.run_row(lab.latest_run(folder)["run_id"])
    expect(run).to_contain_text("Started by schedule 'demo'")
    expect(run).to_have_attribute("data-kernelpipe-state", "SUCCEEDED", timeout=PATIENT_S * 1000)
    assert tab.axe("#kernelpipe-panel") == []

    row.get_by_role("button", name="Delete schedule demo…").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    expect(run).to_be_visible()
    assert cluster.service.recurring == {}


def test_run__cluster_away__says_that_nothing_was_started(
    tab: LabPage, lab: Lab, cluster: KfpServer, folder: Path
) -> None:
    """In the panel, and without a run in the list."""
    cluster.behaviour.drops_before = 1000
    tab.refusals.add(502)
    open_on_kubeflow(tab, folder)

    tab.button("kernelpipe:run").click()

    expect(tab.panel.get_by_role("alert")).to_contain_text("no answer from", timeout=60_000)
    assert lab.runs(folder) == []
