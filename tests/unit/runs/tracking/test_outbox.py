"""Facts that wait to be delivered."""

import json
import stat
from pathlib import Path

import pytest

from kernelpipe.model.names import RunId, StepName
from kernelpipe.runs.tracking.outbox import Destination, InputFile, Outbox, TrackedStep

RUN = RunId("r1")
START = {
    "kind": "run_started",
    "destination": {"uri": "sqlite:////m.db", "experiment": "e", "experiment_id": None},
    "steps": [
        {
            "name": "a",
            "parameters": ["n"],
            "inputs": [{"step": "b", "port": "p", "names": ["x"]}],
            "register": "m",
            "uses_mlflow": False,
            "resumes_run": False,
        }
    ],
    "run": {},
}
ENDED = {"kind": "step_finished", "at": 5.0, "step": {"name": "a", "state": "FAILED"}}


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """Return the outbox of a home in which a run has begun."""
    found = Outbox(tmp_path)
    found.begin(RUN, START)
    return found


def test_read__run_goes_on__has_what_was_told(outbox: Outbox) -> None:
    """It is neither over nor lost: its process is this one."""
    outbox.append(RUN, ENDED)

    found = outbox.read(RUN)

    assert found is not None
    assert (found.is_over, found.is_lost, found.finished) == (False, False, None)
    assert found.steps == {"a": {"name": "a", "state": "FAILED", "at": 5.0}}
    assert found.destination == Destination(uri="sqlite:////m.db", experiment="e")
    assert found.tracked_steps == (
        TrackedStep(
            name=StepName("a"),
            parameters=("n",),
            inputs=(InputFile(step=StepName("b"), port="p", names=("x",)),),
            register="m",
        ),
    )


def test_read__run_finished__is_over(outbox: Outbox) -> None:
    """The last fact says so."""
    outbox.append(RUN, {"kind": "run_finished", "run": {"state": "SUCCEEDED"}})

    found = outbox.read(RUN)

    assert found is not None
    assert (found.is_over, found.is_lost) == (True, False)


def test_read__process_was_killed_while_writing__is_lost(outbox: Outbox) -> None:
    """The line that was cut off is left out."""
    facts = outbox.directory(RUN) / "facts.jsonl"
    start = json.loads(facts.read_text())
    start["owner"]["boot"] = "earlier"
    facts.write_text(json.dumps(start) + "\n" + json.dumps(ENDED) + '\n{"kind": "run_fin')

    found = outbox.read(RUN)

    assert found is not None
    assert (found.is_over, found.is_lost, list(found.steps)) == (True, True, ["a"])


def test_read__not_even_the_start__nothing(outbox: Outbox) -> None:
    """There is nothing to deliver."""
    (outbox.directory(RUN) / "facts.jsonl").write_text('{"kind": "run_st')

    assert outbox.read(RUN) is None
    assert outbox.read(RunId("other")) is None


def test_begin__files__are_the_users_own(outbox: Outbox) -> None:
    """Parameters may be nobody else's business."""
    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (outbox.path, outbox.directory(RUN), outbox.directory(RUN) / "facts.jsonl")
    ]

    assert modes == [0o700, 0o700, 0o600]


def test_run_ids__several__oldest_first(outbox: Outbox) -> None:
    """Whatever their ids are; files beside the runs are none."""
    outbox.begin(RunId("r0"), START)
    outbox.note_problem({"uri": "u", "message": "m"})

    assert outbox.run_ids() == ("r1", "r0")


def test_run_ids__no_home__none(tmp_path: Path) -> None:
    """Nothing is made to find that out."""
    assert Outbox(tmp_path / "none").run_ids() == ()
    assert not (tmp_path / "none").exists()


def test_note_problem__none__forgets_it(outbox: Outbox) -> None:
    """All could be delivered."""
    outbox.note_problem({"uri": "u", "message": "m"})
    assert outbox.problem() == {"uri": "u", "message": "m"}

    outbox.note_problem(None)
    outbox.note_problem(None)

    assert outbox.problem() == {}


def test_remove__run__is_gone(outbox: Outbox) -> None:
    """Twice is no mistake: two processes may deliver."""
    outbox.note_delivery(RUN, {"parent": "p"})
    assert outbox.delivery(RUN) == {"parent": "p"}

    outbox.remove(RUN)
    outbox.remove(RUN)

    assert outbox.run_ids() == ()
