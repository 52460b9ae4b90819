"""Emitted IR in real containers: pods need nothing of ours, no network and hardly any rights."""

import json
from contextlib import closing
from pathlib import Path

import docker
import kit
import pytest

from containers.conftest import BARE
from containers.pods import LIMITS, DockerKfp
from kernelpipe import api
from kernelpipe.backends.kfp.images import default_image
from kernelpipe.model.run import RunState

EXAMPLE = Path(__file__).parents[2] / "example_notebooks" / "wine_classification.ipynb"

LOOK_AROUND = """
import importlib, json, os, socket, sys
found = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        found.append(name)
    except ImportError:
        pass
interfaces = [name for _, name in socket.if_nameindex()]
print(json.dumps([found, interfaces, os.getuid(), os.path.exists("/bin/sh")]))
"""


@pytest.mark.parametrize(
    ("image", "found"),
    [
        pytest.param(default_image(), ["pandas", "ipykernel"], id="default"),
        pytest.param(BARE, [], id="bare"),
    ],
)
def test_image__of_these_tests__has_nothing_of_ours(
    address: str, image: str, found: list[str]
) -> None:
    """What the other tests show would mean nothing otherwise."""
    names = ["kernelpipe", "kfp", "papermill", "mlflow", "jupyterlab", "pip", "pandas", "ipykernel"]
    with closing(docker.DockerClient(address)) as client:
        said = client.containers.run(image, ["python3", "-c", LOOK_AROUND, *names], **LIMITS)

    assert json.loads(said) == [found, ["lo"], 54321, False]


def test_pods__main_example__give_what_a_run_here_gives(address: str) -> None:
    """Values, metrics and states agree, and no pod missed or installed anything."""
    check = api.parity(EXAMPLE, {"n_estimators": 9, "folds": 2}, kfp=DockerKfp(address))

    assert check.found == (), check.log
    assert check.state is RunState.SUCCEEDED
    assert (len(check.steps), check.values, check.metrics) == (5, 8, 4)
    assert f"Found image '{default_image()}'" in check.log
    assert "warning" not in check.log


CELLS = (
    kit.code("rate = 0.85\nshare = 2", "parameters"),
    kit.code("from dataclasses import dataclass", "imports"),
    kit.code("@dataclass\nclass Model:\n    rate: float", "functions"),
    kit.code(
        "model = Model(rate)\nwith open('made.txt', 'w') as made:\n    made.write('by fit')\n"
        "accuracy = 1.7 / share",
        "step:fit",
    ),
    kit.code("accuracy", "metrics"),
    kit.code("best = [model, {1, 'a'}, open('made.txt').read()]", "step:show"),
    kit.code("print(best)", "step:list"),
    kit.code("answer = best", "step:publish", "when:accuracy > 0.9"),
    kit.code("print(answer)", "step:announce"),
    kit.code("import os\nprint('told', os.environ['KERNELPIPE_RUN_STATE'])", "step:bye", "on-exit"),
)


@pytest.mark.parametrize(
    ("share", "states", "told"),
    [
        pytest.param(
            2,
            {
                "fit": "SUCCEEDED",
                "show": "SUCCEEDED",
                "list": "SUCCEEDED",
                "publish": "SKIPPED",
                "announce": "SKIPPED",
                "bye": "SUCCEEDED",
            },
            "told SUCCEEDED",
            id="closed-gate",
        ),
        pytest.param(
            0,
            {
                "fit": "FAILED",
                "show": "SKIPPED",
                "list": "SKIPPED",
                "publish": "SKIPPED",
                "announce": "SKIPPED",
                "bye": "SUCCEEDED",
            },
            "told FAILED",
            id="failure",
        ),
    ],
)
def test_pods__bare_python__do_what_a_run_here_does(
    address: str, tmp_path: Path, share: int, states: dict[str, str], told: str
) -> None:
    """There is no kernel, no IPython, no cloudpickle; values of own classes and files arrive."""
    defaults = {"kernelpipe": {"step_defaults": [f"image:{BARE}"]}}
    path = kit.write(tmp_path / "n.ipynb", *CELLS, metadata=defaults)

    check = api.parity(path, {"share": share}, keep=tmp_path / "kept", kfp=DockerKfp(address))

    assert check.found == (), check.log
    assert {step.name: step.there.value for step in check.steps} == states
    (report,) = (tmp_path / "kept" / "kfp").glob("*/bye/run-report")
    assert told in report.read_text(encoding="utf-8")
