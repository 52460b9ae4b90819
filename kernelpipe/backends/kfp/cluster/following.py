"""Follows a remote run to its end: patient, with pauses that grow, and never worse informed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from kernelpipe.backends.kfp.cluster.answers import FINAL_STATES
from kernelpipe.errors import ClusterError, RunError
from kernelpipe.model.run import Run

_LOG: Final = logging.getLogger(__name__)


class Clock(Protocol):
    """Time, as far as following needs it; the module ``time`` is one."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to ask, and how long to go on without answers; all in seconds."""

    shortest_pause_s: float = 2.0
    longest_pause_s: float = 5.0
    longest_error_pause_s: float = 30.0
    growth: float = 1.25
    gives_up_after_s: float = 600.0


def follow(
    ask: Callable[[Run | None], Run],
    *,
    clock: Clock,
    on_change: Callable[[Run], None],
    patience: Patience | None = None,
    timeout_s: float | None = None,
) -> Run:
    """Return the run once it has ended.

    An answer that fails in passing (no connection, a busy server) is asked for again; the last
    snapshot stays. The pause grows while nothing changes and is short again after a change.

    Args:
        ask: Returns a snapshot; it is given the last one.
        clock: Time.
        on_change: Is told each snapshot that differs from the last one.
        patience: How often to ask.
        timeout_s: How long to wait for the end at most.

    Raises:
        ClusterError: If the cluster refuses, or has not answered for too long.
        RunError: If the run has not ended in time; it goes on.
    """
    chosen = patience or Patience()
    began = last_answer = clock.monotonic()
    pause = chosen.shortest_pause_s
    last: Run | None = None
    while True:
        try:
            found = ask(last)
        except ClusterError as error:
            _check_hope(error, last, clock.monotonic() - last_answer, chosen)
            pause = min(pause * 2, chosen.longest_error_pause_s)
        else:
            last_answer = clock.monotonic()
            if found == last:
                pause = min(pause * chosen.growth, chosen.longest_pause_s)
            else:
                pause = chosen.shortest_pause_s
                last = found
                on_change(found)
            if found.state in FINAL_STATES:
                return found
        pause = min(pause, _left(began, timeout_s, clock, last))
        clock.sleep(pause)


def _check_hope(error: ClusterError, last: Run | None, silent_s: float, patience: Patience) -> None:
    if not error.is_passing:
        raise error
    if silent_s >= patience.gives_up_after_s:
        known = "" if last is None else f"; it was {last.state.value} when last heard of"
        raise ClusterError(
            f"the cluster has not answered for {silent_s / 60:.0f} min, the run may go on{known}",
            status=error.status,
            hint="ask for it later: nothing was stopped",
        ) from error
    _LOG.warning("no answer from the cluster, asking again: %s", error)


def _left(began: float, timeout_s: float | None, clock: Clock, last: Run | None) -> float:
    """Return how long may be waited."""
    if timeout_s is None:
        return float("inf")
    left = timeout_s - (clock.monotonic() - began)
    if left <= 0:
        name = (
            f"run {last.id} is still {last.state.value}" if last else "nothing is known of the run"
        )
        raise RunError(f"{name} after {timeout_s:g} s; it goes on, only the waiting ends")
    return left
