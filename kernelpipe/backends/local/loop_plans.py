"""The plan as the user is told it: a step that runs once per item is one step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kernelpipe.backends.local.looping import items_by_step
from kernelpipe.compiler import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.plan import Plan, PlannedItem, PlannedStep, Verdict
from kernelpipe.runs.wording import counted

_WORDS = {Verdict.FOUND: "found", Verdict.RUN: "would run", Verdict.MAYBE: "may run"}
_SETTLED = frozenset({Verdict.LEFT_OUT, Verdict.SKIPPED})


def told_by_step(plan: Plan, tasks: Sequence[Task], *, jobs: int) -> Plan:
    """Return the plan of the steps that a plan of their tasks means.

    Args:
        plan: Has an entry per task.
        tasks: In pipeline order, those of items among them.
        jobs: How many items run at the same time.
    """
    planned = {each.name: each for each in plan.steps}
    items = items_by_step(tasks)
    steps = tuple(
        planned[task.step]
        if task.loop is None
        else _together(planned[task.step], items[task.step], planned, jobs)
        for task in tasks
        if task.item is None
    )
    return replace(plan, steps=steps)


def _together(
    loop: PlannedStep,
    tasks: Sequence[Task],
    planned: Mapping[StepName, PlannedStep],
    jobs: int,
) -> PlannedStep:
    if loop.verdict in _SETTLED:
        return loop
    items = tuple(_item(task, planned[task.step]) for task in tasks)
    verdicts = [item.verdict for item in items]
    verdict = next((v for v in (Verdict.RUN, Verdict.MAYBE) if v in verdicts), Verdict.FOUND)
    if loop.verdict is Verdict.MAYBE:
        verdict = Verdict.MAYBE
    return PlannedStep(
        name=loop.name,
        verdict=verdict,
        reasons=(*loop.reasons, *_reasons(items)),
        expected_s=_expected_s(items, jobs),
        items=items,
    )


def _item(task: Task, planned: PlannedStep) -> PlannedItem:
    return PlannedItem(
        text="" if task.item is None else task.item.text,
        verdict=planned.verdict,
        reasons=planned.reasons,
        expected_s=planned.expected_s,
        result=planned.result,
    )


def _reasons(items: Sequence[PlannedItem]) -> tuple[str, ...]:
    """Return how many items there are of each verdict, and why those run that would."""
    if not items:
        return ("there are no items",)
    counts = {text: sum(item.verdict is v for item in items) for v, text in _WORDS.items()}
    (first, count), *others = [(text, count) for text, count in counts.items() if count]
    told = [f"{count} of {counted(len(items), 'item')} {first}"]
    told += [f"{count} {text}" for text, count in others]
    # What is the reason for several items is told once.
    why = dict.fromkeys(reason for item in items for reason in item.reasons)
    return (", ".join(told), *why)


def _expected_s(items: Sequence[PlannedItem], jobs: int) -> float | None:
    """Return how long the items take that would run, with ``jobs`` of them at a time."""
    times = [item.expected_s for item in items if item.verdict is not Verdict.FOUND]
    known = [time_s for time_s in times if time_s is not None]
    if len(known) < len(times):
        return None
    return max(sum(known) / jobs, max(known, default=0.0))
