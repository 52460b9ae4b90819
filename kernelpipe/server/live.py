"""What the events of a run amount to: the states of its steps and cells so far."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelpipe.model.run import UNFINISHED, ItemFacts, Run, RunState, StepError, StepRun

_RANKS = {RunState.PENDING: 0, RunState.RUNNING: 1}
_FINAL_RANK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    """Something about a step is not what it was."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChanged:
    """A cell of a step has another state; PENDING means that it has not begun (any more)."""

    step: str
    cell: int
    state: RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The run said something besides states."""

    text: str


Change = StepChanged | CellChanged | Said


@dataclass(slots=True, kw_only=True)
class LiveStep:
    """What is known about a step; ``cells`` are those that have begun."""

    name: str
    state: RunState = RunState.PENDING
    cached: bool = False
    reason: str | None = None
    started_at: float | None = None
    duration_s: float | None = None
    attempts: int | None = None
    cells_total: int = 0
    error: StepError | None = None
    items: list[ItemFacts] | None = None
    """Of a step that runs once per item: its items in order."""
    cells: dict[int, RunState] = field(default_factory=dict)
    ended_cell: int | None = None
    """The cell that has finished last, as long as it may still turn out to have failed."""

    @property
    def cells_done(self) -> int:
        """Tell how many cells have succeeded, now or when the result that was found was made."""
        if self.state is RunState.SUCCEEDED:
            return self.cells_total
        return sum(state is RunState.SUCCEEDED for state in self.cells.values())

    @property
    def has_ended(self) -> bool:
        """Tell whether its state is final."""
        return self.state not in _RANKS


class LiveRun:
    """The states of a run's steps and cells, from its events and from what is recorded of it.

    Events know more and know it earlier; but there may be none, and the last word is the record's.
    """

    def __init__(self) -> None:
        self.steps: dict[str, LiveStep] = {}
        """In pipeline order."""
        self.messages: list[str] = []
        self.is_closed = False
        """Whether no event will follow."""

    def apply(self, events: Iterable[Mapping[str, Any]]) -> list[Change]:
        """Take events in the order in which they happened; return what changed by them.

        Of what an event should say and does not, nothing is made.
        """
        changes: list[Change] = []
        for event in events:
            try:
                changes += self._apply(event)
            except (KeyError, TypeError, ValueError):
                continue
        return changes

    def settle(self, run: Run) -> list[Change]:
        """Take what is recorded of the run; return what changed by that."""
        is_final = run.state not in UNFINISHED
        changes: list[Change] = []
        for step in run.steps:
            known = self._step(step.name)
            before = _rank(known.state)
            is_news = _rank(step.state) > before or (is_final and step.state is not known.state)
            if is_news and _rank(step.state) == _FINAL_RANK:
                facts = _facts(step)
                changes += _end(known, step, facts)
            elif is_news or (not known.has_ended and step.reason not in {None, known.reason}):
                known.state = max(known.state, step.state, key=_rank)
                known.reason = step.reason
                changes.append(StepChanged(step=step.name))
            items = _facts(step).get("items")
            if items is not None and items != known.items:
                known.items = items
                changes.append(StepChanged(step=step.name))
            if known.started_at is None and known.state is not RunState.PENDING:
                known.started_at = _started_at(run, step)
        return changes

    def _apply(self, event: Mapping[str, Any]) -> list[Change]:
        kind = event["kind"]
        if kind == "run_started":
            for entry in event["steps"]:
                self._step(entry["name"]).cells_total = entry["cells_total"]
            return [StepChanged(step=entry["name"]) for entry in event["steps"]]
        if kind == "message":
            self.messages.append(str(event["text"]))
            return [Said(text=str(event["text"]))]
        if kind == "run_finished":
            self.is_closed = True
            return []
        return self._apply_to_step(kind, self._step(event["step"]), event)

    def _apply_to_step(self, kind: str, step: LiveStep, event: Mapping[str, Any]) -> list[Change]:
        if kind == "step_started":
            step.state = RunState.RUNNING
            step.started_at = event["time"]
            return [StepChanged(step=step.name)]
        if kind == "cell_started":
            return _start_cell(step, event["cell"])
        if kind == "cell_finished":
            step.ended_cell = event["cell"]
            return []
        if kind == "step_finished":
            error = event["error"]
            ended = StepRun(
                name=event["step"],
                state=RunState(event["state"]),
                reason=event["reason"],
                is_cached=event["cached"],
                duration_s=event["duration_s"],
                error=None if error is None else StepError(**error),
            )
            changes = _end(step, ended, event["facts"])
            if step.started_at is None and ended.is_cached:
                step.started_at = event["time"]
            return changes
        return []

    def _step(self, name: str) -> LiveStep:
        return self.steps.setdefault(name, LiveStep(name=name))


def _start_cell(step: LiveStep, cell: int) -> list[Change]:
    """Begin a cell; one that has begun before belongs to another attempt, which begins anew."""
    changes: list[Change] = []
    if cell in step.cells:
        changes += [
            CellChanged(step=step.name, cell=other, state=RunState.PENDING)
            for other in step.cells
            if other != cell
        ]
        step.cells.clear()
        step.ended_cell = None
    changes += _confirm(step)
    step.cells[cell] = RunState.RUNNING
    changes.append(CellChanged(step=step.name, cell=cell, state=RunState.RUNNING))
    changes.append(StepChanged(step=step.name))
    return changes


def _confirm(step: LiveStep) -> list[Change]:
    """Note that the cell that finished last has succeeded: the step goes on."""
    cell, step.ended_cell = step.ended_cell, None
    if cell is None:
        return []
    step.cells[cell] = RunState.SUCCEEDED
    return [CellChanged(step=step.name, cell=cell, state=RunState.SUCCEEDED)]


def _end(step: LiveStep, ended: StepRun, facts: Mapping[str, Any]) -> list[Change]:
    """Take a step's final state; the cells that still run end with it."""
    step.state = ended.state
    step.cached = ended.is_cached
    step.reason = ended.reason
    step.duration_s = ended.duration_s
    step.error = ended.error
    step.attempts = facts.get("attempts")
    step.cells_total = facts.get("cell_count", step.cells_total)
    changes: list[Change] = []
    failed = None if ended.error is None else ended.error.cell_index
    if failed != step.ended_cell and ended.state is not RunState.CANCELED:
        changes += _confirm(step)
    step.ended_cell = None
    if failed is not None and ended.state is RunState.FAILED:
        step.cells.setdefault(failed, RunState.RUNNING)
    for cell, state in step.cells.items():
        if state is RunState.RUNNING or (cell == failed and state is not ended.state):
            step.cells[cell] = ended.state
            changes.append(CellChanged(step=step.name, cell=cell, state=ended.state))
    changes.append(StepChanged(step=step.name))
    return changes


def _rank(state: RunState) -> int:
    return _RANKS.get(state, _FINAL_RANK)


def _facts(step: StepRun) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(step.facts)
    return found


def _started_at(run: Run, step: StepRun) -> float | None:
    offset_s = _facts(step).get("started_s")
    return None if offset_s is None else run.started_at + offset_s
