"""Where cloudpickle is not installed, the copy beside the runtime is used."""

import shutil
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

import kernelpipe.runtime
from kernelpipe.runtime import pickling

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from kernelpipe_runtime import values
sys.path.pop(0)
before = list(sys.path)
values.dump_group(["f"], {"f": (lambda: 5)}, sys.argv[2])
print(values.read_values(sys.argv[2])["f"]())
print(sys.path == before, sys.modules["cloudpickle"].__file__.startswith(sys.argv[1]))
"""


def test_values__cloudpickle_not_installed__use_the_bundled_copy(tmp_path: Path) -> None:
    """As in an image that has nothing of ours."""
    runtime = tmp_path / "runtime"
    for name, module in (("kernelpipe_runtime", kernelpipe.runtime), ("cloudpickle", cloudpickle)):
        source = Path(str(module.__file__)).parent
        shutil.copytree(source, runtime / name, ignore=shutil.ignore_patterns("__pycache__"))

    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, str(runtime), str(tmp_path / "v")],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "5\nTrue True\n"


def test_import_cloudpickle__nowhere__fails_and_leaves_the_path_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error is Python's own."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    before = list(sys.path)

    with pytest.raises(ImportError, match="cloudpickle"):
        pickling.import_cloudpickle.__wrapped__()

    assert sys.path == before
