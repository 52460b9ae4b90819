"""Steps that run once per item: their tasks, what these depend on, and how they are recorded."""

import json
from collections.abc import Mapping

import pytest
from percent import pipeline_of

from kernelpipe.backends.local.loop_plans import told_by_step
from kernelpipe.backends.local.loop_records import LoopRecord
from kernelpipe.backends.local.looping import collected, expand
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.selection import select
from kernelpipe.compiler import Task, fingerprint, lower
from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.plan import Plan, PlannedItem, PlannedStep, Verdict
from kernelpipe.model.run import RunState, StepError, StepFacts, StepRun, parts_of

TEXT = (
    "# %% parameters\nrates = [1, 2.0]\nn = 3\n"
    "# %% step:a\nx = n\n# %% step:fit foreach:lr in rates\ny = lr * x\n# %% step:z\nprint(y)\n"
)
FIT = StepName("fit")


def tasks_of(text: str = TEXT, **given: object) -> tuple[Task, ...]:
    """Return the tasks of a notebook, those of items among them."""
    pipeline = pipeline_of(text)
    return expand(lower(pipeline), pipeline, given)


def items_of(text: str = TEXT, **given: object) -> list[Task]:
    """Return the tasks of the items."""
    return [task for task in tasks_of(text, **given) if task.item is not None]


def test_expand__loop__has_a_task_of_its_own_before_those_of_its_items() -> None:
    """What comes after the step comes after all of them."""
    assert [(task.step, task.after, task.public_step) for task in tasks_of()] == [
        ("a", (), "a"),
        ("fit", ("a",), "fit"),
        ("fit[0]", ("fit",), "fit"),
        ("fit[1]", ("fit",), "fit"),
        ("z", ("fit", "fit[0]", "fit[1]"), "z"),
    ]


def test_expand__items_write_one_file__each_waits_for_the_one_before() -> None:
    """As in a for statement."""
    found = items_of(TEXT.replace("y = lr * x", "y = lr * x\nopen('f', 'a').write(str(y))"))

    assert [task.after for task in found] == [("fit",), ("fit", "fit[0]")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, ["lr = 1", "lr = 2.0"], id="default"),
        pytest.param({"rates": [1, 2]}, ["lr = 1", "lr = 2.0"], id="equals-the-default"),
        pytest.param({"rates": [2]}, ["lr = 2"], id="given"),
        pytest.param({"rates": []}, [], id="none"),
        pytest.param(
            {"rates": ["a", None, {"k": [True]}]},
            ["lr = 'a'", "lr = None", "lr = {'k': [True]}"],
            id="any-value",
        ),
    ],
)
def test_expand__items__are_those_of_the_run(given: dict[str, object], expected: list[str]) -> None:
    """A value that equals the default is the default: 2.0 stays 2.0."""
    found = [task.item.text for task in items_of(**given) if task.item is not None]

    assert found == expected


def test_expand__no_list__is_refused() -> None:
    """None is a value of a list parameter that may be None."""
    with pytest.raises(UsageError, match="step 'fit' runs for each of its items, and it is None"):
        tasks_of(TEXT.replace("rates = ", "rates: list | None = "), rates=None)


def test_fingerprint__item__has_the_value_and_not_the_list() -> None:
    """So that an item that is added leaves the others alone, wherever they stand."""
    one = [fingerprint(task, {}) for task in items_of()]
    other = [fingerprint(task, {"rates": [5, 1]}) for task in items_of(rates=[5, 1])]

    assert [found.settings for found in one] == [
        (("foreach", "lr = 1 (0)"),),
        (("foreach", "lr = 2.0 (0)"),),
    ]
    assert [found.step for found in one] == ["fit", "fit"]
    assert one[0].parameters == ()
    assert one[0] == other[1]
    assert one[0] not in {one[1], other[0]}


def test_fingerprint__equal_items__are_told_apart() -> None:
    """Each runs, as in a for statement: they may draw random numbers."""
    first, second = (fingerprint(task, {}) for task in items_of(rates=[7, 7]))

    assert [first.settings, second.settings] == [
        (("foreach", "lr = 7 (0)"),),
        (("foreach", "lr = 7 (1)"),),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT.replace("lr * x", "lr * x / len(rates)"), id="by-a-cell"),
        pytest.param(
            TEXT.replace("# %% step:a", "# %% functions\ndef f():\n    return rates\n# %% step:a"),
            id="by-a-function",
        ),
        pytest.param(TEXT.replace("n = 3", "n = 3\nm = len(rates)"), id="by-a-derived-value"),
        pytest.param(TEXT.replace("lr * x", "lr * eval('x')"), id="by-code-in-a-text"),
    ],
)
def test_fingerprint__list_may_be_read__counts(text: str) -> None:
    """By the step, or by setup that it may call."""
    known = dict(fingerprint(items_of(text)[0], {}).parameters)

    assert known["rates"] == "[1, 2.0]"


def test_select__name_of_a_loop__means_its_items() -> None:
    """Their own names are nobody's wish."""
    found = select(tasks_of(), RunRequest(jobs=1, until=(FIT,)))
    only = select(tasks_of(), RunRequest(jobs=1, only=(FIT,)))

    assert found.left_out == {"z"}
    assert set(only.forced) == {"fit", "fit[0]", "fit[1]"}
    assert only.must_be_found == {"a"}
    with pytest.raises(UsageError, match="there is no step"):
        select(tasks_of(), RunRequest(jobs=1, only=(StepName("fit[0]"),)))


def test_collected__an_item_has_given_nothing_yet__is_nothing() -> None:
    """A list is known when all of it is; that of no items at once."""
    _, loop, *items, _ = tasks_of()
    values: Mapping[tuple[StepName, str], str] = {
        (StepName("fit[0]"), "y"): "d0",
        (StepName("fit[1]"), "y"): "d1",
    }

    whole = collected(loop, items, values)

    assert collected(loop, items, {(StepName("fit[0]"), "y"): "d0"}) == {}
    assert list(whole) == [("fit", "y")]
    assert whole != collected(loop, items[::-1], values)
    assert list(collected(loop, [], {})) == [("fit", "y")]


# -- plans ---------------------------------------------------------------------------------------
def planned(*verdicts: Verdict, loop: Verdict = Verdict.FOUND) -> PlannedStep:
    """Return what is told of the loop of TEXT with these verdicts on it and its items."""
    tasks = tasks_of(rates=list(range(len(verdicts))))
    by_step = dict(zip([f"fit[{n}]" for n in range(len(verdicts))], verdicts, strict=True))
    steps = tuple(
        PlannedStep(
            name=task.step,
            verdict=by_step.get(task.step, loop),
            reasons=("never run",) if by_step.get(task.step) is Verdict.RUN else (),
            expected_s=2.0,
        )
        for task in tasks
    )
    told = told_by_step(Plan(steps=steps, expected_s=None), tasks, jobs=2)
    assert [step.name for step in told.steps] == ["a", "fit", "z"]
    return told.steps[1]


@pytest.mark.parametrize(
    ("step", "verdict", "reasons", "expected_s"),
    [
        pytest.param(
            planned(Verdict.FOUND, Verdict.FOUND), Verdict.FOUND, ("2 of 2 items found",), 0.0,
            id="found",
        ),
        pytest.param(
            planned(Verdict.RUN, Verdict.FOUND, Verdict.RUN, Verdict.RUN),
            Verdict.RUN,
            ("1 of 4 items found, 3 would run", "never run"),
            3.0,
            id="run",
        ),
        pytest.param(
            planned(Verdict.MAYBE, Verdict.FOUND),
            Verdict.MAYBE,
            ("1 of 2 items found, 1 may run",),
            2.0,
            id="maybe",
        ),
        pytest.param(
            planned(Verdict.RUN, loop=Verdict.MAYBE),
            Verdict.MAYBE,
            ("1 of 1 item would run", "never run"),
            2.0,
            id="gate-unknown",
        ),
        pytest.param(planned(), Verdict.FOUND, ("there are no items",), 0.0, id="no-items"),
        pytest.param(
            planned(Verdict.SKIPPED, loop=Verdict.SKIPPED), Verdict.SKIPPED, (), 2.0, id="skipped"
        ),
    ],
)  # fmt: skip
def test_plan__items__are_told_of_as_one_step(
    step: PlannedStep, verdict: Verdict, reasons: tuple[str, ...], expected_s: float
) -> None:
    """How many of them are found, and why others run."""
    assert (step.verdict, step.reasons, step.expected_s) == (verdict, reasons, expected_s)


def test_plan__items__are_there_one_by_one() -> None:
    """With what the loop's variable would be."""
    assert planned(Verdict.FOUND).items == (
        PlannedItem(text="lr = 0", verdict=Verdict.FOUND, expected_s=2.0),
    )
    assert planned(loop=Verdict.LEFT_OUT).items is None


# -- records -------------------------------------------------------------------------------------
def ended(number: int, state: RunState, **facts: object) -> tuple[int, StepRun]:
    """Return an item's end, for ``LoopRecord.end``."""
    reason = None if state is RunState.SUCCEEDED else "why"
    error = None
    if state is RunState.FAILED:
        error = StepError(cell_index=number, line=1, ename="E", evalue="v")
    outcome = StepRun(
        name=StepName(f"fit[{number}]"),
        state=state,
        reason=reason,
        is_cached="made_in" in facts,
        duration_s=0.0 if "made_in" in facts else 1.0,
        notebook=f"/{number}.ipynb",
        error=error,
        facts=json.dumps(facts),
    )
    return number, outcome


@pytest.fixture
def record() -> LoopRecord:
    """Return the record of a loop over two items that has been let through."""
    _, loop, *items, _ = tasks_of()
    found = LoopRecord(loop, items)
    found.end(None, StepRun(name=FIT, state=RunState.SUCCEEDED))
    return found


def facts_of(step: StepRun) -> StepFacts:
    """Return what is recorded about a step."""
    found: StepFacts = json.loads(step.facts)
    return found


def test_record__nothing_started__is_not_over(record: LoopRecord) -> None:
    """Items run until the last has ended."""
    assert not record.has_begun
    record.start(1)
    record.end(*ended(0, RunState.SUCCEEDED, started_s=3.0))

    step = record.step_run()

    assert (record.is_over, step.state, step.duration_s) == (False, RunState.RUNNING, None)
    assert [item["state"] for item in facts_of(step)["items"]] == ["SUCCEEDED", "RUNNING"]


def test_record__all_items_succeeded__is_their_sum(record: LoopRecord) -> None:
    """Metrics are series in the order of the items, whichever ended first."""
    first = {"attempts": 1, "metrics": {"acc": 1}, "series": {"loss": [3, 2]}}
    second = {"attempts": 2, "metrics": {"acc": 0.5}}
    used = {"peak_bytes": 9, "cpu_s": 1.5, "reads": [["/f", "d"]]}
    record.end(*ended(1, RunState.SUCCEEDED, started_s=1.5, **used, **second))
    record.end(*ended(0, RunState.SUCCEEDED, started_s=1.0, **used, **first))

    step = record.step_run()
    facts = facts_of(step)

    assert (record.is_over, step.state, step.duration_s) == (True, RunState.SUCCEEDED, 1.5)
    assert (facts["cpu_s"], facts["peak_bytes"], facts["attempts"]) == (3.0, 9, 2)
    assert facts["series"] == {"acc": [1, 0.5], "loss": [3, 2]}
    assert facts["reads"] == [["/f", "d"]]
    assert [(part.name, part.notebook) for part in parts_of(step)] == [
        ("fit[0]", "/0.ipynb"),
        ("fit[1]", "/1.ipynb"),
    ]


@pytest.mark.parametrize(
    ("states", "state", "reason"),
    [
        pytest.param(
            (RunState.SUCCEEDED, RunState.FAILED),
            RunState.FAILED,
            "item 1 (lr = 2.0): why",
            id="one-failed",
        ),
        pytest.param(
            (RunState.FAILED, RunState.FAILED),
            RunState.FAILED,
            "item 0 (lr = 1): why (and 1 more item)",
            id="all-failed",
        ),
        pytest.param(
            (RunState.CANCELED, RunState.FAILED),
            RunState.FAILED,
            "item 1 (lr = 2.0): why",
            id="failed-and-stopped",
        ),
        pytest.param((RunState.CANCELED, RunState.SKIPPED), RunState.CANCELED, "why", id="stopped"),
        pytest.param(
            (RunState.SUCCEEDED, RunState.SKIPPED), RunState.CANCELED, "why", id="stopped-between"
        ),
        pytest.param(
            (RunState.SKIPPED, RunState.SKIPPED), RunState.SKIPPED, "why", id="never-started"
        ),
    ],
)
def test_record__items_end_otherwise__the_step_does(
    record: LoopRecord, states: tuple[RunState, ...], state: RunState, reason: str
) -> None:
    """A failure names the item and its value."""
    for number, each in enumerate(states):
        record.end(*ended(number, each))

    step = record.step_run()

    assert (step.state, step.reason) == (state, reason)
    assert (step.error is not None) is (state is RunState.FAILED)


def test_record__all_items_found__the_step_is(record: LoopRecord) -> None:
    """It was made where they were, if that is one run."""
    record.end(*ended(0, RunState.SUCCEEDED, made_in="r1", made_at=1.0, started_s=0.0))
    record.end(*ended(1, RunState.SUCCEEDED, made_in="r1", made_at=2.0, started_s=0.0))
    same = record.step_run()
    record.end(*ended(1, RunState.SUCCEEDED, made_in="r2", made_at=2.0, started_s=0.0))
    mixed = record.step_run()

    assert same.is_cached
    assert (facts_of(same)["made_in"], facts_of(same)["made_at"]) == ("r1", 2.0)
    assert mixed.is_cached
    assert "made_in" not in facts_of(mixed)


def test_record__gate_is_closed__is_what_became_of_the_loop() -> None:
    """Items are not told of."""
    _, loop, *items, _ = tasks_of()
    record = LoopRecord(loop, items)
    record.end(None, StepRun(name=FIT, state=RunState.SKIPPED, reason="when x: x is False"))
    record.end(*ended(0, RunState.SKIPPED))

    step = record.step_run()

    assert record.is_over
    assert (step.state, step.reason, parts_of(step)) == (
        RunState.SKIPPED,
        "when x: x is False",
        (step,),
    )


def test_record__no_items__has_succeeded_at_once() -> None:
    """There was nothing to do."""
    _, loop, _ = tasks_of(rates=[])
    record = LoopRecord(loop, [])
    record.end(None, StepRun(name=FIT, state=RunState.SUCCEEDED))

    step = record.step_run()

    assert (record.is_over, step.state, step.is_cached, step.duration_s, step.notebook) == (
        True,
        RunState.SUCCEEDED,
        False,
        0.0,
        None,
    )
    assert facts_of(step)["items"] == []
