"""Measures how long drawing and compiling notebooks of 10, 100 and 500 steps takes."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit

from kernelpipe import api
from kernelpipe.backends import kfp
from kernelpipe.compiler import lower

STEPS = (10, 100, 500)
REPEATS = 5


def main() -> None:
    """Print a table of medians in milliseconds."""
    columns = ("steps", "graph", "lower", "emit", "in all", "IR KB", "command graph", "compile")
    _say(f"Compiling a chain of steps; medians of {REPEATS} in ms")
    _say("  ".join(f"{column:>13}" for column in columns))
    with tempfile.TemporaryDirectory() as folder:
        for count in STEPS:
            _say("  ".join(f"{text:>13}" for text in _measure(Path(folder), count)))


def _measure(folder: Path, count: int) -> list[str]:
    path = kit.write(folder / f"chain_{count}.ipynb", *_chain(count))
    pipeline = api.graph(path)
    tasks = lower(pipeline)
    text = kfp.emit_ir(pipeline, tasks)
    parts = [
        _median_ms(lambda: api.graph(path)),
        _median_ms(lambda: lower(pipeline)),
        _median_ms(lambda: kfp.emit_ir(pipeline, tasks)),
    ]
    command = [sys.executable, "-m", "kernelpipe"]
    graph = [*command, "graph", str(path)]
    compiling = [*command, "compile", str(path), "-o", str(path.with_suffix(".yaml"))]
    numbers = [*parts, sum(parts), len(text.encode()) / 1000]
    numbers += [_median_ms(lambda: _run(graph)), _median_ms(lambda: _run(compiling))]
    return [str(count), *(f"{number:.0f}" for number in numbers)]


def _chain(count: int) -> list[kit.JSON]:
    """Return a parameters cell and ``count`` steps, each of which uses the one before."""
    cells = [kit.code("import math\n\nrate = 0.5\nname = 'a'", "parameters")]
    for number in range(count):
        before = f"x{number - 1}" if number else "0"
        source = f"x{number} = {before} + math.sqrt(rate)\nprint('step {number}', x{number})"
        cells.append(kit.code(source, f"step:s{number}"))
    return cells


def _median_ms(action: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
