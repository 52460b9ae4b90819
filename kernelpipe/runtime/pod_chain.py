"""Runs several steps one after another in one pod, each in a process of its own."""

import importlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import pod
from .pod_files import PAYLOAD_FILE, note_payload
from .pod_kernel import has_kernel
from .pod_packages import PackagesError, provide_packages

BEGINS = "step '{name}' begins ({number} of {count} in this pod)"
"""What the log says before a step; all that follows up to the next such line is the step's."""
DONE = "step '{name}' is done"
KEEP = "KERNELPIPE_KEEP_VALUES"
"""Variable that keeps values that do not leave the pod, beside its output file: `parity` sets it
to compare them."""
_SHARED = ("runtime", "work", "runtime.txt", "shared.json", PAYLOAD_FILE)
"""What all steps of a pod have; the working directory, too: they find each other's files."""


@dataclass(frozen=True)
class _Link:
    """A step of the chain: what the compiler wrote of it, and where its files are.

    ``values`` is where the outputs go that do not leave the pod.
    """

    entry: Mapping[str, Any]
    root: Path
    output_file: Path
    values: Path

    @property
    def name(self) -> str:
        return str(self.entry["step"]["document"]["step"])

    @property
    def ports(self) -> Mapping[str, str]:
        """Port -> the pod's name for it, of what leaves the pod."""
        ports: Mapping[str, str] = self.entry["ports"]
        return ports

    def artifact(self, port: str) -> dict[str, Any]:
        """Return the place of an output that does not leave the pod."""
        return {"artifacts": [{"uri": str(self.values / f"{self.entry['name']}--{port}")}]}


def run_chain(root: Path, given: Mapping[str, Any]) -> int:
    """Run the steps in ``root``; those after a step that fails are not run.

    Each step is given a copy of this process and sees what it would see in a pod of its own, except
    that it finds the files that earlier steps left in the working directory.

    Args:
        root: A fresh directory; it is removed at the end.
        given: KFP's ExecutorInput.

    Returns:
        The exit code: of the pod, or, in the copies, of the step.
    """
    if str(root / "runtime") in sys.path:  # the bootstrap's; the user's code must not see it
        sys.path.remove(str(root / "runtime"))
    own = os.getpid()
    try:
        links = _unpack(root, Path(given["outputs"]["outputFile"]).parent)
        _provide(root, links)
        for number, link in enumerate(links, start=1):
            pod.say(BEGINS.format(name=link.name, number=number, count=len(links)))
            sys.stdout.flush()
            child = os.fork()
            if not child:
                return pod.main(str(link.root), json.dumps(_executor_input(links[:number], given)))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code:
                _tell_end(link, code, links[number:])
                return 1
            pod.say(DONE.format(name=link.name))
        _write_output(links, given)
    finally:
        if os.getpid() == own:
            shutil.rmtree(root, ignore_errors=True)
    return 0


def _unpack(root: Path, target: Path) -> list[_Link]:
    """Make a directory for each step, as the bootstrap does for the only one of a pod."""
    (root / "work").mkdir(exist_ok=True)
    note_payload(root, root / "work")
    (root / "outputs").mkdir()
    values = target if os.environ.get(KEEP) else root / "values"
    links = []
    for number, entry in enumerate(json.loads((root / pod.CHAIN_FILE).read_text(encoding="utf-8"))):
        link = _Link(
            entry, root / "steps" / str(number), root / "outputs" / f"{number}.json", values
        )
        link.root.mkdir(parents=True)
        for name in _SHARED:
            (link.root / name).symlink_to(root / name)
        links.append(link)
    return links


def _provide(root: Path, links: Sequence[_Link]) -> None:
    """Provide the packages of all steps at once, and write what each step still has to do.

    If they cannot be had together, each step tries for itself, so that those before the one that
    lacks a package are run.
    """
    for link in links:
        _write_step(link, {})
    steps = [pod.read_step(link.root) for link in links]
    needed = {name: text for step in steps for name, text in step["needed"].items()}
    together = {
        "pins": {name: text for step in steps for name, text in step["pins"].items()},
        "needed": needed,
        "tools": {n: t for step in steps for n, t in step["tools"].items() if n not in needed},
        "platform": steps[0]["platform"],
    }
    try:
        for warning in provide_packages(together, root / "packages", environ=os.environ):
            pod.say(f"warning: {warning}")
    except PackagesError:
        return
    for link in links:
        _write_step(link, {"pins": {}, "needed": {}, "tools": {}})
    if has_kernel():
        _load_once()


def _load_once() -> None:
    """Load what takes each step a second, so that its copy of this process has it."""
    for name in ("nbclient", "nbconvert"):
        with suppress(Exception):  # the step that uses it says what is wrong
            importlib.import_module(name)


def _write_step(link: _Link, changes: Mapping[str, Any]) -> None:
    text = json.dumps({**link.entry["step"], **changes})
    (link.root / "step.json").write_text(text, encoding="utf-8")


def _executor_input(links: Sequence[_Link], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ExecutorInput of the last of ``links``, as if it had a pod of its own."""
    *before, link = links
    inputs = dict(given.get("inputs", {}).get("artifacts", {}))
    places = given["outputs"].get("artifacts", {})
    for earlier in before:
        for port in _value_ports(earlier):
            outer = places.get(earlier.ports.get(port))
            inputs[f"{earlier.name}-{port}"] = outer or earlier.artifact(port)
    outputs = {port: link.artifact(port) for port in _value_ports(link)}
    outputs |= {port: places[name] for port, name in link.ports.items() if name in places}
    return {
        "inputs": {**given.get("inputs", {}), "artifacts": inputs},
        "outputs": {"artifacts": outputs, "outputFile": str(link.output_file)},
    }


def _value_ports(link: _Link) -> list[str]:
    """Return the ports for values and for files."""
    step = link.entry["step"]
    return [entry["port"] for entry in step["document"]["outputs"]] + [
        port for port, _ in step.get("files_out", ())
    ]


def _tell_end(link: _Link, code: int, rest: Sequence[_Link]) -> None:
    """Write to the log which step ended the pod; why, the step has said unless it was killed."""
    if code < 0:
        pod.say(f"step '{link.name}' was killed by signal {-code}; it may need more memory")
    names = ", ".join(f"'{each.name}'" for each in rest)
    pod.say(f"step '{link.name}' failed" + (f"; not run: {names}" if rest else ""))


def _write_output(links: Sequence[_Link], given: Mapping[str, Any]) -> None:
    """Write one ExecutorOutput for all steps."""
    artifacts: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for link in links:
        output = json.loads(link.output_file.read_text(encoding="utf-8"))
        told |= output.get("parameterValues", {})
        artifacts |= {
            link.ports[port]: found
            for port, found in output["artifacts"].items()
            if port in link.ports
        }
    path = Path(given["outputs"]["outputFile"])
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"artifacts": artifacts, **({"parameterValues": told} if told else {})})
    path.write_text(text, encoding="utf-8")
