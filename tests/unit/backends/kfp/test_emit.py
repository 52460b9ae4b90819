"""Tests of the emitted IR: what each part of a pipeline becomes."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_specs import parameter, pipeline, task

from kernelpipe.backends.kfp import emit_ir, validate_ir
from kernelpipe.backends.kfp.payload import unpack
from kernelpipe.errors import CompileError
from kernelpipe.model.pipeline import ArtifactKind, Parameter, ParameterType
from kernelpipe.model.settings import (
    NamedText,
    PipelineSettings,
    ResourceLimit,
    SecretEnv,
    StepSettings,
)

JSON = dict[str, Any]
DB = "db"

LR = parameter("lr", 0.1, ParameterType.DOUBLE)
SEED = parameter("seed", 7, ParameterType.INTEGER)
SPLIT = task(
    "split", parameters=(SEED,), outputs=("X", "frame"), kinds={"frame": ArtifactKind.DATASET}
)
TRAIN = task(
    "train",
    source="model = X",
    after=("split",),
    parameters=(LR,),
    inputs=(("split", "X"),),
    outputs=("model",),
    kinds={"model": ArtifactKind.MODEL},
    metrics=("acc",),
)
REPORT = task("report", after=("split", "train"), inputs=(("split", "frame"), ("train", "model")))


def emit(*tasks: Any, **facts: Any) -> tuple[JSON, ...]:
    """Return the documents of the IR of a pipeline of ``tasks``."""
    return tuple(yaml.safe_load_all(emit_ir(pipeline(*tasks, **facts), tasks)))


def container(*tasks: Any, step: str, **facts: Any) -> JSON:
    """Return the container of a step."""
    executors = emit(*tasks, **facts)[0]["deploymentSpec"]["executors"]
    found: JSON = executors[f"exec-{step}"]["container"]
    return found


def payload(found: JSON) -> dict[str, bytes]:
    """Return the files that travel in a container's arguments."""
    return {name: data for part in found["args"][5:] for name, data in unpack(part).items()}


def test_emit_ir__pipeline__has_one_component_and_executor_per_step() -> None:
    """Nothing is shared between steps, and the header is KFP's."""
    spec = emit(SPLIT, TRAIN, REPORT, parameters=(SEED, LR))[0]

    assert spec["schemaVersion"] == "2.1.0"
    assert spec["sdkVersion"].startswith("kernelpipe-")
    assert spec["pipelineInfo"] == {"name": "demo"}
    assert sorted(spec["components"]) == ["comp-report", "comp-split", "comp-train"]
    assert sorted(spec["deploymentSpec"]["executors"]) == [
        "exec-report",
        "exec-split",
        "exec-train",
    ]


def test_emit_ir__task__has_order_inputs_and_no_cache() -> None:
    """Data and order edges are in dependentTasks; values come from the producers' outputs."""
    tasks = emit(SPLIT, TRAIN, REPORT, parameters=(SEED, LR))[0]["root"]["dag"]["tasks"]

    assert tasks["split"] == {
        "taskInfo": {"name": "split"},
        "componentRef": {"name": "comp-split"},
        "cachingOptions": {"enableCache": False},
        "inputs": {"parameters": {"seed": {"componentInputParameter": "seed"}}},
    }
    assert tasks["report"] == {
        "taskInfo": {"name": "report"},
        "componentRef": {"name": "comp-report"},
        "cachingOptions": {"enableCache": False},
        "dependentTasks": ["split", "train"],
        "inputs": {
            "artifacts": {
                "kernelpipe.runtime": {
                    "taskOutputArtifact": {
                        "producerTask": "split",
                        "outputArtifactKey": "run-runtime",
                    }
                },
                "split-frame": {
                    "taskOutputArtifact": {"producerTask": "split", "outputArtifactKey": "frame"}
                },
                "train-model": {
                    "taskOutputArtifact": {"producerTask": "train", "outputArtifactKey": "model"}
                },
            }
        },
    }


def test_emit_ir__component__has_typed_ports() -> None:
    """A step's parameters are those that it reads; artifacts have the types of their values."""
    component = emit(SPLIT, TRAIN, REPORT, parameters=(SEED, LR))[0]["components"]["comp-train"]

    assert component == {
        "executorLabel": "exec-train",
        "inputDefinitions": {
            "parameters": {"lr": {"parameterType": "NUMBER_DOUBLE"}},
            "artifacts": {
                "kernelpipe.runtime": typed("system.Artifact"),
                "split-X": typed("system.Artifact"),
            },
        },
        "outputDefinitions": {
            "artifacts": {
                "model": typed("system.Model"),
                "run-metrics": typed("system.Metrics"),
                "run-report": typed("system.HTML"),
            }
        },
    }


def typed(title: str) -> JSON:
    """Return an artifact definition."""
    return {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}


def test_emit_ir__report_off__has_no_report() -> None:
    """``report:off`` leaves the report out, here the only output."""
    alone = task("a", settings=StepSettings(report=False))

    assert emit(alone)[0]["components"]["comp-a"] == {"executorLabel": "exec-a"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            parameter("p", "x", ParameterType.STRING),
            {"parameterType": "STRING", "defaultValue": "x", "isOptional": True},
            id="str",
        ),
        pytest.param(
            parameter("p", 3, ParameterType.INTEGER),
            {"parameterType": "NUMBER_INTEGER", "defaultValue": 3, "isOptional": True},
            id="int",
        ),
        pytest.param(
            parameter("p", 3, ParameterType.DOUBLE),
            {"parameterType": "NUMBER_DOUBLE", "defaultValue": 3.0, "isOptional": True},
            id="float",
        ),
        pytest.param(
            parameter("p", True, ParameterType.BOOLEAN),
            {"parameterType": "BOOLEAN", "defaultValue": True, "isOptional": True},
            id="bool",
        ),
        pytest.param(
            parameter("p", [1, "a"], ParameterType.LIST),
            {"parameterType": "LIST", "defaultValue": [1, "a"], "isOptional": True},
            id="list",
        ),
        pytest.param(
            parameter("p", {"b": 0.5, "a": 1}, ParameterType.STRUCT),
            {
                "parameterType": "STRING",
                "defaultValue": '{"b": 0.5, "a": 1}',
                "isOptional": True,
                "description": "JSON: dict",
            },
            id="dict",
        ),
        pytest.param(
            parameter("p", [1, {"b": 0.5, "a": 1}], ParameterType.LIST),
            {
                "parameterType": "STRING",
                "defaultValue": '[1, {"b": 0.5, "a": 1}]',
                "isOptional": True,
                "description": "JSON: list",
            },
            id="list-with-a-dict",
        ),
        pytest.param(
            parameter("p", [1, {"a": None}], ParameterType.LIST),
            {
                "parameterType": "STRING",
                "defaultValue": '[1, {"a": null}]',
                "description": "JSON: list",
                "isOptional": True,
            },
            id="null inside, which kfp does not load",
        ),
        pytest.param(
            parameter("p", None, ParameterType.INTEGER, is_nullable=True),
            {
                "parameterType": "STRING",
                "defaultValue": "null",
                "isOptional": True,
                "description": "JSON: int or null",
            },
            id="nullable",
        ),
        pytest.param(
            parameter("p", None, ParameterType.ANY, is_nullable=True),
            {
                "parameterType": "STRING",
                "defaultValue": "null",
                "isOptional": True,
                "description": "JSON: any value or null",
            },
            id="any",
        ),
        pytest.param(
            parameter("p", 2**60, ParameterType.INTEGER),
            {
                "parameterType": "STRING",
                "defaultValue": "1152921504606846976",
                "isOptional": True,
                "description": "JSON: int",
            },
            id="large-int",
        ),
        pytest.param(
            parameter("p", "{{user}}", ParameterType.STRING),
            {
                "parameterType": "STRING",
                "defaultValue": '"\\u007b{user}}"',
                "isOptional": True,
                "description": "JSON: str",
            },
            id="braces",
        ),
    ],
)
def test_emit_ir__parameter__is_typed_or_json(given: Parameter, expected: JSON) -> None:
    """Parameters have KFP's types where KFP can hold their values, else they are JSON text."""
    reader = task("a", parameters=(given,))

    spec = emit(reader, parameters=(given,))[0]

    assert spec["root"]["inputDefinitions"]["parameters"] == {"p": expected}
    assert spec["components"]["comp-a"]["inputDefinitions"]["parameters"] == {
        "p": {"parameterType": expected["parameterType"]}
    }


def test_emit_ir__settings__become_container_and_task_fields() -> None:
    """Resources in old and new fields, environment, image, cache and retries."""
    settings = StepSettings(
        image="registry/team/image:1",
        cpu="500m",
        memory="4Gi",
        gpu=2,
        env=(NamedText(key="MODE", value="1e3"),),
        retry=3,
        cache=True,
    )

    spec = emit(task("a", settings=settings))[0]

    found = spec["deploymentSpec"]["executors"]["exec-a"]["container"]
    assert found["image"] == "registry/team/image:1"
    assert found["resources"] == {
        "cpuLimit": 0.5,
        "resourceCpuLimit": "500m",
        "memoryLimit": 4.294967296,
        "resourceMemoryLimit": "4Gi",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": "2",
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "2",
        },
    }
    assert found["env"] == [
        {"name": "MODE", "value": "1e3"},
        {"name": "PYTHONHASHSEED", "value": "0"},
    ]
    assert spec["root"]["dag"]["tasks"]["a"]["cachingOptions"] == {"enableCache": True}
    assert spec["root"]["dag"]["tasks"]["a"]["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "0s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "604800s",
    }


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        pytest.param("1e9", 1.0, id="exponent"),
        pytest.param("1E+3", 1e-6, id="signed-exponent"),
        pytest.param("2.Gi", 2.147483648, id="point-without-digits"),
        pytest.param("5000000000000m", 5.0, id="thousandths"),
        pytest.param("7000000000u", 7e-6, id="millionths"),
    ],
)
def test_emit_ir__quantity__is_a_number_and_kubernetes_text(amount: str, expected: float) -> None:
    """Whatever Kubernetes takes: old backends read the number, new ones the text as it is."""
    settings = StepSettings(memory=amount, memory_request=amount, cpu=amount)

    resources = container(task("a", settings=settings), step="a")["resources"]

    assert resources == {
        "cpuLimit": pytest.approx(expected * 1e9),
        "resourceCpuLimit": amount,
        "memoryLimit": pytest.approx(expected),
        "resourceMemoryLimit": amount,
        "memoryRequest": pytest.approx(expected),
        "resourceMemoryRequest": amount,
    }


def test_emit_ir__device_limit__is_the_accelerator() -> None:
    """A limit on a device takes the place of the GPU that is not asked for."""
    settings = StepSettings(limits=(ResourceLimit(resource="amd.com/gpu", amount="1"),))

    resources = container(task("a", settings=settings), step="a")["resources"]

    assert resources["accelerator"]["type"] == "amd.com/gpu"
    assert resources["accelerator"]["resourceCount"] == "1"


def test_emit_ir__no_image__is_python_of_this_version() -> None:
    """Steps without an image run in Python's own image."""
    assert re.fullmatch(r"python:3\.\d+-slim", container(task("a"), step="a")["image"])


def test_emit_ir__kubernetes_settings__are_the_second_document() -> None:
    """Labels, annotations, secrets and timeouts are KFP's platform configuration."""
    settings = StepSettings(
        labels=(NamedText(key="team", value="on"),),
        annotations=(NamedText(key="note", value="x"),),
        secrets=(SecretEnv(secret=DB, key="user", env="DB_USER"),),
        timeout_s=90.5,
    )

    documents = emit(task("a", settings=settings), task("b"))

    assert len(documents) == 2
    assert documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] == {
        "exec-a": {
            "podMetadata": {"labels": {"team": "on"}, "annotations": {"note": "x"}},
            "secretAsEnv": [
                {
                    "secretName": "db",
                    "secretNameParameter": {"runtimeValue": {"constant": "db"}},
                    "keyToEnv": [{"secretKey": "user", "envVar": "DB_USER"}],
                    "optional": False,
                }
            ],
            "activeDeadlineSeconds": "91",
        }
    }


def test_emit_ir__names__are_made_kubernetes_names() -> None:
    """Task names are lower-case with dashes; names that would clash or are kept get a hash."""
    tasks = (task("Load_Data"), task("load-data"), task("root"), task("_"))

    spec = emit(*tasks, name="Übung 3: Iris")[0]

    assert spec["pipelineInfo"]["name"] == "ubung-3-iris"
    names = list(spec["root"]["dag"]["tasks"])
    assert [re.sub("[0-9a-f]{6}$", "HASH", name) for name in sorted(names)] == sorted(
        ["load-data", "load-data-HASH", "root-HASH", "HASH", "kernelpipe-runtime"]
    )


def test_emit_ir__long_names__are_cut_and_stay_unique() -> None:
    """Names that Kubernetes finds too long end in their hash."""
    spec = emit(task("a" * 80), task("a" * 81), name="b" * 100)[0]

    assert [len(name) for name in spec["root"]["dag"]["tasks"]] == [50, 50]
    assert len(spec["pipelineInfo"]["name"]) == 63


def test_emit_ir__description__is_kept() -> None:
    """The notebook's description is the pipeline's."""
    spec = emit(task("a"), settings=PipelineSettings(description="Trains."))[0]

    assert spec["pipelineInfo"] == {"name": "demo", "description": "Trains."}


def test_emit_ir__payload__holds_document_runtime_and_cloudpickle() -> None:
    """Everything of ours travels in the arguments; tests stay at home."""
    files = payload(container(SPLIT, TRAIN, step="train", parameters=(SEED, LR)))

    step = json.loads(files["step.json"])
    assert step["document"]["cells"][0]["source"] == "model = X"
    assert step["document"]["tests"] == []
    assert sorted(files) == ["step.json"]


def test_emit_ir__runtime__is_in_the_arguments_of_first_steps_only() -> None:
    """Other steps get it as an artifact, so that the workflow stays small."""
    spec = emit(SPLIT, TRAIN, task("alone"), parameters=(SEED, LR))[0]

    executors = spec["deploymentSpec"]["executors"]
    lengths = {name: len(each["container"]["args"]) for name, each in executors.items()}
    assert lengths == {"exec-alone": 7, "exec-split": 7, "exec-train": 6}
    files = payload(executors["exec-split"]["container"])
    assert "runtime/cloudpickle/cloudpickle.py" in files
    assert b'"""' not in files["runtime/kernelpipe_runtime/pod.py"]
    handed_on = [
        name
        for name, each in spec["components"].items()
        if "run-runtime" in each["outputDefinitions"]["artifacts"]
    ]
    assert handed_on == ["comp-split"]


def test_emit_ir__arguments__are_plain() -> None:
    """The arguments: kfp.local's word, the placeholder, the step, Python, a digest, two parts."""
    arguments = container(task("a"), step="a")["args"]

    assert arguments[:3] == ["kfp.dsl.executor_main", "{{$}}", "a"]
    assert re.fullmatch(r"3\.\d+", arguments[3])
    assert re.fullmatch(r"[0-9a-f]{64}", arguments[4])
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", part) for part in arguments[5:])
    assert len(arguments) == 7


def test_emit_ir__twice__gives_equal_bytes(tmp_path: Path) -> None:
    """The text does not depend on where the notebook is, nor on when."""
    tasks = (SPLIT, TRAIN, REPORT)

    first = emit_ir(pipeline(*tasks, parameters=(SEED, LR)), tasks)
    second = emit_ir(pipeline(*tasks, parameters=(SEED, LR), path=tmp_path / "demo.ipynb"), tasks)

    assert first == second
    assert str(tmp_path) not in second


TEXTS = ("1e3", "0o17", "on", "null", "~", "1_000", "=", "0x1F", " a", "a: b", "a\nb ", "", "@x")


def test_emit_ir__text_like_numbers__stays_text() -> None:
    """Text that some YAML reads as something else is quoted, and nothing of it is lost."""
    variables = tuple(NamedText(key=f"K{i:02}", value=text) for i, text in enumerate(TEXTS))
    one = task("a", settings=StepSettings(env=variables))

    assert "value: '1e3'" in emit_ir(pipeline(one), (one,))
    assert tuple(each["value"] for each in container(one, step="a")["env"])[:-1] == TEXTS


def test_emit_ir__error__raises_with_all_findings() -> None:
    """What KFP cannot do as asked stops the compile."""
    odd = StepSettings(memory="much")
    tasks = (task("a", settings=odd), task("b", modules=("nope_xyz",)))

    with pytest.raises(CompileError, match="KP407") as caught:
        emit_ir(pipeline(*tasks), tasks)

    assert [each.code for each in caught.value.diagnostics] == ["KP402", "KP407"]


def test_emit_ir__broken_tasks__is_our_bug() -> None:
    """What the rules refuse is not written; no user can cause it."""
    orphan = task("b", after=("a",))

    with pytest.raises(KeyError, match="a"):
        emit_ir(pipeline(orphan), (orphan,))


def test_emit_ir__tasks_in_a_circle__is_refused_by_our_rules() -> None:
    """The validator sees every spec before it is written."""
    tasks = (task("a", after=("b",)), task("b", after=("a",)))

    with pytest.raises(ValueError, match="tasks wait for each other: a -> b -> a"):
        emit_ir(pipeline(*tasks), tasks)


def test_emit_ir__output__passes_our_rules_and_kfps_reader() -> None:
    """KFP's own messages take every field, strictly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2
    settings = StepSettings(
        cpu="1", memory="1G", gpu=1, retry=1, timeout_s=5.0, labels=(NamedText(key="a", value="b"),)
    )
    tasks = (SPLIT, TRAIN, task("last", settings=settings))
    text = emit_ir(pipeline(*tasks, parameters=(SEED, LR)), tasks)

    spec, platform = yaml.safe_load_all(text)

    assert validate_ir(text) == ()
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
