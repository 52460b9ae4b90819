"""How large the workflow becomes, and what travels only once."""

import json
from pathlib import Path
from typing import Any

import kit
import pytest
from kfp_specs import pipeline, task

from kernelpipe import api
from kernelpipe.backends import kfp
from kernelpipe.backends.kfp.executor_rules import ARGUMENT_LIMIT
from kernelpipe.backends.kfp.ir import Built, build
from kernelpipe.backends.kfp.payload import unpack
from kernelpipe.backends.kfp.workflow_size import LIMIT_BYTES, estimate_workflow
from kernelpipe.compiler import lower
from kernelpipe.model.settings import NamedText, StepSettings

JSON = dict[str, Any]
STEP = '''
def prepare_{n}(table):
    """Scale what is numeric, fill what is missing."""
    for column in ["age", "income", "tenure", "calls"]:
        values = table[column]
        low, high = values.quantile(0.01), values.quantile(0.99)
        clipped = values.clip(low, high)
        table[column] = (clipped - clipped.mean()) / clipped.std()
        if table[column].isna().any():
            print(f"column {{column}} of step {n} has holes")
            table[column] = table[column].fillna(0.0)
    return table


frame_{n} = prepare_{n}(frame_{before}.copy())
weights_{n} = np.linspace(0, 1, len(frame_{n}))
score_{n} = float((frame_{n}["income"] * weights_{n}).sum()) + score_{before}
print("score of step {n}:", round(score_{n}, 4), "rows:", len(frame_{n}))
'''
FIRST = """
rng = np.random.default_rng(seed)
frame_0 = pd.DataFrame({c: rng.normal(size=99) for c in ["age", "income", "tenure", "calls"]})
score_0 = 0.0
"""


def _chain(count: int) -> list[kit.JSON]:
    steps = [kit.code(STEP.format(n=n, before=n - 1), f"step:s{n}") for n in range(1, count)]
    return [kit.code(FIRST, "step:s0"), *steps]


def _fan_out(count: int) -> list[kit.JSON]:
    """Return steps that all wait for nothing."""
    return [
        kit.code(FIRST.replace("_0", f"_x{n}") + STEP.format(n=n, before=f"x{n}"), f"step:s{n}")
        for n in range(count)
    ]


def _diamond(count: int) -> list[kit.JSON]:
    """Return a first step, the many that take its frame, and one that takes all their scores."""
    middle = [kit.code(STEP.format(n=n, before=0), f"step:s{n}") for n in range(1, count - 1)]
    scores = " + ".join(f"score_{n}" for n in range(1, count - 1))
    last = kit.code(f"total = {scores}\nprint(total)", "step:last")
    return [kit.code(FIRST, "step:s0"), *middle, last]


SHAPES = {"chain": _chain, "fan-out": _fan_out, "diamond": _diamond}


def built(folder: Path, count: int, shape: str = "chain") -> Built:
    """Return what is built of ``count`` steps of ordinary size, in the shape of `SHAPES`."""
    cells = [
        kit.code("import numpy as np\nimport pandas as pd", "imports"),
        kit.code("seed = 1", "parameters"),
        *SHAPES[shape](count),
    ]
    whole = api.graph(kit.write(folder / "n.ipynb", *cells))
    tasks = lower(whole)
    assert [d for d in kfp.check_pipeline(whole, tasks) if d.code in {"KP404", "KP405"}] == []
    return build(whole, tasks)


@pytest.mark.parametrize("shape", ["chain", "fan-out", "diamond"])
def test_estimate_workflow__sixty_ordinary_steps__stay_below_a_megabyte(
    tmp_path: Path, shape: str
) -> None:
    """As submitted, and when all its nodes have their states."""
    found = built(tmp_path, 60, shape)
    size = estimate_workflow(found.documents)

    assert size.submitted < 500_000
    assert size.stored < 1_000_000 < LIMIT_BYTES
    assert max(found.sizes.values()) < 70_000 < ARGUMENT_LIMIT


def test_estimate_workflow__part_by_part__counts_what_the_workflow_repeats() -> None:
    """A longer container is in the arguments once, and in the states of nodes four times."""
    plain = task("a", settings=StepSettings(env=(NamedText(key="A", value="x"),)))
    longer = task("a", settings=StepSettings(env=(NamedText(key="A", value="x" * 1001),)))

    before, after = (
        estimate_workflow(build(pipeline(one), (one,)).documents) for one in (plain, longer)
    )

    assert after.submitted - before.submitted == 1000
    assert after.nodes - before.nodes == 4000
    assert after.stored - before.stored == 5000


def test_estimate_workflow__settings_and_retries__count() -> None:
    """The platform document is in the workflow, and a retry is one more node."""
    plain = task("a")
    rich = task("a", settings=StepSettings(retry=1, labels=(NamedText(key="a", value="b" * 50),)))

    before, after = (
        estimate_workflow(build(pipeline(one), (one,)).documents) for one in (plain, rich)
    )

    assert after.submitted > before.submitted + 2500
    assert after.nodes > before.nodes * 1.2


def content(found: Built, step: str) -> tuple[JSON, JSON]:
    """Return ``step.json`` of a step and ``shared.json``."""
    spec = found.documents[0]
    executors = spec["deploymentSpec"]["executors"]
    own = unpack(executors[f"exec-{step}"]["container"]["args"][5])
    shared = unpack(executors["exec-s0"]["container"]["args"][6])
    return json.loads(own["step.json"]), json.loads(shared["shared.json"])


def test_build__setup_of_all_steps__travels_once(tmp_path: Path) -> None:
    """A step has the number of what every step has; the rest it has itself."""
    step, shared = content(built(tmp_path, 3), "s1")

    assert [cell["source"] for cell in shared["setup"]] == ["seed = 1"]
    assert [
        cell if isinstance(cell, int) else cell["source"] for cell in step["document"]["setup"]
    ] == [
        "import numpy as np\n",
        0,
    ]
    assert "tools" not in step
    assert "ipykernel" in shared["tools"]


def test_build__one_step__shares_nothing(tmp_path: Path) -> None:
    """There is nobody to share with."""
    step, shared = content(built(tmp_path, 1), "s0")

    assert shared["setup"] == []
    assert [cell["role"] for cell in step["document"]["setup"]] == ["imports", "parameters"]
