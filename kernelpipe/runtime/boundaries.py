"""Stores what steps would hand on, while their notebook runs plainly: all cells in one process.

What the notebook's code sees is what it would see without this: the first cell, which calls
:func:`watch`, is not in its history, and values are stored between its cells.
"""

import json
import sys
import warnings
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .container import atomic_file
from .links import Links
from .metrics import MissingMetricError, read_metrics
from .states import Baseline
from .values import dump_group


def watch(plan: str, runtime_directory: str) -> None:
    """Store values after cells from now on; called by a cell before the notebook's own.

    Args:
        plan: Path of a JSON file: ``cells`` is a list with, for each cell that will be executed,
            its ``source`` and what to store after it, ``due``: a list of ``step``, ``shared`` (as
            ``Links.register`` takes it), ``files`` (path -> the names that the file holds) and
            ``metrics`` (names), or of what a loop's items gave: ``collect`` (names), ``is_last``.
            ``result`` is the path of a JSON file that gets ``problems`` (path of a file, or step
            -> why there is nothing) and ``metrics`` (step -> numbers by name).
        runtime_directory: Is taken off ``sys.path`` again.
    """
    from IPython.core.getipython import get_ipython

    if runtime_directory in sys.path:
        sys.path.remove(runtime_directory)
    namespace = sys._getframe(1).f_globals  # noqa: SLF001 - the cell's own, whatever runs it
    shell: Any = get_ipython()
    watcher = _Watcher(json.loads(Path(plan).read_text(encoding="utf-8")), shell, namespace)
    shell.events.register("pre_run_cell", watcher.before_cell)
    shell.events.register("post_run_cell", watcher.after_cell)


class _Watcher:
    """Called after each cell."""

    def __init__(self, plan: Mapping[str, Any], shell: Any, namespace: dict[str, Any]) -> None:
        self._cells = deque(plan["cells"])
        self._is_begun = False
        self._result = plan["result"]
        self._shell = shell
        self._namespace = namespace
        self._baseline = Baseline.now()
        self._items: dict[str, list[Any]] = {}
        self._told: dict[str, dict[str, Any]] = {"problems": {}, "metrics": {}}

    def before_cell(self, _info: object) -> None:
        """Forget our own cell before the notebook's first one."""
        if not self._is_begun:
            self._is_begun = True
            self._shell.history_manager.reset(new_session=True)
            self._shell.execution_count = 1

    def after_cell(self, result: Any) -> None:
        """Store what is due after the cell."""
        # Our own cell ends here, and what a cell runs with the shell's own functions.
        if not self._cells or result.info.raw_cell != self._cells[0]["source"]:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for due in self._cells.popleft()["due"]:
                if "collect" in due:
                    self._collect(due)
                else:
                    self._store(due)

    def _collect(self, due: Mapping[str, Any]) -> None:
        for name in due["collect"]:
            self._items.setdefault(name, []).append(self._namespace.get(name))
        if due["is_last"]:
            self._namespace.update({name: self._items.pop(name) for name in due["collect"]})

    def _store(self, due: Mapping[str, Any]) -> None:
        links = Links(self._namespace, step=due["step"])
        links.register(due["shared"])
        for path, names in due["files"].items():
            try:
                dump_group(names, self._namespace, path, links=links, baseline=self._baseline)
            except Exception as error:  # noqa: BLE001 - whatever storing a value raises
                self._told["problems"][path] = f"{type(error).__name__}: {error}"
        try:
            found = read_metrics(due["metrics"], self._namespace)
            self._told["metrics"][due["step"]] = {**found.numbers, **found.series}
        except MissingMetricError as error:
            self._told["problems"][due["step"]] = str(error)
        with atomic_file(self._result) as file:
            file.write(json.dumps(self._told).encode())
