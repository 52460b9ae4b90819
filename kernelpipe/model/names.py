"""Names that must not be mixed up, as types."""

from typing import NewType

StepName = NewType("StepName", str)
RunId = NewType("RunId", str)
