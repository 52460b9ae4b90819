"""The gates of steps: what their names stand for, and the order that they ask for."""

import pytest
from percent import edges_of, pipeline_of

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Gate, Pipeline

SCORED = "# %% step:fit\nacc = 0.5\n# %% metrics\nacc\n"


def gate_of(pipeline: Pipeline, step: str) -> Gate | None:
    """Return the gate of the step of that name."""
    return next(each for each in pipeline.steps if each.name == step).gate


def test_gate__metric_of_an_earlier_step__waits_for_it() -> None:
    """The gated step reads nothing of the other, and still comes after it."""
    pipeline = pipeline_of(SCORED + "# %% step:publish when:acc>0.9\nprint(1)\n")

    assert pipeline.errors() == ()
    assert gate_of(pipeline, "publish") == Gate(
        expression="acc>0.9", metrics=(("acc", StepName("fit")),), parameters=()
    )
    assert gate_of(pipeline, "fit") is None
    assert edges_of(pipeline) == "fit=>publish"


def test_gate__parameter__needs_no_order() -> None:
    """It is known before the run."""
    pipeline = pipeline_of(
        "# %% parameters\nmode = 'full'\n# %% step:a\nx = 1\n# %% step:b when:mode=='full'\ny = 1\n"
    )

    assert gate_of(pipeline, "b") == Gate(
        expression="mode=='full'", metrics=(), parameters=("mode",)
    )
    assert edges_of(pipeline) == ""


def test_gate__two_steps_report_the_name__means_the_nearest_earlier() -> None:
    """As a read in a cell would."""
    pipeline = pipeline_of(
        SCORED
        + "# %% step:refit\nacc = 0.7\n# %% metrics\nacc\n"
        + "# %% step:b when:acc>0.6\ny = 1\n"
        + "# %% step:again\nacc = 0.9\n# %% metrics\nacc\n"
    )

    gate = gate_of(pipeline, "b")
    assert gate is not None
    assert gate.metrics == (("acc", StepName("refit")),)


def test_gate__metric_with_the_name_of_a_parameter__is_the_metric() -> None:
    """It is the later binding."""
    pipeline = pipeline_of("# %% parameters\nacc = 1\n" + SCORED + "# %% step:b when:acc>0\ny = 1")

    gate = gate_of(pipeline, "b")
    assert gate is not None
    assert gate.parameters == ()


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        pytest.param(
            SCORED + "# %% step:b when:acx>1\ny = 1\n",
            "KP308",
            "step 'b' runs only when 'acx' allows it, which is neither a parameter nor a metric of"
            " an earlier step",
            "did you mean 'acc'?",
            id="near",
        ),
        pytest.param(
            SCORED + "# %% step:b when:quality>1\ny = 1\n",
            "KP308",
            "step 'b' runs only when 'quality' allows it, which is neither a parameter nor a"
            " metric of an earlier step",
            "there are: acc",
            id="far",
        ),
        pytest.param(
            "# %% step:b when:quality>1\ny = 1\n",
            "KP308",
            "step 'b' runs only when 'quality' allows it, which is neither a parameter nor a"
            " metric of an earlier step",
            "tag a cell 'metrics'",
            id="none",
        ),
        pytest.param(
            "# %% step:b when:acc>1\ny = 1\n" + SCORED,
            "KP309",
            "step 'b' runs only when 'acc' allows it, which the later step 'fit' reports",
            "move step 'b' below the metrics cell of an earlier step",
            id="later",
        ),
        pytest.param(
            "# %% step:fit when:acc>1\nacc = 0.5\n# %% metrics\nacc\n",
            "KP309",
            "step 'fit' runs only when 'acc' allows it, which the step itself reports",
            "move step 'fit' below the metrics cell of an earlier step",
            id="own",
        ),
        pytest.param(
            "# %% parameters\nrates = [1]\n# %% step:fit foreach:lr in rates\nacc = lr\n"
            "# %% metrics\nacc\n# %% step:b when:acc>1\ny = 1\n",
            "KP309",
            "step 'b' runs only when 'acc' allows it, of which step 'fit' reports one for each"
            " item",
            "compute one number from the list of them in a metrics cell of a step in between",
            id="loop",
        ),
    ],
)
def test_gate__wrong_name__is_an_error_at_its_cell(
    text: str, code: str, message: str, hint: str
) -> None:
    """The step has no gate then, and the pipeline cannot run."""
    pipeline = pipeline_of(text)

    (found,) = pipeline.errors()
    assert (found.code, found.message, found.hint) == (code, message, hint)
    assert found.location.cell_index is not None
    assert all(step.gate is None for step in pipeline.steps)


def test_gate__order_against_the_metric__is_a_cycle() -> None:
    """'prev:' and the gate contradict each other."""
    pipeline = pipeline_of(
        "# %% step:fit prev:b\nacc = 0.5\n# %% metrics\nacc\n# %% step:b when:acc>1\ny = 1\n"
    )

    assert "KP303" in {found.code for found in pipeline.errors()}
