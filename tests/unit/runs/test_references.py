"""Tests of finding the run that a user means."""

from pathlib import Path

import pytest
import records_kit as rk

from kernelpipe.errors import UsageError
from kernelpipe.model.run import ClusterFacts, Run, RunFacts
from kernelpipe.runs import RunStore
from kernelpipe.runs.owner import ELSEWHERE


def test_find_run__counted_back__is_that_many_runs_before(tmp_path: Path) -> None:
    """latest~0 is the latest."""
    runs = [rk.record(tmp_path, at=rk.NOON + n) for n in range(3)]
    store = RunStore(tmp_path)

    assert store.load("latest") == store.load("latest~0") == runs[2]
    assert store.load("latest~2") == runs[0]


@pytest.mark.parametrize(
    ("count", "reference", "message"),
    [
        pytest.param(1, "latest~1", "no run 'latest~1': there is only 1 run\n", id="one"),
        pytest.param(2, "latest~5", "no run 'latest~5': there are only 2 runs\n", id="few"),
        pytest.param(1, "latset", "did you mean 'latest'?", id="typo"),
        pytest.param(1, "latest~", "there is no run 'latest~'", id="no-number"),
        pytest.param(2, "20261121-1200", "2 runs begin with '20261121-1200'", id="ambiguous"),
        pytest.param(0, "latest", "there are no runs in", id="none"),
    ],
)
def test_find_run__nothing_found__is_explained(
    count: int, reference: str, message: str, tmp_path: Path
) -> None:
    """The message says what there is."""
    for number in range(count):
        rk.record(tmp_path, at=rk.NOON + number)

    with pytest.raises(UsageError, match="hint: ") as raised:
        RunStore(tmp_path).load(reference)

    assert message in str(raised.value)


def test_find_run__a_schedule_started_the_newest__is_no_latest(tmp_path: Path) -> None:
    """What nobody here started changes the meaning of 'latest' only where nothing else is there."""
    store = RunStore(tmp_path)
    nightly = _scheduled(store)
    alone = store.load("latest").id
    own = rk.record(tmp_path, at=rk.NOON)
    _scheduled(store)

    assert alone == nightly.id
    assert store.load("latest").id == own.id
    with pytest.raises(UsageError, match="'latest~1': there is only 1 run, besides those that sch"):
        store.load("latest~1")


def _scheduled(store: RunStore) -> Run:
    """Record a run that a schedule on a cluster has started."""
    facts = RunFacts(cluster=ClusterFacts(host="http://localhost", schedule="nightly"))
    source = store.home.parent / "demo.ipynb"
    return store.create(
        pipeline="demo", source=source, parameters="{}", steps=[], facts=facts, owner=ELSEWHERE
    )
