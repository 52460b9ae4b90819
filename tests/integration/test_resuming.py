"""Runs that are continued: what is found, what runs, and where a step begins."""

from pathlib import Path

import kit
import pytest

from kernelpipe import api
from kernelpipe.errors import UsageError
from kernelpipe.model.run import Run, RunState

pytestmark = pytest.mark.integration

COUNT = "open('{0}.log', 'a').write('x')\n"


def executions(folder: Path, name: str) -> int:
    """Return how many times the line of COUNT for ``name`` was executed."""
    path = folder / f"{name}.log"
    return len(path.read_text()) if path.exists() else 0


def states(run: Run) -> dict[str, str]:
    """Return step -> its state, with a star when it was found."""
    return {step.name: step.state.value + "*" * step.is_cached for step in run.steps}


def failing_notebook(folder: Path, *, checkpoint: str = "off") -> Path:
    """Return a notebook whose step b fails in its third cell until the file ``ok`` is there."""
    return kit.write(
        folder / "n.ipynb",
        kit.code("import os", "imports"),
        kit.code(COUNT.format("a") + "rows = [1]", "step:a", "cache:on"),
        kit.code(
            COUNT.format("b1") + "both = (rows, rows)\nprint('first')",
            "step:b",
            f"checkpoint:{checkpoint}",
        ),
        kit.code("rows.append(2)\nprint('second')"),
        kit.code("if not os.path.exists('ok'):\n    raise ValueError('not yet')\nprint(both)"),
        kit.code("print(both[0] is both[1], rows)\nn = len(rows)", "step:c", "metrics"),
    )


@pytest.mark.parametrize(
    ("checkpoint", "times"),
    [pytest.param("off", 2, id="from-its-first-cell"), pytest.param("on", 1, id="from-the-cell")],
)
def test_resume__failed_step__goes_on(tmp_path: Path, checkpoint: str, times: int) -> None:
    """With a checkpoint at the cell that failed; outputs of the cells before it are kept."""
    notebook = failing_notebook(tmp_path, checkpoint=checkpoint)
    first = api.run(notebook)
    assert states(first) == {"a": "SUCCEEDED", "b": "FAILED", "c": "SKIPPED"}
    (tmp_path / "ok").touch()

    second = api.resume(home=tmp_path / ".kernelpipe")

    assert states(second) == {"a": "SUCCEEDED*", "b": "SUCCEEDED", "c": "SUCCEEDED"}
    assert executions(tmp_path, "a") == 1
    assert executions(tmp_path, "b1") == times
    cells = kit.read(Path(str(second.notebook)))["cells"]
    texts = ["".join(o.get("text", "") for o in cell["outputs"]) for cell in cells]
    assert texts == ["", "", "first\n", "second\n", "([1, 2], [1, 2])\n", "True [1, 2]\n"]
    assert {m.name: m.value for m in second.metrics} == {"n": 2}


def test_resume__cell_before_the_checkpoint_was_changed__begins_at_the_first(
    tmp_path: Path,
) -> None:
    """What the checkpoint holds is not what the notebook says any more."""
    notebook = failing_notebook(tmp_path, checkpoint="on")
    api.run(notebook)
    content = kit.read(notebook)
    content["cells"][3]["source"] = "rows.append(3)\nprint('changed')"
    notebook.write_bytes(kit.encode(content))
    (tmp_path / "ok").touch()

    second = api.resume(home=tmp_path / ".kernelpipe")

    assert executions(tmp_path, "b1") == 2
    cells = kit.read(Path(str(second.notebook)))["cells"]
    assert cells[3]["outputs"][0]["text"] == "changed\n"
    assert cells[5]["outputs"][0]["text"] == "True [1, 3]\n"


def test_resume__results_that_no_other_run_may_use__are_used(tmp_path: Path) -> None:
    """cache:off is about other runs; the run that is continued is the same piece of work."""
    notebook = kit.write(
        tmp_path / "n.ipynb",
        kit.code(COUNT.format("a") + "x = 1", "step:a", "cache:off"),
        kit.code("import os\ny = x / os.path.exists('ok')", "step:b"),
    )
    api.run(notebook)
    (tmp_path / "ok").touch()

    found = api.resume(home=tmp_path / ".kernelpipe")

    assert states(found) == {"a": "SUCCEEDED*", "b": "SUCCEEDED"}
    assert executions(tmp_path, "a") == 1
    assert states(api.run(notebook))["a"] == "SUCCEEDED"


def test_resume__parameters_and_wishes__are_those_of_the_run(tmp_path: Path) -> None:
    """Only what was given is given again, so that changed defaults count."""
    notebook = kit.write(
        tmp_path / "n.ipynb",
        kit.code("a = 1\nb = 1", "parameters"),
        kit.code("import os\nx = a / os.path.exists('ok')\nprint(a, b)", "step:x"),
        kit.code("y = 1", "step:y"),
    )
    api.run(notebook, {"a": 5}, until=["x"])
    content = kit.read(notebook)
    content["cells"][0]["source"] = "a = 1\nb = 2"
    notebook.write_bytes(kit.encode(content))
    (tmp_path / "ok").touch()

    found = api.resume(home=tmp_path / ".kernelpipe")

    assert states(found) == {"x": "SUCCEEDED", "y": "SKIPPED"}
    assert found.state is RunState.SUCCEEDED
    executed = kit.read(Path(str(found.notebook)))
    assert executed["cells"][1]["outputs"][0]["text"] == "5 2\n"


def test_resume__run_succeeded__is_refused(tmp_path: Path) -> None:
    """There is nothing to continue."""
    notebook = kit.write(tmp_path / "n.ipynb", kit.code("x = 1", "step:a"))
    run = api.run(notebook)

    with pytest.raises(UsageError, match=f"run {run.id} succeeded; there is nothing to continue"):
        api.resume(home=tmp_path / ".kernelpipe")


def test_check_determinism__unseeded_draw__is_named_with_its_step(tmp_path: Path) -> None:
    """The step after it has other inputs, and is not blamed."""
    notebook = kit.write(
        tmp_path / "n.ipynb",
        kit.code("import random\nx = random.random()", "step:draw"),
        kit.code("y = x + 1", "step:after"),
        kit.code("z = 1\nprint(id(object()) and 'same')", "step:steady"),
        kit.code("total = y + z", "step:total"),
    )

    checked = api.check_determinism(notebook)

    assert [(f.step, f.what, f.is_output_only) for f in checked.found] == [
        ("draw", "value 'x'", False)
    ]


def test_run__only_a_step_whose_inputs_are_stored__runs_alone(tmp_path: Path) -> None:
    """The others take no part, or are found."""
    notebook = kit.write(
        tmp_path / "n.ipynb",
        # What another program does is not watched, and cache:on says that it need not be.
        kit.code("!echo -n x >> a.log\nx = 1", "step:a", "cache:on"),
        kit.code("y = x", "step:b"),
        kit.code("z = y", "step:c"),
    )
    with pytest.raises(UsageError, match="step 'a' has no stored result that holds: never run"):
        api.run(notebook, only=["b"])
    api.run(notebook, until=["a"])

    found = api.run(notebook, only=["b"])

    assert states(found) == {"a": "SUCCEEDED*", "b": "SUCCEEDED", "c": "SKIPPED"}
    assert executions(tmp_path, "a") == 1
