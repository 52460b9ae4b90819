"""Step notebooks in real kernels: two steps in a chain do what one notebook does."""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import kernelpipe.runtime
from kernelpipe.runtime.notebook import build_step_notebook
from kernelpipe.runtime.values import read_values

pytestmark = pytest.mark.integration

SETUP = [
    {"index": 0, "id": "c0", "role": "imports", "source": "import random\nimport numpy as np"},
    {"index": 1, "id": "c1", "role": "parameters", "source": "lr = 0.1\ntotal = lr * 2"},
    {
        "index": 2,
        "id": "c2",
        "role": "functions",
        "source": "class Model:\n    def __init__(self): self.rate = total\n"
        "def scale(x): return x * factor",
    },
]
FIRST = """random.seed(1)
_ = random.random()
factor = 2
a = b = [1]
model = Model()
table = np.arange(6.0).reshape(2, 3)
row = table[1]
def later(x):
    global calls
    calls = calls + 1
    return scale(x)
calls = 0
class Tree:
    def __init__(self, *children): self.children = children
tree = Tree(Tree(), Tree())"""
SECOND = """b.append(2)
row[0] = 99
factor = 10
print(a, table.tolist(), later(4), calls)
print(isinstance(model, Model), model.rate, random.random())
print(isinstance(tree.children[0], Tree), tree.children[1].children)
tmp"""
NAMES = ["Tree", "a", "b", "calls", "factor", "later", "model", "row", "table", "tree"]


def task(step: str, source: str, **parts: object) -> dict[str, Any]:
    """Return a task document with the shared setup and one cell."""
    return {
        "version": 1,
        "pipeline": "p",
        "step": step,
        "setup": SETUP,
        "cells": [{"index": 5, "id": "c5", "role": "step", "source": source}],
        "tests": [],
        "parameters": [
            {"name": "lr", "type": "float", "default": 0.1, "nullable": False, "cell": 1}
        ],
        "derivations": {"1": [{"source": "total = lr * 2", "reads": ["lr"], "binds": ["total"]}]},
        "inputs": [],
        "outputs": [],
        "metrics": [],
        "removed": [],
        "shared": {"Model": 2, "scale": 2},
        **parts,
    }


@pytest.fixture(name="runtime")
def copied_runtime(tmp_path: Path) -> Path:
    """Return a directory with a copy of the runtime, as backends make it."""
    directory = tmp_path / "runtime"
    source = Path(kernelpipe.runtime.__file__).parent
    shutil.copytree(source, directory / "kernelpipe_runtime")
    return directory


def prepare(
    document: dict[str, Any], runtime: Path, inputs: dict[str, str]
) -> tuple[Path, dict[str, Any]]:
    """Write a step's files and return its directory and notebook."""
    directory = runtime.parent / document["step"]
    directory.mkdir()
    call = {
        "parameters": {"lr": 0.5},
        "inputs": inputs,
        "outputs": {port["port"]: str(directory / port["port"]) for port in document["outputs"]},
        "result": str(directory / "result.json"),
    }
    (directory / "document.json").write_text(json.dumps(document))
    (directory / "call.json").write_text(json.dumps(call))
    notebook = build_step_notebook(
        document, call, step_directory=str(directory), runtime_directory=str(runtime)
    )
    return directory, notebook


def execute(notebook: dict[str, Any], directory: Path) -> list[Any]:
    """Execute a notebook in a kernel of its own and return its cells."""
    node = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory(prefix="step-") as sockets:
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            ip=f"{sockets}/s",
            connection_file=f"{sockets}/kernel.json",
        )
        client = NotebookClient(
            node, km=manager, timeout=60, resources={"metadata": {"path": str(directory)}}
        )
        with contextlib.suppress(CellExecutionError):
            client.execute(cleanup_kc=True)
    cells: list[Any] = node.cells
    return cells


def printed(cell: Any) -> str:
    """Return what a cell printed to stdout."""
    return "".join(o["text"] for o in cell["outputs"] if o.get("name") == "stdout")


def first_step(runtime: Path) -> tuple[Path, dict[str, Any]]:
    """Prepare the step that makes the values."""
    outputs = [
        {"port": "Tree", "names": NAMES, "cells": {}},
        {"port": "state_random", "names": ["@random"], "cells": {}},
    ]
    return prepare(task("first", FIRST, outputs=outputs), runtime, {})


def test_step_notebooks__two_in_a_chain__print_what_one_notebook_prints(runtime: Path) -> None:
    """Sharing, globals, classes and random numbers continue; the first runs under papermill."""
    first, notebook = first_step(runtime)
    (first / "step.ipynb").write_text(json.dumps(notebook))
    papermill.execute_notebook(
        str(first / "step.ipynb"),
        str(first / "executed.ipynb"),
        progress_bar=False,
        cwd=str(first),
    )
    inputs = [
        {"step": "first", "port": "Tree", "names": NAMES},
        {"step": "first", "port": "state_random", "names": ["@random"]},
    ]
    paths = {f"first/{port}": str(first / port) for port in ("Tree", "state_random")}
    document = task("second", SECOND.removesuffix("\ntmp"), inputs=inputs, metrics=["factor"])
    second, notebook = prepare(document, runtime, paths)

    cells = execute(notebook, second)

    reference = {**notebook, "cells": [dict(c) for c in notebook["cells"]]}
    setup = "\n".join(str(cell["source"]) for cell in SETUP)
    whole = f"{setup}\nlr = 0.5; total = lr * 2\n{FIRST}\n{SECOND}".removesuffix("\ntmp")
    reference["cells"] = [{**reference["cells"][0], "source": whole}]
    (runtime.parent / "reference").mkdir()
    (expected,) = execute(reference, runtime.parent / "reference")
    assert printed(cells[-2]) == printed(expected)
    assert printed(expected).splitlines()[0] == "[1, 2] [[0.0, 1.0, 2.0], [99.0, 4.0, 5.0]] 40 1"
    result = json.loads((second / "result.json").read_text())
    assert result["metrics"] == {"factor": 10}
    assert read_values(first / "Tree")["a"] == [1]


def test_step_notebook__in_a_kernel__leaves_no_trace_of_ours(runtime: Path) -> None:
    """Names, sys.path, the last result and the display hook are those of any notebook."""
    show = (
        "import sys\n"
        "print(sorted(n for n in dir() if not n.startswith('_') and n not in own))\n"
        "print(_ == '', __builtins__.__name__, [p for p in sys.path if 'runtime' in p], Out)"
    )
    own = "own = {'In', 'Out', 'exit', 'quit', 'open', 'get_ipython', 'own'}\n"
    directory, notebook = prepare(task("trace", own + show), runtime, {})

    cells = execute(notebook, directory)

    assert printed(cells[-2]).splitlines() == [
        "['Model', 'lr', 'np', 'random', 'scale', 'sys', 'total']",
        "True builtins [] {}",
    ]
    assert [cell["outputs"] for cell in cells[:-2]] == [[] for _ in cells[:-2]]


def test_step_notebook__value_that_cannot_be_stored__fails_with_a_short_error(
    runtime: Path,
) -> None:
    """The traceback shows no line of our code; the result says which cell it was."""
    outputs = [{"port": "g", "names": ["g"], "cells": {"g": 5}}]
    document = task("bad", "g = {'rows': [(n for n in a) for a in [[1]]]}", outputs=outputs)
    directory, notebook = prepare(document, runtime, {})

    cells = execute(notebook, directory)

    (error,) = cells[-1]["outputs"]
    assert "\n".join(error["traceback"]) == (
        "UnstorableValueError: step 'bad', cell 5: 'g' cannot be stored: g['rows'][0] is a "
        "generator\n  hint: make it a list"
    )
    assert json.loads((directory / "result.json").read_text())["error"]["cell"] == 5


def test_step_notebook__error_in_a_function_of_another_step__shows_its_source(
    runtime: Path,
) -> None:
    """The traceback has the line of the cell in which the function was defined."""
    source = "def half(x):\n    return x / 0  # here"
    outputs = [{"port": "half", "names": ["half"], "cells": {}}]
    first, notebook = prepare(task("one", source, outputs=outputs), runtime, {})
    execute(notebook, first)
    inputs = [{"step": "one", "port": "half", "names": ["half"]}]
    document = task("two", "half(1)", inputs=inputs)
    second, notebook = prepare(document, runtime, {"one/half": str(first / "half")})

    cells = execute(notebook, second)

    trace = "\n".join(cells[-2]["outputs"][0]["traceback"])
    assert "# here" in trace
    assert str(runtime) not in trace
