"""Which steps may start, and which never will."""

from collections.abc import Iterable, Mapping, Sequence

from kernelpipe.model.names import StepName
from kernelpipe.model.run import UNFINISHED, RunState

_BLOCKING = (RunState.FAILED, RunState.SKIPPED, RunState.CANCELED)


class Schedule:
    """States of the steps of one run; the order of the pipeline decides who goes first.

    The steps' order is a valid order to run: a step's dependencies stand before it.
    """

    def __init__(
        self, after: Mapping[StepName, Sequence[StepName]], exit_step: StepName | None = None
    ) -> None:
        """Begin with every step PENDING.

        Args:
            after: Step name, in pipeline order -> steps that must have succeeded before it starts.
            exit_step: Of these, the one that starts when all others have ended, whatever happened.
        """
        self._after = dict(after)
        self._exit_step = exit_step
        self._states = dict.fromkeys(self._after, RunState.PENDING)
        self._blame: dict[StepName, StepName] = {}
        self._excused: set[StepName] = set()

    def mark(self, step: StepName, state: RunState) -> None:
        """Set a step's state."""
        self._states[step] = state

    def leave_out(self, step: StepName) -> None:
        """Set a step to SKIPPED without that counting as a failure, also of those after it."""
        self._states[step] = RunState.SKIPPED
        self._excused.add(step)

    def ready(self) -> tuple[StepName, ...]:
        """Return every PENDING step whose dependencies have all succeeded, in pipeline order."""
        return tuple(
            step
            for step, state in self._states.items()
            if state is RunState.PENDING
            and step != self._exit_step
            and all(self._states[name] is RunState.SUCCEEDED for name in self._after[step])
        )

    def exit_step(self) -> StepName | None:
        """Return the on-exit step when its turn has come, else None."""
        unfinished = [step for step, state in self._states.items() if state in UNFINISHED]
        if unfinished != [self._exit_step] or self._states[unfinished[0]] is not RunState.PENDING:
            return None
        return self._exit_step

    def is_unfinished(self) -> bool:
        """Tell whether a step is PENDING or RUNNING."""
        return any(state in UNFINISHED for state in self._states.values())

    def skip_blocked(self) -> tuple[tuple[StepName, StepName], ...]:
        """Set to SKIPPED every PENDING step that comes after a step that did not succeed.

        Returns:
            (step, the step that is to blame: one that failed or was left out, not one that was
            skipped for its sake) in pipeline order.
        """
        found = []
        for step, state in self._states.items():
            if state is not RunState.PENDING:
                continue
            blocking = [name for name in self._after[step] if self._states[name] in _BLOCKING]
            if blocking:
                failed = [name for name in blocking if name not in self._excused]
                first = (failed or blocking)[0]
                self._states[step] = RunState.SKIPPED
                self._blame[step] = self._blame.get(first, first)
                if not failed:
                    self._excused.add(step)
                found.append((step, self._blame[step]))
        return tuple(found)

    def is_excused(self, step: StepName) -> bool:
        """Tell whether a step was left out, or skipped because of steps that were left out."""
        return step in self._excused

    def skip_pending(self) -> tuple[StepName, ...]:
        """Set to SKIPPED every PENDING step but the on-exit step; return them in pipeline order."""
        found = tuple(
            step
            for step, state in self._states.items()
            if state is RunState.PENDING and step != self._exit_step
        )
        self._states.update(dict.fromkeys(found, RunState.SKIPPED))
        return found

    def state_so_far(self) -> RunState:
        """Return the state that the run has without its on-exit step, all others having ended."""
        return self._state_of(step for step in self._states if step != self._exit_step)

    def final_state(self) -> RunState:
        """Return the state of the run once no step is PENDING or RUNNING."""
        return self._state_of(self._states)

    def _state_of(self, steps: Iterable[StepName]) -> RunState:
        states = {self._states[step] for step in steps if step not in self._excused}
        if RunState.CANCELED in states:
            return RunState.CANCELED
        return (
            RunState.SUCCEEDED
            if all(s is RunState.SUCCEEDED for s in states)
            else (RunState.FAILED)
        )
