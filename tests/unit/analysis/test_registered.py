"""Models that are registered are kept, also when no later step reads them."""

import pytest
from percent import notebook_of

from kernelpipe.analysis import build_pipeline

_TRAIN = """# %% imports
from sklearn.linear_model import Ridge
# %% step:load
rows = [[1.0], [2.0]]
# %% step:train{tags}
model = Ridge().fit(rows, [0, 1])
other = 5
"""


def _outputs(text: str, step: str) -> list[str]:
    pipeline = build_pipeline(notebook_of(text))
    assert pipeline.errors() == ()
    return [port.name for each in pipeline.steps if each.name == step for port in each.outputs]


@pytest.mark.parametrize(
    ("tags", "outputs"),
    [
        pytest.param("", [], id="not-registered"),
        pytest.param(" register:churn", ["model"], id="what-is-an-estimator"),
        pytest.param(" register:churn:other", ["other"], id="named-variable"),
        pytest.param(" register:churn:nothing", [], id="no-such-variable"),
    ],
)
def test_build_pipeline__register_in_the_last_step__model_is_an_output(
    tags: str, outputs: list[str]
) -> None:
    """The tag names the variable, or the step's estimators are meant."""
    assert _outputs(_TRAIN.format(tags=tags), "train") == outputs


def test_build_pipeline__model_is_fitted_in_a_later_step__is_its_output_there() -> None:
    """The step changes what another made."""
    text = (
        "# %% imports\nfrom sklearn.linear_model import Ridge\n# %% step:make\nmodel = Ridge()\n"
        "# %% step:train register:churn\nmodel.fit([[1.0], [2.0]], [0, 1])\n"
    )

    assert _outputs(text, "train") == ["model"]


def test_build_pipeline__model_is_removed_again__is_no_output() -> None:
    """There is nothing to register at the end of the step."""
    assert _outputs(_TRAIN.format(tags=" register:churn") + "del model\n", "train") == []
