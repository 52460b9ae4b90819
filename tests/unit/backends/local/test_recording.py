"""Tests of what is written down while a run goes on."""

import json
from pathlib import Path

import local_kit
import pytest

from kernelpipe.backends.local.recording import RecordingReporter
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepError, StepRun

A = StepName("a")


def _run(directory: Path) -> Run:
    return Run(
        id=RunId(directory.name),
        pipeline="n",
        source="n.ipynb",
        state=RunState.FAILED,
        started_at=1.0,
        duration_s=2.0,
        directory=str(directory),
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=(),
        reason="why",
    )


def test_recording__whole_run__writes_a_line_per_event(tmp_path: Path) -> None:
    """Each line says when and what; of a step only what watching takes."""
    told = local_kit.RememberingReporter()
    clock = iter(range(100))
    facts = {"attempts": 2, "reads": [["f", "d"]], "cell_count": 1, "started_s": 0.5}
    error = StepError(cell_index=4, line=1, ename="E", evalue="bad")

    with RecordingReporter(told, cells={A: 1}, clock=lambda: float(next(clock))) as reporter:
        reporter.run_started(RunId(tmp_path.name), tmp_path, (A,), 1)
        reporter.step_started(A)
        reporter.cell_started(A, 4)
        reporter.cell_finished(A, 4)
        reporter.message("hm")
        reporter.step_finished(
            StepRun(
                name=A, state=RunState.FAILED, duration_s=3.0, error=error, facts=json.dumps(facts)
            )
        )
        reporter.run_finished(_run(tmp_path))

    lines = (tmp_path / "events.jsonl").read_text(encoding="ascii").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"time": 0.0, "kind": "run_started", "steps": [{"name": "a", "cells_total": 1}]},
        {"time": 1.0, "kind": "step_started", "step": "a"},
        {"time": 2.0, "kind": "cell_started", "step": "a", "cell": 4},
        {"time": 3.0, "kind": "cell_finished", "step": "a", "cell": 4},
        {"time": 4.0, "kind": "message", "text": "hm"},
        {
            "time": 5.0,
            "kind": "step_finished",
            "step": "a",
            "state": "FAILED",
            "cached": False,
            "reason": None,
            "duration_s": 3.0,
            "facts": {"started_s": 0.5, "cell_count": 1, "attempts": 2},
            "error": {"cell_index": 4, "line": 1, "ename": "E", "evalue": "bad"},
        },
        {"time": 6.0, "kind": "run_finished", "state": "FAILED", "reason": "why"},
    ]
    assert told.lines == ["run a 1", "start a", "cell a 4", "hm", "end a FAILED"]
    assert len(told.runs) == 1


def test_recording__run_cannot_go_on__lets_go_of_the_file(tmp_path: Path) -> None:
    """What is told afterwards reaches the other reporter only."""
    told = local_kit.RememberingReporter()
    reporter = RecordingReporter(told, cells={A: 1})

    reporter.run_started(RunId(tmp_path.name), tmp_path, (A,), 1)

    with pytest.raises(OSError, match="full"), reporter:
        raise OSError("full")
    reporter.message("too late")

    assert len((tmp_path / "events.jsonl").read_text(encoding="ascii").splitlines()) == 1
    assert told.lines == ["run a 1", "too late"]
