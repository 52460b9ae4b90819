"""A step that goes on from a checkpoint ends as one that was not stopped."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pipeline_in_process import ShellServer

from kernelpipe.runtime.notebook import build_step_notebook
from kernelpipe.runtime.values import read_values
from tests.step_kit import Steps, relative

BAD = "raise RuntimeError('stop')"


@pytest.fixture(name="steps")
def new_steps(shell_server: ShellServer, tmp_path: Path) -> Steps:
    """Provide a directory of data to run steps in."""
    return Steps(shell_server, tmp_path)


def stopped(steps: Steps, cells: Sequence[str], place: Path, **more: Any) -> dict[str, Any]:
    """Run a step whose last cell fails, with checkpoints; return what ``state.json`` says."""
    steps.run([*cells[:-1], BAD], call={"checkpoints": str(place)}, **more)
    state = place / "state.json"
    found: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    return found


def restart(place: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Return the call of a step that goes on from where ``state`` says."""
    return {"restart": {"path": str(place / state["file"]), "cell": 1 + state["cells"]}}


CASES: dict[str, list[str]] = {
    "values": ["a = 1", "b = [a]; c = b", "c.append(2); print(a, b, c is b)"],
    "frames_share_memory": [
        "x = np.arange(6.0).reshape(2, 3); row = x[1]",
        "df = pd.read_csv('a.csv'); view = df['x']",
        "row[0] = 99; print(x.tolist()); print(view.sum(), df.describe().to_string())",
    ],
    "closures": [
        (
            "def counter():\n    n = 0\n    def count():\n        nonlocal n\n        n += 1\n"
            "        return n\n    return count\ncount = counter(); other = count; count()"
        ),
        "total = 10\ndef add(x):\n    global total\n    total += x\n    return total",
        "print(count(), other(), add(5), total)",
    ],
    "classes": [
        "class Base:\n    made = []\n    def __init__(self): self.made.append(self)",
        "class Child(Base):\n    def hi(self): return super(), len(self.made)\none = Child()",
        (
            "two = Child(); print(type(one) is Child, len(Base.made), isinstance(two, Base),"
            " one.hi()[1], Base.made[0] is one)"
        ),
    ],
    "shared_definitions": [
        "m = Model(2); shout = Model.shout",
        "Model.extra = 3",
        "print(type(m) is Model, m.extra, Model(1).rate, shout(m), scale(4), helper is scale)",
    ],
    "random": [
        "import random; random.seed(3); np.random.seed(4); random.random(); np.random.rand()",
        "rng = np.random.default_rng(1); rng.random()",
        "print(random.random(), np.random.rand(), rng.random())",
    ],
    "states": [
        "os.environ['KP_Q'] = '7'; os.chdir('data'); pd.set_option('display.max_rows', 7)",
        (
            "import sys, warnings, decimal; sys.path.append('/nowhere'); "
            "decimal.getcontext().prec = 5\n"
            "warnings.filterwarnings('ignore', 'kp'); np.set_printoptions(precision=2)"
        ),
        (
            "print(os.environ['KP_Q'], os.getcwd()[-5:], pd.get_option('display.max_rows'),"
            " '/nowhere' in sys.path, decimal.Decimal(1) / 3, np.array([1.23456]),"
            " [f for f in warnings.filters if f[1] and 'kp' in str(f[1])])"
        ),
    ],
    "figures": [
        "import matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 5",
        "fig, ax = plt.subplots(); line, = ax.plot([1, 2]); plt.close(fig)",
        "print(line.get_linewidth(), ax.figure is fig, line in ax.lines); ax.plot([3]); fig",
    ],
    "deleted_names": [
        "gone = 1; del np, Model",
        "del gone; z: int = 1",
        "print('np' in globals(), 'Model' in globals(), 'gone' in globals(), __annotations__)",
    ],
    "imports": [
        "import json as j, xml.etree.ElementTree as ET\nfrom collections import Counter",
        "import local_one; local_one.SEEN.append('first'); alias = local_one.SEEN",
        (
            "alias.append(2); print(j.dumps(local_one.SEEN), Counter('aab'), "
            "ET.fromstring('<a/>').tag)"
        ),
    ],
    "module_on_a_new_path": [
        "import sys\nPath('data/far.py').write_text('X = [1]')\nsys.path.insert(0, 'data')",
        "import far; far.X.append(2)",
        "print(far.X, far.__name__)",
    ],
    "own_underscore": [
        "_, last = (1, 2)\n5",
        "for _ in range(3): pass",
        "print(last, sorted(n for n in globals() if n[0] != '_' and len(n) > 4))",
    ],
    "machine_learning": [
        "from sklearn.linear_model import LinearRegression\ndf = pd.read_csv('a.csv')",
        "model = LinearRegression().fit(df[['x']], df['y']); models = {'best': model}",
        "print(models['best'] is model, model.predict(pd.DataFrame({'x': [5.0]})))",
    ],
}
SETUP = """import os
from pathlib import Path
import numpy as np
import pandas as pd
rate = 3
class Model:
    def __init__(self, n): self.rate = n * rate
    def shout(self): return f'{self.rate}!'
def scale(x): return x * rate
helper = scale"""
SHARED = {"Model": 1, "scale": 1, "helper": 1}


@pytest.mark.parametrize("cells", CASES.values(), ids=CASES)
def test_step__restarted__ends_as_if_never_stopped(
    steps: Steps, tmp_path: Path, cells: list[str]
) -> None:
    """The last cell shows the same, and the values that are handed on are equal."""
    place = tmp_path / "checkpoints"
    whole, plain = steps.run(cells, setup=SETUP, shared=SHARED)
    state = stopped(steps, cells, place, setup=SETUP, shared=SHARED)

    shown, directory = steps.run(cells, setup=SETUP, shared=SHARED, call=restart(place, state))

    assert state["cells"] == len(cells) - 1
    for output in shown[0] + whole[-1]:
        output.pop("execution_count", None)
    assert shown == whole[-1:]
    facts = [steps.result(d)["touched"] for d in (plain, directory)]
    assert relative(facts[1], steps.work) == relative(facts[0], steps.work)


def test_step__restarted__hands_on_values_that_share(steps: Steps, tmp_path: Path) -> None:
    """One object under several names is still one after two ways through files."""
    cells = ["class C:\n    pass\na = C(); rows = {'a': a}", "b = [a, np.eye(2)]", "c = (a, b)"]
    place, path = tmp_path / "checkpoints", tmp_path / "all"
    outputs = [{"port": "all", "names": ["C", "a", "b", "c", "rows"]}]
    state = stopped(steps, cells, place, outputs=outputs)

    steps.run(cells, call=restart(place, state) | {"outputs": {"all": str(path)}}, outputs=outputs)

    values = read_values(path)
    a, b, c = values["a"], values["b"], values["c"]
    assert type(a) is values["C"]
    assert [each is a for each in (values["rows"]["a"], b[0], c[0])] == [True, True, True]
    assert c[1] is b
    assert b[1].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_step__restarted__depends_on_what_the_left_out_cells_read(
    steps: Steps, tmp_path: Path
) -> None:
    """Files and variables that were read before count as if the cells had run again."""
    cells = ["x = open('a.csv').read(); os.getenv('KP_R'); open('w.txt', 'w').write('1')", "1", "2"]
    place = tmp_path / "checkpoints"
    state = stopped(steps, cells, place)

    _, directory = steps.run(cells, call=restart(place, state))

    found = relative(steps.result(directory)["touched"], steps.work)
    assert (found["reads"], found["writes"]) == (["a.csv"], ["w.txt"])
    assert found["environment"] == ["KP_R"]
    assert relative(state["touched"], steps.work)["reads"] == ["a.csv"]


def test_checkpoints__several_cells__only_the_newest_is_kept(steps: Steps, tmp_path: Path) -> None:
    """The state before the last cell is all that a restart needs."""
    state = stopped(steps, ["a = 1", "b = 2", "c = 3", "d"], tmp_path / "c")

    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["after-3", "state.json"]
    assert (state["cells"], state["file"]) == (3, "after-3")
    assert read_values(tmp_path / "c" / "after-3" / "values")["b"] == 2


def test_checkpoints__value_that_cannot_be_kept__leaves_the_one_before(
    steps: Steps, tmp_path: Path
) -> None:
    """A note says why."""
    cells = ["a = 1", "g = (i for i in 'ab')", "list(g)"]

    _, directory = steps.run(cells, call={"checkpoints": str(tmp_path / "c")})

    assert json.loads((tmp_path / "c" / "state.json").read_text())["cells"] == 1
    assert steps.result(directory)["notes"] == [
        "nothing was kept after cell 2: 'g' cannot be stored: it is a generator"
    ]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        pytest.param(["%precision 3", "1"], "cell 1 uses %precision", id="magic"),
        pytest.param(["1 + 1", "print(_)"], "cell 2 uses '_', the output of a", id="last_output"),
        pytest.param(["1 + 1", "Out[4]"], "cell 2 uses 'Out'", id="outputs"),
        pytest.param(["pd.kp_own = 1", "1"], "cell 1 changes 'pd.kp_own'", id="changed_library"),
        pytest.param(["pd.DataFrame.own = 1", "1"], "changes 'pd.DataFrame.own'", id="class"),
    ],
)
def test_checkpoints__state_that_is_not_kept__is_refused(
    steps: Steps, tmp_path: Path, cells: list[str], reason: str
) -> None:
    """Rather no checkpoint than one that makes a difference."""
    _, directory = steps.run([*cells[:-1], cells[-1]], call={"checkpoints": str(tmp_path / "c")})

    assert not (tmp_path / "c" / "state.json").exists()
    assert reason in json.loads((directory / "result.json").read_text())["notes"][0]


def test_build_step_notebook__checkpoints__follow_all_cells_but_the_last() -> None:
    """A restart leaves out the cells before the one that it names."""
    cells = [{"index": i, "id": f"c{i}", "role": "step", "source": ""} for i in (4, 6, 9)]
    document = {
        "pipeline": "p",
        "step": "s",
        "setup": [],
        "parameters": [],
        "tests": [],
        "cells": cells,
    }
    call = {"checkpoints": "/c", "restart": {"path": "/c/after-1", "cell": 6}}

    notebook = build_step_notebook(
        document, call, step_directory="/run", runtime_directory="/run/rt"
    )

    assert [cell["metadata"]["kernelpipe"] for cell in notebook["cells"]] == [
        {"role": "begin"},
        {"role": "load"},
        {"cell": 6, "role": "step"},
        {"role": "checkpoint"},
        {"cell": 9, "role": "step"},
        {"role": "save"},
    ]
    assert notebook["cells"][3]["source"].endswith(".checkpoint(2)")
