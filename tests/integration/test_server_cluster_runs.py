"""Runs on a cluster from a real Jupyter Server: the stand-in for the cluster, real pipelines."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kit
import pytest
import server_kit
from kfp_server import Fault, KfpServer
from server_kit import Server
from typescript_types import API, Types

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PATIENCE_S = 120


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cluster: KfpServer) -> Iterator[Server]:
    """Run a server that knows the cluster."""
    folder = tmp_path_factory.mktemp("server")
    with server_kit.running(folder, f"--KernelpipeServer.cluster_host={cluster.host}") as running:
        yield running


@pytest.fixture(autouse=True)
def _well_behaved(cluster: KfpServer) -> Iterator[None]:
    """Let no test disturb the next one."""
    yield
    cluster.behaviour.faults = {}
    cluster.behaviour.drops_before = 0


class Place:
    """A folder of the server with one notebook in it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.path = kit.write(
            server.root / name / "n.ipynb",
            kit.code("fails = False", "parameters"),
            kit.code("x = [1, 2]\nprint('x is ready')", "step:First_step"),
            kit.code("assert not fails, 'no such luck'\ny = sum(x)", "step:second", "memory:1Gi"),
        )

    def request(self, **more: object) -> dict[str, Any]:
        """Return what asks for a run on Kubeflow."""
        notebook = json.loads(self.path.read_text(encoding="utf-8"))
        return {
            "path": f"{self.name}/n.ipynb",
            "notebook": notebook,
            "parameters": {},
            "backend": "kfp",
            **more,
        }

    def run(self, run_id: str, route: str = "", **query: str) -> Any:
        """Return what a route of a run answers."""
        return self.server.get(f"runs/{run_id}{route}", folder=self.name, **query)

    def listed(self, is_reached: Callable[[Any], bool]) -> Any:
        """Return the one run of the folder in the list as soon as it is as it should be."""
        end = time.monotonic() + PATIENCE_S
        while True:
            listed = self.server.get("runs")["runs"]
            found = [run for run in listed if run["folder"] == self.name]
            if len(found) == 1 and is_reached(found[0]):
                return found[0]
            assert time.monotonic() < end, found
            time.sleep(0.2)

    def awaited(self, run_id: str, is_reached: Callable[[Any], bool]) -> Any:
        """Return the run as soon as it is as it should be; nobody asks but the server."""
        end = time.monotonic() + PATIENCE_S
        while not is_reached(found := self.run(run_id)["run"]):
            assert time.monotonic() < end, found
            time.sleep(0.2)
        return found


@pytest.fixture
def place(server: Server, request: pytest.FixtureRequest) -> Place:
    """Return a folder of the test's own."""
    return Place(server, request.node.name.replace("test_", "")[:40])


def test_status__cluster_is_configured__runs_can_be_started(server: Server) -> None:
    """The panel offers Run on Kubeflow then."""
    assert server.get("status")["backends"]["kfp"] == {
        "can_compile": True,
        "can_run": True,
        "reason": None,
    }


def test_start__on_kubeflow__is_followed_to_its_end(place: Place, cluster: KfpServer) -> None:
    """In the same documents as a run of here, with a log that can be read."""
    started = place.server.post("runs", place.request(parameters={"fails": True}))

    run = place.awaited(started["run_id"], lambda found: found["state"] == "FAILED")
    log = place.run(started["run_id"], "/log", step="second")
    first = place.run(started["run_id"], "/log", step="First_step")

    assert (started["backend"], started["state"]) == ("kfp", "PENDING")
    assert started["cluster"]["page"].startswith(f"{cluster.host}/#/runs/details/")
    assert {step["name"]: step["state"] for step in run["steps"]} == {
        "First_step": "SUCCEEDED",
        "second": "FAILED",
    }
    assert run["failed_step"] == "second"
    assert run["given"] == {"fails": True}
    assert "no such luck" in log["text"]
    assert log["is_complete"]
    assert "x is ready" in first["text"]
    listed = [each for each in place.server.get("runs")["runs"] if each["folder"] == place.name]
    assert [each["state"] for each in listed] == ["FAILED"]
    types = Types.read(API)
    assert types.problems("IRun", started) == []
    assert types.problems("IRunDetail", run) == []


def test_stop__on_kubeflow__cancels_it_there(place: Place, cluster: KfpServer) -> None:
    """Why the step waits is shown before."""
    cluster.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    run_id = place.server.post("runs", place.request())["run_id"]
    waits = place.awaited(run_id, lambda found: found["steps"][0]["reason"])

    place.server.post(f"runs/{run_id}/stop", {}, folder=place.name)
    run = place.awaited(run_id, lambda found: found["state"] == "CANCELED")

    assert "cannot be pulled" in waits["steps"][0]["reason"]
    assert [step["state"] for step in run["steps"]] == ["CANCELED", "SKIPPED"]


def test_start__cluster_away__is_refused_and_leaves_nothing(
    place: Place, cluster: KfpServer
) -> None:
    """With the status of a gateway that has nobody behind it."""
    cluster.behaviour.drops_before = 1000

    answer = place.server.request("POST", "runs", place.request())

    assert answer.status == 502
    assert answer.message.startswith(f"no answer from {cluster.host}")
    assert not (place.path.parent / ".kernelpipe").exists()


def test_watch__cluster_goes_away_and_comes_back__is_said_and_loses_nothing(
    place: Place, cluster: KfpServer
) -> None:
    """The state is the last that was known, with why it may be old."""
    cluster.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    run_id = place.server.post("runs", place.request())["run_id"]
    place.awaited(run_id, lambda found: found["state"] == "RUNNING")
    cluster.behaviour.drops_before = 1000

    away = place.awaited(run_id, lambda found: found["cluster"]["problem"])
    cluster.behaviour.drops_before = 0
    back = place.awaited(run_id, lambda found: found["cluster"]["problem"] is None)
    place.server.post(f"runs/{run_id}/stop", {}, folder=place.name)
    place.awaited(run_id, lambda found: found["state"] == "CANCELED")

    assert away["state"] == "RUNNING"
    assert away["cluster"]["problem"].startswith(f"no answer from {cluster.host}")
    assert back["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"only": ["second"]}, "'only' is not possible on Kubeflow: all steps run there"),
        ({"backend": "argo"}, "there is no backend 'argo'"),
        ({"parameters": {"nothing": 1}}, "'nothing'"),
    ],
)
def test_start__wrong_request__is_refused(
    place: Place, change: dict[str, Any], message: str
) -> None:
    """Nothing is started."""
    answer = place.server.request("POST", "runs", place.request(**change))

    assert answer.status == 400
    assert message in answer.message


def test_schedule__life_of_one__from_the_panel(place: Place, cluster: KfpServer) -> None:
    """Made, listed, paused, resumed; its run is in the list and stays when it is deleted."""
    here = {"path": f"{place.name}/n.ipynb"}
    wish = place.request(parameters={"fails": True}, cron="0 3 * * 1-5", name="nightly")
    made = place.server.post("schedules", wish)
    (listed,) = place.server.get("schedules", **here)["schedules"]
    route = f"schedules/{listed['key']}"

    place.server.post(f"{route}/pause", {}, **here)
    (paused,) = place.server.get("schedules", **here)["schedules"]
    place.server.post(f"{route}/resume", {}, **here)
    (resumed,) = place.server.get("schedules", **here)["schedules"]
    remote_id = cluster.service.fire(made["schedule_id"])
    run = place.listed(lambda found: found["state"] == "FAILED")
    deleted = place.server.request("DELETE", route, query=here)

    assert (listed["name"], listed["cron"], listed["given"]) == (
        "nightly",
        "0 3 * * 1-5",
        {"fails": True},
    )
    assert listed["words"] == (
        "at 03:00 on Monday to Friday, in the time zone of the cluster's scheduler, usually UTC"
    )
    assert [each["enabled"] for each in (listed, paused, resumed)] == [True, False, True]
    assert (run["cluster"]["run_id"], run["cluster"]["schedule"]) == (remote_id, "nightly")
    assert (run["path"], run["failed_step"]) == (f"{place.name}/n.ipynb", "second")
    assert deleted.status == 200
    assert place.server.get("schedules", **here) == {"schedules": []}
    assert made["schedule_id"] not in cluster.service.recurring
    assert place.listed(lambda found: found["state"] == "FAILED") == run
    types = Types.read(API)
    assert types.problems("ISchedule", listed) == []
    assert types.problems("IRun", run) == []


def test_schedules__cluster_away_or_without_them__says_so(place: Place, cluster: KfpServer) -> None:
    """What is known is shown; one that is gone there can be deleted here."""
    here = {"path": f"{place.name}/n.ipynb"}
    made = place.server.post("schedules", place.request(every="90m"))
    cluster.behaviour.drops_before = 1000
    (away,) = place.server.get("schedules", **here)["schedules"]
    refused = place.server.request("POST", f"schedules/{away['key']}/pause", {}, query=here)
    cluster.behaviour.drops_before = 0
    del cluster.service.recurring[made["schedule_id"]]
    (gone,) = place.server.get("schedules", **here)["schedules"]
    deleted = place.server.request("DELETE", f"schedules/{away['key']}", query=here)

    assert (away["enabled"], away["words"], away["every_s"]) == (None, "every 1h30m", 5400)
    assert away["problem"].startswith(f"no answer from {cluster.host}")
    assert refused.status == 502
    assert gone["problem"] == "the cluster has this schedule no longer"
    assert deleted.status == 200
    assert place.server.get("schedules", **here) == {"schedules": []}


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({}, 400, "a schedule needs to know when"),
        ({"cron": "0 3 * *"}, 400, "'0 3 * *' is no schedule: 4 fields were given"),
        ({"every": "0m"}, 400, "'0m' is no length of time"),
        ({"every": 5}, 400, "'every' must be a text"),
        ({"every": "5m", "parameters": {"nothing": 1}}, 400, "'nothing'"),
        ({"every": "5m", "notebook": kit.notebook()}, 409, "says something else than the editor"),
    ],
)
def test_schedule__wrong_request__is_refused(
    place: Place, cluster: KfpServer, change: dict[str, Any], status: int, message: str
) -> None:
    """Nothing is made."""
    before = len(cluster.service.recurring)

    answer = place.server.request("POST", "schedules", place.request(**change))

    assert (answer.status, len(cluster.service.recurring)) == (status, before)
    assert message in answer.message


def test_schedule_words__line__is_read_or_refused(server: Server) -> None:
    """While it is typed: what is wrong is no error of the request."""
    read = server.get("schedule-words", cron="*/15 8-17 * * MON-FRI")
    wrong = server.get("schedule-words", cron="0 25 * * *")

    assert read["words"].startswith("every 15 minutes from 08:00 to 17:59 on Monday to Friday, in")
    assert wrong["words"] is None
    assert "hour '25': 25 is out of range" in wrong["problem"]


def test_runs__none_on_a_cluster__asks_none(
    tmp_path: Path, server: Server, cluster: KfpServer
) -> None:
    """A cluster is only asked while a run on it goes on."""
    del tmp_path
    going = [run for run in server.get("runs")["runs"] if run["state"] in {"PENDING", "RUNNING"}]
    before = len(cluster.requests)
    end = time.monotonic() + 5

    while time.monotonic() < end:
        server.get("runs")
        time.sleep(0.5)

    assert going == []
    assert len(cluster.requests) == before
