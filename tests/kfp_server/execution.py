"""One execution of a submitted pipeline: its process, and what its tasks have done so far."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kfp_server.behaviour import Fault

JSON = dict[str, Any]

_TESTS = Path(__file__).parents[1]


@dataclass(kw_only=True)
class TaskRecord:
    """What a task did: times in seconds since the epoch, ``log`` the bytes of output it made.

    ``item`` is which item of the loop around it that was for; a loop is a task, too.
    """

    name: str
    started: float
    ended: float | None = None
    has_succeeded: bool | None = None
    log: tuple[int, int | None] = (0, None)
    is_loop: bool = False
    item: int | None = None


class Execution:
    """A pipeline that runs in a process group of its own."""

    def __init__(
        self,
        directory: Path,
        *,
        documents: list[JSON],
        parameters: Mapping[str, object],
        faults: Mapping[str, Fault],
    ) -> None:
        directory.mkdir(parents=True)
        self.faults = dict(faults)
        self._directory = directory
        self._log = directory / "log.txt"
        self._ended: float | None = None
        request = {
            "parameters": dict(parameters),
            "faults": {task: fault.value for task, fault in faults.items()},
        }
        text = yaml.safe_dump_all(documents)
        (directory / "pipeline.yaml").write_text(text, encoding="utf-8")
        (directory / "request.json").write_text(json.dumps(request), encoding="utf-8")
        paths = os.pathsep.join(filter(None, (str(_TESTS), os.environ.get("PYTHONPATH"))))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-u", "-m", "kfp_server.worker", str(directory)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "PYTHONPATH": paths},
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, None while it runs."""
        code = self._process.poll()
        if code is not None and self._ended is None:
            self._ended = time.time()
        return code

    @property
    def ended(self) -> float | None:
        """When the process was first seen to have ended."""
        return self._ended if self.exit_code is not None else None

    def tasks(self) -> dict[str, TaskRecord]:
        """Return what has been executed, in its order: "name#number" -> record.

        A task in a loop is executed several times.
        """
        found: dict[str, TaskRecord] = {}
        with suppress(FileNotFoundError):
            text = (self._directory / "events.jsonl").read_text(encoding="utf-8")
            for line in text.splitlines(keepends=True):
                if line.endswith("\n"):
                    _apply(found, json.loads(line))
        return found

    def log_of(self, key: str) -> bytes | None:
        """Return what an execution of a task has written so far, None if it was not started."""
        record = self.tasks().get(key)
        if record is None:
            return None
        start, end = record.log
        return self._log.read_bytes()[start:end]

    def stop(self) -> None:
        """Kill the process and what it started."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _apply(found: dict[str, TaskRecord], event: JSON) -> None:
    name, moment, log = event["task"], event["time"], event["log"]
    if event["event"] == "started":
        task = name.partition("#")[0]
        found[name] = TaskRecord(
            name=task,
            started=moment,
            log=(log, None),
            is_loop=event["loop"],
            item=event["item"],
        )
    else:
        record = found[name]
        record.ended = moment
        record.has_succeeded = event["succeeded"]
        record.log = (record.log[0], log)
