"""Tests of the task that hands the runtime to the steps that come first."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp import emit_ir
from kernelpipe.backends.kfp.payload import unpack
from kernelpipe.compiler.task import Task
from kernelpipe.model.settings import (
    NamedText,
    PullPolicy,
    SecretEnv,
    StepSettings,
    Toleration,
)

JSON = dict[str, Any]
NAME = "kernelpipe-runtime"


def emit(*tasks: Task) -> list[JSON]:
    """Return the IR documents of a pipeline of ``tasks``."""
    return list(yaml.safe_load_all(emit_ir(pipeline(*tasks), tasks)))


def roots(*settings: StepSettings) -> list[Task]:
    """Return steps that wait for nothing, one for each settings."""
    return [task(f"s{number}", settings=each) for number, each in enumerate(settings)]


def container(spec: JSON, name: str) -> JSON:
    """Return the container of a task."""
    found: JSON = spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
    return found


def test_build__three_first_steps__get_the_runtime_from_one_task() -> None:
    """The workflow holds the runtime once; a later step has it from the step before, as ever."""
    spec = emit(*roots(*[StepSettings()] * 3), task("last", after=("s1",)))[0]

    tasks = spec["root"]["dag"]["tasks"]
    runtime = {"taskOutputArtifact": {"producerTask": NAME, "outputArtifactKey": "run-runtime"}}
    assert sorted(tasks) == [NAME, "last", "s0", "s1", "s2"]
    for name in ("s0", "s1", "s2"):
        assert tasks[name]["dependentTasks"] == [NAME]
        assert tasks[name]["inputs"]["artifacts"] == {"kernelpipe.runtime": runtime}
        assert len(container(spec, name)["args"]) == 6
    assert tasks["last"]["dependentTasks"] == ["s1"]
    assert tasks[NAME] == {
        "taskInfo": {"name": NAME},
        "componentRef": {"name": f"comp-{NAME}"},
        "cachingOptions": {"enableCache": False},
    }
    word, placeholder, step, part = container(spec, NAME)["args"]
    assert (word, placeholder, step) == ("kfp.dsl.executor_main", "{{$}}", "")
    assert "runtime/kernelpipe_runtime/pod.py" in unpack(part)


def test_build__two_first_steps__carry_the_runtime_themselves() -> None:
    """One more pod would not pay."""
    spec = emit(*roots(StepSettings(), StepSettings()))[0]

    assert sorted(spec["root"]["dag"]["tasks"]) == ["s0", "s1"]
    assert len(container(spec, "s0")["args"]) == 7


def test_build__on_exit_step__carries_the_runtime_itself() -> None:
    """It must run when no other task did; the runtime task is one of those that it waits for."""
    leaving = task("leave", settings=StepSettings(on_exit=True))

    spec = emit(*roots(*[StepSettings()] * 3), leaving)[0]

    assert sorted(spec["root"]["dag"]["tasks"]) == ["exit-handler-1", "leave"]
    inner = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert sorted(inner) == [NAME, "s0", "s1", "s2"]
    assert len(container(spec, "leave")["args"]) == 7


def test_build__on_exit_step_and_two_first_ones__need_no_task() -> None:
    """The on-exit step is not one that could be served."""
    spec = emit(
        *roots(StepSettings(), StepSettings()), task("leave", settings=StepSettings(on_exit=True))
    )[0]

    assert f"comp-{NAME}" not in spec["components"]


def test_build__step_of_the_same_name__keeps_it() -> None:
    """The user's names come first."""
    spec = emit(task(NAME), *roots(*[StepSettings()] * 2))[0]

    assert sorted(spec["root"]["dag"]["tasks"]) == [NAME, f"{NAME}-1", "s0", "s1"]
    assert container(spec, NAME)["args"][2] == NAME


def test_build__cached_step__has_a_cached_runtime() -> None:
    """Another artifact in each run would be another input: the step would never be found."""
    spec = emit(*roots(StepSettings(cache=True), StepSettings(), StepSettings()))[0]

    assert spec["root"]["dag"]["tasks"][NAME]["cachingOptions"] == {"enableCache": True}


def test_build__pod__is_like_those_of_most_first_steps() -> None:
    """Image and what pods need in that place; but neither their secrets nor their size."""
    own = StepSettings(
        image="lab/py:1",
        memory="64Gi",
        cpu_request="8",
        gpu=1,
        retry=2,
        timeout_s=5.0,
        secrets=(SecretEnv(secret="db", key="k", env="K"),),
        labels=(NamedText(key="team", value="a"),),
        tolerations=(Toleration(key="gpu", operator="Exists"),),
        node_selector=(NamedText(key="zone", value="b"),),
        image_pull_secrets=("registry",),
        image_pull_policy=PullPolicy.ALWAYS,
    )
    plain = StepSettings(image="other:2")

    spec, platform = emit(*roots(plain, own, replace(own, retry=4)))

    made = container(spec, NAME)
    assert made["image"] == "lab/py:1"
    assert made["resources"] == {
        "cpuLimit": 0.5,
        "resourceCpuLimit": "500m",
        "memoryLimit": pytest.approx(0.268435456),
        "resourceMemoryLimit": "256Mi",
    }
    assert spec["root"]["dag"]["tasks"][NAME]["retryPolicy"]["maxRetryCount"] == 4
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors[f"exec-{NAME}"] == {
        "podMetadata": {"labels": {"team": "a"}},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "nodeSelector": {"labels": {"zone": "b"}},
        "imagePullSecret": [
            {
                "secretName": "registry",
                "secretNameParameter": {"runtimeValue": {"constant": "registry"}},
            }
        ],
        "imagePullPolicy": "Always",
    }


def start(outputs: JSON) -> subprocess.CompletedProcess[str]:
    """Run the task's program as its container does, with these outputs."""
    made = container(emit(*roots(*[StepSettings()] * 3))[0], NAME)
    given = json.dumps({"inputs": {}, "outputs": outputs})
    words = [given if word == "{{$}}" else word for word in (*made["command"], *made["args"])]
    return subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)


def test_program__writes_the_runtime_and_says_so(tmp_path: Path) -> None:
    """Where KFP wants it, and with the word for KFP that it is there."""
    artifact = {"name": "run-runtime", "uri": str(tmp_path / "deep" / "run-runtime")}
    outputs = {
        "artifacts": {"run-runtime": {"artifacts": [artifact]}},
        "outputFile": str(tmp_path / "out" / "output.json"),
    }

    done = start(outputs)

    assert (done.returncode, done.stderr) == (0, "")
    assert "start.py" in unpack((tmp_path / "deep" / "run-runtime").read_text())
    assert json.loads((tmp_path / "out" / "output.json").read_text()) == {
        "artifacts": {"run-runtime": {"artifacts": [artifact | {"metadata": {}}]}}
    }


def test_program__no_place_to_write__explains_itself(tmp_path: Path) -> None:
    """One line in the log, no traceback."""
    (tmp_path / "file").write_text("")
    artifact = {"name": "run-runtime", "uri": str(tmp_path / "file" / "deep" / "run-runtime")}

    done = start({"artifacts": {"run-runtime": {"artifacts": [artifact]}}, "outputFile": "/x"})

    assert done.returncode == 1
    assert done.stderr.startswith(
        "kernelpipe: its runtime could not be handed to the steps that come first: the pipeline "
        "root has no place to write it to (NotADirectoryError: "
    )
    assert done.stderr.count("\n") == 1
