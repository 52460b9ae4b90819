"""What MLflow's client is given stays within MLflow's limits."""

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernelpipe.runs.tracking.writing import Ledger, Page, dataset_name, key


class RememberingClient:
    """An MLflow client that keeps what it is given."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.params: list[Sequence[Any]] = []
        self.metrics: list[Sequence[Any]] = []
        self.tags: dict[str, str] = {}
        self.inputs: list[Any] = []

    def get_run(self, _run: str) -> object:
        """Return a run with the parameters that were known."""
        return SimpleNamespace(data=SimpleNamespace(params=self.known))

    def log_batch(
        self,
        _run: str,
        *,
        params: Sequence[Any] = (),
        metrics: Sequence[Any] = (),
        tags: Sequence[Any] = (),
    ) -> None:
        """Remember a batch."""
        self.params += [params] if params else []
        self.metrics += [metrics] if metrics else []
        self.tags |= {tag.key: tag.value for tag in tags}

    def log_inputs(self, _run: str, inputs: list[Any]) -> None:
        """Remember data sets."""
        self.inputs += inputs

    def set_tag(self, _run: str, name: str, value: str) -> None:
        """Remember a tag."""
        self.tags[name] = value


@pytest.fixture
def client() -> RememberingClient:
    """Return a client that knows nothing."""
    return RememberingClient()


def _write(client: Any, page: Page) -> None:
    Ledger(client, "0").write("run", page)


def test_write__long_parameter__is_cut_with_a_note(client: RememberingClient) -> None:
    """MLflow takes 6000 characters."""
    _write(client, Page(parameters={"long": "x" * 6001, "fits": "y" * 6000}))

    ((long, fits),) = client.params
    assert long.value == "x" * 5994 + " [cut]"
    assert fits.value == "y" * 6000
    assert client.tags == {"kernelpipe.cut": "long"}


def test_write__values_of_all_kinds__are_json(client: RememberingClient) -> None:
    """Text stays as it is."""
    page = Page(parameters={"a": None, "b": True, "c": [1, "é"], "d": "text", "e": ""})

    _write(client, page)

    assert [(each.key, each.value) for each in client.params[0]] == [
        ("a", "null"),
        ("b", "true"),
        ("c", '[1, "é"]'),
        ("d", "text"),
        ("e", ""),
    ]


def test_write__parameter_is_there__is_not_written_again() -> None:
    """The user's own code may have logged it, and MLflow refuses changes."""
    client = RememberingClient(n="4")

    _write(client, Page(parameters={"n": 3}))

    assert client.params == []


def test_write__many__go_in_batches(client: RememberingClient) -> None:
    """A request has at most 100 parameters, 1000 metrics, a million bytes."""
    parameters: dict[str, object] = {f"p{number}": "\u2028" * 6000 for number in range(45)}
    page = Page(parameters=parameters, metrics={f"m{number}": 1.0 for number in range(1200)})

    _write(client, page)

    assert [len(batch) for batch in client.params] == [20, 20, 5]
    assert [len(batch) for batch in client.metrics] == [500, 500, 200]


def test_write__series_and_scalars__have_steps(client: RememberingClient) -> None:
    """The scalar of a series is its last value, or comes after it."""
    page = Page(
        metrics={"same": 1.0, "other": 5.0, "alone": True},
        series={"same": [2.0, 1.0], "other": [2.0]},
        at_ms=7,
    )

    _write(client, page)

    assert [(each.key, each.step, each.value, each.timestamp) for each in client.metrics[0]] == [
        ("same", 0, 2.0, 7),
        ("same", 1, 1.0, 7),
        ("other", 0, 2.0, 7),
        ("other", 1, 5.0, 7),
        ("alone", 0, 1.0, 7),
    ]


def test_write__numbers_that_are_none__are_kept(client: RememberingClient) -> None:
    """Not a number, infinite, too large for a float."""
    _write(client, Page(metrics={"a": math.nan, "b": -math.inf, "c": 10**400}))

    values = [each.value for each in client.metrics[0]]
    assert math.isnan(values[0])
    assert values[1:] == [-math.inf, math.inf]


def test_write__inputs__have_a_short_digest_and_the_whole_one(client: RememberingClient) -> None:
    """MLflow takes 36 characters; those left out are counted."""
    inputs = tuple((f"f{number}", f"/d/f{number}", "a" * 64) for number in range(501))

    _write(client, Page(inputs=inputs))

    first = client.inputs[0].dataset
    assert len(client.inputs) == 500
    assert (first.name, first.digest) == ("f0", "a" * 36)
    assert first.profile == '{"sha256": "' + "a" * 64 + '"}'
    assert client.tags == {"kernelpipe.inputs_left_out": "1"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("step/loss", "step/loss"), ("größe", "größe"), ("a@b%", "a_b_"), ("x" * 300, "x" * 250)],
)
def test_key__any_name__is_one_for_mlflow(name: str, expected: str) -> None:
    """Letters of all alphabets are fine there."""
    assert key(name) == expected


def test_dataset_name__in_the_notebooks_folder__is_relative() -> None:
    """Others go by their name."""
    assert dataset_name("/nb/data/a.csv", Path("/nb")) == "data/a.csv"
    assert dataset_name("/other/a.csv", Path("/nb")) == "a.csv"
