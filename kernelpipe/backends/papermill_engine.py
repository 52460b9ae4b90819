"""papermill's engine ``kernelpipe``: the pipeline behind papermill's own command.

``papermill IN OUT --engine kernelpipe`` reads, parameterises and writes notebooks as ever; only
the execution is ours. papermill loads this module whenever it is imported itself, also by people
who do without this engine: so the module stands outside of the backend, whose package takes long to
import, and that is imported when it is needed.
"""

from typing import Any

# papermill itself imports this module, so it is there already.
from papermill.engines import Engine  # noqa: TID253


class KernelpipeEngine(Engine):  # type: ignore[misc]  # papermill has no types
    """Executes a parameterised notebook as a pipeline.

    Options besides papermill's own: ``kernelpipe_home`` (where runs are kept: beside the notebook
    unless given), ``kernelpipe_jobs`` (how many steps may run at the same time) and
    ``kernelpipe_use_cache``. On the command line, the environment variables KERNELPIPE_HOME and
    KERNELPIPE_JOBS stand for the first two.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Execute the notebook and return it.

        Args:
            nb: The parameterised notebook; its cells get their outputs.
            kernel_name: Name of an installed kernelspec.
            options: What papermill hands on from its caller.

        Raises:
            NoSuchKernel: If there is no such kernelspec; nothing was started.
            CompileError: If the notebook cannot be a pipeline; nothing was started.
            UsageError: If an option is wrong; nothing was started.
            DeadKernelError: If a kernel died.
            CellTimeoutError: If a cell took longer than papermill's execution timeout.
            RunError: If a step failed without an error of a cell.
        """
        from kernelpipe.backends.local.papermill_run import execute  # noqa: PLC0415 - see above

        return execute(nb, kernel_name, **options)
