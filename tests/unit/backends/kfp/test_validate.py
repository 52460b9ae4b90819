"""Tests of the rules for IR files, each with a spec that breaks it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kernelpipe.backends.kfp import Problem, validate_ir

JSON = dict[str, Any]

ANY = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
MODEL = {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}

VALID: JSON = {
    "schemaVersion": "2.1.0",
    "sdkVersion": "kernelpipe-0.1.0",
    "pipelineInfo": {"name": "demo"},
    "components": {
        "comp-split": {
            "executorLabel": "exec-split",
            "outputDefinitions": {"artifacts": {"X": ANY}},
        },
        "comp-train": {
            "executorLabel": "exec-train",
            "inputDefinitions": {
                "artifacts": {"split-X": ANY},
                "parameters": {"lr": {"parameterType": "NUMBER_DOUBLE"}},
            },
            "outputDefinitions": {
                "artifacts": {"model": MODEL},
                "parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}},
            },
        },
        "comp-report": {
            "executorLabel": "exec-report",
            "inputDefinitions": {
                "artifacts": {"train-model": MODEL},
                "parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}},
            },
        },
    },
    "deploymentSpec": {
        "executors": {
            "exec-split": {"container": {"image": "python:3.11", "args": ["{{$}}"]}},
            "exec-train": {
                "container": {
                    "image": "python:3.11",
                    "command": ["python3", "-c", "pass"],
                    "args": ["{{$}}"],
                    "env": [{"name": "A", "value": "b"}],
                    "resources": {"cpuLimit": 0.5, "accelerator": {"count": "1"}},
                }
            },
            "exec-report": {"container": {"image": "python:3.11"}},
        }
    },
    "root": {
        "dag": {
            "tasks": {
                "split": {
                    "taskInfo": {"name": "split"},
                    "componentRef": {"name": "comp-split"},
                },
                "train": {
                    "taskInfo": {"name": "train"},
                    "componentRef": {"name": "comp-train"},
                    "dependentTasks": ["split"],
                    "cachingOptions": {"enableCache": True},
                    "retryPolicy": {"maxRetryCount": 2, "backoffDuration": "0s"},
                    "inputs": {
                        "parameters": {"lr": {"componentInputParameter": "lr"}},
                        "artifacts": {
                            "split-X": {
                                "taskOutputArtifact": {
                                    "producerTask": "split",
                                    "outputArtifactKey": "X",
                                }
                            }
                        },
                    },
                },
                "report": {
                    "taskInfo": {"name": "report"},
                    "componentRef": {"name": "comp-report"},
                    "dependentTasks": ["split", "train"],
                    "inputs": {
                        "parameters": {
                            "score": {
                                "taskOutputParameter": {
                                    "producerTask": "train",
                                    "outputParameterKey": "score",
                                }
                            }
                        },
                        "artifacts": {
                            "train-model": {
                                "taskOutputArtifact": {
                                    "producerTask": "train",
                                    "outputArtifactKey": "model",
                                }
                            }
                        },
                    },
                },
            }
        },
        "inputDefinitions": {
            "parameters": {
                "lr": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1, "isOptional": True}
            }
        },
    },
}
PLATFORM: JSON = {
    "platforms": {
        "kubernetes": {
            "deploymentSpec": {
                "executors": {
                    "exec-train": {
                        "podMetadata": {"labels": {"team": "a"}},
                        "activeDeadlineSeconds": "90",
                        "secretAsEnv": [
                            {
                                "secretName": "s",
                                "keyToEnv": [{"secretKey": "k", "envVar": "E"}],
                                "optional": False,
                            }
                        ],
                    }
                }
            }
        }
    }
}
TASKS = "root.dag.tasks"
EXECUTORS = "deploymentSpec.executors"


def problems(*documents: object) -> list[str]:
    """Return the problems of documents as text."""
    return [str(problem) for problem in validate_ir(documents)]


def put(path: str, value: object) -> Callable[[JSON], None]:
    """Return a change that sets the place at a path of keys with slashes."""

    def change(spec: JSON) -> None:
        *parents, last = path.split("/")
        place: Any = spec
        for key in parents:
            place = place[int(key) if isinstance(place, list) else key]
        place[int(last) if isinstance(place, list) else last] = value

    return change


def drop(path: str) -> Callable[[JSON], None]:
    """Return a change that removes the place at a path of keys with slashes."""

    def change(spec: JSON) -> None:
        *parents, last = path.split("/")
        place: Any = spec
        for key in parents:
            place = place[key]
        del place[last]

    return change


def test_validate_ir__valid_spec__no_problem() -> None:
    """A spec that uses most features passes, as data and as YAML."""
    assert problems(VALID, PLATFORM) == []
    assert validate_ir(yaml.safe_dump_all([VALID, PLATFORM])) == ()


TRAIN = "root/dag/tasks/train"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            put("schemaVersion", "2.0.0"),
            "schemaVersion: is '2.0.0', must be '2.1.0'",
            id="schema-version",
        ),
        pytest.param(drop("pipelineInfo/name"), "pipelineInfo.name: is missing", id="no-name"),
        pytest.param(
            put("pipelineInfo/name", "My Pipeline"),
            "pipelineInfo.name: 'My Pipeline' is not lower-case letters, digits and dashes",
            id="bad-name",
        ),
        pytest.param(
            put("pipelineInfo/colour", "red"),
            "pipelineInfo.colour: is not a field of PipelineInfo",
            id="unknown-field",
        ),
        pytest.param(
            put(f"{TRAIN}/cachingOptions/enableCache", "yes"),
            f"{TASKS}.train.cachingOptions.enableCache: is 'yes', must be true or false",
            id="wrong-type",
        ),
        pytest.param(
            put(f"{TRAIN}/retryPolicy/backoffDuration", 3),
            f"{TASKS}.train.retryPolicy.backoffDuration: is 3, must be a duration like '30s'",
            id="duration",
        ),
        pytest.param(
            put(f"{TRAIN}/componentRef/name", "comp-nope"),
            f"{TASKS}.train.componentRef.name: no component 'comp-nope'",
            id="component-missing",
        ),
        pytest.param(
            put(f"{TRAIN}/componentRef/name", "comp-split"),
            f"{TASKS}.train.componentRef.name: component 'comp-split' is used by {TASKS}.split, "
            "too: outputs would mix",
            id="component-shared",
        ),
        pytest.param(
            put("components/comp-train/executorLabel", "exec-nope"),
            "components.comp-train.executorLabel: no executor 'exec-nope' in "
            "deploymentSpec.executors",
            id="executor-missing",
        ),
        pytest.param(
            put("components/comp-train/executorLabel", "exec-split"),
            "components.comp-train.executorLabel: executor 'exec-split' is used by component "
            "'comp-split', too",
            id="executor-shared",
        ),
        pytest.param(
            put("components/comp-idle", {"executorLabel": "exec-split"}),
            "components.comp-idle: is used by no task",
            id="component-unused",
        ),
        pytest.param(
            put("deploymentSpec/executors/exec-idle", {"container": {"image": "i"}}),
            f"{EXECUTORS}.exec-idle: is used by no component",
            id="executor-unused",
        ),
        pytest.param(
            put("components/comp-train/dag", {"tasks": {}}),
            "components.comp-train: must have either a dag or an executorLabel",
            id="dag-and-executor",
        ),
        pytest.param(
            put("root/dag/tasks/split/dependentTasks", ["train"]),
            f"{TASKS}: tasks wait for each other: split -> train -> split",
            id="cycle",
        ),
        pytest.param(
            put(f"{TRAIN}/dependentTasks", ["split", "train"]),
            f"{TASKS}.train.dependentTasks: the task depends on itself",
            id="self",
        ),
        pytest.param(
            put(f"{TRAIN}/dependentTasks", ["nope", "split"]),
            f"{TASKS}.train.dependentTasks: no task 'nope'",
            id="dependency-missing",
        ),
        pytest.param(
            put("root/dag/tasks/report/dependentTasks", ["train", "split"]),
            f"{TASKS}.report.dependentTasks: must be sorted, without repetition",
            id="dependencies-unsorted",
        ),
        pytest.param(
            put(f"{TRAIN}/dependentTasks", []),
            f"{TASKS}.train.inputs.artifacts.split-X.taskOutputArtifact.producerTask: 'split' is "
            "not in dependentTasks: the value would race",
            id="data-edge-without-order",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/artifacts/split-X/taskOutputArtifact/outputArtifactKey", "Y"),
            f"{TASKS}.train.inputs.artifacts.split-X.taskOutputArtifact.outputArtifactKey: "
            "no artifact 'Y'",
            id="output-missing",
        ),
        pytest.param(
            put("components/comp-train/outputDefinitions/artifacts/model", ANY),
            f"{TASKS}.report.inputs.artifacts.train-model.taskOutputArtifact: 'model' is "
            "system.Artifact, needs system.Model",
            id="artifact-type",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/parameters/lr", {"componentInputParameter": "rate"}),
            f"{TASKS}.train.inputs.parameters.lr.componentInputParameter: no parameter 'rate'",
            id="parameter-missing",
        ),
        pytest.param(
            put("components/comp-train/inputDefinitions/parameters/lr/parameterType", "STRING"),
            f"{TASKS}.train.inputs.parameters.lr.componentInputParameter: 'lr' is NUMBER_DOUBLE, "
            "needs STRING",
            id="parameter-type",
        ),
        pytest.param(
            put("components/comp-train/outputDefinitions/parameters", {}),
            f"{TASKS}.report.inputs.parameters.score.taskOutputParameter.outputParameterKey: "
            "no output 'score'",
            id="output-parameter-missing",
        ),
        pytest.param(
            put("components/comp-report/inputDefinitions/parameters/score/parameterType", "LIST"),
            f"{TASKS}.report.inputs.parameters.score.taskOutputParameter: 'score' is "
            "NUMBER_DOUBLE, needs LIST",
            id="output-parameter-type",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/parameters/lr", {}),
            f"{TASKS}.train.inputs.parameters.lr: must say where the value comes from",
            id="parameter-without-source",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/artifacts/split-X", {}),
            f"{TASKS}.train.inputs.artifacts.split-X: must say where the artifact comes from",
            id="artifact-without-source",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/artifacts/split-X", {"componentInputArtifact": "X"}),
            f"{TASKS}.train.inputs.artifacts.split-X.componentInputArtifact: no artifact 'X'",
            id="artifact-of-parent-missing",
        ),
        pytest.param(
            put(f"{TRAIN}/inputs/parameters/extra", {"runtimeValue": {"constant": 1}}),
            f"{TASKS}.train.inputs.parameters.extra: is no input of the component",
            id="input-too-much",
        ),
        pytest.param(
            drop(f"{TRAIN}/inputs/parameters"),
            f"{TASKS}.train.inputs.parameters: input 'lr' gets no value",
            id="input-missing",
        ),
        pytest.param(
            put(f"{TRAIN}/taskInfo/name", "Train"),
            f"{TASKS}.train.taskInfo.name: is 'Train', must be 'train': drivers look tasks up by "
            "it",
            id="task-info",
        ),
        pytest.param(
            put(f"{TRAIN}/artifactIterator", {}),
            f"{TASKS}.train.artifactIterator: is refused by the Argo compiler",
            id="artifact-iterator",
        ),
        pytest.param(
            put("components/comp-split/outputDefinitions/artifacts/executor-logs", ANY),
            "components.comp-split.outputDefinitions.artifacts.executor-logs: is a name that the "
            "backend keeps for itself",
            id="executor-logs",
        ),
        pytest.param(
            put("components/comp-split/outputDefinitions/artifacts/X", {"artifactType": {}}),
            "components.comp-split.outputDefinitions.artifacts.X.artifactType: must have a "
            "schemaTitle and a schemaVersion",
            id="artifact-untyped",
        ),
        pytest.param(
            put("root/inputDefinitions/parameters/lr/defaultValue", "high"),
            "root.inputDefinitions.parameters.lr.defaultValue: 'high' is not a NUMBER_DOUBLE",
            id="default-type",
        ),
        pytest.param(
            put("root/inputDefinitions/parameters/lr/defaultValue", float("inf")),
            "root.inputDefinitions.parameters.lr.defaultValue: cannot be passed on unchanged",
            id="default-infinite",
        ),
        pytest.param(
            drop("root/inputDefinitions/parameters/lr/parameterType"),
            "root.inputDefinitions.parameters.lr.parameterType: is missing",
            id="parameter-untyped",
        ),
        pytest.param(
            put("root/inputDefinitions/parameters/lr/parameterType", "NUMBER"),
            "root.inputDefinitions.parameters.lr.parameterType: is 'NUMBER', must be a parameter "
            "type like STRING",
            id="parameter-type-unknown",
        ),
        pytest.param(
            put(f"{'deploymentSpec/executors/exec-train'}/container/image", ""),
            f"{EXECUTORS}.exec-train.container.image: is missing",
            id="image",
        ),
        pytest.param(
            put("deploymentSpec/executors/exec-train/importer", {}),
            f"{EXECUTORS}.exec-train: must have one kind: container, importer, ...",
            id="two-kinds-of-executor",
        ),
        pytest.param(
            put("deploymentSpec/executors/exec-train/container/args", ["x" * 131_072]),
            f"{EXECUTORS}.exec-train.container.args[0]: is 131072 bytes long, the limit is 131071",
            id="argument-size",
        ),
        pytest.param(
            put("deploymentSpec/executors/exec-train/container/args", ["x" * 70_000, "y" * 70_000]),
            f"{EXECUTORS}.exec-train.container: is 140181 bytes as JSON, the limit is 131071",
            id="container-size",
        ),
        pytest.param(
            put(
                "deploymentSpec/executors/exec-train/container/command/2",
                "print({{$.inputs.parameters['lr']}})",
            ),
            f"{EXECUTORS}.exec-train.container.command[2]: holds the placeholder "
            "\"{{$.inputs.parameters['lr']}})\"",
            id="placeholder-in-code",
        ),
        pytest.param(
            put("deploymentSpec/executors/exec-train/container/env/0/value", "{{workflow.uid}}"),
            f"{EXECUTORS}.exec-train.container.env[0].value: holds the placeholder "
            "'{{workflow.uid}}'",
            id="placeholder-in-environment",
        ),
        pytest.param(drop("root"), "root: is missing", id="no-root"),
        pytest.param(put("root", {}), "root.dag: is missing", id="no-dag"),
        pytest.param(
            put("root/dag/tasks", {}),
            f"{TASKS}: must have a task that is no exit task",
            id="no-task",
        ),
        pytest.param(put("root/dag/tasks", []), f"{TASKS}: is [], must be a mapping", id="list"),
        pytest.param(
            put("deploymentSpec/executors/exec-train/container/args", "x"),
            f"{EXECUTORS}.exec-train.container.args: is 'x', must be a list",
            id="no-list",
        ),
        pytest.param(
            put("components/comp-train", None),
            "components.comp-train: is None, must be a mapping",
            id="no-mapping",
        ),
    ],
)
def test_validate_ir__broken_spec__names_the_place(
    change: Callable[[JSON], None], expected: str
) -> None:
    """Each broken rule is reported with the path of the place that breaks it."""
    spec = copy.deepcopy(VALID)
    change(spec)

    assert expected in problems(spec)


ITEM = "pipelinechannel--split-items-loop-item"
LOOP: JSON = {
    "taskInfo": {"name": "loop"},
    "componentRef": {"name": "comp-loop"},
    "dependentTasks": ["split"],
    "inputs": {
        "parameters": {
            "items": {
                "taskOutputParameter": {"producerTask": "split", "outputParameterKey": "items"}
            }
        }
    },
    "iteratorPolicy": {"parallelismLimit": 2},
    "parameterIterator": {"items": {"inputParameter": "items"}, "itemInput": ITEM},
}
"""A task that runs for each item that 'split' gives out; 'gather' takes the list of results."""
LOOP_COMPONENTS: JSON = {
    "comp-loop": {
        "dag": {
            "tasks": {
                "one": {
                    "taskInfo": {"name": "one"},
                    "componentRef": {"name": "comp-one"},
                    "inputs": {"parameters": {"item": {"componentInputParameter": ITEM}}},
                }
            },
            "outputs": {
                "artifacts": {
                    "y": {
                        "artifactSelectors": [{"producerSubtask": "one", "outputArtifactKey": "y"}]
                    }
                }
            },
        },
        "inputDefinitions": {
            "parameters": {"items": {"parameterType": "LIST"}, ITEM: {"parameterType": "STRING"}}
        },
        "outputDefinitions": {"artifacts": {"y": MODEL | {"isArtifactList": True}}},
    },
    "comp-one": {
        "executorLabel": "exec-one",
        "inputDefinitions": {"parameters": {"item": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"y": MODEL}},
    },
    "comp-gather": {
        "executorLabel": "exec-gather",
        "inputDefinitions": {"artifacts": {"loop-y": MODEL | {"isArtifactList": True}}},
    },
}
GATHER: JSON = {
    "taskInfo": {"name": "gather"},
    "componentRef": {"name": "comp-gather"},
    "dependentTasks": ["loop"],
    "inputs": {
        "artifacts": {
            "loop-y": {"taskOutputArtifact": {"producerTask": "loop", "outputArtifactKey": "y"}}
        }
    },
}


def with_a_loop() -> JSON:
    """Return a valid spec that has a loop."""
    spec = copy.deepcopy(VALID)
    spec["components"] |= copy.deepcopy(LOOP_COMPONENTS)
    spec["components"]["comp-split"]["outputDefinitions"]["parameters"] = {
        "items": {"parameterType": "LIST"}
    }
    spec["root"]["dag"]["tasks"] |= copy.deepcopy({"loop": LOOP, "gather": GATHER})
    for name in ("one", "gather"):
        executors = spec["deploymentSpec"]["executors"]
        executors[f"exec-{name}"] = {"container": {"image": "python:3.11"}}
    return spec


def test_validate_ir__valid_loop__no_problem() -> None:
    """What comes out of it is a list."""
    assert problems(with_a_loop()) == []


INNER = "components/comp-loop/dag"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            put("root/dag/tasks/loop/parameterIterator/items/inputParameter", "gone"),
            f"{TASKS}.loop.parameterIterator.items: 'gone' is no input of the task",
            id="no-items",
        ),
        pytest.param(
            put("components/comp-loop/inputDefinitions/parameters/items/parameterType", "STRING"),
            f"{TASKS}.loop.parameterIterator.items: 'items' is no LIST",
            id="items-are-no-list",
        ),
        pytest.param(
            put("root/dag/tasks/loop/parameterIterator/itemInput", "gone"),
            f"{TASKS}.loop.parameterIterator.itemInput: 'gone' is no input of the component",
            id="no-item-input",
        ),
        pytest.param(
            put(f"root/dag/tasks/loop/inputs/parameters/{ITEM}", {"runtimeValue": {"constant": 1}}),
            f"{TASKS}.loop.parameterIterator.itemInput: '{ITEM}' gets another value, too",
            id="item-input-with-a-value",
        ),
        pytest.param(
            put("root/dag/tasks/loop/componentRef/name", "comp-gather"),
            f"{TASKS}.loop.parameterIterator: needs a sub-DAG: an executor's outputs would mix",
            id="loop-without-a-dag",
        ),
        pytest.param(
            put("root/dag/tasks/loop/triggerPolicy", {"condition": "true"}),
            f"{TASKS}.loop.triggerPolicy.condition: a loop may not have one: what comes after it "
            "would run all the same",
            id="loop-with-a-condition",
        ),
        pytest.param(
            put("root/dag/tasks/loop/iteratorPolicy/parallelismLimit", -1),
            f"{TASKS}.loop.iteratorPolicy.parallelismLimit: is -1",
            id="limit-below-zero",
        ),
        pytest.param(
            put("components/comp-gather/inputDefinitions/artifacts/loop-y/isArtifactList", False),
            f"{TASKS}.gather.inputs.artifacts.loop-y.taskOutputArtifact: is a list, where the "
            "component takes one artifact",
            id="list-for-one",
        ),
        pytest.param(
            put(
                "components/comp-train/inputDefinitions/artifacts/split-X",
                ANY | {"isArtifactList": True},
            ),
            f"{TASKS}.train.inputs.artifacts.split-X.taskOutputArtifact: is one artifact, where "
            "the component takes a list",
            id="one-for-a-list",
        ),
        pytest.param(
            put(
                "components/comp-gather",
                LOOP_COMPONENTS["comp-gather"] | {"dag": {"tasks": {"one": GATHER}}},
            ),
            f"{TASKS}.gather.inputs.artifacts.loop-y.taskOutputArtifact: of a list that enters a "
            "sub-DAG only one is left there",
            id="list-into-a-dag",
        ),
        pytest.param(
            drop(f"{INNER}/outputs"),
            "components.comp-loop.dag.outputs.artifacts: output 'y' comes from no task",
            id="output-without-selector",
        ),
        pytest.param(
            put(f"{INNER}/outputs/artifacts/z", {}),
            "components.comp-loop.dag.outputs.artifacts.z: is no output of the component",
            id="undeclared-output",
        ),
        pytest.param(
            put(f"{INNER}/outputs/artifacts/y/artifactSelectors", []),
            "components.comp-loop.dag.outputs.artifacts.y: must have one selector: drivers take "
            "the last alone",
            id="no-selector",
        ),
        pytest.param(
            put(f"{INNER}/outputs/artifacts/y/artifactSelectors/0/producerSubtask", "gone"),
            "components.comp-loop.dag.outputs.artifacts.y: no task 'gone'",
            id="selector-of-no-task",
        ),
        pytest.param(
            put(f"{INNER}/outputs/artifacts/y/artifactSelectors/0/outputArtifactKey", "gone"),
            "components.comp-loop.dag.outputs.artifacts.y: no output 'gone' of task 'one'",
            id="selector-of-no-output",
        ),
        pytest.param(
            put("components/comp-one/outputDefinitions/artifacts/y", ANY),
            "components.comp-loop.dag.outputs.artifacts.y: 'y' is system.Artifact, not "
            "system.Model",
            id="selector-of-another-kind",
        ),
    ],
)
def test_validate_ir__broken_loop__names_the_place(
    change: Callable[[JSON], None], expected: str
) -> None:
    """So is each rule about loops, lists of artifacts and what a DAG hands on."""
    spec = with_a_loop()
    change(spec)

    assert expected in problems(spec)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("train-driver", "is a name that the backend keeps for itself", id="driver"),
        pytest.param("root", "is a name that the backend keeps for itself", id="root"),
        pytest.param(
            "Train_1",
            "is not a name of at most 63 lower-case letters, digits and dashes",
            id="upper-case",
        ),
    ],
)
def test_validate_ir__bad_task_name__names_the_task(name: str, message: str) -> None:
    """Task names that the backend or Argo does not take are reported."""
    spec = copy.deepcopy(VALID)
    tasks = spec["root"]["dag"]["tasks"]
    tasks[name] = tasks.pop("report") | {"taskInfo": {"name": name}}

    assert problems(spec) == [f"{TASKS}.{name}: {message}"]


def test_validate_ir__only_exit_task__is_refused() -> None:
    """A task that runs whatever happens is not enough for a DAG."""
    spec = copy.deepcopy(VALID)
    for task in spec["root"]["dag"]["tasks"].values():
        task["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}

    assert problems(spec) == [f"{TASKS}: must have a task that is no exit task"]


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param([], "the file: has 0 pipeline specs, must have one", id="empty"),
        pytest.param([VALID, VALID], "the file: has 2 pipeline specs, must have one", id="two"),
        pytest.param([VALID, 3], "the file: document 2 is not a mapping", id="number"),
        pytest.param(
            [VALID, PLATFORM, PLATFORM],
            "the file: has 2 platform specs, may have at most one",
            id="two-platforms",
        ),
    ],
)
def test_validate_ir__wrong_documents__says_so(documents: list[object], expected: str) -> None:
    """A file has one pipeline spec and at most one platform spec."""
    assert problems(*documents) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            put("platforms/aws", {}), "platforms.aws: only kubernetes is known", id="platform"
        ),
        pytest.param(
            put("platforms/kubernetes/deploymentSpec/executors", {"exec-nope": {}}),
            "platforms.kubernetes.deploymentSpec.executors.exec-nope: no such executor in the "
            "pipeline spec",
            id="executor",
        ),
        pytest.param(
            put("platforms/kubernetes/deploymentSpec/executors", {"exec-train": {"pods": 3}}),
            "platforms.kubernetes.deploymentSpec.executors.exec-train.pods: is not a field of "
            "KubernetesExecutor",
            id="field",
        ),
    ],
)
def test_validate_ir__broken_platform__names_the_place(
    change: Callable[[JSON], None], expected: str
) -> None:
    """The platform document is checked, too, and against the pipeline spec."""
    platform = copy.deepcopy(PLATFORM)
    change(platform)

    assert problems(VALID, platform) == [expected]


def test_validate_ir__no_yaml__says_so() -> None:
    """Text that is no YAML is one problem of the whole file."""
    (problem,) = validate_ir("a: [")

    assert str(problem).startswith("the file: is not YAML: ")


def test_validate_ir__key_that_is_no_text__is_refused() -> None:
    """JSON has text keys only."""
    spec = copy.deepcopy(VALID)
    spec["components"][3] = {}

    assert "components: has the key 3, which is not text" in problems(spec)


def test_problem__odd_key__is_in_brackets() -> None:
    """Keys that are no plain words are quoted in paths."""
    spec = copy.deepcopy(VALID)
    spec["root"]["inputDefinitions"]["parameters"]["a b"] = {"parameterType": "STRNG"}

    assert validate_ir([spec]) == (
        Problem(
            path="root.inputDefinitions.parameters['a b'].parameterType",
            message="is 'STRNG', must be a parameter type like STRING",
        ),
    )
