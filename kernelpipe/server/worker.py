"""The program that carries out one run: started by the server, it outlives the server.

It reads one JSON object (:class:`Request`) from its input. Its output has one line: ``{"run_id"}``
once the run is recorded, else ``{"status", "document"}``, a refusal. From then on what it writes
goes to a file in the run's directory. SIGINT, SIGTERM and SIGHUP stop the run as they stop
``kernelpipe run``.
"""

import json
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypedDict

from kernelpipe.api.documents import JsonObject
from kernelpipe.backends.local.reporting import PlainReporter
from kernelpipe.errors import KernelpipeError, RunError, RunInterruptedError
from kernelpipe.model.run import RunState
from kernelpipe.server.refusals import refusal

if TYPE_CHECKING:
    from kernelpipe.api import RunOptions
    from kernelpipe.model.names import RunId, StepName
    from kernelpipe.model.run import Run

PROGRAM: Final = (sys.executable, "-P", "-m", "kernelpipe.server.worker")
"""The folder in which it is started is the notebook's, whose modules are none of ours."""
OUTPUT: Final = "worker.log"

_LOG = logging.getLogger(__name__)


class Request(TypedDict):
    """What to run."""

    action: Literal["run", "resume"]
    notebook: str
    """Absolute path; of a run that is continued, only for messages."""
    home: str
    run_id: str | None
    """The run that is continued."""
    parameters: dict[str, Any]
    """Name -> JSON value, of those that are given."""
    options: "RunOptions"


class _Reporter(PlainReporter):
    """Writes how the run goes, and tells the server as soon as there is a run."""

    def __init__(self, answers: IO[str]) -> None:
        super().__init__(sys.stderr)
        self.has_begun = False
        self._answers = answers

    def run_started(
        self, run_id: "RunId", directory: Path, steps: "tuple[StepName, ...]", cells_total: int
    ) -> None:
        """Tell the server which run it is, and let go of the server."""
        self.has_begun = True
        _redirect_output(directory / OUTPUT)
        _answer(self._answers, {"run_id": run_id})
        super().run_started(run_id, directory, steps, cells_total)


def main() -> int:
    """Carry out the run that is asked for; return the process's exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a server in the background may ignore them
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything prints is no answer
    request: Request = json.load(sys.stdin)
    reporter = _Reporter(answers)
    try:
        run = _carry_out(request, reporter)
    except RunInterruptedError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the worker's own log
        return error.exit_code
    except KeyboardInterrupt:
        return RunInterruptedError.exit_code
    except Exception as error:  # noqa: BLE001  # the edge of this process
        _refuse(error, reporter, answers)
        return error.exit_code if isinstance(error, KernelpipeError) else 1
    return 0 if run.state is RunState.SUCCEEDED else RunError.exit_code


def _carry_out(request: Request, reporter: _Reporter) -> "Run":
    from kernelpipe import api  # noqa: PLC0415  # slow to load: problems are told as answers

    options = request["options"]
    options["home"] = request["home"]
    if request["run_id"] is not None:
        return api.resume(request["run_id"], reporter=reporter, **options)
    return api.run(request["notebook"], request["parameters"], reporter=reporter, **options)


def _refuse(error: Exception, reporter: _Reporter, answers: IO[str]) -> None:
    """Say why there is no run, or write down why it could not go on."""
    if not isinstance(error, KernelpipeError):
        traceback.print_exc()
    elif reporter.has_begun:
        print(error, file=sys.stderr)  # noqa: T201  # the worker's own log
    if not reporter.has_begun:
        status, document = refusal(error)
        _answer(answers, {"status": status, "document": document})


def _answer(answers: IO[str], document: JsonObject) -> None:
    """Write the one line of output and close it; a server that is gone needs none."""
    try:
        answers.write(json.dumps(document) + "\n")
        answers.close()
    except OSError:
        _LOG.debug("nobody reads the answer", exc_info=True)


def _redirect_output(path: Path) -> None:
    """Let what this process writes from now on go to a file, or nowhere if there can be none."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        file = os.open(path, flags, 0o600)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    sys.stderr.flush()
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
