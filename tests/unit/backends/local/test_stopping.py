"""Stopping a step in stages."""

from kernelpipe.backends.local.stopping import Stopping


class FakeSession:
    """Remembers how it was stopped."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def interrupt(self) -> None:
        """Remember it."""
        self.calls.append("interrupt")

    def terminate(self) -> None:
        """Remember it."""
        self.calls.append("terminate")

    def kill(self) -> None:
        """Remember it."""
        self.calls.append("kill")


def test_advance__nothing_helps__goes_through_the_stages_and_gives_up() -> None:
    """Each stage has its time."""
    session = FakeSession()
    stopping = Stopping(session, clock=lambda: 100.0)

    due = [stopping.due_at]
    while not stopping.is_given_up:
        stopping.advance()
        due.append(stopping.due_at)

    assert session.calls == ["interrupt", "terminate", "kill"]
    assert due == [103.0, 101.0, 110.0, 110.0]


def test_kill__while_interrupting__skips_a_stage_and_happens_once() -> None:
    """A second request does not wait."""
    session = FakeSession()
    stopping = Stopping(session, clock=lambda: 0.0)

    stopping.kill()
    stopping.kill()

    assert session.calls == ["interrupt", "kill"]
