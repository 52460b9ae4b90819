"""The JSON document of a plan."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelpipe.model.plan import Plan, PlannedItem, PlannedStep


def plan_document(plan: "Plan") -> dict[str, object]:
    """Return what a run would do; steps are in pipeline order, times in seconds."""
    return {
        "steps": [
            {
                "name": step.name,
                **_planned(step),
                "items": None
                if step.items is None
                else [{"text": item.text, **_planned(item)} for item in step.items],
            }
            for step in plan.steps
        ],
        "expected_s": plan.expected_s,
    }


def _planned(part: "PlannedStep | PlannedItem") -> dict[str, object]:
    """Return what is planned for a step, or an item of a loop's step."""
    return {
        "verdict": part.verdict.value,
        "reasons": list(part.reasons),
        "expected_s": part.expected_s,
        "result": None
        if part.result is None
        else {"id": part.result.id, "run_id": part.result.run_id},
    }
