"""Where runs are logged, and what is known about it without MLflow."""

from pathlib import Path

import mlflow_kit
import pytest

from kernelpipe.runs.tracking.destination import (
    Probe,
    find_destination,
    full_uri,
    is_tracking_possible,
    store_problem,
)
from kernelpipe.runs.tracking.outbox import Destination

HOME = Path("/project/.home")


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        pytest.param("", "sqlite:////project/mlflow.db", id="default"),
        pytest.param("sqlite:///mine.db", "sqlite:////here/mine.db", id="relative-database"),
        pytest.param("sqlite:////there/m.db", "sqlite:////there/m.db", id="absolute-database"),
        pytest.param("runs", "/here/runs", id="relative-folder"),
        pytest.param("file:runs", "file:///here/runs", id="relative-file"),
        pytest.param("file:///runs", "file:///runs", id="file"),
        pytest.param("databricks", "databricks", id="databricks"),
        pytest.param("http://example.com:5000/x", "http://example.com:5000/x", id="server"),
        pytest.param("https://me:secret@example.com/x", "https://example.com/x", id="password"),
    ],
)
def test_find_destination__uri_of_the_user__is_absolute_without_password(
    given: str, uri: str
) -> None:
    """It is used later, from elsewhere, and kept in a file until then."""
    found = find_destination(
        HOME, {"MLFLOW_TRACKING_URI": given}, experiment="churn", directory=Path("/here")
    )

    assert found == Destination(uri=uri, experiment="churn")


@pytest.mark.parametrize(
    ("variables", "experiment", "experiment_id"),
    [
        pytest.param({}, "churn", None, id="none"),
        pytest.param({"MLFLOW_EXPERIMENT_NAME": "mine"}, "mine", None, id="name"),
        pytest.param({"MLFLOW_EXPERIMENT_ID": "7"}, None, "7", id="id"),
    ],
)
def test_find_destination__experiment_of_the_user__wins(
    variables: dict[str, str], experiment: str | None, experiment_id: str | None
) -> None:
    """MLflow's own variables mean here what they mean there."""
    found = find_destination(HOME, variables, experiment="churn", directory=Path("/here"))

    assert (found.experiment, found.experiment_id) == (experiment, experiment_id)


def test_full_uri__password_in_the_environment__is_put_back() -> None:
    """Only for the server that it belongs to."""
    variables = {"MLFLOW_TRACKING_URI": "https://me:secret@example.com/x"}

    assert full_uri("https://example.com/x", variables) == "https://me:secret@example.com/x"
    assert full_uri("https://example.org/x", variables) == "https://example.org/x"


@pytest.mark.parametrize("text", ["off", "OFF", "0", "false", "no"])
def test_is_tracking_possible__switched_off__is_not(text: str) -> None:
    """Whatever is installed."""
    assert not is_tracking_possible({"KERNELPIPE_MLFLOW": text})


def test_is_tracking_possible__mlflow_is_installed__is() -> None:
    """Nothing has to be switched on."""
    assert is_tracking_possible({})


def test_store_problem__folder_can_be_written__none(tmp_path: Path) -> None:
    """The database need not be there, nor its folder."""
    assert store_problem(f"sqlite:///{tmp_path / 'new' / 'm.db'}") is None


def test_probe__nobody_listens__is_a_problem() -> None:
    """Known as soon as the connection is refused."""
    uri = f"http://127.0.0.1:{mlflow_kit.free_port()}"
    probe = Probe(uri, {})

    probe.start()

    mlflow_kit.wait_until(probe.problem, Path())
    assert probe.problem() == f"{uri} cannot be reached: Connection refused"


def test_probe__proxy__is_not_looked_at() -> None:
    """A server behind a proxy cannot be connected to directly."""
    probe = Probe("http://127.0.0.1:1", {"HTTP_PROXY": "http://localhost:2"})

    probe.start()

    assert probe.problem() is None
