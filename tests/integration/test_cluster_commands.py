"""Tests of the commands for clusters: the real SDK client, the stand-in, real pipelines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kit
import pytest
from kfp_server import Fault, KfpServer

from kernelpipe.cli import main

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

DEADLINE_S = 120


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings away, and work in a folder of this test."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def notebook() -> str:
    """Write a notebook of two steps, which fails where a parameter says so; return its name."""
    kit.write(
        Path("demo.ipynb"),
        kit.code("fails = False", "parameters"),
        kit.code("x = [1, 2]\nprint('x is ready')", "step:First_step"),
        kit.code("assert not fails, 'no such luck'\ny = sum(x)", "step:second", "memory:1Gi"),
    )
    return "demo.ipynb"


class Shell:
    """Runs commands; ``err`` is what the last one wrote besides its answer."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command that ends with this exit code; return its answer."""
        found = main(words)
        out, self.err = self._capsys.readouterr()
        assert found == code, (out, self.err)
        return out

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command; return its document."""
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return what runs commands."""
    return Shell(capsys)


def awaited(look: Callable[[], Any], is_reached: Callable[[Any], bool]) -> Any:
    """Return what is found once it is as it should be."""
    end = time.monotonic() + DEADLINE_S
    while not is_reached(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def states(run: Any) -> dict[str, str]:
    """Return step -> state of a run's document."""
    return {step["name"]: step["state"] for step in run["steps"]}


def test_submit__wait__shows_the_run_in_the_words_of_run(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """Progress on stderr, the report on stdout; afterwards it is in the list."""
    out = shell("submit", notebook, "--host", server.host, "--wait", "--experiment", "trials")

    (run,) = shell.json("runs", "list")["runs"]
    remote_id = run["cluster"]["run_id"]
    assert out.startswith(f"run {run['run_id']} SUCCEEDED in ")
    assert f"cluster: {server.host}, run {remote_id}\n" in out
    assert f"page: {server.host}/#/runs/details/{remote_id}" in out
    assert (run["state"], run["cluster"]["experiment"]) == ("SUCCEEDED", "trials")
    (stored,) = server.service.runs.all()
    assert stored["display_name"] == f"demo {run['run_id']}"


def test_submit__failing_step__ends_with_5_and_its_log_is_brought_here(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """The log can be read again when the cluster is away."""
    host = server.host
    words = ("submit", notebook, "--host", host, "--wait", "-p", "fails", "true")
    document = shell.json(*words, code=5)
    assert "second: FAILED" in shell.err
    assert states(document) == {"First_step": "SUCCEEDED", "second": "FAILED"}
    assert document["parameters"] == {"fails": True}

    assert "AssertionError: no such luck" in shell("runs", "logs")
    assert "x is ready" in shell("runs", "logs", "latest", "First_step")
    server.behaviour.drops_before = 1000
    asked = len(server.requests)

    assert "AssertionError: no such luck" in shell("runs", "logs")
    assert len(server.requests) == asked


def test_submit__without_wait__is_followed_by_looking(
    shell: Shell, server: KfpServer, notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host may come from the environment; show asks the cluster until the run has ended."""
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.host)
    out = shell("submit", notebook, "--name", "mine")

    run = awaited(lambda: shell.json("runs", "show"), lambda found: found["state"] == "SUCCEEDED")

    assert out.startswith(f"run {run['run_id']} was submitted to {server.host} as ")
    assert states(run) == {"First_step": "SUCCEEDED", "second": "SUCCEEDED"}
    assert [each["display_name"] for each in server.service.runs.all()] == ["mine"]


def test_submit__step_per_item__tells_of_its_items(shell: Shell, server: KfpServer) -> None:
    """In order, under the step's one name; the chores of a loop are no steps."""
    kit.write(
        Path("loop.ipynb"),
        kit.code("rates = [3, 1, 2]\nworst = 3", "parameters"),
        kit.code("y = 10 // (worst - rate)", "step:train", "foreach:rate in rates"),
        kit.code("print(y)", "step:show"),
    )

    words = ("submit", "loop.ipynb", "--host", server.host, "--wait")
    good = shell.json(*words, "-p", "worst", "4")
    bad = shell.json(*words, code=5)

    assert states(good) == {"train": "SUCCEEDED", "show": "SUCCEEDED"}
    assert [(item["text"], item["state"]) for item in good["steps"][0]["items"]] == [
        ("rate = 3", "SUCCEEDED"),
        ("rate = 1", "SUCCEEDED"),
        ("rate = 2", "SUCCEEDED"),
    ]
    assert states(bad) == {"train": "FAILED", "show": "SKIPPED"}
    assert bad["steps"][0]["reason"].startswith("item 0 (rate = 3): its program ended with exit")
    assert bad["steps"][0]["items"][0]["state"] == "FAILED"
    log = shell("runs", "logs")
    assert "ZeroDivisionError" in log.partition("=== item 1\n")[0]
    assert [line for line in log.splitlines() if line.startswith("=== ")] == [
        "=== item 0",
        "=== item 1",
        "=== item 2",
    ]


def test_submit__steps_share_a_pod__are_listed_one_by_one(shell: Shell, server: KfpServer) -> None:
    """The cluster knows one task; its log is that of each of them."""
    kit.write(
        Path("chain.ipynb"),
        kit.code("x = [1, 2]\nprint('x is ready')", "step:first"),
        kit.code("y = sum(x)", "step:second"),
    )

    run = shell.json("submit", "chain.ipynb", "--host", server.host, "--merge", "--wait")

    assert states(run) == {"first": "SUCCEEDED", "second": "SUCCEEDED"}
    assert "x is ready" in shell("runs", "logs", "latest", "second")
    details = server.service.runs.document(run["cluster"]["run_id"])["run_details"]
    pods = [each for each in details["task_details"] if each["display_name"] == "executor"]
    assert len(pods) == 1


def test_stop__run_on_cluster__is_canceled(shell: Shell, server: KfpServer, notebook: str) -> None:
    """In the same words as one of here; stopping it again says that it has ended."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    shell("submit", notebook, "--host", server.host)
    awaited(lambda: shell.json("runs", "show"), lambda found: found["steps"][0]["reason"])

    shell("runs", "stop")
    run = awaited(lambda: shell.json("runs", "show"), lambda found: found["state"] == "CANCELED")

    assert states(run) == {"First_step": "CANCELED", "second": "SKIPPED"}
    shell("runs", "stop", code=2)
    assert "has ended: it is CANCELED" in shell.err


def test_list__cluster_does_not_answer__shows_the_last_snapshot(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """With the time from which it is; nothing is lost when the cluster is back."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    shell("submit", notebook, "--host", server.host)
    awaited(lambda: shell.json("runs", "show"), lambda found: found["steps"][0]["reason"])
    server.behaviour.drops_before = 1000

    text = shell("runs", "show")
    (listed,) = shell.json("runs", "list")["runs"]
    server.behaviour.drops_before = 0
    back = shell.json("runs", "show")

    assert "First_step  PENDING" in text
    assert f": no answer from {server.host}" in text
    assert "\nas of 20" in text
    assert listed["cluster"]["problem"].startswith(f"no answer from {server.host}")
    assert back["cluster"]["problem"] is None
    assert back["state"] == "RUNNING"
    shell("runs", "stop")


def test_stop__cluster_does_not_answer__says_so(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """Exit code 4; the run is not called stopped."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    shell("submit", notebook, "--host", server.host)
    server.behaviour.drops_before = 1000

    shell("runs", "stop", code=4)
    said = shell.err
    state = shell.json("runs", "show")["state"]
    server.behaviour.drops_before = 0
    shell("runs", "stop")

    assert f"error: no answer from {server.host}" in said
    assert state == "PENDING"


def test_logs__cluster_does_not_answer__shows_those_that_are_here(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """While the run goes on they are asked for again; without an answer the last ones are shown."""
    server.behaviour.faults = {"second": Fault.IMAGE_PULL}
    shell("submit", notebook, "--host", server.host)
    awaited(lambda: shell.json("runs", "show"), lambda run: run["steps"][0]["state"] == "SUCCEEDED")
    shell("runs", "logs", "latest", "First_step")
    server.behaviour.drops_before = 1000

    text = shell("runs", "logs", "latest", "First_step")
    said = shell.err
    shell("runs", "logs", "latest", "second", code=4)
    server.behaviour.drops_before = 0
    shell("runs", "stop")

    assert "x is ready" in text
    assert "these are the logs as they were brought here last" in said


def test_submit__connection_breaks_while_waiting__goes_on(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """It is said, and the run is followed to its end."""
    server.behaviour.drops_only = "run_service_get_run"
    server.behaviour.drops_before = 2

    out = shell("submit", notebook, "--host", server.host, "--wait")

    assert " SUCCEEDED in " in out
    assert server.behaviour.drops_before == 0


@pytest.mark.parametrize("counter", ["drops_before", "drops_after"])
def test_submit__answers_lost__is_found_out_later(
    shell: Shell, server: KfpServer, notebook: str, counter: str
) -> None:
    """Nobody can know then whether the cluster has the run; looking later finds out."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    server.behaviour.drops_only = "run_service_create_run"
    setattr(server.behaviour, counter, 2)
    if counter == "drops_after":
        server.behaviour.failures = 0

    if counter == "drops_before":
        shell("submit", notebook, "--host", server.host, code=4)
        assert "finds out whether the cluster has it" in shell.err
    else:
        shell("submit", notebook, "--host", server.host)
    run = shell.json("runs", "show")

    if counter == "drops_before":
        assert run["state"] == "FAILED"
        assert run["reason"] == "it was not submitted: the cluster has no such run"
        assert server.service.runs.all() == []
    else:
        assert run["state"] in {"PENDING", "RUNNING"}
        assert len(server.service.runs.all()) == 1
        shell("runs", "stop")


def test_submit__cluster_away__leaves_nothing(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """It was not reached at all: there is no run to look for."""
    server.behaviour.drops_before = 1000

    shell("submit", notebook, "--host", server.host, code=4)

    assert f"error: no answer from {server.host}" in shell.err
    assert not Path(".kernelpipe").exists()


def test_show__expired_token__says_so_and_keeps_the_run(
    shell: Shell, server: KfpServer, notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new token in the environment is all that it takes; no file has one."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    server.behaviour.tokens = frozenset({"first-secret"})
    monkeypatch.setenv("KERNELPIPE_KFP_TOKEN", "first-secret")
    shell("submit", notebook, "--host", server.host)
    server.behaviour.tokens = frozenset({"second-secret"})

    old = shell.json("runs", "show")
    monkeypatch.setenv("KERNELPIPE_KFP_TOKEN", "second-secret")
    new = shell.json("runs", "show")

    assert "does not accept the login" in old["cluster"]["problem"]
    assert old["state"] == "PENDING"
    assert new["cluster"]["problem"] is None
    written = [path for path in Path.cwd().parent.rglob("*") if path.is_file()]
    assert not [path for path in written if b"-secret" in path.read_bytes()]
    shell("runs", "stop")


def test_submit__notebook_names_an_unknown_cluster__does_not_send_the_login_there(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """A notebook may come from anybody; once the user has named the cluster, its word holds."""
    document = kit.read(Path(notebook))
    document["metadata"]["kernelpipe"] = {"version": 1, "cluster": {"host": server.host}}
    Path(notebook).write_bytes(kit.encode(document))
    server.behaviour.faults = {"first-step": Fault.DRIVER}

    shell("submit", notebook, code=2)
    assert f"the notebook names the cluster {server.host}, which you have not used" in shell.err
    assert server.requests == []
    shell("submit", notebook, "--host", server.host, "--wait", code=5)
    shell("submit", notebook, "--wait", code=5)

    assert len(server.service.runs.all()) == 2


def test_submit__ctrl_c_while_waiting__leaves_the_run(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """Exit code 130, and a word on what goes on."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    with subprocess.Popen(
        [sys.executable, "-m", "kernelpipe", "submit", notebook, "--host", server.host, "--wait"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as waiting:
        assert waiting.stderr is not None
        said = ""
        for line in waiting.stderr:
            said += line
            if "First_step: PENDING" in line:
                waiting.send_signal(signal.SIGINT)
        code = waiting.wait(timeout=DEADLINE_S)

    assert code == 130
    assert "stopped waiting; run " in said
    assert shell.json("runs", "show")["state"] == "RUNNING"
    shell("runs", "stop")


def test_schedule__life_of_one__from_the_command_line(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """Made, listed, paused, resumed, deleted."""
    host = ("--host", server.host)
    made = shell("schedule", notebook, "--cron", "0 3 * * *", "-p", "fails", "true", *host)
    shell("schedule", "pause", "demo", *host)
    paused = shell.json("schedule", "list", *host)["schedules"]
    shell("schedule", "resume", "demo", *host)
    listed = shell("schedule", "list", *host)
    shell("schedule", "delete", "demo", *host)
    left = shell.json("schedule", "list", *host)["schedules"]

    assert "'demo' runs 0 3 * * * (in the time zone of the cluster's scheduler, usually" in made
    assert "that is at 03:00 every day\n" in made
    assert [(each["enabled"], each["cron"]) for each in paused] == [(False, "0 3 * * *")]
    assert "demo  on" in listed
    assert left == []


def test_list__schedule_has_started_runs__lists_them_once(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """In the words of every run, with the parameters of the schedule; removed ones stay away."""
    host = ("--host", server.host)
    made = shell.json("schedule", notebook, "--every", "1h", "-p", "fails", "true", *host)
    assert shell.json("runs", "list")["runs"] == []
    remote = [server.service.fire(made["schedule_id"]) for _ in range(2)]
    shell("schedule", "pause", "demo", *host)

    def listed() -> Any:
        return shell.json("runs", "list")["runs"]

    runs = awaited(listed, lambda found: [run["state"] for run in found] == ["FAILED"] * 2)
    shown = shell.json("runs", "show", runs[0]["run_id"])
    text = shell("runs", "show", runs[0]["run_id"])
    log = shell("runs", "logs", runs[0]["run_id"], "second")
    shell("runs", "rm", runs[0]["run_id"])
    left = listed()
    again = server.service.fire(made["schedule_id"])
    three = awaited(listed, lambda found: [run["state"] for run in found] == ["FAILED"] * 2)

    assert {run["cluster"]["run_id"] for run in runs} == set(remote)
    assert [run["cluster"]["schedule"] for run in runs] == ["demo", "demo"]
    assert shown["parameters"] == {"fails": True}
    assert shown["given"] == ["fails"]
    assert states(shown) == {"First_step": "SUCCEEDED", "second": "FAILED"}
    assert "started by schedule 'demo'" in text
    assert "no such luck" in log
    assert [run["run_id"] for run in left] == [runs[1]["run_id"]]
    assert again in {run["cluster"]["run_id"] for run in three}


def test_list__cluster_of_a_schedule_does_not_answer__says_what_may_be_missing(
    shell: Shell, server: KfpServer, notebook: str
) -> None:
    """The runs that are known are listed."""
    made = shell.json("schedule", notebook, "--every", "1h", "--host", server.host)
    server.behaviour.faults = {"first-step": Fault.DRIVER}
    server.service.fire(made["schedule_id"])
    shell("runs", "list")
    server.behaviour.drops_before = 1000

    (listed,) = shell.json("runs", "list")["runs"]

    assert f"runs may be missing: schedule 'demo': no answer from {server.host}" in shell.err
    assert listed["cluster"]["schedule"] == "demo"


@pytest.mark.parametrize("counter", ["drops_before", "drops_after"])
def test_schedule__answer_lost__is_found_out(
    shell: Shell, server: KfpServer, notebook: str, counter: str
) -> None:
    """It is never made twice: the cluster is asked whether it has it."""
    server.behaviour.drops_only = "recurring_run_service_create_recurring_run"
    setattr(server.behaviour, counter, 1)
    code = 4 if counter == "drops_before" else 0

    shell("schedule", notebook, "--every", "1h", "--host", server.host, code=code)
    said = shell.err

    listed = shell.json("schedule", "list", "--host", server.host)["schedules"]
    assert len(listed) == (0 if code else 1)
    assert ("hint: it was not made" in said) == bool(code)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "a schedule needs to know when"),
        (("--cron", "0 3 * *"), "'0 3 * *' is no schedule: 4 fields were given"),
        (("--cron", f"0 3 {'f.txt ' * 99}"), "f.txt...' is no schedule: 101 fields were given"),
        (("--cron", "0", "3", "a.txt", "b"), "hint: quote the crontab line: --cron '0 3 * * *'"),
        (("--cron", "0 3 * * *", "--every", "5m"), "either a crontab line or an interval, not"),
        (("--every", "5s"), "a schedule cannot start a run every 5s"),
        (("--every", "5m", "-p", "nothing", "1"), "'nothing'"),
    ],
)
def test_schedule__wrong_words__are_refused_before_the_cluster_is_asked(
    shell: Shell, server: KfpServer, notebook: str, words: tuple[str, ...], message: str
) -> None:
    """Exit code 2."""
    shell("schedule", notebook, "--host", server.host, *words, code=2)

    assert message in shell.err
    assert server.requests == []
