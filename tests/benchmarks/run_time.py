"""Measures running five trivial cells: as five steps, with papermill five times, in one kernel."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit

STEPS = 5
REPEATS = 3
ONE_KERNEL = """
import sys, nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read(sys.argv[1], as_version=4)).execute()
"""


def main() -> None:
    """Print a table of median wall and CPU seconds, children included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chain = kit.write(folder / "chain.ipynb", *_chain())
        single = kit.write(folder / "single.ipynb", kit.code("x = 1\nprint(x)"))
        ways: dict[str, Callable[[], None]] = {
            "kernelpipe run": lambda: _kernelpipe(chain, folder),
            f"papermill x {STEPS}": lambda: _papermill(single, folder),
            "one kernel (nbclient)": lambda: _command("-c", ONE_KERNEL, str(chain)),
        }
        measured = {way: _measure(action) for way, action in ways.items()}
    wall_of_ours, cpu_of_ours = measured["kernelpipe run"]
    _say(f"{STEPS} trivial cells, one step each, in a chain; medians of {REPEATS}")
    _say(f"{'':24}{'wall s':>8}{'CPU s':>8}{'wall / ours':>14}{'CPU / ours':>14}")
    for way, (wall, cpu) in measured.items():
        _say(f"{way:24}{wall:8.2f}{cpu:8.2f}{wall / wall_of_ours:14.2f}{cpu / cpu_of_ours:14.2f}")


def _chain() -> list[kit.JSON]:
    cells = []
    for number in range(STEPS):
        before = f"x{number - 1}" if number else "0"
        cells.append(kit.code(f"x{number} = {before} + 1\nprint(x{number})", f"step:s{number}"))
    return cells


def _measure(action: Callable[[], None]) -> tuple[float, float]:
    """Return median wall and CPU seconds; the first, unmeasured time warms the file cache."""
    action()
    walls, cpus = [], []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), _children_cpu_s()
        action()
        walls.append(time.perf_counter() - wall)
        cpus.append(_children_cpu_s() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def _children_cpu_s() -> float:
    """Return the CPU seconds of all processes that ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kernelpipe(notebook: Path, folder: Path) -> None:
    home = folder / "home"
    text = _command("-m", "kernelpipe", "run", str(notebook), "--home", str(home), "--json")
    if json.loads(text)["state"] != "SUCCEEDED":
        raise SystemExit(f"the run failed: {text}")
    shutil.rmtree(home)


def _papermill(notebook: Path, folder: Path) -> None:
    for number in range(STEPS):
        _command("-m", "papermill", str(notebook), str(folder / f"out_{number}.ipynb"))


def _command(*words: str) -> str:
    environment = os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    ended = subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, text=True, env=environment
    )
    return ended.stdout


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
