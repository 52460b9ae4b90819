"""Which of a step's values is the model."""

import re
from typing import Any

import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from kernelpipe.runs.tracking.models import NoModelError, find_model, flavour


class Predictor:
    """Predicts, but is no class that MLflow knows."""

    def predict(self, rows: object) -> object:
        """Return the rows."""
        return rows


LINE, SCALER = LinearRegression(), StandardScaler()


@pytest.mark.parametrize(
    ("values", "variable", "expected"),
    [
        pytest.param({"n": 1, "m": LINE}, "", "m", id="only-model"),
        pytest.param({"scaler": SCALER, "m": LINE}, "", "m", id="only-one-that-predicts"),
        pytest.param({"scaler": SCALER}, "", "scaler", id="transformer"),
        pytest.param({"churn": LINE, "m": KMeans()}, "", "churn", id="named-as-the-model"),
        pytest.param({"a": LINE, "m": KMeans()}, "m", "m", id="named-by-the-tag"),
    ],
)
def test_find_model__one_is_meant__is_found(
    values: dict[str, Any], variable: str, expected: str
) -> None:
    """By the tag, by its name, or as the only one."""
    assert find_model(values, variable=variable, name="churn") == (expected, values[expected])


@pytest.mark.parametrize(
    ("values", "variable", "message"),
    [
        pytest.param({"n": 1}, "", "the step hands no model on to other steps", id="none"),
        pytest.param(
            {"b": LINE, "a": KMeans()},
            "",
            "the step has several models: a, b; write register:churn:VARIABLE",
            id="two",
        ),
        pytest.param({"m": LINE}, "other", "the step hands no 'other' on", id="missing"),
        pytest.param({"n": 1}, "n", "'n' is no model that MLflow knows", id="number"),
        pytest.param(
            {"p": Predictor()}, "p", "'p' is no model that MLflow knows", id="unknown-class"
        ),
    ],
)
def test_find_model__not_clear__says_why(
    values: dict[str, Any], variable: str, message: str
) -> None:
    """Nothing is guessed."""
    with pytest.raises(NoModelError, match=f"^{re.escape(message)}$"):
        find_model(values, variable=variable, name="churn")


def test_flavour__subclass__is_its_base_classs() -> None:
    """Users derive their own."""

    class Mine(LinearRegression):
        pass

    assert flavour(Mine()) == "sklearn"
    assert flavour(Predictor()) is None
