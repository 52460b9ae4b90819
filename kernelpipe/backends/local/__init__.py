"""Runs pipelines on this machine with papermill."""

from kernelpipe.backends.local.checks import check_pipeline
from kernelpipe.backends.local.engine import Mode
from kernelpipe.backends.local.machine import Machine
from kernelpipe.backends.local.pipeline import plan_pipeline, run_pipeline
from kernelpipe.backends.local.repeating import Repetition, find_repetition
from kernelpipe.backends.local.reporting import PlainReporter, Reporter, SilentReporter
from kernelpipe.backends.local.request import RunRequest

__all__ = [
    "Machine",
    "Mode",
    "PlainReporter",
    "Repetition",
    "Reporter",
    "RunRequest",
    "SilentReporter",
    "check_pipeline",
    "find_repetition",
    "plan_pipeline",
    "run_pipeline",
]
