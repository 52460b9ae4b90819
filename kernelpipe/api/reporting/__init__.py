"""The report of a run: one HTML page that needs nothing besides itself."""

from kernelpipe.api.reporting.content import ReportContent, gather
from kernelpipe.api.reporting.page import render

__all__ = ["ReportContent", "gather", "render"]
