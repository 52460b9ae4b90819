"""What a running pipeline tells MLflow: it writes facts down; others deliver them."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernelpipe.model.names import StepName
from kernelpipe.model.run import Run, StepRun
from kernelpipe.runs.tracking.destination import (
    EXPERIMENT,
    EXPERIMENT_ID,
    URI,
    Probe,
    find_destination,
    full_uri,
    is_tracking_possible,
)
from kernelpipe.runs.tracking.outbox import FOLDER, Destination, Outbox, TrackedStep

PROGRAM = "kernelpipe.runs.tracking.deliver"
WITHIN_TAG = "kernelpipe.within"
"""Marks runs of the user's code that could not join their step's: "run id/step"."""
_LATER = "what is kept is delivered with the next run, or by 'kernelpipe sync'"
LOG = "deliverer.log"
_LONGEST_LOG = 1 << 20
_LIVE_AFTER_S = 10.0
"""Runs that last longer are delivered while they go on, too: after this time, twice, ..."""
_LONGEST_PAUSE_S = 600.0
_PREPARE_TIMEOUT_S = 20.0


class Tracker:
    """Tells MLflow about one run.

    No method fails or takes longer than writing a small file, except that
    :meth:`step_environment` waits for the MLflow run of a step that logs to MLflow itself.
    """

    def __init__(
        self,
        home: Path,
        *,
        is_wanted: bool = True,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        prepare_timeout_s: float = _PREPARE_TIMEOUT_S,
    ) -> None:
        """Find out whether runs are tracked; nothing is written.

        Args:
            home: Of the run store.
            is_wanted: False tracks nothing.
            environment: Tells where MLflow logs.
            clock: Seconds since the epoch.
            prepare_timeout_s: How long a step waits for its MLflow run.
        """
        self.is_on = is_wanted and is_tracking_possible(environment)
        self._home = home
        self._outbox = Outbox(home)
        self._environment = environment
        self._clock = clock
        self._prepare_timeout_s = prepare_timeout_s
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._destination: Destination | None = None
        self._steps: dict[StepName, TrackedStep] = {}
        self._probe: Probe | None = None
        self._preparing: subprocess.Popen[bytes] | None = None
        self._next_live_s = _LIVE_AFTER_S
        self._notes: list[str] = []

    def run_started(
        self,
        run: Run,
        *,
        steps: Sequence[TrackedStep],
        experiment: str,
        running: Collection[StepName],
        are_values_logged: bool = False,
    ) -> None:
        """Record that a run began.

        Args:
            run: As it was created.
            steps: All of its steps, in pipeline order.
            experiment: Name of the experiment, unless the user's environment says another.
            running: The steps that may run; the others' results are found.
            are_values_logged: Log tables and models that steps hand on as artifacts.
        """
        if not self.is_on:
            return
        destination = find_destination(
            self._home, self._environment, experiment=experiment, directory=Path.cwd()
        )
        self._destination = destination
        self._steps = {step.name: step for step in steps}
        fact = {
            "kind": "run_started",
            "destination": asdict(destination),
            "run": _run_fields(run),
            "steps": [asdict(step) for step in steps],
            "values": are_values_logged,
            "user": _user(self._environment),
        }
        try:
            self._outbox.begin(run.id, fact)
        except OSError as error:
            self._give_up(error)
            return
        self._run = run
        self._probe = Probe(destination.uri, self._environment)
        self._probe.start()
        if any(step.resumes_run for step in steps if step.name in running):
            self._preparing = self._start_program("--prepare", run.id)

    def step_environment(self, step: StepName) -> Mapping[str, str]:
        """Return the variables with which the step's own calls of MLflow land in its run.

        {} for steps that do not use MLflow. May be called from any thread.
        """
        tracked = self._steps.get(step)
        if not self.is_on or self._run is None or tracked is None or not tracked.uses_mlflow:
            return {}
        assert self._destination is not None  # noqa: S101 - set with the run
        common = {URI: full_uri(self._destination.uri, self._environment)}
        prepared = self._prepared() if tracked.resumes_run else {}
        run_id = prepared.get("steps", {}).get(step)
        if run_id is not None:
            return common | {
                EXPERIMENT_ID: prepared["experiment_id"],
                "MLFLOW_RUN_ID": run_id,
                "MLFLOW_RUN_CONTEXT": json.dumps({"mlflow.parentRunId": run_id}),
            }
        within = f"{self._run.id}/{step}"
        common["MLFLOW_RUN_CONTEXT"] = json.dumps({WITHIN_TAG: within})
        if self._destination.experiment is not None:
            common[EXPERIMENT] = self._destination.experiment
        return common

    def step_finished(self, step: StepRun) -> None:
        """Record how a step ended, or that it did not run."""
        fields = {**asdict(step), "state": step.state.value, "facts": json.loads(step.facts)}
        self._append({"kind": "step_finished", "at": self._clock(), "step": fields})
        if self._run is None:
            return
        lasted_s = self._clock() - self._run.started_at
        if lasted_s >= self._next_live_s:
            self._next_live_s = lasted_s + min(max(lasted_s, _LIVE_AFTER_S), _LONGEST_PAUSE_S)
            self.deliver_in_background()

    def run_finished(self, run: Run) -> None:
        """Record how the run ended."""
        self._append({"kind": "run_finished", "run": _run_fields(run)})

    def deliver_in_background(self) -> None:
        """Start what delivers, unless it runs; called once the command has nothing more to do."""
        if not self.is_on or self._run is None:
            return
        process = self._start_program()
        if process is not None:
            # Nobody waits for it, but where this process lives on, it must not stay as a zombie.
            threading.Thread(target=process.wait, name="mlflow delivery", daemon=True).start()

    def deliver_what_waits(self) -> None:
        """Start what delivers if runs of this home are waiting, also without a run of its own."""
        if self.is_on and self._outbox.run_ids():
            self._start_program()

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know when the run has ended, in sentences."""
        found = list(self._notes)
        if self._run is None:
            return tuple(found)
        problem = self._probe.problem() if self._probe is not None else None
        if problem is not None:
            found.append(f"not logged to MLflow yet: {problem}; {_LATER}")
            return tuple(found)
        last = self._outbox.problem()
        if self._destination is not None and last.get("uri") == self._destination.uri:
            found.append(f"earlier runs are not logged to MLflow yet: {last['message']}; {_LATER}")
        return tuple(found)

    def _append(self, fact: Mapping[str, object]) -> None:
        if not self.is_on or self._run is None:
            return
        try:
            self._outbox.append(self._run.id, fact)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Track nothing any more: what would be delivered has holes."""
        self.is_on = False
        self._notes.append(
            f"the run is not logged to MLflow: {error.filename}: {error.strerror or error}"
        )

    def _start_program(self, *words: str) -> "subprocess.Popen[bytes] | None":
        log = self._home / FOLDER / LOG
        try:
            if log.exists() and log.stat().st_size > _LONGEST_LOG:
                log.unlink()
            with log.open("ab") as output:
                return subprocess.Popen(  # noqa: S603 - this program
                    # Without -P, modules in the current folder would hide installed ones.
                    [sys.executable, "-P", "-m", PROGRAM, str(self._home), *words],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(self._environment),
                    start_new_session=True,
                )
        except OSError as error:
            self._notes.append(f"nothing is logged to MLflow now: {error}; use 'kernelpipe sync'")
            return None

    def _prepared(self) -> dict[str, Any]:
        """Wait for the MLflow runs of the steps; {} when they could not be made in time."""
        assert self._run is not None  # noqa: S101 - called once there is a run
        with self._lock:
            if self._preparing is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._preparing.wait(self._prepare_timeout_s)
                has_ended = self._preparing.returncode is not None
                if not has_ended:
                    self._preparing.kill()
                    self._preparing.wait()
                self._preparing = None
                if not self._outbox.delivery(self._run.id).get("steps"):
                    why = "failed" if has_ended else f"took over {self._prepare_timeout_s:g} s"
                    self._notes.append(
                        "what steps log to MLflow themselves is in runs of its own: making the"
                        f" steps' runs {why}"
                    )
        return self._outbox.delivery(self._run.id)


def _run_fields(run: Run) -> dict[str, object]:
    fields = {
        name: value
        for name in Run.__dataclass_fields__
        if name not in {"steps", "state", "facts", "parameters", "metrics"}
        for value in (getattr(run, name),)
    }
    return {
        **fields,
        "state": run.state.value,
        "facts": json.loads(run.facts),
        "parameters": json.loads(run.parameters),
        "metrics": {metric.name: metric.value for metric in run.metrics},
    }


def _user(environment: Mapping[str, str]) -> str:
    return environment.get("LOGNAME") or environment.get("USER") or ""
