"""Tests of what is read of the files of a step that runs once per item."""

import json
from pathlib import Path

import kit

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import (
    ClusterFacts,
    ItemFacts,
    Run,
    RunFacts,
    RunState,
    StepFacts,
    StepRun,
)
from kernelpipe.server.run_files import executed_notebook, log_parts, read_traceback
from kernelpipe.server.run_logs import read_log


def _item(text: str, state: str) -> ItemFacts:
    return ItemFacts(
        text=text, state=state, reason=None, is_cached=False, duration_s=1.0, notebook=None
    )


def _looped(folder: Path, *states: str, cluster: ClusterFacts | None = None) -> Run:
    """Return a run with one step, whose items are in these states."""
    items = [_item(f"rate = {number}", state) for number, state in enumerate(states)]
    return Run(
        id=RunId("20261121-100000-0001"),
        pipeline="demo",
        source="demo.ipynb",
        state=RunState.FAILED,
        started_at=0.0,
        duration_s=1.0,
        directory=str(folder),
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=(
            StepRun(
                name=StepName("fit"),
                state=RunState.FAILED,
                facts=json.dumps(StepFacts(items=items)),
            ),
        ),
        facts=json.dumps({} if cluster is None else RunFacts(cluster=cluster)),
    )


def _write_log(folder: Path, attempt: str, text: str) -> None:
    path = folder / "steps" / attempt / "log.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def _log(run: Run) -> str:
    text = read_log(log_parts(run, "fit"), 0, has_ended=True)["text"]
    assert isinstance(text, str)
    return text


def test_log_parts__items_with_attempts__are_told_apart(tmp_path: Path) -> None:
    """They are no attempts at the same thing."""
    _write_log(tmp_path, "01-fit.0", "one\n")
    _write_log(tmp_path, "01-fit.1", "two\n")
    _write_log(tmp_path, "01-fit.1.2", "three\n")

    assert _log(_looped(tmp_path, "SUCCEEDED", "FAILED")) == (
        "=== rate = 0\none\n=== rate = 1\ntwo\n=== rate = 1, attempt 2\nthree\n"
    )


def test_log_parts__item_goes_on__later_ones_wait(tmp_path: Path) -> None:
    """Its log grows, and what was read of the others would be at another place."""
    _write_log(tmp_path, "01-fit.0", "one\n")
    _write_log(tmp_path, "01-fit.1", "two\n")

    assert _log(_looped(tmp_path, "RUNNING", "SUCCEEDED")) == "=== rate = 0\none\n"


def test_log_parts__items_on_a_cluster__have_one_log(tmp_path: Path) -> None:
    """It is where the log of the step is brought."""
    _write_log(tmp_path, "01-fit", "=== item 0\none\n")

    run = _looped(tmp_path, "SUCCEEDED", cluster=ClusterFacts(host="http://localhost"))
    assert _log(run) == "=== item 0\none\n"


def test_read_traceback__first_item_failed__is_its_traceback(tmp_path: Path) -> None:
    """The last item went well; the executed notebook that is shown is that of the failed one."""
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["E: v"]}
    for attempt, outputs in (("01-fit.0", [error]), ("01-fit.1", [])):
        _write_log(tmp_path, attempt, "")
        cell = kit.code("fit()") | {
            "metadata": {"kernelpipe": {"cell": 2}},
            "execution_count": 1,
            "outputs": outputs,
        }
        kit.write(tmp_path / "steps" / attempt / "executed.ipynb", cell)
    run = _looped(tmp_path, "FAILED", "SUCCEEDED")

    assert read_traceback(run, "fit", 2) == ["E: v"]
    assert b'"E: v"' in (executed_notebook(run, "fit") or b"")
