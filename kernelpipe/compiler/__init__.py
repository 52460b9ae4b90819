"""Lowers a pipeline to tasks, and checks the parameters that a run is given."""

from kernelpipe.compiler.lowering import lower
from kernelpipe.compiler.parameters import check_parameters, parse_parameters
from kernelpipe.compiler.scalars import parse_value, parse_yaml
from kernelpipe.compiler.task import Task, TaskInput, TaskOutput

__all__ = [
    "Task",
    "TaskInput",
    "TaskOutput",
    "check_parameters",
    "lower",
    "parse_parameters",
    "parse_value",
    "parse_yaml",
]
