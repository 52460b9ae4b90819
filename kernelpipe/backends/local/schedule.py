"""Which steps may start, and which never will."""

from collections.abc import Mapping, Sequence

from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState

_BLOCKING = (RunState.FAILED, RunState.SKIPPED, RunState.CANCELED)


class Schedule:
    """States of the steps of one run; the order of the pipeline decides who goes first.

    The steps' order is a valid order to run: a step's dependencies stand before it.
    """

    def __init__(self, after: Mapping[StepName, Sequence[StepName]]) -> None:
        """Begin with every step PENDING.

        Args:
            after: Step name, in pipeline order -> steps that must have succeeded before it starts.
        """
        self._after = dict(after)
        self._states = dict.fromkeys(self._after, RunState.PENDING)
        self._blame: dict[StepName, StepName] = {}
        self._left_out: set[StepName] = set()

    def mark(self, step: StepName, state: RunState) -> None:
        """Set a step's state."""
        self._states[step] = state

    def leave_out(self, step: StepName) -> None:
        """Set a step to SKIPPED without that counting as a failure."""
        self._states[step] = RunState.SKIPPED
        self._left_out.add(step)

    def ready(self) -> tuple[StepName, ...]:
        """Return every PENDING step whose dependencies have all succeeded, in pipeline order."""
        return tuple(
            step
            for step, state in self._states.items()
            if state is RunState.PENDING
            and all(self._states[name] is RunState.SUCCEEDED for name in self._after[step])
        )

    def is_unfinished(self) -> bool:
        """Tell whether a step is PENDING or RUNNING."""
        return any(s in {RunState.PENDING, RunState.RUNNING} for s in self._states.values())

    def skip_blocked(self) -> tuple[tuple[StepName, StepName], ...]:
        """Set to SKIPPED every PENDING step that comes after a step that did not succeed.

        Returns:
            (step, the step that is to blame: itself not skipped) in pipeline order.
        """
        found = []
        for step, state in self._states.items():
            if state is not RunState.PENDING:
                continue
            blocking = [name for name in self._after[step] if self._states[name] in _BLOCKING]
            if blocking:
                self._states[step] = RunState.SKIPPED
                self._blame[step] = self._blame.get(blocking[0], blocking[0])
                found.append((step, self._blame[step]))
        return tuple(found)

    def skip_pending(self) -> tuple[StepName, ...]:
        """Set to SKIPPED every PENDING step and return them in pipeline order."""
        found = tuple(s for s, state in self._states.items() if state is RunState.PENDING)
        self._states.update(dict.fromkeys(found, RunState.SKIPPED))
        return found

    def final_state(self) -> RunState:
        """Return the state of the run once no step is PENDING or RUNNING."""
        states = {s for step, s in self._states.items() if step not in self._left_out}
        if RunState.CANCELED in states:
            return RunState.CANCELED
        return (
            RunState.SUCCEEDED
            if all(s is RunState.SUCCEEDED for s in states)
            else (RunState.FAILED)
        )
