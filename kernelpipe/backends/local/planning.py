"""Decides which steps of a run are found among the stored results, which must run, and why."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kernelpipe.backends.local.environment import NOTHING_KNOWN, Environment
from kernelpipe.backends.local.file_states import FileStates, contradictions, distrust
from kernelpipe.backends.local.gating import look_at
from kernelpipe.backends.local.looping import Values, collected, items_by_step
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.selection import select
from kernelpipe.compiler import (
    FOREACH,
    CodePart,
    Conditions,
    Task,
    differences,
    fingerprint,
    modules_reached,
    result_key,
)
from kernelpipe.compiler import read_conditions as read
from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.plan import Plan, PlannedStep, Verdict
from kernelpipe.model.result import Result, Touched
from kernelpipe.model.run import Metric
from kernelpipe.runs import ResultStore
from kernelpipe.runtime.gates import GateError, Outcome

_IDLE = frozenset({Verdict.LEFT_OUT, Verdict.SKIPPED})
"""Verdicts on steps that take no part in a run."""
_HALF = 32
"""Half of a key's digits: what is known without the inputs; the other half is the inputs'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a plan depends on besides the tasks."""

    given: Mapping[str, object]
    """Parameter name -> value that the user gave."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Parameter name -> value in this run, defaults included."""
    source: str
    """Path of the source notebook."""
    environment: Environment
    results: ResultStore
    kept: frozenset[str] = frozenset()
    """Ids of results that count whatever the request says: of the run that is continued."""


class Planner:
    """Plans one run; during the run it decides about steps whose inputs were not known before."""

    def __init__(
        self,
        tasks: Sequence[Task],
        circumstances: Circumstances,
        request: RunRequest,
        files: FileStates,
    ) -> None:
        """Prepare.

        Args:
            tasks: In pipeline order.
            circumstances: What else counts.
            request: What the user asks for.
            files: Tells what is in files now, and what steps that are found wrote there.

        Raises:
            UsageError: If the request names a step that does not exist.
        """
        self._tasks = {task.step: task for task in tasks}
        self._circumstances = circumstances
        self._jobs = request.jobs
        self._files = files
        self.selection = select(tasks, request)
        self._items = items_by_step(tasks)
        fingerprints = {
            task.step: fingerprint(task, circumstances.given) for task in tasks if task.loop is None
        }
        modules = modules_reached(fingerprints.values())
        environment = circumstances.environment
        self._known = {
            step: Conditions(
                fingerprint=found,
                packages=environment.packages(modules[found.step]),
                python=environment.python,
            )
            for step, found in fingerprints.items()
        }
        self._bases = {
            step: result_key(conditions)[:_HALF] for step, conditions in self._known.items()
        }
        self._latest: dict[StepName, Result | None] = {}
        self._by_item: dict[StepName, Mapping[str, Result]] = {}
        self._behind_gates: set[StepName] = set()
        """Steps of which the plan cannot tell whether they are skipped."""
        self._kept_writes = self._find_kept_writes()

    def plan(self) -> Plan:
        """Return what a run would do now.

        Raises:
            UsageError: If a step that may not run has no result.
        """
        must_run: dict[StepName, str] = {}
        while True:
            steps = self._go_through(must_run)
            found = {step.name: step.result.touched for step in steps if step.result}
            history = {
                name: latest.touched for name in self._tasks if (latest := self.latest(name))
            }
            taking_part = [
                step.name
                for step in steps
                if step.verdict not in _IDLE and not self._tasks[step.name].is_exit
            ]
            more = contradictions(taking_part, found, history, self._files)
            if not more:
                break
            must_run |= more
        for step in steps:
            is_needed = step.name in self.selection.must_be_found
            if is_needed and step.verdict not in {Verdict.FOUND, Verdict.SKIPPED}:
                task = self._tasks[step.name]
                item = "" if task.item is None else f" for {task.item.text}"
                raise UsageError(
                    f"step '{task.public_step}' has no stored result{item} that holds:"
                    f" {step.reasons[0]}",
                    hint=f"run it first: --until {task.public_step}",
                )
        for step in steps:
            if step.result is not None:
                self._files.note_found(step.result.touched)
        return Plan(steps=steps, expected_s=self._expected_s(steps))

    def decide(self, step: StepName, values: Values) -> PlannedStep:
        """Return whether a step is found or runs, now that all steps before it have ended."""
        self._files.look_again()
        planned = self._decide(step, values, {})
        if planned.result is not None:
            for state in planned.result.touched.writes:
                if self._files.on_disk(state.path) != state.digest:
                    name = self._files.name(state.path)
                    return self._runs(step, f"{name}, which it wrote, changed")
            self._files.note_found(planned.result.touched)
        return planned

    def look_at_gate(
        self, step: StepName, metrics: Callable[[StepName], Sequence[Metric]]
    ) -> Outcome | None:
        """Return whether the step's gate is open, None if it has none.

        Args:
            step: Whose turn it is.
            metrics: Returns what a step that has succeeded reported.

        Raises:
            GateError: If that cannot be told.
        """
        gate = self._tasks[step].gate
        if gate is None:
            return None
        known = {name: metrics(name) for _, name in gate.metrics}
        return look_at(gate, self._circumstances.parameters, known)

    def note_ran(self, touched: Touched) -> None:
        """Take note of what a step that has just run did to files."""
        self._files.note_ran(touched)

    def conditions(self, step: StepName, values: Values) -> Conditions:
        """Return all that determines the step's result and can be told before it runs."""
        inputs = tuple(
            (f"{port.step}/{port.port}", values[port.step, port.port])
            for port in self._tasks[step].inputs
        )
        return replace(self._known[step], inputs=inputs)

    def code(self, step: StepName) -> tuple[CodePart, ...]:
        """Return the code that counts for the step's result."""
        return self._known[step].fingerprint.code

    def collected(self, step: StepName, values: Values) -> Values:
        """Return what the loop hands on that ``step`` is an item of, or the empty loop itself.

        Args:
            step: Any step; what is no loop's gives nothing.
            values: What steps gave so far; lists are there once all of the items gave theirs.
        """
        loop = self._tasks[self._tasks[step].public_step]
        return {} if loop.loop is None else collected(loop, self._items[loop.step], values)

    def key(self, step: StepName, values: Values) -> str:
        """Return the key under which the step's result is stored."""
        inputs = json.dumps(self.conditions(step, values).inputs).encode()
        return self._bases[step] + hashlib.sha256(inputs).hexdigest()[:_HALF]

    def latest(self, step: StepName) -> Result | None:
        """Return the newest result of the step, or of the item, whatever else it depends on."""
        if step not in self._latest:
            task, results = self._tasks[step], self._circumstances.results
            source = self._circumstances.source
            if task.loop is not None:
                found = None
            elif task.item is None:
                found = results.latest(source, step)
            else:
                same = results.find_base(self._bases[step])
                found = next((each for each in same if each.source == source), None)
                found = found or self._latest_items(task.public_step).get(self._setting(step))
            self._latest[step] = found
        return self._latest[step]

    def _latest_items(self, step: StepName) -> Mapping[str, Result]:
        """Return the newest result for each item that a loop's step ever ran for, by setting."""
        if step not in self._by_item:
            found: dict[str, Result] = {}
            for result in self._circumstances.results.of_step(self._circumstances.source, step):
                settings = dict(read(result.conditions).fingerprint.settings)
                found.setdefault(settings.get(FOREACH, ""), result)
            self._by_item[step] = found
        return self._by_item[step]

    def _setting(self, step: StepName) -> str:
        return dict(self._known[step].fingerprint.settings)[FOREACH]

    def _go_through(self, must_run: Mapping[StepName, str]) -> tuple[PlannedStep, ...]:
        """Decide about each step in pipeline order."""
        values: dict[tuple[StepName, str], str] = {}
        verdicts: dict[StepName, PlannedStep] = {}
        self._files.forget()
        self._behind_gates.clear()
        for step, task in self._tasks.items():
            if step in self.selection.left_out:
                planned = PlannedStep(name=step, verdict=Verdict.LEFT_OUT)
            elif (skipped := self._skipped(step, verdicts)) is not None:
                planned = skipped
            elif task.loop is not None:
                planned = PlannedStep(name=step, verdict=Verdict.FOUND)
            elif any((port.step, port.port) not in values for port in task.inputs):
                planned = self._guess(step, values, must_run)
            else:
                planned = self._decide(step, values, must_run)
            if planned.verdict not in _IDLE:
                planned = self._gated(planned, verdicts)
            if planned.result is not None:
                values |= {(step, value.port): value.digest for value in planned.result.values}
                self._files.note_found(planned.result.touched)
            elif planned.verdict not in _IDLE:
                latest = self.latest(step)
                self._files.note_unknown(latest.touched if latest else None)
            values |= self.collected(step, values)
            verdicts[step] = planned
        return tuple(verdicts.values())

    def _skipped(
        self, step: StepName, verdicts: Mapping[StepName, PlannedStep]
    ) -> PlannedStep | None:
        """Return the verdict on a step behind a gate that is known to be closed, else None."""
        task = self._tasks[step]
        for name in task.after:
            if verdicts[name].verdict is Verdict.SKIPPED:
                reason = f"step '{self._tasks[name].public_step}' is skipped"
                return PlannedStep(name=step, verdict=Verdict.SKIPPED, reasons=(reason,))
        outcome = self._outcome(step, verdicts)
        if outcome is None or outcome.is_open:
            return None
        return PlannedStep(name=step, verdict=Verdict.SKIPPED, reasons=(outcome.reason,))

    def _outcome(self, step: StepName, verdicts: Mapping[StepName, PlannedStep]) -> Outcome | None:
        """Return how the step's gate is, None if it has none or that cannot be told yet."""
        gate = self._tasks[step].gate
        found = {name: result.metrics for name, each in verdicts.items() if (result := each.result)}
        if gate is None or any(name not in found for _, name in gate.metrics):
            return None
        try:
            return self.look_at_gate(step, found.__getitem__)
        except GateError:
            return None

    def _gated(self, planned: PlannedStep, verdicts: Mapping[StepName, PlannedStep]) -> PlannedStep:
        """Return the verdict on a step, MAYBE if a gate may yet close before it."""
        task = self._tasks[planned.name]
        unsure = [name for name in task.after if name in self._behind_gates]
        if task.gate is not None and self._outcome(planned.name, verdicts) is None:
            reason = f"depends on whether {task.gate.expression}"
        elif unsure:
            reason = f"depends on whether step '{self._tasks[unsure[0]].public_step}' runs"
        else:
            return planned
        self._behind_gates.add(planned.name)
        return replace(
            planned, verdict=Verdict.MAYBE, reasons=(reason, *planned.reasons), result=None
        )

    def _decide(
        self, step: StepName, values: Values, must_run: Mapping[StepName, str]
    ) -> PlannedStep:
        """Decide about a step whose inputs are known."""
        if self._tasks[step].is_exit:
            return self._runs(step, "it runs at the end of every run")
        candidates = self._circumstances.results.find(self.key(step, values))
        reasons = []
        for result in candidates:
            reason = self._forced(step, result, must_run) or self._mismatch(step, result)
            if reason is None:
                return PlannedStep(
                    name=step,
                    verdict=Verdict.FOUND,
                    expected_s=result.duration_s,
                    result=result,
                )
            if reason == FileStates.UNKNOWN:
                return self._maybe(step, "files that a step before it writes")
            reasons.append(reason)
        if reasons:
            return self._runs(step, reasons[0])
        return self._runs(step, *self._news(step, self.conditions(step, values)))

    def _guess(
        self,
        step: StepName,
        values: Values,
        must_run: Mapping[StepName, str],
    ) -> PlannedStep:
        """Say what is known of a step that has inputs from steps that run or may run."""
        reasons = []
        for result in self._circumstances.results.find_base(self._bases[step]):
            reason = self._forced(step, result, must_run) or self._mismatch(step, result)
            if reason is None or reason == FileStates.UNKNOWN:
                changing = dict.fromkeys(
                    port.step
                    for port in self._tasks[step].inputs
                    if (port.step, port.port) not in values
                )
                return self._maybe(step, ", ".join(f"what '{name}' gives" for name in changing))
            reasons.append(reason)
        if reasons:
            return self._runs(step, reasons[0])
        latest = self.latest(step)
        known = self._known[step]
        if latest is not None:
            known = replace(known, inputs=read(latest.conditions).inputs)
        return self._runs(step, *self._news(step, known))

    def _forced(
        self, step: StepName, result: Result, must_run: Mapping[StepName, str]
    ) -> str | None:
        """Return why the result may not be used although it fits, None if it may."""
        if step in must_run:
            return must_run[step]
        if result.id in self._circumstances.kept:
            return None
        if step in self.selection.forced:
            return self.selection.forced[step]
        if self._circumstances.environment is NOTHING_KNOWN:
            return "which packages its kernel has cannot be told"
        return distrust(result.touched, self._tasks[step].settings)

    def _mismatch(self, step: StepName, result: Result) -> str | None:
        """Return what changed since the result was made, None if nothing did."""
        own = self._kept_writes if result.id in self._circumstances.kept else None
        reason = self._files.mismatch(result.touched, self._tasks[step].settings.env, own)
        if reason is not None:
            return reason
        results = self._circumstances.results
        for digest in result.digests:
            damage = results.damage(digest)
            if damage is not None:
                return f"its stored result {damage}"
        return None

    def _find_kept_writes(self) -> dict[str, set[str | None]]:
        """Return what the steps of the continued run left in files: path -> digests.

        A step that writes to a file that it had looked at before would else run again.
        """
        found: dict[str, set[str | None]] = {}
        for result_id in self._circumstances.kept:
            result = self._circumstances.results.get(result_id)
            for state in result.touched.writes if result else ():
                found.setdefault(state.path, set()).add(state.digest)
        return found

    def _news(self, step: StepName, conditions: Conditions) -> Iterator[str]:
        """Yield why there is no result for these conditions."""
        if step in self.selection.forced:
            yield self.selection.forced[step]
        latest = self.latest(step)
        item = self._tasks[step].item
        if latest is None:
            yield "never run" if item is None else f"never run for {item.text}"
            return
        yield from differences(read(latest.conditions), conditions)

    def _runs(self, step: StepName, *reasons: str) -> PlannedStep:
        return self._not_found(step, Verdict.RUN, reasons)

    def _maybe(self, step: StepName, on_what: str) -> PlannedStep:
        return self._not_found(step, Verdict.MAYBE, (f"depends on {on_what}",))

    def _not_found(self, step: StepName, verdict: Verdict, reasons: tuple[str, ...]) -> PlannedStep:
        latest = self.latest(step)
        task = self._tasks[step]
        if latest is None and task.item is not None:  # items take about the same time
            latest = next(iter(self._latest_items(task.public_step).values()), None)
        return PlannedStep(
            name=step,
            verdict=verdict,
            reasons=reasons,
            expected_s=None if latest is None else latest.duration_s,
        )

    def _expected_s(self, steps: Sequence[PlannedStep]) -> float | None:
        """Return how long the steps that are not found take with ``jobs`` of them at a time."""
        ends: dict[StepName, float] = {}
        free_at = [0.0] * min(self._jobs, len(steps))
        for planned in steps:
            before = self._tasks[planned.name].after
            ready_at = max((ends[step] for step in before), default=0.0)
            if planned.verdict is Verdict.FOUND or planned.verdict in _IDLE:
                ends[planned.name] = ready_at
                continue
            if planned.expected_s is None:
                return None
            free_at.sort()
            ends[planned.name] = max(ready_at, free_at[0]) + planned.expected_s
            free_at[0] = ends[planned.name]
        return max(ends.values(), default=0.0)
