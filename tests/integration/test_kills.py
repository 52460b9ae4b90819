"""Runs that are killed, at any moment and by anything: what is left, and how they go on."""

import itertools
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import kit
import pytest
from _pytest.mark import ParameterSet
from processes import Commands, Ended, names, wait

from kernelpipe import api
from kernelpipe.backends import local
from kernelpipe.compiler import lower
from kernelpipe.model.run import Run
from kernelpipe.runs import RunStore

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]

JSON = dict[str, Any]
MOMENTS = 24
UNFINISHED = {"RUNNING", "PENDING", "CANCELING"}

SETUP = (
    "import time\nfrom pathlib import Path\n\nfrom work import count, leave_child, wait_for_child"
)

WORK = """\
import subprocess
import time
from pathlib import Path


def count(step):
    Path(f"log/{step}.{time.time_ns()}").touch()


def leave_child():
    subprocess.Popen(["sleep", "600"])


def wait_for_child():
    subprocess.run(["sleep", "0.1"], check=True)
"""
"""What steps do unseen in a module, so that they are not ordered by it."""

STEPS = {
    "read": 'count("read")\nvalues = list(range(size))\nlen(values)',
    "left": 'count("left")\nleft = [v * 2 for v in values]\ntime.sleep(0.1)\nleft[-1]',
    "right": (
        'count("right")\nleave_child()\nright = {"a": values[::-1]}\ntime.sleep(0.15)\nlen(right)'
    ),
    "far": (
        'count("far")\nwait_for_child()\nfar = bytes(size)\n'
        'Path("far.bin").write_bytes(far)\nlen(far)'
    ),
    "join": 'count("join")\ntotal = sum(left) + sum(right["a"]) + len(far)\ntotal',
    "check": 'count("check")\ntime.sleep(0.05)\nPath("far.bin").stat().st_size == len(far)',
}


def write_notebook(folder: Path) -> None:
    """Write the notebook that is killed, and the folder in which its steps leave their marks."""
    _prepare(folder)
    cells = [kit.code(source, f"step:{name}") for name, source in STEPS.items()]
    cells.insert(5, kit.code("score = total % 1000", "metrics"))
    kit.write(
        folder / "n.ipynb",
        kit.code(SETUP, "imports"),
        kit.code("size = 200_000", "parameters"),
        *cells,
    )


def _prepare(folder: Path) -> None:
    (folder / "log").mkdir(exist_ok=True)
    (folder / "work.py").write_text(WORK)


def executions(folder: Path) -> dict[str, int]:
    """Return how many times each step was executed, whoever executed it."""
    found = [path.name.partition(".")[0] for path in (folder / "log").iterdir()]
    return {name: found.count(name) for name in STEPS}


def result(document: JSON) -> JSON:
    """Return what must not depend on whether a run was disturbed."""
    cells = kit.read(Path(document["notebook"]))["cells"]
    return {
        "state": document["state"],
        "metrics": document["metrics"],
        "steps": [(step["name"], step["state"]) for step in document["steps"]],
        "outputs": [(cell.get("execution_count"), cell.get("outputs")) for cell in cells],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """A run that nobody disturbed."""

    duration_s: float
    result: JSON


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Return how long the command takes, and what it leaves."""
    durations = []
    for _ in range(3):
        folder = tmp_path_factory.mktemp("undisturbed")
        write_notebook(folder)
        started = time.monotonic()
        ended = Commands(folder=folder).call("run", "n.ipynb")
        durations.append(time.monotonic() - started)
        assert ended.code == 0, ended.messages
        assert set(executions(folder).values()) == {1}
    return Undisturbed(duration_s=sorted(durations)[1], result=result(ended.document))


def _moments() -> list[ParameterSet]:
    """Return parts of the undisturbed time, one in each of as many equal stretches, and a signal.

    The signals take turns, so each comes in every twelfth of the time.
    """
    seeded = random.Random(3)  # noqa: S311  # the same moments every time
    moments = [round((index + seeded.random()) / MOMENTS, 3) for index in range(MOMENTS)]
    signals = itertools.cycle([signal.SIGKILL, signal.SIGTERM])
    return [
        pytest.param(moment, number, id=f"{moment}-{number.name[3:]}")
        for moment, number in zip(moments, signals, strict=False)
    ]


@pytest.mark.parametrize(("moment", "number"), _moments())
def test_signal__at_any_moment__leaves_an_honest_store_and_the_run_goes_on(
    tmp_path: Path, undisturbed: Undisturbed, moment: float, number: signal.Signals
) -> None:
    """Looking shows what ended; resume repeats nothing that had succeeded, and ends the same."""
    write_notebook(tmp_path)
    commands = Commands(folder=tmp_path)
    process = commands.start("run", "n.ipynb", "--json")
    try:
        process.wait(timeout=moment * undisturbed.duration_s)
    except TimeoutExpired:
        process.send_signal(number)
    ended = wait(process)

    assert commands.left_running() == []
    assert "Traceback" not in ended.messages or ended.code == -number
    before = _look(commands)
    succeeded = names(before["steps"], "SUCCEEDED") if before else set()
    counts = executions(tmp_path)
    assert all(counts[name] == 1 for name in succeeded)
    after = _finish(commands, before)
    assert result(after) == undisturbed.result
    repeated = {name for name, count in executions(tmp_path).items() if count > counts[name]}
    assert not repeated & succeeded
    assert repeated >= {name for name, count in counts.items() if count == 0}
    assert commands.left_running() == []


def _look(commands: Commands) -> JSON:
    """Return the run as another command sees it, {} if it was not recorded yet."""
    listed = commands.call("runs", "list")
    assert listed.code == 0, listed.messages
    if not listed.document["runs"]:
        return {}
    shown = commands.call("runs", "show")
    assert shown.code == 0, shown.messages
    states = {step["state"] for step in shown.document["steps"]} | {shown.document["state"]}
    assert not states & UNFINISHED
    for step in shown.document["steps"]:
        if step["state"] == "SUCCEEDED":
            assert kit.read(Path(step["notebook"]))["nbformat"] == 4
    return shown.document


def _finish(commands: Commands, before: JSON) -> JSON:
    """Continue a run, or run the notebook if there is nothing to continue."""
    if before and before["state"] == "SUCCEEDED":
        return before
    words = ("resume", "latest") if before else ("run", "n.ipynb")
    ended = commands.call(*words)
    assert ended.code == 0, ended.messages
    return ended.document


@pytest.mark.parametrize(
    "death",
    [
        pytest.param("import os\nos._exit(3)", id="exit"),
        pytest.param("import ctypes\nctypes.string_at(0)", id="segfault"),
        pytest.param("import os\nimport signal\nos.kill(os.getpid(), signal.SIGKILL)", id="kill"),
        pytest.param("import os\nimport signal\nos.kill(0, signal.SIGKILL)", id="kill-group"),
        pytest.param("raise ValueError(first)", id="error"),
    ],
)
def test_step__dies_and_is_fixed__resume_runs_it_and_what_follows(
    tmp_path: Path, death: str
) -> None:
    """What had succeeded is not repeated; the results are those of the fixed notebook."""
    commands = Commands(folder=tmp_path)
    _write_chain(tmp_path, death)
    failed = commands.call("run", "n.ipynb")
    assert failed.code == 5, failed.messages
    assert [step["state"] for step in failed.document["steps"]] == [
        "SUCCEEDED",
        "FAILED",
        "SKIPPED",
        "SUCCEEDED",
    ]
    assert commands.left_running() == []

    _write_chain(tmp_path, "second = first + 1")
    resumed = commands.call("resume", "latest")

    assert resumed.code == 0, resumed.messages
    assert [(step["name"], step["cached"]) for step in resumed.document["steps"]] == [
        ("first", True),
        ("second", False),
        ("third", False),
        ("other", True),
    ]
    assert resumed.document["metrics"] == {"third": 3}
    assert _counts(tmp_path) == {"first": 1, "third": 1, "other": 1}


def _write_chain(folder: Path, second: str) -> None:
    """Write a notebook whose second step is given; the others count their executions."""
    _prepare(folder)
    kit.write(
        folder / "n.ipynb",
        kit.code(SETUP, "imports"),
        kit.code('count("first")\nfirst = 1', "step:first"),
        kit.code("second = first", "step:second"),
        kit.code(second),
        kit.code('count("third")\nthird = second + 1', "step:third", "metrics"),
        kit.code('count("other")\nother = 5', "step:other"),
    )


def _counts(folder: Path) -> dict[str, int]:
    found = [path.name.partition(".")[0] for path in (folder / "log").iterdir()]
    return {name: found.count(name) for name in found}


def _limit_file_size(size: int) -> None:
    """Let files grow no further than this, as on a full disk; called in a new process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [1_000_000, 100_000, 20_000, 1_000, 0])
def test_run__disk_is_full__says_so_and_can_be_continued(tmp_path: Path, size: int) -> None:
    """The limit is met by a value, by the index, or at once; afterwards everything works."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("small = 1", "step:small"),
        kit.code("big = bytes(3_000_000)", "step:big"),
        kit.code("total = len(big) + small", "step:last", "metrics"),
    )
    commands = Commands(folder=tmp_path)

    ended = commands.call("run", "n.ipynb", before=partial(_limit_file_size, size))

    assert ended.code in {2, 5}, ended.messages
    assert "Traceback" not in ended.messages
    assert "too large" in ended.messages.lower() or "disk" in ended.messages.lower()
    assert commands.left_running() == []
    after = _finish(commands, _look(commands))
    assert after["metrics"] == {"total": 3_000_001}


@pytest.mark.parametrize(
    ("home", "prepare"),
    [
        pytest.param("taken", lambda folder: (folder / "taken").write_text("a file"), id="file"),
        pytest.param("/proc/kernelpipe", lambda _: None, id="proc"),
        pytest.param(
            "broken",
            lambda folder: ((folder / "broken").mkdir(), (folder / "broken/runs").touch()),
            id="runs-is-a-file",
        ),
        pytest.param(
            "odd",
            lambda folder: (
                (folder / "odd").mkdir(),
                (folder / "odd/index.sqlite").write_bytes(b"not a database" * 99),
            ),
            id="index-is-something-else",
        ),
    ],
)
def test_run__home_cannot_be_used__is_refused(
    tmp_path: Path, home: str, prepare: Callable[[Path], object]
) -> None:
    """Nothing is run, nothing is left, the message names another way."""
    prepare(tmp_path)
    _write_chain(tmp_path, "second = first")
    commands = Commands(folder=tmp_path)

    ended = commands.call("run", "n.ipynb", "--home", home)

    assert ended.code == 2, ended.messages
    assert "Traceback" not in ended.messages
    assert _counts(tmp_path) == {}
    assert commands.left_running() == []


def test_run__home_vanishes__ends_without_a_traceback(tmp_path: Path) -> None:
    """The step removes what the command works in; the next run starts afresh."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import shutil\nshutil.rmtree('.kernelpipe')", "step:first"),
        kit.code("second = 2", "step:second", "prev:first"),
    )
    commands = Commands(folder=tmp_path)

    ended = commands.call("run", "n.ipynb")

    assert ended.code == 5, ended.messages
    assert "Traceback" not in ended.messages
    assert commands.left_running() == []
    kit.write(tmp_path / "n.ipynb", kit.code("second = 2", "step:second", "metrics"))
    again = commands.call("run", "n.ipynb")
    assert again.document["metrics"] == {"second": 2}


def test_run__clock_jumps_back__nothing_lasts_less_than_nothing(tmp_path: Path) -> None:
    """Whoever sets the clock in the middle of a run finds it readable, and as the latest one."""
    kit.write(tmp_path / "n.ipynb", kit.code("x = 1", "step:a"), kit.code("x + 1", "step:b"))
    times = iter(range(2_000_000_000, 0, -3600))
    store = RunStore(tmp_path / ".kernelpipe", clock=lambda: float(next(times)))

    runs = [_run_in(store, tmp_path / "n.ipynb") for _ in range(2)]

    looked = RunStore(tmp_path / ".kernelpipe").list_runs()
    assert {run.id for run in looked} == {run.id for run in runs}
    assert all(run.duration_s is not None and run.duration_s >= 0 for run in looked)
    assert {run.state.value for run in looked} == {"SUCCEEDED"}
    assert looked[0].id == runs[1].id
    assert all((step.duration_s or 0) >= 0 for run in looked for step in run.steps)


def _run_in(store: RunStore, notebook: Path) -> Run:
    pipeline = api.graph(notebook)
    return local.run_pipeline(
        pipeline,
        lower(pipeline),
        given={},
        store=store,
        request=local.RunRequest(jobs=2),
        reporter=local.SilentReporter(),
    )


def test_run__two_at_once__both_end_as_one_alone(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """The same notebook, the same home, the same time."""
    write_notebook(tmp_path)
    commands = Commands(folder=tmp_path)

    started = [commands.start("run", "n.ipynb", "--json") for _ in range(2)]
    ended: list[Ended] = [wait(process) for process in started]

    assert [end.code for end in ended] == [0, 0], [end.messages for end in ended]
    assert [result(end.document) for end in ended] == [undisturbed.result] * 2
    assert ended[0].document["run_id"] != ended[1].document["run_id"]
    assert commands.left_running() == []
    assert len(commands.call("runs", "list").document["runs"]) == 2
