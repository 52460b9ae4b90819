"""From a notebook's cells to the pipeline that they mean."""

from kernelpipe.analysis.pipeline import Session, analyse_steps, build_pipeline
from kernelpipe.analysis.reasons import explain_order
from kernelpipe.analysis.rules import RULES

__all__ = ["RULES", "Session", "analyse_steps", "build_pipeline", "explain_order"]
