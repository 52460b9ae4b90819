"""From a notebook's cells to the pipeline that they mean."""

from kernelpipe.analysis.pipeline import analyse_steps, build_pipeline
from kernelpipe.analysis.reasons import explain_order
from kernelpipe.analysis.rules import RULES

__all__ = ["RULES", "analyse_steps", "build_pipeline", "explain_order"]
