"""Step notebooks run without a kernel, with IPython and without."""

import builtins
import json
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest

import kernelpipe.runtime
from kernelpipe.runtime.notebook import build_step_notebook
from kernelpipe.runtime.plain import run_notebook
from kernelpipe.runtime.recording import Recorder
from kernelpipe.runtime.values import read_values

BOTH = pytest.mark.parametrize(
    "use_ipython", [pytest.param(True, id="ipython"), pytest.param(False, id="python")]
)


def notebook(*sources: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a notebook; ``tags`` are those of its first cell."""
    content: dict[str, Any] = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{index}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(sources)
        ],
    }
    content["cells"][0]["metadata"]["tags"] = list(tags)
    return content


def run(content: dict[str, Any], *, use_ipython: bool) -> list[dict[str, Any]]:
    """Run a notebook and return its cells, which are valid."""
    executed = run_notebook(content, on_cell=lambda _: None, use_ipython=use_ipython)
    nbformat.validate(executed)
    cells: list[dict[str, Any]] = executed["cells"]
    return cells


def texts(cell: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (kind, plain text) of a cell's outputs."""
    return [
        (o.get("name", o["output_type"]), o["text"] if "text" in o else o["data"]["text/plain"])
        for o in cell["outputs"]
    ]


@BOTH
def test_run_notebook__prints_and_results__are_recorded_in_order(*, use_ipython: bool) -> None:
    """Text in a row on one stream is one output."""
    cells = run(
        notebook(
            "import sys\nprint('a')\nprint('b')\nprint('c', file=sys.stderr)\nprint('d')\n1 + 1",
            "x = 5",
            "x;",
            "display(x, 'y')",
        ),
        use_ipython=use_ipython,
    )

    assert texts(cells[0]) == [
        ("stdout", "a\nb\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
        ("execute_result", "2"),
    ]
    assert [texts(cell) for cell in cells[1:]] == [
        [],
        [],
        [("display_data", "5"), ("display_data", "'y'")],
    ]
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3, 4]


@BOTH
def test_run_notebook__namespace__is_a_fresh_main(*, use_ipython: bool) -> None:
    """Cells see __main__ as in a kernel; ours is back afterwards."""
    before = sys.modules["__main__"]

    cells = run(
        notebook("y = 1", "import __main__\n[__name__, __main__.y, vars(__main__) is globals()]"),
        use_ipython=use_ipython,
    )

    assert texts(cells[1]) == [("execute_result", "['__main__', 1, True]")]
    assert sys.modules["__main__"] is before
    assert not hasattr(builtins, "display")


@BOTH
def test_run_notebook__error__stops_it(*, use_ipython: bool) -> None:
    """The failed cell has an error output with the line; later cells did not run."""
    cells = run(
        notebook("print('a')\ndef f():\n    1 / 0\nf()", "print('b')"), use_ipython=use_ipython
    )

    error = cells[0]["outputs"][-1]
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in "\n".join(error["traceback"])
    assert "plain.py" not in "\n".join(error["traceback"])
    assert cells[1]["execution_count"] is None


@BOTH
def test_run_notebook__error_that_a_tag_allows__goes_on(*, use_ipython: bool) -> None:
    """As nbclient does."""
    cells = run(
        notebook("1 / 0", "print('b')", tags=("raises-exception",)), use_ipython=use_ipython
    )

    assert texts(cells[1]) == [("stdout", "b\n")]


@BOTH
def test_run_notebook__syntax_error__is_recorded(*, use_ipython: bool) -> None:
    """A cell that does not parse fails like any."""
    cells = run(notebook("def f(:"), use_ipython=use_ipython)

    assert cells[0]["outputs"][0]["ename"] == "SyntaxError"


@BOTH
def test_run_notebook__await__works(*, use_ipython: bool) -> None:
    """Cells may await, as in Jupyter."""
    cells = run(
        notebook("async def f():\n    return 3", "x = await f()", "await f()", "x + 1"),
        use_ipython=use_ipython,
    )

    assert [texts(cell) for cell in cells[1:]] == [
        [],
        [("execute_result", "3")],
        [("execute_result", "4")],
    ]


@BOTH
def test_run_notebook__rich_value__has_html(*, use_ipython: bool) -> None:
    """Frames are shown as tables."""
    cells = run(notebook("import pandas as pd\npd.DataFrame({'a': [1]})"), use_ipython=use_ipython)

    assert "<table" in cells[0]["outputs"][0]["data"]["text/html"]


@BOTH
def test_run_notebook__each_cell__is_reported_when_it_ran(
    capsys: pytest.CaptureFixture[str], *, use_ipython: bool
) -> None:
    """What the callback prints goes where it would have gone, not into the notebook."""
    executed = run_notebook(
        notebook("print('a')", "2"),
        on_cell=lambda cell: print(cell["execution_count"]),  # noqa: T201 - is the point
        use_ipython=use_ipython,
    )

    assert capsys.readouterr().out == "1\n2\n"
    assert texts(executed["cells"][0]) == [("stdout", "a\n")]


@BOTH
def test_run_notebook__error_of_ours__has_no_traceback_through_our_code(
    tmp_path: Path, *, use_ipython: bool
) -> None:
    """A step with a value that can't be stored says only that."""
    cells = step_cells(tmp_path, "a = (i for i in [])", use_ipython=use_ipython)

    (error,) = cells[-1]["outputs"]
    assert error["ename"] == "UnstorableValueError"
    assert "\n".join(error["traceback"]).splitlines() == [
        "UnstorableValueError: step 'train', cell 5: 'a' cannot be stored: it is a generator",
        "  hint: make it a list",
    ]


@BOTH
def test_run_notebook__step__writes_its_outputs(tmp_path: Path, *, use_ipython: bool) -> None:
    """The runtime works as in a kernel, and its package leaves no trace in the namespace."""
    cells = step_cells(tmp_path, "a = [n for n in dir() if n[0] != '_']", use_ipython=use_ipython)

    own = {"In", "Out", "exit", "get_ipython", "open", "quit"} if use_ipython else set()
    assert set(read_values(tmp_path / "a")["a"]) == own
    assert [cell["outputs"] for cell in cells] == [[], [], [], []]


def step_cells(directory: Path, source: str, *, use_ipython: bool) -> list[dict[str, Any]]:
    """Run a step of one cell that hands on ``a``; the runtime is copied as backends do."""
    (directory / "runtime").mkdir()
    package = Path(kernelpipe.runtime.__file__).parent
    (directory / "runtime" / "kernelpipe_runtime").symlink_to(package)
    document: dict[str, Any] = {
        "pipeline": "p",
        "step": "train",
        "setup": [],
        "cells": [{"index": 5, "id": "c5", "role": "step", "source": source}],
        "outputs": [{"port": "a", "names": ["a"], "cells": {"a": 5}}],
        **{name: [] for name in ("tests", "parameters", "inputs", "metrics", "removed")},
    }
    call = {
        "parameters": {},
        "inputs": {},
        "outputs": {"a": str(directory / "a")},
        "result": str(directory / "result.json"),
    }
    (directory / "document.json").write_text(json.dumps(document))
    (directory / "call.json").write_text(json.dumps(call))
    content = build_step_notebook(
        document,
        call,
        step_directory=str(directory),
        runtime_directory=str(directory / "runtime"),
    )
    return run(content, use_ipython=use_ipython)


def test_run_notebook__with_ipython__knows_magics_and_updates() -> None:
    """Magics, shell lines, displays that change, and plots."""
    cells = run(
        notebook(
            "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]);",
            "handle = display('old', display_id=True)",
            "handle.update('new')",
            "!echo hi",
            "from IPython.display import clear_output\nprint('x'); clear_output()\nprint('y')",
            "print('x'); clear_output(wait=True); print('z')",
            "%gui asyncio",
        ),
        use_ipython=True,
    )

    assert "image/png" in cells[0]["outputs"][0]["data"]
    assert texts(cells[1]) == [("display_data", "'new'")]
    assert texts(cells[2]) == []
    assert [text.strip() for _, text in texts(cells[3])] == ["hi"]
    assert texts(cells[4]) == [("stdout", "y\n")]
    assert texts(cells[5]) == [("stdout", "z\n")]


def test_run_notebook__with_ipython__the_shell_travels_by_reference(tmp_path: Path) -> None:
    """Each process has its own shell."""
    cells = run(
        notebook(
            "from kernelpipe.runtime.values import dump_group, read_values",
            f"ip = get_ipython(); _ = dump_group(['ip'], globals(), {str(tmp_path / 'v')!r})",
            f"read_values({str(tmp_path / 'v')!r})['ip'] is ip",
        ),
        use_ipython=True,
    )

    assert texts(cells[2]) == [("execute_result", "True")]


def test_run_notebook__no_choice__takes_ipython_if_installed() -> None:
    """A magic works when IPython is there."""
    cells = run_notebook(notebook("%time 1"), on_cell=lambda _: None)["cells"]

    assert texts(cells[0])[-1] == ("execute_result", "1")


def test_run_notebook__interrupted__is_recorded_and_raised() -> None:
    """The pod is being stopped: the cell shows it, and the run ends."""
    seen: list[Any] = []

    with pytest.raises(KeyboardInterrupt):
        run_notebook(notebook("raise KeyboardInterrupt"), on_cell=seen.append, use_ipython=False)

    assert seen == []


def test_run_notebook__with_ipython__leaves_no_shell_behind() -> None:
    """Afterwards there is no running IPython; no thread is left, either."""
    from IPython import get_ipython

    before = threading.active_count()

    run(notebook("1"), use_ipython=True)

    assert get_ipython() is None
    assert threading.active_count() == before


def test_recorder__stream__is_a_text_file() -> None:
    """Code that asks the stream gets answers; bytes are refused."""
    recorder = Recorder()
    outputs = recorder.start()

    with recorder.streams():
        sys.stdout.write("")
        sys.stdout.flush()
        facts = (sys.stdout.encoding, sys.stdout.writable(), sys.stdout.isatty())
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"a")  # type: ignore[arg-type]

    assert facts == ("utf-8", True, False)
    assert outputs == []


def test_recorder__update_of_an_unknown_display__does_nothing() -> None:
    """As a front end does."""
    recorder = Recorder()
    outputs = recorder.start()

    recorder.display({"text/plain": "a"}, display_id="d", is_update=True)

    assert outputs == []
