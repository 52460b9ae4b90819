"""Notebooks tagged for Kale, in its 0.x and its 2.x form, compile and run as they are."""

import json
from pathlib import Path

import kit
import pytest
import yaml
from kfp_local import run_ir

from kernelpipe import api
from kernelpipe.model.run import RunState

pytestmark = pytest.mark.integration


def _cells(word: str) -> list[dict[str, object]]:
    """Return a notebook as Kale's users write it; steps are tagged ``word:NAME``."""
    return [
        kit.code("import json\nfrom statistics import mean", "imports"),
        kit.code("FACTOR = 2\nNAMES = ['a', 'b']\nOFFSET = -1.5", "pipeline-parameters"),
        kit.code("def scaled(values):\n    return [v * FACTOR for v in values]", "functions"),
        kit.code("rows = [1, 2, 3]", f"{word}:loaddata"),
        kit.code("rows.append(4)", f"{word}:"),
        kit.code("left = scaled(rows)", f"{word}:left", "prev:loaddata"),
        kit.code("right = [v + OFFSET for v in rows]", f"{word}:right", "prev:loaddata"),
        kit.code("print('an aside that Kale would drop')", "skip"),
        kit.code(
            "total = sum(left) + sum(right)\nprint(json.dumps(NAMES), total)",
            f"{word}:results",
            "prev:left",
            "prev:right",
            "limit:cpu:1",
            "limit:memory:500Mi",
            "annotation:sidecar.istio.io/inject:false",
        ),
        kit.code("average = mean(left)"),
        kit.code("print(total)\nprint(average)", "pipeline-metrics"),
    ]


def _write(directory: Path, word: str, metadata: dict[str, object]) -> Path:
    return kit.write(
        directory / "kale.ipynb", *_cells(word), metadata={**kit.PYTHON_KERNEL, **metadata}
    )


@pytest.mark.parametrize(
    ("word", "metadata"),
    [
        pytest.param("block", kit.kale_0(), id="0.x"),
        pytest.param("step", kit.kale_2(steps_defaults=["label:team:data"]), id="2.x"),
    ],
)
def test_kale_notebook__as_it_is__runs_here_and_under_kfp(
    word: str, metadata: dict[str, object], tmp_path: Path
) -> None:
    """Both forms give the notebook's own numbers on both backends."""
    path = _write(tmp_path, word, metadata)

    run = api.run(path, home=tmp_path / "home")
    text = api.compile_notebook(path, tmp_path / "kale.yaml")
    kfp = run_ir(tmp_path / "kale.yaml", tmp_path / "kfp")

    assert run.state is RunState.SUCCEEDED
    assert {m.name: m.value for m in run.metrics} == {"total": 24.0, "average": 5}
    assert kfp.is_succeeded
    assert kfp.all_metrics() == {"total": 24.0, "average": 5}
    spec, *_ = yaml.safe_load_all(text)
    assert spec["pipelineInfo"]["name"] == "titanic-ml"
    tasks = spec["root"]["dag"]["tasks"]
    assert {name: task.get("dependentTasks", []) for name, task in tasks.items()} == {
        "loaddata": [],
        "left": ["loaddata"],
        "right": ["loaddata"],
        "results": ["left", "right"],
    }


def test_kale_notebook__parameters_given__are_used(tmp_path: Path) -> None:
    """Kale has no override; here every literal of its parameters cell can be set."""
    path = _write(tmp_path, "step", kit.kale_2())

    run = api.run(path, parameters={"FACTOR": 3, "OFFSET": 0.0}, home=tmp_path / "home")

    assert {m.name: m.value for m in run.metrics} == {"total": 40.0, "average": 7.5}
    assert json.loads(run.parameters) == {"FACTOR": 3, "NAMES": ["a", "b"], "OFFSET": 0.0}
