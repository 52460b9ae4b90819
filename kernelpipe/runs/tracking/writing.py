"""Writes runs to a tracking server: what MLflow's client takes, within MLflow's limits."""

import getpass
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kernelpipe.model.names import RunId, StepName

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

T = TypeVar("T")
RUN_TAG = "kernelpipe.run_id"
STEP_TAG = "kernelpipe.step"
CUT_TAG = "kernelpipe.cut"
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_KEY = 250
_LONGEST_NAME = 500
_LONGEST_DIGEST = 36
_TEXTS_PER_BATCH = 20
"""With six bytes for a character, a request stays under MLflow's limit of a million bytes."""
_METRICS_PER_BATCH = 500
_MOST_INPUTS = 500
_CUT_MARK = " [cut]"
_BAD_IN_KEY = re.compile(r"[^/\w.\- :]")


@dataclass(slots=True)
class Page:
    """What is written to one MLflow run; texts that MLflow would refuse are cut when written."""

    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)
    """Name -> JSON value."""
    metrics: dict[str, float] = field(default_factory=dict)
    series: dict[str, Sequence[float]] = field(default_factory=dict)
    """Metric name -> values in order."""
    inputs: tuple[tuple[str, str, str], ...] = ()
    """(name, path, SHA-256) of files that were read."""
    at_ms: int = 0
    """When the metrics were measured."""


class Ledger:
    """One experiment of one server; every method may raise what MLflow raises."""

    def __init__(self, client: "MlflowClient", experiment_id: str) -> None:
        self.client = client
        self.experiment_id = experiment_id

    def find_runs(self, run_id: RunId) -> tuple[str | None, dict[StepName, str]]:
        """Return the MLflow runs that exist already: the parent's id and those by step."""
        parent, steps, token = None, {}, None
        while True:
            page = self.client.search_runs(
                [self.experiment_id],
                filter_string=f"tags.`{RUN_TAG}` = '{run_id}'",
                page_token=token,
            )
            for found in page:
                step = found.data.tags.get(STEP_TAG)
                if step is None:
                    parent = found.info.run_id
                else:
                    steps[StepName(step)] = found.info.run_id
            token = page.token
            if not token:
                return parent, steps

    def create_parent(self, run_id: RunId, *, started_ms: int, tags: Mapping[str, str]) -> str:
        """Create the MLflow run of a pipeline run and return its id."""
        created = self.client.create_run(
            self.experiment_id,
            start_time=started_ms,
            tags={**tags, RUN_TAG: run_id},
            run_name=run_id,
        )
        return str(created.info.run_id)

    def create_step(self, run_id: RunId, step: StepName, *, parent: str, started_ms: int) -> str:
        """Create the MLflow run of a step, nested in the pipeline run's, and return its id."""
        created = self.client.create_run(
            self.experiment_id,
            start_time=started_ms,
            tags={RUN_TAG: run_id, STEP_TAG: step, _PARENT_TAG: parent, "mlflow.user": user()},
            run_name=step,
        )
        return str(created.info.run_id)

    def write(self, mlflow_run: str, page: Page) -> None:
        """Write a page; what was written before is not doubled."""
        from mlflow.entities import Param, RunTag

        known = self.client.get_run(mlflow_run).data.params
        cut: list[str] = []
        parameters = [
            Param(key(name), _cut(_text(value), _LONGEST_PARAMETER, name, cut))
            for name, value in page.parameters.items()
            if key(name) not in known  # MLflow's parameters cannot be changed
        ]
        for batch in _chunks(parameters, _TEXTS_PER_BATCH):
            self.client.log_batch(mlflow_run, params=batch)
        for metrics in _chunks(list(_metrics(page)), _METRICS_PER_BATCH):
            self.client.log_batch(mlflow_run, metrics=metrics)
        tags = [
            RunTag(key(name), _cut(text, _LONGEST_TAG, name, cut))
            for name, text in page.tags.items()
        ]
        if cut:
            tags.append(RunTag(CUT_TAG, ", ".join(sorted(cut))[:_LONGEST_TAG]))
        for texts in _chunks(tags, _TEXTS_PER_BATCH):
            self.client.log_batch(mlflow_run, tags=texts)
        self._write_inputs(mlflow_run, page)

    def _write_inputs(self, mlflow_run: str, page: Page) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=name[-_LONGEST_NAME:],
                    digest=digest[:_LONGEST_DIGEST],
                    source_type="local",
                    source=json.dumps({"uri": path}),
                    profile=json.dumps({"sha256": digest}),
                ),
                [InputTag("mlflow.data.context", "read")],
            )
            for name, path, digest in page.inputs[:_MOST_INPUTS]
        ]
        if inputs:
            self.client.log_inputs(mlflow_run, inputs)
        if len(page.inputs) > _MOST_INPUTS:
            left = len(page.inputs) - _MOST_INPUTS
            self.client.set_tag(mlflow_run, "kernelpipe.inputs_left_out", str(left))

    def end(self, mlflow_run: str, status: str, *, ended_ms: int) -> None:
        """End an MLflow run; ``status`` is MLflow's word."""
        self.client.set_terminated(mlflow_run, status, end_time=ended_ms)

    def adopt(self, within: str, tag: str, parent: str) -> None:
        """Nest runs of the user's code, tagged with ``within``, in an MLflow run."""
        for found in self.client.search_runs(
            [self.experiment_id], filter_string=f"tags.`{tag}` = '{within}'"
        ):
            if _PARENT_TAG not in found.data.tags:
                self.client.set_tag(found.info.run_id, _PARENT_TAG, parent)


def user() -> str:
    """Return the name of the user, "" if nobody knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def key(name: str) -> str:
    """Return ``name`` as MLflow takes it as a key."""
    return _BAD_IN_KEY.sub("_", name)[:_LONGEST_KEY]


def dataset_name(path: str, directory: Path) -> str:
    """Return how a file is called: its path in the notebook's folder, else its name."""
    try:
        return str(Path(path).relative_to(directory))
    except ValueError:
        return Path(path).name


def _metrics(page: Page) -> "Iterator[Metric]":
    """Give scalars at step 0; those that have a series at the step after its last."""
    from mlflow.entities import Metric

    for name, values in page.series.items():
        for step, value in enumerate(values):
            yield Metric(key(name), _number(value), page.at_ms, step)
    for name, value in page.metrics.items():
        series = page.series.get(name, ())
        number = _number(value)
        if not series or _number(series[-1]) != number:
            yield Metric(key(name), number, page.at_ms, len(series))


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str, longest: int, name: str, cut: list[str]) -> str:
    """Return ``text`` if it is short enough, else its beginning; ``cut`` gets the name then."""
    if len(text) <= longest:
        return text
    cut.append(name)
    return text[: longest - len(_CUT_MARK)] + _CUT_MARK


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
