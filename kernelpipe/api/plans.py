"""The JSON document of a plan."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelpipe.model.plan import Plan


def plan_document(plan: "Plan") -> dict[str, object]:
    """Return what a run would do; steps are in pipeline order, times in seconds."""
    return {
        "steps": [
            {
                "name": step.name,
                "verdict": step.verdict.value,
                "reasons": list(step.reasons),
                "expected_s": step.expected_s,
                "result": None
                if step.result is None
                else {"id": step.result.id, "run_id": step.result.run_id},
            }
            for step in plan.steps
        ],
        "expected_s": plan.expected_s,
    }
