"""The oracle: a notebook run from top to bottom in one kernel, compared with another run.

What counts as the same output is the product's own, with nothing forgiven.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelpipe.api.output_differences import output_differences

JSON = dict[str, Any]
Outputs = Sequence[Mapping[str, Any]]


def run_in_kernel(notebook: JSON, directory: Path) -> dict[int, list[JSON]]:
    """Run ``notebook`` from top to bottom in one kernel started in ``directory``.

    Cells tagged ``skip`` are left out. An error ends the run, as it does in Jupyter, unless the
    cell is tagged ``raises-exception``.

    Returns:
        Cell index (over all cells) -> its outputs, for the code cells that ran.
    """
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    copy = nbformat.reads(json.dumps(notebook), as_version=4)
    with tempfile.TemporaryDirectory(prefix="plain-") as sockets:
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            ip=f"{sockets}/s",
            connection_file=f"{sockets}/kernel.json",
        )
        client = NotebookClient(
            copy,
            km=manager,
            timeout=300,
            skip_cells_with_tag="skip",
            resources={"metadata": {"path": str(directory)}},
        )
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        with contextlib.suppress(CellExecutionError):
            client.execute(cleanup_kc=True, env=environment)
    return {
        index: json.loads(json.dumps(cell["outputs"]))
        for index, cell in enumerate(copy["cells"])
        if cell["cell_type"] == "code" and cell.get("execution_count") is not None
    }


def first_difference(plain: Mapping[int, Outputs], other: Mapping[int, Outputs]) -> str | None:
    """Return what differs first, by cell, between a plain run and another run; None if nothing.

    Args:
        plain: Cell index -> outputs of the plain run.
        other: The same of the run that is compared with it; a cell that is missing there counts
            as one without outputs, since a step may leave out setup that it does not need.
    """
    found = output_differences(plain, other)
    if not found:
        return None
    each = found[0]
    return (
        f"cell {each.cell}, {each.what}: the plain run has\n{each.plain}\nbut this run has\n"
        f"{each.other}"
    )
