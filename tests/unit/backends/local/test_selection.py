"""What --from, --only, --until and --no-cache mean for the steps."""

import local_kit
import pytest

from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.selection import select
from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName

A, B, C, D = map(StepName, "abcd")
TASKS = (
    local_kit.step("a", "1"),
    local_kit.step("b", "1", after=["a"]),
    local_kit.step("c", "1", after=["a"]),
    local_kit.step("d", "1", after=["b"]),
)


def test_select__no_wish__everything_takes_part() -> None:
    """Nothing is forced."""
    found = select(TASKS, RunRequest(jobs=1))

    assert (found.left_out, dict(found.forced), found.must_be_found) == (set(), {}, set())


def test_select__from__forces_the_step_and_those_after_it() -> None:
    """Steps beside them and before them are found if they can be."""
    found = select(TASKS, RunRequest(jobs=1, start_from=(B,)))

    assert found.forced == {B: "asked for with --from", D: "asked for with --from"}
    assert found.left_out == set()


def test_select__until__leaves_out_what_the_step_does_not_need() -> None:
    """Only the step and those before it take part."""
    found = select(TASKS, RunRequest(jobs=1, until=(B,)))

    assert found.left_out == {C, D}


def test_select__only__needs_the_results_of_those_before() -> None:
    """They may not run."""
    found = select(TASKS, RunRequest(jobs=1, only=(D,)))

    assert found.left_out == {C}
    assert found.forced == {D: "asked for with --only"}
    assert found.must_be_found == {A, B}


def test_select__no_cache__forces_every_step() -> None:
    """The reason says which option did it."""
    found = select(TASKS, RunRequest(jobs=1, is_cache_used=False, start_from=(D,)))

    assert found.forced[A] == "asked for with --no-cache"
    assert found.forced[D] == "asked for with --from"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        pytest.param(
            RunRequest(jobs=1, only=(StepName("aa"),)), "no step 'aa'(.|\n)*mean 'a'", id="unknown"
        ),
        pytest.param(
            RunRequest(jobs=1, only=(StepName("a[0]"),)),
            r"no step 'a\[0\]'(.|\n)*one by one: 'a' means all of them",
            id="an item",
        ),
        pytest.param(RunRequest(jobs=1, only=(A,), until=(B,)), "--only cannot", id="both"),
        pytest.param(
            RunRequest(jobs=1, start_from=(D,), until=(B,)), "--from 'd' is not", id="apart"
        ),
    ],
)
def test_select__wish_that_cannot_be__is_refused(request_: RunRequest, message: str) -> None:
    """The message names the option."""
    with pytest.raises(UsageError, match=message):
        select(TASKS, request_)
