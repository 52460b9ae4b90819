"""Stops a step in stages: interrupt, terminate, kill, each with a bounded wait."""

from collections.abc import Callable
from typing import Protocol

_GRACE_S = (3.0, 1.0, 10.0)
"""Seconds to wait after interrupting, terminating and killing."""


class Stoppable(Protocol):
    """What can be stopped."""

    def interrupt(self) -> None:
        """Ask the running code to stop."""

    def terminate(self) -> None:
        """Ask the processes to end."""

    def kill(self) -> None:
        """End the processes."""


class Stopping:
    """The stages that one step has been through; ``due_at`` is when the next one comes."""

    def __init__(self, session: Stoppable, *, clock: Callable[[], float]) -> None:
        """Begin with the interrupt."""
        self._actions = (session.interrupt, session.terminate, session.kill)
        self._clock = clock
        self._stage = -1
        self.due_at = 0.0
        self.advance()

    @property
    def is_given_up(self) -> bool:
        """Tell whether even killing did not end it in time."""
        return self._stage >= len(self._actions)

    def advance(self) -> None:
        """Go to the next stage."""
        self._stage += 1
        if not self.is_given_up:
            self._actions[self._stage]()
            self.due_at = self._clock() + _GRACE_S[self._stage]

    def kill(self) -> None:
        """Go to the last stage at once."""
        if self._stage < len(self._actions) - 1:
            self._stage = len(self._actions) - 2
            self.advance()
