"""What a step touches: a table of what cells do and what must be recorded."""

import hashlib
import json
import sqlite3
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kernelpipe
from kernelpipe.runtime.touched import Recording
from kernelpipe.runtime.touched_files import signature
from kernelpipe.runtime.touched_unseen import Unseen, used_code
from tests.step_kit import difference, relative

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # cells leave files open, as notebooks do

TESTS = str(Path(__file__).parents[2])
OURS = str(Path(kernelpipe.__file__).parent)


class Step:
    """Runs cells as a step that is recorded, in a directory with a few files."""

    def __init__(self, work: Path, directory: Path) -> None:
        self.work = work
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        call = {"result": str(directory / "result.json"), "home": str(directory), "package": OURS}
        self.recording = Recording(call, self.namespace, TESTS)

    def run(self, source: str) -> dict[str, Any]:
        """Run a cell and return what it touched, with paths from the working directory."""
        exec(compile(source, "<cell>", "exec"), self.namespace)  # noqa: S102 - as a cell
        self.recording.pause()
        found = self.recording.summary({"cells": [{"source": source}]})
        assert found.keys() == {"reads", "writes", "listings", "kinds", "environment", "unseen"}
        return relative(json.loads(json.dumps(found)), self.work)


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """Provide a step whose directory holds a few files."""
    work, directory = tmp_path / "work", tmp_path / "step"
    for each in (work, directory, work / "data" / "sub"):
        each.mkdir(parents=True)
    for name in ("a.csv", "b.csv", "data/c.csv", "data/sub/d.csv"):
        (work / name).write_text("x,y\n1,2\n")
    (work / "link.csv").symlink_to("a.csv")
    (work / "local_one.py").write_text("def load():\n    return open('a.csv').read()\n")
    with sqlite3.connect(work / "old.db") as connection:
        connection.execute("create table t (x)")
    connection.close()
    monkeypatch.chdir(work)
    monkeypatch.setenv("KP_SET", "1")
    monkeypatch.setattr(sys, "path", [str(work), *(p for p in sys.path if "python" in p)])
    modules = set(sys.modules)
    for name in [name for name in modules if name.startswith("kernelpipe_runtime")]:
        monkeypatch.delitem(sys.modules, name)  # of another test's directory
    made = Step(work, directory)
    yield made
    made.recording.pause()
    for name in set(sys.modules) - modules:
        if name.startswith("local_"):
            del sys.modules[name]


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    # Files, one by one.
    "read": ("open('a.csv').read()", {"reads": ["a.csv"]}),
    "read_twice": ("open('a.csv').read(); open('a.csv').read()", {"reads": ["a.csv"]}),
    "read_bytes_path": ("open(b'a.csv').read()", {"reads": ["a.csv"]}),
    "read_path": ("from pathlib import Path\nPath('a.csv').read_text()", {"reads": ["a.csv"]}),
    "read_link": ("open('link.csv').read()", {"reads": ["link.csv"]}),
    "read_normalised": ("open('./data//sub/../c.csv').read()", {"reads": ["data/c.csv"]}),
    "read_missing": (
        "try:\n  open('nope')\nexcept FileNotFoundError:\n  pass",
        {"missing": ["nope"]},
    ),
    "read_in_other_directory": (
        "import os\nos.chdir('data'); open('c.csv').read(); os.chdir('sub'); open('d.csv').read()",
        {"reads": ["data/c.csv", "data/sub/d.csv"]},
    ),
    "same_name_after_chdir": (
        (
            "import os\nopen('a.csv').read(); os.chdir('data')\ntry:\n  open('a.csv')\n"
            "except OSError:\n  pass"
        ),
        {"reads": ["a.csv"], "missing": ["data/a.csv"]},
    ),
    "os_open": ("import os\nos.close(os.open('a.csv', os.O_RDONLY))", {"reads": ["a.csv"]}),
    "write": ("open('new.txt', 'w').write('x')", {"writes": ["new.txt"]}),
    "write_over": ("open('a.csv', 'w').write('x')", {"writes": ["a.csv"]}),
    "write_then_read": (
        "open('new.txt', 'w').write('x'); open('new.txt').read()",
        {"writes": ["new.txt"]},
    ),
    "read_then_write": (
        "open('a.csv').read(); open('a.csv', 'w').write('longer text')",
        {"reads": ["a.csv"], "writes": ["a.csv"]},
    ),
    "write_plus": ("open('a.csv', 'w+').write('longer text')", {"writes": ["a.csv"]}),
    "append": (
        "open('a.csv', 'a').write('x')",
        {"reads": ["a.csv"], "writes": ["a.csv"]},
    ),
    "append_new": (
        "open('new.txt', 'a').write('x')",
        {"missing": ["new.txt"], "writes": ["new.txt"]},
    ),
    "exclusive": (
        "open('new.txt', 'x').write('x')",
        {"missing": ["new.txt"], "writes": ["new.txt"]},
    ),
    "update": (
        "with open('a.csv', 'r+') as file: file.write('X')",
        {"reads": ["a.csv"], "writes": ["a.csv"]},
    ),
    "update_nothing": ("open('a.csv', 'r+').close()", {"reads": ["a.csv"]}),
    "write_fails": (
        "try:\n  open('no/such/place', 'w')\nexcept OSError:\n  pass",
        {},
    ),
    "created_and_removed": (
        "import os\nopen('new.txt', 'w').close(); os.remove('new.txt')",
        {},
    ),
    "removed": ("import os\nos.remove('a.csv')", {"writes": ["a.csv"]}),
    "removed_if_there": (
        "from pathlib import Path\nPath('nope').unlink(missing_ok=True)",
        {"missing": ["nope"]},
    ),
    "removed_and_written": (
        "import os\nos.remove('a.csv'); open('a.csv', 'w').write('longer'); open('a.csv').read()",
        {"writes": ["a.csv"]},
    ),
    "written_aside": (
        "import os\nopen('a.tmp', 'w').write('x'); os.replace('a.tmp', 'new.txt')",
        {"writes": ["new.txt"]},
    ),
    "renamed": (
        "import os\nos.rename('a.csv', 'moved.csv')",
        {"reads": ["a.csv"], "writes": ["a.csv", "moved.csv"]},
    ),
    "renamed_directory": (
        "import os\nos.rename('data', 'moved')",
        {
            "reads": ["data/c.csv", "data/sub/d.csv"],
            "writes": ["data/c.csv", "data/sub/d.csv", "moved/c.csv", "moved/sub/d.csv"],
            "kinds": {"moved": "is:dir"},
        },
    ),
    "linked": (
        "import os\nos.link('a.csv', 'hard'); os.symlink('b.csv', 'soft'); open('soft').read()",
        {"reads": ["a.csv"], "writes": ["hard", "soft"]},
    ),
    "truncated": (
        "import os\nos.truncate('a.csv', 1)",
        {"reads": ["a.csv"], "writes": ["a.csv"]},
    ),
    "copied": (
        "import shutil\nshutil.copy('a.csv', 'copy.csv')",
        {"reads": ["a.csv"], "writes": ["copy.csv"]},
    ),
    "moved": (
        "import shutil\nshutil.move('a.csv', 'data')",
        {"reads": ["a.csv"], "writes": ["a.csv", "data/a.csv"]},
    ),
    "temporary": (
        (
            "import tempfile\nwith tempfile.NamedTemporaryFile() as f: f.write(b'x')\n"
            "with tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').close()\n"
            "tempfile.TemporaryFile().close()"
        ),
        {},
    ),
    "memory_map": (
        "import mmap\nwith open('a.csv', 'rb') as f: mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)",
        {"reads": ["a.csv"]},
    ),
    "zip": (
        (
            "import zipfile\nwith zipfile.ZipFile('z.zip', 'w') as z: z.write('a.csv')\n"
            "zipfile.ZipFile('z.zip').read('a.csv')"
        ),
        {"reads": ["a.csv"], "writes": ["z.zip"]},
    ),
    "system_file_of_a_library": (
        "import mimetypes; mimetypes.init(); import os, ssl\nopen('/proc/self/stat').read()",
        {},
    ),
    # Directories.
    "listdir": ("import os\nos.listdir('data'); os.listdir()", {"listings": [".", "data"]}),
    "listdir_descriptor": (
        "import os\nd = os.open('data', os.O_RDONLY); os.listdir(d); os.close(d)",
        {"listings": ["data"]},
    ),
    "glob": (
        "import glob\n[open(n).read() for n in glob.glob('data/*.csv')]",
        {"reads": ["data/c.csv"], "listings": ["data"], "kinds": {}},
    ),
    "path_glob": (
        "from pathlib import Path\nlist(Path('data').rglob('*.csv'))",
        {"listings": ["data", "data/sub"]},
    ),
    "walk": ("import os\nlist(os.walk('data'))", {"listings": ["data", "data/sub"]}),
    "list_missing": (
        "import os\nlist(os.walk('nope'))",
        {"missing": ["nope"]},
    ),
    "makedirs": (
        "import os\nos.makedirs('out/sub', exist_ok=True); open('out/sub/x', 'w').close()",
        {"writes": ["out/sub/x"], "kinds": {"out": "is:dir", "out/sub": "is:dir"}},
    ),
    "mkdir_if_missing": (
        "import os\nif not os.path.exists('out'): os.mkdir('out')",
        {"kinds": {"out": "is:dir"}},
    ),
    "rmtree": (
        "import shutil\nshutil.rmtree('data')",
        {
            "listings": ["data", "data/sub"],
            "writes": ["data", "data/c.csv", "data/sub", "data/sub/d.csv"],
        },
    ),
    # Whether something is there.
    "exists": (
        "import os\nos.path.exists('a.csv'), os.path.isfile('nope'), os.path.isdir('data')",
        {"missing": ["nope"], "kinds": {"a.csv": "is:file", "data": "is:dir"}},
    ),
    "path_exists": (
        "from pathlib import Path\nPath('a.csv').exists(), Path('nope').is_file()",
        {"missing": ["nope"], "kinds": {"a.csv": "is:file"}},
    ),
    "exists_then_read": (
        "import os\nif os.path.exists('a.csv'): open('a.csv').read()",
        {"reads": ["a.csv"]},
    ),
    "size": ("import os\nos.path.getsize('a.csv')", {"reads": ["a.csv"]}),
    "stat": ("from pathlib import Path\nPath('a.csv').stat().st_size", {"reads": ["a.csv"]}),
    "resolve": ("from pathlib import Path\nPath('a.csv').resolve()", {}),
    # Databases, modules.
    "sqlite_read": (
        "import sqlite3\nc = sqlite3.connect('old.db'); c.execute('select * from t'); c.close()",
        {"reads": ["old.db"], "missing": ["old.db-wal"]},
    ),
    "sqlite_new": (
        (
            "import sqlite3\nc = sqlite3.connect('file:new.db?mode=rwc', uri=True)\n"
            "c.execute('create table t (x)'); c.close()"
        ),
        {"missing": ["new.db", "new.db-wal"], "writes": ["new.db"]},
    ),
    "sqlite_memory": ("import sqlite3\nsqlite3.connect(':memory:').close()", {}),
    "local_module": (
        "import local_one\nlocal_one.load()",
        {"reads": ["a.csv", "local_one.py"]},
    ),
    "module_not_there": (
        "try:\n  import local_two\nexcept ImportError:\n  pass",
        {"missing": ["local_two.py", "local_two/__init__.py"]},
    ),
    "library_module": ("import colorsys, wave", {}),
    # Environment variables.
    "getenv": (
        "import os\nos.getenv('KP_SET'); os.environ.get('KP_UNSET'); 'KP_OTHER' in os.environ",
        {"environment": ["KP_OTHER", "KP_SET", "KP_UNSET"]},
    ),
    "getenvb": ("import os\nos.environb.get(b'KP_SET')", {"environment": ["KP_SET"]}),
    "setenv": ("import os\nos.environ['KP_NEW'] = '1'; os.environ['KP_NEW']", {}),
    "setdefault": ("import os\nos.environ.setdefault('KP_D', '1')", {"environment": ["KP_D"]}),
    "all_variables": (
        (
            "import os\ndict(os.environ); os.environ.copy(); list(os.environ.items())\n"
            "{**os.environ}; [os.environ[name] for name in os.environ]; str(os.environ)"
        ),
        {"unseen": ["it looks at files or at all variables in a way that cannot be watched"]},
    ),
    "expandvars": (
        "import os\nos.path.expandvars('$KP_SET/x')",
        {"environment": ["KP_SET"]},
    ),
    "variable_of_a_library": ("import subprocess, tempfile\ntempfile.gettempdir()", {}),
    # What cannot be watched.
    "program": (
        "import subprocess\nsubprocess.run(['true']); subprocess.run('exit 0', shell=True)",
        {
            "unseen": [
                "it runs another program (exit), whose files cannot be watched",
                "it runs another program (true), whose files cannot be watched",
            ]
        },
    ),
    "os_system": (
        "import os\nos.system('true')",
        {"unseen": ["it runs another program (true), whose files cannot be watched"]},
    ),
    "spawn": (
        "import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
        {"unseen": ["it runs another program (true), whose files cannot be watched"]},
    ),
    "system_probes": ("import platform, ctypes.util\nctypes.util.find_library('m')", {}),
    "network": (
        (
            "import socket\ntry:\n  socket.create_connection(('nowhere.invalid', 80))\n"
            "except OSError:\n  pass"
        ),
        {"unseen": ["it talks to the network (nowhere.invalid)"]},
    ),
    "url": (
        (
            "from urllib.request import urlopen\ntry:\n  urlopen('http:' + '//nowhere.invalid/x')\n"
            "except OSError:\n  pass"
        ),
        {"unseen": ["it talks to the network (nowhere.invalid)"]},
    ),
    "loopback": (
        (
            "import socket\ntry:\n  socket.create_connection(('127.0.0.1', 1))\n"
            "except OSError:\n  pass"
        ),
        {},
    ),
    "shelve": (
        "import shelve\nshelve.open('s').close()",
        {
            "unseen": ["shelve reads files in a way that cannot be watched"],
            "writes": ...,
            "missing": ...,
            "kinds": ...,
        },
    ),
    # Processes of its own.
    "forked": (
        (
            "import os\nchild = os.fork()\nif not child:\n"
            "  open('a.csv').read(); open('new.txt', 'w').close(); os.getenv('KP_SET'); "
            "os._exit(0)\n"
            "os.waitpid(child, 0); open('new.txt').read()"
        ),
        {"reads": ["a.csv"], "writes": ["new.txt"], "environment": ["KP_SET"]},
    ),
    "forked_program": (
        "import pty\npty.spawn(['true'], lambda _: b'')",
        {"unseen": ["it runs another program (true), whose files cannot be watched"]},
    ),
    "thread": (
        (
            "import threading\nt = threading.Thread(target=lambda: open('a.csv').read())\n"
            "t.start(); t.join()"
        ),
        {"reads": ["a.csv"]},
    ),
    # Libraries.
    "pandas_csv": (
        "import pandas as pd\npd.read_csv('a.csv').to_csv('new.csv'); pd.read_csv('new.csv')",
        {"reads": ["a.csv"], "writes": ["new.csv"], "kinds": {".": "is:dir"}},
    ),
    "pandas_parquet": (
        (
            "import pandas as pd\npd.read_csv('a.csv').to_parquet('new.parquet')\n"
            "pd.read_parquet('new.parquet')"
        ),
        {"reads": ["a.csv"], "writes": ["new.parquet"], "kinds": {".": "is:dir"}},
    ),
    "pandas_feather_json_pickle": (
        (
            "import pandas as pd\nd = pd.read_csv('a.csv'); d.to_feather('f'); d.to_json('j')\n"
            "d.to_pickle('p'); pd.read_feather('f'); pd.read_json('j'); pd.read_pickle('p')"
        ),
        {"reads": ["a.csv"], "writes": ["f", "j", "p"], "kinds": {".": "is:dir"}},
    ),
    "numpy": (
        (
            "import numpy as np\nnp.save('n.npy', [1]); np.load('n.npy'); "
            "np.loadtxt('a.csv', dtype=str)\n"
            "np.fromfile('b.csv', dtype='u1')\nnp.memmap('n.npy', mode='r', dtype='u1')"
        ),
        {"reads": ["a.csv", "b.csv"], "writes": ["n.npy"]},
    ),
    "joblib": (
        "import joblib\njoblib.dump({'a': 1}, 'm.joblib'); joblib.load('m.joblib')",
        {"writes": ["m.joblib"]},
    ),
    "dir_fd": (
        (
            "import os\nd = os.open('data', os.O_RDONLY); os.close(os.open('c.csv', 0, dir_fd=d))\n"
            "os.remove('c.csv', dir_fd=d); os.close(d)"
        ),
        {
            "unseen": [
                "it opens 'c.csv' relative to an open directory, which cannot be watched",
                "it opens 'data' relative to an open directory, which cannot be watched",
            ],
            "writes": ["data/c.csv"],
        },
    ),
}


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_recording__cell__records_exactly(
    step: Step, source: str, expected: dict[str, Any]
) -> None:
    """Everything that the cell depends on or changes, and nothing else."""
    found = step.run(source)

    assert difference(found, expected) == {}


LIBRARY = {
    "compat.py": "import os\ndef filename_encode(name):\n    return os.fspath(name)\n",
    "files.py": """import ctypes, os
from .compat import filename_encode
class File:
    def __init__(self, name, mode="r"):
        flags = {"r": os.O_RDONLY, "w": os.O_WRONLY | os.O_CREAT, "a": os.O_RDWR | os.O_CREAT}
        library = ctypes.CDLL(None)
        file = library.open(filename_encode(name).encode(), flags[mode], 0o600)
        if mode != "r":
            library.write(file, b"longer than before", 18)
        library.close(file)
""",
    "__init__.py": "",
}
"""h5py as far as it matters: it opens files past Python."""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("File('a.csv')", {"reads": ["a.csv"]}, id="read"),
        pytest.param("File('n.h5', 'w'); File('n.h5')", {"writes": ["n.h5"]}, id="write"),
        pytest.param(
            "File('a.csv', 'a')", {"reads": ["a.csv"], "writes": ["a.csv"]}, id="read_and_write"
        ),
        pytest.param(
            "File('a.csv'); ExternalLink = 0",
            {
                "reads": ["a.csv"],
                "unseen": ["h5py reads files in a way that cannot be watched"],
            },
            id="unseen",
        ),
    ],
)
def test_recording__library_that_opens_files_by_itself__records_its_paths(
    step: Step, monkeypatch: pytest.MonkeyPatch, source: str, expected: dict[str, Any]
) -> None:
    """All paths pass through a function that is watched."""
    root = step.work.parent / "site-packages"
    package = root / "h5py" / "_hl"
    package.mkdir(parents=True)
    for name, text in LIBRARY.items():
        (package / name).write_text(text)
    (root / "h5py" / "version.py").touch()
    (root / "h5py" / "__init__.py").write_text(
        "from ._hl.files import File\nfrom . import version\n"
    )
    monkeypatch.syspath_prepend(str(root))
    for name in [name for name in sys.modules if name.partition(".")[0] == "h5py"]:
        monkeypatch.delitem(sys.modules, name)

    found = step.run(f"import h5py\nfrom h5py import File\n{source}")

    for name in [name for name in sys.modules if name.partition(".")[0] == "h5py"]:
        del sys.modules[name]
    assert difference(found, expected) == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("cv2.imread(path)", ["cv2 reads files in a way that cannot be watched"]),
        pytest.param("cv2.blur(image)", []),
        pytest.param("df.groupby('x').sum(); pd.read_csv('a.csv')", []),
        pytest.param("pd.read_hdf(path)", ["pandas reads files in a way that cannot be watched"]),
        pytest.param("pl.scan_csv(path)", ["polars reads files in a way that cannot be watched"]),
        pytest.param("run(query)", ["it talks to the network or a server (with psycopg2)"]),
        pytest.param(
            "pd.read_sql(query, 'postgresql+asyncpg://localhost/db')",
            ["it uses a postgresql+asyncpg:// address, which cannot be watched"],
        ),
        pytest.param(
            "pd.read_parquet(bucket)", ["it uses a s3:// address, which cannot be watched"]
        ),
        pytest.param("Pool(2)", []),
    ],
)
def test_note_readers__source_of_a_cell__tells_what_no_event_does(
    monkeypatch: pytest.MonkeyPatch, source: str, expected: list[str]
) -> None:
    """By the library that a name stands for, and what of it is used."""
    libraries = {name: types.ModuleType(name) for name in ("cv2", "pandas", "polars", "psycopg2")}
    for name, module in libraries.items():
        monkeypatch.setitem(sys.modules, name, module)
    run = types.FunctionType(compile("", "", "exec"), {"__name__": "psycopg2.extras"})
    run.__module__ = "psycopg2.extras"
    aliases = {"cv2": libraries["cv2"], "pd": libraries["pandas"], "pl": libraries["polars"]}
    unseen = Unseen()

    unseen.note_readers([source], {**aliases, "run": run, "bucket": "s3://b/x.parquet"})

    assert list(unseen.texts) == expected


def test_note_modules__source_of_local_modules__tells_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There, a library is known by its own name."""
    monkeypatch.setitem(sys.modules, "netCDF4", types.ModuleType("netCDF4"))
    unseen = Unseen()

    unseen.note_modules(["import netCDF4 as nc", "import pandas as pd\npd.read_csv(x)"])

    assert list(unseen.texts) == ["netCDF4 reads files in a way that cannot be watched"]


def test_used_code__setup__is_what_is_not_an_import() -> None:
    """To import a library is not to use it."""
    assert used_code("import h5py\nx = h5py.version\nfrom a import b") == "x = h5py.version"
    assert used_code("%matplotlib inline\nimport h5py") == "%matplotlib inline\nimport h5py"


def test_recording__signature__is_that_before_own_changes(step: Step) -> None:
    """The command can tell that a file was changed after it was read."""
    path = step.work / "a.csv"
    before = signature(str(path))

    step.run("open('a.csv').read(); open('a.csv', 'a').write('more')")

    found = step.recording.files.summary()["reads"]
    assert found == [[str(path), before]]
    assert signature(str(path)) != before
    assert before is not None
    assert before[2] == 8


def test_recording__listing__has_the_digest_of_the_sorted_names(step: Step) -> None:
    """As it was at first."""
    step.run("import os\nos.listdir('data'); open('data/new', 'w').close(); os.listdir('data')")

    names = b"c.csv\0sub"
    expected = "dir:" + hashlib.sha256(names).hexdigest()
    assert step.recording.files.summary()["listings"] == [[str(step.work / "data"), expected]]


def test_recording__environment__has_digests(step: Step) -> None:
    """None for what was not set."""
    step.run("import os\nos.getenv('KP_SET'), os.getenv('KP_UNSET')")

    assert step.recording.environment.read == {
        "KP_SET": hashlib.sha256(b"1").hexdigest(),
        "KP_UNSET": None,
    }


def test_recording__home_around_the_notebook__leaves_out_its_own_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home may be the notebook's own directory."""
    (tmp_path / "runs" / "r").mkdir(parents=True)
    for name in ("a.csv", "runs/r/value"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    call = {"result": str(tmp_path / "runs/r/result.json"), "home": str(tmp_path)}
    recording = Recording(call, namespace, TESTS)

    for name in ("a.csv", "runs/r/value"):
        Path(name).read_text(encoding="utf-8")

    recording.pause()
    assert list(recording.files.reads) == [str(tmp_path / "a.csv")]


def test_recording__something_unexpected__is_unseen_and_harmless(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step goes on, but its result is not used again."""
    monkeypatch.setattr(step.recording.files, "opened", lambda: None)
    step.recording.resume()

    found = step.run("text = open('a.csv').read()")

    assert step.namespace["text"] == "x,y\n1,2\n"
    (text,) = found["unseen"]
    assert text.startswith("something could not be watched (TypeError: ")
