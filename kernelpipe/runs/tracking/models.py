"""Finds the model among a step's values and hands it to MLflow's registry."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from kernelpipe.runs.tracking.artifacts import is_table

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)
_FLAVOURS = {
    "sklearn": ("scikit-learn", "cloudpickle"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "torch": ("torch", "cloudpickle"),
    "keras": ("keras",),
    "statsmodels": ("statsmodels",),
}
"""Package whose classes are models -> distributions that the model needs besides numpy, pandas."""
_MODULES = {"torch": "pytorch"}
"""Packages whose flavour has another name."""
_DIGEST_TAG = "kernelpipe.digest"
_SAMPLE_ROWS = 20


class NoModelError(Exception):
    """There is not exactly one model; the message says what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is registered: a step's model, with what it was made of.

    ``wish`` is the tag's text, NAME or NAME:VARIABLE; ``packages`` are distribution -> version in
    the step; ``digest`` stands for the model's content.
    """

    wish: str
    outputs: Mapping[str, Any]
    inputs: Mapping[str, Any]
    packages: Mapping[str, str]
    digest: str

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self.wish.partition(":")[0]

    @property
    def variable(self) -> str:
        """The variable that holds the model, "" if it is to be found."""
        return self.wish.partition(":")[2]


def find_model(values: Mapping[str, Any], *, variable: str, name: str) -> tuple[str, Any]:
    """Return the variable that holds the model, and the model.

    Args:
        values: What the step hands on, by variable.
        variable: The variable that the user named, "" for none.
        name: The model's name, which chooses among several models.

    Raises:
        NoModelError: If there is none, or it cannot be told which.
    """
    if variable:
        if variable not in values:
            raise NoModelError(f"the step hands no '{variable}' on")
        if flavour(values[variable]) is None:
            raise NoModelError(f"'{variable}' is no model that MLflow knows")
        return variable, values[variable]
    models = {key: value for key, value in values.items() if flavour(value) is not None}
    predictors = {key: value for key, value in models.items() if hasattr(value, "predict")}
    candidates = predictors or models
    if name in candidates:
        return name, candidates[name]
    if not candidates:
        raise NoModelError("the step hands no model on to other steps")
    if len(candidates) > 1:
        raise NoModelError(
            f"the step has several models: {', '.join(sorted(candidates))};"
            f" write register:{name}:VARIABLE"
        )
    return next(iter(candidates.items()))


def flavour(value: object) -> str | None:
    """Return the package in ``_FLAVOURS`` that the value's class comes from, None for no model."""
    for kind in type(value).__mro__:
        package = kind.__module__.partition(".")[0]
        if package == "sklearn":
            return "sklearn" if hasattr(value, "get_params") and hasattr(value, "fit") else None
        if package == "torch":
            return "torch" if hasattr(value, "forward") else None
        if package in _FLAVOURS and hasattr(value, "predict"):
            return package
    return None


def log_model(registration: Registration, notes: list[str], *, is_registered: bool) -> str:
    """Log the model to the active run; return what was done, in words.

    Args:
        registration: What to log.
        notes: Gets sentences about what could not be told of it.
        is_registered: Register it, too, unless a version with the same content is there.

    Raises:
        NoModelError: See :func:`find_model`.
    """
    from mlflow import MlflowClient

    variable, model = find_model(
        registration.outputs, variable=registration.variable, name=registration.name
    )
    client = MlflowClient()
    if is_registered:
        known = _version_with(client, registration)
        if known is not None:
            return f"{registration.name} version {known} (unchanged)"
    package = str(flavour(model))
    options: dict[str, Any] = (
        {"serialization_format": "cloudpickle"} if package == "sklearn" else {}
    )
    module = import_module(f"mlflow.{_MODULES.get(package, package)}")
    logged = module.log_model(
        model,
        name=variable,
        signature=_signature(model, registration, notes),
        pip_requirements=_requirements(package, registration.packages),
        registered_model_name=registration.name if is_registered else None,
        await_registration_for=0,
        **options,
    )
    if not is_registered:
        return variable
    number = str(logged.registered_model_version)
    client.set_model_version_tag(registration.name, number, _DIGEST_TAG, registration.digest)
    return f"{registration.name} version {number}"


def _version_with(client: "MlflowClient", registration: Registration) -> str | None:
    """Return the newest version that holds the same content."""
    found = client.search_model_versions(
        f"name = '{registration.name}' and tag.`{_DIGEST_TAG}` = '{registration.digest}'"
    )
    return max((str(each.version) for each in found), key=int, default=None)


def _signature(model: Any, registration: Registration, notes: list[str]) -> Any:
    """Return the model's signature from a table that fits what it was fitted with, else None."""
    from mlflow.models import infer_signature

    sample = _sample(model, {**registration.outputs, **registration.inputs})
    if sample is None:
        notes.append(
            f"model '{registration.name}' has no signature: no table among the step's values has"
            " the columns that it was fitted with"
        )
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = model.predict(sample) if hasattr(model, "predict") else None
            return infer_signature(sample, predictions)
    except Exception as error:  # noqa: BLE001 - the user's model may raise anything
        notes.append(f"model '{registration.name}' has no signature: {error}")
        return None


def _sample(model: Any, values: Mapping[str, Any]) -> Any:
    """Return some rows that the model can predict from, None if no value has them."""
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        columns = [str(name) for name in names]
        for value in values.values():
            if is_table(value) and set(columns) <= set(value.columns):
                return value[columns].head(_SAMPLE_ROWS)
        return None
    count = getattr(model, "n_features_in_", None)
    for value in values.values():
        is_matrix = type(value).__module__ == "numpy" and getattr(value, "ndim", 0) == 2  # noqa: PLR2004 - rows and columns
        if is_matrix and value.shape[1] == count and value.dtype.kind in "fiub":
            return value[:_SAMPLE_ROWS]
    return None


def _requirements(package: str, packages: Mapping[str, str]) -> list[str]:
    """Return what the model needs, pinned to what the step had; MLflow would take long to guess."""
    known = {name.lower().replace("_", "-"): number for name, number in packages.items()}
    found = []
    for name in (*_FLAVOURS[package], "numpy", "pandas"):
        number = known.get(name) or _installed(name)
        if number is not None:
            found.append(f"{name}=={number}")
    return found


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def model_variables(values: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the values that MLflow can keep as models, sorted."""
    return sorted(name for name, value in values.items() if flavour(value) is not None)
