"""Takes runs out of the outbox and writes them to MLflow."""

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelpipe.model.names import RunId, StepName
from kernelpipe.runs.results import ResultStore
from kernelpipe.runs.tracking import pages
from kernelpipe.runs.tracking.artifacts import notebook_files, table_files
from kernelpipe.runs.tracking.destination import full_uri, sqlite_path, store_problem
from kernelpipe.runs.tracking.locks import holding
from kernelpipe.runs.tracking.models import NoModelError, Registration, log_model, model_variables
from kernelpipe.runs.tracking.outbox import (
    Destination,
    Outbox,
    Recorded,
    TrackedStep,
    write_json,
)
from kernelpipe.runs.tracking.tracker import WITHIN_TAG
from kernelpipe.runs.tracking.writing import Ledger
from kernelpipe.runtime.container import ValueFileError
from kernelpipe.runtime.values import read_values

if TYPE_CHECKING:
    from mlflow import MlflowClient

RECORD = "mlflow.json"
"""In a run's directory: where it is logged."""
_LOG = logging.getLogger(__name__)
_LIVE_AFTER_S = 10.0
_BUSY_S = 20.0
_FRAGMENT_AFTER_S = 3600.0
"""After this, a run without a first fact was killed while it wrote it."""


class UnreachableError(Exception):
    """A tracking server or store cannot be used at all."""


class OutOfTimeError(Exception):
    """There is no time left to deliver more."""


@dataclass(slots=True)
class Outcome:
    """What was delivered and what was not, as JSON objects."""

    delivered: list[dict[str, Any]] = field(default_factory=list)
    """``run_id``, ``uri``, ``experiment_id``, ``mlflow_run_id``, ``notes``."""
    left: list[dict[str, Any]] = field(default_factory=list)
    """``run_id``, ``reason``, ``kind``: "unreachable", "running" or "failed"."""

    def leave(self, run_id: RunId, reason: str, kind: str) -> None:
        """Note that a run stays in the outbox."""
        self.left.append({"run_id": run_id, "reason": reason, "kind": kind})


class Deliverer:
    """Delivers the runs of one home, one after the other."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        environment: Mapping[str, str] = os.environ,
        deadline_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is loaded.

        Args:
            outbox: Holds the runs.
            environment: Has the passwords of tracking servers.
            deadline_s: When to stop, by ``clock``; None means when nothing is left.
            clock: Seconds that only go forward.
        """
        self._outbox = outbox
        self._environment = environment
        self._deadline_s = deadline_s
        self._clock = clock
        self._ledgers: dict[Destination, Ledger | UnreachableError] = {}
        self._seen: dict[RunId, int] = {}

    def has_more(self) -> bool:
        """Tell whether there are facts that :meth:`deliver_all` has not tried to deliver."""
        return any(self._seen.get(each.id) != each.size for each in self._ready())

    def deliver_all(self, *, is_live: bool) -> Outcome:
        """Deliver what there is.

        Args:
            is_live: Also write what is known of runs that go on for long.
        """
        outcome = Outcome()
        self._ledgers.clear()  # what could not be reached may be back
        for recorded in self._ready():
            self._seen[recorded.id] = recorded.size
            if not recorded.is_over and not is_live:
                outcome.leave(recorded.id, "it is still running", "running")
                continue
            try:
                self._deliver(recorded, outcome)
            except UnreachableError as error:
                outcome.leave(recorded.id, str(error), "unreachable")
                self._note(recorded, str(error))
            except OutOfTimeError as error:
                outcome.leave(recorded.id, str(error), "failed")
                break
            except Exception as error:  # noqa: BLE001 - the edge: whatever happens, the run stays
                _LOG.exception("run %s", recorded.id)
                reason = f"{type(error).__name__}: {_first_line(error)}"
                outcome.leave(recorded.id, reason, "failed")
                self._note(recorded, reason)
        if all(each["kind"] == "running" for each in outcome.left):
            self._outbox.note_problem(None)
        return outcome

    def prepare(self, run_id: RunId) -> None:
        """Make the MLflow runs of a pipeline run and of its steps that log to MLflow themselves."""
        recorded = self._outbox.read(run_id)
        assert recorded is not None  # noqa: S101 - it was written before this was asked for
        ledger = self._ledger(recorded.destination)
        with holding(recorded.directory / "lock", wait_s=_LIVE_AFTER_S) as is_held:
            if is_held:
                steps = [step.name for step in recorded.tracked_steps if step.resumes_run]
                _RunDelivery(self._outbox, ledger, recorded).prepare(steps)

    def _ready(self) -> list[Recorded]:
        """Return the runs that something can be said about, the oldest first."""
        found = []
        for run_id in self._outbox.run_ids():
            recorded = self._outbox.read(run_id)
            if recorded is None:
                self._remove_fragment(run_id)
            elif recorded.is_over or _age_s(recorded) > _LIVE_AFTER_S:
                found.append(recorded)
        return found

    def _remove_fragment(self, run_id: RunId) -> None:
        with suppress(FileNotFoundError):
            changed_at = self._outbox.directory(run_id).stat().st_mtime
            if time.time() - changed_at > _FRAGMENT_AFTER_S:
                self._outbox.remove(run_id)

    def _deliver(self, recorded: Recorded, outcome: Outcome) -> None:
        if self._deadline_s is not None and self._clock() > self._deadline_s:
            raise OutOfTimeError("there was no time left")
        ledger = self._ledger(recorded.destination)
        with holding(recorded.directory / "lock") as is_held:
            current = self._outbox.read(recorded.id) if is_held else None
            if current is None:
                return  # another process delivers it, or did
            delivery = _RunDelivery(self._outbox, ledger, current)
            delivery.write()
            if current.is_over:
                outcome.delivered.append(delivery.record())
                self._outbox.remove(recorded.id)

    def _ledger(self, destination: Destination) -> Ledger:
        found = self._ledgers.get(destination)
        if found is None:
            try:
                found = self._connect(destination)
            except UnreachableError as error:
                found = error
            self._ledgers[destination] = found
        if isinstance(found, UnreachableError):
            raise found
        return found

    def _connect(self, destination: Destination) -> Ledger:
        uri = destination.uri
        problem = store_problem(uri)
        if problem is not None:
            raise UnreachableError(problem)
        database = sqlite_path(uri)
        if database is not None:
            _check_database(database)
            os.chdir(database.parent)  # MLflow keeps the files of new experiments here
        try:
            import mlflow

            mlflow.set_tracking_uri(full_uri(uri, self._environment))
            client = mlflow.MlflowClient()
            return Ledger(client, _experiment_id(client, destination))
        except Exception as error:
            _LOG.info("%s", uri, exc_info=True)
            reason = f"{uri} cannot be used: {_first_line(error)}"
            raise UnreachableError(reason) from error

    def _note(self, recorded: Recorded, message: str) -> None:
        with suppress(OSError):
            self._outbox.note_problem({"uri": recorded.destination.uri, "message": message})


class _RunDelivery:
    """Writes one run, from where an earlier attempt stopped."""

    def __init__(self, outbox: Outbox, ledger: Ledger, recorded: Recorded) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._recorded = recorded
        known = outbox.delivery(recorded.id)
        self._parent: str = known.get("parent", "")
        self._steps: dict[StepName, str] = known.get("steps", {})
        self._done: list[StepName] = known.get("done", [])
        self._notes: list[str] = []

    def prepare(self, steps: list[StepName]) -> None:
        """Make the run's MLflow run and those of ``steps``, which are about to begin."""
        self._make_parent()
        for step in steps:
            self._make_step(step, pages.started_ms(self._recorded))

    def write(self) -> None:
        """Write what is known; a run that is over is ended."""
        self._make_parent()
        for step in pages.ended_steps(self._recorded):
            if step not in self._done:
                self._write_step(step)
        self._ledger.write(self._parent, pages.run_page(self._recorded))
        if self._recorded.is_over:
            self._finish()

    def record(self) -> dict[str, Any]:
        """Return where the run is logged."""
        return {
            "run_id": self._recorded.id,
            "uri": self._recorded.destination.uri,
            "experiment_id": self._ledger.experiment_id,
            "mlflow_run_id": self._parent,
            "notes": self._notes,
        }

    def _make_parent(self) -> None:
        # An attempt that was killed may have made runs and not said so.
        found, steps = self._ledger.find_runs(self._recorded.id)
        self._steps = {**steps, **self._steps}
        self._parent = (
            self._parent
            or found
            or self._ledger.create_parent(
                self._recorded.id,
                started_ms=pages.started_ms(self._recorded),
                tags=pages.first_tags(self._recorded),
            )
        )
        self._save()

    def _make_step(self, step: StepName, started_ms: int) -> str:
        if step not in self._steps:
            self._steps[step] = self._ledger.create_step(
                self._recorded.id, step, parent=self._parent, started_ms=started_ms
            )
            self._save()
        return self._steps[step]

    def _write_step(self, step: StepName) -> None:
        began, ended = pages.step_times(self._recorded, step)
        run = self._make_step(step, began)
        self._ledger.write(run, pages.step_page(self._recorded, step))
        self._ledger.adopt(f"{self._recorded.id}/{step}", WITHIN_TAG, run)
        status = pages.step_status(self._recorded.steps[step])
        self._ledger.end(run, status, ended_ms=ended)
        self._done.append(step)
        self._save()

    def _finish(self) -> None:
        recorded = self._recorded
        notebook = (recorded.finished or recorded.started)["run"]["notebook"]
        if notebook is not None:
            with notebook_files(Path(notebook), self._notes) as files:
                for file in files:
                    self._ledger.client.log_artifact(self._parent, str(file))
        for step in recorded.tracked_steps:
            if step.name in recorded.steps:
                self._log_values(step)
        ended = pages.ended_ms(recorded)
        for name in self._steps.keys() - set(self._done):  # prepared, and never run or lost
            self._ledger.end(self._steps[name], "KILLED", ended_ms=ended)
        if self._notes:
            self._ledger.client.set_tag(self._parent, "kernelpipe.notes", "\n".join(self._notes))
        self._ledger.end(self._parent, pages.run_status(recorded), ended_ms=ended)
        with suppress(OSError):  # the run may have been removed
            write_json(Path(recorded.started["run"]["directory"]) / RECORD, self.record())

    def _log_values(self, step: TrackedStep) -> None:
        """Log a step's tables and models where that was asked for; register its model."""
        fields = self._recorded.steps[step.name]
        has_passed = pages.run_status(self._recorded) == "FINISHED"
        is_registered = step.register is not None and has_passed
        are_logged = self._recorded.started["values"] and pages.step_status(fields) == "FINISHED"
        if step.register is not None and not has_passed:
            self._notes.append(f"the model of step '{step.name}' is not registered: the run failed")
        if not is_registered and not are_logged:
            return
        outputs = self._read(step.name, None)
        if are_logged:
            with table_files(outputs, self._notes) as files:
                for file in files:
                    self._ledger.client.log_artifact(self._steps[step.name], str(file), "values")
        inputs: dict[str, Any] = {}
        for each in step.inputs:
            inputs |= self._read(each.step, each.port)
        if is_registered:
            self._log_model(step, str(step.register), outputs, inputs, is_registered=True)
        elif are_logged:
            for variable in model_variables(outputs):
                wish = f"{variable}:{variable}"
                self._log_model(step, wish, outputs, inputs, is_registered=False)

    def _log_model(
        self,
        step: TrackedStep,
        wish: str,
        outputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
        *,
        is_registered: bool,
    ) -> None:
        import mlflow

        facts = self._recorded.steps[step.name]["facts"]
        registration = Registration(
            wish=wish,
            outputs=outputs,
            inputs=inputs,
            packages=(self._recorded.finished or {})["run"]["facts"].get("packages", {}),
            digest=" ".join(sorted(str(each["digest"]) for each in facts.get("values", ()))),
        )
        run = self._steps[step.name]
        _, ended = pages.step_times(self._recorded, step.name)
        try:
            with mlflow.start_run(run_id=run):
                done = log_model(registration, self._notes, is_registered=is_registered)
        except NoModelError as error:
            self._notes.append(f"step '{step.name}': nothing is registered: {error}")
        else:
            if is_registered:
                self._ledger.client.set_tag(run, "kernelpipe.registered", done)
        status = pages.step_status(self._recorded.steps[step.name])
        self._ledger.end(run, status, ended_ms=ended)

    def _read(self, step: StepName, port: str | None) -> dict[str, Any]:
        """Return the values that a step handed on, in one of its files or all; by variable.

        Those of a step that ran once per item are lists, as later steps see them.
        """
        results = ResultStore(self._outbox.home)
        source = str(Path(self._recorded.started["run"]["source"]).parent)
        if source not in sys.path:
            sys.path.append(source)  # classes may be in the notebook's own modules
        found: dict[str, list[Any]] = {}
        facts = self._recorded.steps[step]["facts"]
        for value in facts.get("values", ()):
            if port is not None and value["port"] != port:
                continue
            try:
                for name, each in read_values(results.path(value["digest"])).items():
                    found.setdefault(name, []).append(each)
            except (ValueFileError, OSError) as error:
                self._notes.append(f"a value of step '{step}' cannot be read: {error}")
        return {
            name: values if "items" in facts else values[-1]
            for name, values in found.items()
            if not name.startswith("@")
        }

    def _save(self) -> None:
        self._outbox.note_delivery(
            self._recorded.id,
            {
                "experiment_id": self._ledger.experiment_id,
                "parent": self._parent,
                "steps": self._steps,
                "done": self._done,
            },
        )


def _experiment_id(client: "MlflowClient", destination: Destination) -> str:
    if destination.experiment_id is not None:
        return destination.experiment_id
    from mlflow.exceptions import MlflowException

    name = str(destination.experiment)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another process made it meanwhile
            if found is None:
                raise
    return str(found.experiment_id)


def _check_database(path: Path) -> None:
    """See that a database can be made or written: MLflow itself would try for minutes.

    Raises:
        UnreachableError: If not.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as opened:
            opened.execute("BEGIN IMMEDIATE")
            opened.execute("ROLLBACK")
    except (OSError, sqlite3.Error) as error:
        raise UnreachableError(f"{path} cannot be written: {error}") from error


def _age_s(recorded: Recorded) -> float:
    return time.time() - float(recorded.started["run"]["started_at"])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
