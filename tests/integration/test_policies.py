"""What steps and runs are allowed: retries, time, memory, processors; and what they took."""

import functools
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import kit
import pytest
from processes import Commands

from kernelpipe import api
from kernelpipe.backends import local
from kernelpipe.backends.local.execution import Execution
from kernelpipe.backends.local.machine import Machine
from kernelpipe.compiler import lower
from kernelpipe.model.run import Run
from kernelpipe.runs import RunStore

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

MIB = 1024 * 1024
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="looks into /proc")

GROW = """\
held = []
for _ in range(150):
    held.append(bytearray(b"x") * (20 * 1024 * 1024))
    time.sleep(0.01)"""


def run(folder: Path, *, cpus: float = 2.0, memory_bytes: int = 8 * 1024 * MIB) -> Run:
    """Run the notebook in ``folder`` as on a machine of this size, with four job slots."""
    pipeline = api.graph(folder / "n.ipynb")
    with Machine(jobs=4, cpus=cpus, memory_bytes=memory_bytes) as machine:
        return local.run_pipeline(
            pipeline,
            lower(pipeline),
            given={},
            store=RunStore(folder / ".kernelpipe"),
            request=local.RunRequest(jobs=4),
            reporter=local.SilentReporter(),
            machine=machine,
        )


def metrics(found: Run) -> dict[str, float]:
    """Return the metrics of a run by name."""
    return {metric.name: metric.value for metric in found.metrics}


def facts(found: Run, step: str) -> dict[str, Any]:
    """Return what was recorded about a step."""
    (text,) = [one.facts for one in found.steps if one.name == step]
    document: dict[str, Any] = json.loads(text)
    return document


def test_retry__a_step_fails_twice__waits_longer_each_time(tmp_path: Path) -> None:
    """The pauses grow; the third attempt succeeds."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code(
            "import time\nfrom pathlib import Path\n"
            "Path(f'try.{time.monotonic_ns()}').touch()\n"
            "assert len(list(Path().glob('try.*'))) == 3",
            "step:a",
            "retry:3",
        ),
    )

    found = run(tmp_path)

    assert found.state.value == "SUCCEEDED", found.steps[0].reason
    times = sorted(int(path.suffix[1:]) / 1e9 for path in tmp_path.glob("try.*"))
    first, second = times[1] - times[0], times[2] - times[1]
    assert 0.5 <= first < 5
    assert second > first * 1.4
    assert facts(found, "a")["attempts"] == 3


@pytest.mark.timeout(30)
def test_retry__due_between_two_looks_at_the_clock__is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not due when it is looked for, past when it is waited for: it begins all the same."""
    clock = itertools.count(step=0.6)
    slow = functools.partial(Execution, clock=lambda: next(clock))
    monkeypatch.setattr("kernelpipe.backends.local.pipeline.Execution", slow)
    kit.write(
        tmp_path / "n.ipynb",
        kit.code(
            "from pathlib import Path\nhas_failed = Path('tried').exists()\nPath('tried').touch()\n"
            "assert has_failed",
            "step:a",
            "retry:1",
        ),
    )

    found = run(tmp_path)

    assert found.state.value == "SUCCEEDED", found.steps[0].reason
    assert facts(found, "a")["attempts"] == 2


def test_timeout__of_a_step_with_retries__is_for_each_attempt(tmp_path: Path) -> None:
    """Every attempt has its full time; the last one says why it failed."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import time\nfrom pathlib import Path", "imports"),
        kit.code("is_warm = True", "step:first"),  # the others need not wait for their processes
        kit.code(
            "is_first = not Path('tried').exists()\nPath('tried').touch()\n"
            "time.sleep(60 if is_first else 0.1)",
            "step:a",
            "retry:1",
            "timeout:2s",
            "prev:first",
        ),
        kit.code("time.sleep(60)", "step:b", "timeout:2s", "prev:first"),
    )
    started = time.monotonic()

    found = run(tmp_path)

    assert time.monotonic() - started < 50
    assert [step.state.value for step in found.steps] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    assert found.steps[2].reason == "it took longer than its timeout of 2 s"


def test_timeout__of_a_run__stops_it_and_it_can_be_continued(tmp_path: Path) -> None:
    """What had succeeded is kept; the exit code is that of a failed run."""
    cells = [
        kit.code("import time\nfrom pathlib import Path", "imports"),
        kit.code("first = 1", "step:first"),
        kit.code("while Path('slow').exists():\n    time.sleep(0.05)", "step:slow", "prev:first"),
        kit.code("last = first + 1", "step:last", "metrics", "prev:slow"),
    ]
    kit.write(tmp_path / "n.ipynb", *cells)
    (tmp_path / "slow").touch()
    commands = Commands(folder=tmp_path)

    stopped = commands.call("run", "n.ipynb", "--timeout", "5s")

    assert stopped.code == 5, stopped.messages
    assert "timeout of 5 s" in stopped.messages
    assert "Traceback" not in stopped.messages
    assert commands.left_running() == []
    states = {step["name"]: step["state"] for step in stopped.document["steps"]}
    assert states["first"] == "SUCCEEDED"
    assert states["last"] == "SKIPPED"
    (tmp_path / "slow").unlink()
    resumed = commands.call("resume", "latest")
    assert resumed.code == 0, resumed.messages
    assert resumed.document["metrics"] == {"last": 2}
    assert resumed.document["steps"][0]["cached"]


@ON_LINUX
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(GROW, id="itself"),
        pytest.param(
            "import subprocess, sys\n"
            f"subprocess.run([sys.executable, '-c', 'import time\\n' + {GROW!r}], check=True)",
            id="child",
        ),
    ],
)
def test_memory__a_step_takes_more_than_its_limit__it_alone_is_killed(
    tmp_path: Path, source: str
) -> None:
    """The message says how much it used, in which cell, and what to set."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import time", "imports"),
        kit.code("small = 1", "step:big", "memory:300Mi"),
        kit.code(source),
        kit.code("time.sleep(1.5)\nother = 1", "step:other", "metrics"),
        kit.code("never = small", "step:next", "prev:big"),
    )

    found = run(tmp_path)

    assert [step.state.value for step in found.steps] == ["FAILED", "SUCCEEDED", "SKIPPED"]
    error = found.steps[0].error
    assert error is not None
    assert error.cell_index == 2
    used, advised = _numbers_before(error.evalue, "MiB"), _numbers_before(error.evalue, "Mi ")
    assert 300 <= used[0] < 2000
    assert advised[0] > used[0]
    assert "memory:300Mi" in error.evalue
    assert "cell 2" in str(found.steps[0].reason)


def _numbers_before(text: str, unit: str) -> list[int]:
    """Return the numbers in ``text`` that stand right before ``unit``, with or without a blank."""
    parts = [part.rstrip() for part in text.split(unit)[:-1]]
    digits = [part[len(part.rstrip("0123456789")) :] for part in parts]
    return [int(number) for number in digits if number]


@ON_LINUX
def test_memory__reserved_but_not_used__does_not_count(tmp_path: Path) -> None:
    """Libraries reserve much more address space than they use."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code(
            "import mmap, time\nheld = mmap.mmap(-1, 4 * 1024**3)\ntime.sleep(0.5)\nok = 1",
            "step:a",
            "memory:300Mi",
        ),
    )

    found = run(tmp_path)

    assert found.state.value == "SUCCEEDED", found.steps[0].reason


TIMED = "started = time.monotonic()\ntime.sleep(0.4)\nended = time.monotonic()"


@pytest.mark.parametrize("need", ["cpu:2", "memory:5Gi"])
def test_admission__two_steps_need_all_there_is__they_take_turns(tmp_path: Path, need: str) -> None:
    """The second waits for the first, although there are four job slots."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import time", "imports"),
        *(
            cell
            for name in "ab"
            for cell in (
                kit.code(TIMED, f"step:{name}", need),
                kit.code(f"{name}_started = started\n{name}_ended = ended", "metrics"),
            )
        ),
    )

    found = run(tmp_path)

    assert found.state.value == "SUCCEEDED", [step.reason for step in found.steps]
    times = metrics(found)
    spans = sorted((times[f"{name}_started"], times[f"{name}_ended"]) for name in "ab")
    assert spans[0][1] <= spans[1][0]


@pytest.mark.parametrize("need", ["cpu:1", "memory:3Gi", "cpu:500m"])
def test_admission__there_is_room_for_both__they_run_together(tmp_path: Path, need: str) -> None:
    """Each waits for the other one, which only works if both run."""
    _write_rendezvous(tmp_path, need)

    found = run(tmp_path)

    assert found.state.value == "SUCCEEDED", [step.reason for step in found.steps]


def test_admission__a_step_needs_more_than_there_is__it_runs_alone(tmp_path: Path) -> None:
    """Refusing would help nobody: the machine may do with less."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("a = 1", "step:a", "cpu:64", "memory:900Gi"),
        kit.code("b = a", "step:b", "metrics"),
    )

    found = run(tmp_path)

    assert metrics(found) == {"b": 1}


def _write_rendezvous(folder: Path, need: str) -> None:
    """Write two steps that meet at files which no order between the steps is told by."""
    os.mkfifo(folder / "left")
    os.mkfifo(folder / "right")
    (folder / "meeting.py").write_text(
        "import os\n"
        "def meet(*, is_first):\n"
        "    for number, name in enumerate(('left', 'right')):\n"
        "        flags = os.O_WRONLY if is_first == (number == 0) else os.O_RDONLY\n"
        "        os.close(os.open(name, flags))\n"
    )
    kit.write(
        folder / "n.ipynb",
        kit.code("from meeting import meet", "imports"),
        kit.code("meet(is_first=True)", "step:a", need, "timeout:20s"),
        kit.code("meet(is_first=False)", "step:b", need, "timeout:20s"),
    )


@ON_LINUX
def test_usage__of_steps_and_cells__is_what_they_took(tmp_path: Path) -> None:
    """Peak memory, CPU and wall time are recorded per step and per cell; children count."""
    busy = (
        "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end:\n    pass"
    )
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import time", "imports"),
        kit.code("time.sleep(0.5)", "step:lazy"),
        kit.code("end = time.process_time() + 0.6", "step:busy"),
        kit.code("while time.process_time() < end:\n    pass"),
        kit.code("held = bytearray(b'x') * 200_000_000\ndel held", "step:big"),
        kit.code("time.sleep(0.2)"),
        kit.code(
            "import subprocess, sys\n"
            f"code = {busy!r} + '\\nheld = bytearray(b\"x\") * 200_000_000\\ntime.sleep(0.3)'\n"
            "done = subprocess.run([sys.executable, '-c', code], check=True)",
            "step:child",
        ),
    )

    found = run(tmp_path)

    lazy, worker, big, child = (facts(found, name) for name in ("lazy", "busy", "big", "child"))
    assert found.state.value == "SUCCEEDED", [step.reason for step in found.steps]
    _assert_in(lazy["cpu_s"], 0.0, 0.4)
    _assert_in(worker["cpu_s"], 0.55, 1.3)
    _assert_in(child["cpu_s"], 0.55, 1.6)
    _assert_in(lazy["peak_bytes"], 5e6, 190e6)
    _assert_in(big["peak_bytes"], 200e6, 450e6)
    _assert_in(child["peak_bytes"], 200e6, 450e6)
    cells = {entry["cell"]: entry for one in (lazy, worker, big) for entry in one["cells"]}
    assert cells.keys() == {0, 1, 2, 3, 4, 5}
    _assert_in(cells[2]["wall_s"], 0.0, 0.4)
    _assert_in(cells[3]["wall_s"], 0.55, 30.0)
    _assert_in(cells[3]["cpu_s"], 0.5, 1.0)
    _assert_in(cells[1]["wall_s"], 0.5, 15.0)
    _assert_in(cells[4]["peak_bytes"], 200e6, 450e6)


def _assert_in(number: float, least: float, most: float) -> None:
    assert least <= number <= most, f"{number:g} is not in {least:g}..{most:g}"


@pytest.mark.parametrize(("within", "tries"), [(1, "x"), (3, "xx")])
def test_retry__pauses_in_metadata__hold_until_the_time_is_over(
    tmp_path: Path, within: int, tries: str
) -> None:
    """The pause is the one that was asked for, and no attempt begins later than the limit."""
    own = {"retry": {"count": 5, "pause": 1, "factor": 2, "within": within}}
    source = "open('tries', 'a').write('x')\nraise ValueError"
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("is_warm = True", "step:first"),  # the other need not wait for its process
        kit.code(source, "step:a", "prev:first", kernelpipe=own),
    )

    result = run(tmp_path)

    assert result.state.value == "FAILED"
    assert (tmp_path / "tries").read_text() == tries


CROWD = """\
import time
from pathlib import Path


def meet(name, count):
    Path(f"{name}.runs").touch()
    while len(list(Path().glob("*.runs"))) < count:
        time.sleep(0.02)
    time.sleep(0.3)
    Path(f"{name}.saw").write_text(str(len(list(Path().glob("*.runs")))))
    if count == 1:
        Path(f"{name}.runs").unlink()
"""


@pytest.mark.parametrize("allowed", [1, 3])
def test_parallelism__of_the_notebook__is_the_most_that_run_at_once(
    tmp_path: Path, allowed: int
) -> None:
    """There are four slots, but the notebook may allow fewer: as many run, and never more."""
    (tmp_path / "crowd.py").write_text(CROWD)
    steps = [kit.code(f"meet('s{n}', {allowed})", f"step:s{n}", "timeout:60s") for n in range(3)]
    imports = kit.code("from crowd import meet", "imports")
    metadata = {"kernelpipe": {"parallelism": allowed}}
    kit.write(tmp_path / "n.ipynb", imports, *steps, metadata=metadata)

    assert run(tmp_path).state.value == "SUCCEEDED"
    assert [path.read_text() for path in tmp_path.glob("*.saw")] == [str(allowed)] * 3


def test_deadline__of_the_notebook__ends_the_run(tmp_path: Path) -> None:
    """As a cluster does."""
    kit.write(
        tmp_path / "n.ipynb",
        kit.code("import time\ntime.sleep(60)", "step:a"),
        metadata={"kernelpipe": {"deadline": "2s"}},
    )

    result = run(tmp_path)

    assert result.state.value == "FAILED"
    assert result.reason == "the run took longer than its timeout of 2 s"
