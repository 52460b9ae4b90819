"""Measures how the analysis of a notebook grows with its cells: CPU seconds and ratios.

Run as ``python tests/benchmarks/analysis_time.py [SHAPE ...]``. Each shape is analysed with 1,000
cells and with 4,000; linear growth makes the ratio four. With ``--memory`` it tells memory, too.
"""

import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kernelpipe.analysis import Session, build_pipeline
from kernelpipe.analysis.source import parse_cell
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.settings import PipelineSettings

SMALL, LARGE = 1000, 4000
MOST_RATIO = 5.0
"""Of the time for four times the cells; a quadratic part soon makes it ten and more."""
CELLS_A_STEP = 10

Sources = Iterable[tuple[str, str | None]]
"""The source of each cell, with the name of the step that it begins."""


def usual(count: int) -> Iterator[tuple[str, str | None]]:
    """Steps of ten cells: imports, a list that grows, arrays, functions that read them."""
    for i in range(count):
        first = i - i % CELLS_A_STEP
        if i == first:
            yield f"import numpy as np\nx{i} = [{i}]\n", f"s{i}"
        else:
            yield (
                (
                    f"df{i} = np.ones({i})\nx{first}.append(df{i}.sum())\n"
                    f"def f{i}(a):\n    return a + df{i}\nprint(f{i}(x{first}))"
                ),
                None,
            )


def one_frame(count: int) -> Iterator[tuple[str, str | None]]:
    """All cells change one frame."""
    yield "import pandas as pd\ndf = pd.DataFrame({'a': [1]})", "s0"
    for i in range(1, count):
        yield f"df['c{i}'] = df['a'] + {i}", f"s{i}" if i % CELLS_A_STEP == 0 else None


def chain(count: int) -> Iterator[tuple[str, str | None]]:
    """Each cell is a step that takes a value from the one before."""
    yield "x0 = [1]", "s0"
    for i in range(1, count):
        yield f"x{i} = [v + 1 for v in x{i - 1}]", f"s{i}"


def passed_through(count: int) -> Iterator[tuple[str, str | None]]:
    """Each cell is a step that binds one name anew from its old value."""
    yield "x = [1]", "s0"
    for i in range(1, count):
        yield f"x = [v + {i} for v in x]", f"s{i}"


def all_share(count: int) -> Iterator[tuple[str, str | None]]:
    """All names share one list, which is changed at the end of each step."""
    yield "x0 = []", "s0"
    for i in range(1, count):
        change = f"\nx{i}.append({i})" if i % CELLS_A_STEP == 0 else ""
        yield f"x{i} = x{i - 1}{change}", f"s{i}" if i % CELLS_A_STEP == 0 else None


def nested(count: int) -> Iterator[tuple[str, str | None]]:
    """Each list holds the one before."""
    yield "x0 = []", "s0"
    for i in range(1, count):
        yield f"x{i} = [x{i - 1}]", f"s{i}" if i % CELLS_A_STEP == 0 else None


def functions(count: int) -> Iterator[tuple[str, str | None]]:
    """Functions that call the ones before, by ten in each step; the last of a step is called."""
    for i in range(count):
        body = f"f{i - 1}(a)" if i % CELLS_A_STEP else "a"
        call = f"\nr{i} = f{i}([{i}])" if i % CELLS_A_STEP == CELLS_A_STEP - 1 else ""
        yield (
            f"def f{i}(a):\n    return {body}{call}",
            f"s{i}" if i % CELLS_A_STEP == 0 else None,
        )


def one_helper(count: int) -> Iterator[tuple[str, str | None]]:
    """One function of an early cell is called in all the others."""
    yield "log = []\ndef note(x):\n    log.append(x)\n    return x", "s0"
    for i in range(1, count):
        yield f"v{i} = note({i})", f"s{i}" if i % CELLS_A_STEP == 0 else None


def files(count: int) -> Iterator[tuple[str, str | None]]:
    """Each step writes a file of its own and reads the one that the step before wrote."""
    yield "import json", "s0"
    for i in range(1, count):
        yield (
            f"open('f{i}.txt', 'w').write('x')\nt{i} = open('f{i - 1}.txt').read()",
            f"s{i}" if i % CELLS_A_STEP == 0 else None,
        )


def texts(count: int) -> Iterator[tuple[str, str | None]]:
    """Magics and shell lines in all cells."""
    for i in range(count):
        yield f"%time y{i} = {i}\n!echo {{y{i}}}", f"s{i}" if i % CELLS_A_STEP == 0 else None


def sets_seeds(count: int) -> Iterator[tuple[str, str | None]]:
    """Each step draws from one random generator and plots."""
    yield "import numpy as np\nimport matplotlib.pyplot as plt\nnp.random.seed(0)", "s0"
    for i in range(1, count):
        yield (
            f"a{i} = np.random.rand(3)\nplt.plot(a{i})",
            f"s{i}" if i % CELLS_A_STEP == 0 else None,
        )


def setup(count: int) -> Iterator[tuple[str, str | None]]:
    """Every other cell is of a step, the others import and define."""
    for i in range(count):
        if i % 2:
            yield f"v{i} = h{i - 1}({i})", f"s{i}"
        else:
            yield f"import math\ndef h{i}(a):\n    return math.sqrt(a)", "functions"


def undefined(count: int) -> Iterator[tuple[str, str | None]]:
    """Each cell reads a name that nothing defines."""
    for i in range(count):
        yield f"v{i} = missing{i}", f"s{i}" if i % CELLS_A_STEP == 0 else None


def unknown(count: int) -> Iterator[tuple[str, str | None]]:
    """Each step hands all its names to code that nothing is known of."""
    yield "import anything", "s0"
    for i in range(1, count):
        yield f"v{i} = []\nanything.use(v{i}, v{i})", f"s{i}" if i % CELLS_A_STEP == 0 else None


SHAPES: dict[str, Callable[[int], Sources]] = {
    each.__name__: each
    for each in (
        usual,
        one_frame,
        chain,
        passed_through,
        all_share,
        nested,
        functions,
        one_helper,
        files,
        texts,
        sets_seeds,
        setup,
        undefined,
        unknown,
    )
}


def notebook_of(sources: Sources) -> Notebook:
    """Return the model of a notebook with these cells."""
    cells = []
    for index, (source, step) in enumerate(sources):
        is_setup = step == "functions"
        cells.append(
            Cell(
                index=index,
                id=f"c{index}",
                source=source,
                location=Location(path="n.ipynb", cell_index=index, cell_id=f"c{index}"),
                role=CellRole.FUNCTIONS if is_setup else CellRole.STEP,
                step=StepName(step) if step and not is_setup else None,
                after=(),
            )
        )
    return Notebook(
        path="n.ipynb",
        name="n",
        kernel_name=None,
        cells=tuple(cells),
        settings=PipelineSettings(),
        diagnostics=(),
    )


def cpu_s(notebook: Notebook, times: int) -> float:
    """Return the CPU seconds of a full analysis; the best of several."""
    found = []
    for _ in range(times):
        parse_cell.cache_clear()
        gc.collect()
        started = time.process_time()
        build_pipeline(notebook)
        found.append(time.process_time() - started)
    return min(found)


def edit_s(notebook: Notebook) -> float:
    """Return the CPU seconds of a session after an edit of the middle cell; the best of several."""
    session = Session()
    session.build(notebook)
    middle = len(notebook.cells) // 2
    found = []
    for number in range(10):
        cells = list(notebook.cells)
        cells[middle] = replace(
            cells[middle], source=f"{cells[middle].source}\nnew_name{number} = {number}"
        )
        edited = replace(notebook, cells=tuple(cells))
        gc.collect()
        started = time.process_time()
        session.build(edited)
        found.append(time.process_time() - started)
    return min(found)


def memory_bytes(notebook: Notebook) -> int:
    """Return the most memory that an analysis needs at any time."""
    tracemalloc.start()
    try:
        build_pipeline(notebook)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> None:
    """Print one line per shape."""
    names = [name for name in sys.argv[1:] if name in SHAPES] or list(SHAPES)
    line = "{:16} {:>8} {:>8} {:>6} {:>13} {:>9} {:>6}\n"
    heads = ("shape", "1000 s", "4000 s", "ratio", "edit, 1000 ms", "4000 MB", "ratio")
    sys.stdout.write(line.format(*heads))
    ratios = []
    for name in names:
        small, large = notebook_of(SHAPES[name](SMALL)), notebook_of(SHAPES[name](LARGE))
        least, most = cpu_s(small, 3), cpu_s(large, 1)
        ratios.append(most / least)
        cells = [f"{least:.3f}", f"{most:.3f}", f"{most / least:.1f}"]
        cells += [f"{edit_s(small) * 1000:.0f}", "", ""]
        if "--memory" in sys.argv:
            few, many = memory_bytes(small), memory_bytes(large)
            cells[4:] = [f"{many / 1e6:.0f}", f"{many / few:.1f}"]
        sys.stdout.write(line.format(name, *cells))
        sys.stdout.flush()
    sys.stdout.write(f"median ratio {statistics.median(ratios):.1f}, most {max(ratios):.1f}\n")


if __name__ == "__main__":
    main()
