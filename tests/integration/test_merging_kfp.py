"""Merged steps under kfp.local: the same values, metrics, states and reports as in own pods."""

import json
import subprocess
import venv
from pathlib import Path
from typing import Any

import kit
import pytest
import yaml
from kfp_local import KfpRun, run_ir
from kfp_specs import pipeline, task

from kernelpipe import api
from kernelpipe.backends.kfp import emit_ir
from kernelpipe.cli.main import main
from kernelpipe.model.settings import StepSettings
from kernelpipe.runtime.container import header_digest
from kernelpipe.runtime.values import read_values

pytestmark = pytest.mark.integration

MIXED = (
    kit.code("rate = 0.5\ngo = True", "parameters"),
    kit.code("import random\n\ndef scale(v):\n    return v * rate", "imports"),
    kit.code("random.seed(3)\nrows = [random.random() for _ in range(3)]", "step:load"),
    kit.code("things = {1, 'a'}\nprint('loaded', rows)", "step:load"),
    kit.code("scaled = [scale(v) for v in rows]\nmore = random.random()", "step:clean"),
    kit.code("left = sum(scaled)\nprint(left)", "step:left"),
    kit.code("right = max(scaled), more", "step:right"),
    kit.code("both = left, right, things", "step:join"),
    kit.code("size = len(both)", "step:join"),
    kit.code("size", "metrics"),
    kit.code("accuracy = left / 10\nmodel = [rate, both]", "step:fit"),
    kit.code("accuracy", "metrics"),
    kit.code("best = model", "step:publish", "when:accuracy < 1"),
    kit.code("print('told', best)", "step:tell"),
    kit.code("worst = model", "step:closed", "when:accuracy > 1"),
    kit.code("print(worst)", "step:closed2"),
    kit.code("print('bye', rate)", "step:bye", "on-exit"),
)
"""Two chains at the ends of a diamond, parameters, setup, random state, gates, an on-exit step."""
FAILING = (
    kit.code("x = 1\nprint('first')", "step:a"),
    kit.code("print('second')\ny = x / 0", "step:b"),
    kit.code("z = y", "step:c"),
    kit.code("print(z)", "step:d"),
    kit.code("print('bye')", "step:bye", "on-exit"),
)


def steps_of(run: KfpRun) -> dict[str, dict[str, Any]]:
    """Return what each step left: metrics, report, and digests of its values."""
    found: dict[str, dict[str, Any]] = {}
    files = {**run.values, **{(name, "run-report"): path for name, path in run.reports.items()}}
    for (owner, port), path in files.items():
        step, dashes, own = port.partition("--")
        entry = found.setdefault(step if dashes else owner, {})
        name = own if dashes else port
        if name == "run-metrics":
            entry["metrics"] = json.loads(path.read_bytes())
        elif name == "run-report":
            entry["report"] = path.read_text(encoding="utf-8")
        else:
            entry[name] = header_digest(path)
    for owner, metrics in run.metrics.items():
        found[owner]["metrics"] = metrics
    return found


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[KfpRun, KfpRun]:
    """Return the runs of the mixed notebook, with a pod per step and merged."""
    directory = tmp_path_factory.mktemp("mixed")
    path = kit.write(directory / "n.ipynb", *MIXED)
    runs = []
    for name, merge in (("own", False), ("merged", True)):
        api.compile_notebook(path, directory / f"{name}.yaml", merge=merge)
        runs.append(run_ir(directory / f"{name}.yaml", directory / name, parameters={"rate": 0.25}))
    return runs[0], runs[1]


def test_merged__mixed__runs_in_the_pods_of_the_chains(mixed: tuple[KfpRun, KfpRun]) -> None:
    """One directory per task; what is behind the closed gate has none."""
    _, merged = mixed

    assert merged.is_succeeded, merged.log
    assert sorted(path.name for path in merged.directory.glob("*/*/")) == [
        "bye",
        "join-to-fit",
        "left",
        "load-to-clean",
        "publish-to-tell",
        "right",
    ]


def test_merged__mixed__leaves_what_own_pods_leave(mixed: tuple[KfpRun, KfpRun]) -> None:
    """Metrics, reports and values of each step, those that only their pod needs among them."""
    own, merged = (steps_of(run) for run in mixed)

    assert merged == own
    assert merged["join"]["metrics"] == {"size": 3}
    assert set(merged["load"]) == {"report", "rows", "state_random", "things"}
    assert "told" in merged["tell"]["report"]


def test_merged__mixed__says_which_step_speaks(mixed: tuple[KfpRun, KfpRun]) -> None:
    """A step's words stand between its beginning and its end."""
    _, merged = mixed

    begin = merged.log.index("kernelpipe: step 'load' begins (1 of 2 in this pod)")
    said = merged.log.index("loaded [")
    end = merged.log.index("kernelpipe: step 'load' is done")
    following = merged.log.index("kernelpipe: step 'clean' begins (2 of 2 in this pod)")
    assert begin < said < end < following


def test_parity__step_of_a_chain_fails__is_the_same(tmp_path: Path) -> None:
    """What comes after it in the pod does not run; the on-exit step does. The log says all this."""
    path = kit.write(tmp_path / "n.ipynb", *FAILING)

    check = api.parity(path, merge=True)

    assert check.found == ()
    assert check.merged == {"a-to-d": ("a", "b", "c", "d")}
    assert [step.state.value for step in check.run.steps] == [
        "SUCCEEDED",
        "FAILED",
        "SKIPPED",
        "SKIPPED",
        "SUCCEEDED",
    ]
    assert "kernelpipe: step 'b', cell 1: ZeroDivisionError: division by zero" in check.log
    assert "kernelpipe: step 'b' failed; not run: 'c', 'd'" in check.log
    assert "step 'c' begins" not in check.log


def test_parity_command__merged__names_steps_and_finds_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of one step is there for the next; what differs within a pod is told."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("import os\nfrom pathlib import Path", "imports"),
        kit.code("where = os.getcwd()\nPath('rows.csv').write_text('1,2')", "step:write"),
        kit.code("rows = Path('rows.csv').read_text()", "step:read"),
        kit.code("size = len(where + rows)", "step:count"),
        kit.code("size", "metrics"),
    )

    code = main(["parity", "--merge", str(path)])

    said = capsys.readouterr()
    assert code == 5
    assert "\nmerged 3 steps into 1 task: write+read+count -> write-to-count\n" in said.err
    assert "2 differences:" in said.out
    assert "step 'write': value where" in said.out
    assert "step 'count': metric 'size'" in said.out


def test_merged__step_is_killed__is_named(tmp_path: Path) -> None:
    """A step that ends its process takes down only that; reports of those before it are there."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("x = 1", "step:a"),
        kit.code("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ny = x", "step:b"),
        kit.code("print(y)", "step:c"),
    )
    api.compile_notebook(path, tmp_path / "p.yaml", merge=True)

    run = run_ir(tmp_path / "p.yaml", tmp_path / "root")

    assert not run.is_succeeded
    assert "kernelpipe: step 'b' was killed by signal 9; it may need more memory" in run.log
    assert "kernelpipe: step 'b' failed; not run: 'c'" in run.log
    assert list(steps_of(run)) == ["a"]


POLLUTER = """\
import os, sys
os.environ["LEFT"] = "1"
sys.modules["left"] = os
open("here.txt", "w").close()
x = 1
"""
CLEAN = """\
import os, sys
assert "LEFT" not in os.environ and "left" not in sys.modules and not hasattr(os, "x")
y = x, os.listdir(), [path for path in sys.path if path.endswith("runtime")]
"""


def test_container__bare_python__keeps_the_steps_of_a_chain_apart(tmp_path: Path) -> None:
    """Without a kernel, too. A package that one step cannot have does not stop those before it."""
    tasks = (
        task("a", source=POLLUTER, outputs=("x",)),
        task("b", source=CLEAN, after=("a",), inputs=(("a", "x"),), outputs=("y",)),
        task(
            "c", source="import yaml\nz = y", after=("b",), inputs=(("b", "y"),), modules=("yaml",)
        ),
        task("d", after=("c",)),
        task(
            "e", source="y", after=("b", "d"), inputs=(("b", "y"),), settings=StepSettings(cpu="1")
        ),
    )
    spec = yaml.safe_load(emit_ir(pipeline(*tasks), tasks, merge=True))
    container = spec["deploymentSpec"]["executors"]["exec-a-to-d"]["container"]
    ports = spec["components"]["comp-a-to-d"]["outputDefinitions"]["artifacts"]
    executor_input = {
        "outputs": {
            "artifacts": {
                name: {"artifacts": [{"name": name, "uri": str(tmp_path / "out" / name)}]}
                for name in ports
            },
            "outputFile": str(tmp_path / "out" / "output.json"),
        },
    }
    venv.create(tmp_path / "bare", with_pip=False)
    (tmp_path / "tmp").mkdir()

    done = subprocess.run(
        [
            str(tmp_path / "bare" / "bin" / "python"),
            *(
                json.dumps(executor_input) if each == "{{$}}" else each
                for each in [*container["command"], *container["args"]][1:]
            ),
        ],
        env={"PYTHONHASHSEED": "0", "TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "kernelpipe: step 'c': cannot install PyYAML==" in done.stderr
    assert "kernelpipe: step 'c' failed; not run: 'd'" in done.stderr
    assert read_values(tmp_path / "out" / "b--y") == {"y": (1, ["here.txt"], [])}
    reports = [path.name for path in sorted((tmp_path / "out").glob("*report"))]
    assert reports == ["a--run-report", "b--run-report", "c--run-report"]
    assert not (tmp_path / "out" / "output.json").exists()
    assert list((tmp_path / "tmp").iterdir()) == []
