"""The files of a run: its snapshot of the source, the runtime, and one directory per step."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.files import write_json
from kernelpipe.backends.local.outcome import RESULT
from kernelpipe.backends.local.session import STEP_NOTEBOOK
from kernelpipe.compiler import Task
from kernelpipe.model.names import StepName
from kernelpipe.runtime.notebook import build_step_notebook

_SOURCE = "source.ipynb"
_RUNTIME_NAME = "kernelpipe_runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where things are in a run's directory."""

    directory: Path

    @property
    def source(self) -> Path:
        """The source notebook as it was when the run started."""
        return self.directory / _SOURCE

    @property
    def runtime(self) -> Path:
        """What goes on the kernels' ``sys.path`` while they import our runtime."""
        return self.directory / "runtime"

    def executed(self, source: Path) -> Path:
        """Return the path of the one executed notebook; it has the source's name."""
        name = source.name if source.name != _SOURCE else f"executed-{_SOURCE}"
        return self.directory / name

    def step(self, position: int, step: StepName, attempt: int) -> Path:
        """Return the directory of one attempt at a step.

        Args:
            position: Of the step in the pipeline, from zero; keeps names apart that differ in
                case only, and the directories in order.
            step: The step.
            attempt: From one.
        """
        name = f"{position + 1:02d}-{step}"
        return self.directory / "steps" / (name if attempt == 1 else f"{name}.{attempt}")

    def prepare(self, source: Path) -> None:
        """Take the snapshot of the source and put the runtime in place."""
        shutil.copyfile(source, self.source)
        for name, package in (
            (_RUNTIME_NAME, "kernelpipe.runtime"),
            ("cloudpickle", "cloudpickle"),
        ):
            # Copied with their times, so that the compiled files that come along stay valid.
            shutil.copytree(
                _package_directory(package),
                self.runtime / name,
                ignore=_keep_python,
            )

    def prepare_step(
        self,
        task: Task,
        directory: Path,
        *,
        given: Mapping[str, object],
        finished: Mapping[StepName, Path],
    ) -> None:
        """Write what the step's kernel needs.

        Args:
            task: The step, lowered.
            directory: Of this attempt; made here.
            given: Parameter name -> value that the user gave.
            finished: Step name -> directory of the attempt that succeeded.
        """
        outputs = directory / "outputs"
        outputs.mkdir(parents=True)
        document: dict[str, Any] = json.loads(task.document)
        call = {
            "parameters": {name: given[name] for name in task.parameters if name in given},
            "inputs": {
                f"{port.step}/{port.port}": str(finished[port.step] / "outputs" / port.port)
                for port in task.inputs
            },
            "outputs": {port.port: str(outputs / port.port) for port in task.outputs},
            "result": str(directory / RESULT),
        }
        (directory / "document.json").write_text(task.document, encoding="utf-8")
        write_json(call, directory / "call.json")
        notebook = build_step_notebook(
            document,
            call,
            step_directory=str(directory),
            runtime_directory=str(self.runtime),
        )
        write_json(notebook, directory / STEP_NOTEBOOK)


def _package_directory(name: str) -> Path:
    """Return where a package's files are, without importing it."""
    from importlib.util import find_spec  # noqa: PLC0415 - needed by runs only

    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No package named '{name}'", name=name)
    return Path(spec.submodule_search_locations[0])


def _keep_python(directory: str, names: list[str]) -> list[str]:
    """Return the names that are not Python files, for ``shutil.copytree``."""
    return [
        name
        for name in names
        if not (Path(directory, name).is_dir() or name.endswith((".py", ".pyc")))
    ]
