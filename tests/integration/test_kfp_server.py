"""Tests of the stand-in for the KFP API server, with the real SDK client."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kfp_server_api
import pytest
import yaml
from kfp_server import Fault, KfpServer
from kfp_specs import parameter, pipeline, task

from kernelpipe.backends.kfp import emit_ir
from kernelpipe.backends.kfp.cluster import ClusterSettings, Connection, fetch, to_run
from kernelpipe.model.pipeline import ParameterType

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PATIENCE_S = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def client(server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the SDK's own client."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    import kfp

    return kfp.Client(host=server.host)


@pytest.fixture
def package(tmp_path: Path) -> str:
    """Compile two steps; return the path of the file."""
    tasks = (
        task("first", source="x = n + 1", outputs=("x",), parameters=(N,)),
        task("second", source="print('x is', x)", after=("first",), inputs=(("first", "x"),)),
    )
    whole = pipeline(*tasks, parameters=(N,), path=tmp_path / "demo.ipynb")
    path = tmp_path / "pipeline.yaml"
    path.write_text(emit_ir(whole, tasks), encoding="utf-8")
    return str(path)


N = parameter("n", 1, ParameterType.INTEGER)


def awaited(look: Callable[[], Any], is_reached: Callable[[Any], bool]) -> Any:
    """Return what is seen once it is as expected."""
    end = time.monotonic() + PATIENCE_S
    while not is_reached(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def ended(client: Any, run_id: str) -> Any:
    """Return the run once it has ended."""
    final = {"SUCCEEDED", "FAILED", "CANCELED"}
    return awaited(lambda: client.get_run(run_id), lambda run: run.state in final)


def nodes(run: Any) -> dict[str, Any]:
    """Return the details of the tasks by name; of executors the last one."""
    return {each.display_name: each for each in run.run_details.task_details}


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and message of the refusal of a call."""
    with pytest.raises(kfp_server_api.ApiException) as caught:
        call()
    document = json.loads(caught.value.body)
    assert document.keys() == {"code", "message", "details"}
    return caught.value.status, document["message"]


def test_server__submitted_package__is_executed(client: Any, package: str) -> None:
    """Details are as a cluster gives them: all nodes, whole seconds, empty inputs and outputs."""
    submitted = client.create_run_from_pipeline_package(
        package, arguments={"n": 4}, run_name="my run", experiment_name="exp"
    )

    run = ended(client, submitted.run_id)

    found = nodes(run)
    assert run.state == "SUCCEEDED"
    assert sorted(found) == [
        f"demo-{run.run_id[:5]}",
        "executor",
        "first",
        "first-driver",
        "root",
        "root-driver",
        "second",
        "second-driver",
    ]
    assert {each.state for each in found.values()} == {"SUCCEEDED"}
    first = found["first"]
    assert first.inputs == {}
    assert first.outputs == {}
    assert (first.start_time.microsecond, first.end_time.microsecond) == (0, 0)
    assert first.parent_task_id == found["first-driver"].task_id
    assert run.finished_at >= found["second"].end_time >= first.end_time
    assert [each.state for each in run.state_history] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert run.runtime_config.parameters == {"n": 4}


def test_server__running_run__has_the_zero_times(
    client: Any, package: str, server: KfpServer
) -> None:
    """A pod that waits is pending, with Argo's and Unix's zero times."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    run_id = client.create_run_from_pipeline_package(package).run_id

    run = awaited(
        lambda: client.get_run(run_id),
        lambda run: "first" in nodes(run),
    )

    found = nodes(run)
    assert (run.state, run.finished_at.year) == ("RUNNING", 1970)
    assert (found["first"].state, found["first"].end_time.year) == ("RUNNING", 1)
    assert found["executor"].state == "PENDING"
    assert "Back-off pulling image" in found["executor"].error.message
    assert "second" not in found


def test_server__terminated_run__is_canceled(client: Any, package: str, server: KfpServer) -> None:
    """What was interrupted is called failed; what was not begun has no known state."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    run_id = client.create_run_from_pipeline_package(package).run_id
    awaited(lambda: client.get_run(run_id), lambda run: "first" in nodes(run))

    client.terminate_run(run_id)

    run = ended(client, run_id)
    found = nodes(run)
    assert run.state == "CANCELED"
    assert found["first"].state == "FAILED"
    assert found["second"].state == "RUNTIME_STATE_UNSPECIFIED"
    status, message = refusal(lambda: client.terminate_run(run_id))
    assert (status, "already CANCELED" in message) == (400, True)


@pytest.mark.parametrize("is_classic", [False, True])
def test_server__failing_task__fails_the_run(
    client: Any,
    package: str,
    server: KfpServer,
    is_classic: bool,  # noqa: FBT001
) -> None:
    """Clusters up to 2.17 leave the errors of tasks out."""
    server.behaviour.faults = {"first": Fault.OUT_OF_MEMORY}
    server.behaviour.is_classic = is_classic

    run = ended(client, client.create_run_from_pipeline_package(package).run_id)

    found = nodes(run)
    assert (run.state, found["first"].state) == ("FAILED", "FAILED")
    if is_classic:
        assert found["executor"].error is None
        assert found["executor"].parent_task_id is None
        assert found["first"].child_tasks[0].pod_name.startswith("demo-")
    else:
        assert "OOMKilled" in found["executor"].error.message


def test_server__retried_run__is_executed_again(
    client: Any, package: str, server: KfpServer
) -> None:
    """Without the fault it succeeds."""
    server.behaviour.faults = {"second": Fault.EVICTED}
    run_id = client.create_run_from_pipeline_package(package).run_id
    assert ended(client, run_id).state == "FAILED"

    server.behaviour.faults = {}
    client.runs.run_service_retry_run(run_id)

    assert ended(client, run_id).state == "SUCCEEDED"


def test_server__lists__are_filtered_sorted_and_paged(
    client: Any, package: str, server: KfpServer
) -> None:
    """As the SDK asks for them."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    for name in ("c", "a", "b"):
        client.create_run_from_pipeline_package(package, run_name=name, experiment_name="exp")
    experiment = client.get_experiment(experiment_name="exp").experiment_id

    first = client.list_runs(page_size=2, sort_by="display_name desc")
    second = client.list_runs(
        page_size=2, sort_by="display_name desc", page_token=first.next_page_token
    )
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": "a"}
    filtered = client.list_runs(filter=json.dumps({"predicates": [predicate]}))

    assert [run.display_name for run in first.runs] == ["c", "b"]
    assert [run.display_name for run in second.runs] == ["a"]
    assert (first.total_size, second.next_page_token) == (3, None)
    assert [run.display_name for run in filtered.runs] == ["a"]
    assert client.list_runs(experiment_id=experiment).total_size == 3
    assert {each.display_name for each in client.list_experiments().experiments} == {
        "Default",
        "exp",
    }


def test_server__archived_and_deleted_runs__are_changed_and_gone(
    client: Any, package: str, server: KfpServer
) -> None:
    """The storage state is not the run's state."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    run_id = client.create_run_from_pipeline_package(package).run_id

    client.archive_run(run_id)
    archived = client.get_run(run_id).storage_state
    client.unarchive_run(run_id)
    restored = client.get_run(run_id).storage_state
    client.delete_run(run_id)

    assert (archived, restored) == ("ARCHIVED", "AVAILABLE")
    assert refusal(lambda: client.get_run(run_id))[0] == 404


def test_server__recurring_runs__are_kept_switched_and_deleted(
    client: Any, package: str, server: KfpServer
) -> None:
    """When one is due, the stand-in is told to start its run."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    experiment = client.create_experiment("exp").experiment_id
    created = client.create_recurring_run(
        experiment,
        "nightly",
        cron_expression="0 0 3 * * *",
        pipeline_package_path=package,
        params={},
    )
    name = created.recurring_run_id

    client.disable_recurring_run(name)
    disabled = client.get_recurring_run(name).status
    client.enable_recurring_run(name)
    listed = client.list_recurring_runs(experiment_id=experiment).recurring_runs
    run = client.get_run(server.service.fire(name))
    client.delete_recurring_run(name)

    assert (created.status, disabled, listed[0].status) == ("ENABLED", "DISABLED", "ENABLED")
    assert listed[0].trigger.cron_schedule.cron == "0 0 3 * * *"
    assert run.recurring_run_id == name
    assert client.list_recurring_runs().recurring_runs is None


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ({"cron_expression": "0 3 *"}, "Expected 5 to 6 fields, found 3"),
        ({"cron_expression": "0 0 3 * * 7"}, "out of bounds: 7"),
        ({"cron_expression": "0 0 3 * * x"}, "Failed to parse int from x"),
        ({"interval_second": -5}, "Set at interval to least 1 second"),
        ({"cron_expression": "@daily", "max_concurrency": 11}, "at most 10"),
    ],
)
def test_server__wrong_schedules__are_refused(
    client: Any, package: str, trigger: dict[str, Any], message: str
) -> None:
    """In the server's own words."""
    status, said = refusal(
        lambda: client.create_recurring_run(
            client.create_experiment("exp").experiment_id,
            "n",
            pipeline_package_path=package,
            **trigger,
        )
    )

    assert status == 400
    assert message in said


def test_server__uploaded_pipeline__is_run_by_reference(
    client: Any, package: str, server: KfpServer
) -> None:
    """A form with a file, as the SDK sends it."""
    server.behaviour.faults = {"first": Fault.IMAGE_PULL}
    uploaded = client.upload_pipeline(package, pipeline_name="mine")
    version = client.upload_pipeline_version(package, "v2", pipeline_id=uploaded.pipeline_id)
    experiment = client.create_experiment("exp").experiment_id

    run = client.run_pipeline(
        experiment,
        "by reference",
        pipeline_id=uploaded.pipeline_id,
        version_id=version.pipeline_version_id,
    )

    assert client.get_pipeline_id("mine") == uploaded.pipeline_id
    assert client.list_pipeline_versions(uploaded.pipeline_id).total_size == 2
    assert run.state == "PENDING"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"display_name": None}, "display_name is required"),
        ({"display_name": 3}, "display_name: expected str, got 3"),
        ({"stepz": 1}, 'unknown field "stepz" of V2beta1Run'),
        ({"created_at": "yesterday"}, "created_at: 'yesterday' is no RFC 3339 time"),
        ({"storage_state": "LOST"}, "storage_state: 'LOST' is none of"),
        ({"pipeline_spec": {"bogus": 1}}, "invalid v2 pipeline spec"),
        ({"pipeline_spec": None}, "Either pipeline_spec or pipeline_version_reference is required"),
        ({"runtime_config": {"parameters": {"m": 1}}}, "'m' is not an input of the pipeline"),
        ({"runtime_config": {"parametres": {}}}, 'unknown field "runtime_config.parametres"'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_server__body_against_the_description__is_refused(
    client: Any, package: str, changes: dict[str, Any], message: str
) -> None:
    """Each request is checked against the published description."""
    spec = yaml.safe_load(Path(package).read_text(encoding="utf-8"))
    body = {"display_name": "x", "pipeline_spec": spec} | changes

    status, said = refusal(lambda: client.runs.run_service_create_run(run=body))

    assert status == 400
    assert message in said


def test_server__unknown_operation__is_not_implemented(client: Any) -> None:
    """What the stand-in lacks, it says."""
    status, _ = refusal(
        lambda: client.pipelines.pipeline_service_create_pipeline_and_version(body={})
    )

    assert status == 501


def test_server__control_flow__has_the_nodes_of_a_cluster(
    client: Any, server: KfpServer, tmp_path: Path
) -> None:
    """A skipped part is not told of, a loop has a node for each iteration, an exit task runs."""
    import kfp

    @kfp.dsl.component
    def say(text: str) -> str:
        return text

    @kfp.dsl.pipeline(name="flow")
    def flow(word: str = "no") -> None:
        with kfp.dsl.ExitHandler(say(text="bye").set_display_name("bye")):
            asked = say(text=word)
            with kfp.dsl.If(asked.output == "yes"):
                say(text="never").set_display_name("never")
            with kfp.dsl.ParallelFor(items=["a", "b"]) as item:
                say(text=item).set_display_name("looped")

    path = str(tmp_path / "flow.yaml")
    kfp.compiler.Compiler().compile(flow, path)

    run = ended(client, client.create_run_from_pipeline_package(path).run_id)

    assert run.state == "SUCCEEDED"
    names = [each.display_name for each in run.run_details.task_details]
    counts = {name: names.count(name) for name in ("say", "say-2", "say-3", "say-4")}
    assert counts == {"say": 1, "say-2": 1, "say-3": 0, "say-4": 2}
    ours = to_run(fetch(Connection(ClusterSettings(host=server.host)), run.run_id))
    assert {step.name: step.state.value for step in ours.steps} == {
        "say": "SUCCEEDED",
        "say-2": "SUCCEEDED",
        "say-3": "SKIPPED",
        "say-4": "SUCCEEDED",
    }
    loops = sorted(name for name in names if name.startswith(("for-loop", "iteration")))
    assert loops == [
        "for-loop-4",
        "iteration-driver",
        "iteration-item",
        "iteration-item",
        "iteration-item-driver",
        "iteration-item-driver",
        "iteration-iterations",
        "iteration-iterations(0:0)",
        "iteration-iterations(1:1)",
    ]
    (looped,) = (step for step in ours.steps if step.name == "say-4")
    items = json.loads(looped.facts)["items"]
    assert [(item["text"], item["state"]) for item in items] == [
        ("item 0", "SUCCEEDED"),
        ("item 1", "SUCCEEDED"),
    ]
