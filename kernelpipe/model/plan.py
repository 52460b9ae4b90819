"""What a run would do, step by step."""

from dataclasses import dataclass
from enum import Enum

from kernelpipe.model.names import StepName
from kernelpipe.model.result import Result


class Verdict(Enum):
    """What a run does with a step; the values are the wire text."""

    RUN = "run"
    FOUND = "found"
    """Its stored result is used."""
    MAYBE = "maybe"
    """It runs unless the steps before it give what they gave last time."""
    LEFT_OUT = "left out"
    """The request asks for other steps only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step; ``reasons`` says why it would run (or how it was found), in the user's words.

    ``expected_s`` is how long it took last time, None if it never ran; ``result`` is what is used
    when it is FOUND.
    """

    name: StepName
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    expected_s: float | None = None
    result: Result | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in pipeline order.

    ``expected_s`` is the time that the steps which would run take, those in parallel that can;
    None if one of them has no history.
    """

    steps: tuple[PlannedStep, ...]
    expected_s: float | None
