"""Ten thousand notebooks with faults: the reader and the analysis neither crash nor hang.

Each is a small notebook of the equality suite with one to four mutations of its text, its tags, its
cells or the file itself. The same seed gives the same notebooks.
"""

import contextlib
import json
import random
import signal
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import kit
import pytest
from equality.reader import read_cases

from kernelpipe.analysis import build_pipeline
from kernelpipe.errors import NotebookReadError
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import parse_notebook

JSON = dict[str, Any]
ROUNDS, EACH = 20, 500
LONGEST_S = 20.0
"""How long one notebook may take, on a busy machine: they take some milliseconds."""

TAGS = (
    *("step:a", "step:b", "step:", "step:a b", "step", "stepp:a", "prev:a", "prev:zz", "prev:b"),
    *("parameters", "imports", "functions", "skip", "test", "metrics", "block:a", "on-exit"),
    *("when:x>1", "when:", "when:import os", "foreach:x in xs", "foreach:x", "foreach:in in in"),
    *("cpu:1", "cpu:x", "memory:-1", "gpu:99999999999999999999", "retry:1e9", "timeout:", "cache:"),
    *("limit:a:b:c", "env:A", "env:A:B:C", "secret:a", "label:\u2028:x", "image:{{x}}", "\ud83d"),
    *("raises-exception", "hide-input", "register:m:x", "", " ", "a,b", "step:\u0301", "x" * 3000),
)
PIECES = (
    *("(", ")", "]", "}", "'", '"""', "\\", "\\\n", "\n", "\t", "    ", ";", ":", "=", ":=", "@"),
    *(
        "lambda: x",
        "yield x",
        "return",
        "await x",
        "async ",
        "global x\n",
        "nonlocal x\n",
        "del x\n",
    ),
    *("def f(x=x, *a, **k):\n", "class C(C):\n", "while x:\n", "for x in x:\n", "with x as x:\n"),
    *(
        "try:\n",
        "except* E:\n",
        "match x:\n    case [*x, 1]:\n",
        "import x.y as z\n",
        "from . import *\n",
    ),
    *(
        "%",
        "%%",
        "!",
        "!!",
        "?",
        "??",
        "%time ",
        "%%time\n",
        "%%capture x\n",
        "%%bash\n",
        "%run x\n",
    ),
    *("%pip install x\n", "!pip install $x {x}\n", "%alias_magic t t\n", "%t x\n", "%reset -f\n"),
    *("{", "$x", "{x!r:{x}}", "f'{x}'", "f'{'", ">>> x\n", "In [1]: x\n", "...: x\n", "_", "__"),
    *(
        "globals()['x']",
        "exec(x)",
        "eval('x')",
        "x.append(x)",
        "x = [x]",
        "f = lambda: f()",
        "x[x] = x",
    ),
    *(
        "\x00",
        "\r",
        "\x0c",
        "\u2028",
        "\ufeff",
        "\ud800",
        "é",
        "\U0001d431",
        "1" * 5000,
        "(" * 150,
        "-" * 900,
    ),
    *("x" + ".x" * 300, "x + " * 300 + "x", "[" * 60 + "]" * 60, "get_ipython().run_cell('x')\n"),
)
VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "code",
    [],
    {},
    [[]],
    {"a": None},
    "\x00",
    ["a", 1],
    10**30,
)


def seeded(seed: str) -> random.Random:
    """Return a generator that gives the same each time."""
    return random.Random(seed)  # noqa: S311 - nothing is to be kept secret


def bases() -> list[JSON]:
    """Return the notebooks to begin with: those of the suite that are small."""
    return [case.notebook for case in read_cases() if len(case.notebook["cells"]) <= 8]


def mutated(base: JSON, chance: random.Random) -> bytes:
    """Return the file of a notebook with one to four faults."""
    notebook = json.loads(json.dumps(base))
    kinds = (mutate_text, mutate_text, mutate_text, mutate_tags, mutate_tags, mutate_cells)
    for _ in range(chance.randint(1, 4)):
        if chance.random() < 0.1:
            mutate_structure(notebook, chance)
        elif isinstance(notebook.get("cells"), list) and notebook["cells"]:
            chance.choice(kinds)(notebook, chance)
    content = json.dumps(notebook, ensure_ascii=True).encode()
    return mutate_bytes(content, chance) if chance.random() < 0.05 else content


def mutate_text(notebook: JSON, chance: random.Random) -> None:
    """Change the source of a cell."""
    cell = chance.choice(notebook["cells"])
    if not isinstance(cell, dict):
        return
    given = cell.get("source")
    text = "".join(map(str, given)) if isinstance(given, list) else str(given)
    at, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    lines = text.split("\n")
    kind = chance.randrange(6)
    if kind <= 1:
        text = text[:at] + chance.choice(PIECES) + text[at:]
    elif kind == 2:
        text = text[:at] + text[min(end, at + 8) :]
    elif kind == 3:
        chance.shuffle(lines)
        text = "\n".join(lines)
    elif kind == 4:
        text = "\n".join([*lines, chance.choice(PIECES), *chance.choices(lines, k=3)])
    else:
        text = chance.choice(PIECES) + text
    cell["source"] = text


def mutate_tags(notebook: JSON, chance: random.Random) -> None:
    """Change the tags of a cell."""
    cell = chance.choice(notebook["cells"])
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    if not isinstance(metadata, dict):
        return
    tags = metadata.get("tags")
    tags = list(tags) if isinstance(tags, list) else []
    kind = chance.randrange(4)
    if kind == 0 and tags:
        text = str(tags.pop(chance.randrange(len(tags))))
        at = chance.randint(0, len(text))
        tags.append(text[:at] + chance.choice((":", "-", "é", " ", "", "a")) + text[at + 1 :])
    elif kind == 1 and tags:
        tags.remove(chance.choice(tags))
    else:
        tags.insert(chance.randint(0, len(tags)), chance.choice(TAGS))
    metadata["tags"] = tags


def mutate_cells(notebook: JSON, chance: random.Random) -> None:
    """Move, repeat, remove or turn cells."""
    cells = notebook["cells"]
    index, other = chance.randrange(len(cells)), chance.randrange(len(cells))
    kind = chance.randrange(4)
    if kind == 0:
        cells.insert(other, json.loads(json.dumps(cells[index])))
    elif kind == 1:
        cells[index], cells[other] = cells[other], cells[index]
    elif kind == 2:
        del cells[index]
    elif isinstance(cells[index], dict):
        cells[index]["cell_type"] = chance.choice(("code", "markdown", "raw", "heading", "html"))


def mutate_structure(notebook: JSON, chance: random.Random) -> None:
    """Put a wrong value somewhere, or take one away."""
    node: Any = notebook
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(node[key], dict | list) and chance.random() < 0.8:
            node = node[key]
        elif chance.random() < 0.3:
            del node[key]
            return
        else:
            node[key] = chance.choice(VALUES)
            return


def mutate_bytes(content: bytes, chance: random.Random) -> bytes:
    """Damage the file itself."""
    at = chance.randrange(len(content))
    kind = chance.randrange(3)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
    return content[:at] + content[: chance.randrange(50)] + content[at:]


def analysed(content: bytes) -> Pipeline | None:
    """Return what a notebook file means, None if it is none."""
    try:
        return build_pipeline(parse_notebook(content, path="mutated.ipynb"))
    except NotebookReadError:
        return None


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Fail if it takes longer."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(what)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore")  # of what reads notebooks, about faults that are found
@pytest.mark.parametrize("number", range(ROUNDS))
def test_analysis__mutated_notebooks__end_with_findings(number: int) -> None:
    """Every fault ends as a finding, or as a file that is no notebook; findings stay in cells."""
    known = bases()
    chance = seeded(f"mutations {number}")
    read = 0
    for index in range(EACH):
        content = mutated(chance.choice(known), chance)
        with limited(LONGEST_S, f"notebook {index} of round {number}: {content!r}"):
            try:
                pipeline = analysed(content)
            except Exception as error:
                raise AssertionError(f"notebook {index} of round {number}: {content!r}") from error
        if pipeline is None:
            continue
        read += 1
        cells = len(json.loads(content.decode(errors="replace"), strict=False).get("cells") or ())
        assert all((d.location.cell_index or 0) < max(cells, 1) for d in pipeline.diagnostics)

    assert read > EACH * 0.7


def test_analysis__mutated_notebooks__take_memory_in_proportion_to_their_size() -> None:
    """At its peak an analysis holds no more than some KB for each byte of the notebook."""
    chance = seeded("memory")
    known = bases()
    for base in known:
        analysed(kit.encode(base))  # loads what is loaded once

    for _ in range(100):
        content = mutated(chance.choice(known), chance)
        tracemalloc.start()
        with contextlib.suppress(NotebookReadError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build_pipeline(parse_notebook(content, path="mutated.ipynb"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4_000_000 + 4_000 * len(content), content
