"""Executes a step's notebook in a kernel of the pod's own Python."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_STARTUP_TIMEOUT_S = 120
_IOPUB_TIMEOUT_S = 120
_SOCKET_PATH_BYTES = 100
"""Longest path of a Unix socket that every system takes, with room for its number."""

OnCell = Callable[[Mapping[str, Any]], None]


def has_kernel() -> bool:
    """Return whether there is what it takes to run a kernel."""
    return all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel"))


def load_libraries() -> None:
    """Import what runs notebooks.

    jsonschema, on which nbformat builds, takes a second to make a grammar of addresses (RFC 3987)
    that no notebook's schema asks for; it does without where that cannot be imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # as Python documents
    import nbclient  # noqa: F401 - so that it is there
    import nbformat  # noqa: F401 - likewise


def run_in_kernel(
    notebook: Mapping[str, Any], *, root: Path, work: Path, on_cell: OnCell
) -> dict[str, Any]:
    """Return the notebook as executed, up to the first cell that fails.

    Args:
        notebook: nbformat JSON.
        root: Where the kernel's sockets go.
        work: The kernel's working directory.
        on_cell: Called with each cell that was executed.
    """
    load_libraries()
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    settings: dict[str, Any] = {"connection_file": str(root / "kernel.json")}
    if len(os.fsencode(root / "s")) < _SOCKET_PATH_BYTES:
        settings |= {"transport": "ipc", "ip": str(root / "s")}

    class ThisKernel(AsyncKernelManager):
        """Starts this Python, whatever other kernels the image has."""

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments, **settings)

        @property
        def kernel_spec(self) -> Any:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    node = nbformat.from_dict(notebook)
    client = NotebookClient(
        node,
        kernel_manager_class=ThisKernel,
        kernel_name="python3",
        timeout=None,
        startup_timeout=_STARTUP_TIMEOUT_S,
        iopub_timeout=_IOPUB_TIMEOUT_S,
        resources={"metadata": {"path": str(work)}},
        on_cell_executed=lambda cell, **_: on_cell(cell),
    )
    try:
        client.execute()
    except CellExecutionError:
        pass  # its output is in the notebook
    except DeadKernelError:
        _mark_dead(node)
    executed: dict[str, Any] = json.loads(json.dumps(node))
    return executed


def _mark_dead(node: Any) -> None:
    """Give the cell in which the kernel died an error output."""
    started = [cell for cell in node.cells if "execution" in cell.metadata]
    message = "the kernel died; the step may need more memory"
    (started or node.cells)[-1].outputs.append(
        {
            "output_type": "error",
            "ename": "DeadKernelError",
            "evalue": message,
            "traceback": [f"DeadKernelError: {message}"],
        }
    )
