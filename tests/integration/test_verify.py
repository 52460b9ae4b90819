"""``verify``: runs both ways, compares all that can be compared, and says why it differs."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import kit
import pytest
from _pytest.mark import ParameterSet
from local_kit import RememberingReporter
from processes import Commands, wait
from published_kit import Published, example_notebooks, published_notebooks

from kernelpipe import api
from kernelpipe.analysis.history import Read
from kernelpipe.analysis.linking import Linker, Links
from kernelpipe.cli.verify_reports import describe_verification
from kernelpipe.errors import CompileError, UsageError
from kernelpipe.model.run import RunState
from kernelpipe.model.verification import DifferenceKind, Reason, Verification

pytestmark = pytest.mark.integration

IMPORTED = (
    "numpy",
    "pandas",
    "matplotlib.pyplot",
    "scipy.stats",
    "seaborn",
    "sklearn.cluster",
    "sklearn.compose",
    "sklearn.datasets",
    "sklearn.decomposition",
    "sklearn.dummy",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.feature_selection",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sqlite3",
    "tqdm",
)
MEASURING = {"course_model_selection"}
"""Notebooks that keep how long something took, which two plain runs do not have in common."""
CORPUS = [*example_notebooks(), *published_notebooks()]


@pytest.fixture(scope="module")
def bench() -> Iterator[api.Bench]:
    """Return one scratch folder with warm processes for all notebooks of this module."""
    with api.Bench(jobs=2, is_plain_warm=True, modules=IMPORTED) as found:
        yield found


def verified(bench: api.Bench, folder: Path, *cells: kit.JSON, **options: object) -> Verification:
    """Verify a notebook of ``cells``."""
    path = kit.write(folder / "nb" / "n.ipynb", *cells)
    return api.verify(path, bench=bench, **options)  # type: ignore[arg-type]  # given by name


def _case(each: Published) -> ParameterSet:
    return pytest.param(each, id=each.name)


@pytest.mark.parametrize("notebook", [_case(each) for each in CORPUS])
def test_verify__notebook_like_published_ones__is_the_same(
    notebook: Published, bench: api.Bench, tmp_path: Path
) -> None:
    """Every example and every notebook of the corpus gives as a pipeline what it gives plainly."""
    folder = tmp_path / "nb"
    folder.mkdir()
    path = notebook.write(folder)
    before = path.read_bytes()

    found = api.verify(path, bench=bench, twice=notebook.name in MEASURING)

    assert found.found == (), describe_verification(found)
    assert found.state is RunState.SUCCEEDED
    assert found.error is None
    assert found.notes == ()
    assert found.left_out == ()
    assert found.cells >= 10
    assert found.values >= 1
    assert path.read_bytes() == before
    assert [each.name for each in folder.iterdir()] == [path.name]


def test_verify__parameters_loop_gate_and_exit__are_taken_into_account(
    bench: api.Bench, tmp_path: Path
) -> None:
    """The plain run has the given values, unrolls the loop and leaves out what the gate does."""
    found = verified(
        bench,
        tmp_path,
        kit.code("rates = [1, 2]; base = 10 # start\ntwice = 2 * base\nlimit = 5", "parameters"),
        kit.code("score = rate + twice\nprint(score)", "step:fit", "foreach:rate in rates"),
        kit.code("best = max(score)\nprint(score, best)", "step:best"),
        kit.code("best", "metrics"),
        kit.code("print('good')\nlabel = 1", "step:praise", "when:best > limit"),
        kit.code("label + 1", "step:more"),
        kit.code("import os\nos.environ['KERNELPIPE_RUN_STATE']", "step:end", "on-exit"),
        parameters={"base": 3, "rates": [1, 5, 7], "limit": 100},
    )

    assert found.found == ()
    assert found.state is RunState.SUCCEEDED
    assert [each.step for each in found.left_out] == ["praise", "more"]
    assert (found.cells, found.values, found.metrics) == (5, 3, 1)


def test_verify__both_fail_the_same__is_the_same_error(bench: api.Bench, tmp_path: Path) -> None:
    """A notebook that fails anyway is compared up to there."""
    found = verified(
        bench,
        tmp_path,
        kit.code("x = [1]\nprint(x)", "step:a"),
        kit.code("print(x)\nx[1]", "step:b"),
        kit.code("print('never')", "step:c", "prev:b"),
    )

    assert found.found == ()
    assert found.state is RunState.FAILED
    assert found.error is not None
    assert (found.error.ename, found.error.cell_index) == ("IndexError", 1)
    assert "the same, with IndexError in cell 1: 1 cell" in describe_verification(found)


def test_verify__pipeline_fails_alone__is_told_as_its_ending(
    bench: api.Bench, tmp_path: Path
) -> None:
    """What cannot be handed on differs from the plain run, where nothing is handed on."""
    found = verified(
        bench,
        tmp_path,
        kit.code("import _thread\nboxes = {}\nboxes['lock'] = _thread.allocate_lock()", "step:a"),
        kit.code("print(boxes['lock'].locked())", "step:b"),
    )

    first = found.found[0]
    assert (first.kind, first.step, first.cell) == (DifferenceKind.ENDING, "a", 0)
    assert first.plain == "it succeeds"
    assert "UnstorableValueError" in first.pipeline
    assert first.reason is Reason.OURS


def _older(reads: list[Read], name: str, step: str) -> list[Read]:
    """Return ``reads`` as if the last change of ``name`` before ``step`` had been overlooked."""
    return [
        replace(each, version=each.version - 1)
        if each.name == name and each.placed.step == step
        else each
        for each in reads
    ]


@pytest.mark.parametrize(
    ("cells", "spoil", "expected"),
    [
        pytest.param(
            ("x = [1]", "x.append(2)", "print(x)"),
            lambda reads: _older(reads, "x", "c"),
            ("output", 2, "output 1 (stdout)", "[1, 2]\n", "[1]\n"),
            id="change",
        ),
        pytest.param(
            ("import random\nrandom.seed(3)\nx = 1", "x += 1", "random.random()"),
            lambda reads: [each for each in reads if not each.name.startswith("@")],
            ("output", 2, "output 1 (text/plain)", "0.23796462709189137", None),
            id="hidden state",
        ),
        pytest.param(
            ("k = 1\ndef f():\n    return k", "k = 2", "print(f())"),
            lambda reads: _older(reads, "k", "c"),
            ("output", 2, "output 1 (stdout)", "2\n", "1\n"),
            id="global of a function",
        ),
        pytest.param(
            ("f = lambda: 1", "f = lambda: 2", "g = f", "print(g.__name__)"),
            lambda reads: _older(reads, "f", "c"),
            ("value", 2, "value g['code']['constants'][1]", "2", "1"),
            id="function",
        ),
        pytest.param(
            (
                "import numpy as np\nx = np.zeros(5000)",
                "x[2500] = 1e-9",
                "y = x * 1",
                "print(y.shape)",
            ),
            lambda reads: _older(reads, "x", "c"),
            ("value", 2, "value y[2500]", "np.float64(1e-09)", "np.float64(0.0)"),
            id="array",
        ),
    ],
)
def test_verify__analysis_is_wrong__is_found(
    cells: tuple[str, ...],
    spoil: Callable[[list[Read]], list[Read]],
    expected: tuple[str, int, str, str, str | None],
    bench: api.Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a step takes is spoiled: the step gets something else, and that does not pass."""
    right = Linker.link

    def link(linker: Linker) -> Links:
        linker.history.reads = spoil(linker.history.reads)
        return right(linker)

    notebook = [
        kit.code(source, f"step:{name}") for name, source in zip("abcd", cells, strict=False)
    ]
    assert verified(bench, tmp_path, *notebook).found == ()

    monkeypatch.setattr(Linker, "link", link)
    first = verified(bench, tmp_path, *notebook).found[0]

    kind, cell, what, plain, pipeline = expected
    assert (first.kind.value, first.cell, first.what, first.plain) == (kind, cell, what, plain)
    assert pipeline in {None, first.pipeline}
    assert first.plain != first.pipeline


CLOCK = (
    kit.code("import time\nbegun = time.time_ns()\nprint(begun)", "step:a"),
    kit.code("print('since', begun)", "step:b"),
)


def test_verify__clock__differs_and_is_called_non_deterministic(
    bench: api.Bench, tmp_path: Path
) -> None:
    """A value that no two runs share is found, with its cell, name and likely reason."""
    found = verified(bench, tmp_path, *CLOCK)

    assert [(each.kind.value, each.cell, each.what) for each in found.found] == [
        ("output", 0, "output 1 (stdout)"),
        ("value", 0, "value begun"),
        ("output", 1, "output 1 (stdout)"),
    ]
    assert found.found[0].reason is Reason.NON_DETERMINISM
    assert "cell 0 looks at the clock (time.time_ns)" in found.found[0].explanation


def test_verify__clock_twice__is_no_fault_of_the_pipeline(bench: api.Bench, tmp_path: Path) -> None:
    """What differs between two plain runs, too, does not count."""
    found = verified(bench, tmp_path, *CLOCK, twice=True)

    assert found.is_same
    assert found.plain_runs == 2
    assert [(each.kind.value, each.cell) for each in found.unstable] == [
        ("output", 0),
        ("value", 0),
        ("output", 1),
    ]


def test_verify__twice_and_a_fault_beside_the_clock__is_found(
    bench: api.Bench, tmp_path: Path
) -> None:
    """A cell that prints the time as well can still be wrong."""
    found = verified(
        bench,
        tmp_path,
        kit.code(
            "import sys, time\nprint(time.time_ns())\n"
            "print('kernelpipe_runtime.boundaries' in sys.modules)",
            "step:a",
        ),
        twice=True,
    )

    (only,) = found.found
    assert (only.cell, only.plain, only.pipeline) == (0, "True", "False")


def test_verify__what_no_two_runs_share__does_not_count(bench: api.Bench, tmp_path: Path) -> None:
    """Times of day, durations, addresses, bars, temporary places and working folders."""
    found = verified(
        bench,
        tmp_path,
        kit.code(
            "import time, datetime, os, tempfile, sys\n"
            "started = time.perf_counter()\n"
            "print(datetime.datetime.now(), time.ctime(), os.getcwd(), object())\n"
            "print(f'{time.time():.0f} {datetime.datetime.now():%Y%m%d-%H%M%S}')\n"
            "print(repr(datetime.datetime.now()), tempfile.gettempdir() + '/x')\n"
            "print('  3%|#  | 3/100', file=sys.stderr)",
            "step:a",
        ),
        kit.code("%%time\nn = sum(range(1000))\nprint(n)"),
        kit.code("print(f'{n} took {time.perf_counter() - started:.4f} s')", "step:b"),
    )

    assert [each for each in found.found if each.kind is DifferenceKind.OUTPUT] == []
    assert [each.what for each in found.found] == ["value started"]


def test_verify__files__are_fresh_for_each_run_and_compared(
    bench: api.Bench, tmp_path: Path
) -> None:
    """Neither run sees what the other wrote, nor does the user's folder; contents are compared."""
    folder = tmp_path / "nb"
    folder.mkdir()
    (folder / "log.txt").write_text("begin\n")
    (tmp_path / "beside.txt").write_text("outside")

    found = verified(
        bench,
        tmp_path,
        kit.code("with open('log.txt', 'a') as log:\n    log.write('one\\n')", "step:a"),
        kit.code(
            "import os\nprint(open('log.txt').read(), open('../beside.txt').read())\n"
            "os.mkdir('made')\nopen('made/at.txt', 'w').write(str(os.urandom(9)))\nNone",
            "step:b",
            "prev:a",
        ),
    )

    assert [each.what for each in found.found] == ["file made/at.txt"]
    assert found.files == 2
    assert (folder / "log.txt").read_text() == "begin\n"
    assert sorted(each.name for each in folder.iterdir()) == ["log.txt", "n.ipynb"]


def test_verify__history_of_the_plain_run__is_the_notebooks_own(
    bench: api.Bench, tmp_path: Path
) -> None:
    """What is done between cells leaves no trace in ``In``, ``Out`` and ``_``."""
    reporter = RememberingReporter()
    found = verified(
        bench,
        tmp_path,
        kit.code("x = 41", "step:a"),
        kit.code("x + 1"),
        kit.code("print(get_ipython().execution_count, get_ipython().user_ns['In'][1:])"),
        kit.code("print(x)", "step:b"),
        reporter=reporter,
    )

    (only,) = found.found
    assert only.cell == 2
    assert only.plain.startswith("3 ['x = 41', 'x + 1', \"print(get_ipython().execution_count")
    assert "from top to bottom in one kernel: 4 cells" in reporter.lines


def test_verify__what_is_installed_already__is_installed_in_neither_run(
    bench: api.Bench, tmp_path: Path
) -> None:
    """Requirements are met before; pip says nothing in the plain run, either."""
    found = verified(
        bench,
        tmp_path,
        kit.code("%pip install numpy\nx = 3", "step:a"),
        kit.code("print(x)", "step:b"),
    )

    assert found.found == ()
    assert (found.cells, found.values) == (2, 1)


def test_verify__tolerance__forgives_the_last_digits_only(bench: api.Bench, tmp_path: Path) -> None:
    """The process decides about the last digit; the default forgives it, zero does not."""
    cells = (
        kit.code("import os\nx = 0.1 + (os.getpid() % 2**20) * 1e-17 + 2e-17", "step:a"),
        kit.code("x"),
        kit.code("print(x)", "step:b"),
    )

    assert verified(bench, tmp_path, *cells).is_same
    exact = verified(bench, tmp_path, *cells, relative=0.0)
    assert {each.kind for each in exact.found} == {DifferenceKind.OUTPUT, DifferenceKind.VALUE}


def test_verify__errors_in_the_notebook__are_raised_before_anything_runs(
    bench: api.Bench, tmp_path: Path
) -> None:
    """So are wrong parameters."""
    with pytest.raises(CompileError, match="KP203"):
        verified(bench, tmp_path, kit.code("print(nobody)", "step:a"))
    with pytest.raises(UsageError, match="'y' is not a parameter"):
        verified(bench, tmp_path, kit.code("x = 1", "step:a"), parameters={"y": 1})


def test_verify_command__difference__names_place_and_reason(tmp_path: Path) -> None:
    """With kernels of its own: the report, the exit code, and nothing left behind."""
    commands = Commands(folder=tmp_path / "beside")
    kit.write(
        commands.folder / "n.ipynb",
        kit.code("import uuid\nname = uuid.uuid4().hex", "step:a"),
        kit.code("print(len(name))\nprint(name)", "step:b"),
    )

    told = commands.call("verify", "n.ipynb")

    document = told.document
    assert told.code == 5
    assert document["is_same"] is False
    assert (document["cells"], document["values"]) == (2, 1)
    assert [(each["kind"], each["cell"]) for each in document["differences"]] == [
        ("value", 0),
        ("output", 1),
    ]
    assert document["differences"][0]["reason"] == "non-determinism"
    assert "from top to bottom in one kernel: 2 cells" in told.messages
    assert [each.name for each in commands.folder.iterdir()] == ["n.ipynb"]


def test_verify_command__stopped_in_the_plain_run__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal ends the kernel, what it started, and takes away what both runs wrote."""
    scratch = Path(tempfile.mkdtemp())  # where pytest's would be too long a path for sockets
    monkeypatch.setenv("TMPDIR", str(scratch))
    for name in ("begun", "never"):
        os.mkfifo(tmp_path / name)
    commands = Commands(folder=tmp_path / "beside")
    source = (
        "import sys\nif 'kernelpipe_runtime.boundaries' in sys.modules:\n"
        f"    open('{tmp_path}/begun', 'w')\n    open('{tmp_path}/never')"
    )
    kit.write(commands.folder / "n.ipynb", kit.code(source, "step:a"))

    command = commands.start("verify", "n.ipynb")
    (tmp_path / "begun").read_bytes()
    command.send_signal(signal.SIGTERM)
    ended = wait(command)

    assert ended.code == 130
    assert "stopped by SIGTERM; nothing was recorded" in ended.messages
    assert commands.left_running() == []
    assert list(scratch.iterdir()) == []
    scratch.rmdir()
