"""Five trivial steps in a chain with kfp.local, in subprocesses without virtual environments."""

import sys

from kfp import dsl, local


@dsl.component
def add(x: int) -> int:
    """Use the value."""
    return x + 1


@dsl.pipeline
def chain() -> int:
    """Each step uses what the one before made."""
    task = add(x=0)
    for _ in range(4):
        task = add(x=task.output)
    return task.output


local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
chain()
