"""Tests of runs and schedules on a cluster: the real SDK client, the stand-in, real pipelines."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import kit
import pytest
from kfp_server import Fault, KfpServer

from kernelpipe import api
from kernelpipe.backends.kfp.cluster import (
    ClusterSettings,
    Connection,
    Patience,
    create_schedule,
    cron_trigger,
    delete_schedule,
    fetch,
    find_schedule,
    follow,
    list_runs,
    list_schedules,
    logs,
    pause_schedule,
    resume_schedule,
    run_page,
    stop,
    submit,
    to_run,
)
from kernelpipe.errors import ClusterError
from kernelpipe.model.run import Run, RunState

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
QUICK = Patience(
    shortest_pause_s=0.05, longest_pause_s=0.2, longest_error_pause_s=0.5, gives_up_after_s=60
)
DEADLINE_S = 200


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own KFP settings away."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def calls(server: KfpServer) -> Connection:
    """Return a connection to the stand-in."""
    return Connection(ClusterSettings(host=server.host, experiment="exp"), read_timeout_s=3)


@pytest.fixture
def ir(tmp_path: Path) -> str:
    """Compile a notebook of two steps, which fails where a parameter says so."""
    notebook = kit.write(
        tmp_path / "demo.ipynb",
        kit.code("fails = False", "parameters"),
        kit.code("x = [1, 2]\nprint('x is ready')", "step:First_step"),
        kit.code("assert not fails, 'no such luck'\ny = sum(x)", "step:second", "memory:1Gi"),
    )
    return api.compile_notebook(notebook)


def followed(calls: Connection, run_id: str, seen: list[Run] | None = None) -> Run:
    """Follow a run to its end; keep the snapshots."""
    return follow(
        lambda last: to_run(fetch(calls, run_id), previous=last),
        clock=time,
        on_change=(seen if seen is not None else []).append,
        patience=QUICK,
        timeout_s=DEADLINE_S,
    )


def waiting(calls: Connection, run_id: str) -> Run:
    """Return the run once its first step waits for its pod and says why."""
    end = time.monotonic() + DEADLINE_S
    while not (found := to_run(fetch(calls, run_id))).steps[0].reason:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def states(run: Run) -> dict[str, str]:
    """Return step name -> state."""
    return {step.name: step.state.value for step in run.steps}


def test_submit__example__succeeds_step_by_step(calls: Connection, server: KfpServer) -> None:
    """A real notebook: each step is seen waiting, running and done, and its log can be read."""
    text = api.compile_notebook(EXAMPLES / "wine_classification.ipynb")
    seen: list[Run] = []

    run_id = submit(calls, text, parameters={"n_estimators": 10}, name="wine")
    run = followed(calls, run_id, seen)

    assert run.state is RunState.SUCCEEDED, logs(calls, run_id)
    assert states(run) == dict.fromkeys(
        ("load", "split", "boosting", "forest", "evaluate"), "SUCCEEDED"
    )
    assert {"PENDING", "RUNNING", "SUCCEEDED"} <= {states(each)["evaluate"] for each in seen}
    assert all(step.duration_s is not None for step in run.steps)
    assert json.loads(run.parameters) == {"n_estimators": 10}
    assert run.pipeline == "wine-classification"
    assert [each.id for each in list_runs(calls)] == [run_id]
    assert run_page(calls, run_id) == f"{server.host}/#/runs/details/{run_id}"


def test_submit__failing_step__is_told_with_its_log(calls: Connection, ir: str) -> None:
    """The step's own name comes back, and the exception is in its log."""
    run_id = submit(calls, ir, parameters={"fails": True}, name="unlucky")

    run = followed(calls, run_id)

    assert run.state is RunState.FAILED
    assert states(run) == {"First_step": "SUCCEEDED", "second": "FAILED"}
    assert run.steps[1].reason == (
        "its program ended with exit code 1: the exception and the cell are in its log."
    )
    (log,) = logs(calls, run_id, step="second")
    assert "AssertionError: no such luck" in (log.text or "")
    (first,) = logs(calls, run_id, step="First_step")
    assert "x is ready" in (first.text or "")
    assert "no such luck" not in (first.text or "")


def test_stop__waiting_run__is_canceled(calls: Connection, server: KfpServer, ir: str) -> None:
    """Why it waits is said while it waits; stopping it twice is no error."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    run_id = submit(calls, ir, parameters={}, name="stuck")
    waits = waiting(calls, run_id)

    assert stop(calls, run_id)
    run = followed(calls, run_id)

    assert states(waits) == {"First_step": "PENDING", "second": "PENDING"}
    assert (waits.steps[0].reason or "").startswith(
        "the image registry.example.com/train:1 cannot be pulled."
    )
    assert run.state is RunState.CANCELED
    assert states(run) == {"First_step": "CANCELED", "second": "SKIPPED"}
    assert stop(calls, run_id)


def test_stop__ended_run__says_that_it_had_ended(
    calls: Connection, server: KfpServer, ir: str
) -> None:
    """Nothing was stopped."""
    server.behaviour.faults = {"first-step": Fault.DRIVER}
    run_id = submit(calls, ir, parameters={}, name="done")
    followed(calls, run_id)

    assert not stop(calls, run_id)


@pytest.mark.parametrize(
    ("fault", "name", "reason"),
    [
        (Fault.EVICTED, "Evicted", "its pod was evicted: the node ran low on memory. Say how much"),
        (Fault.OUT_OF_MEMORY, "OOMKilled", "it needed more memory than its limit and was killed."),
        (Fault.DRIVER, "DriverFailed", "Kubeflow could not prepare the step (its driver failed)"),
        (Fault.DEADLINE, "DeadlineExceeded", "it took longer than it may and was stopped."),
    ],
)
def test_follow__pod_that_fails__explains_itself(
    calls: Connection, server: KfpServer, ir: str, fault: Fault, name: str, reason: str
) -> None:
    """With what to change."""
    server.behaviour.faults = {"first-step": fault}

    run = followed(calls, submit(calls, ir, parameters={}, name="x"))

    step = run.steps[0]
    assert (run.state, states(run)) == (
        RunState.FAILED,
        {"First_step": "FAILED", "second": "SKIPPED"},
    )
    assert step.error is not None
    assert (step.error.ename, step.error.evalue) == (name, fault.value)
    assert (step.reason or "").startswith(reason)


def test_follow__cluster_that_tells_no_errors__points_to_the_log(
    calls: Connection, server: KfpServer, ir: str
) -> None:
    """As KFP up to 2.17 does; the log is found by the ids of Argo's nodes."""
    server.behaviour.is_classic = True

    run_id = submit(calls, ir, parameters={"fails": True}, name="classic")
    run = followed(calls, run_id)

    assert states(run) == {"First_step": "SUCCEEDED", "second": "FAILED"}
    assert "see its log" in (run.steps[1].reason or "")
    (log,) = logs(calls, run_id, step="second")
    assert "no such luck" in (log.text or "")


def test_follow__canceled_elsewhere__ends(calls: Connection, server: KfpServer, ir: str) -> None:
    """Somebody stopped it in the Kubeflow UI."""
    server.behaviour.faults = {"first-step": Fault.CANCELED}

    run = followed(calls, submit(calls, ir, parameters={}, name="x"))

    assert run.state is RunState.CANCELED
    assert states(run) == {"First_step": "CANCELED", "second": "SKIPPED"}


def test_follow__cluster_that_comes_and_goes__loses_nothing(
    calls: Connection, server: KfpServer, ir: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Dropped connections, busy answers and missing details on the way to the end."""
    server.behaviour.polls_without_details = 2
    run_id = submit(calls, ir, parameters={}, name="x")
    server.behaviour.drops_before = 3
    server.behaviour.failures = 2
    seen: list[Run] = []

    run = followed(calls, run_id, seen)

    assert run.state is RunState.SUCCEEDED
    assert states(seen[0]) == {"First_step": "PENDING", "second": "PENDING"}
    assert caplog.text.count("no answer from the cluster, asking again") == 5


def test_follow__token_that_expires__is_renewed_on_the_way(
    server: KfpServer, ir: str, tmp_path: Path
) -> None:
    """A run outlives the login that submitted it."""
    token = tmp_path / "token"
    token.write_text("one", encoding="utf-8")
    server.behaviour.tokens = frozenset({"one"})
    calls = Connection(ClusterSettings(host=server.host, token_file=str(token)))
    run_id = submit(calls, ir, parameters={}, name="x")
    token.write_text("two", encoding="utf-8")
    server.behaviour.tokens = frozenset({"two"})

    assert followed(calls, run_id).state is RunState.SUCCEEDED


def test_follow__token_that_stays_expired__ends_with_an_error(server: KfpServer, ir: str) -> None:
    """Asking for ten minutes would not help."""
    server.behaviour.tokens = frozenset({"one"})
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    calls = Connection(ClusterSettings(host=server.host, token="one"))
    run_id = submit(calls, ir, parameters={}, name="x")
    server.behaviour.tokens = frozenset({"two"})

    with pytest.raises(ClusterError, match="does not accept the login"):
        followed(calls, run_id)


@pytest.mark.parametrize("counter", ["drops_before", "drops_after"])
def test_submit__lost_answer__starts_one_run(
    calls: Connection, server: KfpServer, ir: str, counter: str
) -> None:
    """Whether the request or the answer was lost."""
    server.behaviour.faults = {"first-step": Fault.IMAGE_PULL}
    server.behaviour.drops_only = "run_service_create_run"
    setattr(server.behaviour, counter, 1)

    run_id = submit(calls, ir, parameters={}, name="once")

    assert [run.id for run in list_runs(calls)] == [run_id]


def test_submit__slow_cluster__still_works(calls: Connection, server: KfpServer, ir: str) -> None:
    """Slow is not away."""
    server.behaviour.delay_s = 0.5
    server.behaviour.faults = {"first-step": Fault.DEADLINE}

    assert followed(calls, submit(calls, ir, parameters={}, name="x")).state is RunState.FAILED


def test_schedule__life_of_one__is_seen_on_the_cluster(
    calls: Connection, server: KfpServer, ir: str
) -> None:
    """Made, paused, resumed, due, deleted; its runs are found and have their parameters."""
    server.behaviour.faults = {"first-step": Fault.DRIVER}
    made = create_schedule(
        calls, ir, parameters={"fails": True}, name="nightly", trigger=cron_trigger("30 3 * * 5-7")
    )

    pause_schedule(calls, made.id)
    paused = find_schedule(calls, "nightly")
    resume_schedule(calls, made.id)
    run_id = server.service.fire(made.id)
    ended = followed(calls, run_id)
    (resumed,) = list_schedules(calls)
    of_schedule = list_runs(calls, schedule_id=made.id)
    delete_schedule(calls, made.id)

    stored = server.requests.count("POST /apis/v2beta1/recurringruns")
    assert (stored, str(made.trigger).partition(" (")[0]) == (1, "30 3 * * 0,5-6")
    assert (made.is_enabled, paused.is_enabled, resumed.is_enabled) == (True, False, True)
    assert json.loads(ended.parameters) == {"fails": True}
    assert [run.id for run in of_schedule] == [run_id]
    assert list_schedules(calls) == ()
