"""Tests of the container's program around a kernel that only pretends to run the step."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.runtime import plain as plain_module
from kernelpipe.runtime import pod
from kernelpipe.runtime.pod import local_path, plain
from kernelpipe.runtime.pod_loops import read_bundle

JSON = dict[str, Any]
Run = Callable[..., int]

DOCUMENT: JSON = {
    "version": 1,
    "pipeline": "demo",
    "step": "train",
    "setup": [],
    "cells": [{"index": 4, "id": "c4", "role": "step", "source": "model = X"}],
    "tests": [],
    "parameters": [
        {"name": "n", "type": "int", "default": 1, "nullable": False, "cell": 0},
    ],
    "derivations": {},
    "inputs": [{"step": "split", "port": "X", "names": ["X", "y"]}],
    "outputs": [{"port": "model", "names": ["model"], "cells": {"model": 4}}],
    "metrics": ["acc"],
    "removed": [],
    "shared": {},
}
RESULT: JSON = {
    "metrics": {"acc": 0.5, "ok": True, "bad": float("nan")},
    "outputs": {"model": {"format": "pickle", "type": "dict", "bytes": 3, "sha256": "ab"}},
    "error": None,
}


class FakeKernel:
    """Writes what a step's runtime would write; ``outputs`` are those of the step's cell."""

    def __init__(self) -> None:
        self.result: JSON | None = RESULT
        self.outputs: list[JSON] = []
        self.tags: list[str] = []
        self.writes_model = True
        self.call: JSON = {}
        self.environment: dict[str, str] = {}

    def __call__(
        self,
        notebook: Mapping[str, Any],
        *,
        root: Path,
        work: Path,
        on_cell: Callable[[JSON], None],
    ) -> JSON:
        """Take the place of the real one."""
        assert Path.cwd() == work
        self.environment = dict(os.environ)
        self.call = json.loads((root / "call.json").read_text())
        if self.writes_model:
            Path(self.call["outputs"]["model"]).write_text("model")
        if self.result is not None:
            Path(self.call["result"]).write_text(json.dumps(self.result))
        executed: JSON = json.loads(json.dumps(notebook))
        for cell in executed["cells"]:
            if cell["metadata"]["kernelpipe"].get("cell") == 4:
                cell["outputs"] = self.outputs
                cell["metadata"]["tags"] = self.tags
                on_cell(cell)
        return executed


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    """Return the kernel that pods use; the process's state is restored afterwards."""
    fake = FakeKernel()
    monkeypatch.setattr(pod, "has_kernel", lambda: True)
    monkeypatch.setattr(pod, "run_in_kernel", fake)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", os.environ.get("HOME", "/"))
    monkeypatch.chdir(Path.cwd())
    return fake


@pytest.fixture
def run(tmp_path: Path, kernel: FakeKernel) -> Run:
    """Return a function that runs the pod; KFP's files are in ``out``, the input in ``in``."""
    del kernel  # only that it is in place
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "X").write_text("X")

    def start(
        *,
        document: JSON = DOCUMENT,
        given: JSON | None = None,
        shared: JSON | None = None,
        **step: Any,
    ) -> int:
        root = tmp_path / "root"
        root.mkdir()
        (root / "shared.json").write_text(json.dumps(shared or {"setup": [], "tools": {}}))
        packages: JSON = {"platform": sys.platform, "pins": {}, "needed": {}, "tools": {}}
        content = {"document": document, "json_parameters": [], **packages, **step}
        (root / "step.json").write_text(json.dumps(content))
        (root / "runtime.txt").write_text("the runtime")
        return pod.main(str(root), json.dumps(given or executor_input(tmp_path)))

    return start


def executor_input(directory: Path) -> JSON:
    """Return KFP's ExecutorInput."""

    def artifacts(*names: str) -> JSON:
        return {
            name: {"artifacts": [{"name": name, "uri": str(directory / "out" / name)}]}
            for name in names
        }

    return {
        "inputs": {
            "parameterValues": {"n": 2.0},
            "artifacts": {"split-X": {"artifacts": [{"uri": str(directory / "in" / "X")}]}},
        },
        "outputs": {
            "artifacts": artifacts("model", "run-metrics", "run-report"),
            "outputFile": str(directory / "out" / "executor_output.json"),
        },
    }


def test_main__step_succeeds__writes_executor_output(
    run: Run, kernel: FakeKernel, tmp_path: Path
) -> None:
    """Files are where KFP wants them; facts are metadata that KFP can hold."""
    assert run() == 0

    assert kernel.call["parameters"] == {"n": 2}
    assert kernel.call["inputs"] == {"split/X": str(tmp_path / "in" / "X")}
    out = tmp_path / "out"
    assert json.loads((out / "executor_output.json").read_text()) == {
        "artifacts": {
            "model": {
                "artifacts": [
                    {
                        "name": "model",
                        "uri": str(out / "model"),
                        "metadata": {
                            "format": "pickle",
                            "type": "dict",
                            "bytes": 3,
                            "sha256": "ab",
                        },
                    }
                ]
            },
            "run-metrics": {
                "artifacts": [
                    {
                        "name": "run-metrics",
                        "uri": str(out / "run-metrics"),
                        "metadata": {"acc": 0.5, "ok": 1, "bad": "NaN"},
                    }
                ]
            },
            "run-report": {
                "artifacts": [
                    {"name": "run-report", "uri": str(out / "run-report"), "metadata": {}}
                ]
            },
        }
    }
    assert json.loads((out / "run-metrics").read_text())["ok"] is True
    assert "<title>train</title>" in (out / "run-report").read_text()
    assert not (tmp_path / "root").exists()


def test_main__others_need_the_runtime__it_is_handed_on(run: Run, tmp_path: Path) -> None:
    """The text that the bootstrap got is what the next steps get."""
    given = executor_input(tmp_path)
    given["outputs"]["artifacts"]["run-runtime"] = {
        "artifacts": [{"name": "run-runtime", "uri": str(tmp_path / "out" / "run-runtime")}]
    }

    assert run(given=given) == 0
    assert (tmp_path / "out" / "run-runtime").read_text() == "the runtime"


def test_main__no_metrics_no_report__writes_none(run: Run, tmp_path: Path) -> None:
    """What the backend does not ask for is not written."""
    given = executor_input(tmp_path)
    del given["outputs"]["artifacts"]["run-metrics"]
    del given["outputs"]["artifacts"]["run-report"]

    assert run(given=given) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "executor_output.json",
        "model",
    ]


def test_main__cell_fails__says_where_and_keeps_the_report(
    run: Run, kernel: FakeKernel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log names step and cell; the report shows the traceback."""
    kernel.result = None
    kernel.outputs = [
        {"output_type": "stream", "name": "stdout", "text": "working\n"},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["Trace: no"]},
    ]

    assert run() == 1

    log = capfd.readouterr()
    assert log.out == "working\nTrace: no\n"
    assert log.err == "kernelpipe: step 'train', cell 4: ValueError: no\n"
    assert "Trace: no" in (tmp_path / "out" / "run-report").read_text()
    assert not (tmp_path / "out" / "executor_output.json").exists()


def test_main__error_that_a_tag_allows__is_no_failure(run: Run, kernel: FakeKernel) -> None:
    """Cells may be meant to raise."""
    kernel.tags = ["raises-exception"]
    kernel.outputs = [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]

    assert run() == 0


def test_main__save_fails__names_the_cell_of_the_value(
    run: Run, kernel: FakeKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the runtime records comes first."""
    kernel.result = {"error": {"cell": 4, "ename": "TypeError", "evalue": "cannot store 'model'"}}

    assert run() == 1
    assert "step 'train', cell 4: TypeError: cannot store 'model'" in capfd.readouterr().err


def test_main__error_without_text_or_cell__is_short(
    run: Run, kernel: FakeKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    """A bare exception is named alone."""
    kernel.result = {"error": {"cell": None, "ename": "KeyboardInterrupt", "evalue": ""}}

    assert run() == 1
    assert capfd.readouterr().err == "kernelpipe: step 'train': KeyboardInterrupt\n"


def test_main__no_result__is_a_failure(
    run: Run, kernel: FakeKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    """A step that says nothing has not succeeded."""
    kernel.result = None

    assert run() == 1
    assert capfd.readouterr().err == "kernelpipe: step 'train' ended without a result\n"


def test_main__missing_output_file__is_a_failure(
    run: Run, kernel: FakeKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    """The cluster would only warn."""
    kernel.writes_model = False

    assert run() == 1
    assert capfd.readouterr().err == "kernelpipe: step 'train' wrote no file for 'model'\n"


def test_main__missing_input__names_the_values(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A value that did not arrive is named before the step starts, in the report, too."""
    (tmp_path / "in" / "X").unlink()

    assert run() == 1

    assert "step 'train': 'X', 'y' of step 'split' did not arrive" in capfd.readouterr().err
    assert "did not arrive" in (tmp_path / "out" / "run-report").read_text()


def test_main__no_artifact_for_an_input__names_the_values(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same when the backend passes nothing at all."""
    given = executor_input(tmp_path)
    given["inputs"]["artifacts"] = {}

    assert run(given=given) == 1
    assert "did not arrive (no file None)" in capfd.readouterr().err


def test_main__no_place_for_an_output__is_a_failure(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A backend that gives no place for an output is told so."""
    given = executor_input(tmp_path)
    del given["outputs"]["artifacts"]["model"]

    assert run(given=given) == 1
    assert "the backend gives no place for 'model'" in capfd.readouterr().err


def test_main__image_versions__are_warned_of(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Warnings about packages are in the log, with the step's name."""
    monkeypatch.setenv("KERNELPIPE_VERSIONS", "image")

    assert run(pins={"PyYAML": "0.1"}, needed={"PyYAML": "0.1"}) == 0
    assert "kernelpipe: warning: step 'train': using the image's own" in capfd.readouterr().err


def test_main__home_cannot_be_written__is_the_steps_own(
    run: Run, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images may run as any user."""
    monkeypatch.setenv("HOME", "/proc/nowhere")

    assert run() == 0
    assert kernel.environment["HOME"].endswith("root/own/home")
    assert kernel.environment["IPYTHONDIR"].endswith("root/own/ipythondir")


def test_main__no_kernel__runs_in_this_process(
    run: Run, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without ipykernel the cells are run here."""

    def fake(notebook: JSON, *, on_cell: Callable[[JSON], None]) -> JSON:
        root = tmp_path / "root"
        return kernel(notebook, root=root, work=root / "work", on_cell=on_cell)

    monkeypatch.setattr(pod, "has_kernel", lambda: False)
    monkeypatch.setattr(plain_module, "run_notebook", fake)

    assert run() == 0


def test_main__nbconvert_fails__report_is_plain(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A step is not lost for its report."""

    def broken(*_: object) -> str:
        raise OSError("no template")

    monkeypatch.setattr(pod, "render_report", broken)

    assert run() == 0
    assert "nbconvert failed (OSError('no template'))" in capfd.readouterr().err
    assert "model = X" in (tmp_path / "out" / "run-report").read_text()


def test_main__runtime_on_the_path__is_taken_off(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The user's code does not see our directory."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "root" / "runtime"), *sys.path])

    assert run() == 0
    assert str(tmp_path / "root" / "runtime") not in sys.path


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        pytest.param({"uri": "gs://b/k"}, "/gcs/b/k", id="gs"),
        pytest.param({"uri": "s3://b/k"}, "/s3/b/k", id="s3"),
        pytest.param({"uri": "minio://b/k"}, "/minio/b/k", id="minio"),
        pytest.param({"uri": "oci://r/i:1"}, "/oci/r_i:1", id="oci"),
        pytest.param({"uri": "/data/k"}, "/data/k", id="path"),
        pytest.param({"uri": "s3://b/k", "customPath": "/x"}, "/x", id="custom"),
        pytest.param(
            {"uri": "s3://b/k", "metadata": {"_kfp_workspace": True}},
            "/kfp-workspace/.artifacts/s3/b/k",
            id="workspace",
        ),
    ],
)
def test_local_path__uri__is_the_launchers_mount(artifact: JSON, expected: str) -> None:
    """URIs are mapped as KFP's SDK does."""
    assert local_path(artifact) == Path(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, 1), (2, 2), (0.5, 0.5), ("x", "x"), (float("inf"), "Infinity"), ([1], "[1]")],
)
def test_plain__fact__is_a_number_or_text(value: object, expected: object) -> None:
    """KFP's metadata holds no other values."""
    assert plain(value) == expected


LOOPED: JSON = {"loop": {"variable": "lr"}}


def item_input(directory: Path, text: str) -> JSON:
    """Return the ExecutorInput of the pod for an item."""
    given = executor_input(directory)
    given["inputs"]["parameterValues"]["kernelpipe-item"] = text
    return given


def test_main__item_of_a_loop__is_bound_and_told(
    run: Run, kernel: FakeKernel, tmp_path: Path
) -> None:
    """Later pods learn the place from the metadata."""
    assert run(given=item_input(tmp_path, '[3, {"a": 1}]'), **LOOPED) == 0

    output = json.loads((tmp_path / "out" / "executor_output.json").read_text())
    assert kernel.call["bind"] == {"lr": {"a": 1}}
    assert output["artifacts"]["model"]["artifacts"][0]["metadata"]["kernelpipe_item"] == 3
    assert "kernelpipe_item" not in output["artifacts"]["run-metrics"]["artifacts"][0]["metadata"]


def test_main__loop_without_items__runs_nothing_and_says_so(
    run: Run, kernel: FakeKernel, tmp_path: Path
) -> None:
    """Every output has a file that stands for no value."""
    assert run(given=item_input(tmp_path, "[]"), **LOOPED) == 0

    assert kernel.call == {}
    assert (tmp_path / "out" / "model").read_text() == "kernelpipe: the loop had no items"
    assert json.loads((tmp_path / "out" / "run-metrics").read_text()) == {}
    assert "no items" in (tmp_path / "out" / "run-report").read_text()


def test_main__values_of_a_loop__are_lists_of_files_in_item_order(
    run: Run, kernel: FakeKernel, tmp_path: Path
) -> None:
    """Whatever order the backend has them in."""
    (tmp_path / "in" / "Y").write_text("Y")
    given = executor_input(tmp_path)
    given["inputs"]["artifacts"]["split-X"]["artifacts"] = [
        {"uri": str(tmp_path / "in" / name), "metadata": {"kernelpipe_item": place}}
        for name, place in (("Y", 1.0), ("X", 0.0))
    ]

    assert run(given=given, lists=["split"]) == 0

    assert kernel.call["inputs"] == {
        "split/X": [str(tmp_path / "in" / "X"), str(tmp_path / "in" / "Y")]
    }


def test_main__items_did_not_arrive_in_full__is_a_failure(
    run: Run, kernel: FakeKernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shorter list would be another result."""
    given = executor_input(tmp_path)
    given["inputs"]["artifacts"]["split-X"]["artifacts"] *= 2

    assert run(given=given, lists=["split"]) == 1

    assert kernel.call == {}
    assert "step 'train': the places of the items are [None, None]" in capsys.readouterr().err


CHORE: JSON = {"step": "train items", "setup": [], "inputs": [], "outputs": []}


def test_main__chore_for_items__gives_them_out_with_bundles(
    run: Run, kernel: FakeKernel, tmp_path: Path
) -> None:
    """It runs no notebook and needs no packages."""
    entry = {"name": "rates", "type": "list", "default": [1, 2.5], "nullable": False}
    document = CHORE | {"inputs": DOCUMENT["inputs"], "outputs": [{"port": "split-X"}]}
    given = executor_input(tmp_path)
    given["inputs"]["parameterValues"] = {"rates": [1.0, 2.5]}
    given["inputs"]["artifacts"]["split-X"]["artifacts"][0]["metadata"] = {"kernelpipe_item": 0}
    given["outputs"]["artifacts"] = {
        "split-X": {"artifacts": [{"name": "X", "uri": str(tmp_path / "out" / "split-X")}]}
    }

    assert run(document=document, given=given, chore={"items": entry}, lists=["split"]) == 0

    output = json.loads((tmp_path / "out" / "executor_output.json").read_text())
    (file,) = read_bundle(tmp_path / "out" / "split-X", tmp_path / "taken")
    assert kernel.call == {}
    assert output["parameterValues"] == {"Output": ["[0, 1]", "[1, 2.5]"]}
    assert file.read_text() == "X"


def test_main__chore_for_no_list__is_a_failure(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None has no items, not even none."""
    entry = {"name": "rates", "type": "list", "default": None, "nullable": True}

    assert run(document=CHORE, given=executor_input(tmp_path), chore={"items": entry}) == 1
    assert "there is no list 'rates': it is None" in capsys.readouterr().err


GATE: JSON = {
    "port": "gate-publish",
    "step": "publish",
    "expression": "acc > limit",
    "metrics": ["acc"],
    "parameters": [{"name": "limit", "type": "float", "default": 0.4, "nullable": False}],
}
UNTOLD = "GateError%3A when acc %3E limit%3A there is no number %27acc%27"


@pytest.mark.parametrize(
    ("metrics", "answer"),
    [
        pytest.param({"acc": 0.5}, "open", id="open"),
        pytest.param({"acc": 0.4}, "closed", id="closed"),
        pytest.param({}, UNTOLD, id="untold"),
    ],
)
def test_main__gate__is_answered_by_the_step_or_a_chore(
    run: Run,
    kernel: FakeKernel,
    tmp_path: Path,
    metrics: JSON,
    answer: str,
) -> None:
    """The reporting step succeeds even if there is nothing to report: the gated one fails."""
    kernel.result = RESULT | {"metrics": metrics}

    assert run(gates=[GATE]) == 0

    output = json.loads((tmp_path / "out" / "executor_output.json").read_text())
    assert output["parameterValues"] == {"gate-publish": answer}

    reports = {"a": {"acc": 9, "other": 1}, "b": metrics or {"acc": [0.5, 0.6]}}
    given = executor_input(tmp_path)
    for step, reported in reports.items():
        (tmp_path / "in" / step).write_text(json.dumps(reported))
        given["inputs"]["artifacts"][f"{step}-run-metrics"] = {
            "artifacts": [{"uri": str(tmp_path / "in" / step)}]
        }
    entries = [{"step": step, "port": "run-metrics", "names": []} for step in reports]
    chore = {"metrics": {"acc": "b"}}

    assert run(document=CHORE | {"inputs": entries}, given=given, chore=chore, gates=[GATE]) == 0

    output = json.loads((tmp_path / "out" / "executor_output.json").read_text())
    assert output["parameterValues"] == {"gate-publish": answer}


def test_main__gate_could_not_be_told__the_gated_step_fails(
    run: Run, kernel: FakeKernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the words that a run on this machine has."""
    given = executor_input(tmp_path)
    given["inputs"]["parameterValues"]["told"] = UNTOLD

    assert run(given=given, gate="told") == 1

    assert kernel.call == {}
    message = "step 'train': GateError: when acc > limit: there is no number 'acc'"
    assert message in capsys.readouterr().err
    assert "GateError" in (tmp_path / "out" / "run-report").read_text()


def test_read_step__what_is_shared__is_put_in_its_place(tmp_path: Path) -> None:
    """Numbers stand for setup cells of all steps; tools are the shared ones that it has not."""
    first, second = {"source": "import os"}, {"source": "seed = 1"}
    step = {"document": {"setup": [first, 0]}, "needed": {"six": "1"}}
    shared = {"setup": [second], "tools": {"six": "1", "ipykernel": "7"}}
    (tmp_path / "step.json").write_text(json.dumps(step))
    (tmp_path / "shared.json").write_text(json.dumps(shared))

    assert pod.read_step(tmp_path) == {
        "document": {"setup": [first, second]},
        "needed": {"six": "1"},
        "tools": {"ipykernel": "7"},
    }


def test_read_step__tools_of_its_own__hold(tmp_path: Path) -> None:
    """A step may need other tools than the rest."""
    step = {"document": {"setup": []}, "needed": {}, "tools": {"ipykernel": "6"}}
    (tmp_path / "step.json").write_text(json.dumps(step))
    (tmp_path / "shared.json").write_text('{"setup": [], "tools": {"ipykernel": "7"}}')

    assert pod.read_step(tmp_path)["tools"] == {"ipykernel": "6"}
