"""Starts commands in processes of their own, and finds what they left running."""

import json
import os
import select
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MARK = "KP_TEST_MARK"
_ROOT = Path(__file__).parents[1]
_ENDS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended; ``document`` is its JSON, {} if it printed none."""

    code: int
    document: dict[str, Any]
    messages: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Commands that all work in one folder and carry one mark in their environment."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(
        self, *words: str, before: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        """Start ``kernelpipe`` with ``words``; ``before`` is called in the new process."""
        words = (*words, "--no-mlflow") if words[0] in {"run", "resume"} else words
        path = [str(_ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        return subprocess.Popen(
            [sys.executable, "-m", "kernelpipe", *words],
            cwd=self.folder,
            env=os.environ | {_MARK: self.mark, "PYTHONPATH": os.pathsep.join(filter(None, path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,  # noqa: PLW1509  # the tests start no threads of their own
        )

    def call(self, *words: str, before: Callable[[], None] | None = None) -> Ended:
        """Run a command with ``--json`` to its end."""
        return wait(self.start(*words, "--json", before=before))

    def left_running(self) -> list[str]:
        """Return what still runs after those that are ending had time to: pids and commands."""
        for pid in self._pids():
            _wait_for_end(pid)
        return [f"{pid} {_read(pid, 'cmdline')}" for pid in self._pids()]

    def _pids(self) -> list[int]:
        """Return the processes that carry the mark or work in the folder."""
        return [
            int(entry)
            for entry in os.listdir("/proc")  # noqa: PTH208  # names only
            if entry.isdigit()
            and int(entry) != os.getpid()
            and (self.mark in _read(int(entry), "environ") or self._works_here(int(entry)))
        ]

    def _works_here(self, pid: int) -> bool:
        try:
            place = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115  # text is enough
        except OSError:
            return False
        return Path(place).is_relative_to(self.folder.resolve())


def wait(process: "subprocess.Popen[str]") -> Ended:
    """Wait until a command has ended and closed its outputs."""
    out, messages = process.communicate(timeout=120)
    return Ended(
        code=process.returncode, document=json.loads(out) if out else {}, messages=messages
    )


def _wait_for_end(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([handle], [], [], _ENDS_WITHIN_S)
    finally:
        os.close(handle)


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def names(steps: Sequence[dict[str, Any]], *states: str) -> set[str]:
    """Return the names of a document's steps that are in one of ``states``."""
    return {step["name"] for step in steps if step["state"] in states}
