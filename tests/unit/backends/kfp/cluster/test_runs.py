"""Tests of submitting, listing and stopping runs, against a fake of the API."""

import json
from pathlib import Path

import pytest
import yaml
from cluster_kit import JSON, FakeCalls, node, run, spec, step_nodes

from kernelpipe.backends.kfp.cluster import (
    ClusterSettings,
    PodLog,
    check_cluster,
    list_runs,
    logs,
    logs_hint,
    remove,
    run_page,
    stop,
    submit,
)
from kernelpipe.backends.kfp.cluster.experiments import experiment_id, user_namespace
from kernelpipe.backends.kfp.cluster.parameter_values import runtime_parameters
from kernelpipe.errors import ClusterError, UsageError

CREATE, LIST, GET, STOP = (
    "run_service_create_run",
    "run_service_list_runs",
    "run_service_get_run",
    "run_service_terminate_run",
)
LOST = ClusterError("no answer", status=None)
MARK = "t0k3n"


def with_parameters() -> JSON:
    """Return a pipeline spec with one parameter of each kind."""
    definitions = {
        "n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1},
        "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
        "name": {"parameterType": "STRING", "defaultValue": "a"},
        "flag": {"parameterType": "BOOLEAN", "defaultValue": False},
        "items": {"parameterType": "LIST", "defaultValue": []},
        "limit": {
            "parameterType": "STRING",
            "defaultValue": "null",
            "description": "JSON: int or null",
        },
    }
    document = spec("a")
    document["root"]["inputDefinitions"] = {"parameters": definitions}
    return document


IR = yaml.safe_dump(with_parameters())


def submitted(calls: FakeCalls, **parameters: object) -> str:
    """Submit the pipeline."""
    return submit(calls, IR, parameters=parameters, name="my run", make_token=lambda: MARK)


def test_submit__accepted__sends_all_that_was_chosen() -> None:
    """Only the parameters that differ are sent; the pods' account and the root as configured."""
    settings = ClusterSettings(
        host="http://localhost", service_account="sa", pipeline_root="s3://bucket/x"
    )
    calls = FakeCalls({CREATE: {"run_id": "r7"}}, settings=settings)

    assert submitted(calls, n=3) == "r7"

    assert calls.asked[-1][1]["run"] == {
        "display_name": "my run",
        "description": "submitted by kernelpipe, t0k3n",
        "experiment_id": "e1",
        "pipeline_spec": with_parameters(),
        "runtime_config": {"parameters": {"n": 3}, "pipeline_root": "s3://bucket/x"},
        "service_account": "sa",
    }


def test_submit__platform_document__travels_beside_the_spec() -> None:
    """Kubernetes settings are the second document."""
    calls = FakeCalls({CREATE: {"run_id": "r7"}})
    platform = {"platforms": {"kubernetes": {}}}

    submit(calls, yaml.safe_dump_all([spec("a"), platform]), parameters={}, name="x")

    assert calls.asked[-1][1]["run"]["pipeline_spec"] == {
        "pipeline_spec": spec("a"),
        "platform_spec": platform,
    }


def test_submit__answer_lost_but_run_there__is_not_submitted_twice() -> None:
    """The description holds what no other submission has."""
    listed = {
        "runs": [
            run("RUNNING", run_id="r8", description="submitted by kernelpipe, other"),
            run("RUNNING", run_id="r9", description="submitted by kernelpipe, t0k3n"),
        ]
    }
    calls = FakeCalls({CREATE: LOST, LIST: listed})

    assert submitted(calls) == "r9"
    assert calls.names().count(CREATE) == 1


def test_submit__request_lost__is_submitted_again() -> None:
    """No run has its token."""
    calls = FakeCalls({CREATE: [LOST, {"run_id": "r7"}], LIST: {}})

    assert submitted(calls) == "r7"
    assert calls.names().count(CREATE) == 2


def test_submit__cluster_gone__says_that_the_run_may_go_on() -> None:
    """It cannot be known."""
    calls = FakeCalls({CREATE: LOST, LIST: LOST})

    with pytest.raises(ClusterError, match="stopped answering while 'my run'") as caught:
        submitted(calls)

    assert "look for it before you submit it again" in str(caught.value)


def test_submit__refusal__is_not_repeated() -> None:
    """The cluster has said no."""
    calls = FakeCalls({CREATE: ClusterError("bad pipeline", status=400)})

    with pytest.raises(ClusterError, match="bad pipeline"):
        submitted(calls)

    assert calls.names().count(CREATE) == 1


def test_submit__answer_without_id__is_an_error() -> None:
    """Nothing could be followed."""
    with pytest.raises(ClusterError, match="named no run"):
        submitted(FakeCalls({CREATE: {}}))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"n": 3}, {"n": 3}),
        ({"rate": 2}, {"rate": 2.0}),
        ({"name": "x"}, {"name": "x"}),
        ({"flag": True}, {"flag": True}),
        ({"items": [1, "a"]}, {"items": [1, "a"]}),
        ({"limit": None}, {"limit": "null"}),
        ({"limit": 2**60}, {"limit": "1152921504606846976"}),
        ({"limit": "{{x}}"}, {"limit": '"\\u007b{x}}"'}),
    ],
)
def test_runtime_parameters__value_that_fits__is_as_the_pods_read_it(
    given: JSON, expected: JSON
) -> None:
    """Values that KFP does not know travel as JSON text."""
    found = runtime_parameters(with_parameters(), given)

    assert json.dumps(found) == json.dumps(expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nme": "x"}, "'nme' is not a parameter of the pipeline\n  hint: did you mean 'name'?"),
        ({"n": "3"}, "parameter 'n' is a NUMBER_INTEGER, which \"3\" is not"),
        ({"n": 1.5}, "parameter 'n' is a NUMBER_INTEGER, which 1.5 is not"),
        ({"flag": 1}, "parameter 'flag' is a BOOLEAN, which 1 is not"),
        ({"n": 2**60}, "the value of 'n' would reach the pods changed"),
        ({"name": "{{$.x}}"}, "the value of 'name' would reach the pods changed"),
        ({"items": [1.0, 2]}, "the value of 'items' would reach the pods as [1, 2]"),
        ({"items": [{"a": 1.0}]}, 'the pods as [{"a": 1}]'),
        ({"items": [{"b": 1, "a": 1}]}, "would reach the pods with its keys in any order"),
    ],
)
def test_runtime_parameters__value_that_does_not_fit__is_refused(given: JSON, message: str) -> None:
    """A wrong value stops before anything is sent."""
    with pytest.raises(UsageError) as caught:
        runtime_parameters(with_parameters(), given)

    assert message in str(caught.value)


def test_list_runs__pages__are_read_until_there_are_enough() -> None:
    """The latest first, from the user's namespace."""
    pages = [
        {"runs": [run("RUNNING", run_id="a"), run("FAILED", run_id="b")], "next_page_token": "2"},
        {"runs": [run("SUCCEEDED", run_id="c"), run("FAILED", run_id="d")], "next_page_token": "3"},
    ]
    calls = FakeCalls({LIST: pages})

    found = list_runs(calls, limit=3)

    assert [each.id for each in found] == ["a", "b", "c"]
    assert calls.asked[0][1] == {
        "page_token": "",
        "page_size": 3,
        "sort_by": "created_at desc",
        "namespace": "team",
    }


def test_list_runs__of_a_schedule__leaves_out_others() -> None:
    """Each run knows what started it."""
    listed = {"runs": [run("RUNNING"), run("RUNNING", run_id="r2", recurring_run_id="s1")]}

    found = list_runs(FakeCalls({LIST: listed}), schedule_id="s1")

    assert [each.id for each in found] == ["r2"]


def test_list_runs__unknown_experiment__is_refused() -> None:
    """Looking does not make experiments."""
    calls = FakeCalls(
        {"experiment_service_list_experiments": {}},
        settings=ClusterSettings(host="h", experiment="mine"),
    )

    with pytest.raises(UsageError, match="no experiment 'mine'"):
        list_runs(calls)


@pytest.mark.parametrize(
    ("answer", "state", "expected"),
    [
        ({}, "RUNNING", True),
        (ClusterError("ended", status=400), "SUCCEEDED", False),
        (ClusterError("ended", status=400), "CANCELED", True),
        (LOST, "CANCELING", True),
    ],
)
def test_stop__run__is_told_to_stop(answer: object, state: str, expected: bool) -> None:  # noqa: FBT001
    """A run that has ended is no error; a lost answer is looked up."""
    calls = FakeCalls({STOP: answer, GET: run(state)})

    assert stop(calls, "r1") is expected


@pytest.mark.parametrize("status", [403, 404, 400])
def test_stop__refusal__is_an_error(status: int) -> None:
    """The run goes on, and the user must know."""
    calls = FakeCalls({STOP: ClusterError("refused", status=status), GET: run("RUNNING")})

    with pytest.raises(ClusterError, match="refused"):
        stop(calls, "r1")


def test_remove__run__is_deleted() -> None:
    """On the cluster."""
    calls = FakeCalls({"run_service_delete_run": {}})

    remove(calls, "r1")

    assert calls.asked == [("run_service_delete_run", {"run_id": "r1"})]


def test_logs__pods_named__are_read_in_the_order_of_the_steps() -> None:
    """A step that was not started has no log."""
    nodes = step_nodes("split", "SUCCEEDED", 1, 2)
    nodes[2]["pod_name"] = "demo-x1-system-container-impl-77"
    calls = FakeCalls({GET: run("RUNNING", *nodes)}, texts=lambda path: f"<{path}>")

    path = "/apis/v1alpha1/runs/r1/nodes/demo-x1-system-container-impl-77/log"
    assert logs(calls, "r1") == (PodLog(task="split", step="split_step", text=f"<{path}>"),)
    assert logs(calls, "r1", step="train_step") == ()


def test_logs__pods_not_named__are_found_by_argos_ids() -> None:
    """Clusters up to KFP 2.17 name children by the ids of nodes."""

    def text(path: str) -> str:
        if "system-container-impl-77" in path:
            return "hello\n"
        raise ClusterError("pods not found", status=500)

    nodes = [node("split", "SUCCEEDED", 1, 2, child_tasks=[{"pod_name": "demo-x1-77"}])]
    calls = FakeCalls({GET: run("RUNNING", *nodes)}, texts=text)

    assert logs(calls, "r1", step="split_step") == (
        PodLog(task="split", step="split_step", text="hello\n"),
    )


def test_logs__not_given_by_the_cluster__are_none() -> None:
    """Then there is another way, which is said."""
    nodes = step_nodes("split", "SUCCEEDED", 1, 2)
    nodes[2]["pod_name"] = "p"
    calls = FakeCalls({GET: run("RUNNING", *nodes)})

    assert logs(calls, "r1") == (PodLog(task="split", step="split_step", text=None),)
    assert logs_hint(calls, "r1").startswith("kubectl logs -n team -l pipeline/runid=r1 ")


def test_logs__refusal__is_an_error() -> None:
    """An expired login is no missing log."""

    def refuse(_path: str) -> str:
        raise ClusterError("no login", status=401)

    nodes = step_nodes("split", "SUCCEEDED", 1, 2)
    nodes[2]["pod_name"] = "p"

    with pytest.raises(ClusterError, match="no login"):
        logs(FakeCalls({GET: run("RUNNING", *nodes)}, texts=refuse), "r1")


def test_logs__unknown_step__is_refused() -> None:
    """The steps are named."""
    with pytest.raises(UsageError, match="no step 'x'\n  hint: its steps are: split_step, tr"):
        logs(FakeCalls({GET: run("RUNNING")}), "r1", step="x")


def test_run_page__address__is_that_of_the_ui() -> None:
    """For people."""
    assert run_page(FakeCalls(), "r1") == "http://localhost/#/runs/details/r1"


def test_experiment_id__missing__is_made_in_the_namespace() -> None:
    """As the SDK does."""
    calls = FakeCalls(
        {
            "experiment_service_list_experiments": {},
            "experiment_service_create_experiment": {"experiment_id": "e2"},
        },
        settings=ClusterSettings(host="h", namespace="team", experiment="mine"),
    )

    assert experiment_id(calls) == "e2"
    assert calls.asked[-1][1]["experiment"] == {"display_name": "mine", "namespace": "team"}


@pytest.mark.parametrize("error", [ClusterError("there already", status=409), LOST])
def test_experiment_id__made_meanwhile__is_found(error: ClusterError) -> None:
    """Somebody was faster, or the answer was lost."""
    listed = [{}, {"experiments": [{"experiment_id": "e3"}]}]
    calls = FakeCalls(
        {
            "experiment_service_list_experiments": listed,
            "experiment_service_create_experiment": error,
        }
    )

    assert experiment_id(calls) == "e3"


def test_experiment_id__refused__is_an_error() -> None:
    """There is none, and none may be made."""
    calls = FakeCalls(
        {
            "experiment_service_list_experiments": {},
            "experiment_service_create_experiment": ClusterError("forbidden", status=403),
        }
    )

    with pytest.raises(ClusterError, match="forbidden"):
        experiment_id(calls)


def test_check_cluster__several_users_and_no_namespace__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a Kubeflow would refuse everything later."""
    monkeypatch.setenv("HOME", str(tmp_path))
    calls = FakeCalls(
        {"healthz_service_get_healthz": {"multi_user": True}}, settings=ClusterSettings(host="h")
    )

    with pytest.raises(UsageError, match="several users, and no namespace"):
        check_cluster(calls)


def test_user_namespace__nothing_given__is_the_sdks_or_the_pods(tmp_path: Path) -> None:
    """The SDK keeps it in the home directory, Kubernetes in each pod."""
    pod_file = tmp_path / "namespace"
    pod_file.write_text("pods\n", encoding="utf-8")
    context = tmp_path / "home" / ".config" / "kfp" / "context.json"
    context.parent.mkdir(parents=True)
    home = tmp_path / "home"

    def found(settings: ClusterSettings, where: Path = home) -> str | None:
        return user_namespace(settings, home=where, pod_file=pod_file)

    context.write_text("{broken", encoding="utf-8")
    assert found(ClusterSettings()) == "pods"
    assert found(ClusterSettings(host="h")) is None
    context.write_text('{"namespace": "sdks"}', encoding="utf-8")
    assert found(ClusterSettings(host="h")) == "sdks"
    assert found(ClusterSettings(host="h", namespace="mine")) == "mine"
    assert user_namespace(ClusterSettings(), home=tmp_path / "x", pod_file=tmp_path / "y") is None
