"""What the cells of ours in a step notebook call: begin, load, save."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .container import atomic_file
from .links import Links
from .metrics import read_metrics
from .states import Baseline
from .unstorable import UnstorableValueError
from .values import dump_group, load_group


@dataclass
class Step:
    """The step that this process runs."""

    document: Mapping[str, Any]
    call: Mapping[str, Any]
    links: Links
    baseline: Baseline
    result: dict[str, Any] = field(
        default_factory=lambda: {"metrics": {}, "outputs": {}, "notes": [], "error": None}
    )

    def write_result(self) -> None:
        """Write result.json."""
        with atomic_file(self.call["result"]) as file:
            file.write(json.dumps(self.result, indent=1).encode())


_current: list[Step] = []


def begin(step_directory: str, runtime_directory: str | None = None) -> None:
    """Prepare the step whose files are in ``step_directory``; called before the user's code.

    Args:
        step_directory: Holds document.json and call.json.
        runtime_directory: Is taken off ``sys.path`` again.
    """
    if runtime_directory in sys.path:
        sys.path.remove(runtime_directory)
    directory = Path(step_directory)
    namespace = sys._getframe(1).f_globals  # noqa: SLF001 - the cell's own, whatever runs it
    document = json.loads((directory / "document.json").read_text(encoding="utf-8"))
    step = Step(
        document=document,
        call=json.loads((directory / "call.json").read_text(encoding="utf-8")),
        links=Links(namespace, step=document["step"]),
        baseline=Baseline.now(),
    )
    _current[:] = [step]


def load() -> None:
    """Bind the step's inputs; called after setup.

    Raises:
        ValueFileError: If an input is damaged or does not load.
    """
    (step,) = _current
    namespace = step.links.namespace
    step.links.register(step.document.get("shared", {}))
    for name in step.document.get("removed", ()):
        namespace.pop(name, None)
    try:
        for entry in step.document["inputs"]:
            path = step.call["inputs"][f"{entry['step']}/{entry['port']}"]
            load_group(path, entry["names"], namespace, links=step.links)
    except Exception as error:
        _fail(step, error)
        raise


def save() -> None:
    """Store the step's metrics and outputs, and write result.json; called after its cells.

    Raises:
        UnstorableValueError: If an output cannot be stored.
        MissingMetricError: If a metric's name does not exist.
        OSError: If a file cannot be written.
    """
    (step,) = _current
    try:
        _save(step)
    except Exception as error:
        _fail(step, error)
        raise
    step.write_result()


def _save(step: Step) -> None:
    namespace = step.links.namespace
    metrics, notes = read_metrics(step.document["metrics"], namespace)
    step.result.update(metrics=metrics, notes=notes)
    for entry in step.document["outputs"]:
        try:
            facts = dump_group(
                entry["names"],
                namespace,
                step.call["outputs"][entry["port"]],
                links=step.links,
                baseline=step.baseline,
            )
        except UnstorableValueError as error:
            error.step = step.document["step"]
            error.cell = entry.get("cells", {}).get(error.name)
            raise
        step.result["outputs"][entry["port"]] = facts


def _fail(step: Step, error: Exception) -> None:
    cell = getattr(error, "cell", None)
    step.result["error"] = {"cell": cell, "ename": type(error).__name__, "evalue": str(error)}
    step.write_result()
