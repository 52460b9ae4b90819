"""The main program of a step's container: ExecutorInput in, ExecutorOutput out."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .notebook import build_step_notebook
from .pod_chores import METRICS_PORT, do_chore
from .pod_files import PAYLOAD_FILE, note_payload, path_fault, put_in_place, take_out
from .pod_gates import answers, why_untold
from .pod_kernel import has_kernel, run_in_kernel
from .pod_loops import (
    ITEM_INPUT,
    NO_ITEMS,
    PLACE,
    Item,
    LoopError,
    files_in_order,
    read_bundle,
    read_item,
)
from .pod_packages import PackagesError, provide_packages
from .pod_report import failure_report, output_texts, plain_report, render_report
from .pod_values import ParameterError, given_parameters

REPORT_PORT = "run-report"
RUNTIME_PORT = "run-runtime"
STATUS_INPUT = "run-status"
CHAIN_FILE = "chain.json"
"""What there is instead of ``step.json`` when several steps share the pod."""
_ENDINGS = {
    "SUCCEEDED": "SUCCEEDED",
    "COMPLETE": "SUCCEEDED",
    "CACHED": "SUCCEEDED",
    "FAILED": "FAILED",
    "CANCELED": "CANCELED",
    "CANCELLED": "CANCELED",
}
"""Words of KFP, its metadata store and ``kfp.local`` -> the state that an on-exit step is told."""
_MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}


class StepError(Exception):
    """The step failed; the message says where and why, in the user's words."""


@dataclass(frozen=True)
class Pod:
    """Where this step's files are, and what it was given.

    ``root`` holds what the bootstrap unpacked, ``step`` is its ``step.json``.
    """

    root: Path
    step: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def document(self) -> Mapping[str, Any]:
        """The task document."""
        document: Mapping[str, Any] = self.step["document"]
        return document

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self.document["step"])

    @property
    def work(self) -> Path:
        """The working directory of the step's code."""
        return self.root / "work"

    @property
    def runtime(self) -> Path:
        """What is on ``sys.path`` while our runtime is imported."""
        return self.root / "runtime"

    def output(self, port: str) -> dict[str, Any] | None:
        """Return the artifact that the backend wants for ``port``, None if it wants none."""
        return _first(self.outputs.get("artifacts", {}).get(port))

    def output_path(self, port: str) -> Path:
        """Return where to write ``port``; its directory exists."""
        artifact = self.output(port)
        if artifact is None:
            raise StepError(f"step '{self.name}': the backend gives no place for '{port}'")
        path = local_path(artifact)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def main(root: str, executor_input: str) -> int:
    """Run the step, or the steps one after another, that were unpacked in ``root``.

    Args:
        root: A fresh directory; it is removed at the end.
        executor_input: KFP's ExecutorInput, JSON text.

    Returns:
        The exit code: 0 when the steps succeeded, 1 when one failed.
    """
    given = json.loads(executor_input)
    if Path(root, CHAIN_FILE).is_file():
        from .pod_chain import run_chain  # noqa: PLC0415 - only where steps share a pod

        return run_chain(Path(root), given)
    step = read_step(Path(root))
    pod = Pod(Path(root), step, given.get("inputs", {}), given.get("outputs", {}))
    if str(pod.runtime) in sys.path:  # the bootstrap's; the user's code must not see it
        sys.path.remove(str(pod.runtime))
    try:
        _run(pod)
    except StepError as error:
        say(str(error))
        return 1
    finally:
        os.chdir("/")
        shutil.rmtree(root, ignore_errors=True)
    return 0


def read_step(root: Path) -> dict[str, Any]:
    """Return ``step.json``, completed by what the steps share (``shared.json``)."""
    step: dict[str, Any] = json.loads((root / "step.json").read_text(encoding="utf-8"))
    shared = json.loads((root / "shared.json").read_text(encoding="utf-8"))
    setup = step["document"]["setup"]
    step["document"]["setup"] = [
        shared["setup"][cell] if isinstance(cell, int) else cell for cell in setup
    ]
    tools = {name: text for name, text in shared["tools"].items() if name not in step["needed"]}
    return {"tools": tools, **step}


def _run(pod: Pod) -> None:
    """Run the step and write what the backend wants.

    Raises:
        StepError: If it failed; the report is written all the same.
    """
    _set_directories(pod)
    _tell_ending(pod)
    try:
        if "chore" in pod.step:
            _do_chore(pod)
            return
        _check_gate(pod)
        if "loop" in pod.step and _item(pod) is None:
            _pass_over(pod)
            return
        for warning in provide_packages(pod.step, pod.root / "packages", environ=os.environ):
            say(f"warning: step '{pod.name}': {warning}")
        call = _call(pod)
        _put_files_in_place(pod)
    except (PackagesError, ParameterError, LoopError, StepError) as error:
        message = f"step '{pod.name}': {error}"
        _write_report(pod, failure_report(message, pod.name))
        raise StepError(message) from error
    executed = _execute(pod, call)
    _write_report(pod, _rendered(executed, pod.name))
    result = _result(pod, call, executed)
    _take_files_out(pod)
    _write_outputs(pod, call, result, _told(pod, result))


def _rendered(executed: Mapping[str, Any], title: str) -> str:
    try:
        return render_report(executed, title)
    except Exception as error:  # noqa: BLE001 - the image's nbconvert, in whatever state it is
        say(f"warning: step '{title}': nbconvert failed ({error!r}), the report is plain")
        return plain_report(executed, title)


def _set_directories(pod: Pod) -> None:
    """Send what Jupyter, IPython and matplotlib write to the step's directory; any user may run."""
    variables = ["IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"]
    if not os.access(os.environ.get("HOME") or "/nonexistent", os.W_OK):
        variables.append("HOME")
    for variable in variables:
        directory = pod.root / "own" / variable.lower()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[variable] = str(directory)
    pod.work.mkdir(exist_ok=True)
    os.chdir(pod.work)
    note_payload(pod.root, pod.work)


def _tell_ending(pod: Pod) -> None:
    """Set the variables that tell an on-exit step how the run has ended.

    KFP passes on the state of its metadata store, which knows neither of pods that were killed nor
    of steps that were skipped: it may say RUNNING for ever.
    """
    status = pod.inputs.get("parameterValues", {}).get(STATUS_INPUT)
    if isinstance(status, dict):
        state = _ENDINGS.get(str(status.get("state")), "UNKNOWN")
        os.environ["KERNELPIPE_RUN_STATE"] = state
        reason = (status.get("error") or {}).get("message") or ""
        os.environ["KERNELPIPE_RUN_REASON"] = "" if state == "SUCCEEDED" else str(reason)


def _call(pod: Pod) -> dict[str, Any]:
    """Return the step's call: parameters, and the files of its inputs and outputs."""
    document = pod.document
    parameters = given_parameters(
        document["parameters"],
        pod.inputs.get("parameterValues", {}),
        pod.step["json_parameters"],
    )
    _check_paths(pod, parameters)
    outputs = {entry["port"]: str(pod.output_path(entry["port"])) for entry in document["outputs"]}
    item = _item(pod)
    return {
        "parameters": parameters,
        "inputs": _input_files(pod),
        "outputs": outputs,
        "result": str(pod.root / "result.json"),
        **({"bind": {pod.step["loop"]["variable"]: item.value}} if item else {}),
    }


def _check_paths(pod: Pod, parameters: Mapping[str, Any]) -> None:
    """Check the parameters that say where files are which travel.

    Raises:
        StepError: If they would be left behind.
    """
    defaults = {entry["name"]: entry["default"] for entry in pod.document["parameters"]}
    for name, must_be_default in pod.step.get("path_parameters", {}).items():
        if name in parameters:
            fault = path_fault(parameters[name], defaults[name], must_be_default=must_be_default)
            if fault:
                raise StepError(f"'{name}' says where files are that travel between pods: {fault}")


def _input_files(pod: Pod) -> dict[str, Any]:
    """Return ``step/port`` of each input -> its file, or the files of a loop's items, in order.

    Raises:
        StepError: If one did not arrive.
        LoopError: If not all items of one did.
    """
    files: dict[str, Any] = {}
    for entry in pod.document["inputs"]:
        listed = pod.inputs.get("artifacts", {}).get(f"{entry['step']}-{entry['port']}", {})
        artifacts = listed.get("artifacts") or []
        paths = [local_path(artifact) for artifact in artifacts]
        missing = next((path for path in paths if not path.is_file()), None)
        if missing is not None or not paths:
            names = ", ".join(f"'{name}'" for name in entry["names"])
            raise StepError(f"{names} of step '{entry['step']}' did not arrive (no file {missing})")
        key = f"{entry['step']}/{entry['port']}"
        if entry["step"] not in pod.step.get("lists", ()):
            files[key] = str(paths[0])
        elif "loop" in pod.step:
            files[key] = list(map(str, read_bundle(paths[0], pod.root / "items" / key)))
        else:
            files[key] = list(map(str, files_in_order(artifacts, paths)))
    return files


def _put_files_in_place(pod: Pod) -> None:
    """Put the files in place that the step begins with, later ones over earlier ones.

    Raises:
        StepError: If one did not arrive, or cannot be there.
    """
    payload = _payload(pod)
    for name, path in pod.step.get("files_in", ()):
        artifact = _first(pod.inputs.get("artifacts", {}).get(name))
        archive = local_path(artifact) if artifact else None
        if archive is None or not archive.is_file():
            raise StepError(f"the file '{path}' did not arrive (no file {archive})")
        try:
            put_in_place(path, pod.work, archive, payload)
        except OSError as error:
            raise StepError(f"the file '{path}' cannot be put in place: {error}") from error
    _write_json(pod.root / PAYLOAD_FILE, payload)


def _take_files_out(pod: Pod) -> None:
    """Hand on the files that later steps begin with.

    Raises:
        StepError: If one cannot be read.
    """
    for port, path in pod.step.get("files_out", ()):
        try:
            take_out(path, pod.work, pod.output_path(port), _payload(pod))
        except OSError as error:
            message = f"step '{pod.name}': the file '{path}' cannot be handed on: {error}"
            raise StepError(message) from error


def _payload(pod: Pod) -> dict[str, Any]:
    noted: dict[str, Any] = json.loads((pod.root / PAYLOAD_FILE).read_text(encoding="utf-8"))
    return noted


def _execute(pod: Pod, call: Mapping[str, Any]) -> dict[str, Any]:
    """Execute the step's notebook and return it with its outputs."""
    _write_json(pod.root / "document.json", pod.document)
    _write_json(pod.root / "call.json", call)
    notebook = build_step_notebook(
        pod.document,
        call,
        step_directory=str(pod.root),
        runtime_directory=str(pod.runtime),
    )
    _write_json(pod.root / "step.ipynb", notebook)
    if has_kernel():
        executed = run_in_kernel(notebook, root=pod.root, work=pod.work, on_cell=_print_outputs)
    else:
        from .plain import run_notebook  # noqa: PLC0415 - only without a kernel

        executed = run_notebook(notebook, on_cell=_print_outputs)
    _write_json(pod.root / "executed.ipynb", executed)
    return executed


def _print_outputs(cell: Mapping[str, Any]) -> None:
    """Write what a cell printed to the pod's log."""
    for text in output_texts(cell.get("outputs", ())):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _result(pod: Pod, call: Mapping[str, Any], executed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the step's result.

    Raises:
        StepError: If a cell failed, or a value that the step must hand on is not there.
    """
    path = Path(call["result"])
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    failure = result.get("error") or _first_error(executed)
    if failure:
        cell = failure.get("cell")
        where = f", cell {cell}" if cell is not None else ""
        raise StepError(
            f"step '{pod.name}'{where}: {failure['ename']}: {failure['evalue']}".rstrip(": ")
        )
    if not result:
        raise StepError(f"step '{pod.name}' ended without a result")
    for port, file in call["outputs"].items():
        if not Path(file).is_file():
            raise StepError(f"step '{pod.name}' wrote no file for '{port}'")
    return result


def _first_error(executed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the error that stopped the notebook: errors that a cell's tag allows do not."""
    for cell in executed["cells"]:
        if "raises-exception" in cell["metadata"].get("tags", ()):
            continue
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                place = cell["metadata"].get("kernelpipe", {}).get("cell")
                return {"cell": place, "ename": output["ename"], "evalue": output["evalue"]}
    return None


def _told(pod: Pod, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return output parameter -> how the gate is that it stands for."""
    return answers(
        pod.step.get("gates", ()),
        result.get("metrics", {}),
        pod.inputs.get("parameterValues", {}),
        pod.step["json_parameters"],
    )


def _check_gate(pod: Pod) -> None:
    """Look at what the step's own gate has become; it is not closed.

    Raises:
        StepError: If it could not be told whether it is open.
    """
    if "gate" in pod.step:
        reason = why_untold(pod.inputs["parameterValues"][pod.step["gate"]])
        if reason is not None:
            raise StepError(reason)


def _item(pod: Pod) -> Item | None:
    """Return the item that the pod is for, None if the step is no loop's, or the list is empty."""
    if "loop" not in pod.step:
        return None
    return read_item(pod.inputs["parameterValues"][ITEM_INPUT])


def _pass_over(pod: Pod) -> None:
    """Write what later steps take for the values of a loop without items."""
    ports = [entry["port"] for entry in pod.document["outputs"]]
    outputs = {port: str(pod.output_path(port)) for port in ports}
    for path in outputs.values():
        Path(path).write_bytes(NO_ITEMS)
    _write_report(pod, plain_report({"cells": []}, f"{pod.name}: no items"))
    _write_outputs(pod, {"outputs": outputs}, {}, {})


def _do_chore(pod: Pod) -> None:
    """Do what a task is for that runs no step."""
    told = do_chore(pod, _input_files(pod))
    outputs = {entry["port"]: None for entry in pod.document["outputs"]}
    _write_outputs(pod, {"outputs": outputs}, {}, told)


def _write_outputs(
    pod: Pod, call: Mapping[str, Any], result: Mapping[str, Any], told: Mapping[str, Any]
) -> None:
    """Write the metrics and KFP's ExecutorOutput."""
    artifacts: dict[str, Any] = {}
    facts = result.get("outputs", {})
    item = _item(pod)
    place = {PLACE: item.place} if item else {}
    for port in call["outputs"]:
        artifacts[port] = _described(pod, port, facts.get(port, {}) | place)
    for port, path in pod.step.get("files_out", ()):
        artifacts[port] = _described(pod, port, {"path": path})
    metrics = result.get("metrics", {})
    if pod.output(METRICS_PORT) is not None:
        _write_json(pod.output_path(METRICS_PORT), {**metrics, **result.get("series", {})})
        artifacts[METRICS_PORT] = _described(pod, METRICS_PORT, metrics)
    if pod.output(REPORT_PORT) is not None:
        artifacts[REPORT_PORT] = _described(pod, REPORT_PORT, {})
    if pod.output(RUNTIME_PORT) is not None:
        shutil.copyfile(pod.root / "runtime.txt", pod.output_path(RUNTIME_PORT))
        artifacts[RUNTIME_PORT] = _described(pod, RUNTIME_PORT, {})
    path = Path(pod.outputs["outputFile"])
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_json(path, {"artifacts": artifacts, **({"parameterValues": told} if told else {})})


def _described(pod: Pod, port: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    artifact = pod.output(port) or {}
    described = {"name": artifact.get("name", ""), "uri": artifact.get("uri", "")}
    return {"artifacts": [{**described, "metadata": {k: plain(v) for k, v in metadata.items()}}]}


def plain(value: Any) -> Any:
    """Return a fact as metadata can hold it: a finite number or text."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) or (isinstance(value, int | float) and value - value == 0):
        return value
    return json.dumps(value)


def _write_report(pod: Pod, text: str) -> None:
    if pod.output(REPORT_PORT) is not None:
        pod.output_path(REPORT_PORT).write_text(text, encoding="utf-8")


def local_path(artifact: Mapping[str, Any]) -> Path:
    """Return where an artifact's file is in this container, as KFP's launcher mounts it."""
    if artifact.get("customPath"):
        return Path(artifact["customPath"])
    uri = str(artifact["uri"])
    if uri.startswith("oci://"):
        path = "/oci/" + uri.removeprefix("oci://").replace("/", "_")
    else:
        path = re.sub(r"^\w+://", lambda found: _MOUNTS.get(found[0], found[0]), uri)
    if artifact.get("metadata", {}).get("_kfp_workspace") is True:
        return Path("/kfp-workspace/.artifacts", path.lstrip("/"))
    return Path(path)


def _first(artifacts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    found = (artifacts or {}).get("artifacts") or [None]
    first: dict[str, Any] | None = found[0]
    return first


def say(text: str) -> None:
    """Write a message to the pod's log."""
    sys.stderr.write(f"kernelpipe: {text}\n")
    sys.stderr.flush()


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
