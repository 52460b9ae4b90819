"""papermill's engine ``kernelpipe`` beside papermill's own, on the same notebooks."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kit
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from kernelpipe import api
from kernelpipe.backends.papermill_engine import KernelpipeEngine
from kernelpipe.errors import CompileError, RunError, UsageError
from kernelpipe.runs import RunStore

# papermill's own engine talks TCP to its kernels, about which ipykernel warns.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::ResourceWarning")]

STEPS = (
    kit.code("import math", "imports"),
    kit.code("lr = 0.5\ndepth = 3\ndouble = lr * 2", "parameters"),
    kit.markdown("# Steps"),
    kit.code("data = list(range(math.ceil(depth)))\nprint('loading')", "step:load"),
    kit.code("  \n"),
    kit.code("import sys\nprint('to stderr', file=sys.stderr)\n{'lr': lr, 'double': double}"),
    kit.code("total = sum(data) * lr\ntotal", "step:train"),
    kit.code("score = math.floor(total)\nscore", "metrics"),
    kit.raw("the end"),
)
DISPLAYS = (
    kit.code(
        "from IPython.display import HTML, display\nh = display(HTML('<b>x</b>'), display_id='d')"
    ),
    kit.code("h.update(HTML('<i>y</i>'))"),
    kit.code("%%html\n<p>z</p>"),
    kit.code("!echo shell"),
)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A notebook and how papermill is called; ``raises`` is what comes of it."""

    cells: tuple[Mapping[str, Any], ...] = STEPS
    parameters: Mapping[str, object] | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    raises: type[Exception] | None = None
    prepare: Callable[[Path], None] | None = None


def _prepare_before(path: Path) -> None:
    papermill.execute_notebook(path, path, {"lr": 7}, prepare_only=True, progress_bar=False)


def _of_format_4_4(path: Path) -> None:
    content = kit.read(path)
    for cell in content["cells"]:
        del cell["id"]
    path.write_text(json.dumps(content | {"nbformat_minor": 4}))


def _with_old_outputs(path: Path) -> None:
    content = kit.read(path)
    old = {"output_type": "error", "ename": "Old", "evalue": "", "traceback": []}
    content["cells"][3] |= {"outputs": [old], "execution_count": 77}
    path.write_text(json.dumps(content))


SITUATIONS = {
    "injected-after-parameters": Situation(parameters={"lr": 0.1}),
    "injected-again": Situation(
        parameters={"lr": 0.1, "depth": 4},
        options={"report_mode": True},
        prepare=_prepare_before,
    ),
    "unknown-parameter": Situation(
        parameters={"new": [1, None, "x"]}, options={"request_save_on_cell_execute": False}
    ),
    "rebound": Situation(
        cells=(
            kit.code("x = 1", "step:load"),
            kit.code("def times_ten():\n    return lr * 10", "functions"),
            kit.code("lr = 1\nlayers = [1]", "parameters"),
            kit.code("lr = lr * 2 + x\nlayers.append(times_ten())", "step:a"),
            kit.code("print(lr, layers)", "step:b"),
            kit.code("lr += 1\ntimes_ten(), lr, layers", "step:c"),
        ),
        parameters={"lr": 5, "layers": [3]},
    ),
    "no-parameters-cell": Situation(
        cells=(kit.code("x", "step:a"), kit.code("y = x + 1", "step:b"), kit.code("y", "step:c")),
        parameters={"x": 5},
    ),
    "recomputed": Situation(
        cells=(
            kit.code("lr = 1\ntwice = [lr, lr]", "parameters"),
            kit.code("twice = [lr] * 3", "functions"),
            kit.code("twice.append(lr)", "step:a"),
            kit.code("twice, lr", "step:b"),
        ),
        parameters={"lr": 2},
    ),
    "untagged": Situation(
        cells=(
            kit.code("import os\nprint('begin')"),
            kit.code("n = 2\nsquare = n * n", "parameters"),
            kit.markdown("text"),
            kit.code("print(n, square)"),
        ),
        parameters={"n": 3},
    ),
    "untagged-error": Situation(
        cells=(
            kit.code("def f():\n    1 / 0"),
            kit.code("print('before')\nf()"),
            kit.code("never_defined"),
        ),
        raises=PapermillExecutionError,
    ),
    "displays": Situation(cells=DISPLAYS),
    "no-code": Situation(cells=(kit.markdown("only text"), kit.raw("raw"))),
    "old-format": Situation(prepare=_of_format_4_4, parameters={"lr": 1}),
    "old-outputs": Situation(prepare=_with_old_outputs),
    "prepared-only": Situation(parameters={"lr": 2}, options={"prepare_only": True}),
    "error": Situation(
        cells=(
            kit.code("print('first')\nx = 1", "step:a"),
            kit.markdown("between"),
            kit.code("print('before')\n1 / 0\nprint('after')", "step:b"),
            kit.code("x", "step:c", "prev:b"),
            kit.markdown("the end"),
        ),
        raises=PapermillExecutionError,
    ),
    "error-in-setup": Situation(
        cells=(kit.code("import no_such_module_anywhere"), kit.code("x = 1", "step:a")),
        raises=PapermillExecutionError,
    ),
    "error-that-is-expected": Situation(
        cells=(
            kit.code("raise ValueError('meant')", "step:a", "raises-exception"),
            kit.code("'goes on'"),
        ),
        raises=PapermillExecutionError,
    ),
    "exit": Situation(
        cells=(kit.code("import sys\nsys.exit(0)", "step:a"), kit.code("1", "step:b", "prev:a")),
    ),
    "dead-kernel": Situation(
        cells=(kit.code("import os\nprint('alive', flush=True)\nos._exit(3)", "step:a"),),
        raises=DeadKernelError,
    ),
    "too-slow": Situation(
        cells=(kit.code("1", "step:a"), kit.code("import time\ntime.sleep(60)")),
        options={"execution_timeout": 1},
        raises=CellTimeoutError,
    ),
}


@pytest.fixture(autouse=True)
def _registered() -> None:
    papermill_engines.register("kernelpipe", KernelpipeEngine)


def _summary(path: Path) -> dict[str, Any]:
    """Return what a notebook shows: all but times, ids and paths."""
    if not path.exists():
        return {}
    content = kit.read(path)
    about = content["metadata"]
    return {
        "cells": [_cell_summary(cell) for cell in content["cells"]],
        "metadata": sorted(about),
        "papermill": sorted(about["papermill"].keys() - {"kernelpipe"}),
        "exception": about["papermill"].get("exception"),
        "parameters": about["papermill"]["parameters"],
        "language": about["language_info"].get("version"),
    }


def _cell_summary(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell["metadata"]
    noted = metadata.pop("papermill", {})
    metadata.pop("execution", None)
    known = {
        name: noted[name] is not None for name in ("start_time", "end_time", "duration") if noted
    }
    return {
        "type": cell["cell_type"],
        "source": cell["source"],
        "metadata": metadata,
        "status": noted.get("status"),
        "exception": noted.get("exception"),
        "known": known,
        "count": cell.get("execution_count"),
        "outputs": cell.get("outputs"),
    }


def _call(situation: Situation, path: Path, engine: str | None) -> tuple[Exception | None, Any]:
    try:
        found = papermill.execute_notebook(
            path,
            path.with_name(f"{engine}.ipynb"),
            situation.parameters,
            engine_name=engine,
            progress_bar=False,
            **situation.options,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return error, None
    return None, found


@pytest.mark.parametrize("name", SITUATIONS)
def test_engine__same_notebook__is_as_papermill_leaves_it(tmp_path: Path, name: str) -> None:
    """Outputs, counts, metadata, markers, injected cells and errors are papermill's."""
    situation = SITUATIONS[name]
    path = kit.write(tmp_path / "in.ipynb", *situation.cells)
    if situation.prepare is not None:
        situation.prepare(path)

    theirs, their_notebook = _call(situation, path, None)
    ours, our_notebook = _call(situation, path, "kernelpipe")

    assert type(ours) is type(theirs) is (situation.raises or type(None)), repr(ours)
    if isinstance(ours, PapermillExecutionError):
        assert ours.args == theirs.args
    expected, found = _summary(tmp_path / "None.ipynb"), _summary(tmp_path / "kernelpipe.ipynb")
    if name in LEFT_OUT:
        expected, found = LEFT_OUT[name](expected), LEFT_OUT[name](found)
    assert found == expected
    if our_notebook is not None:
        assert len(our_notebook.cells) == len(their_notebook.cells)


def _without_ending(summary: dict[str, Any]) -> dict[str, Any]:
    """Leave out states and outputs.

    papermill calls cells completed whose kernel died; a kernel may lose what it said last.
    """
    kept = ("type", "source", "metadata")
    return {"cells": [{key: cell[key] for key in kept} for cell in summary["cells"]]}


LEFT_OUT: dict[str, Callable[[dict[str, Any]], object]] = {
    "no-code": lambda summary: {**summary, "language": "no kernel tells it"},
    "dead-kernel": _without_ending,
    "too-slow": lambda summary: len(summary["cells"]),
}


def _execute(path: Path, **options: Any) -> Any:
    return papermill.execute_notebook(
        path, path.with_name("out.ipynb"), engine_name="kernelpipe", progress_bar=False, **options
    )


def _found(path: Path) -> list[str]:
    found: list[str] = kit.read(path)["metadata"]["papermill"]["kernelpipe"]["found"]
    return found


def test_engine__another_value__runs_only_the_steps_that_it_reaches(tmp_path: Path) -> None:
    """The injected cell is setup of the steps that use what it sets; the rest is found."""
    path = kit.write(tmp_path / "in.ipynb", *STEPS)

    _execute(path, parameters={"lr": 1.0})
    first = kit.read(tmp_path / "out.ipynb")
    _execute(path, parameters={"lr": 1.0})
    again = kit.read(tmp_path / "out.ipynb")
    _execute(path, parameters={"depth": 9}, kernelpipe_use_cache=False)

    assert again["metadata"]["papermill"]["kernelpipe"]["found"] == ["load", "train"]
    assert [c.get("outputs") for c in again["cells"]] == [c.get("outputs") for c in first["cells"]]
    assert [c["metadata"]["papermill"]["status"] for c in again["cells"]] == ["completed"] * 10
    assert _found(tmp_path / "out.ipynb") == []
    runs = RunStore(tmp_path / ".kernelpipe").list_runs()
    assert [run.source for run in runs] == [str(path)] * 3


def test_run__notebook_that_papermill_wrote__takes_other_values(tmp_path: Path) -> None:
    """What is given replaces what papermill has injected, as in papermill; else that stays."""
    path = kit.write(tmp_path / "in.ipynb", *STEPS)
    _prepare_before(path)

    runs = [
        api.run(path, {} if lr is None else {"lr": lr}, home=tmp_path / "home", track=False)
        for lr in (None, 5)
    ]

    last = [kit.read(Path(str(run.notebook)))["cells"][7] for run in runs]
    assert [cell["source"] for cell in last] == [["total = sum(data) * lr\n", "total"]] * 2
    assert [cell["outputs"][0]["data"]["text/plain"] for cell in last] == ["21", "15"]


def test_engine__steps_side_by_side__outputs_of_others_are_kept(tmp_path: Path) -> None:
    """A failing step does not take from the notebook what a parallel one had written."""
    path = kit.write(
        tmp_path / "in.ipynb",
        kit.code("raise ValueError('broken')", "step:a"),
        kit.code("print('fine')", "step:b"),
        kit.code("print('never')", "step:c", "prev:a"),
    )

    with pytest.raises(PapermillExecutionError, match="broken"):
        _execute(path)

    cells = kit.read(tmp_path / "out.ipynb")["cells"][2:]
    assert [
        (c["source"], c["metadata"]["papermill"]["status"], len(c["outputs"])) for c in cells
    ] == [
        (["raise ValueError('broken')"], "failed", 1),
        (["print('fine')"], "completed", 1),
        (["print('never')"], "pending", 0),
    ]


def test_engine__too_slow__says_which_cell_and_keeps_what_was_before(tmp_path: Path) -> None:
    """The cells before are completed, those after are pending; papermill calls them completed."""
    path = kit.write(
        tmp_path / "in.ipynb",
        kit.code("print('quick')", "step:a"),
        kit.code("import time\ntime.sleep(60)"),
        kit.code("1"),
    )

    with pytest.raises(CellTimeoutError, match=r"time\.sleep"):
        _execute(path, execution_timeout=1)

    cells = kit.read(tmp_path / "out.ipynb")["cells"]
    assert [cell["metadata"]["papermill"]["status"] for cell in cells] == [
        "completed",
        "failed",
        "pending",
    ]
    assert cells[0]["outputs"][0]["text"] == ["quick\n"]


def test_engine__no_pipeline__writes_nothing_and_says_why(tmp_path: Path) -> None:
    """A notebook with errors fails before anything runs, with its diagnostics."""
    path = kit.write(tmp_path / "in.ipynb", kit.code("x", "step:a", "prev:b"))

    with pytest.raises(CompileError, match=r"in\.ipynb cell 0.*\[KP302\]"):
        _execute(path)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.ipynb"]


def test_engine__output_that_cannot_be_stored__fails_its_step(tmp_path: Path) -> None:
    """The error that saving raised is shown at the cell that it is about."""
    path = kit.write(
        tmp_path / "in.ipynb",
        kit.code("ones = {'a': __import__('threading').Lock()}\nprint('made')", "step:a"),
        kit.code("ones", "step:b"),
    )

    with pytest.raises(PapermillExecutionError, match="ones"):
        _execute(path)

    cell = kit.read(tmp_path / "out.ipynb")["cells"][2]
    assert [output["output_type"] for output in cell["outputs"]] == ["stream", "error"]


def test_engine__step_too_slow__tells_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit of the notebook's own is named in papermill's log; the notebook shows the cell."""
    path = kit.write(
        tmp_path / "in.ipynb", kit.code("import time\ntime.sleep(60)", "step:a", "timeout:1s")
    )

    with pytest.raises((PapermillExecutionError, RunError)):
        _execute(path)

    assert "step 'a' failed: it took longer than its timeout of 1 s" in caplog.text


def test_engine__working_directory__is_papermills(tmp_path: Path) -> None:
    """Steps run, and import, where papermill was told to; paths are relative to the caller."""
    path = kit.write(
        tmp_path / "notebooks" / "in.ipynb",
        kit.code("import os\nfrom beside import value\nprint(os.getcwd(), value)", "step:a"),
    )
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "beside.py").write_text("value = 'found'\n")

    executed = _execute(path, cwd=tmp_path / "work", kernelpipe_home=tmp_path / "home")

    assert executed.cells[0].outputs[0].text == f"{tmp_path / 'work'} found\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["home", "notebooks", "work"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"kernelpipe_hom": "x"}, "did you mean 'kernelpipe_home'", id="misspelt"),
        pytest.param({"kernelpipe_jobs": 0}, "'0' is not a whole number", id="jobs"),
    ],
)
def test_engine__wrong_option__is_refused(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    """Nothing is started."""
    path = kit.write(tmp_path / "in.ipynb", kit.code("1", "step:a"))

    with pytest.raises(UsageError, match=message):
        _execute(path, **options)


def test_engine__logs_and_files__are_written_as_papermill_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What cells write goes to papermill's log and to its files, and no step notebook does."""
    path = kit.write(tmp_path / "in.ipynb", *STEPS)
    caplog.set_level(logging.INFO, logger="papermill")
    lines = {}
    for engine in (None, "kernelpipe"):
        caplog.clear()
        out, err = (tmp_path / f"{engine}.{name}" for name in ("out", "err"))
        with out.open("w") as stdout_file, err.open("w") as stderr_file:
            papermill.execute_notebook(
                path,
                None,
                engine_name=engine,
                progress_bar=False,
                log_output=True,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
            )
        lines[engine] = [r.message for r in caplog.records if r.name == "papermill"]
        assert (out.read_text(), err.read_text()) == ("loading\n", "to stderr\n")

    assert lines["kernelpipe"] == lines[None]


@pytest.fixture(scope="session")
def entry_point(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that declares the engine, as an installed kernelpipe does."""
    folder = tmp_path_factory.mktemp("installed")
    declared = folder / "kernelpipe_engine-1.dist-info" / "entry_points.txt"
    declared.parent.mkdir()
    target = f"{KernelpipeEngine.__module__}:{KernelpipeEngine.__qualname__}"
    declared.write_text(f"[papermill.engine]\nkernelpipe = {target}\n")
    return folder


def _start(folder: Path, entry_point: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", *words],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(entry_point), *sys.path[1:]]),
            "KERNELPIPE_HOME": "home",
            "KERNELPIPE_JOBS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_command__one_flag__runs_the_pipeline(tmp_path: Path, entry_point: Path) -> None:
    """``papermill --engine kernelpipe`` takes papermill's options and ours from the environment."""
    kit.write(tmp_path / "in.ipynb", *STEPS)

    command = _start(tmp_path, entry_point, "--engine", "kernelpipe", "-p", "lr", "0.1")
    _, written = command.communicate(timeout=60)

    assert (command.returncode, "Executing: 100%" in written) == (0, True), written
    cells = kit.read(tmp_path / "out.ipynb")["cells"]
    assert cells[2]["metadata"]["tags"] == ["injected-parameters"]
    assert cells[7]["outputs"][0]["data"]["text/plain"] == ["0.30000000000000004"]
    assert len(RunStore(tmp_path / "home").list_runs()) == 1


def test_command__interrupted__ends_as_papermill_does(tmp_path: Path, entry_point: Path) -> None:
    """Ctrl-C stops the run; outputs so far are in the notebook and nothing stays behind."""
    kit.write(
        tmp_path / "in.ipynb",
        kit.code("print('before')", "step:a"),
        kit.code("open('begun', 'w').close()\nimport time\ntime.sleep(60)"),
    )
    command = _start(tmp_path, entry_point, "--engine", "kernelpipe")
    while not (tmp_path / "begun").exists() and command.poll() is None:
        time.sleep(0.02)

    command.send_signal(signal.SIGINT)
    _, written = command.communicate(timeout=60)

    assert (command.returncode, "Aborted!" in written) == (1, True), written
    cells = kit.read(tmp_path / "out.ipynb")["cells"]
    assert cells[0]["outputs"][0]["text"] == ["before\n"]
