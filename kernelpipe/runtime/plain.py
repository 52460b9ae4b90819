"""Runs a step notebook in this process, for images that have no Jupyter kernel.

With IPython a bare shell of its runs the cells, so that magics and rich displays work; without it
they are executed as plain Python.
"""

import ast
import asyncio
import builtins
import copy
import importlib.util
import inspect
import linecache
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from .recording import Recorder

Cell = dict[str, Any]


class Runner(Protocol):
    """Runs the source of cells one after another in one namespace."""

    def run(self, source: str, execution_count: int) -> bool:
        """Run a cell, recording its outputs, and return whether it ended without an exception."""
        ...


def run_notebook(
    notebook: dict[str, Any], *, on_cell: Callable[[Cell], None], use_ipython: bool | None = None
) -> dict[str, Any]:
    """Run all code cells in a fresh ``__main__`` and return the notebook with their outputs.

    Args:
        notebook: A step notebook; it is not changed.
        on_cell: Called with each cell that ran, when it has its outputs.
        use_ipython: Whether IPython runs the cells; None means if it is installed.

    Returns:
        The executed notebook. Cells after one that failed did not run, unless that has the tag
        ``raises-exception``.
    """
    executed = copy.deepcopy(notebook)
    recorder = Recorder()
    if use_ipython is None:
        use_ipython = importlib.util.find_spec("IPython") is not None
    with _fresh_main() as main, recorder.streams(), _runner(recorder, main, use_ipython) as runner:
        cells = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
        for count, cell in enumerate(cells, start=1):
            cell["execution_count"] = count
            cell["outputs"] = recorder.start()
            is_done = runner.run("".join(cell["source"]), count)
            with recorder.paused():
                on_cell(cell)
            if not is_done and "raises-exception" not in cell["metadata"].get("tags", ()):
                break
    return executed


@contextmanager
def _fresh_main() -> Iterator[types.ModuleType]:
    """Provide an empty module as ``__main__``."""
    main = types.ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    before = sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        yield main
    finally:
        sys.modules["__main__"] = before


@contextmanager
def _runner(recorder: Recorder, main: types.ModuleType, use_ipython: bool) -> Iterator[Runner]:  # noqa: FBT001
    if use_ipython:
        from .plain_ipython import shell_runner  # noqa: PLC0415 - it imports IPython

        with shell_runner(recorder, main) as runner:
            yield runner
    else:
        builtins.display = _Display(recorder)  # type: ignore[attr-defined]
        try:
            yield PythonRunner(recorder, main)
        finally:
            del builtins.display  # type: ignore[attr-defined]


class _Display:
    """``display()`` as notebooks know it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(self, *values: object) -> None:
        for value in values:
            self._recorder.display(_representations(value))


def _representations(value: object) -> dict[str, str]:
    found = {"text/plain": repr(value)}
    for method, mime in (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown")):
        represent = getattr(value, method, None)
        text = represent() if represent is not None and not isinstance(value, type) else None
        if isinstance(text, str):
            found[mime] = text
    return found


class PythonRunner:
    """Runs cells without IPython; the value of a last expression is shown, ``await`` works."""

    def __init__(self, recorder: Recorder, main: types.ModuleType) -> None:
        self._recorder = recorder
        self._namespace = vars(main)

    def run(self, source: str, execution_count: int) -> bool:
        """Run a cell, recording its outputs, and return whether it ended without an exception."""
        file = f"In[{execution_count}]"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            tree = ast.parse(source, file)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            self._execute(tree, file, "exec")
            if isinstance(last, ast.Expr) and not source.rstrip().endswith(";"):
                value = self._execute(ast.Expression(last.value), file, "eval")
                if value is not None:
                    self._namespace["_"] = value
                    self._recorder.result(_representations(value), {}, execution_count)
            elif last is not None:
                self._execute(ast.Module([last], []), file, "exec")
        except BaseException as error:
            self._recorder.error(type(error).__name__, str(error), _traceback(error))
            if isinstance(error, KeyboardInterrupt):
                raise
            return False
        return True

    def _execute(self, tree: ast.Module | ast.Expression, file: str, mode: str) -> Any:
        code = compile(tree, file, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        value = eval(code, self._namespace)  # noqa: S307 - running the user's cells is the point
        if code.co_flags & inspect.CO_COROUTINE:
            return asyncio.run(value)
        return value


def _traceback(error: BaseException) -> list[str]:
    """Return the lines of a traceback without our own frames."""
    own = getattr(error, "_render_traceback_", None)
    if own is not None:
        return list(own())
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    return text.rstrip("\n").split("\n")
