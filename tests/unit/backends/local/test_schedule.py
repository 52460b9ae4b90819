"""Which steps may start, and which never will."""

from kernelpipe.backends.local.schedule import Schedule
from kernelpipe.model.names import StepName
from kernelpipe.model.run import RunState

A, B, C, D = map(StepName, "abcd")


def diamond() -> Schedule:
    """Return a schedule where b and c follow a, and d follows both."""
    return Schedule({A: (), B: (A,), C: (A,), D: (B, C)})


def test_ready__nothing_has_run__is_the_step_without_dependencies() -> None:
    """The rest waits."""
    schedule = diamond()

    assert schedule.ready() == (A,)

    schedule.mark(A, RunState.RUNNING)
    assert schedule.ready() == ()
    assert schedule.is_unfinished()


def test_ready__two_may_start__are_in_pipeline_order() -> None:
    """The order of the pipeline decides."""
    schedule = diamond()
    schedule.mark(A, RunState.SUCCEEDED)

    assert schedule.ready() == (B, C)

    schedule.mark(B, RunState.RUNNING)
    assert schedule.ready() == (C,)


def test_leave_out__the_others_succeed__the_run_succeeds() -> None:
    """A step that nobody asked for is no failure."""
    schedule = diamond()
    schedule.leave_out(D)
    for step in (A, B, C):
        schedule.mark(step, RunState.SUCCEEDED)

    assert schedule.skip_blocked() == ()
    assert not schedule.is_unfinished()
    assert schedule.final_state() is RunState.SUCCEEDED


def test_skip_blocked__a_step_failed__skips_all_that_follow_and_names_it() -> None:
    """A step that was skipped itself is not to blame."""
    schedule = diamond()
    schedule.mark(A, RunState.FAILED)

    assert schedule.skip_blocked() == ((B, A), (C, A), (D, A))
    assert schedule.skip_blocked() == ()
    assert schedule.final_state() is RunState.FAILED


def test_skip_pending__some_have_run__skips_the_others() -> None:
    """Nothing starts any more."""
    schedule = diamond()
    schedule.mark(A, RunState.SUCCEEDED)
    schedule.mark(B, RunState.CANCELED)

    assert schedule.skip_pending() == (C, D)
    assert schedule.final_state() is RunState.CANCELED


def test_final_state__all_succeeded__is_succeeded() -> None:
    """One step that did not would make it FAILED."""
    schedule = Schedule({A: (), B: ()})
    schedule.mark(A, RunState.SUCCEEDED)
    schedule.mark(B, RunState.SUCCEEDED)

    assert schedule.final_state() is RunState.SUCCEEDED


def test_gate_closed__those_after_it_are_skipped__the_run_succeeds() -> None:
    """Skipped is not failed; the step whose gate is closed is to blame."""
    schedule = diamond()
    schedule.mark(A, RunState.SUCCEEDED)
    schedule.leave_out(B)
    schedule.mark(C, RunState.SUCCEEDED)

    assert schedule.skip_blocked() == ((D, B),)
    assert schedule.is_excused(D)
    assert schedule.final_state() is RunState.SUCCEEDED


def test_gate_closed_beside_a_failure__the_failure_is_to_blame() -> None:
    """A step that needs both counts as one that the failure stopped."""
    schedule = diamond()
    schedule.mark(A, RunState.SUCCEEDED)
    schedule.leave_out(B)
    schedule.mark(C, RunState.FAILED)

    assert schedule.skip_blocked() == ((D, C),)
    assert not schedule.is_excused(D)
    assert schedule.final_state() is RunState.FAILED


def test_exit_step__others_have_ended__it_is_its_turn() -> None:
    """Whatever happened to them; being skipped with all others is not for it."""
    schedule = Schedule({A: (), B: (A,), D: ()}, exit_step=D)

    assert schedule.ready() == (A,)
    assert schedule.exit_step() is None

    schedule.mark(A, RunState.CANCELED)
    assert schedule.exit_step() is None
    assert schedule.skip_pending() == (B,)
    assert schedule.exit_step() == D
    assert schedule.state_so_far() is RunState.CANCELED

    schedule.mark(D, RunState.RUNNING)
    assert schedule.exit_step() is None
    assert schedule.is_unfinished()

    schedule.mark(D, RunState.SUCCEEDED)
    assert schedule.exit_step() is None
    assert not schedule.is_unfinished()
    assert schedule.final_state() is RunState.CANCELED


def test_exit_step__fails__the_run_fails() -> None:
    """Nobody looks at a run that SUCCEEDED."""
    schedule = Schedule({A: (), D: ()}, exit_step=D)
    schedule.mark(A, RunState.SUCCEEDED)
    schedule.mark(D, RunState.FAILED)

    assert schedule.state_so_far() is RunState.SUCCEEDED
    assert schedule.final_state() is RunState.FAILED
