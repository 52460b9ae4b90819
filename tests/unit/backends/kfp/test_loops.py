"""Loops in the IR, compared with what KFP's own compiler makes of its ParallelFor."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import kit
import pytest
import yaml
from kfp_specs import parameter, pipeline, task

from kernelpipe import api
from kernelpipe.backends.kfp import check_pipeline, emit_ir, validate_ir
from kernelpipe.backends.kfp.ir import build
from kernelpipe.backends.kfp.payload import unpack
from kernelpipe.backends.kfp.workflow_size import estimate_workflow
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import ArtifactKind, Gate, Loop, Parameter, ParameterType
from kernelpipe.model.settings import NamedText, PipelineSettings, StepSettings

JSON = dict[str, Any]

RATES = parameter("rates", [0.1, 0.2], ParameterType.LIST)
GO = parameter("go", True, ParameterType.BOOLEAN)
ITEMS = "pipelinechannel--train-items-Output"
ITEM = f"{ITEMS}-loop-item"
CACHED = StepSettings(cache=True, report=False)


def looped(step: Task) -> Task:
    """Return ``step`` as one that runs once per item of ``rates``."""
    return replace(step, loop=Loop(variable="lr", parameter="rates"))


def emitted(
    *tasks: Task,
    parameters: tuple[Parameter, ...] = (RATES,),
    settings: PipelineSettings | None = None,
) -> JSON:
    """Return the emitted pipeline spec."""
    whole = pipeline(*tasks, parameters=parameters, settings=settings)
    document, *_ = yaml.safe_load_all(emit_ir(whole, tasks))
    return dict(document)


def pod(spec: JSON, executor: str) -> JSON:
    """Return what a pod is told."""
    args = spec["deploymentSpec"]["executors"][executor]["container"]["args"]
    found: JSON = json.loads(unpack(args[5])["step.json"])
    return found


def test_loop__next_to_parallel_for__has_the_same_structure(tmp_path: Path) -> None:
    """Field by field, once the names that users may choose are the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kfp import compiler, dsl

    @dsl.component(base_image="python:3.11")
    def prep(data: dsl.Output[dsl.Artifact], run_runtime: dsl.Output[dsl.Artifact]) -> None:
        """Give what the loop needs."""

    @dsl.component(base_image="python:3.11")
    def train_items(rates: list, run_runtime: dsl.Output[dsl.Artifact]) -> list:  # type: ignore[type-arg]
        """Give out the items."""

    @dsl.component(base_image="python:3.11")
    def train_item(
        kernelpipe_item: str,
        rates: list,  # type: ignore[type-arg]
        prep_data: dsl.Input[dsl.Artifact],
        kernelpipe_runtime: dsl.Input[dsl.Artifact],
        x: dsl.Output[dsl.Model],
    ) -> None:
        """Run for one item."""

    @dsl.component(base_image="python:3.11")
    def use(
        train_x: dsl.Input[list[dsl.Model]], kernelpipe_runtime: dsl.Input[dsl.Artifact]
    ) -> None:
        """Take the list."""

    @dsl.pipeline(name="demo")
    def demo(rates: list = [0.1, 0.2]) -> None:  # type: ignore[type-arg]  # noqa: B006 - KFP's way
        first = prep()
        items = train_items(rates=rates)
        with dsl.ParallelFor(items.outputs["Output"], parallelism=3) as item:
            each = train_item(
                kernelpipe_item=item,
                rates=rates,
                prep_data=first.outputs["data"],
                kernelpipe_runtime=first.outputs["run_runtime"],
            )
        use(
            train_x=dsl.Collected(each.outputs["x"]),
            kernelpipe_runtime=items.outputs["run_runtime"],
        )

    compiler.Compiler().compile(demo, str(tmp_path / "reference.yaml"))
    text = (tmp_path / "reference.yaml").read_text()
    for name, ours in (
        ("for-loop-1", "train"),
        ("pipelinechannel--train-item-x", "x"),
        ("pipelinechannel--prep-data", "prep-data"),
        ("pipelinechannel--prep-run_runtime", "kernelpipe.runtime"),
        ("pipelinechannel--rates", "rates"),
        ("prep_data", "prep-data"),
        ("train_x", "train-x"),
        ("run_runtime", "run-runtime"),
        ("kernelpipe_runtime", "kernelpipe.runtime"),
        ("kernelpipe_item", "kernelpipe-item"),
        ("exec-train-item\n", "exec-train\n"),
    ):
        text = text.replace(name, ours)
    reference = yaml.safe_load(text)

    spec = emitted(
        task("prep", outputs=["data"], settings=CACHED),
        looped(
            task(
                "train",
                after=["prep"],
                parameters=[RATES],
                inputs=[("prep", "data")],
                outputs=["x"],
                kinds={"x": ArtifactKind.MODEL},
                settings=CACHED,
            )
        ),
        task(
            "use",
            source="print(rates, rates)",
            after=["train"],
            inputs=[("train", "x")],
            settings=CACHED,
        ),
        settings=PipelineSettings(parallelism=3),
    )

    assert spec["components"] == reference["components"]
    assert spec["root"] == reference["root"]


def test_loop__behind_a_gate__is_in_a_sub_dag_that_has_the_condition() -> None:
    """KFP goes on after a loop with a condition that does not hold, as if it had succeeded."""
    gate = Gate(expression="acc > 1", metrics=(("acc", StepName("fit")),), parameters=())
    spec = emitted(
        task("fit", metrics=("acc",)),
        replace(
            looped(task("train", after=["fit"], outputs=["x"])),
            gate=gate,
            settings=StepSettings(when="acc > 1", retry=2),
        ),
        task("use", after=["train"], inputs=[("train", "x")]),
    )

    tasks, components = spec["root"]["dag"]["tasks"], spec["components"]
    channel = "pipelinechannel--fit--gate-train"
    condition = {"condition": f"inputs.parameter_values['{channel}'] != 'closed'"}
    told = {"taskOutputParameter": {"producerTask": "fit", "outputParameterKey": "gate-train"}}
    assert tasks["train"] == {
        "taskInfo": {"name": "train"},
        "componentRef": {"name": "comp-train"},
        "dependentTasks": ["fit", "train-items"],
        "triggerPolicy": condition,
        "inputs": {
            "parameters": {
                channel: told,
                ITEMS: {
                    "taskOutputParameter": {
                        "producerTask": "train-items",
                        "outputParameterKey": "Output",
                    }
                },
            },
            "artifacts": {
                "kernelpipe.runtime": {
                    "taskOutputArtifact": {
                        "producerTask": "fit",
                        "outputArtifactKey": "run-runtime",
                    }
                }
            },
        },
    }
    assert components["comp-train"]["dag"] == {
        "tasks": {
            "train-loop": {
                "taskInfo": {"name": "train-loop"},
                "componentRef": {"name": "comp-train-loop"},
                "inputs": {
                    "parameters": {
                        channel: {"componentInputParameter": channel},
                        ITEMS: {"componentInputParameter": ITEMS},
                    },
                    "artifacts": {
                        "kernelpipe.runtime": {"componentInputArtifact": "kernelpipe.runtime"}
                    },
                },
                "parameterIterator": {"items": {"inputParameter": ITEMS}, "itemInput": ITEM},
            }
        },
        "outputs": {
            "artifacts": {
                "x": {
                    "artifactSelectors": [
                        {"producerSubtask": "train-loop", "outputArtifactKey": "x"}
                    ]
                }
            }
        },
    }
    inner = components["comp-train-loop"]["dag"]["tasks"]["train-item"]
    assert inner["retryPolicy"]["maxRetryCount"] == 2
    assert tasks["use"]["triggerPolicy"] == condition
    assert pod(spec, "exec-train")["gate"] == channel
    assert "gate" not in pod(spec, "exec-use")


def test_loop__after_a_loop__receives_a_bundle() -> None:
    """KFP hands one artifact of a list into a sub-DAG; the chore stands beside the first loop."""
    spec = emitted(
        looped(task("train", outputs=["x"])),
        looped(task("check", after=["train"], inputs=[("train", "x")], outputs=["y"])),
        task("use", after=["check"], inputs=[("check", "y")]),
    )

    tasks, components = spec["root"]["dag"]["tasks"], spec["components"]
    listed = components["comp-check-items"]["inputDefinitions"]["artifacts"]["train-x"]
    assert listed["isArtifactList"] is True
    assert tasks["check"]["inputs"]["artifacts"]["train-x"] == {
        "taskOutputArtifact": {"producerTask": "check-items", "outputArtifactKey": "train-x"}
    }
    assert (
        "isArtifactList" not in components["comp-check"]["inputDefinitions"]["artifacts"]["train-x"]
    )
    assert tasks["use"]["inputs"]["artifacts"]["kernelpipe.runtime"] == {
        "taskOutputArtifact": {"producerTask": "check-items", "outputArtifactKey": "run-runtime"}
    }
    assert tasks["use"]["dependentTasks"] == ["check", "check-items"]
    assert pod(spec, "exec-check")["lists"] == ["train"]


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("print(lr, 'rates')", ["kernelpipe-item"]),
        ("n = len(rates) + rates[0]", ["kernelpipe-item", "rates"]),
        ("print(globals())", ["kernelpipe-item", "rates"]),
    ],
)
def test_loop__list_that_nothing_else_reads__is_not_given_to_the_items(
    source: str, given: list[str]
) -> None:
    """Else every item would miss the cluster's cache when one of the list changes.

    The first mention is the default's.
    """
    spec = emitted(looped(task("train", source=source, parameters=[RATES])))

    inner = spec["components"]["comp-train"]["dag"]["tasks"]["train-item"]
    assert sorted(inner["inputs"]["parameters"]) == given


def test_loop__with_an_on_exit_step__is_in_its_sub_dag() -> None:
    """The chore, too: what comes after it has to be in the same DAG."""
    spec = emitted(
        looped(task("train")), task("bye", settings=StepSettings(on_exit=True)), parameters=(RATES,)
    )

    assert sorted(spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]) == [
        "train",
        "train-items",
    ]


def test_loop__step_of_the_chores_name__keeps_its_name() -> None:
    """A task's name depends on other steps as little as can be."""
    spec = emitted(looped(task("train")), task("train-items"), task("train-item"))

    tasks = spec["root"]["dag"]["tasks"]
    assert set(tasks) == {
        "train", "train-items", "train-item", "train-items-100567", "kernelpipe-runtime"
    }  # fmt: skip
    assert list(spec["components"]["comp-train"]["dag"]["tasks"]) == ["train-item-1"]


def test_chore__pod__goes_where_the_steps_pods_go() -> None:
    """Its image can be pulled and its node is found; it takes less, with limits if these have."""
    own = StepSettings(
        image="registry.local/x:1", cpu="8", node_selector=(NamedText(key="pool", value="ml"),)
    )
    tasks = (looped(task("train", settings=own)),)
    whole = pipeline(*tasks, parameters=(RATES,))

    spec, platform = yaml.safe_load_all(emit_ir(whole, tasks))

    container = spec["deploymentSpec"]["executors"]["exec-train-items"]["container"]
    assert container["image"] == "registry.local/x:1"
    assert container["resources"] == {"cpuLimit": 0.5, "resourceCpuLimit": "500m"}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-train-items"] == executors["exec-train"]


def test_estimate_workflow__loop__counts_each_item() -> None:
    """The nodes of two items are more than those of one; the template is the same."""
    tasks = (looped(task("train")),)
    built = build(pipeline(*tasks, parameters=(RATES,)), tasks)

    one, two = (estimate_workflow(built.documents, counts) for counts in ({}, built.item_counts))

    assert built.item_counts == {ITEMS: 2}
    assert two.submitted == one.submitted
    assert two.nodes > one.nodes + 25_000


def test_loop__whole_notebook__is_a_pipeline_spec_of_kfp(tmp_path: Path) -> None:
    """KFP's own strict reader takes a gated loop after a loop, and nothing is said against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [0.1, 0.2]\nnames: list = ['a']\ngo = True", "parameters"),
        kit.code("x = lr * 2", "step:train", "foreach:lr in rates"),
        kit.code("y = [name, x]", "step:check", "foreach:name in names", "when:go"),
        kit.code("print(y)", "step:show"),
    )
    found: list[tuple[Any, ...]] = []

    text = api.compile_notebook(path, on_diagnostic=lambda each: found.append((each,)))

    spec, *_ = yaml.safe_load_all(text)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert validate_ir(text) == ()
    assert [each for each in found if "foreach" in str(each)] == []


@pytest.mark.parametrize("limit", [None, 2])
def test_loop__parallelism_of_the_notebook__limits_its_items(limit: int | None) -> None:
    """Nothing is said where nothing is asked for."""
    tasks = (looped(task("train")),)
    settings = PipelineSettings(parallelism=limit)
    whole = pipeline(*tasks, parameters=(RATES,), settings=settings)

    loop = emitted(*tasks, settings=settings)["root"]["dag"]["tasks"]["train"]

    assert loop.get("iteratorPolicy", {}).get("parallelismLimit") == limit
    assert len(check_pipeline(whole, tasks)) == (limit is not None)
