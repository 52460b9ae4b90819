"""How a step that runs once per item is recorded: as one step, with its items among its facts."""

import json
from collections.abc import Iterable, Sequence

from kernelpipe.backends.local.endings import count_cells
from kernelpipe.compiler import Task
from kernelpipe.model.run import (
    UNFINISHED,
    RunState,
    StepFacts,
    StepRun,
    ending_of,
    failure_of,
    item_facts,
)


class LoopRecord:
    """Puts together what becomes of a loop and its items."""

    def __init__(self, loop: Task, items: Sequence[Task]) -> None:
        """Begin with nothing started.

        Args:
            loop: The loop's own task.
            items: Their tasks, in order.
        """
        self._loop = loop
        self._texts = [task.item.text for task in items if task.item is not None]
        self._items = [StepRun(name=task.step, state=RunState.PENDING) for task in items]
        self._opening: StepRun | None = None
        self.is_running = False
        """Whether an item was started; one that is found is not."""

    @property
    def has_begun(self) -> bool:
        """Tell whether an item was started or has ended."""
        return any(item.state is not RunState.PENDING for item in self._items)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more can happen: no item runs or will."""
        if self._opening is None:
            return False
        is_open = self._opening.state is RunState.SUCCEEDED
        return not is_open or all(item.state not in UNFINISHED for item in self._items)

    def start(self, number: int) -> None:
        """Take down that an item (from zero) runs."""
        self.is_running = True
        self._items[number] = StepRun(name=self._items[number].name, state=RunState.RUNNING)

    def end(self, number: int | None, outcome: StepRun) -> None:
        """Take down how an item ended, or with None the loop's own task."""
        if number is None:
            self._opening = outcome
        else:
            self._items[number] = outcome

    def step_run(self) -> StepRun:
        """Return the record of the step as it is now."""
        if self._opening is not None and self._opening.state is not RunState.SUCCEEDED:
            return self._opening
        failed = [item for item in self._items if item.state is RunState.FAILED]
        cached = bool(self._items) and all(item.is_cached for item in self._items)
        shown = (*failed, *self._items)
        return StepRun(
            name=self._loop.step,
            state=self._state(),
            reason=self._reason(),
            is_cached=cached,
            duration_s=self._duration_s() if self.is_over else None,
            notebook=next((item.notebook for item in shown if item.notebook), None),
            error=next((item.error for item in failed), None),
            facts=json.dumps(self._facts(cached=cached)),
        )

    def written_twice(self) -> dict[str, list[int]]:
        """Return path -> the items that wrote there in this run, where they did so in no order."""
        if self._loop.loop is None or self._loop.loop.is_ordered:
            return {}
        found: dict[str, list[int]] = {}
        for number, item in enumerate(self._items):
            writes = () if item.is_cached else _facts(item).get("writes", ())
            for path in dict.fromkeys(str(state[0]) for state in writes):
                found.setdefault(path, []).append(number)
        return {path: numbers for path, numbers in found.items() if len(numbers) > 1}

    def _state(self) -> RunState:
        states = {item.state for item in self._items}
        if not self.is_over:
            return RunState.RUNNING
        return ending_of(states)

    def _reason(self) -> str | None:
        """Return which item is to blame, and how many share its fate."""
        state = self._state()
        if state in {RunState.RUNNING, RunState.SUCCEEDED}:
            return None
        if state is RunState.FAILED:
            return failure_of(self._items, self._texts)
        blamed = [item for item in self._items if item.state is state] or [
            item for item in self._items if item.state is RunState.SKIPPED
        ]
        return blamed[0].reason

    def _duration_s(self) -> float:
        """Return the time from the first start to the last end."""
        begun = [
            (facts["started_s"], item.duration_s or 0.0)
            for item in self._items
            if "started_s" in (facts := _facts(item))
        ]
        first = min((started_s for started_s, _ in begun), default=0.0)
        return max((started_s + took_s for started_s, took_s in begun), default=0.0) - first

    def _facts(self, *, cached: bool) -> StepFacts:
        known = [_facts(item) for item in self._items]
        facts = StepFacts(
            cell_count=count_cells(self._loop),
            items=[
                item_facts(text, item) for text, item in zip(self._texts, self._items, strict=True)
            ],
        )
        begun = [each["started_s"] for each in known if "started_s" in each]
        if begun:
            facts["started_s"] = min(begun)
        if "attempts" in (names := {name for each in known for name in each}):
            facts["attempts"] = max(each.get("attempts", 1) for each in known)
        if "cpu_s" in names:
            facts["cpu_s"] = sum(each.get("cpu_s", 0.0) for each in known)
        if "peak_bytes" in names:
            facts["peak_bytes"] = max(each.get("peak_bytes", 0) for each in known)
        if not self.is_over:
            return facts
        facts["cells"] = [cell for each in known for cell in each.get("cells", ())]
        facts["values"] = [value for each in known for value in each.get("values", ())]
        facts["reads"] = _distinct(state for each in known for state in each.get("reads", ()))
        facts["writes"] = _distinct(state for each in known for state in each.get("writes", ()))
        facts["series"] = _series(known)
        if cached:
            facts["made_at"] = max(each["made_at"] for each in known)
            makers = {each["made_in"] for each in known}
            if len(makers) == 1:
                facts["made_in"] = makers.pop()
        return facts


def _facts(step: StepRun) -> StepFacts:
    found: StepFacts = json.loads(step.facts)
    return found


def _distinct(states: Iterable[list[str | None]]) -> list[list[str | None]]:
    """Return the states of files, each once."""
    return [list(state) for state in dict.fromkeys(tuple(state) for state in states)]


def _series(items: Sequence[StepFacts]) -> dict[str, list[float]]:
    """Return each metric's values in the order of the items; one may be a series itself."""
    found: dict[str, list[float]] = {}
    for facts in items:
        for name, value in facts.get("metrics", {}).items():
            found.setdefault(name, []).append(value)
        for name, values in facts.get("series", {}).items():
            found.setdefault(name, []).extend(values)
    return found
