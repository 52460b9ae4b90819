"""What an on-exit step is told about the run that it ends."""

from typing import Final

from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState, StepRun

RUN_STATE: Final = "KERNELPIPE_RUN_STATE"
"""The variable that holds SUCCEEDED, FAILED or CANCELED."""
RUN_REASON: Final = "KERNELPIPE_RUN_REASON"
"""The variable that says why, empty for a run that SUCCEEDED."""


class Failures:
    """Remembers which steps of a run failed."""

    def __init__(self) -> None:
        self._reasons: dict[StepName, str] = {}

    def note(self, step: StepRun) -> None:
        """Take note of how a step ended."""
        if step.state is RunState.FAILED:
            self._reasons.setdefault(step.name, step.reason or "nobody knows why")

    def variables(self, state: RunState, stop_reason: str | None) -> dict[str, str]:
        """Return the environment variables of an on-exit step.

        Args:
            state: Of the run, as far as its other steps are concerned.
            stop_reason: Why it was stopped, None if it was not.
        """
        reason = stop_reason or ""
        if stop_reason is None and self._reasons:
            step, why = next(iter(self._reasons.items()))
            reason = f"step '{step}' failed: {why}"
        return {RUN_STATE: state.value, RUN_REASON: reason}
