"""Say in text what a run would do."""

from kernelpipe.model.plan import Plan, PlannedStep, Verdict
from kernelpipe.runs.wording import duration, table


def describe_plan(plan: Plan) -> str:
    """Return a line per step and one for all."""
    rows = [(step.name, step.verdict.value, *_because(step)) for step in plan.steps]
    return "\n".join([*table(rows, indent=""), _summary(plan)])


def _because(step: PlannedStep) -> tuple[str, str]:
    """Return the time that the step is expected to take, and why."""
    if step.verdict is Verdict.FOUND and step.result is not None:
        return "", f"ran in run {step.result.run_id}"
    if step.verdict is Verdict.LEFT_OUT:
        return "", ""
    if step.verdict is Verdict.FOUND:
        return "", "; ".join(step.reasons)
    time = "" if step.expected_s is None else f"~{duration(step.expected_s)}"
    return time, "; ".join(step.reasons)


def _summary(plan: Plan) -> str:
    counts = dict.fromkeys(Verdict, 0)
    for step in plan.steps:
        counts[step.verdict] += 1
    words = {
        Verdict.RUN: "would run",
        Verdict.MAYBE: "may run",
        Verdict.FOUND: "found",
        Verdict.LEFT_OUT: "left out",
        Verdict.SKIPPED: "skipped",
    }
    parts = [f"{counts[verdict]} {text}" for verdict, text in words.items() if counts[verdict]]
    if plan.expected_s:
        parts.append(f"about {duration(plan.expected_s)}")
    return ", ".join(parts)
