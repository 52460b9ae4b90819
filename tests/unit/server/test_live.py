"""Tests of what the events of a run amount to."""

import json
from typing import Any

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepError, StepRun
from kernelpipe.server.live import CellChanged, Change, LiveRun, Said, StepChanged

BEGIN = {
    "time": 10.0,
    "kind": "run_started",
    "steps": [{"name": "a", "cells_total": 2}, {"name": "b", "cells_total": 1}],
}


def _event(kind: str, **facts: Any) -> dict[str, Any]:
    return {"time": 11.0, "kind": kind, **facts}


def _started(cell: int, step: str = "a") -> dict[str, Any]:
    return _event("cell_started", step=step, cell=cell)


def _finished(cell: int, step: str = "a") -> dict[str, Any]:
    return _event("cell_finished", step=step, cell=cell)


def _ended(
    state: str, *, cell: int | None = None, has_error: bool = False, **more: Any
) -> dict[str, Any]:
    error = {"cell_index": cell, "line": 1, "ename": "E", "evalue": "bad"} if has_error else None
    return _event("step_finished") | {
        "step": "a",
        "state": state,
        "cached": False,
        "reason": None,
        "duration_s": 1.0,
        "facts": {"attempts": 1, "cell_count": 2, "started_s": 1.0},
        "error": error,
        **more,
    }


def _cells(changes: list[Change]) -> list[tuple[int, str]]:
    return [(c.cell, c.state.value) for c in changes if isinstance(c, CellChanged)]


def _live(*events: dict[str, Any]) -> LiveRun:
    live = LiveRun()
    live.apply([BEGIN, _event("step_started", step="a"), *events])
    return live


def _run(*steps: StepRun, state: str = "RUNNING") -> Run:
    return Run(
        id=RunId("r"),
        pipeline="n",
        source="n.ipynb",
        state=RunState(state),
        started_at=100.0,
        duration_s=None,
        directory="d",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=steps,
    )


def _step(name: str, state: str, **facts: Any) -> StepRun:
    return StepRun(name=StepName(name), state=RunState(state), facts=json.dumps(facts))


def test_apply__first_event__gives_all_steps_in_order() -> None:
    """Steps that have not begun are known, with how many cells they have."""
    live = LiveRun()

    live.apply([BEGIN])

    assert [(s.name, s.state.value, s.cells_total) for s in live.steps.values()] == [
        ("a", "PENDING", 2),
        ("b", "PENDING", 1),
    ]


def test_apply__next_cell_starts__the_one_before_has_succeeded() -> None:
    """A cell that has finished may have failed; once the step goes on it has not."""
    live = _live(_started(0))

    after_end = live.apply([_finished(0)])
    after_next = live.apply([_started(1)])

    assert after_end == []
    assert _cells(after_next) == [(0, "SUCCEEDED"), (1, "RUNNING")]
    assert live.steps["a"].cells_done == 1


def test_apply__step_succeeds__all_its_cells_have() -> None:
    """Also those that were kept from an earlier run: they count, but are not listed."""
    live = _live(_started(1), _finished(1))

    changes = live.apply([_ended("SUCCEEDED")])

    assert _cells(changes) == [(1, "SUCCEEDED")]
    assert changes[-1] == StepChanged(step="a")
    assert (live.steps["a"].cells_done, live.steps["a"].cells_total) == (2, 2)


def test_apply__step_fails_in_its_last_cell__the_cell_never_succeeded() -> None:
    """The failing cell goes from RUNNING to FAILED."""
    live = _live(_started(0), _finished(0), _started(1), _finished(1))

    changes = live.apply([_ended("FAILED", cell=1, has_error=True)])

    assert _cells(changes) == [(1, "FAILED")]
    assert live.steps["a"].cells_done == 1


def test_apply__step_fails_after_its_cells__the_cell_to_blame_is_marked() -> None:
    """A value that cannot be stored is the fault of the cell that made it."""
    live = _live(_started(0), _finished(0), _started(1), _finished(1))

    changes = live.apply([_ended("FAILED", cell=0, has_error=True)])

    assert sorted(_cells(changes)) == [(0, "FAILED"), (1, "SUCCEEDED")]


def test_apply__step_fails_for_an_unknown_reason__the_running_cell_has_failed() -> None:
    """Nothing stays RUNNING in a step that has ended."""
    live = _live(_started(0))

    changes = live.apply([_ended("FAILED")])

    assert _cells(changes) == [(0, "FAILED")]


def test_apply__step_is_stopped__its_cell_is_canceled() -> None:
    """Whether or not the interrupted cell came to its end."""
    running, interrupted = _live(_started(0)), _live(_started(0), _finished(0))

    assert _cells(running.apply([_ended("CANCELED")])) == [(0, "CANCELED")]
    assert _cells(interrupted.apply([_ended("CANCELED")])) == [(0, "CANCELED")]


def test_apply__second_attempt__begins_with_no_cell_done() -> None:
    """What an attempt that failed has done does not count for the next one."""
    live = _live(_started(0), _finished(0), _started(1), _finished(1))

    changes = live.apply([_started(0)])

    assert _cells(changes) == [(1, "PENDING"), (0, "RUNNING")]
    assert live.steps["a"].cells_done == 0


def test_apply__found_step__has_no_cells_but_all_are_done() -> None:
    """Its result was made in another run."""
    live = LiveRun()
    live.apply([BEGIN, _ended("SUCCEEDED", cached=True)])

    step = live.steps["a"]

    assert (step.cached, step.cells, step.cells_done, step.started_at) == (True, {}, 2, 11.0)


def test_apply__message_and_end__are_noted() -> None:
    """Messages are kept in order; after the last event nothing will follow."""
    live = LiveRun()

    changes = live.apply([_event("message", text="one"), _event("run_finished", state="FAILED")])

    assert changes == [Said(text="one")]
    assert (live.messages, live.is_closed) == (["one"], True)


def test_apply__event_of_another_version__is_left_out() -> None:
    """What lacks something, or is not known, changes nothing and hides nothing."""
    live = LiveRun()

    changes = live.apply(
        [
            _event("cell_started", step="a"),
            _event("step_finished", step="a", state="BROKEN"),
            _event("something", step="a"),
            _event("message", text="one"),
        ]
    )

    assert changes == [Said(text="one")]


def test_settle__events_are_ahead__they_stand() -> None:
    """The record of a run that goes on may be older than what was told."""
    live = _live()

    changes = live.settle(_run(_step("a", "PENDING"), _step("b", "PENDING")))

    assert changes == []
    assert live.steps["a"].state is RunState.RUNNING


def test_settle__no_events__takes_the_record() -> None:
    """A run of an older version, or one whose disk was full, is shown all the same."""
    live = LiveRun()

    live.settle(_run(_step("a", "SUCCEEDED", started_s=2.0, cell_count=3), _step("b", "RUNNING")))

    a, b = live.steps["a"], live.steps["b"]
    assert (a.state.value, a.started_at, a.cells_done) == ("SUCCEEDED", 102.0, 3)
    assert (b.state.value, b.started_at) == ("RUNNING", None)


def test_settle__lost_run__ends_what_was_running() -> None:
    """The record has the last word; a step that it does not know as done is not done."""
    live = _live(_started(0), _finished(0), _ended("SUCCEEDED"), _started(5, step="b"))
    lost = StepRun(name=StepName("a"), state=RunState.FAILED, reason="lost")
    skipped = StepRun(name=StepName("b"), state=RunState.FAILED, reason="lost")

    changes = live.settle(_run(lost, skipped, state="FAILED"))

    assert [each.state.value for each in live.steps.values()] == ["FAILED", "FAILED"]
    assert _cells(changes) == [(5, "FAILED")]


def test_settle__nothing_new__changes_nothing() -> None:
    """So that it can be asked again and again."""
    record = _run(_step("a", "SUCCEEDED"), _step("b", "FAILED"), state="FAILED")
    live = LiveRun()
    live.settle(record)

    assert live.settle(record) == []


def test_settle__failed_step__keeps_its_error() -> None:
    """The error names the cell."""
    error = StepError(cell_index=3, line=2, ename="E", evalue="bad")
    failed = StepRun(name=StepName("a"), state=RunState.FAILED, error=error)
    live = LiveRun()

    live.settle(_run(failed, state="FAILED"))

    assert live.steps["a"].error == error
    assert live.steps["a"].cells == {3: RunState.FAILED}


def test_settle__items_of_a_loop__are_taken_whenever_they_change() -> None:
    """Also while the step runs, whose state stays the same meanwhile."""
    live = _live()
    item = {"text": "lr = 0.1", "state": "RUNNING", "is_cached": False}
    first = live.settle(_run(_step("a", "RUNNING", items=[item])))
    same = live.settle(_run(_step("a", "RUNNING", items=[item])))
    later = live.settle(_run(_step("a", "RUNNING", items=[item | {"state": "SUCCEEDED"}])))

    assert StepChanged(step="a") in first
    assert same == []
    assert later == [StepChanged(step="a")]
    assert live.steps["a"].items == [item | {"state": "SUCCEEDED"}]
