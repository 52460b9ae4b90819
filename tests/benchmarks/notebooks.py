"""The notebooks that are measured."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit

BIG_BYTES = 300_000_000
"""Of the frame and the array of :func:`boundary` together."""


def chain(path: Path, count: int, *, work: str = "") -> Path:
    """Write a chain of steps, each of which uses the value of the one before and does ``work``."""
    cells = [kit.code("import time", "imports")] if work else []
    for number in range(count):
        before = f"x{number - 1}" if number else "0"
        source = f"x{number} = {before} + 1\n{work}print(x{number})"
        cells.append(kit.code(source, f"step:s{number}"))
    return kit.write(path, *cells)


def sweep(path: Path) -> Path:
    """Write five steps of which only the last one reads the parameter ``lr``."""
    cells = [kit.code("lr = 0.5", "parameters")]
    cells += [
        kit.code(f"x{n} = {f'x{n - 1}' if n else '0'} + 1\nprint(x{n})", f"step:s{n}")
        for n in range(4)
    ]
    cells += [kit.code("score = x3 * lr\nscore", "step:last", "metrics")]
    return kit.write(path, *cells)


def sleeps(path: Path, count: int) -> Path:
    """Write steps that need nothing of each other and sleep two seconds."""
    return kit.write(
        path,
        kit.code("import time", "imports"),
        *(kit.code("time.sleep(2)", f"step:s{number}") for number in range(count)),
    )


def boundary(path: Path, *, is_crossed: bool) -> Path:
    """Write a notebook that makes a 200 MB frame and a 100 MB array and looks at all of them.

    Looking is a step of its own if the boundary is to be crossed.
    """
    make = (
        "frame = pd.DataFrame(np.arange(25_000_000, dtype='f8').reshape(-1, 10))\n"
        "array = np.arange(12_500_000, dtype='i8')"
    )
    look = "total = frame.to_numpy().sum() + array.sum()\ntotal"
    return kit.write(
        path,
        kit.code("import numpy as np\nimport pandas as pd", "imports"),
        kit.code(make, "step:make"),
        kit.code(look, *(["step:look"] if is_crossed else [])),
    )


def ploomber_chain(folder: Path, count: int) -> None:
    """Write a Ploomber pipeline of ``count`` notebooks in a chain to ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    tasks = []
    for number in range(count):
        upstream = f"['s{number - 1}']" if number else "None"
        kit.write(
            folder / f"s{number}.ipynb",
            kit.code(f"upstream = {upstream}\nproduct = None", "parameters"),
            kit.code("x = 1\nprint(x)"),
        )
        tasks.append(f"  - source: s{number}.ipynb\n    product: out/s{number}.ipynb\n")
    (folder / "pipeline.yaml").write_text("tasks:\n" + "".join(tasks))
