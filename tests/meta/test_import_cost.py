"""Tests that commands load only what they need: by module names, not by time."""

import json
import subprocess
import sys
from pathlib import Path

import kit
import pytest

HEAVY = (
    "IPython",
    "asyncio",
    "cloudpickle",
    "concurrent",
    "email",
    "http",
    "jupyter_client",
    "kfp",
    "mlflow",
    "multiprocessing",
    "nbclient",
    "nbconvert",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "sqlite3",
    "subprocess",
    "tempfile",
    "tqdm",
    "unittest",
    "yaml",
)
PROGRAM = """
import json, sys
from kernelpipe.cli.main import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]), file=sys.stderr)
"""


def _heavy_modules(*words: str) -> list[str]:
    """Return the heavy modules that are loaded once a command has run."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0, ended.stderr
    return [name for name in HEAVY if name in modules]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook with parameters, functions, two steps and a metric."""
    return kit.write(
        tmp_path / "nb.ipynb",
        kit.code("import json\nimport os.path as p", "imports"),
        kit.code("n = 3\nrate = 0.5\ndouble = n * 2", "parameters"),
        kit.code("def f(x):\n    return x + double", "functions"),
        kit.code("data = [f(i) for i in range(n)]", "step:load"),
        kit.code("total = sum(data) * rate", "step:total"),
        kit.code("print(total)", "metrics"),
    )


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_kernelpipe__help__loads_nothing_heavy(words: list[str]) -> None:
    """Help is there at once."""
    assert _heavy_modules(*words) == []


@pytest.mark.parametrize("command", ["graph", "check"])
def test_kernelpipe__analysis_command__loads_nothing_heavy(command: str, notebook: Path) -> None:
    """Drawing and checking a notebook of plain Python needs the standard library alone."""
    assert _heavy_modules(command, str(notebook)) == []


def test_kernelpipe__import__is_light() -> None:
    """``import kernelpipe`` loads no module of its own but the version."""
    program = "import sys, kernelpipe; print(sorted(m for m in sys.modules if 'kernelp' in m))"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "['kernelpipe', 'kernelpipe._version']"
