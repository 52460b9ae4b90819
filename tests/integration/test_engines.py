"""Forked steps against steps in full kernels: the same notebooks, the same outputs."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.backends.local.engine import Engine, Mode
from kernelpipe.backends.local.runtime_copy import install_runtime
from kernelpipe.backends.local.session import Ending, KernelStartError

pytestmark = pytest.mark.integration

MODULES = ("json", "numpy", "pandas", "matplotlib.pyplot", "sklearn.cluster", "tqdm.auto")

_MASKS = (
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_PID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(Z|\+00:00)?"), "TIME"),
    (re.compile(r"(CPU times|Wall time).*"), "TIMES"),
    (re.compile(r"\d+(\.\d+)? [mµn]?s ± .*"), "TIMES"),
    (re.compile(r"\[\d\d:\d\d<.*?\]"), "[TQDM]"),
    (re.compile(r"StreamHandler \d+"), "StreamHandler"),
)
_TIMES = {"start_time", "end_time", "duration"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working directory with a local module in it."""
    place = tmp_path_factory.mktemp("place")
    (place / "local_module.py").write_text("VALUE = 7\n")
    (place / "script.py").write_text("print('from a script', __name__)\n")
    return place


@pytest.fixture(scope="module")
def engines(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    """Return an engine that forks and one that starts kernels."""
    runtime = install_runtime(tmp_path_factory.mktemp("home"))
    notes: list[str] = []
    found = {
        mode.value: Engine(
            kernel="python3",
            working_directory=place,
            runtime=runtime,
            modules=MODULES,
            mode=mode,
            on_note=notes.append,
        )
        for mode in (Mode.AUTO, Mode.KERNEL)
    }
    with found["auto"], found["kernel"]:
        yield found
    assert notes == [
        "'tqdm.auto' is not imported beforehand: its import prints or displays something"
    ]


def execute(
    engine: Engine, directory: Path, *sources: str, tags: dict[int, str] | None = None
) -> tuple[Ending, dict[str, Any]]:
    """Execute cells with ``sources``; ``tags`` are by index."""
    # ipykernel does not watch file descriptors where it sees pytest.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    directory.mkdir()
    cells = [
        kit.code(
            source,
            *([tags[index]] if tags and index in tags else []),
            kernelpipe={"cell": index, "role": "cell"},
        )
        for index, source in enumerate(sources)
    ]
    kit.write(directory / "step.ipynb", *cells)
    session = engine.session(
        directory,
        env={},
        on_cell_started=lambda _: None,
        on_cell=lambda _: None,
        memory_bytes=None,
    )
    ending = session.execute()
    return ending, kit.read(directory / "executed.ipynb")


def masked(value: Any) -> Any:
    """Return JSON without what differs from process to process."""
    if isinstance(value, dict):
        return {
            key: "TIME" if key in _TIMES and found is not None else masked(found)
            for key, found in value.items()
        }
    if isinstance(value, list):
        return [masked(found) for found in value]
    if isinstance(value, str):
        for pattern, replacement in _MASKS:
            value = pattern.sub(replacement, value)
    return value


def comparable(notebook: dict[str, Any], directory: Path) -> Any:
    """Return a notebook without times, addresses and places, streams joined."""
    text = json.dumps(notebook).replace(str(directory), "DIRECTORY")
    found = masked(json.loads(text))
    for cell in found["cells"]:
        cell["outputs"] = joined(cell["outputs"])
    return found


def differences(left: Any, right: Any, place: str = "") -> list[str]:
    """Return where two JSON values differ, and how."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted({*left, *right})
        return [
            text
            for key in keys
            for text in differences(left.get(key), right.get(key), f"{place}.{key}")
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            text
            for index, pair in enumerate(zip(left, right, strict=True))
            for text in differences(*pair, f"{place}[{index}]")
        ]
    return [] if left == right else [f"{place}: {left!r} != {right!r}"]


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs with neighbouring pieces of a stream joined: their cut is chance."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        last = kept[-1] if kept else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            kept.append(output)
    return kept


CASES: dict[str, tuple[str, ...]] = {
    "print": ("print('hi')", "import sys\nprint('err', file=sys.stderr)\nprint('out')"),
    "result": ("1 + 1", "_ + 1", "In[1], Out[1], _1, __", "None", "'a';"),
    "unicode": ("print('\u00e4\u20ac\U0001f600')", "'\\ud800'", "print('\\udcff')"),
    "error": ("def f():\n    return 1 / 0\n\nf()", "'never'"),
    "syntax-error": ("x = 1\nif x\n    pass",),
    "indentation-error": ("def f():\nreturn 1",),
    "error-in-display": (
        "class A:\n    def __repr__(self):\n        raise ValueError('no repr')\nA()",
        "'never?'",
    ),
    "chained-error": (
        "try:\n    {}['k']\nexcept KeyError as error:\n    raise ValueError('x') from error",
    ),
    "exception-group": ("raise ExceptionGroup('many', [ValueError(1), KeyError('k')])",),
    "error-in-earlier-cell": ("def f(x):\n    return 1 / x", "f(0)"),
    "system-exit": ("import sys\nsys.exit(3)",),
    "keyboard-interrupt": ("raise KeyboardInterrupt('mine')",),
    "assertion": ("assert 1 == 2, 'numbers'",),
    "os-system": (
        "import os\n_ = os.system('echo out')",
        "_ = os.system('echo err >&2')",
    ),
    "shell-escape": ("!echo hello", "x = !echo captured\nx", "!exit 3\n_exit_code"),
    "subprocess": (
        "import subprocess\nsubprocess.run(['echo', 'child'])",
        "subprocess.run(['cat'], stdin=None).returncode",
        "subprocess.run('echo kept', shell=True, capture_output=True).stdout",
    ),
    "c-printf": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.puts(b'from C')\nlibc.fflush(None);",
    ),
    "big-fd-output": (
        (
            "import subprocess, sys\n"
            "lines = 'print(\"x\" * 99)\\n' * 3000\n"
            "_ = subprocess.run([sys.executable, '-c', lines])"
        ),
    ),
    "magics": ("%%capture kept\nprint('in')", "kept.stdout", "%pwd", "%who", "%lsmagic\n1;"),
    "cell-magics": (
        "%%bash\necho from bash",
        "!rm -f written.txt",
        "%%writefile written.txt\ntext",
        "%%html\n<b>bold</b>",
        "%%latex\n$x$",
        "%%javascript\n1",
    ),
    "timing": ("%%time\nx = 1", "%timeit -n1 -r1 pass", "%time y = 2"),
    "run-magic": ("%run script.py",),
    "display": (
        "from IPython.display import display, HTML, Markdown, JSON\ndisplay(HTML('<i>x</i>'), 1)",
        "display(Markdown('# t'), metadata={'text/markdown': {'k': 1}})",
        "JSON({'a': [1]})",
        "display({'text/plain': 'raw', 'application/x': '1'}, raw=True)",
    ),
    "display-update": (
        "from IPython.display import display\nh = display('one', display_id='same')",
        "h.update('two')",
        "d = display('x', display_id=True);\nd.update('y')\nd.display('z')",
        "from IPython.display import update_display\nupdate_display('three', display_id='same')",
    ),
    "clear-output": (
        "from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)",
        "print(1)\nclear_output(wait=True)\nprint(2)",
        "print(1)\nclear_output(wait=True)",
        "h = display('a', display_id='c')\nclear_output()\nh.update('b')\nprint('end')",
    ),
    "svg-and-png": (
        (
            "from IPython.display import SVG, Image\n"
            "SVG(data='<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"
        ),
        "Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(30), format='png')",
    ),
    "input": ("input('name? ')",),
    "getpass": ("import getpass\ngetpass.getpass()",),
    "stdin": ("import sys\nsys.stdin.read(), sys.stdin.isatty()",),
    "top-level-await": (
        "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
        "async def f():\n    return 5\nawait f()",
        "asyncio.get_running_loop().is_running()",
        "await asyncio.gather(f(), f())",
        "await f(1)",
    ),
    "asyncio-run": ("import asyncio\nasyncio.run(asyncio.sleep(0))",),
    "async-task-across-cells": (
        (
            "import asyncio\nqueue = []\n"
            "async def work():\n    await asyncio.sleep(0)\n    queue.append(1)\n"
            "task = asyncio.create_task(work())"
        ),
        "await task\nqueue",
    ),
    "context-variables": (
        "import contextvars\nv = contextvars.ContextVar('v')\nv.set(3);",
        "v.get()",
    ),
    "threads": (
        (
            "import threading\n"
            "t = threading.Thread(target=lambda: print('from a thread'))\nt.start()\nt.join()"
        ),
        "threading.current_thread() is threading.main_thread()",
        (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(4) as pool:\n    print(list(pool.map(abs, [-1, -2])))"
        ),
    ),
    "fork": (
        (
            "import os\npid = os.fork()\n"
            "if pid == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
            "os.waitpid(pid, 0)[1]"
        ),
    ),
    "multiprocessing": (
        (
            "import multiprocessing as mp\ncontext = mp.get_context('fork')\n"
            "def square(x):\n    return x * x"
        ),
        "with context.Pool(2) as pool:\n    print(pool.map(square, range(4)))",
        "mp.current_process().name, mp.parent_process()",
    ),
    "process-pool": (
        (
            "from concurrent.futures import ProcessPoolExecutor\n"
            "with ProcessPoolExecutor(2) as pool:\n    print(list(pool.map(abs, [-1, -2])))"
        ),
    ),
    "logging": (
        "import logging\nlogging.warning('root')\nlogging.getLogger('x').error('named')",
        "logging.basicConfig(level=logging.INFO)\nlogging.info('now')",
        "logging.getLogger().handlers, logging.getLogger('tornado').handlers",
    ),
    "warnings": (
        "import warnings\nwarnings.warn('careful')",
        "warnings.warn('old', DeprecationWarning)",
        "def f():\n    warnings.warn('twice', stacklevel=2)\nf()\nf()",
        "warnings.simplefilter('error')\nwarnings.warn('raised')",
    ),
    "environment": (
        "import os\nsorted((k, v) for k, v in os.environ.items() if k != 'PYTEST_CURRENT_TEST')",
    ),
    "interpreter": (
        "import sys, os\nsys.argv[0].endswith('ipykernel_launcher.py'), len(sys.argv), sys.argv[1]",
        "sys.path, sys.flags, sys.executable",
        "os.getcwd(), sys.getrecursionlimit(), os.nice(0)",
        "__name__, __doc__, sorted(vars()) [:12]",
        "main = sys.modules['__main__']\nvars(main) is globals(), hasattr(main, '__file__')",
        "hash('a string') == hash('a string'), sys.flags.hash_randomization",
        "import gc\ngc.isenabled(), gc.get_threshold(), gc.get_debug()",
        "import signal\nsignal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)",
        "os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()",
        "sys.stdout, sys.stderr, sys.displayhook, sys.excepthook, sys.stdout.isatty()",
        "sys.stdout.encoding, sys.__stdout__.encoding, sys.__stderr__.errors",
        (
            "sorted(m for m in sys.modules if m.partition('.')[0] in "
            "{'numpy', 'pandas', 'sklearn', 'matplotlib', 'scipy', 'tqdm'})[:9]"
        ),
        "import warnings\n[f[:3] for f in warnings.filters if f[3] is None and f[1] is None]",
    ),
    "import-effects": (
        (
            "import sys, os, warnings\nwarnings.filterwarnings('ignore')\nold = set(sys.modules)\n"
            "environment = dict(os.environ)"
        ),
        "import sklearn.cluster",
        "{k: v for k, v in os.environ.items() if environment.get(k) != v}",
        "[f[:3] for f in warnings.filters]",
        (
            "new = {m for m in set(sys.modules) - old if m.startswith(('s', 'p', 'j'))}\n"
            "hash(frozenset(new)), len(new), 'pandas' in new"
        ),
        (
            "import pandas\nown = {'gc', 'mmap', 'resource', 'runpy', 'cloudpickle',"
            " 'cloudpickle.cloudpickle'}\nlen(set(sys.modules) - old - new - own)"
        ),
    ),
    "import-part": (
        "import sys\nold = set(sys.modules)\nfrom numpy import linalg",
        "import numpy, matplotlib\nlinalg is numpy.linalg, 'matplotlib.pyplot' in sys.modules",
        "new = sorted(m for m in set(sys.modules) - old if m.startswith('matplotlib'))\nnew",
        "numpy.__spec__.origin == numpy.__file__, type(numpy.__loader__), numpy.linalg.__spec__",
        "import matplotlib.pyplot\nmatplotlib.pyplot.__spec__.name",
    ),
    "ipython": (
        "get_ipython().__class__, get_ipython().kernel.__class__, get_ipython().execution_count",
        "get_ipython().kernel.log, get_ipython().kernel.execution_count",
        "get_ipython().config.IPKernelApp.connection_file.endswith('.json')",
        "from ipykernel.kernelapp import IPKernelApp\nIPKernelApp.initialized()",
        "get_ipython().history_manager.hist_file, get_ipython().history_manager.session_number",
        "list(get_ipython().history_manager.get_range())[:2]",
        "%history -l 2",
        "get_ipython().kernel.get_parent()['header']['msg_type']",
        "sorted(get_ipython().kernel.shell_handlers)",
        "get_ipython().set_next_input('next cell')",
        "?print",
        "get_ipython().parent.log.handlers, get_ipython().user_module.__name__",
        "get_ipython().events.callbacks['post_execute'], get_ipython().extension_manager.loaded",
    ),
    "pickle-main": (
        "import pickle\nclass A:\n    pass\npickle.loads(pickle.dumps(A())).__class__ is A",
    ),
    "inspect": (
        "import inspect\ndef f():\n    return 1  # kept\ninspect.getsource(f)",
        "f.__code__.co_filename.rpartition('/')[2].endswith('.py')",
    ),
    "local-module": ("import local_module\nlocal_module.VALUE, local_module.__file__",),
    "random": (
        "import random\nrandom.seed(3)\nrandom.random()",
        "import numpy as np\nnp.random.seed(3)\nnp.random.rand(2)",
        "np.random.default_rng(3).random(2)",
    ),
    "pandas": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': ['x', None]})\ndf",
        "df.info()",
        "df.groupby('a').sum()",
        "pd.options.display.max_rows",
    ),
    "matplotlib": (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        "fig, ax = plt.subplots()\nax.set_title('t');",
        "plt.get_backend(), plt.isinteractive()",
        "fig",
        "plt.figure(); plt.show(); print('after')",
        "%matplotlib inline\n%config InlineBackend.figure_formats = ['svg']",
        "plt.get_fignums()",
    ),
    "tqdm": ("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass", "tqdm"),
    "comm": (
        (
            "import comm\nc = comm.create_comm(target_name='jupyter.widget', comm_id='w1', data={"
            "'state': {'_model_name': 'IntModel', '_model_module': 'm', "
            "'_model_module_version': '2', 'value': 1}, 'buffer_paths': []})"
        ),
        (
            "c.send({'method': 'update', 'state': {'value': 5, 'data': None}, "
            "'buffer_paths': [['data']]}, buffers=[b'abc'])"
        ),
        "comm.create_comm(target_name='unknown', comm_id='u1', data={})\n'fine'",
    ),
    "output-widget": (
        (
            "import comm\nc = comm.create_comm(target_name='jupyter.widget', comm_id='o1', data={"
            "'state': {'_model_name': 'OutputModel', '_model_module': '@jupyter-widgets/output', "
            "'_model_module_version': '1.0.0', 'outputs': [], 'msg_id': ''}, 'buffer_paths': []})\n"
            "seen = []\nc.on_msg(lambda m: seen.append(m['content']['data']['state']['outputs']))"
        ),
        (
            "def set_id(value):\n"
            "    c.send({'method': 'update', 'state': {'msg_id': value}, 'buffer_paths': []})\n"
            "set_id(get_ipython().kernel.get_parent()['header']['msg_id'])\n"
            "print('captured')\nprint('more')\nset_id('')\nprint('not captured')"
        ),
        "import asyncio\nawait asyncio.sleep(0.2)\nseen[-1:]",
    ),
    "exit": ("print('before')\nexit",),
    "os-exit": ("print('bye', flush=True)\nimport os\nos._exit(3)", "'never'"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "'never'"),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "'never'"),
    "empty-cells": ("", "   \n", "1", "# comment"),
    "atexit": (
        "import atexit\natexit.register(lambda: open('atexit.txt', 'w').write('done'))\n1;",
    ),
    "stdout-replaced": (
        "import sys, io\nold = sys.stdout\nsys.stdout = io.StringIO()\nprint('kept')",
        "got = sys.stdout.getvalue()\nsys.stdout = old\ngot",
    ),
    "redirect": (
        (
            "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f:\n"
            "    print('in')\nf.getvalue()"
        ),
    ),
    "dunder-stdout": ("import sys\nsys.__stdout__.write('raw\\n')\nsys.__stdout__.flush()",),
    "excepthook-in-thread": (
        (
            "import threading\ndef f():\n    raise ValueError('in a thread')\n"
            "t = threading.Thread(target=f, name='T')\nt.start()\nt.join()"
        ),
    ),
    "user-fork-displays": (
        (
            "import os, sys\npid = os.fork()\n"
            "if pid == 0:\n    print('x')\n    sys.stdout.flush()\n    os._exit(0)\n"
            "os.waitpid(pid, 0)[1]"
        ),
    ),
    "extension": ("%load_ext autoreload\n%autoreload 2", "%load_ext nothing_like_it"),
    "faulthandler": ("import faulthandler\nfaulthandler.enable()\nfaulthandler.is_enabled()",),
    "non-dict-metadata": (
        (
            "class A:\n    def _repr_mimebundle_(self, **kw):\n"
            "        return {'text/plain': 'plain', 'application/json': {'x': float('inf')}}\nA()"
        ),
    ),
    "nan-json": (
        "from IPython.display import display\nbundle = {'application/json': {'x': float('nan')}}",
        "display(bundle, raw=True)",
    ),
}


DYING = frozenset({"os-exit", "segfault", "killed"})
"""A full kernel that dies at once may lose what it said last."""
WRITTEN = {
    "os-system": [["out\n"], ["err\n"]],
    "subprocess": [["child\n"]],
    "c-printf": [["from C\n"]],
}
"""What the first cells write to file descriptors, which a full kernel may show too late."""


@pytest.mark.parametrize("name", CASES)
def test_engines__tricky_cells__give_the_same_notebook(
    name: str, engines: dict[str, Engine], tmp_path: Path
) -> None:
    """Outputs, metadata, execution counts and the way it ended are equal."""
    forked, forked_notebook = execute(engines["auto"], tmp_path / "forked", *CASES[name])
    kernel, kernel_notebook = execute(engines["kernel"], tmp_path / "kernel", *CASES[name])
    for cell in (*forked_notebook["cells"], *kernel_notebook["cells"]):
        if name in DYING:
            cell |= {"outputs": [], "execution_count": None}
            cell["metadata"]["execution"] = {}
        if name in WRITTEN:
            cell["outputs"] = [o for o in cell["outputs"] if o["output_type"] != "stream"]

    found = differences(
        comparable(forked_notebook, tmp_path / "forked"),
        comparable(kernel_notebook, tmp_path / "kernel"),
    )
    assert not found, "\n".join(found)
    assert forked.usage is not None
    assert forked.usage.engine == "forked"
    assert summary(forked) == summary(kernel)


@pytest.mark.parametrize("name", WRITTEN)
def test_forked__written_to_descriptors__is_in_its_cell(
    name: str, engines: dict[str, Engine], tmp_path: Path
) -> None:
    """Whoever writes: another program, a library in C."""
    _, notebook = execute(engines["auto"], tmp_path / "forked", *CASES[name])

    found = [[o["text"] for o in cell["outputs"] if "text" in o] for cell in notebook["cells"]]
    assert found[: len(WRITTEN[name])] == WRITTEN[name]


def test_forked__process_ends_at_once__what_it_said_is_kept(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """The socket is read to its end."""
    _, notebook = execute(engines["auto"], tmp_path / "forked", *CASES["os-exit"])

    assert [output["text"] for output in notebook["cells"][0]["outputs"]] == ["bye\n"]


def summary(ending: Ending) -> tuple[object, ...]:
    """Return how an execution ended, without what it used."""
    return (ending.cell, ending.is_complete, ending.ename, ending.evalue, ending.kernel_end)


def started(
    engine: Engine, directory: Path, source: str, *, memory_bytes: int | None = None
) -> tuple[threading.Thread, Any, list[Ending]]:
    """Begin to execute a cell; return when it gets to the word ``BEGIN`` in it."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    directory.mkdir()
    os.mkfifo(directory / "begun")
    begin = f"open({str(directory / 'begun')!r}, 'w').write('x')"
    cell = kit.code(source.replace("BEGIN", begin), kernelpipe={"cell": 0, "role": "cell"})
    after = kit.code("'never'", kernelpipe={"cell": 1, "role": "cell"})
    kit.write(directory / "step.ipynb", cell, after)
    session = engine.session(
        directory,
        env={},
        on_cell_started=lambda _: None,
        on_cell=lambda _: None,
        memory_bytes=memory_bytes,
    )
    endings: list[Ending] = []
    thread = threading.Thread(target=lambda: endings.append(session.execute()))
    thread.start()
    assert (directory / "begun").read_text() == "x"
    return thread, session, endings


def processes_with(text: str) -> list[str]:
    """Return the command lines of running processes that contain ``text``."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = status.read_text().replace("\0", " ")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def test_engines__interrupt__raises_keyboard_interrupt_in_both(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """The running cell ends with KeyboardInterrupt, and no further cell starts."""
    cell = "import time\nprint('so far')\nBEGIN\ntime.sleep(600)"
    found = {}
    for name, engine in engines.items():
        thread, session, endings = started(engine, tmp_path / name, cell)
        session.interrupt()
        thread.join(60)
        notebook = kit.read(tmp_path / name / "executed.ipynb")
        outputs = joined(notebook["cells"][0]["outputs"])
        found[name] = (
            summary(endings[0]),
            [output.get("text", output.get("ename")) for output in outputs],
            notebook["cells"][1]["metadata"]["papermill"]["status"],
        )

    assert found["auto"] == found["kernel"]
    assert found["auto"][0] == (0, False, "KeyboardInterrupt", "", None)


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_forked_session__ended_from_outside__leaves_no_process(
    how: str, engines: dict[str, Engine], tmp_path: Path
) -> None:
    """What the cell had started ends with it."""
    mark = f"600.{os.getpid()}{how}".replace("terminate", "1").replace("kill", "2")
    thread, session, endings = started(
        engines["auto"],
        tmp_path / "step",
        f"import subprocess\np = subprocess.Popen(['sleep', '{mark}'])\nBEGIN\np.wait()",
    )

    getattr(session, how)()
    thread.join(60)

    assert processes_with(mark) == []
    signal_name = {"terminate": "SIGTERM", "kill": "SIGKILL"}[how]
    assert endings[0].ename == "DeadKernelError"
    assert str(endings[0].kernel_end).startswith(f"killed by {signal_name}")


def test_forked_session__memory_limit__ends_the_step_and_says_how_much(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """Only the step that uses too much is ended; a child process counts."""
    limit = 400 << 20
    good, _, good_endings = started(
        engines["auto"], tmp_path / "good", "BEGIN\nx = bytearray(100 << 20)", memory_bytes=limit
    )
    bad, _, bad_endings = started(
        engines["auto"],
        tmp_path / "bad",
        "import subprocess, sys\nBEGIN\n"
        "subprocess.run([sys.executable, '-c', 'x = b\"x\" * (600 << 20); input()'],"
        " stdin=subprocess.PIPE)\nimport time\ntime.sleep(600)",
        memory_bytes=limit,
    )
    good.join(60)
    bad.join(60)

    assert good_endings[0].is_complete
    assert good_endings[0].memory is None
    assert bad_endings[0].memory is not None
    assert bad_endings[0].memory > limit
    assert bad_endings[0].cell == 0


def test_forked_session__usage__is_measured_per_cell(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """CPU time, and the peak of each cell, not of the cells before it."""
    ending, _ = execute(
        engines["auto"],
        tmp_path / "step",
        "x = bytearray(200 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\ndel x",
        "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass",
        "1",
    )

    big, busy, idle = ending.cells
    assert [cell["cell"] for cell in ending.cells] == [0, 1, 2]
    assert (big["peak_bytes"] or 0) > 200 << 20
    assert (idle["peak_bytes"] or 0) < 200 << 20
    assert 0.2 <= (busy["cpu_s"] or 0) < 1
    assert (idle["cpu_s"] or 0) < 0.1
    assert ending.usage is not None
    assert (ending.usage.peak_bytes or 0) > 200 << 20


def test_forked_session__open_file__is_written_to_its_end(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """A kernel's end writes what a file object still holds; so does a fork's, with exit code 0."""
    path = tmp_path / "left.txt"
    execute(
        engines["auto"],
        tmp_path / "step",
        f"f = open({str(path)!r}, 'w')\nf.write('kept');",
        "class A:\n    def __del__(self):\n"
        f"        open({str(path) + '2'!r}, 'w').write('finalized')\na = A()\na.cycle = a",
    )

    assert path.read_text() == "kept"
    assert Path(f"{path}2").read_text() == "finalized"
    assert (tmp_path / "step" / "kernel.log").read_text() == ""


def test_forked_session__numerics__equal_a_full_kernel_with_as_many_threads(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """Linear algebra computes to the same bits, in as many threads, after a fork."""
    cells = (
        (
            "import numpy as np, threadpoolctl, sklearn\n"
            "from sklearn.cluster import KMeans\n"
            "from sklearn.ensemble import RandomForestClassifier as Forest\n"
            "import hashlib\nrng = np.random.default_rng(0)\na = rng.random((700, 700))"
        ),
        (
            "hashlib.sha256((a @ a).tobytes()).hexdigest(),"
            " hashlib.sha256(np.linalg.inv(a).tobytes()).hexdigest()"
        ),
        "KMeans(5, n_init=2, random_state=0).fit(a).labels_.sum()",
        "Forest(20, n_jobs=2, random_state=0).fit(a, a[:, 0] > 0.5).predict(a).sum()",
        (
            "sorted((i['user_api'], i['internal_api'], i['num_threads'])"
            " for i in threadpoolctl.threadpool_info())"
        ),
        "import os\n[k for k in os.environ if 'THREADS' in k or 'MALLOC' in k]",
    )
    _, forked = execute(engines["auto"], tmp_path / "forked", *cells)
    _, kernel = execute(engines["kernel"], tmp_path / "kernel", *cells)

    found = [cell["outputs"] for cell in forked["cells"]]
    assert found == [cell["outputs"] for cell in kernel["cells"]]
    assert all(cell["execution_count"] for cell in forked["cells"])


def test_forked_session__two_steps__have_different_randomness(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """A fork must not repeat the random numbers of its siblings."""
    cells = (
        (
            "import random, numpy, uuid, secrets\n"
            "random.random(), numpy.random.rand(), uuid.uuid4().hex, secrets.token_hex()"
        ),
    )
    texts = []
    for name in "ab":
        _, notebook = execute(engines["auto"], tmp_path / name, *cells)
        texts.append(notebook["cells"][0]["outputs"][0]["data"]["text/plain"])

    first, second = (text.strip("()").split(", ") for text in texts)
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_forked_session__several_at_once__do_not_mix(
    engines: dict[str, Engine], tmp_path: Path
) -> None:
    """Each notebook has its own outputs."""
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        results[number] = execute(
            engines["auto"],
            tmp_path / str(number),
            f"for i in range(50):\n    print({number}, i, flush=True)",
            f"import os\nos.system('echo {number}');",
        )[1]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    for number, notebook in results.items():
        first, second = (joined(cell["outputs"])[0]["text"] for cell in notebook["cells"])
        assert first == "".join(f"{number} {i}\n" for i in range(50))
        assert second == f"{number}\n"
    assert len(results) == 6


OWNER = """
import sys
from pathlib import Path
from kernelpipe.backends.local.engine import Engine, Mode

directory = Path(sys.argv[1])
with Engine(kernel="python3", working_directory=directory, runtime=Path(sys.argv[2]), modules=(),
            mode=Mode.AUTO, on_note=print) as engine:
    engine.session(directory / "step", env={}, on_cell_started=lambda _: None,
                   on_cell=lambda _: None, memory_bytes=None).execute()
"""


@pytest.mark.parametrize("victim", ["command", "server"])
def test_engine__sigkill__leaves_no_process(victim: str, tmp_path: Path) -> None:
    """The pipe that everything of the step holds open closes, whoever is killed."""
    runtime = install_runtime(tmp_path)
    (tmp_path / "step").mkdir()
    os.mkfifo(tmp_path / "alive")
    source = (
        "import os, subprocess\npipe = open('alive', 'w')\n"
        "subprocess.Popen(['sleep', '600'], pass_fds=[pipe.fileno()])\n"
        "os.write(pipe.fileno(), str(os.getppid()).encode())\nimport time\ntime.sleep(600)"
    )
    kit.write(tmp_path / "step" / "step.ipynb", kit.code(source))
    root = str(Path(__file__).parents[2])
    command = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(runtime)],
        env=os.environ | {"PYTHONPATH": root},
    )
    alive = os.open(tmp_path / "alive", os.O_RDONLY)
    server = int(os.read(alive, 20))

    end_of_server = os.pidfd_open(server)
    os.kill(command.pid if victim == "command" else server, signal.SIGKILL)

    assert os.read(alive, 1) == b""
    select.select([end_of_server], [], [])
    os.close(end_of_server)
    os.close(alive)
    command.kill()
    command.communicate(timeout=60)
    assert processes_with(str(tmp_path)) == []


def test_engine__kernel_mode__starts_the_next_kernel_and_leaves_none(tmp_path: Path) -> None:
    """The second step's kernel runs before the second step does."""
    runtime = install_runtime(tmp_path)
    engine = Engine(
        kernel="python3",
        working_directory=tmp_path,
        runtime=runtime,
        modules=(),
        mode=Mode.KERNEL,
        on_note=lambda _: None,
        jobs=2,
    )
    parents = []
    with engine:
        for name in "ab":
            _, notebook = execute(engine, tmp_path / name, "import os\nos.getpid(), os.getppid()")
            parents.append(notebook["cells"][0]["outputs"][0]["data"]["text/plain"])

    assert len(set(parents)) == 2
    children = {line for line in processes_with("ipykernel_launcher") if "kp-" in line}
    own = [line for line in children if str(os.getpid()) in line]
    assert own == []


@pytest.mark.parametrize(
    ("kernel", "spec", "note"),
    [
        pytest.param(
            "other",
            {"argv": ["/bin/sh", "-c", "exit 4", "{connection_file}"]},
            "steps are not forked: its kernel is not started as 'python -m ipykernel_launcher'",
            id="no-ipykernel",
        ),
        pytest.param(
            "without",
            {"argv": ["/bin/false", "-m", "ipykernel_launcher", "-f", "{connection_file}"]},
            "steps are not forked: the fork server ended: without a word",
            id="server-fails",
        ),
    ],
)
def test_engine__kernelspec_that_cannot_be_forked__uses_a_full_kernel(
    kernel: str,
    spec: dict[str, Any],
    note: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reason is told; here the full kernel does not start either."""
    place = tmp_path / "jupyter" / "kernels" / kernel
    place.mkdir(parents=True)
    spec |= {"display_name": kernel, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    notes: list[str] = []
    engine = Engine(
        kernel=kernel,
        working_directory=tmp_path,
        runtime=tmp_path,
        modules=(),
        mode=Mode.AUTO,
        on_note=notes.append,
    )

    with engine, pytest.raises(KernelStartError):
        execute(engine, tmp_path / "step", "1")

    assert notes == [note]
