"""Tells the gates of later steps, and how a step's own gate is."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from .gates import GateError, evaluate_gate
from .pod_values import ParameterError, given_parameters

OPEN = "open"
CLOSED = "closed"
"""The answers that are handed on; any other is why there is none, spelled with ``%``."""


def answers(
    gates: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
    values: Mapping[str, Any],
    as_json: list[str],
) -> dict[str, str]:
    """Return output parameter -> how the gate is that it stands for, and say it in the log.

    Args:
        gates: Each has ``port``, ``step``, ``expression``, ``metrics`` (names) and ``parameters``,
            entries as in a task document.
        metrics: What was reported.
        values: ``parameterValues`` of the ExecutorInput.
        as_json: Names of the parameters whose values are JSON text.
    """
    return {gate["port"]: _answer(gate, metrics, values, as_json) for gate in gates}


def _answer(
    gate: Mapping[str, Any],
    metrics: Mapping[str, Any],
    values: Mapping[str, Any],
    as_json: list[str],
) -> str:
    entries = gate["parameters"]
    known = {entry["name"]: entry["default"] for entry in entries}
    try:
        known |= given_parameters(entries, values, as_json)
        known |= {name: metrics[name] for name in gate["metrics"] if name in metrics}
        is_open, reason = evaluate_gate(gate["expression"], known)
    except (GateError, ParameterError) as error:
        sys.stderr.write(f"kernelpipe: step '{gate['step']}' will fail: {error}\n")
        return quote(f"GateError: {error}", safe=" ")
    what = "runs" if is_open else "is skipped"
    sys.stderr.write(f"kernelpipe: step '{gate['step']}' {what}: {reason}\n")
    return OPEN if is_open else CLOSED


def why_untold(answer: object) -> str | None:
    """Return why a gate could not be told, None if it was."""
    return None if answer == OPEN else unquote(str(answer))
