"""Tests that run emitted IR files with KFP's own local executor: real containers' programs."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from kfp_local import KfpRun, run_ir
from kfp_specs import parameter, pipeline, task

from kernelpipe.backends.kfp import emit_ir
from kernelpipe.backends.kfp.local_run import LocalKfp
from kernelpipe.compiler.task import Task
from kernelpipe.errors import BackendError, BackendUnavailableError
from kernelpipe.model.pipeline import Parameter, ParameterType
from kernelpipe.model.settings import NamedText, StepSettings
from kernelpipe.runtime.values import read_values

pytestmark = pytest.mark.integration


def run(
    *tasks: Task,
    directory: Path,
    parameters: tuple[Parameter, ...] = (),
    given: Mapping[str, object] | None = None,
) -> KfpRun:
    """Emit the pipeline of ``tasks`` to a file and run the file."""
    path = directory / "pipeline.yaml"
    whole = pipeline(*tasks, parameters=parameters, path=directory / "demo.ipynb")
    path.write_text(emit_ir(whole, tasks), encoding="utf-8")
    return run_ir(path, directory / "root", parameters=given)


def values(found: KfpRun, step: str, port: str) -> dict[str, object]:
    """Return the values in the file of a port."""
    return read_values(found.values[step, port])


def test_kfp_local__values_and_metrics__flow_between_pods(tmp_path: Path) -> None:
    """Each pod reads what earlier ones wrote; metrics and facts are in their artifacts."""
    found = run(
        task("split", source="X = [1, 2, 3]\nprint('ready')", outputs=("X",)),
        task(
            "train",
            source="acc = sum(X) / 8\nmodel = {'weights': X}",
            after=("split",),
            inputs=(("split", "X"),),
            outputs=("model",),
            metrics=("acc",),
        ),
        task(
            "last",
            source="assert model['weights'][2] == 3",
            after=("train",),
            inputs=(("train", "model"),),
        ),
        directory=tmp_path,
    )

    assert found.is_succeeded, found.log
    assert found.metrics == {"train": {"acc": 0.75}}
    assert values(found, "train", "model") == {"model": {"weights": [1, 2, 3]}}
    assert found.metadata["train", "run-metrics"] == {"acc": 0.75}
    assert found.metadata["split", "X"].keys() >= {"bytes", "format", "sha256", "type"}
    assert "ready" in found.log
    assert "<title>train</title>" in found.reports["train"].read_text(encoding="utf-8")


PARAMETERS = (
    parameter("number", 2, ParameterType.INTEGER),
    parameter("rate", 0.5, ParameterType.DOUBLE),
    parameter("text", "a", ParameterType.STRING),
    parameter("flag", False, ParameterType.BOOLEAN),
    parameter("items", [1, 2], ParameterType.LIST),
    parameter("options", {"a": 1}, ParameterType.STRUCT),
    parameter("limit", None, ParameterType.INTEGER, is_nullable=True),
    parameter("anything", None, ParameterType.ANY, is_nullable=True),
    parameter("large", 2**60 + 1, ParameterType.INTEGER),
    parameter("braces", "{{$.inputs}}", ParameterType.STRING),
)
SEEN = task(
    "see",
    source="seen = [number, rate, text, flag, items, options, limit, anything, large, braces]",
    parameters=PARAMETERS,
    outputs=("seen",),
)


def test_kfp_local__three_first_steps__get_the_runtime_from_a_task(tmp_path: Path) -> None:
    """Each hands it on to later steps as well; the task is there, and is no step."""
    found = run(
        *(task(name, source=f"{name} = '{name}'", outputs=(name,)) for name in "abc"),
        task(
            "last",
            source="d = a + b + c",
            after=("a", "b", "c"),
            inputs=(("a", "a"), ("b", "b"), ("c", "c")),
            outputs=("d",),
        ),
        directory=tmp_path,
    )

    assert found.is_succeeded, found.log
    assert values(found, "last", "d") == {"d": "abc"}
    assert [path.name for path in found.directory.glob("*/kernelpipe-runtime")] == [
        "kernelpipe-runtime"
    ]
    assert {step for step, _ in found.values} == {"a", "b", "c", "last"}


def test_kfp_local__defaults__are_the_notebooks(tmp_path: Path) -> None:
    """Values come through protobuf as they were written."""
    found = run(SEEN, directory=tmp_path, parameters=PARAMETERS)

    assert found.is_succeeded, found.log
    assert repr(values(found, "see", "seen")["seen"]) == repr(
        [2, 0.5, "a", False, [1, 2], {"a": 1}, None, None, 2**60 + 1, "{{$.inputs}}"]
    )


def test_kfp_local__given_values__keep_their_types(tmp_path: Path) -> None:
    """Numbers that protobuf makes doubles come back as what the parameter is."""
    given = {
        "number": 3,
        "rate": 1.0,
        "text": 'say "hi" {}',
        "flag": True,
        "items": [4, 5, 6],
        "options": '{"b": [1, 2.5], "a": 1.0}',
        "limit": "7",
        "anything": "[1, null]",
        "large": "3",
        "braces": '"x"',
    }

    found = run(SEEN, directory=tmp_path, parameters=PARAMETERS, given=given)

    assert found.is_succeeded, found.log
    assert repr(values(found, "see", "seen")["seen"]) == repr(
        [3, 1.0, 'say "hi" {}', True, [4, 5, 6], {"b": [1, 2.5], "a": 1.0}, 7, [1, None], 3, "x"]
    )


def test_kfp_local__wrong_value__stops_the_step_with_its_name(tmp_path: Path) -> None:
    """KFP cannot check JSON text; the pod does, and the report says so."""
    found = run(SEEN, directory=tmp_path, parameters=PARAMETERS, given={"limit": "many"})

    message = "step 'see': parameter 'limit' is \"many\", must be int or null"
    assert not found.is_succeeded
    assert f"kernelpipe: {message}" in found.log
    assert "must be int or null" in found.reports["see"].read_text(encoding="utf-8")


def test_kfp_local__failing_cell__is_named_and_the_report_kept(tmp_path: Path) -> None:
    """A failed step leaves its executed notebook; what depends on it does not run."""
    found = run(
        task("bad", source="print('before')\n1 / 0", outputs=("x",)),
        task("after", after=("bad",), inputs=(("bad", "x"),)),
        directory=tmp_path,
    )

    assert not found.is_succeeded
    assert "kernelpipe: step 'bad', cell 1: ZeroDivisionError: division by zero" in found.log
    assert "before" in found.log
    assert "ZeroDivisionError" in found.reports["bad"].read_text(encoding="utf-8")
    assert sorted(found.reports) == ["bad"]


def test_kfp_local__dying_kernel__fails_the_step(tmp_path: Path) -> None:
    """A kernel that is gone is an error of the cell in which it died."""
    found = run(task("bad", source="import os\nos._exit(9)"), directory=tmp_path)

    assert not found.is_succeeded
    assert "step 'bad', cell 1: DeadKernelError" in found.log


def test_kfp_local__local_modules__are_importable(tmp_path: Path) -> None:
    """Modules beside the notebook travel with the step, with their data files."""
    package = tmp_path / "kit_xyz"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from pathlib import Path\nDATA = (Path(__file__).parent / 'd.bin').read_bytes()\n"
    )
    (package / "d.bin").write_bytes(b"\xff\x00")
    (tmp_path / "own_xyz.py").write_text("import kit_xyz\nvalue = list(kit_xyz.DATA)\n")

    found = run(
        task("a", source="import own_xyz\nx = own_xyz.value", outputs=("x",), modules=("own_xyz",)),
        directory=tmp_path,
    )

    assert found.is_succeeded, found.log
    assert values(found, "a", "x") == {"x": [255, 0]}


def test_kfp_local__environment__is_set(tmp_path: Path) -> None:
    """Variables from tags are there, and sets have the same order everywhere."""
    settings = StepSettings(env=(NamedText(key="MODE", value="a b"),), report=False)
    source = "import os, sys\nx = [os.environ['MODE'], os.environ['PYTHONHASHSEED'], sys.path[0]]"

    found = run(task("a", source=source, outputs=("x",), settings=settings), directory=tmp_path)

    assert found.is_succeeded, found.log
    assert values(found, "a", "x")["x"][:2] == ["a b", "0"]  # type: ignore[index]  # a list
    assert found.reports == {}


def test_kfp_local__other_python__is_refused(tmp_path: Path) -> None:
    """An image with another Python is not used in silence."""
    one = task("a")
    path = tmp_path / "pipeline.yaml"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = emit_ir(pipeline(one), (one,))
    path.write_text(text.replace(f"'{here}'", "'3.5'"), encoding="utf-8")

    found = run_ir(path, tmp_path / "root")

    assert not found.is_succeeded
    assert f"step 'a' was compiled with Python 3.5, the image has Python {here}" in found.log


def test_kfp_local__damaged_payload__is_refused(tmp_path: Path) -> None:
    """What did not arrive whole is not run."""
    one = task("a")
    path = tmp_path / "pipeline.yaml"
    text = emit_ir(pipeline(one), (one,))
    path.write_text(re.sub("(- '?)eN", r"\1eM", text), encoding="utf-8")

    found = run_ir(path, tmp_path / "root")

    assert not found.is_succeeded
    assert "step 'a' did not arrive as it was compiled" in found.log


def test_container__bare_python__runs_the_step(tmp_path: Path) -> None:
    """An image needs nothing but Python: no kernel, no IPython, no packages, not even pip."""
    venv.create(tmp_path / "bare", with_pip=False)
    source = "class Point:\n    x = 3\np = Point()\nacc = p.x / 4\nprint('here')\nacc"
    one = task("a", source=source, outputs=("p",), metrics=("acc",))
    spec = yaml.safe_load(emit_ir(pipeline(one), (one,)))
    container = spec["deploymentSpec"]["executors"]["exec-a"]["container"]
    ports = ("p", "run-metrics", "run-report")
    executor_input = {
        "inputs": {},
        "outputs": {
            "artifacts": {
                name: {"artifacts": [{"name": name, "uri": str(tmp_path / "out" / name)}]}
                for name in ports
            },
            "outputFile": str(tmp_path / "out" / "output.json"),
        },
    }
    arguments = [*container["command"], *container["args"]][1:]

    done = subprocess.run(
        [
            str(tmp_path / "bare" / "bin" / "python"),
            *(json.dumps(executor_input) if each == "{{$}}" else each for each in arguments),
        ],
        env={each["name"]: each["value"] for each in container["env"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr
    assert "step 'a': no ipykernel or nbconvert here: running without a kernel" in done.stderr
    assert json.loads((tmp_path / "out" / "run-metrics").read_text()) == {"acc": 0.75}
    assert "<pre>0.75</pre>" in (tmp_path / "out" / "run-report").read_text()
    assert json.loads((tmp_path / "out" / "output.json").read_text())["artifacts"].keys() == {
        *ports
    }


def test_kfp_local__file_that_kfp_refuses__is_told_and_the_next_one_runs(tmp_path: Path) -> None:
    """One executor runs many files; what kfp thinks of one is no reason to end."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("components: {}\n", encoding="utf-8")

    with pytest.raises(BackendError, match=r"kfp\.local refuses the pipeline: \w+Error"):
        run_ir(bad, tmp_path / "bad")

    assert run(task("a", source="x = 1"), directory=tmp_path).is_succeeded


def test_kfp_local__executor_that_breaks__says_what_is_missing(tmp_path: Path) -> None:
    """Where kfp cannot be imported, the extra is named that brings it."""
    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / "kfp.py").write_text("raise ImportError('no kfp here')\n", encoding="utf-8")
        patch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        broken = LocalKfp()

    with broken, pytest.raises(BackendUnavailableError, match="no kfp here") as found:
        broken.run(tmp_path / "any.yaml", tmp_path / "root", {})

    assert "kernelpipe[kfp]" in str(found.value)


def test_kfp_local__series__are_with_the_metrics(tmp_path: Path) -> None:
    """Metrics over time are kept whole."""
    found = run(task("a", source="loss = [2.0, 1]", metrics=("loss",)), directory=tmp_path)

    assert found.metrics == {"a": {"loss": [2.0, 1]}}
