"""Asks git, beside the run, which commit the notebook belongs to."""

import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from kernelpipe.model.run import RunFacts

_TIMEOUT_S = 5.0


class GitQuestion:
    """Runs ``git status`` from :meth:`asked` to :meth:`answer`; use as a context manager."""

    def __init__(self, process: "subprocess.Popen[str] | None") -> None:
        self._process = process
        self._lock = threading.Lock()
        self._answer: RunFacts | None = None

    @classmethod
    def asked(cls, directory: Path) -> Self:
        """Ask about the checkout that ``directory`` is in."""
        command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
        try:
            process = subprocess.Popen(  # noqa: S603 - a constant command
                [*command, "--untracked-files=no"],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C on the terminal is not for it
            )
        except OSError:  # there is no git
            return cls(None)
        return cls(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def answer(self) -> RunFacts:
        """Return the commit and whether tracked files differ from it; {} outside of checkouts.

        May be called several times, from any thread.
        """
        with self._lock:
            if self._answer is None:
                self._answer = self._wait()
            return self._answer

    def _wait(self) -> RunFacts:
        if self._process is None:
            return {}
        try:
            text, _ = self._process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return {}
        lines = text.splitlines()
        commits = [line.split()[2] for line in lines if line.startswith("# branch.oid ")]
        if not commits or commits[0] == "(initial)":
            return {}
        is_dirty = any(not line.startswith("#") for line in lines)
        return RunFacts(git_commit=commits[0], git_is_dirty=is_dirty)
