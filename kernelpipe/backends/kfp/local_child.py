"""A process that runs IR files with ``kfp.local``, one after another, as ``local_run`` asks for.

It is a program of its own: ``kfp.local`` keeps global state, prints, and sets the logging up. Pods
are forked from a process that has imported what all of them import, since that takes several times
as long as a small step; the user's code runs in a new kernel all the same.

Requests and answers are lines of JSON: ``{"path", "directory", "parameters", "log"}`` is answered
by ``{"task", "event"}`` when a pod starts ("started") or ends ("succeeded", "failed"), and by
``{"is_succeeded"}`` at the end, or ``{"problem"}`` if kfp does not take the file.
"""

import json
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, Final, TextIO

_WARM: Final = "kernelpipe.backends.kfp.local_warmth"
_CODE: Final = 2
"""Where a pod's command has its program: ``python3 -c PROGRAM ...``."""


class Executor:
    """Runs pipelines and pods, and tells whoever reads ``answers``."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        """``kfp.local`` runs a loop's items in threads."""
        self._log = os.devnull
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload([_WARM])

    def tell(self, **answer: object) -> None:
        """Write an answer."""
        with self._lock:
            print(json.dumps(answer), file=self._answers, flush=True)

    def run_pipeline(self, request: Mapping[str, Any]) -> None:
        """Run the pipeline that is asked for and tell whether it succeeded."""
        from kfp import components, local

        self._log = request["log"]
        local.init(
            local.SubprocessRunner(use_venv=False),
            pipeline_root=request["directory"],
            raise_on_error=True,
        )
        with (
            open(self._log, "a", encoding="utf-8", buffering=1) as log,  # noqa: PTH123
            redirect_stdout(log),
        ):
            try:
                component = components.load_component_from_file(request["path"])
                component(**request["parameters"])
            except RuntimeError:  # a task failed
                answer: dict[str, object] = {"is_succeeded": False}
            except Exception as error:  # noqa: BLE001 - whatever kfp thinks of the file
                answer = {"problem": f"{type(error).__name__}: {error}"}
            else:
                answer = {"is_succeeded": True}
        self.tell(**answer)

    def run_pod(
        self, full_command: Sequence[str], env_vars: Mapping[str, str] | None = None
    ) -> int:
        """Run a task's command as ``kfp.local`` would, in a fork; return the exit code."""
        task = _task_of(full_command)
        self.tell(task=task, event="started")
        environment = {**os.environ, **(env_vars or {})}
        pod = self._forks.Process(target=_pod, args=(list(full_command), environment, self._log))
        pod.start()
        pod.join()
        code = pod.exitcode or 0
        self.tell(task=task, event="failed" if code else "succeeded")
        return code


def _task_of(command: Sequence[str]) -> str:
    """Return the name of the directory in which the task writes what came of it."""
    for word in command:
        if word.startswith("{"):
            with suppress(ValueError, KeyError):
                return Path(json.loads(word)["outputs"]["outputFile"]).parent.name
    return "?"


def _pod(command: list[str], environment: dict[str, str], log: str) -> None:
    """Be a pod: run the program that ``command`` has after ``-c``; called in a fork."""
    with open(log, "ab") as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *command[_CODE + 1 :]]
    sys.path[0] = ""
    program = compile(command[_CODE], "<string>", "exec")
    exec(program, {"__name__": "__main__"})  # noqa: S102 - as `python -c` does


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    executor = Executor(answers)
    import kfp.local.subprocess_task_handler as handler
    from kfp import components, local  # noqa: F401 - while nobody waits for it yet

    handler.run_local_subprocess = executor.run_pod
    for line in sys.stdin:
        executor.run_pipeline(json.loads(line))
