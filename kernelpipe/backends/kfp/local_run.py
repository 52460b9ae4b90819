"""Runs IR files with ``kfp.local``, KFP's own executor, as an independent judge of what we emit."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from kernelpipe.backends.kfp.carried_files import is_files_port
from kernelpipe.errors import BackendError, BackendUnavailableError
from kernelpipe.runtime.pod_chain import KEEP

METRICS_FILE: Final = "run-metrics"
REPORT_FILE: Final = "run-report"
OUTPUT_FILE: Final = "executor_output.json"
_OWN: Final = frozenset({METRICS_FILE, REPORT_FILE, "run-runtime", OUTPUT_FILE})
_PROGRAM: Final = "from kernelpipe.backends.kfp.local_child import main; main()"
_ITERATION: Final = re.compile(r"-iteration-(\d+)$")
_SHOWN: Final = 500
"""How many of the last characters that a broken kfp wrote are told."""
_LONGEST_PLACE: Final = 40
_PATIENCE_S: Final = 10
"""How long pods may take to end their kernels when they are stopped."""

OnTask = Callable[[str, str], None]
"""Is told a task's name and "started", "succeeded" or "failed"; of each attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKfpRun:
    """What came of a run; keys are task names, and (task name, port). ``log`` is all it printed.

    A task that was skipped is in none of them, one that failed only in ``started``. ``items`` has
    the directories of a loop's items in their order, with the files that tasks have.
    """

    is_succeeded: bool
    directory: Path
    log: str
    started: frozenset[str]
    succeeded: frozenset[str]
    metrics: Mapping[str, Mapping[str, object]]
    values: Mapping[tuple[str, str], Path]
    items: Mapping[str, tuple[Path, ...]]


class LocalKfp:
    """``kfp.local`` in a process of its own, which starts at once and runs many pipelines.

    Use it as a context manager: leaving it ends all its processes, whatever they do.
    """

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="kernelpipe-kfp-", dir=_short_place())
        """Where pods make their directories: those that are killed leave them."""
        self._errors = Path(self._scratch.name, "errors")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - this very package
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "TMPDIR": self._scratch.name, "PYTHONHASHSEED": "0", KEEP: "1"},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything that it started; also what somebody interrupted."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
        try:
            self._process.communicate(timeout=_PATIENCE_S)  # pods hold its output, too
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.communicate()
        self._scratch.cleanup()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def run(
        self,
        path: Path,
        directory: Path,
        parameters: Mapping[str, object],
        *,
        on_task: OnTask | None = None,
    ) -> LocalKfpRun:
        """Run the pipeline in an IR file: no venv, no containers, one task after another.

        Args:
            path: The YAML file.
            directory: An empty directory for its artifacts; need not exist.
            parameters: As a KFP client would give them.
            on_task: Is told when a pod starts or ends.

        Raises:
            BackendUnavailableError: If kfp is not installed, or breaks.
            BackendError: If kfp refuses the pipeline.
        """
        directory.mkdir(parents=True, exist_ok=True)
        log = directory / "log.txt"
        request = {
            "path": str(path.absolute()),
            "directory": str(directory.absolute()),
            "parameters": dict(parameters),
            "log": str(log.absolute()),
        }
        is_succeeded = self._ask(request, on_task)
        return _collect(directory, is_succeeded, log.read_text(encoding="utf-8", errors="replace"))

    def _ask(self, request: Mapping[str, Any], on_task: OnTask | None) -> bool:
        with suppress(BrokenPipeError):  # then there is no answer, either
            print(json.dumps(request), file=self._process.stdin, flush=True)
        for line in self._process.stdout or ():
            answer = json.loads(line)
            if "is_succeeded" in answer:
                return bool(answer["is_succeeded"])
            if "problem" in answer:
                raise BackendError(f"kfp.local refuses the pipeline: {answer['problem']}")
            if on_task is not None:
                on_task(answer["task"], answer["event"])
        said = self._errors.read_text(encoding="utf-8", errors="replace").strip()
        raise BackendUnavailableError(
            f"kfp.local did not run the pipeline: {said[-_SHOWN:]}", extra="kfp"
        )


def _short_place() -> str | None:
    """Return a directory for sockets, whose paths may have some 100 bytes; None means the usual."""
    is_long = len(os.fsencode(tempfile.gettempdir())) > _LONGEST_PLACE
    return "/tmp" if is_long else None  # noqa: S108 - it makes a private directory there


def read_metrics(task: Path) -> dict[str, object]:
    """Return what the task with this directory reported: numbers and series of them."""
    file = task / METRICS_FILE
    return read_json(file) if file.is_file() else {}


def read_json(file: Path) -> dict[str, object]:
    """Return the object in a JSON file."""
    found: dict[str, object] = json.loads(file.read_bytes())
    return found


def value_files(task: Path) -> dict[str, Path]:
    """Return port -> file, of the values that the task with this directory wrote."""
    files = (file for file in sorted(task.iterdir()) if file.name not in _OWN)
    return {file.name: file for file in files if not is_files_port(file.name)}


def _collect(directory: Path, is_succeeded: bool, log: str) -> LocalKfpRun:  # noqa: FBT001
    tasks = {
        task.name: task
        for task in sorted(directory.glob("*/*/"))
        if not _ITERATION.search(task.name)
    }
    items = _items(directory)
    done = {name for name, task in tasks.items() if (task / OUTPUT_FILE).is_file()}
    done |= {
        name for name, those in items.items() if all((i / OUTPUT_FILE).is_file() for i in those)
    }
    return LocalKfpRun(
        is_succeeded=is_succeeded,
        directory=directory,
        log=log,
        started=frozenset({*tasks, *items}),
        succeeded=frozenset(done),
        metrics={name: found for name, task in tasks.items() if (found := read_metrics(task))},
        values={
            (name, port): path
            for name, task in tasks.items()
            for port, path in value_files(task).items()
        },
        items=items,
    )


def _items(directory: Path) -> dict[str, tuple[Path, ...]]:
    """Return loop task -> the directories of its items' tasks, in order."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for item in directory.glob("**/*-iteration-*/*/"):
        number = _ITERATION.search(item.parent.name)
        if number is not None and item.is_dir():
            name = item.name.removesuffix("-item")
            found.setdefault(name, []).append((int(number[1]), item))
    return {name: tuple(path for _, path in sorted(those)) for name, those in found.items()}
