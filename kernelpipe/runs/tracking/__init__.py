"""MLflow tracking: a run writes facts into an outbox, a process of its own delivers them."""

from kernelpipe.runs.tracking.outbox import InputFile, TrackedStep
from kernelpipe.runs.tracking.tracker import Tracker

__all__ = ["InputFile", "TrackedStep", "Tracker"]
