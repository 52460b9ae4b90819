"""What is to be told to MLflow: facts of runs, as small files, until they have been delivered.

``<home>/outbox/<run id>/facts.jsonl`` gets one line per fact while the run goes on;
``delivery.json`` beside it is the deliverer's own note of how far it came.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kernelpipe.model.names import RunId, StepName
from kernelpipe.runs.json_files import read_json
from kernelpipe.runs.owner import Owner, current_owner, is_gone

FOLDER = "outbox"
_FACTS = "facts.jsonl"
_DELIVERY = "delivery.json"
_PROBLEM = "problem.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """Names that a step takes out of the value file ``port`` of ``step``."""

    step: StepName
    port: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedStep:
    """What is known about a step before it runs.

    ``parameters`` are those that it reads; ``register`` is the name of the ``register:`` tag;
    ``resumes_run`` says that its code logs to MLflow itself, in a way that can join the step's run.
    """

    name: StepName
    parameters: tuple[str, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    register: str | None = None
    uses_mlflow: bool = False
    resumes_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a run is logged; ``uri`` is absolute and has no password in it.

    One of the other fields is set: the experiment's name, or its id where the user gave that.
    """

    uri: str
    experiment: str | None = None
    experiment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run in the outbox, as far as it has come.

    ``started`` is the first fact; ``steps`` maps the steps that ended, in that order, to their
    StepRun's fields, with ``facts`` decoded and with ``at``, when that was told. ``finished`` is
    the last fact, None while the run goes on and when its process ended without finishing it
    (``is_lost``).
    """

    id: RunId
    directory: Path
    started: Mapping[str, Any]
    steps: Mapping[StepName, Mapping[str, Any]]
    finished: Mapping[str, Any] | None
    is_lost: bool
    size: int
    """Of the facts in bytes, to tell later whether there are more."""

    @property
    def destination(self) -> Destination:
        """Where it is logged."""
        return Destination(**self.started["destination"])

    @property
    def tracked_steps(self) -> tuple[TrackedStep, ...]:
        """The steps that it has, in pipeline order."""
        return tuple(_tracked_step(entry) for entry in self.started["steps"])

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.finished is not None or self.is_lost


class Outbox:
    """The outbox of one home; its files may vanish at any time, as other processes deliver."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / FOLDER

    def directory(self, run_id: RunId) -> Path:
        """Return where a run's facts are."""
        return self.path / run_id

    def begin(self, run_id: RunId, fact: Mapping[str, object]) -> None:
        """Record the first fact of a run of this process.

        Raises:
            OSError: If it cannot be written.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.directory(run_id).mkdir(mode=0o700)
        order = time.time_ns()
        self.append(run_id, {**fact, "owner": asdict(current_owner()), "order": order})

    def append(self, run_id: RunId, fact: Mapping[str, object]) -> None:
        """Record a further fact.

        Raises:
            OSError: If it cannot be written.
        """
        line = json.dumps(fact, default=str).encode() + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self.directory(run_id) / _FACTS, flags, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def run_ids(self) -> tuple[RunId, ...]:
        """Return the runs that are not delivered, the oldest first."""
        try:
            names = [entry.name for entry in os.scandir(self.path) if entry.is_dir()]
        except FileNotFoundError:
            return ()
        return tuple(sorted(map(RunId, names), key=lambda name: (self._order(name), name)))

    def _order(self, run_id: RunId) -> int:
        """Return a number that grows from run to run: ids of one second do not."""
        try:
            with (self.directory(run_id) / _FACTS).open("rb") as file:
                return int(json.loads(file.readline())["order"])
        except (OSError, ValueError, KeyError):
            return 0

    def read(self, run_id: RunId) -> Recorded | None:
        """Return what is recorded about a run, None if nothing is or not even its start.

        Raises:
            OSError: If it cannot be read.
        """
        try:
            content = (self.directory(run_id) / _FACTS).read_bytes()
        except FileNotFoundError:
            return None
        facts = _parse_lines(content)
        if not facts or facts[0]["kind"] != "run_started":
            return None
        ended = {
            fact["step"]["name"]: {**fact["step"], "at": fact["at"]}
            for fact in facts
            if fact["kind"] == "step_finished"
        }
        finished = facts[-1] if facts[-1]["kind"] == "run_finished" else None
        return Recorded(
            id=run_id,
            directory=self.directory(run_id),
            started=facts[0],
            steps=ended,
            finished=finished,
            is_lost=finished is None and is_gone(Owner(**facts[0]["owner"])),
            size=len(content),
        )

    def remove(self, run_id: RunId) -> None:
        """Forget a run."""
        shutil.rmtree(self.directory(run_id), ignore_errors=True)

    def delivery(self, run_id: RunId) -> dict[str, Any]:
        """Return how far the delivery of a run has come, {} if it was not begun."""
        return read_json(self.directory(run_id) / _DELIVERY)

    def note_delivery(self, run_id: RunId, delivery: Mapping[str, object]) -> None:
        """Record how far the delivery of a run has come."""
        write_json(self.directory(run_id) / _DELIVERY, delivery)

    def problem(self) -> dict[str, Any]:
        """Return what hindered the last delivery (``message``, ``uri``), {} if nothing did."""
        return read_json(self.path / _PROBLEM)

    def note_problem(self, problem: Mapping[str, object] | None) -> None:
        """Record what hindered the last delivery, None if nothing did."""
        if problem is not None:
            write_json(self.path / _PROBLEM, problem)
            return
        with suppress(OSError):
            (self.path / _PROBLEM).unlink()


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)


def _parse_lines(content: bytes) -> list[dict[str, Any]]:
    """Return the facts; the last line is left out when it was cut off."""
    facts = []
    for line in content.splitlines():
        try:
            facts.append(json.loads(line))
        except ValueError:
            break
    return facts


def _tracked_step(entry: Mapping[str, Any]) -> TrackedStep:
    inputs = tuple(
        InputFile(step=each["step"], port=each["port"], names=tuple(each["names"]))
        for each in entry["inputs"]
    )
    known = {**entry, "parameters": tuple(entry["parameters"]), "inputs": inputs}
    return TrackedStep(**known)
