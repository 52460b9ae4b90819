"""Runs cells in processes forked from one that has imported the heavy libraries: milliseconds each.

Run as a program: reads one JSON request per line from stdin, ``{"cells", "engine", "directory",
"result", "environment", "timeout_s"}``, forks a process that behaves as a fresh kernel does, and
answers with a line ``{"status": exit status}`` when ``result`` (a JSON list with one list of
outputs per cell that ran) is written. The argument is the directory that steps import their runtime
from. Engine ``shell`` is the oracle's: cells see an IPython
shell whose streams, displays and errors are recorded as Jupyter records them; only input, comms and
widgets are missing. Engine ``runtime`` is ``kernelpipe.runtime.plain``.
"""

import gc
import io
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

PRELOADED = (
    "IPython.core.interactiveshell",
    "IPython.terminal.embed",
    "cloudpickle",
    "matplotlib.figure",
    "matplotlib.font_manager",
    "numpy",
    "pandas",
    "pyarrow",
    "pyarrow.feather",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.pipeline",
)
STEPS_PRELOADED = ("kernelpipe.runtime.plain", "kernelpipe.runtime.plain_ipython")
"""Beside what the product preloads, too, before it forks steps: ``kernelpipe_runtime.step``."""
JSON = dict[str, Any]


class Recorder:
    """The outputs of the cell that runs, in Jupyter's form."""

    def __init__(self) -> None:
        self.outputs: list[JSON] = []
        self.will_clear = False
        self._displays: dict[str, list[JSON]] = {}

    def add(self, output: JSON, *, display_id: str | None = None) -> None:
        """Append ``output``, joining it with the stream before it."""
        if self.will_clear:
            self.outputs.clear()
            self.will_clear = False
        last = self.outputs[-1] if self.outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(output)
        if display_id is not None:
            self._displays.setdefault(display_id, []).append(output)

    def update(self, content: JSON, display_id: str | None) -> None:
        """Change every display that has the id, whichever cell made it."""
        for output in self._displays.get(display_id or "", ()):
            output.update(content)

    def clear(self, *, wait: bool) -> None:
        """Forget the outputs, at once or when the next one comes."""
        if wait:
            self.will_clear = True
        else:
            self.outputs.clear()


class Stream(io.TextIOBase):
    """A text stream whose text becomes outputs."""

    encoding = "UTF-8"  # type: ignore[assignment]

    def __init__(self, name: str, recorder: Recorder) -> None:
        self._name = name
        self._recorder = recorder

    def writable(self) -> bool:
        """Tell that text can be written."""
        return True

    def write(self, text: str) -> int:
        """Record ``text``."""
        if text:
            self._recorder.add({"output_type": "stream", "name": self._name, "text": text})
        return len(text)


def make_shell(recorder: Recorder, names: JSON | None = None) -> Any:
    """Return a new IPython shell, installed as ``__main__``, that tells ``recorder`` everything.

    Its namespace is ``names``, or a new one.
    """
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    class Publisher(DisplayPublisher):  # type: ignore[misc]
        def publish(
            self,
            data: JSON,
            metadata: JSON | None = None,
            *,
            transient: JSON | None = None,
            update: bool = False,
            **_: Any,
        ) -> None:
            content = {"data": data, "metadata": metadata or {}}
            display_id = (transient or {}).get("display_id")
            if update:
                recorder.update(content, display_id)
            else:
                recorder.add({"output_type": "display_data", **content}, display_id=display_id)

        def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's
            recorder.clear(wait=wait)

    class Hook(DisplayHook):  # type: ignore[misc]
        def write_output_prompt(self) -> None:
            pass

        def write_format_data(self, format_dict: JSON, md_dict: JSON | None = None) -> None:
            recorder.add(
                {
                    "output_type": "execute_result",
                    "data": format_dict,
                    "metadata": md_dict or {},
                    "execution_count": self.prompt_count,
                }
            )

        def finish_displayhook(self) -> None:
            pass

    HistoryManager.enabled = False
    InteractiveShell.display_pub_class = Publisher
    InteractiveShell.displayhook_class = Hook
    shell = InteractiveShell.instance(colors="nocolor", user_ns=names)
    shell.system = shell.system_piped
    shell.enable_gui = lambda _gui=None: None
    shell.user_ns["get_ipython"] = shell.get_ipython

    def show(kind: Any, value: Any, lines: list[str]) -> None:
        recorder.add(
            {
                "output_type": "error",
                "ename": kind.__name__,
                "evalue": str(value),
                "traceback": list(lines),
            }
        )

    shell._showtraceback = show
    return shell


def run_cells(cells: list[JSON], directory: str) -> list[list[JSON]]:
    """Run ``cells`` in a new shell in ``directory``; an error is the last cell's unless expected.

    Cells tagged ``raises-exception`` may fail without ending the run.
    """
    os.chdir(directory)
    sys.path.insert(0, "")
    recorder = Recorder()
    sys.stdout, sys.stderr = Stream("stdout", recorder), Stream("stderr", recorder)
    shell = make_shell(recorder)
    results = []
    for cell in cells:
        recorder.outputs = []
        result = shell.run_cell(cell["source"], store_history=True)
        results.append(recorder.outputs)
        if not result.success and "raises-exception" not in cell["metadata"].get("tags", ()):
            break
    return results


def run_traced(cells: list[JSON], directory: str) -> list[JSON]:
    """Run ``cells`` in a new shell in ``directory``; return what ``tracer`` saw of each.

    That is its trace, and its outputs under ``outputs``; figures are not drawn.
    """
    engine, recorder, make = _tracer(directory)
    traces = engine.trace_cells(cells, make)
    return [trace | {"outputs": _taken(recorder)} for trace in traces]


def run_hiding(cells: list[JSON], directory: str) -> list[list[JSON]]:
    """Run ``cells`` as ``run_traced`` does, but hide what ``metadata.reads`` of a cell lacks."""
    engine, recorder, make = _tracer(directory)
    reads = [cell["metadata"]["reads"] for cell in cells]
    return [_taken(recorder) for _ in engine.hide_unread(cells, reads, make)]


def _tracer(directory: str) -> tuple[Any, Recorder, Any]:
    sys.path.insert(0, str(Path(__file__).parent))
    from tracer import engine

    sys.path.pop(0)
    os.chdir(directory)
    sys.path.insert(0, "")
    recorder = Recorder()
    sys.stdout, sys.stderr = Stream("stdout", recorder), Stream("stderr", recorder)
    engine.draw_nothing()
    return engine, recorder, lambda names: make_shell(recorder, names)


def _taken(recorder: Recorder) -> list[JSON]:
    taken, recorder.outputs = recorder.outputs, []
    return taken


def run_in_runtime(cells: list[JSON], directory: str) -> list[list[JSON]]:
    """Run ``cells`` in ``directory`` as a pod without a kernel does."""
    from kernelpipe.runtime.plain import run_notebook

    os.chdir(directory)
    sys.path.insert(0, "")
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    executed = run_notebook(notebook, on_cell=lambda _cell: None, use_ipython=True)
    return [cell["outputs"] for cell in executed["cells"] if cell["execution_count"] is not None]


ENGINES = {
    "shell": run_cells,
    "runtime": run_in_runtime,
    "traced": run_traced,
    "hiding": run_hiding,
}


def _in_child(request: JSON) -> int:
    """Do what ``request`` asks, in a forked process; return its exit status."""
    os.setsid()
    signal.alarm(int(request["timeout_s"]))
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    os.environ.update(request["environment"])
    sys.argv = ["ipykernel_launcher.py"]
    try:
        run = ENGINES[request["engine"]]
        results = run(request["cells"], request["directory"])
        Path(request["result"]).write_text(json.dumps(results, default=str), encoding="utf-8")
    except BaseException:  # noqa: BLE001 - the outermost edge of a process
        Path(request["result"]).with_suffix(".failure").write_text(
            traceback.format_exc(), encoding="utf-8"
        )
        return 1
    return 0


def warm_up() -> None:
    """Load what shells load when they are made, and let forks share it for good."""
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False  # it would start a thread
    main_module = sys.modules["__main__"]
    InteractiveShell.instance(colors="nocolor").run_cell("%pwd\n1", silent=True)
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main_module
    gc.collect()
    gc.freeze()


def _serve(requests: TextIO, answers: TextIO, runtime: str) -> None:
    """Answer requests until there are no more.

    A fork that has imported what steps need answers those for the engine ``runtime``.
    """
    steps: tuple[TextIO, TextIO] | None = None
    for line in requests:
        if json.loads(line)["engine"] == "runtime" and runtime:
            steps = steps or _fork_for_steps(runtime)
            print(line, end="", file=steps[0], flush=True)
            print(steps[1].readline(), end="", file=answers, flush=True)
            continue
        child = os.fork()
        if child == 0:
            os._exit(_in_child(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)


def _fork_for_steps(runtime: str) -> tuple[TextIO, TextIO]:
    """Return where requests go, and where answers come from."""
    requests_read, requests_write = os.pipe()
    answers_read, answers_write = os.pipe()
    if os.fork() != 0:
        os.close(requests_read)
        os.close(answers_write)
        return os.fdopen(requests_write, "w"), os.fdopen(answers_read)
    os.close(requests_write)
    os.close(answers_read)
    sys.path[:0] = [runtime, str(Path(__file__).parent.parent)]
    for name in (*STEPS_PRELOADED, "kernelpipe_runtime.step"):
        __import__(name)
    del sys.path[:2]
    gc.collect()
    gc.freeze()
    _serve(os.fdopen(requests_read), os.fdopen(answers_write, "w"), "")
    os._exit(0)


def main() -> None:
    """Serve requests until stdin ends."""
    for name in PRELOADED:
        __import__(name)
    sys.path.remove(str(Path(__file__).parent))
    warm_up()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    _serve(sys.stdin, sys.stdout, sys.argv[1])


if __name__ == "__main__":
    main()
