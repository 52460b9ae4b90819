"""Tells from a step's source why it needs a full kernel."""

import json
import re
from pathlib import Path

_LINES = re.MULTILINE
_REASONS = (
    (
        re.compile(r"^\s*%(connect_info|qtconsole|subshell)\b", _LINES),
        "it looks at its connection",
    ),
    (re.compile(r"\bget_connection_(file|info)\b"), "it looks at its connection"),
    (re.compile(r"^\s*%gui\s+\w", _LINES), "it runs the event loop of a window system"),
    (
        re.compile(r"^\s*%(matplotlib|pylab)\s+(?!inline\b|agg\b|-l\b|--list\b)[\w-]", _LINES),
        "its matplotlib backend is interactive",
    ),
    (re.compile(r"\b(import|from)\s+(ipyparallel|debugpy)\b"), "it uses the kernel's sockets"),
    (
        re.compile(r"\b(shell|control|stdin|iopub)_(stream|socket)\b"),
        "it uses the kernel's sockets",
    ),
)
"""Everything that only a kernel with ZeroMQ sockets has; displays, comms and widgets are not."""


def kernel_reason(notebook: Path) -> str | None:
    """Return why the cells of a step notebook must run in a full kernel, None if they need not."""
    for cell in json.loads(notebook.read_bytes())["cells"]:
        if cell["cell_type"] == "code":
            for pattern, reason in _REASONS:
                if pattern.search(cell["source"]):
                    return reason
    return None
