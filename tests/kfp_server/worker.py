"""Executes one pipeline with ``kfp.local``, in a process of its own; tells about tasks in a file.

The events are JSON lines: {"event": "started"|"ended", "task": name and number of the execution,
"time", "log": bytes of output so far, "succeeded"}; of what starts also "loop", whether it is a
loop, and "item", which item of the loop around it that is for.
"""

import itertools
import json
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp_server.behaviour import Fault

_FOREVER_S = 3600


class Events:
    """The file of events."""

    def __init__(self, path: Path, log: Path) -> None:
        self._path = path
        self._log = log
        self._lock = threading.Lock()

    def tell(self, event: str, task: str, **facts: object) -> None:
        """Append one event."""
        sys.stdout.flush()
        document = {
            "event": event,
            "task": task,
            "time": time.time(),
            "log": self._log.stat().st_size,
            **facts,
        }
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")


def watch_tasks(events: Events, faults: dict[str, str]) -> None:
    """Make ``kfp.local`` tell about each task, and do to it what the faults say."""
    from kfp.local import status
    from kfp.local.orchestrator import enhanced_dag_orchestrator, task_executor

    execute = task_executor.execute_single_task
    numbers = itertools.count()
    place = threading.local()

    def told(*, task_name: str, **rest: Any) -> Any:
        name = re.sub(r"-iteration-\d+$", "", task_name)
        fault = Fault(faults[name]) if name in faults else None
        key = f"{name}#{next(numbers)}"
        events.tell("started", key, loop=False, item=getattr(place, "item", None))
        if fault is not None:
            if fault.is_waiting:
                threading.Event().wait(_FOREVER_S)
            events.tell("ended", key, succeeded=False)
            return {}, status.Status.FAILURE
        outputs, state = execute(task_name=task_name, **rest)
        events.tell("ended", key, succeeded=state == status.Status.SUCCESS)
        return outputs, state

    task_executor.execute_single_task = told
    _watch_loops(enhanced_dag_orchestrator, events, place, numbers)


def _watch_loops(orchestrator: Any, events: Events, place: Any, numbers: Iterator[int]) -> None:
    """Tell about each loop, and remember in ``place`` which item a thread is for."""
    run_loop, run_task = orchestrator._run_parallel_for_task, orchestrator.execute_task

    def told(*, task_name: str, **rest: Any) -> Any:
        key = f"{task_name}#{next(numbers)}"
        events.tell("started", key, loop=True, item=None)
        has_failed = run_loop(task_name=task_name, **rest)
        events.tell("ended", key, succeeded=not has_failed)
        return has_failed

    def placed(*, task_name: str, **rest: Any) -> Any:
        found = re.search(r"-iteration-(\d+)$", task_name)
        if found is None:
            return run_task(task_name=task_name, **rest)
        place.item = int(found[1])
        try:
            return run_task(task_name=task_name, **rest)
        finally:
            place.item = None

    orchestrator._run_parallel_for_task = told
    orchestrator.execute_task = placed


def main(directory: Path) -> int:
    """Run the pipeline in ``directory``; return the exit code."""
    warnings.simplefilter("ignore")
    request = json.loads((directory / "request.json").read_text(encoding="utf-8"))
    from kfp import components, local

    watch_tasks(Events(directory / "events.jsonl", directory / "log.txt"), request["faults"])
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(directory / "root"),
        raise_on_error=True,
    )
    component = components.load_component_from_file(str(directory / "pipeline.yaml"))
    try:
        component(**request["parameters"])
    except RuntimeError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
