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
    """It runs unless the steps before it give what they gave last time, or close a gate."""
    LEFT_OUT = "left out"
    """The request asks for other steps only."""
    SKIPPED = "skipped"
    """Its gate is closed, or that of a step before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """One item of a loop's step; ``text`` is the loop's variable as Python ("lr = 0.1").

    The other fields are those of :class:`PlannedStep`.
    """

    text: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    expected_s: float | None = None
    result: Result | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step; ``reasons`` says why it would run (or how it was found), in the user's words.

    ``expected_s`` is how long it took last time, None if it never ran; ``result`` is what is used
    when it is FOUND. ``items`` are those of a loop's step that takes part, in order, else None.
    """

    name: StepName
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    expected_s: float | None = None
    result: Result | None = None
    items: tuple[PlannedItem, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in pipeline order.

    ``expected_s`` is the time that the steps which would run take, those in parallel that can;
    None if one of them has no history.
    """

    steps: tuple[PlannedStep, ...]
    expected_s: float | None
