"""The files of a run: its snapshot of the source, and one directory per step."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.files import write_json
from kernelpipe.backends.local.outcome import RESULT
from kernelpipe.backends.local.session import EXECUTED, STEP_NOTEBOOK
from kernelpipe.compiler import Conditions, Task, conditions_text
from kernelpipe.runs.attempts import attempt_name
from kernelpipe.runtime.notebook import build_step_notebook

CHECKPOINTS = "checkpoints"
CONDITIONS = "conditions.json"

_SOURCE = "source.ipynb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one attempt at a step is given.

    ``given`` is parameter name -> value that the user gave; ``inputs`` is ``step/port`` -> value
    file, of a loop's step one per item, in order; ``restart`` is what
    :mod:`kernelpipe.runtime.checkpoints` needs to begin within the step, None to begin at its first
    cell.
    """

    given: Mapping[str, object]
    inputs: Mapping[str, Path | tuple[Path, ...]]
    conditions: Conditions
    restart: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where things are in a run's directory."""

    directory: Path
    home: Path
    """The home that the run is in; steps do not watch it."""
    runtime: Path
    """What goes on the kernels' ``sys.path`` while they import our runtime."""

    @property
    def source(self) -> Path:
        """The source notebook as it was when the run started."""
        return self.directory / _SOURCE

    def executed(self, source: Path) -> Path:
        """Return the path of the one executed notebook; it has the source's name."""
        name = source.name if source.name != _SOURCE else f"executed-{_SOURCE}"
        return self.directory / name

    def step(self, position: int, task: Task, attempt: int) -> Path:
        """Return the directory of one attempt at a step, or at an item of a loop's step.

        Args:
            position: Of the step in the pipeline, from zero; keeps names apart that differ in
                case only, and the directories in order.
            task: The step, or the item.
            attempt: From one.
        """
        number = None if task.item is None else task.item.number
        name = attempt_name(position, task.public_step, attempt=attempt, item=number)
        return self.directory / "steps" / name

    def take_source(self, content: bytes) -> None:
        """Keep the source notebook as it is now."""
        self.source.write_bytes(content)

    def executed_step(self, directory: Path) -> Path:
        """Return the path of the executed notebook of the attempt in ``directory``."""
        return directory / EXECUTED

    def show_found(self, directory: Path, executed: Path) -> None:
        """Show in the directory of a found step the notebook that it had executed."""
        directory.mkdir(parents=True)
        # No link: an object that gets one would have to be read again before it is used.
        shutil.copyfile(executed, directory / EXECUTED)

    def prepare_step(self, task: Task, directory: Path, call: Call) -> None:
        """Make the directory of an attempt and write what the step's kernel needs."""
        outputs = directory / "outputs"
        outputs.mkdir(parents=True)
        document: dict[str, Any] = json.loads(task.document)
        given = call.given
        entries: dict[str, object] = {
            "parameters": {name: given[name] for name in task.parameters if name in given},
            "inputs": {
                port: str(path) if isinstance(path, Path) else [str(each) for each in path]
                for port, path in call.inputs.items()
            },
            "outputs": {port.port: str(outputs / port.port) for port in task.outputs},
            "result": str(directory / RESULT),
            "record": True,
            "home": str(self.home),
            "package": str(Path(__file__).parents[2]),
        }
        if task.settings.checkpoint:
            entries["checkpoints"] = str(directory / CHECKPOINTS)
        if task.item is not None:
            entries["bind"] = task.item.binding()
            entries["repeats"] = task.item.repeats
        if call.restart is not None:
            entries["restart"] = dict(call.restart)
        (directory / "document.json").write_text(task.document, encoding="utf-8")
        (directory / CONDITIONS).write_text(conditions_text(call.conditions), encoding="utf-8")
        write_json(entries, directory / "call.json")
        notebook = build_step_notebook(
            document,
            entries,
            step_directory=str(directory),
            runtime_directory=str(self.runtime),
        )
        write_json(notebook, directory / STEP_NOTEBOOK)
