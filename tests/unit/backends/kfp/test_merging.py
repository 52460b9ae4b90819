"""Which steps share a pod, and the IR of such pods."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_specs import parameter, pipeline, task

from kernelpipe.backends.kfp import check_pipeline, emit_ir
from kernelpipe.backends.kfp.merging import find_chains, split_large
from kernelpipe.backends.kfp.payload import unpack
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import FileFlow, Gate, Loop, ParameterType
from kernelpipe.model.settings import (
    Backoff,
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    StepSettings,
)

JSON = dict[str, Any]

LR = parameter("lr", 0.1, ParameterType.DOUBLE)


def shape(text: str, **settings: StepSettings) -> list[Task]:
    """Return the tasks that ``text`` names, each with ``<`` and the steps that it comes after."""
    found = []
    for word in text.split():
        name, _, after = word.partition("<")
        found.append(
            task(name, after=sorted(filter(None, after.split(","))), settings=settings.get(name))
        )
    return found


def gated(step: Task, *asked: str) -> Task:
    """Return ``step`` behind a gate that asks for a metric of each of the steps ``asked``."""
    metrics = tuple((f"m_{name}", StepName(name)) for name in asked)
    return replace(step, gate=Gate(expression="m", metrics=metrics, parameters=()))


def behind(tasks: list[Task]) -> dict[StepName, tuple[StepName, ...]]:
    """Return step -> the gated steps before it, itself among them."""
    found: dict[StepName, set[StepName]] = {}
    for each in tasks:
        found[each.step] = {gate for name in each.after for gate in found[name]}
        found[each.step] |= {each.step} if each.gate else set()
    return {step: tuple(sorted(gates)) for step, gates in found.items()}


def chains(tasks: list[Task]) -> str:
    """Return the groups as text."""
    groups = find_chains(tasks, behind(tasks))
    return " ".join("+".join(each.step for each in group) for group in groups)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        pytest.param("a", "a", id="one-step"),
        pytest.param("a b<a c<b d<c e<d", "a+b+c+d+e", id="chain"),
        pytest.param("a b c", "a b c", id="no-edges"),
        pytest.param("a b<a c<a", "a b c", id="fork"),
        pytest.param("a b c<a,b", "a b c", id="join"),
        pytest.param("a b<a l<b r<b j<l,r e<j", "a+b l r j+e", id="diamond-between-chains"),
        pytest.param("a l<a m<l r<a j<m,r", "a l+m r j", id="chain-within-a-diamond"),
        pytest.param("a b<a c<a,b", "a+b+c", id="value-of-a-step-before-the-one-before"),
        pytest.param("a b<a c<b x<a,c", "a+b+c+x", id="first-value-to-the-last"),
        pytest.param("a b<a x<a c<a,b", "a b+c x", id="fork-with-far-value"),
        pytest.param("a x b<a y<x c<b z<y", "a+b+c x+y+z", id="two-chains-interleaved"),
        pytest.param("a b<a x c<b,x d<c", "a+b x c+d", id="second-source"),
    ],
)
def test_find_chains__shapes__are_merged_where_nothing_else_waits(text: str, groups: str) -> None:
    """Neither what could start earlier nor what could run beside it has to wait."""
    assert chains(shape(text)) == groups


ENV = StepSettings(env=(NamedText(key="A", value="1"),))
MOUNT = StepSettings(mounts=(Mount(kind=MountKind.CLAIM, name="data", path="/data"),))


@pytest.mark.parametrize(
    ("first", "second", "groups"),
    [
        pytest.param(StepSettings(memory="4Gi"), StepSettings(memory="4Gi"), "a+b", id="same"),
        pytest.param(StepSettings(memory="4Gi"), StepSettings(), "a b", id="memory"),
        pytest.param(StepSettings(cpu="1"), StepSettings(cpu="2"), "a b", id="cpu"),
        pytest.param(StepSettings(), StepSettings(cpu_request="1"), "a b", id="request"),
        pytest.param(StepSettings(gpu=1), StepSettings(), "a b", id="gpu"),
        pytest.param(StepSettings(image="i:1"), StepSettings(image="i:2"), "a b", id="image"),
        pytest.param(ENV, ENV, "a+b", id="same-env"),
        pytest.param(ENV, StepSettings(), "a b", id="env"),
        pytest.param(MOUNT, StepSettings(), "a b", id="mount"),
        pytest.param(StepSettings(retry=2), StepSettings(retry=2), "a b", id="retry"),
        pytest.param(
            StepSettings(backoff=Backoff(first_s=1)), StepSettings(), "a+b", id="no-retry"
        ),
        pytest.param(StepSettings(timeout_s=9), StepSettings(timeout_s=9), "a b", id="timeout"),
        pytest.param(StepSettings(cache=True), StepSettings(cache=True), "a+b", id="both-cached"),
        pytest.param(StepSettings(cache=True), StepSettings(), "a b", id="one-cached"),
        pytest.param(StepSettings(cache=False), StepSettings(), "a+b", id="none-cached"),
        pytest.param(StepSettings(report=False), StepSettings(), "a+b", id="report"),
        pytest.param(StepSettings(), StepSettings(on_exit=True), "a b", id="on-exit"),
    ],
)
def test_find_chains__settings__must_allow_one_pod(
    first: StepSettings, second: StepSettings, groups: str
) -> None:
    """What is said of a pod must be said of both steps, and nothing of a single attempt or time."""
    assert chains(shape("a b<a", a=first, b=second)) == groups


def test_find_chains__gates__open_before_whole_pods() -> None:
    """Steps behind the same gates may merge; who tells of a gate is the last of its pod."""
    fit, publish, tell, more = shape("fit publish<fit tell<publish more<tell")
    load, *rest = shape("load fit<load next<fit publish<next tell<publish")

    assert chains([fit, gated(publish, "fit"), tell, more]) == "fit publish+tell+more"
    assert chains([fit, gated(publish, "fit"), tell, gated(more)]) == "fit publish+tell more"
    assert chains([load, *rest[:2], gated(rest[2], "fit"), rest[3]]) == "load+fit next publish+tell"


def test_find_chains__loop__has_pods_of_its_own() -> None:
    """Its steps run once per item."""
    a, b, c, d = shape("a b<a c<b d<c")
    looped = replace(b, loop=Loop(variable="x", parameter="xs"))

    assert chains([a, looped, c, d]) == "a b c+d"


def test_split_large__too_much_for_one_pod__begins_another() -> None:
    """Each part is as long as it can be; a step that is too large stands alone."""
    group = tuple(shape("aa b c ddddd e f"))

    parts = split_large([group], lambda part: sum(len(each.step) for each in part) <= 3)

    assert ["+".join(t.step for t in part) for part in parts] == ["aa+b", "c", "ddddd", "e+f"]


def emitted(*tasks: Task, **facts: Any) -> tuple[JSON, dict[str, tuple[StepName, ...]]]:
    """Return the merged pipeline spec and what was merged."""
    merged: dict[str, tuple[StepName, ...]] = {}
    text = emit_ir(pipeline(*tasks, **facts), tasks, merge=True, on_merged=merged.update)
    return yaml.safe_load(text), merged


CHAIN = (
    task("Load It", outputs=("x", "cfg"), settings=StepSettings(cache=True)),
    task(
        "clean",
        after=["Load It"],
        inputs=[("Load It", "x")],
        outputs=("y",),
        metrics=("n",),
        parameters=[LR],
        settings=StepSettings(cache=True),
    ),
    task("left", after=["Load It", "clean"], inputs=[("Load It", "cfg"), ("clean", "y")]),
    task("right", after=["clean"], inputs=[("clean", "y")], settings=StepSettings(memory="1Gi")),
)


def test_emit_ir__merged__has_one_task_with_ports_of_both_steps() -> None:
    """What leaves the pod begins with the step's name; what does not is no output."""
    spec, merged = emitted(*CHAIN, parameters=(LR,))

    tasks, component = spec["root"]["dag"]["tasks"], spec["components"]["comp-load-it-to-clean"]
    assert merged == {"load-it-to-clean": ("Load It", "clean")}
    assert sorted(tasks) == ["left", "load-it-to-clean", "right"]
    assert tasks["load-it-to-clean"] == {
        "taskInfo": {"name": "load-it-to-clean"},
        "componentRef": {"name": "comp-load-it-to-clean"},
        "cachingOptions": {"enableCache": True},
        "inputs": {"parameters": {"lr": {"componentInputParameter": "lr"}}},
    }
    assert component["executorLabel"] == "exec-load-it-to-clean"
    assert {
        port: each["artifactType"]["schemaTitle"]
        for port, each in component["outputDefinitions"]["artifacts"].items()
    } == {
        "clean--run-metrics": "system.Metrics",
        "clean--run-report": "system.HTML",
        "clean--y": "system.Artifact",
        "load-it--cfg": "system.Artifact",
        "load-it--run-report": "system.HTML",
        "run-runtime": "system.Artifact",
    }
    assert tasks["left"]["dependentTasks"] == ["load-it-to-clean"]
    assert tasks["left"]["inputs"]["artifacts"] == {
        name: {
            "taskOutputArtifact": {"producerTask": "load-it-to-clean", "outputArtifactKey": port}
        }
        for name, port in (
            ("Load It-cfg", "load-it--cfg"),
            ("clean-y", "clean--y"),
            ("kernelpipe.runtime", "run-runtime"),
        )
    }


def test_emit_ir__merged__gives_the_pod_all_steps() -> None:
    """The pod learns which of its ports are whose; all of it is in the cache's key."""
    spec, _ = emitted(*CHAIN, parameters=(LR,))

    args = spec["deploymentSpec"]["executors"]["exec-load-it-to-clean"]["container"]["args"]
    first, second = json.loads(unpack(args[5])["chain.json"])
    assert args[2] == "Load It+clean"
    assert [first["step"]["document"]["step"], second["step"]["document"]["step"]] == [
        "Load It",
        "clean",
    ]
    assert first["ports"] == {"cfg": "load-it--cfg", "run-report": "load-it--run-report"} | {
        "run-runtime": "run-runtime"
    }
    assert second["ports"] == {
        "y": "clean--y",
        "run-metrics": "clean--run-metrics",
        "run-report": "clean--run-report",
    }


def test_emit_ir__merged_name_is_a_steps__gets_digits() -> None:
    """A step's task keeps its name whatever is merged."""
    spec, merged = emitted(*shape("a b<a a-to-b x<a-to-b y<a-to-b"))

    assert list(merged) == ["a-to-b-a41398"]
    assert sorted(spec["root"]["dag"]["tasks"]) == ["a-to-b", "a-to-b-a41398", "x", "y"]


def test_emit_ir__too_much_code_for_one_pod__is_split() -> None:
    """Steps of 19 KB each; the first pod has the runtime, too."""
    noise = random.Random(0)  # noqa: S311 - it must only be hard to compress
    tasks = [
        replace(each, document=each.document.replace("pass", noise.randbytes(14_000).hex()))
        for each in shape("a b<a c<b d<c e<d f<e")
    ]

    spec, merged = emitted(*tasks)

    assert merged == {"b-to-e": ("b", "c", "d", "e")}
    for executor in spec["deploymentSpec"]["executors"].values():
        assert len(json.dumps(executor["container"])) <= 90_000


def test_emit_ir__metadata_says_merge__is_what_the_check_looks_at() -> None:
    """Steps of one pod find each other's files, so that nothing is said against any of them."""
    tasks = shape("a b<a c<b d<b")
    flows = tuple(
        FileFlow(producer=StepName(a), consumer=StepName(b), path="../x.csv", is_read=True)
        for a, b in (("a", "b"), ("b", "c"))
    )
    plain = replace(pipeline(*tasks), file_flows=flows)
    merged = replace(plain, settings=PipelineSettings(merge=True))

    assert [d.message.partition(" reads")[0] for d in check_pipeline(plain, tasks)] == [
        "step 'b'",
        "step 'c'",
    ]
    assert [d.message.partition(" reads")[0] for d in check_pipeline(merged, tasks)] == ["step 'c'"]


def test_emit_ir__merged_steps_of_a_pod_with_settings__keep_them(tmp_path: Path) -> None:
    """The platform document names the merged task's executor."""
    labelled = StepSettings(labels=(NamedText(key="team", value="a"),))
    tasks = shape("a b<a", a=labelled, b=labelled)

    text = emit_ir(pipeline(*tasks, path=tmp_path / "n.ipynb"), tasks, merge=True)

    platform = list(yaml.safe_load_all(text))[1]["platforms"]["kubernetes"]
    assert platform["deploymentSpec"]["executors"] == {
        "exec-a-to-b": {"podMetadata": {"labels": {"team": "a"}}}
    }
