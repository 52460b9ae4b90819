"""Kubeflow Pipelines: from tasks to one IR YAML file that any KFP v2 cluster runs."""

from kernelpipe.backends.kfp.emit import check_pipeline, emit_ir
from kernelpipe.backends.kfp.problem import Problem
from kernelpipe.backends.kfp.validate import validate_ir

__all__ = ["Problem", "check_pipeline", "emit_ir", "validate_ir"]
