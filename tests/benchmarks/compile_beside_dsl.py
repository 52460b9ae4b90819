"""Measures compiling a notebook beside building the same pipeline with ``kfp.dsl``.

Both make a chain of steps, each with a step's source, an input and an output artifact, and write
the YAML. Ours begins at the notebook's file: reading, analysis, lowering, resolving packages,
packing code, checking and writing count; "emit" is what is like theirs, from the steps in memory to
the YAML. Theirs begins at component functions that exist, so nothing of what a user must write by
hand counts. Ways take turns, and the least of their processor times is taken: what else the machine
does counts less.

In one process nothing is loaded anew, and each of our compilations gets another notebook: only what
does not depend on its steps is known from the one before. As commands, everything that is loaded
counts. What kernelpipe keeps in the user's cache is there, except for "first", the first command
after an installation.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit
from measure import PROGRAMS, cost

sys.path.insert(0, str(PROGRAMS))

from kfp_dsl_chain import SOURCE, WAYS

from kernelpipe import api
from kernelpipe.backends import kfp
from kernelpipe.compiler import lower

STEPS = (10, 100, 500)
REPEATS = 5
LIMIT = 5
"""How many times faster than ``kfp.dsl`` we want to be."""


def main() -> None:
    """Print both tables: milliseconds, and how many times faster ours are."""
    with tempfile.TemporaryDirectory(prefix="kernelpipe-bench-") as name:
        _say(f"Least CPU time of {REPEATS} in ms; how often ours fits into each of theirs")
        _row("in one process", "ours", "emit", *WAYS, "ours fits", "emit fits")
        for count in STEPS:
            ours, emit, *theirs = _in_process(Path(name), count)
            _row(f"{count} steps", ours, emit, *theirs, _fits(theirs, ours), _fits(theirs, emit))
        _row("as a command", "ours", "first", *WAYS, "ours fits", "first fits")
        for count in STEPS:
            ours, first, *theirs = _as_commands(Path(name), count)
            _row(f"{count} steps", ours, first, *theirs, _fits(theirs, ours), _fits(theirs, first))


def _in_process(folder: Path, count: int) -> list[float]:
    out = folder / "out.yaml"
    written = iter(range(REPEATS + 1))

    def write() -> Path:
        return _notebook(folder, count, next(written))

    def emission() -> Callable[[], object]:
        pipeline = api.graph(_notebook(folder, count, 0), include_tests=False)
        return partial(kfp.emit_ir, pipeline, lower(pipeline))

    ways: list[Callable[[], Callable[[], object]]] = [
        lambda: partial(api.compile_notebook, write(), out),
        emission,
        *(partial(partial, way, count, str(out)) for way in WAYS.values()),
    ]
    for prepare in ways:
        prepare()()
    taken = [[_time_ms(prepare) for prepare in ways] for _ in range(REPEATS)]
    return [min(times) for times in zip(*taken, strict=True)]


def _as_commands(folder: Path, count: int) -> list[float]:
    notebook = _notebook(folder, count, 0)
    out = folder / "out.yaml"
    compiling = [sys.executable, "-m", "kernelpipe", "compile", notebook, "-o", out]
    building = [[sys.executable, PROGRAMS / "kfp_dsl_chain.py", way, count, out] for way in WAYS]
    kept, none = ({"XDG_CACHE_HOME": str(folder / name)} for name in ("kept", "none"))

    def first() -> float:
        shutil.rmtree(none["XDG_CACHE_HOME"], ignore_errors=True)
        return cost(compiling, cwd=folder, env=none).cpu_s

    ways = [
        lambda: cost(compiling, cwd=folder, env=kept).cpu_s,
        first,
        *((lambda words=words: cost(words, cwd=folder).cpu_s) for words in building),
    ]
    for way in ways:
        way()
    taken = [[way() for way in ways] for _ in range(REPEATS)]
    return [1000 * min(times) for times in zip(*taken, strict=True)]


def _notebook(folder: Path, count: int, number: int) -> Path:
    """Write a notebook that differs from those of other numbers in every step."""
    cells = [kit.code("import math", "imports"), kit.code("rate = 0.5", "parameters")]
    cells += [kit.code(f"x0 = {number}.0", "step:s0")]
    cells += [
        kit.code(SOURCE.format(n=n, before=n - 1) + f"  # {number}", f"step:s{n}")
        for n in range(1, count)
    ]
    return kit.write(folder / f"chain_{count}.ipynb", *cells)


def _time_ms(prepare: Callable[[], Callable[[], object]]) -> float:
    action = prepare()
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1000


def _fits(theirs: list[float], ours: float) -> str:
    ratios = [each / ours for each in theirs]
    verdict = "ok" if min(ratios) >= LIMIT else f"< {LIMIT}"
    return "  ".join(f"{ratio:.1f}" for ratio in ratios) + f"  {verdict}"


def _row(*words: object) -> None:
    texts = [f"{word:.0f}" if isinstance(word, float) else str(word) for word in words]
    widths = (15, 6, 6, *(max(6, len(way)) for way in WAYS), 16, 16)
    _say("  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("KERNELPIPE_MLFLOW", "off")
    main()
