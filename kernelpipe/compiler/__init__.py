"""Lowers a pipeline to tasks, checks the parameters of a run, and tells what results depend on."""

from kernelpipe.compiler.conditions import (
    Conditions,
    conditions_text,
    read_conditions,
    result_key,
)
from kernelpipe.compiler.differences import differences
from kernelpipe.compiler.fingerprints import (
    FOREACH,
    CodePart,
    Fingerprint,
    Statement,
    fingerprint,
    modules_reached,
)
from kernelpipe.compiler.lowering import lower
from kernelpipe.compiler.parameters import check_parameters, parse_parameters
from kernelpipe.compiler.scalars import parse_value, parse_yaml
from kernelpipe.compiler.task import Item, Task, TaskInput, TaskOutput

__all__ = [
    "FOREACH",
    "CodePart",
    "Conditions",
    "Fingerprint",
    "Item",
    "Statement",
    "Task",
    "TaskInput",
    "TaskOutput",
    "check_parameters",
    "conditions_text",
    "differences",
    "fingerprint",
    "lower",
    "modules_reached",
    "parse_parameters",
    "parse_value",
    "parse_yaml",
    "read_conditions",
    "result_key",
]
