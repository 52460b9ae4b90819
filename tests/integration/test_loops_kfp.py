"""Loops on KFP: emitted YAML, run by ``kfp.local``, gives what the notebook's words mean."""

from pathlib import Path

import kit
import pytest
from kfp_local import KfpRun, run_ir

from kernelpipe import api

pytestmark = pytest.mark.integration

PARAMETERS = """\
settings = [{'lr': 1, 'deep': [1, 0.5]}, {'lr': 2.0, 'deep': []}, {'lr': 1, 'deep': [1, 0.5]}]
names = ['a{{$.x}}']
nothing = []
place = ''
n = 2"""
FLAKY = """\
mark = Path(place) / 'mark'
if each['lr'] == 2 and not mark.exists():
    mark.touch()
    raise OSError('not yet')
x = (each['lr'], each['deep'], random.random())"""
QUICK = {"kernelpipe": {"version": 1, "step_defaults": ["report:off"]}}
"""Rendering reports takes most of a small pod's time."""
CELLS = (
    kit.code("from pathlib import Path", "imports"),
    kit.code(PARAMETERS, "parameters"),
    kit.code("a = n", "step:one"),
    kit.code("a", "metrics"),
    kit.code("b = n * 10\nimport random\nrandom.seed(4)", "step:two"),
    kit.code("b", "metrics"),
    kit.code(
        FLAKY, "step:train", "foreach:each in settings", "when:a * 8 < b", "retry:1", "report:on"
    ),
    kit.code("score = each['lr'] * 10", "step:train"),
    kit.code("score", "metrics"),
    kit.code("y = [name, x, score]", "step:chain", "foreach:name in names"),
    kit.code("w = e + 'q'", "step:never", "foreach:e in nothing"),
    kit.code("print('NONE', w, e)", "step:after"),
    kit.code("print('ALL', [y, each, random.random()])", "step:gather"),
    kit.code("import os\nprint('BYE', os.environ['KERNELPIPE_RUN_STATE'])", "step:bye", "on-exit"),
)
ITEM_0, ITEM_1 = {"lr": 1, "deep": [1, 0.5]}, {"lr": 2.0, "deep": []}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the YAML of the notebook."""
    directory = tmp_path_factory.mktemp("compiled")
    path = kit.write(directory / "n.ipynb", *CELLS, metadata=QUICK)
    api.compile_notebook(path, directory / "n.yaml")
    return directory / "n.yaml"


def items(run: KfpRun, step: str, file: str) -> list[Path]:
    """Return a file of each item of a loop's step, in item order."""
    return sorted(run.directory.glob(f"*/{step}*-iteration-*/{step}-item/{file}"))


def test_loop__gated_chained_retried_empty__gives_lists_in_item_order(
    compiled: Path, tmp_path: Path
) -> None:
    """Integers stay integers in nested items, equal items run both, no items are empty lists."""
    run = run_ir(compiled, tmp_path / "kfp", parameters={"place": str(tmp_path)})

    assert run.is_succeeded
    draw, further = 0.23604808973743452, 0.1031660342307158
    xs = [(1, [1, 0.5], draw), (2.0, [], draw), (1, [1, 0.5], draw)]
    each = [ITEM_0, ITEM_1, ITEM_0]
    ys = [[name, xs, [10, 20.0, 10]] for name in ("a{{$.x}}",)]
    assert f"ALL {[ys, each, further]!r}" in run.log
    assert "NONE [] []" in run.log
    assert [path.read_text() for path in items(run, "train", "run-metrics")] == [
        '{"score": 10}',
        '{"score": 20.0}',
        '{"score": 10}',
    ]
    assert len(items(run, "train", "run-report")) == 3
    assert len(items(run, "never", "executor_output.json")) == 1
    assert "step 'train' runs: when a * 8 < b: a is 2, b is 20" in run.log
    assert "BYE SUCCEEDED" in run.log


def test_loop__gate_closed__nothing_of_it_runs(compiled: Path, tmp_path: Path) -> None:
    """Nor what comes after it, and the run has succeeded; given lists are looped over."""
    run = run_ir(compiled, tmp_path / "kfp", parameters={"n": 0, "nothing": ["k", "l"]})

    assert run.is_succeeded
    assert items(run, "train", "*") == items(run, "chain", "*") == []
    assert "ALL" not in run.log
    assert "NONE ['kq', 'lq'] ['k', 'l']" in run.log
    assert "BYE SUCCEEDED" in run.log
    assert "step 'train' is skipped: when a * 8 < b: a is 0, b is 0" in run.log


def test_loop__item_fails__others_run_and_the_step_has_failed(tmp_path: Path) -> None:
    """What comes after it does not run; a gate over no number fails the gated step alone."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("numbers = [2, 0, 1]", "parameters"),
        kit.code("x = 10 / number\nprint('X', x)", "step:divide", "foreach:number in numbers"),
        kit.code("print(x)", "step:show"),
        kit.code("word = 'high'", "step:say"),
        kit.code("word", "metrics"),
        kit.code("print('never')", "step:gated", "when:word > 1"),
        kit.code(
            "import os\nprint('BYE', os.environ['KERNELPIPE_RUN_STATE'])", "step:bye", "on-exit"
        ),
        metadata=QUICK,
    )
    api.compile_notebook(path, tmp_path / "n.yaml")

    run = run_ir(tmp_path / "n.yaml", tmp_path / "kfp")

    assert not run.is_succeeded
    assert "X 5.0" in run.log
    assert "X 10.0" in run.log
    assert "step 'divide', cell 1: ZeroDivisionError: division by zero" in run.log
    assert len(items(run, "divide", "x")) == len(items(run, "divide", "*.json")) == 2
    assert "step 'gated': GateError: when word > 1: there is no number 'word'" in run.log
    assert list(run.directory.glob("*/say/executor_output.json"))
    assert "never" not in run.log
    assert "BYE FAILED" in run.log
