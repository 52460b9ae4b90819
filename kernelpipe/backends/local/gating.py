"""Looks at the gate of a step with what the run knows."""

from collections.abc import Mapping, Sequence

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Gate
from kernelpipe.model.run import Metric
from kernelpipe.runtime.gates import Outcome, evaluate_gate


def look_at(
    gate: Gate,
    parameters: Mapping[str, object],
    metrics: Mapping[StepName, Sequence[Metric]],
) -> Outcome:
    """Return whether the gate is open, and why.

    Args:
        gate: Of a step whose turn it is.
        parameters: Name -> the run's value, defaults included.
        metrics: Step -> what it reported; has every step that the gate asks.

    Raises:
        GateError: If a step reported no number of the name, or the expression cannot take it.
    """
    values = {name: parameters[name] for name in gate.parameters}
    for name, step in gate.metrics:
        values |= {metric.name: metric.value for metric in metrics[step] if metric.name == name}
    return evaluate_gate(gate.expression, values)
