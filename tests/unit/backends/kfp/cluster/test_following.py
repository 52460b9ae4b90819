"""Tests of following a run to its end."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cluster_kit import run

from kernelpipe.backends.kfp.cluster import Patience, follow, to_run
from kernelpipe.backends.kfp.cluster.answers import parse_run
from kernelpipe.errors import ClusterError, RunError
from kernelpipe.model.run import Run


@dataclass
class FakeClock:
    """Time that passes while somebody sleeps, and one second for each question."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        self.pauses.append(round(seconds, 3))
        self.now += seconds


def asker(*answers: str | Exception) -> Callable[[Run | None], Run]:
    """Return what answers with runs in these states, or raises; the last one is repeated."""
    left = list(answers)

    def ask(previous: Run | None) -> Run:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return to_run(parse_run(run(answer)), previous=previous)

    return ask


DOWN = ClusterError("no answer", status=None)
BUSY = ClusterError("busy", status=503)


def test_follow__run_that_ends__tells_each_change() -> None:
    """Snapshots that say nothing new are not told."""
    seen: list[str] = []
    clock = FakeClock()

    found = follow(
        asker("PENDING", "RUNNING", "RUNNING", "SUCCEEDED"),
        clock=clock,
        on_change=lambda each: seen.append(each.state.value),
    )

    assert found.state.value == "SUCCEEDED"
    assert seen == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert clock.pauses == [2.0, 2.0, 2.5]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"])
def test_follow__final_state__ends(state: str) -> None:
    """CANCELED ends it, too, unlike the SDK's own waiting."""
    found = follow(asker(state), clock=FakeClock(), on_change=lambda _run: None)

    assert found.state.value == state


def test_follow__nothing_changes__pauses_grow_to_five_seconds() -> None:
    """A long run is not asked for too often."""
    clock = FakeClock()
    answers = ["RUNNING"] * 8 + ["SUCCEEDED"]

    follow(asker(*answers), clock=clock, on_change=lambda _run: None)

    assert clock.pauses == [2.0, 2.5, 3.125, 3.906, 4.883, 5.0, 5.0, 5.0]


def test_follow__unanswered_questions__keep_the_last_snapshot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A cluster that is away for a while ends nothing; pauses grow longer."""
    seen: list[str] = []
    clock = FakeClock()

    with caplog.at_level(logging.WARNING):
        follow(
            asker("RUNNING", DOWN, BUSY, DOWN, DOWN, DOWN, "RUNNING", "SUCCEEDED"),
            clock=clock,
            on_change=lambda each: seen.append(each.state.value),
        )

    assert seen == ["RUNNING", "SUCCEEDED"]
    assert clock.pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 5.0]
    assert "no answer from the cluster, asking again: busy" in caplog.text


def test_follow__no_answer_for_long__gives_up_and_says_what_was_known() -> None:
    """The run may well go on."""
    with pytest.raises(ClusterError, match=r"not answered for 10 min.*RUNNING when last heard of"):
        follow(asker("RUNNING", DOWN), clock=FakeClock(), on_change=lambda _run: None)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_follow__refusal__is_not_repeated(status: int) -> None:
    """Asking again would not help."""
    refusal = ClusterError("refused", status=status)
    clock = FakeClock()

    with pytest.raises(ClusterError, match="refused"):
        follow(asker("RUNNING", refusal), clock=clock, on_change=lambda _run: None)

    assert clock.pauses == [2.0]


def test_follow__timeout__ends_the_waiting_only() -> None:
    """The last pause is as long as what is left."""
    clock = FakeClock()

    with pytest.raises(RunError, match="run r1 is still RUNNING after 6 s; it goes on"):
        follow(asker("RUNNING"), clock=clock, on_change=lambda _run: None, timeout_s=6)

    assert clock.pauses == [2.0, 2.5, 1.5]


def test_follow__timeout_without_any_answer__says_that_nothing_is_known() -> None:
    """There was never a snapshot."""
    patience = Patience(shortest_pause_s=1, longest_error_pause_s=1)

    with pytest.raises(RunError, match="nothing is known of the run after 3 s"):
        follow(
            asker(DOWN),
            clock=FakeClock(),
            on_change=lambda _run: None,
            patience=patience,
            timeout_s=3,
        )
