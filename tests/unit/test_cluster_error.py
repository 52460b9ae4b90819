"""Tests of the error of clusters."""

import pickle

import pytest

from kernelpipe.errors import ClusterError


@pytest.mark.parametrize(
    ("status", "is_passing"),
    [(None, True), (503, True), (429, True), (500, True), (400, False), (401, False), (404, False)],
)
def test_cluster_error__status__tells_whether_it_passes(
    status: int | None,
    is_passing: bool,  # noqa: FBT001
) -> None:
    """No answer may be an answer later; a refusal stays one."""
    assert ClusterError("x", status=status).is_passing is is_passing


def test_cluster_error__pickled__keeps_its_facts() -> None:
    """It crosses processes."""
    found = pickle.loads(pickle.dumps(ClusterError("x", hint="y", is_passing=False)))  # noqa: S301

    assert (str(found), found.status, found.is_passing) == ("x\n  hint: y", None, False)
