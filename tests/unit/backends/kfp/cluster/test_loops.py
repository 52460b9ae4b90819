"""Tests of steps that run once per item, or share a pod, as a cluster tells of them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cluster_kit import JSON, node, run, spec, step_nodes

from kernelpipe.backends.kfp.cluster import to_run
from kernelpipe.backends.kfp.cluster.answers import parse_run
from kernelpipe.model.run import ClusterFacts, Run, RunFacts, RunState, StepRun

TEXTS = ["lr = 0.1", "lr = 0.2", "lr = 0.3"]
LOOP = {
    **spec("split", "train", "runtime"),
    "components": {
        "comp-split": {"executorLabel": "exec-split"},
        "comp-runtime": {"executorLabel": "exec-runtime"},
        "comp-train": {
            "dag": {"tasks": {"train-item": {"componentRef": {"name": "comp-train-item"}}}}
        },
        "comp-train-item": {"executorLabel": "exec-train"},
    },
}
LOOP["root"]["dag"]["tasks"]["train"]["parameterIterator"] = {"itemInput": "x"}


def recorded(*steps: str, **cluster: Any) -> Run:
    """Return a run as it was recorded when it was submitted."""
    return Run(
        id="here",  # type: ignore[arg-type]  # texts are names, here and below
        pipeline="demo",
        source="",
        state=RunState.PENDING,
        started_at=0.0,
        duration_s=None,
        directory="",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=tuple(StepRun(name=name, state=RunState.PENDING) for name in steps),  # type: ignore[arg-type]
        facts=json.dumps(RunFacts(cluster=ClusterFacts(**cluster))),  # type: ignore[typeddict-item]
    )


LOOPED = recorded("split_step", "train_step", items={"train_step": TEXTS})


def loop_nodes(loop: str, *items: str, end: int | None = None) -> list[JSON]:
    """Return the nodes of a loop with this state, and of its items with theirs."""
    found = [
        node("train", loop, 5, end),
        node("iteration-driver", "SUCCEEDED", 5, 5, parent_task_id="id-train"),
        node("iteration-iterations", loop, 5, end, parent_task_id="id-iteration-driver"),
    ]
    for number, state in enumerate(items):
        above = f"id-iteration-iterations({number}:{number})"
        start, ended = 10 * (number + 1), None if state == "RUNNING" else 10 * number + 15
        found += [
            node(
                f"iteration-iterations({number}:{number})",
                state,
                start,
                ended,
                parent_task_id="id-iteration-iterations",
            ),
            node("iteration-item", state, start, task_id=f"item{number}", parent_task_id=above),
            node(
                "train-item",
                state,
                start,
                ended,
                task_id=f"own{number}",
                parent_task_id=f"item{number}",
            ),
            node(
                "executor",
                state,
                start,
                ended,
                task_id=f"pod{number}",
                parent_task_id=f"own{number}",
                **({"error": {"code": 2, "message": "exit code 1"}} if state == "FAILED" else {}),
            ),
        ]
    return found


def looped(state: str, *nodes: JSON, previous: Run = LOOPED) -> StepRun:
    """Return the step that is repeated, in a run with these nodes."""
    finished = None if state == "RUNNING" else 60
    document = run(state, node("root", state), *nodes, pipeline=LOOP, finished=finished)
    found = to_run(parse_run(document), previous=previous)
    assert [step.name for step in found.steps] == ["split_step", "train_step"]
    return found.steps[1]


def items(step: StepRun) -> list[tuple[str, str, float | None]]:
    """Return text, state and duration of each item."""
    listed = json.loads(step.facts)["items"]
    return [(item["text"], item["state"], item["duration_s"]) for item in listed]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), "PENDING"),
        (("RUNNING",), "RUNNING"),
        (("SUCCEEDED",), "RUNNING"),
        (("FAILED", "RUNNING"), "RUNNING"),
        (("FAILED", "SUCCEEDED"), "RUNNING"),
    ],
)
def test_to_run__loop_goes_on__step_runs_until_all_items_have_ended(
    states: tuple[str, ...], expected: str
) -> None:
    """An item that has ended, well or not, says nothing of those to come."""
    assert looped("RUNNING", *loop_nodes("RUNNING", *states)).state.value == expected


def test_to_run__loop_succeeded__has_its_items_in_order() -> None:
    """Whatever order the cluster tells them in; the step took from the first start to the end."""
    nodes = loop_nodes("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", end=36)

    step = looped("SUCCEEDED", *reversed(nodes))

    assert (step.state, step.reason, step.duration_s) == (RunState.SUCCEEDED, None, 25.0)
    assert items(step) == [
        ("lr = 0.1", "SUCCEEDED", 5.0),
        ("lr = 0.2", "SUCCEEDED", 5.0),
        ("lr = 0.3", "SUCCEEDED", 5.0),
    ]
    assert json.loads(step.facts)["started_s"] == 10.0


def test_to_run__items_failed__names_the_first_and_counts_the_others() -> None:
    """In the words of a loop on this machine; what did not run any more is skipped."""
    step = looped("FAILED", *loop_nodes("FAILED", "SUCCEEDED", "FAILED", end=30))
    both = looped("FAILED", *loop_nodes("FAILED", "FAILED", "SUCCEEDED", "FAILED", end=40))

    assert step.state is RunState.FAILED
    assert (step.reason or "").startswith("item 1 (lr = 0.2): its program ended with exit code 1")
    assert step.error is not None
    assert [state for _, state, _ in items(step)] == ["SUCCEEDED", "FAILED", "SKIPPED"]
    assert (both.reason or "").endswith(" (and 1 more item)")


def test_to_run__empty_list__has_no_items() -> None:
    """To the cluster that is one item that does nothing, or none."""
    nothing = recorded("split_step", "train_step", items={"train_step": []})

    one = looped("SUCCEEDED", *loop_nodes("SUCCEEDED", "SUCCEEDED", end=20), previous=nothing)
    none = looped("SUCCEEDED", *loop_nodes("SUCCEEDED", end=20), previous=nothing)

    assert (one.state, items(one)) == (RunState.SUCCEEDED, [])
    assert (none.state, items(none)) == (RunState.SUCCEEDED, [])


def test_to_run__loop_driver_failed__step_failed() -> None:
    """Then there is no item."""
    nodes = loop_nodes("FAILED", end=9)
    nodes[1] |= {"state": "FAILED", "error": {"code": 2, "message": "cannot resolve inputs"}}

    step = looped("FAILED", *nodes)

    assert step.state is RunState.FAILED
    assert "cannot resolve inputs" in (step.reason or "")


def test_to_run__loop_never_started__is_skipped() -> None:
    """As any step after one that failed."""
    step = looped("FAILED", *step_nodes("split", "FAILED", 1, 2, message="exit code 1"))

    assert (step.state, step.reason) == (RunState.SKIPPED, "an earlier step failed")


def test_to_run__nodes_without_parents__are_told_by_their_names() -> None:
    """Older clusters: there is nothing to say of single items, and the loop may go on."""
    nodes = [
        {name: value for name, value in each.items() if name != "parent_task_id"}
        for each in loop_nodes("RUNNING", "SUCCEEDED")
    ]
    ended = [each | {"state": "SUCCEEDED"} for each in nodes]

    assert looped("RUNNING", *nodes).state is RunState.RUNNING
    assert looped("SUCCEEDED", *ended).state is RunState.SUCCEEDED


def test_to_run__steps_share_a_pod__have_its_state() -> None:
    """How long each took is not known, nor which of them failed."""
    previous = recorded("a", "b", "train_step", merged={"split": ["a", "b"]})
    nodes = step_nodes("split", "FAILED", 1, 9, message="Error (exit code 1)")

    going = to_run(parse_run(run("RUNNING", *step_nodes("split", "RUNNING", 1))), previous=previous)
    failed = to_run(parse_run(run("FAILED", *nodes, finished=10)), previous=previous)

    assert [(step.name, step.state.value) for step in going.steps] == [
        ("a", "RUNNING"),
        ("b", "RUNNING"),
        ("train_step", "PENDING"),
    ]
    first, second, third = failed.steps
    assert first.reason == second.reason
    assert (first.reason or "").startswith(
        "steps a and b share a pod, and the log says which of them failed: its program ended"
    )
    assert (first.state, first.duration_s) == (RunState.FAILED, None)
    assert third.state is RunState.SKIPPED
    assert failed.reason is None


def test_to_run__task_that_is_no_step_failed__is_why_the_run_failed() -> None:
    """Such as the one that hands on the runtime; it is not listed."""
    previous = recorded("train_step")
    nodes = step_nodes("split", "FAILED", 1, 9, message="Error (exit code 1)")

    found = to_run(parse_run(run("FAILED", *nodes, finished=10)), previous=previous)

    assert [step.name for step in found.steps] == ["train_step"]
    assert (found.reason or "").startswith("task 'split_step', which is no step, failed: its")
    assert replace(found.steps[0], reason=None).state is RunState.SKIPPED
