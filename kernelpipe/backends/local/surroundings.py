"""What the steps of one run on this machine have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.backends.local.machine import Machine
from kernelpipe.backends.local.planning import Planner
from kernelpipe.backends.local.reporting import Reporter
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.workspace import Workspace
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.plan import Plan
from kernelpipe.runs import FileDigests, ResultStore, RunStore
from kernelpipe.runs.tracking import Tracker

if TYPE_CHECKING:
    from kernelpipe.backends.local.engine import Engine
    from kernelpipe.backends.local.resuming import Restart


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the steps of one run have in common."""

    run_id: RunId
    source: Path
    """The source notebook."""
    given: Mapping[str, object]
    """Parameter name -> value that the user gave."""
    request: RunRequest
    plan: Plan
    planner: Planner
    workspace: Workspace
    store: RunStore
    results: ResultStore
    digests: FileDigests
    machine: Machine
    engine: "Engine | None"
    """None when every step is found."""
    reporter: Reporter
    restarts: Mapping[StepName, "Restart"]
    """Steps that begin within: where the run that is continued stopped."""
    tracker: Tracker
