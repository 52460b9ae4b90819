"""Ways in which a step can depend on what is outside: none may let a stale result be used.

All ways are steps of one notebook, so that few runs do for all of them.
"""

import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import edited_project
import kit
import pytest
from edited_project import Outcome, Project

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def _text(path: Path, version: int) -> None:
    path.write_text(("one\n", "three\n")[version])


def _number(path: Path, version: int) -> None:
    path.write_text(("1\n2\n", "1\n3\n")[version])


def _module(path: Path, version: int) -> None:
    path.write_text(("WORD = 'one'\nprint(WORD)\n", "WORD = 'three'\nprint(WORD)\n")[version])


def _array(path: Path, version: int) -> None:
    import numpy as np

    with path.open("wb") as file:
        np.save(file, np.arange(3 + version))


def _parquet(path: Path, version: int) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1, 2 + version]}).to_parquet(path)


def _database(path: Path, version: int) -> None:
    with sqlite3.connect(path) as opened:
        opened.execute("drop table if exists t")
        opened.execute("create table t (a)")
        opened.execute("insert into t values (?)", [version])
    opened.close()


def _archive(path: Path, version: int) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("member", ("one", "three")[version])


def _presence(path: Path, version: int) -> None:
    if version:
        path.write_text("here")


def _absence(path: Path, version: int) -> None:
    if version:
        path.unlink()
    else:
        path.write_text("here")


def _folder(path: Path, version: int) -> None:
    path.mkdir(exist_ok=True)
    (path / f"{version}.txt").write_text("x")


def _deep_folder(path: Path, version: int) -> None:
    (path / "a" / "b").mkdir(exist_ok=True, parents=True)
    (path / "a" / "b" / f"{version}.txt").write_text("x")


def _variable(path: Path, version: int) -> None:
    os.environ[_variable_name(path.stem)] = ("one", "three")[version]


def _variable_name(name: str) -> str:
    return f"KP_{name.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to depend on something.

    In ``source``, FILE stands for the path, VARIABLE for the name of a variable; ``write`` puts
    version 0 or 1 there. ``is_watched`` tells that nothing changed means nothing to run.
    """

    source: str
    write: Callable[[Path, int], None] = _text
    is_watched: bool = True
    is_alone: bool = False
    """Whether it has a notebook of its own, since later steps may use anything from it."""


READS = {
    "open": Way(source="print(open('FILE').read())"),
    "open-bytes-path": Way(source="print(open(b'FILE').read())"),
    "open-for-update": Way(source="with open('FILE', 'r+') as file: print(file.read())"),
    "pathlib": Way(source="from pathlib import Path\nprint(Path('FILE').read_text())"),
    "pathlib-resolved": Way(
        source="from pathlib import Path\nprint(Path('FILE').resolve().read_bytes())"
    ),
    "os-open": Way(source="import os\nfd = os.open('FILE', os.O_RDONLY)\nprint(os.read(fd, 99))"),
    "open-in-folder": Way(
        source="import os\nfolder = os.open(os.path.dirname('FILE'), os.O_RDONLY)\n"
        "fd = os.open(os.path.basename('FILE'), os.O_RDONLY, dir_fd=folder)\nprint(os.read(fd, 9))",
        is_watched=False,
    ),
    "after-chdir": Way(
        source="import os\nos.chdir('in')\nprint(open(os.path.basename('FILE')).read())",
        is_alone=True,
    ),
    "in-a-thread": Way(
        source="from threading import Thread\nfound = []\n"
        "thread = Thread(target=lambda: found.append(open('FILE').read()))\n"
        "thread.start()\nthread.join()\nprint(found)"
    ),
    "in-a-pool": Way(
        source="from concurrent.futures import ThreadPoolExecutor\nfrom pathlib import Path\n"
        "with ThreadPoolExecutor() as pool:\n"
        "    print(list(pool.map(Path.read_text, [Path('FILE')])))"
    ),
    "in-a-child": Way(
        source="import subprocess, sys\nprint(subprocess.run([sys.executable, '-c',"
        " 'print(open(\"FILE\").read())'], capture_output=True, check=True).stdout)",
        is_watched=False,
    ),
    "in-a-fork": Way(
        source="import os\nends = os.pipe()\nchild = os.fork()\nif child == 0:\n"
        "    os.write(ends[1], open('FILE', 'rb').read())\n    os._exit(0)\n"
        "os.waitpid(child, 0)\nprint(os.read(ends[0], 99))",
        is_watched=False,
    ),
    "in-multiprocessing": Way(
        source="from multiprocessing import get_context\nfrom pathlib import Path\n"
        "with get_context('fork').Pool(1) as pool:\n"
        "    print(pool.map(Path.read_text, [Path('FILE')]))",
        is_watched=False,
    ),
    "shell": Way(source="!cat FILE", is_watched=False),
    "shell-assigned": Way(source="lines = !cat FILE\nprint(lines)", is_watched=False),
    "cell-magic": Way(source="%%bash\ncat FILE", is_watched=False),
    "popen": Way(source="import os\nprint(os.popen('cat FILE').read())", is_watched=False),
    "system": Way(source="import os\nprint(os.system('grep -q one FILE'))", is_watched=False),
    "mmap": Way(
        source="import mmap\nwith open('FILE', 'rb') as file:\n"
        "    print(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:])"
    ),
    "linecache": Way(source="import linecache\nprint(linecache.getlines('FILE'))"),
    "shutil-copy": Way(
        source="import shutil\nshutil.copyfile('FILE', 'FILE.2')\nprint(open('FILE.2').read())"
    ),
    "zip": Way(
        source="import zipfile\nfile = zipfile.ZipFile('FILE')\nprint(file.read('member'))",
        write=_archive,
    ),
    "sqlite": Way(
        source="import sqlite3\ndb = sqlite3.connect('FILE')\n"
        "print(db.execute('select a from t').fetchall())",
        write=_database,
    ),
    "numpy-load": Way(source="import numpy as np\nprint(np.load('FILE'))", write=_array),
    "numpy-mapped": Way(
        source="import numpy as np\nprint(np.array(np.load('FILE', mmap_mode='r')))", write=_array
    ),
    "numpy-fromfile": Way(source="import numpy as np\nprint(np.fromfile('FILE', 'u1'))"),
    "numpy-loadtxt": Way(source="import numpy as np\nprint(np.loadtxt('FILE'))", write=_number),
    "pandas-csv": Way(source="import pandas as pd\nprint(pd.read_csv('FILE'))", write=_number),
    "pandas-csv-mapped": Way(
        source="import pandas as pd\nprint(pd.read_csv('FILE', memory_map=True))", write=_number
    ),
    "pandas-parquet": Way(
        source="import pandas as pd\nprint(pd.read_parquet('FILE'))", write=_parquet
    ),
    "arrow-parquet": Way(
        source="import pyarrow.parquet as pq\nprint(pq.read_table('FILE').to_pydict())",
        write=_parquet,
    ),
    "arrow-mapped": Way(
        source="import pyarrow as pa\nprint(pa.memory_map('FILE').read())", is_watched=False
    ),
    "exec": Way(source="exec(open('FILE').read())", write=_module, is_alone=True),
    "run-magic": Way(source="%run FILE", write=_module, is_alone=True),
    "runpy": Way(source="import runpy\nprint(runpy.run_path('FILE')['WORD'])", write=_module),
    "imported-by-name": Way(
        source="import importlib, sys\nsys.path.insert(0, 'in')\n"
        "print(importlib.import_module('imported-by-name').WORD)",
        write=_module,
        is_alone=True,
    ),
    "exists": Way(source="import os\nprint(os.path.exists('FILE'))", write=_presence),
    "is-file": Way(
        source="from pathlib import Path\nprint(Path('FILE').is_file())", write=_absence
    ),
    "size": Way(source="import os\nprint(os.path.getsize('FILE'))"),
    "stat": Way(source="import os\nprint(os.stat('FILE').st_size)", is_watched=False),
    "path-stat": Way(source="from pathlib import Path\nprint(Path('FILE').stat().st_size)"),
    "access": Way(
        source="import os\nprint(os.access('FILE', os.R_OK))", write=_presence, is_watched=False
    ),
    "open-missing": Way(
        source="try:\n    print(open('FILE').read())\nexcept FileNotFoundError:\n    print('none')",
        write=_presence,
    ),
    "listdir": Way(source="import os\nprint(sorted(os.listdir('FILE')))", write=_folder),
    "glob": Way(source="import glob\nprint(sorted(glob.glob('FILE/*.txt')))", write=_folder),
    "path-glob": Way(
        source="from pathlib import Path\nprint(sorted(Path('FILE').rglob('*')))",
        write=_deep_folder,
    ),
    "walk": Way(
        source="import os\nprint([sorted(names) for _, _, names in sorted(os.walk('FILE'))])",
        write=_deep_folder,
    ),
    "environ": Way(source="import os\nprint(os.environ['VARIABLE'])", write=_variable),
    "getenv": Way(source="import os\nprint(os.getenv('VARIABLE'))", write=_variable),
    "environ-in": Way(
        source="import os\nprint([v for k, v in sorted(os.environ.items()) if k == 'VARIABLE'])",
        write=_variable,
        is_watched=False,
    ),
    "environ-copied": Way(
        source="import os\nprint(dict(os.environ)['VARIABLE'])", write=_variable, is_watched=False
    ),
    "expandvars": Way(source="import os\nprint(os.path.expandvars('$VARIABLE'))", write=_variable),
    "environ-bytes": Way(source="import os\nprint(os.environb[b'VARIABLE'])", write=_variable),
    "environ-of-the-shell": Way(source="!echo $VARIABLE", write=_variable, is_watched=False),
}

WRITES = {
    "open": "open('FILE', 'w').write('x')",
    "pathlib": "from pathlib import Path\nPath('FILE').write_text('x')",
    "os-open": "import os\nfd = os.open('FILE', os.O_WRONLY | os.O_CREAT)\nos.write(fd, b'x')",
    "replaced": "import os\nopen('FILE.new', 'w').write('x')\nos.replace('FILE.new', 'FILE')",
    "renamed": "from pathlib import Path\nPath('FILE.new').write_text('x')\n"
    "Path('FILE.new').rename('FILE')",
    "copied": "import shutil\nshutil.copy('in/source.txt', 'FILE')",
    "moved": "import shutil\nopen('FILE.new', 'w').write('x')\nshutil.move('FILE.new', 'FILE')",
    "linked": "import os\nif not os.path.lexists('FILE'):\n"
    "    os.symlink(os.path.abspath('in/source.txt'), 'FILE')",
    "hard-linked": "import os\nopen('FILE.new', 'w').write('x')\nos.link('FILE.new', 'FILE')",
    "in-folder": "import os\nfolder = os.open('out', os.O_RDONLY)\n"
    "fd = os.open(os.path.basename('FILE'), os.O_WRONLY | os.O_CREAT, dir_fd=folder)\n"
    "os.write(fd, b'x')",
    "sqlite": "import sqlite3\nwith sqlite3.connect('FILE') as db:\n"
    "    db.execute('create table if not exists t (a)')",
    "numpy": "import numpy as np\nnp.savetxt('FILE', np.arange(3))",
    "tofile": "import numpy as np\nnp.arange(3).tofile('FILE')",
    "csv": "import pandas as pd\npd.DataFrame({'a': [1]}).to_csv('FILE')",
    "parquet": "import pandas as pd\npd.DataFrame({'a': [1]}).to_parquet('FILE')",
    "arrow": "import pyarrow as pa\nimport pyarrow.parquet as pq\n"
    "pq.write_table(pa.table({'a': [1]}), 'FILE')",
    "in-a-child": "import subprocess\nsubprocess.run(['touch', 'FILE'], check=True)",
    "shell": "!echo x > FILE",
    "in-a-fork": "import os\nchild = os.fork()\nif child == 0:\n    open('FILE', 'w').close()\n"
    "    os._exit(0)\nos.waitpid(child, 0)",
    "zip": "import shutil\nshutil.make_archive('FILE', 'zip', 'in', 'source.txt')\n"
    "import os\nos.rename('FILE.zip', 'FILE')",
    "written-file-magic": "%%writefile FILE\nx",
}

MARK = "import time\nprint('token', time.time_ns())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What plan and run said of a project, before and after everything outside was changed."""

    unchanged: Mapping[str, str]
    """Step -> verdict."""
    first: Outcome
    changed: Mapping[str, str]
    reasons: Mapping[str, list[str]]
    incremental: Outcome
    fresh: Outcome

    def output(self, name: str, outcome: Outcome) -> object:
        """Return what the cell of a way showed in a run."""
        return outcome.shown["cells"][list(self.unchanged).index(name) * 2]


def _cells(sources: Mapping[str, str], folder: str) -> list[kit.JSON]:
    """Return a step per source: a cell of its own for the source, magics stand first there."""
    cells = []
    for name, source in sources.items():
        path = f"{folder}/{name}.py"
        text = source.replace("FILE", path).replace("VARIABLE", _variable_name(name))
        cells += [kit.code(text, f"step:{name}"), kit.code(MARK)]
    return cells


def _observe(project: Project, change: Callable[[], None], kept: Path) -> Found:
    first = edited_project.run(project)
    assert first.shown["state"] == "SUCCEEDED", first.shown["errors"]
    unchanged = edited_project.plan(project)
    change()
    changed = edited_project.plan(project)
    edited_project.copy_tree(project.root, kept)
    incremental = edited_project.run(project)
    edited_project.copy_tree(kept, project.root)
    return Found(
        first=first,
        unchanged={step["name"]: step["verdict"] for step in unchanged["steps"]},
        changed={step["name"]: step["verdict"] for step in changed["steps"]},
        reasons={step["name"]: step["reasons"] for step in changed["steps"]},
        incremental=incremental,
        fresh=edited_project.run_afresh(project, kept / "empty"),
    )


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Found]]:
    """Return what happened, by way, when all that steps read was changed."""
    together = {name: way for name, way in READS.items() if not way.is_alone}
    groups = [together, *({name: way} for name, way in READS.items() if way.is_alone)]
    with pytest.MonkeyPatch.context() as patch:
        for name in READS:
            patch.setenv(_variable_name(name), "to be undone")
        found: dict[str, Found] = {}
        for ways in groups:
            seen = _observe_reads(tmp_path_factory.mktemp("reads"), ways)
            found |= dict.fromkeys(ways, seen)
        yield found


def _observe_reads(folder: Path, ways: Mapping[str, Way]) -> Found:
    (folder / "project" / "in").mkdir(parents=True)
    sources = {name: way.source for name, way in ways.items()}
    project = edited_project.make(folder / "project", _cells(sources, "in"), {})

    def write(version: int) -> None:
        for name, way in ways.items():
            way.write(project.file(f"in/{name}.py"), version)

    write(0)
    return _observe(project, lambda: write(1), folder / "kept")


@pytest.mark.parametrize("name", READS)
def test_influence__changes__the_step_runs_and_sees_it(
    reads: Mapping[str, Found], name: str
) -> None:
    """Whatever the way, nothing stale is used; plan says beforehand that it will run."""
    found = reads[name]

    assert name in found.incremental.executed
    assert found.changed[name] == "run", found.reasons[name]
    assert found.output(name, found.incremental) == found.output(name, found.fresh)
    assert found.output(name, found.fresh) != found.output(name, found.first)


@pytest.mark.parametrize("name", [name for name, way in READS.items() if way.is_watched])
def test_influence__nothing_changed__the_step_is_found(
    reads: Mapping[str, Found], name: str
) -> None:
    """Ways that are watched do not make a step run each time."""
    assert reads[name].unchanged[name] == "found"


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Return what happened when all that steps wrote was removed."""
    folder = tmp_path_factory.mktemp("writes")
    (folder / "project" / "out").mkdir(parents=True)
    project = edited_project.make(folder / "project", _cells(WRITES, "out"), {"in/source.txt": "x"})

    def remove() -> None:
        for path in project.file("out").iterdir():
            path.unlink()

    return _observe(project, remove, folder / "kept")


@pytest.mark.parametrize("name", WRITES)
def test_written_file__was_removed__the_step_runs_and_writes_it(writes: Found, name: str) -> None:
    """Whatever the way, the run leaves the files that a fresh run leaves."""
    path = f"out/{name}.py"

    assert name in writes.incremental.executed
    assert writes.changed[name] == "run", writes.reasons[name]
    assert path in writes.fresh.shown["files"]
    assert path in writes.incremental.shown["files"]
