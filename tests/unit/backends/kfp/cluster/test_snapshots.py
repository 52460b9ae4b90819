"""Tests of remote runs in our words."""

import json

import pytest
from cluster_kit import JSON, at, node, run, spec, step_nodes

from kernelpipe.backends.kfp.cluster import to_run
from kernelpipe.backends.kfp.cluster.answers import parse_run, parse_time, steps_of
from kernelpipe.model.run import Run, RunState, StepError, StepRun

ROOT = (node("demo-x1", "RUNNING"), node("root-driver", "SUCCEEDED", 0, 1), node("root", "RUNNING"))


def snapshot(document: JSON, previous: Run | None = None) -> Run:
    """Return the run that an answer tells of."""
    return to_run(parse_run(document), previous=previous)


def states(found: Run) -> list[str]:
    """Return the states of the steps."""
    return [step.state.value for step in found.steps]


def test_to_run__succeeded_run__has_steps_with_whole_seconds() -> None:
    """Drivers, executors and the root are no steps; names are those of the notebook."""
    found = snapshot(
        run(
            "SUCCEEDED",
            *ROOT,
            *step_nodes("train", "SUCCEEDED", 65, 70),
            *step_nodes("split", "SUCCEEDED", 3, 62),
            finished=72,
        )
    )

    assert found == Run(
        id="r1",
        pipeline="demo",
        source="",
        state=RunState.SUCCEEDED,
        started_at=1795255200.0,
        duration_s=72.0,
        directory="",
        notebook=None,
        parameters='{"lr": 0.1}',
        metrics=(),
        steps=(
            StepRun(
                name="split_step",
                state=RunState.SUCCEEDED,
                duration_s=59.0,
                facts='{"started_s": 3.0}',
            ),
            StepRun(
                name="train_step",
                state=RunState.SUCCEEDED,
                duration_s=5.0,
                facts='{"started_s": 65.0}',
            ),
        ),
        reason=None,
    )


def test_to_run__running_run__has_no_duration_and_waiting_steps() -> None:
    """The zero times of Go and Unix are no times; a step without a node is pending."""
    found = snapshot(run("RUNNING", *ROOT, *step_nodes("split", "RUNNING", 3)))

    assert found.duration_s is None
    assert [(step.state, step.duration_s) for step in found.steps] == [
        (RunState.RUNNING, None),
        (RunState.PENDING, None),
    ]


def test_to_run__details_missing_at_first__steps_are_pending() -> None:
    """A cluster tells of the run before it tells of its steps."""
    assert states(snapshot(run("PENDING"))) == ["PENDING", "PENDING"]


def test_to_run__details_missing_later__last_snapshot_stays() -> None:
    """What was known of a step does not get lost."""
    before = snapshot(
        run("RUNNING", *step_nodes("split", "SUCCEEDED", 1, 4), *step_nodes("train", "RUNNING", 5))
    )

    found = snapshot(run("RUNNING"), before)

    assert found.steps == before.steps


def test_to_run__details_never_given__run_says_so() -> None:
    """A SUCCEEDED run without conditions has SUCCEEDED steps; of a FAILED one nothing is known."""
    succeeded = snapshot(run("SUCCEEDED", finished=9))
    failed = snapshot(run("FAILED", finished=9))

    assert states(succeeded) == ["SUCCEEDED", "SUCCEEDED"]
    assert succeeded.steps[0].reason == "the cluster gives no details of its steps"
    assert states(failed) == ["PENDING", "PENDING"]
    assert failed.steps[0].reason == "the cluster gives no details of its steps"
    assert failed.reason == "the cluster says that the run failed, but names no step"


def test_to_run__details_never_given_with_conditions__nothing_is_claimed() -> None:
    """A step with a condition may have been skipped."""
    found = snapshot(run("SUCCEEDED", pipeline=spec("a", "b", conditions=("b",)), finished=9))

    assert states(found) == ["PENDING", "PENDING"]


def test_to_run__failed_step__later_ones_are_skipped() -> None:
    """Argo's Omitted comes as an unspecified state."""
    found = snapshot(
        run(
            "FAILED",
            *ROOT,
            *step_nodes("split", "FAILED", 3, 8, message="Error (exit code 1)"),
            node("train-driver", "RUNTIME_STATE_UNSPECIFIED", 9, 9),
            node("train", "RUNTIME_STATE_UNSPECIFIED", 9, 9),
            finished=10,
        )
    )

    reason = "its program ended with exit code 1: the exception and the cell are in its log."
    assert found.steps == (
        StepRun(
            name="split_step",
            state=RunState.FAILED,
            reason=reason,
            duration_s=5.0,
            error=StepError(
                cell_index=None, line=None, ename="Error", evalue="Error (exit code 1)"
            ),
            facts='{"started_s": 3.0}',
        ),
        StepRun(name="train_step", state=RunState.SKIPPED, reason="an earlier step failed"),
    )
    assert found.reason is None


def test_to_run__failed_driver__is_a_failed_step() -> None:
    """The step's own node never appears then."""
    found = snapshot(
        run(
            "FAILED",
            node("split-driver", "FAILED", 3, 4, error={"message": "failed to resolve inputs"}),
            node("split", "RUNTIME_STATE_UNSPECIFIED", 5, 5),
            finished=6,
        )
    )

    assert states(found) == ["FAILED", "SKIPPED"]
    assert found.steps[0].error is not None
    assert found.steps[0].error.ename == "DriverFailed"
    assert found.steps[0].error.evalue == "failed to resolve inputs"
    assert "(its driver failed): failed to resolve inputs" in (found.steps[0].reason or "")


def test_to_run__failed_root_driver__explains_the_run() -> None:
    """No step was ever begun."""
    found = snapshot(
        run(
            "FAILED",
            node("root-driver", "FAILED", 0, 1, error={"message": "mlmd: timeout"}),
            finished=2,
        )
    )

    assert states(found) == ["SKIPPED", "SKIPPED"]
    assert found.reason == (
        "Kubeflow could not start the pipeline (its root driver failed): mlmd: timeout"
    )


def test_to_run__message_of_the_parent__gives_way_to_the_pods() -> None:
    """What Argo says of a node whose child failed tells nothing."""
    bubbled = {"error": {"message": "child 'demo-x1-77' failed"}}
    nodes = step_nodes("split", "FAILED", 1, 2, message="OOMKilled (exit code 137)")
    nodes[1] |= bubbled

    found = snapshot(run("FAILED", *nodes, finished=3, pipeline=spec("split", memory="1Gi")))

    assert found.steps[0].error is not None
    assert found.steps[0].error.ename == "OOMKilled"
    assert (found.steps[0].reason or "").endswith("Give it more: memory:2Gi.")


def test_to_run__no_message_at_all__says_where_to_look() -> None:
    """Clusters up to KFP 2.17 leave errors out of the details; Argo's own phrases tell nothing."""
    nodes = step_nodes("split", "FAILED", 1, 2)
    nodes[1]["error"] = {"message": "child 'demo-x1-77' failed"}
    found = snapshot(run("FAILED", *nodes, finished=3))

    assert found.steps[0].error is not None
    assert found.steps[0].error.ename == "PodFailed"
    assert "the cluster does not say why: see its log" in (found.steps[0].reason or "")


def test_to_run__error_only_in_history__is_read() -> None:
    """The last state that has an error tells it."""
    history = {
        "state_history": [
            {"state": "RUNNING"},
            {"state": "FAILED", "error": {"message": "Evicted"}},
        ]
    }
    nodes = step_nodes("split", "FAILED", 1, 2)
    nodes[2] |= history

    assert snapshot(run("FAILED", *nodes, finished=3)).steps[0].error == StepError(
        cell_index=None, line=None, ename="Evicted", evalue="Evicted"
    )


def test_to_run__pod_that_cannot_start__step_waits_and_says_why() -> None:
    """The DAG node runs, but no executor does."""
    nodes = step_nodes(
        "split", "RUNNING", 3, message="ImagePullBackOff: Back-off pulling image x:1"
    )
    nodes[2]["state"] = "PENDING"

    found = snapshot(run("RUNNING", *nodes))

    assert found.steps[0].state is RunState.PENDING
    assert (found.steps[0].reason or "").startswith("the image x:1 cannot be pulled.")


def test_to_run__canceled_run__interrupted_steps_are_canceled() -> None:
    """Argo calls steps that were stopped failed; one that failed before stays failed."""
    history = [
        {"state": "RUNNING", "update_time": at(1)},
        {"state": "CANCELING", "update_time": at(20)},
    ]
    found = snapshot(
        run(
            "CANCELED",
            *step_nodes("a", "SUCCEEDED", 1, 5),
            *step_nodes("b", "FAILED", 6, 12),
            *step_nodes("c", "FAILED", 6, 21),
            pipeline=spec("a", "b", "c", "d"),
            finished=22,
            state_history=history,
        )
    )

    assert states(found) == ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"]
    assert found.steps[3].reason == "the run was stopped"
    assert found.reason == "the run was stopped"
    assert found.steps[2].duration_s == 15.0


def test_to_run__skipped_step__gives_the_reason() -> None:
    """Skipped is not failed."""
    found = snapshot(
        run(
            "SUCCEEDED",
            *step_nodes("split", "SUCCEEDED", 1, 2),
            node("train", "SKIPPED", 3, 3),
            finished=4,
        )
    )

    assert states(found) == ["SUCCEEDED", "SKIPPED"]
    assert (
        found.steps[1].reason == "its condition did not hold, or a step that it needs was skipped"
    )


def test_to_run__skipped_executor__step_is_cached() -> None:
    """Kubeflow skips the pod of a step whose result it has."""
    nodes = step_nodes("split", "SUCCEEDED", 1, 2)
    nodes[2]["state"] = "SKIPPED"

    found = snapshot(run("SUCCEEDED", *nodes, *step_nodes("train", "SUCCEEDED", 3, 4), finished=5))

    assert [step.is_cached for step in found.steps] == [True, False]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("SUCCEEDED", "SUCCEEDED"), "SUCCEEDED"),
        (("SUCCEEDED", "FAILED"), "FAILED"),
        (("SUCCEEDED", "RUNNING"), "RUNNING"),
        (("SUCCEEDED", "SKIPPED"), "SUCCEEDED"),
        (("SKIPPED", "SKIPPED"), "SKIPPED"),
    ],
)
def test_to_run__step_of_a_loop__amounts_to_one_state(
    parts: tuple[str, str], expected: str
) -> None:
    """Each iteration has a node of the same name."""
    first, second = parts
    found = snapshot(
        run(
            "RUNNING",
            node("split", first, 2, 5),
            node("split", second, 3, 9),
            pipeline=spec("split"),
        )
    )

    assert states(found) == [expected]


@pytest.mark.parametrize(
    ("stated", "expected", "reason"),
    [
        ("RUNTIME_STATE_UNSPECIFIED", "PENDING", "the cluster does not say how it is"),
        ("SOMETHING_NEW", "PENDING", "the cluster does not say how it is"),
        ("", "PENDING", "the cluster does not say how it is"),
        ("PAUSED", "PENDING", "it is paused on the cluster"),
        ("CANCELING", "CANCELING", None),
    ],
)
def test_to_run__state_without_a_word_of_ours__is_not_final(
    stated: str, expected: str, reason: str | None
) -> None:
    """An unknown state ends nothing."""
    found = snapshot(run(stated, *step_nodes("split", "RUNNING", 1)))

    assert (found.state.value, found.reason) == (expected, reason)


def test_to_run__unspecified_later__keeps_the_last_state() -> None:
    """A run that was running is not pending because the cluster forgot."""
    before = snapshot(run("RUNNING"))

    assert snapshot(run("RUNTIME_STATE_UNSPECIFIED"), before).state is RunState.RUNNING


def test_parse_run__answer_without_anything__is_read() -> None:
    """Every part may be missing or of another type."""
    found = parse_run({"state": None, "run_details": None, "pipeline_spec": [], "state_history": 3})

    assert (found.id, found.state, found.steps, found.tasks) == ("", None, (), None)


def test_parse_run__spec_with_platform__finds_the_steps() -> None:
    """Submitted with platform settings, the spec is one level deeper."""
    pipeline = {"pipeline_spec": spec("a"), "platform_spec": {"platforms": {}}}

    found = parse_run(run("RUNNING", pipeline=pipeline))

    assert [step.step for step in found.steps] == ["a_step"]
    assert json.loads(found.parameters) == {"lr": 0.1}


def test_parse_run__classic_details__link_children_by_argos_ids() -> None:
    """Without parents, pods are linked by the ids of their nodes."""
    nodes = [
        node("split", "SUCCEEDED", 1, 2, child_tasks=[{"pod_name": "demo-x1-77"}]),
        node("executor", "SKIPPED", 1, 2, task_id="z", pod_name="demo-x1-system-container-impl-77"),
    ]

    assert snapshot(run("SUCCEEDED", *nodes, pipeline=spec("split"), finished=3)).steps[0].is_cached


def test_steps_of__foreign_pipeline__uses_task_names() -> None:
    """Pipelines of others have no step names; the order is one in which they can run."""
    tasks = {"z": {}, "a": {"dependentTasks": ["m"]}, "m": {"dependentTasks": ["z"]}}

    found = steps_of({"root": {"dag": {"tasks": tasks}}})

    assert [step.step for step in found] == ["z", "m", "a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T10:00:00Z", 1795255200.0),
        ("2026-11-21T10:00:00.5+00:00", 1795255200.5),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_parse_time__text_of_the_api__is_seconds(text: object, expected: float | None) -> None:
    """Zero times are no times."""
    assert parse_time(text) == expected


def test_to_run__run_that_ended_before_its_steps__leaves_none_running() -> None:
    """The cluster may tell of the end first."""
    found = snapshot(run("FAILED", *step_nodes("split", "RUNNING", 1), finished=3))

    assert states(found) == ["SKIPPED", "SKIPPED"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("workflow shutdown with strategy:  Terminate", "CANCELED"),
        ("", "CANCELED"),
        ("Error (exit code 1)", "FAILED"),
    ],
)
def test_to_run__canceled_at_an_unknown_time__goes_by_the_message(
    message: str, expected: str
) -> None:
    """Without a history it is not known whether the step failed before."""
    found = snapshot(
        run(
            "CANCELED",
            *step_nodes("split", "FAILED", 1, 4, message=message),
            pipeline=spec("split"),
            finished=5,
        )
    )

    assert states(found) == [expected]


def test_to_run__second_attempt__does_not_tell_why_the_first_failed() -> None:
    """A step that runs again is running; when it fails for good, the last attempt says why."""

    def attempts(state: str, *, end: int | None) -> list[JSON]:
        error = {"error": {"message": "Error (exit code 1)"}}
        last = {"error": {"message": "OOMKilled"}} if state == "FAILED" else {}
        return [
            node("split", state, 1, end),
            node("executor", state, 1, end, task_id="e", parent_task_id="id-split"),
            node("executor(0)", "FAILED", 1, 4, task_id="e0", parent_task_id="e", **error),
            node("executor(1)", state, 5, end, task_id="e1", parent_task_id="e", **last),
        ]

    running = snapshot(run("RUNNING", *attempts("RUNNING", end=None)))
    failed = snapshot(run("FAILED", *attempts("FAILED", end=9), finished=10))

    assert (running.steps[0].state, running.steps[0].reason) == (RunState.RUNNING, None)
    assert failed.steps[0].error is not None
    assert failed.steps[0].error.ename == "OOMKilled"


def test_steps_of__pipeline_in_a_pipeline__has_the_steps_in_its_place() -> None:
    """Conditions, loops and exit handlers are written so."""
    document = spec("a", "b")
    inner = {"dag": {"tasks": {"c": {"componentRef": {"name": "comp-b"}}}}}
    document["components"]["comp-condition-1"] = inner
    document["root"]["dag"]["tasks"]["condition-1"] = {
        "componentRef": {"name": "comp-condition-1"},
        "dependentTasks": ["a"],
        "triggerPolicy": {"condition": "x == 1"},
    }

    found = steps_of(document)

    assert [(step.task, step.has_condition) for step in found] == [
        ("a", False),
        ("b", False),
        ("c", True),
    ]


def with_runtime_task() -> JSON:
    """Return a pipeline spec in which a task hands our runtime to the one step."""
    document = spec("kernelpipe-runtime", "split")
    own = document["deploymentSpec"]["executors"]["exec-kernelpipe-runtime"]["container"]
    own["args"] = ["kfp.dsl.executor_main", "{{$}}", "", "eN"]
    return document


def test_to_run__runtime_task__is_no_step() -> None:
    """Users know nothing of it."""
    nodes = [
        *step_nodes("kernelpipe-runtime", "SUCCEEDED", 1, 2),
        *step_nodes("split", "RUNNING", 3),
    ]

    found = snapshot(run("RUNNING", *ROOT, *nodes, pipeline=with_runtime_task()))

    assert [(step.name, step.state.value) for step in found.steps] == [("split_step", "RUNNING")]


def test_to_run__runtime_task_failed__is_the_reason_of_the_run() -> None:
    """No step has failed, but the run has."""
    nodes = step_nodes("kernelpipe-runtime", "FAILED", 1, 2, message="it broke")

    found = snapshot(run("FAILED", *ROOT, *nodes, pipeline=with_runtime_task(), finished=3))

    assert states(found) == ["SKIPPED"]
    assert found.reason == (
        "the steps that come first did not get kernelpipe's runtime: its pod failed: it broke"
    )
