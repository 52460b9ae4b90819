"""What the cells of ours in a step notebook call: begin, load, save."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import atomic_file
from .links import Links
from .metrics import read_metrics
from .states import Baseline
from .unstorable import UnstorableValueError
from .values import dump_group, load_group

if TYPE_CHECKING:
    from .touched import Recording


class ItemError(Exception):
    """What the items of a loop gave cannot be lists of the same values."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]


@dataclass
class Step:
    """The step that this process runs."""

    document: Mapping[str, Any]
    call: Mapping[str, Any]
    links: Links
    baseline: Baseline
    before: Mapping[str, Any]
    """What the namespace held before the user's code ran."""
    recording: "Recording | None" = None
    result: dict[str, Any] = field(
        default_factory=lambda: {"metrics": {}, "outputs": {}, "notes": [], "error": None}
    )

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Do not record what our own code touches meanwhile."""
        if self.recording is None:
            yield
        else:
            with self.recording.paused():
                yield

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
    call = json.loads((directory / "call.json").read_text(encoding="utf-8"))
    step = Step(
        document=document,
        call=call,
        links=Links(namespace, step=_part_name(document["step"], call)),
        baseline=Baseline.now(),
        before=dict(namespace),
    )
    _current[:] = [step]
    if step.call.get("record"):
        from .touched import Recording  # noqa: PLC0415 - not there in a pod

        step.recording = Recording(step.call, namespace, runtime_directory or "")


def _part_name(step: str, call: Mapping[str, Any]) -> str:
    """Return what tells a step's classes from those of others: each item of a loop has its own.

    It is made of the item's value, not of its place in the list: results move with the items.
    """
    if "bind" not in call:
        return step
    item = json.dumps(call["bind"], sort_keys=True)
    return f"{step}:{item}:{call.get('repeats', 0)}"


def load() -> None:
    """Bind the step's inputs, or what was kept within the step; called after setup.

    Raises:
        ValueFileError: If an input is damaged or does not load.
        ItemError: If what a loop gave cannot be lists.
    """
    (step,) = _current
    namespace = step.links.namespace
    step.links.register(step.document.get("shared", {}))
    for name in step.document.get("removed", ()):
        namespace.pop(name, None)
    try:
        if step.call.get("restart"):
            from .checkpoints import restore  # noqa: PLC0415 - not there in a pod

            with step.unrecorded():
                restore(step, Path(step.call["restart"]["path"]))
            return
        _load_inputs(step)
        namespace.update(step.call.get("bind", {}))
    except Exception as error:
        _fail(step, error)
        raise


def _load_inputs(step: Step) -> None:
    namespace = step.links.namespace
    looped = []
    for entry in step.document["inputs"]:
        path = step.call["inputs"][f"{entry['step']}/{entry['port']}"]
        if isinstance(path, list):
            looped.append((path, entry))
        else:
            load_group(path, entry["names"], namespace, links=step.links)
    step.links.listed = frozenset(name for _, entry in looped for name in entry["names"])
    for paths, entry in looped:
        _collect(paths, entry, step.links)
    step.links.listed = frozenset()


def _collect(paths: Sequence[str], entry: Mapping[str, Any], links: Links) -> None:
    """Bind each name to the list of its values in the files, one per item of a loop, in order.

    Hidden state, whose names begin with ``@``, is one thing: it is what the last item left.

    Raises:
        ValueFileError: If a file does not load.
        ItemError: If an item did not give a name, or a function that reads what is a list now.
    """
    values = [name for name in entry["names"] if not name.startswith("@")]
    items: list[dict[str, Any]] = []
    for number, path in enumerate(paths):
        items.append({})
        load_group(path, values, items[-1], links=links)
        for name in values:
            if name not in items[-1]:
                raise ItemError(f"item {number} of step '{entry['step']}' gave no '{name}'")
        for function, name in links.late_reads:
            raise ItemError(
                f"item {number} of step '{entry['step']}' gave the function '{function}', which"
                f" reads '{name}' when it is called: that is the list of all items here. Bind it as"
                f" a default argument: {name}={name}"
            )
    links.namespace.update({name: [item[name] for item in items] for name in values})
    states = [name for name in entry["names"] if name.startswith("@")]
    if paths and states:
        load_group(paths[-1], states, links.namespace, links=links)


def checkpoint(count: int) -> None:
    """Keep what the first ``count`` cells of the step have made; called after them."""
    from .checkpoints import keep  # noqa: PLC0415 - not there in a pod

    (step,) = _current
    with step.unrecorded():
        keep(step, count)


def save() -> None:
    """Store the step's metrics and outputs, and write result.json; called after its cells.

    Raises:
        UnstorableValueError: If an output cannot be stored.
        MissingMetricError: If a metric's name does not exist.
        OSError: If a file cannot be written.
    """
    (step,) = _current
    if step.recording is not None:
        step.recording.pause()
    try:
        _save(step)
    except Exception as error:
        _fail(step, error)
        raise
    if step.recording is not None:
        step.result["touched"] = step.recording.summary(step.document)
        if step.document.get("tests"):
            step.recording.resume()
    step.write_result()


def end() -> None:
    """Write result.json again, with what the tests touched; called after them."""
    (step,) = _current
    if step.recording is not None:
        step.recording.pause()
        step.result["touched"] = step.recording.summary(step.document)
        step.write_result()


def _save(step: Step) -> None:
    namespace = step.links.namespace
    metrics = read_metrics(step.document["metrics"], namespace)
    step.result["metrics"] = metrics.numbers
    step.result["series"] = metrics.series
    step.result["notes"] += metrics.notes
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
