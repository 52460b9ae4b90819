"""Reading what became of a step, without kernels."""

import json
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.backends.local.merged import merge_executed
from kernelpipe.backends.local.outcome import (
    ExecutedCell,
    error_line,
    find_error,
    kernel_log_tail,
    read_executed,
    read_metrics,
)
from kernelpipe.backends.local.pipeline import merge_metrics
from kernelpipe.backends.local.session import Ending
from kernelpipe.backends.local.steplog import StepLog
from kernelpipe.model.names import StepName
from kernelpipe.model.run import Metric, StepError


def error(*traceback: str, ename: str = "ValueError") -> dict[str, Any]:
    """Return an error output."""
    return {
        "output_type": "error",
        "ename": ename,
        "evalue": "no",
        "traceback": list(traceback),
    }


def cell(count: int | None, *outputs: dict[str, Any], **ours: object) -> dict[str, Any]:
    """Return an executed cell; ``ours`` is its kernelpipe metadata."""
    return {
        "cell_type": "code",
        "source": "",
        "metadata": {"kernelpipe": ours},
        "outputs": list(outputs),
        "execution_count": count,
    }


def write_step(
    directory: Path, *cells: dict[str, Any], result: dict[str, Any] | None = None
) -> None:
    """Write what a step leaves behind."""
    (directory / "executed.ipynb").write_text(json.dumps({"cells": cells}))
    if result is not None:
        (directory / "result.json").write_text(json.dumps(result))


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        pytest.param(
            [
                "Traceback (most recent call last)",
                "Cell In[3], line 5\n----> 5 g()\n",
                "Cell In[3], line 2, in g()\n----> 2 f()\n",
                "Cell In[1], line 9, in f()\n",
                "File /lib/x.py:7, in h()\n",
                "ValueError: no",
            ],
            2,
            id="innermost-frame-of-the-cell",
        ),
        pytest.param(
            [
                "\x1b[36mCell\x1b[39m \x1b[32mIn[3]\x1b[39m\x1b[32m, line 4\x1b[39m\n",
                "\nDuring handling of the above exception, another exception occurred:\n",
                "\x1b[36mCell\x1b[39m \x1b[32mIn[3]\x1b[39m\x1b[32m, line 6\x1b[39m\n",
            ],
            6,
            id="last-of-chained-exceptions",
        ),
        pytest.param(["  Cell In[3], line 2\n    y = = 2\nSyntaxError: x\n"], 2, id="syntax-error"),
        pytest.param(
            ["Cell In[3], line 1\n----> 1 get_ipython()\n", "File <timed exec>:2\n"],
            3,
            id="timed-cell",
        ),
        pytest.param(["An exception has occurred", "SystemExit: 2"], None, id="no-frame"),
    ],
)
def test_error_line__traceback__is_the_line_in_the_cell(
    traceback: list[str], line: int | None
) -> None:
    """Frames of other cells and of libraries do not count."""
    assert error_line(cell(3, error(*traceback))) == line


def test_error_line__no_error__is_none() -> None:
    """A cell that was interrupted without a traceback."""
    assert error_line(cell(3, {"output_type": "stream", "name": "stdout", "text": "x"})) is None


def test_find_error__in_a_source_cell__has_its_index_and_line(tmp_path: Path) -> None:
    """The step notebook's own indexes do not show."""
    write_step(tmp_path, cell(1, role="begin"), cell(2, error("Cell In[2], line 4\n"), cell=7))

    found = find_error(tmp_path, Ending(cell=1, ename="ValueError", evalue="no"))

    assert found == StepError(cell_index=7, line=4, ename="ValueError", evalue="no")


def test_find_error__in_a_cell_of_ours__is_what_the_runtime_recorded(tmp_path: Path) -> None:
    """A value that cannot be stored names the cell that made it."""
    write_step(
        tmp_path,
        cell(1, cell=7),
        cell(2, error(ename="StoreError"), role="save"),
        result={"error": {"cell": 7, "ename": "StoreError", "evalue": "'x' is a generator"}},
    )

    found = find_error(tmp_path, Ending(cell=1, ename="SystemExit", evalue="1"))

    assert found == StepError(
        cell_index=7, line=None, ename="StoreError", evalue="'x' is a generator"
    )


def test_find_error__in_a_cell_of_ours_without_record__is_told_as_it_is(tmp_path: Path) -> None:
    """The runtime itself could not be imported."""
    write_step(tmp_path, cell(1, error(), role="begin"))

    found = find_error(tmp_path, Ending(cell=0, ename="ImportError", evalue="no"))

    assert found == StepError(cell_index=None, line=None, ename="ImportError", evalue="no")


@pytest.mark.parametrize(
    ("end", "evalue"),
    [
        pytest.param("exit code 3", "the kernel died (exit code 3)", id="known"),
        pytest.param("", "the kernel died", id="unknown"),
    ],
)
def test_find_error__kernel_died__says_how(tmp_path: Path, end: str, evalue: str) -> None:
    """There is no traceback then; the notebook may not even have been written."""
    found = find_error(tmp_path, Ending(cell=0, ename="DeadKernelError", kernel_end=end))

    assert found == StepError(cell_index=None, line=None, ename="DeadKernelError", evalue=evalue)


def test_read_executed__error_while_saving__is_shown_at_the_cell_it_is_about(
    tmp_path: Path,
) -> None:
    """The one executed notebook has no place for our own cells."""
    write_step(
        tmp_path,
        cell(1, role="begin"),
        cell(2, cell=7),
        cell(None, cell=8),
        cell(3, error(), role="save"),
        result={"error": {"cell": 7, "ename": "ValueError", "evalue": "no"}},
    )

    found = read_executed(tmp_path)

    assert found == (ExecutedCell(index=7, execution_count=2, outputs=json.dumps([error()])),)


def test_read_executed__nothing_was_written__is_empty(tmp_path: Path) -> None:
    """The step did not get that far, or the file is broken."""
    assert read_executed(tmp_path) == ()

    (tmp_path / "executed.ipynb").write_text("[]")
    assert read_executed(tmp_path) == ()

    (tmp_path / "executed.ipynb").write_text("{")
    assert read_executed(tmp_path) == ()


def test_read_metrics__numbers__keep_their_order(tmp_path: Path) -> None:
    """Anything else is not a metric."""
    write_step(tmp_path, result={"metrics": {"b": 0.5, "a": 3, "c": True, "d": "x"}})

    assert read_metrics(tmp_path) == (
        Metric(name="b", value=0.5),
        Metric(name="a", value=3),
        Metric(name="c", value=True),
    )


def test_merge_metrics__one_name_in_two_steps__keeps_both_and_the_last_wins() -> None:
    """The plain name has the value that it has at the end of the notebook."""
    found = merge_metrics(
        {
            StepName("one"): (Metric(name="acc", value=0.5), Metric(name="n", value=3)),
            StepName("two"): (Metric(name="acc", value=0.75),),
        }
    )

    assert found == (
        Metric(name="acc", value=0.75),
        Metric(name="n", value=3),
        Metric(name="one/acc", value=0.5),
        Metric(name="two/acc", value=0.75),
    )


def test_merge_executed__two_steps_ran_setup__first_one_counts(tmp_path: Path) -> None:
    """Counts are numbered anew, in results and tracebacks, too."""
    source = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{index}",
                "metadata": {},
                "source": "1",
                "outputs": [],
                "execution_count": None,
            }
            for index in range(3)
        ],
    }
    (tmp_path / "n.ipynb").write_text(json.dumps(source))
    stream = {"output_type": "stream", "name": "stdout", "text": ["first"]}
    result = {
        "output_type": "execute_result",
        "execution_count": 9,
        "data": {"text/plain": ["1"]},
        "metadata": {},
    }
    failed = error(
        "Cell \x1b[32mIn[5]\x1b[39m, line 1", "Cell In[4], line 1", "Cell In[88], line 1"
    )

    merged = merge_executed(
        tmp_path / "n.ipynb",
        [
            (
                ExecutedCell(index=0, execution_count=2, outputs=json.dumps([stream])),
                ExecutedCell(index=2, execution_count=9, outputs=json.dumps([result])),
            ),
            (
                ExecutedCell(index=0, execution_count=4, outputs="[]"),
                ExecutedCell(index=1, execution_count=5, outputs=json.dumps([failed])),
            ),
        ],
    )

    cells = merged["cells"]
    assert [entry["execution_count"] for entry in cells] == [1, 2, 3]
    assert cells[0]["outputs"][0]["name"] == "stdout"
    assert cells[2]["outputs"][0]["execution_count"] == 3
    assert cells[1]["outputs"][0]["traceback"] == [
        "Cell \x1b[32mIn[2]\x1b[39m, line 1",
        "Cell In[1], line 1",
        "Cell In[88], line 1",
    ]


def test_kernel_log_tail__crash__is_the_fatal_line(tmp_path: Path) -> None:
    """Else the last line that says anything, else nothing."""
    assert kernel_log_tail(tmp_path) == ""

    (tmp_path / "kernel.log").write_text("warning\n\x1b[31mno such environment\x1b[0m\n\n")
    assert kernel_log_tail(tmp_path) == "no such environment"

    (tmp_path / "kernel.log").write_text("Fatal Python error: Segmentation fault\n\nThread 1\n")
    assert kernel_log_tail(tmp_path) == "Fatal Python error: Segmentation fault"

    (tmp_path / "kernel.log").write_text("")
    assert kernel_log_tail(tmp_path) == ""


def test_step_log__parts__begin_on_lines_of_their_own(tmp_path: Path) -> None:
    """Whatever the cells wrote, without colours in what we add."""
    with StepLog(tmp_path / "log.txt") as log:
        log.cell("cell 1")
        log.write("no end")
        log.write("")
        log.line("\x1b[31mValueError\x1b[0m: no\n")
        log.write("last")

    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[0].startswith("--- cell 1, 20")
    assert lines[1:] == ["no end", "ValueError: no", "last"]
