"""From a notebook's cells to the pipeline that they mean."""

from kernelpipe.analysis.pipeline import build_pipeline
from kernelpipe.analysis.rules import RULES

__all__ = ["RULES", "build_pipeline"]
