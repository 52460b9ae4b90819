"""Runs pipelines on this machine with papermill."""

from kernelpipe.backends.local.checks import check_pipeline
from kernelpipe.backends.local.pipeline import run_pipeline
from kernelpipe.backends.local.reporting import PlainReporter, Reporter, SilentReporter

__all__ = ["PlainReporter", "Reporter", "SilentReporter", "check_pipeline", "run_pipeline"]
