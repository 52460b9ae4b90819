"""Run records: what was run, when, and how it went."""

from kernelpipe.runs.store import LATEST, RunStore, default_home

__all__ = ["LATEST", "RunStore", "default_home"]
