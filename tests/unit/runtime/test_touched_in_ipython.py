"""What steps touch in real IPython shells, with the libraries that notebooks use."""

from pathlib import Path
from typing import Any

import pytest
from pipeline_in_process import ShellServer

from tests.step_kit import Steps, difference, relative


@pytest.fixture(name="steps")
def new_steps(shell_server: ShellServer, tmp_path: Path) -> Steps:
    """Provide a directory of data to run steps in."""
    return Steps(shell_server, tmp_path)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("1 + 1", {}),
    "pandas": (
        "df = pd.read_csv('a.csv'); df.to_csv('data/new.csv', index=False); df.groupby('x').sum()",
        {"reads": ["a.csv"], "writes": ["data/new.csv"], "kinds": {"data": "is:dir"}},
    ),
    "pandas_many": (
        "frames = [pd.read_csv(p) for p in sorted(Path('data').glob('*.csv'))]\npd.concat(frames)",
        {"reads": ["data/b.csv", "data/c.csv"], "listings": ["data"]},
    ),
    "pandas_time_zone": ("pd.Timestamp('2024-01-01', tz='Europe/Berlin').tz_convert('UTC')", {}),
    "parquet_directory": (
        (
            "pd.read_csv('a.csv').to_parquet('parts', partition_cols=['x'],"
            " basename_template='{i}.parquet')\npd.read_parquet('parts')"
        ),
        {
            "reads": ["a.csv"],
            "writes": ["parts/x=1/0.parquet", "parts/x=3/0.parquet"],
            "listings": ["parts", "parts/x=1", "parts/x=3"],
        },
    ),
    "arrow": (
        (
            "import pyarrow.parquet as pq, pyarrow.csv, pyarrow.feather, pyarrow.dataset\n"
            "t = pyarrow.csv.read_csv('a.csv'); pq.write_table(t, 'data/t.parquet')\n"
            "pq.read_table('data/t.parquet'); pyarrow.feather.write_feather(t, 'f')\n"
            "pyarrow.feather.read_table('f'); pyarrow.dataset.dataset('data/b.csv', format='csv')"
        ),
        {"reads": ["a.csv", "data/b.csv"], "writes": ["data/t.parquet", "f"]},
    ),
    "arrow_native": (
        "import pyarrow as pa\nwith pa.OSFile('a.csv') as f: f.read()",
        {
            "kinds": {"a.csv": "is:file"},
            "unseen": ["pyarrow reads files in a way that cannot be watched"],
        },
    ),
    "numpy": (
        (
            "np.savetxt('n.txt', np.eye(2)); np.loadtxt('n.txt'); np.genfromtxt('a.csv', "
            "delimiter=',')"
        ),
        {"reads": ["a.csv"], "writes": ["n.txt"]},
    ),
    "matplotlib": (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('p.png'); plt.show()",
        {"writes": ["p.png"]},
    ),
    "scikit_learn": (
        (
            "from sklearn.datasets import load_iris\n"
            "from sklearn.linear_model import LogisticRegression\n"
            "X, y = load_iris(return_X_y=True); LogisticRegression(max_iter=300).fit(X, "
            "y).score(X, y)"
        ),
        {},
    ),
    "scikit_learn_in_processes": (
        (
            "from sklearn.datasets import load_iris\n"
            "from sklearn.linear_model import LogisticRegression\n"
            "from sklearn.model_selection import cross_val_score\nX, "
            "y = load_iris(return_X_y=True)\n"
            "cross_val_score(LogisticRegression(max_iter=300), X, y, n_jobs=2)"
        ),
        {},
    ),
    "joblib_processes": (
        (
            "import joblib\n"
            "joblib.Parallel(2)(joblib.delayed(pd.read_csv)(p) for p in ('a.csv', 'data/b.csv'))"
        ),
        {"unseen": ["it starts workers in other processes, whose files cannot be watched"]},
    ),
    "joblib_threads": (
        (
            "import joblib\njoblib.Parallel(2, prefer='threads')(\n"
            "  joblib.delayed(pd.read_csv)(p) for p in ('a.csv', 'data/b.csv'))"
        ),
        {"reads": ["a.csv", "data/b.csv"]},
    ),
    "joblib_memory": (
        (
            "import joblib\nmemory = joblib.Memory('cache', verbose=0)\n"
            "double = memory.cache(len)\ndouble('ab')"
        ),
        {"writes": ..., "missing": ..., "kinds": ..., "reads": ..., "listings": ...},
    ),
    "multiprocessing_fork": (
        (
            "import multiprocessing\ndef read(path):\n    return len(pd.read_csv(path))\n"
            "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
            "    pool.map(read, ['a.csv', 'data/b.csv'])\n    pool.close(); pool.join()"
        ),
        {"reads": ["a.csv", "data/b.csv"]},
    ),
    "sqlite": (
        (
            "import sqlite3\nwith sqlite3.connect('x.db') as c:\n"
            "    pd.read_csv('a.csv').to_sql('t', c)\n"
            "pd.read_sql('select * from t', c)"
        ),
        {"reads": ["a.csv"], "missing": ["x.db", "x.db-wal"], "writes": ["x.db"]},
    ),
    "local_module": (
        "import local_one\nlocal_one.load()",
        {"reads": ["a.csv", "local_one.py"], "environment": ["KP_FILE"]},
    ),
    "run_magic": (
        "Path('script.py').write_text('z = 1')\n%run local_one.py",
        {"reads": ["local_one.py"], "writes": ["script.py"]},
    ),
    "writefile_magic": (
        "%%writefile made.py\nz = 1",
        {"writes": ["made.py"]},
    ),
    "shell_magic": (
        "!cat a.csv",
        {"unseen": ["it runs another program (cat), whose files cannot be watched"]},
    ),
    "shell_capture": (
        "lines = !ls data",
        {"unseen": ["it runs another program (ls), whose files cannot be watched"]},
    ),
    "bash_magic": (
        "%%bash\ntrue",
        {"unseen": ["it runs another program (bash), whose files cannot be watched"]},
    ),
    "cd_magic": (
        "%cd -q data\npd.read_csv('b.csv')",
        {"reads": ["data/b.csv"]},
    ),
    "html": ("from IPython.display import HTML\nHTML('nope')", {}),
    "env_magic": ("%env KP_X=1\nos.environ['KP_X']", {}),
    "environment": (
        "os.environ['KP_A'] = '1'\nos.environ.get('KP_A'), os.getenv('KP_B')",
        {"environment": ["KP_B"]},
    ),
    "requests_like": (
        (
            "import http.client\ntry:\n"
            "    http.client.HTTPConnection('nowhere.invalid').connect()\n"
            "except OSError:\n    pass"
        ),
        {"unseen": ["it talks to the network (nowhere.invalid)"]},
    ),
    "image": (
        "from PIL import Image\nImage.new('RGB', (2, 2)).save('i.png'); Image.open('i.png').load()",
        {"writes": ["i.png"]},
    ),
    "yaml_json": (
        "import json, yaml\njson.dump({}, open('j.json', 'w')); yaml.safe_load(open('a.csv'))",
        {"reads": ["a.csv"], "writes": ["j.json"]},
    ),
    "inspect_source": (
        "import inspect\nimport local_one\ninspect.getsource(local_one)",
        {"reads": ["local_one.py"]},
    ),
    "error_shown": (
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()",
        {},
    ),
    "logging_to_a_file": (
        "import logging\nlogging.basicConfig(filename='l.log', filemode='w')\nlogging.warning('x')",
        {"writes": ["l.log"]},
    ),
}


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_step__in_ipython__records_exactly(
    steps: Steps, source: str, expected: dict[str, Any]
) -> None:
    """Libraries' own files do not count, the user's do."""
    found = steps.touched(source)

    assert difference(found, expected) == {}


def test_step__tests_after_saving__are_recorded_too(steps: Steps) -> None:
    """What they read decides whether they pass."""
    cells, tests = ["open('a.csv').read()"], ["open('data/b.csv').read(); 1"]

    _, directory = steps.run(cells, tests=tests)

    found = relative(steps.result(directory)["touched"], steps.work)
    assert found["reads"] == ["a.csv", "data/b.csv"]


def test_step__not_to_be_recorded__says_nothing(steps: Steps) -> None:
    """Pods have no use for it."""
    _, directory = steps.run(["open('a.csv').read()"], call={"record": False})

    assert "touched" not in steps.result(directory)


def test_step__while_recorded__sees_nothing_of_it(steps: Steps) -> None:
    """Types, names, copies and pickles of what is watched are the same as ever."""
    source = """import os, copy, genericpath, pathlib, pickle, posixpath, subprocess, sys
e = os.environ
print(type(e), type(copy.copy(e)), type(e._data), e.encodekey.__qualname__, e.encodekey.__module__)
print(os.stat, os.path.exists.__module__, os.path.exists('a.csv'), os.path.getsize('a.csv'))
print(pickle.loads(pickle.dumps(os.stat)) is os.stat, e.copy() == dict(e), open.__module__)
e['KP_N'] = 'n'
command = [sys.executable, '-c', "import os; print(os.environ['KP_N'])"]
print(subprocess.run(command, capture_output=True, text=True).stdout)
del e['KP_N']
print('KP_N' in e, 'runtime' in ' '.join(sys.path))"""

    watched, _ = steps.run([source])
    plain, _ = steps.run([source], call={"record": False})

    assert watched == plain
    assert "environ" in watched[0][0]["text"]
