"""Run a notebook in this process: NOTEBOOK HOME; print this process's MB after steps as JSON."""

import json
import sys
from pathlib import Path

from kernelpipe import api
from kernelpipe.backends import local


class Watch(local.SilentReporter):
    """Notes how much memory this process has whenever a step has ended."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []

    def step_finished(self, step: object) -> None:
        """Note it."""
        del step
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.megabytes.append(pages * 4096 / 1e6)


watch = Watch()
run = api.run(sys.argv[1], home=sys.argv[2], reporter=watch, track=False)
if run.state.value != "SUCCEEDED":
    raise SystemExit(f"the run is {run.state.value}")
sys.stdout.write(json.dumps(watch.megabytes))
