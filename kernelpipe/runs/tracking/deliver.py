"""The program that delivers the outbox of a home: ``python -m ... HOME [--prepare RUN]``.

It is a process of its own because MLflow takes seconds to load, and nobody waits for it.
"""

import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from kernelpipe.model.names import RunId
from kernelpipe.runs.tracking.outbox import Outbox

LOCK = "deliverer.lock"
_START_AFTER_S = 1.0
"""What began the deliverer has ended by then, and others may have added to the outbox."""
_LONGEST_S = 900
"""A deliverer that hangs is ended by the system; what it did not deliver stays in the outbox."""
_LONGEST_PREPARATION_S = 60
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""For MLflow, unless the user says otherwise."""
_NOT_OURS = ("MLFLOW_RUN_ID", "MLFLOW_RUN_CONTEXT")
"""Of the program that started the run, which may be an MLflow run itself."""


def main(words: list[str]) -> int:
    """Deliver, prepare a run, or deliver and report; the exit code is 0 unless that is a bug.

    Args:
        words: The home; then nothing, ``--prepare`` and a run's id, or ``--report`` and for how
            many seconds.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for name, text in _DEFAULTS.items():
        os.environ.setdefault(name, text)
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    outbox = Outbox(Path(words[0]))
    match words[1:]:
        case ["--prepare", run_id]:
            _limit_time(_LONGEST_PREPARATION_S)
            _prepare(outbox, RunId(run_id))
        case ["--report", seconds]:
            _limit_time(int(float(seconds)) + 30)
            _report(outbox, float(seconds))
        case _:
            _limit_time(_LONGEST_S)
            _become_unimportant()
            time.sleep(_START_AFTER_S)
            _deliver(outbox)
    return 0


def _prepare(outbox: Outbox, run_id: RunId) -> None:
    from kernelpipe.runs.tracking.delivering import Deliverer  # noqa: PLC0415 - see _deliver

    Deliverer(outbox).prepare(run_id)


def _deliver(outbox: Outbox) -> None:
    """Deliver until nothing new is there, unless another process does so."""
    from kernelpipe.runs.tracking.delivering import Deliverer  # noqa: PLC0415 - heavy
    from kernelpipe.runs.tracking.locks import holding  # noqa: PLC0415 - see above

    deliverer = Deliverer(outbox)
    has_more = True
    while has_more:
        with holding(outbox.path / LOCK) as is_held:
            if not is_held:
                return
            outcome = deliverer.deliver_all(is_live=True)
            logging.getLogger(__name__).info("%s", json.dumps(asdict(outcome)))
        # Whoever failed to get the lock until now left its facts to this process.
        has_more = deliverer.has_more()


def _report(outbox: Outbox, seconds: float) -> None:
    """Deliver and print the outcome as JSON."""
    from kernelpipe.runs.tracking.delivering import Deliverer, Outcome  # noqa: PLC0415 - heavy
    from kernelpipe.runs.tracking.locks import holding  # noqa: PLC0415 - see above

    give_up_at = time.monotonic() + seconds
    outcome = Outcome()
    with holding(outbox.path / LOCK, wait_s=seconds) as is_held:
        if is_held:
            deliverer = Deliverer(outbox, deadline_s=give_up_at)
            outcome = deliverer.deliver_all(is_live=False)
        else:
            for run_id in outbox.run_ids():
                outcome.leave(run_id, "another process is delivering it", "busy")
    json.dump(asdict(outcome), sys.__stdout__)  # type: ignore[arg-type]  # there is one


def _limit_time(seconds: int) -> None:
    with suppress(AttributeError):  # not on every system
        signal.alarm(seconds)


def _become_unimportant() -> None:
    """Use only what other processes leave."""
    with suppress(AttributeError, OSError):  # not on every system
        os.nice(19)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
