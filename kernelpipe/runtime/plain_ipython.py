"""Runs cells in a bare IPython shell whose displays are recorded."""

import builtins
import os
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.displayhook import DisplayHook  # noqa: TID253 - imported only to use IPython
from IPython.core.displaypub import DisplayPublisher  # noqa: TID253
from IPython.core.interactiveshell import InteractiveShell  # noqa: TID253
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from .recording import Recorder


class RecordingPublisher(DisplayPublisher):  # type: ignore[misc,unused-ignore]
    """Records what ``display()`` shows."""

    recorder = AnyTrait()

    def publish(  # type: ignore[override,unused-ignore]
        self,
        data: Any,
        metadata: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **_others: Any,
    ) -> None:
        """Record a display or the update of one."""
        identifier = (transient or {}).get("display_id")
        self.recorder.display(data, metadata, display_id=identifier, is_update=update)

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's own
        """Drop the cell's outputs."""
        self.recorder.clear(must_wait=wait)


class RecordingHook(DisplayHook):  # type: ignore[misc,unused-ignore]
    """Records the value of a cell's last expression."""

    def write_output_prompt(self) -> None:
        """Write no prompt."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Record the representations."""
        shell: Any = self.shell
        shell.recorder.result(format_dict, md_dict or {}, self.prompt_count)

    def finish_displayhook(self) -> None:
        """Write no end of line."""


class RecordingShell(InteractiveShell):  # type: ignore[misc,unused-ignore]
    """An IPython shell without a terminal or a kernel."""

    recorder: Any = AnyTrait()
    display_pub_class = Type(RecordingPublisher)
    displayhook_class = Type(RecordingHook)

    def init_display_pub(self) -> None:
        """Make the publisher know the recorder."""
        publisher: Any = self.display_pub_class
        self.display_pub = publisher(parent=self, shell=self, recorder=self.recorder)

    def init_sys_modules(self) -> None:
        """Leave ``sys.modules`` alone: ``__main__`` is set already."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: there is no event loop to join."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.recorder.error(etype.__name__, str(evalue), stb)

    def run(self, source: str, _execution_count: int) -> bool:
        """Run a cell, recording its outputs, and return whether it ended without an exception."""
        shell: Any = self
        return bool(shell.run_cell(source, store_history=True).success)


@contextmanager
def shell_runner(recorder: Recorder, main: types.ModuleType) -> Iterator[RecordingShell]:
    """Provide the shell that ``get_ipython()`` returns meanwhile.

    Args:
        recorder: Gets the outputs.
        main: The user's module.
    """
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    known = set(vars(builtins))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell: Any = RecordingShell.instance(recorder=recorder, user_module=main, config=config)
    try:
        yield shell
    finally:
        shell.restore_sys_module_state()
        RecordingShell.clear_instance()
        for name in set(vars(builtins)) - known:
            delattr(builtins, name)
