"""Decides which steps of a run are found among the stored results, which must run, and why."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelpipe.backends.local.environment import NOTHING_KNOWN, Environment
from kernelpipe.backends.local.file_states import FileStates, contradictions, distrust
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.selection import select
from kernelpipe.compiler import (
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
from kernelpipe.runs import ResultStore

Values = Mapping[tuple[StepName, str], str]
"""(step, port) -> digest of the stored value."""

_HALF = 32
"""Half of a key's digits: what is known without the inputs; the other half is the inputs'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a plan depends on besides the tasks."""

    given: Mapping[str, object]
    """Parameter name -> value that the user gave."""
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
        fingerprints = [fingerprint(task, circumstances.given) for task in tasks]
        modules = modules_reached(fingerprints)
        environment = circumstances.environment
        self._known = {
            found.step: Conditions(
                fingerprint=found,
                packages=environment.packages(modules[found.step]),
                python=environment.python,
            )
            for found in fingerprints
        }
        self._bases = {
            step: result_key(conditions)[:_HALF] for step, conditions in self._known.items()
        }
        self._latest: dict[StepName, Result | None] = {}
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
            taking_part = [s for s in self._tasks if s not in self.selection.left_out]
            more = contradictions(taking_part, found, history, self._files)
            if not more:
                break
            must_run |= more
        for step in steps:
            if step.name in self.selection.must_be_found and step.verdict is not Verdict.FOUND:
                raise UsageError(
                    f"step '{step.name}' has no stored result that holds: {step.reasons[0]}",
                    hint=f"run it first: --until {step.name}",
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

    def key(self, step: StepName, values: Values) -> str:
        """Return the key under which the step's result is stored."""
        inputs = json.dumps(self.conditions(step, values).inputs).encode()
        return self._bases[step] + hashlib.sha256(inputs).hexdigest()[:_HALF]

    def latest(self, step: StepName) -> Result | None:
        """Return the newest result of the step, whatever it depends on."""
        if step not in self._latest:
            self._latest[step] = self._circumstances.results.latest(
                self._circumstances.source, step
            )
        return self._latest[step]

    def _go_through(self, must_run: Mapping[StepName, str]) -> tuple[PlannedStep, ...]:
        """Decide about each step in pipeline order."""
        values: dict[tuple[StepName, str], str] = {}
        verdicts: dict[StepName, PlannedStep] = {}
        self._files.forget()
        for step, task in self._tasks.items():
            if step in self.selection.left_out:
                planned = PlannedStep(name=step, verdict=Verdict.LEFT_OUT)
            elif any(verdicts[port.step].result is None for port in task.inputs):
                planned = self._guess(step, verdicts, must_run)
            else:
                planned = self._decide(step, values, must_run)
            if planned.result is not None:
                values |= {(step, value.port): value.digest for value in planned.result.values}
                self._files.note_found(planned.result.touched)
            elif planned.verdict is not Verdict.LEFT_OUT:
                latest = self.latest(step)
                self._files.note_unknown(latest.touched if latest else None)
            verdicts[step] = planned
        return tuple(verdicts.values())

    def _decide(
        self, step: StepName, values: Values, must_run: Mapping[StepName, str]
    ) -> PlannedStep:
        """Decide about a step whose inputs are known."""
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
        verdicts: Mapping[StepName, PlannedStep],
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
                    if verdicts[port.step].result is None
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
        if latest is None:
            yield "never run"
        else:
            yield from differences(read(latest.conditions), conditions)

    def _runs(self, step: StepName, *reasons: str) -> PlannedStep:
        return self._not_found(step, Verdict.RUN, reasons)

    def _maybe(self, step: StepName, on_what: str) -> PlannedStep:
        return self._not_found(step, Verdict.MAYBE, (f"depends on {on_what}",))

    def _not_found(self, step: StepName, verdict: Verdict, reasons: tuple[str, ...]) -> PlannedStep:
        latest = self.latest(step)
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
            if planned.verdict in {Verdict.FOUND, Verdict.LEFT_OUT}:
                ends[planned.name] = ready_at
                continue
            if planned.expected_s is None:
                return None
            free_at.sort()
            ends[planned.name] = max(ready_at, free_at[0]) + planned.expected_s
            free_at[0] = ends[planned.name]
        return max(ends.values(), default=0.0)
