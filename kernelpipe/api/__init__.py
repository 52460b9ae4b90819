"""The functions that the command line, the server and Python users share."""

from kernelpipe.api.documents import (
    check_document,
    diagnostic_document,
    error_document,
    graph_document,
    run_document,
    run_summary_document,
    to_json,
)
from kernelpipe.api.operations import check, compile_notebook, find_runs, graph, run

__all__ = [
    "check",
    "check_document",
    "compile_notebook",
    "diagnostic_document",
    "error_document",
    "find_runs",
    "graph",
    "graph_document",
    "run",
    "run_document",
    "run_summary_document",
    "to_json",
]
