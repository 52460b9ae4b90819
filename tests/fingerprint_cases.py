"""A notebook, and edits of it with what each means to the keys of its steps."""

from collections.abc import Callable, Mapping

import kit
import pytest

from kernelpipe.analysis import build_pipeline
from kernelpipe.compiler import (
    Conditions,
    Fingerprint,
    check_parameters,
    fingerprint,
    lower,
    result_key,
)
from kernelpipe.model.names import StepName
from kernelpipe.notebook import parse_notebook

Cells = dict[str, kit.JSON]
Edit = Callable[[Cells], Cells]

PARAMETERS = 'lr = 0.1\ndepth = 3\nshape = (1, 2)\nname = "a"\nunread = 1\ntotal = lr * 2'
IMPORTS = "import math\nimport functools\nimport unread_plugin"
HELPERS = """\
LIMIT = 10
OTHER = 5

def clean(x):
    "Clean it."
    return [inner(v) for v in x]

def inner(v):
    return math.floor(v) + LIMIT

def unused(v):
    return v + OTHER

class Model:
    def fit(self, v):
        return helper(v)

def helper(v):
    return v * OTHER

class Better(Model):
    pass
"""
EFFECTS = "import random\nSEED = 7\nrandom.seed(SEED)\n"
LOAD = "# first\nraw = [1.5, 2.5]\nrate = total\nmodel = Model()\nmark = 1"
CLEAN = "rows = clean(raw)\nrows"
SHOW = "print(len(rows), depth)"
METRICS = "score = sum(rows)"
TEST = "assert rows"
FIT = "fitted = model.fit(2)\nprint(shape, name)\nfitted"


def notebook_cells() -> Cells:
    """Return the notebook that every case starts from; the keys are the cells' ids."""
    cells = {
        "title": kit.markdown("# Title"),
        "imports": kit.code(IMPORTS, "imports"),
        "parameters": kit.code(PARAMETERS, "parameters"),
        "helpers": kit.code(HELPERS, "functions"),
        "effects": kit.code(EFFECTS, "imports"),
        "load": kit.code(LOAD, "step:load"),
        "clean": kit.code(CLEAN, "step:clean"),
        "show": kit.code(SHOW),
        "metrics": kit.code(METRICS, "metrics"),
        "test": kit.code(TEST, "test"),
        "fit": kit.code(FIT, "step:fit"),
    }
    return {name: cell | {"id": name} for name, cell in cells.items()}


def fingerprints(
    cells: Cells, given: Mapping[str, object] | None = None, *, path: str = "nb.ipynb"
) -> dict[StepName, Fingerprint]:
    """Return the fingerprint of each step."""
    content = kit.encode(kit.notebook(*cells.values()))
    pipeline = build_pipeline(parse_notebook(content, path=path))
    values = check_parameters(pipeline, given or {})
    return {task.step: fingerprint(task, values) for task in lower(pipeline)}


def conditions_of(cells: Cells, step: str, given: Mapping[str, object] | None = None) -> Conditions:
    """Return the conditions of a step, without inputs and packages."""
    return Conditions(
        fingerprint=fingerprints(cells, given)[StepName(step)], python="CPython 3.11.7 linux"
    )


def replace_text(cell: str, old: str, new: str) -> Edit:
    """Replace text in a cell, which must be there."""

    def edit(cells: Cells) -> Cells:
        assert old in cells[cell]["source"]
        source = cells[cell]["source"].replace(old, new)
        return cells | {cell: cells[cell] | {"source": source}}

    return edit


def prepend(cell: str, text: str) -> Edit:
    """Put text before the source of a cell."""
    return lambda cells: cells | {cell: cells[cell] | {"source": text + cells[cell]["source"]}}


def append(cell: str, text: str) -> Edit:
    """Put text behind the source of a cell."""
    return lambda cells: cells | {cell: cells[cell] | {"source": cells[cell]["source"] + text}}


def insert(before: str, cell: kit.JSON) -> Edit:
    """Put a new cell before another."""

    def edit(cells: Cells) -> Cells:
        found: Cells = {}
        for name, each in cells.items():
            if name == before:
                found["new"] = cell | {"id": "new"}
            found[name] = each
        return found

    return edit


def move(cell: str, before: str) -> Edit:
    """Put a cell before another."""

    def edit(cells: Cells) -> Cells:
        rest = {name: each for name, each in cells.items() if name != cell}
        return insert(before, cells[cell])(rest)

    return edit


def drop(cell: str) -> Edit:
    """Leave a cell out."""
    return lambda cells: {name: each for name, each in cells.items() if name != cell}


def tag(cell: str, *tags: str) -> Edit:
    """Add tags to a cell."""
    return lambda cells: (
        cells
        | {cell: cells[cell] | {"metadata": {"tags": [*cells[cell]["metadata"]["tags"], *tags]}}}
    )


def retag(cell: str, *tags: str) -> Edit:
    """Give a cell other tags."""
    return lambda cells: cells | {cell: cells[cell] | {"metadata": {"tags": list(tags)}}}


def all_of(*edits: Edit) -> Edit:
    """Make several edits, one after the other."""

    def edit(cells: Cells) -> Cells:
        for each in edits:
            cells = each(cells)
        return cells

    return edit


def rename_ids(cells: Cells) -> Cells:
    """Give every cell another id."""
    return {name: each | {"id": f"other-{name}"} for name, each in cells.items()}


def nothing(cells: Cells) -> Cells:
    """Leave everything as it is."""
    return cells


def key_of(cells: Cells, step: str, given: Mapping[str, object] | None = None) -> str:
    """Return the key of a step."""
    return result_key(conditions_of(cells, step, given))


SAME = [
    pytest.param("load", nothing, id="nothing"),
    pytest.param("load", replace_text("load", "# first", "# second\n\n"), id="comment"),
    pytest.param(
        "load", replace_text("load", "raw = [1.5, 2.5]", "raw=[ 1.5,\n2.5, ]"), id="layout"
    ),
    pytest.param("load", append("load", "\n\n# the end\n"), id="comment-at-end"),
    pytest.param("clean", prepend("helpers", "# all helpers\n\n"), id="comment-in-setup"),
    pytest.param("load", replace_text("load", "1.5", "15e-1"), id="number-written-otherwise"),
    pytest.param("load", insert("load", kit.markdown("more")), id="markdown"),
    pytest.param("clean", insert("show", kit.code("# nothing")), id="comment-only-cell"),
    pytest.param("load", rename_ids, id="ids"),
    pytest.param("clean", replace_text("load", "mark = 1", "mark = 2"), id="other-step"),
    pytest.param("load", append("clean", "\nprint(1)"), id="step-after-it"),
    pytest.param("fit", replace_text("helpers", "v + OTHER", "v - OTHER"), id="unused-function"),
    pytest.param(
        "clean", replace_text("helpers", "v + OTHER", "v - helper(v)"), id="unused-reads-more"
    ),
    pytest.param("clean", replace_text("helpers", "OTHER = 5", "OTHER = 6"), id="unused-constant"),
    pytest.param("fit", replace_text("helpers", "Clean it.", "Clean."), id="docstring-of-unused"),
    pytest.param("load", append("helpers", "\ndef more(): exec('1')\n"), id="new-unused-function"),
    pytest.param("load", append("imports", "\nimport math\n"), id="import-again-not-used"),
    pytest.param(
        "clean",
        replace_text("imports", "import math\nimport functools", "import functools, math"),
        id="imports-in-another-order",
    ),
    pytest.param(
        "clean",
        all_of(
            replace_text("helpers", "def unused(v):\n    return v + OTHER\n\n", ""),
            append("helpers", "\ndef unused(v):\n    return v + OTHER\n"),
        ),
        id="unused-function-elsewhere",
    ),
    pytest.param(
        "clean",
        all_of(
            replace_text("helpers", "def inner(v):\n    return math.floor(v) + LIMIT\n\n", ""),
            replace_text(
                "helpers",
                "def clean(x)",
                "def inner(v):\n    return math.floor(v) + LIMIT\n\ndef clean(x)",
            ),
        ),
        id="two-functions-change-places",
    ),
    pytest.param("load", move("fit", "clean"), id="step-after-it-moved"),
    pytest.param("fit", move("fit", "clean"), id="it-moved"),
    pytest.param(
        "clean",
        all_of(
            replace_text("helpers", "def unused(v):\n    return v + OTHER\n\n", ""),
            insert("effects", kit.code("def unused(v):\n    return v + OTHER\n", "functions")),
        ),
        id="unused-function-in-a-cell-of-its-own",
    ),
    pytest.param(
        "clean",
        all_of(
            replace_text("helpers", "LIMIT = 10\n", ""),
            insert("helpers", kit.code("LIMIT = 10", "functions")),
        ),
        id="constant-in-a-cell-of-its-own",
    ),
    pytest.param(
        "clean", replace_text("parameters", "lr = 0.1", "lr = 0.2"), id="parameter-of-others"
    ),
    pytest.param(
        "load", replace_text("parameters", "unread = 1", "unread = 2"), id="unread-parameter"
    ),
    pytest.param(
        "load", replace_text("parameters", "lr = 0.1", "lr  =  1e-1"), id="parameter-layout"
    ),
    pytest.param("load", tag("load", "retry:3"), id="retry"),
    pytest.param("load", tag("load", "timeout:10m"), id="timeout"),
    pytest.param("load", tag("load", "cpu:2", "memory:4Gi"), id="resources"),
    pytest.param("load", tag("load", "label:team:x", "annotation:a:b"), id="labels"),
    pytest.param("load", tag("load", "cache:off"), id="cache"),
    pytest.param("load", tag("clean", "env:K:1"), id="setting-of-another-step"),
    pytest.param("load", tag("load", "hide-input"), id="foreign-tag"),
]

CHANGED = [
    pytest.param(
        "load", replace_text("load", "1.5", "1.6"), "cell 5 changed at line 2", id="constant"
    ),
    pytest.param(
        "load",
        replace_text("load", "mark = 1", "mark = 1.0"),
        "cell 5 changed at line 5",
        id="type",
    ),
    pytest.param(
        "load", append("load", "\nprint(1)"), "cell 5 changed at line 6", id="statement-added"
    ),
    pytest.param(
        "load",
        replace_text("load", "\nmark = 1", ""),
        "cell 5 lost its end after line 4",
        id="statement-removed",
    ),
    pytest.param(
        "clean",
        replace_text("clean", "\nrows", "\nrows;"),
        "cell 6 changed at line 2",
        id="semicolon",
    ),
    pytest.param(
        "clean",
        all_of(replace_text("clean", "\nrows", ""), prepend("show", "rows\n")),
        "cell 6 lost its end after line 1",
        id="shown-value-in-another-cell",
    ),
    pytest.param(
        "clean",
        insert("show", kit.code("print(2)")),
        "cell 7 is new",
        id="new-cell",
    ),
    pytest.param("clean", drop("show"), "cell 7 was removed", id="removed-cell"),
    pytest.param(
        "clean",
        all_of(append("clean", "\n" + SHOW), drop("show")),
        "cell 6 changed at line 3",
        id="cells-merged",
    ),
    pytest.param(
        "clean",
        move("metrics", "show"),
        "its cells are in another order",
        id="cells-in-another-order",
    ),
    pytest.param("clean", tag("clean", "raises-exception"), "cell 6 may raise now", id="may-raise"),
    pytest.param(
        "clean", retag("metrics"), "cell 8 is tagged as a step, was 'metrics'", id="no-metrics"
    ),
    pytest.param(
        "clean", retag("show", "test"), "cell 7 is tagged 'test', was as a step", id="now-a-test"
    ),
    pytest.param("clean", append("test", " == 1"), "cell 9 changed at line 1", id="test"),
    pytest.param("load", prepend("load", "import os\n"), "cell 5 changed at line 1", id="import"),
    pytest.param(
        "load", prepend("load", "%time x = 1\n"), "cell 5 changed at line 1", id="line-magic"
    ),
    # -- setup
    pytest.param(
        "clean",
        replace_text("helpers", "[inner(v) for v in x]", "[inner(v) for v in x if v]"),
        "function 'clean' (cell 3) changed",
        id="function",
    ),
    pytest.param(
        "clean",
        replace_text("helpers", "floor", "ceil"),
        "function 'inner' (cell 3) changed",
        id="function-of-function",
    ),
    pytest.param(
        "clean",
        replace_text("helpers", "LIMIT = 10", "LIMIT = 11"),
        "'LIMIT' (cell 3) changed",
        id="constant-of-function-of-function",
    ),
    pytest.param(
        "clean",
        replace_text("helpers", "Clean it.", "Clean."),
        "function 'clean' (cell 3) changed",
        id="docstring",
    ),
    pytest.param(
        "clean",
        replace_text("helpers", "def clean(x):", "def clean(x, y=OTHER):"),
        "function 'clean' (cell 3) changed",
        id="default",
    ),
    pytest.param(
        "clean",
        replace_text("helpers", "[inner(v) for v in x]", "[inner(w) for w in x]"),
        "function 'clean' (cell 3) changed",
        id="local-renamed",
    ),
    pytest.param(
        "clean",
        append("helpers", "\ndef inner(v):\n    return v\n"),
        "it uses function 'inner' (cell 3) now",
        id="function-defined-again",
    ),
    pytest.param(
        "clean",
        replace_text("imports", "import math", "import math as m, cmath as math"),
        "import of 'math' (cell 1) changed",
        id="other-module-of-that-name",
    ),
    pytest.param(
        "fit",
        replace_text("helpers", "v * OTHER", "v / OTHER"),
        "function 'helper' (cell 3) changed",
        id="function-called-by-method-of-input",
    ),
    pytest.param(
        "fit",
        replace_text("helpers", "OTHER = 5", "OTHER = 6"),
        "'OTHER' (cell 3) changed",
        id="constant-read-by-method-of-input",
    ),
    pytest.param(
        "load",
        replace_text("helpers", "return helper(v)", "return 1"),
        "class 'Model' (cell 3) changed",
        id="class",
    ),
    pytest.param(
        "load",
        replace_text(
            "helpers", "class Better(Model):\n    pass", "class Better(Model):\n    x = 1"
        ),
        "class 'Better' (cell 3) changed",
        id="subclass-of-a-class",
    ),
    pytest.param(
        "load",
        replace_text("effects", "SEED = 7", "SEED = 8"),
        "'SEED' (cell 4) changed",
        id="seed",
    ),
    pytest.param(
        "fit",
        append("effects", "random.random()"),
        "cell 4 changed at line 4",
        id="effect",
    ),
    pytest.param(
        "fit",
        replace_text("effects", "random.seed(SEED)\n", ""),
        "cell 4 changed",
        id="effect-removed",
    ),
    pytest.param("fit", drop("effects"), "cell 4 was removed", id="effect-removed-with-cell"),
    pytest.param(
        "fit",
        insert("load", kit.code("%matplotlib inline", "imports")),
        "cell 5 changed at line 1",
        id="magic-in-setup",
    ),
    pytest.param(
        "fit",
        append("helpers", "\ndef keep(f): return f\n\n@keep\ndef unused2(v):\n    return v\n"),
        "it uses function 'keep' (cell 3) now",
        id="decorator-of-the-notebook",
    ),
    pytest.param(
        "fit",
        append("helpers", "\nTABLE = list(range(3))\n"),
        "it uses 'TABLE' (cell 3) now",
        id="unused-name-bound-to-a-call",
    ),
    pytest.param(
        "fit",
        append("helpers", "\nclass Unused:\n    made = list()\n"),
        "it uses class 'Unused' (cell 3) now",
        id="class-body-that-calls",
    ),
    pytest.param(
        "fit",
        append("helpers", "\ndef unused3(v=list()):\n    return v\n"),
        "it uses function 'unused3' (cell 3) now",
        id="default-that-calls",
    ),
    pytest.param(
        "fit",
        append("helpers", "\nfor n in (1, 2):\n    pass\n"),
        "cell 3 changed at line 24",
        id="loop-in-setup",
    ),
    pytest.param(
        "fit",
        append("imports", "\nimport another_plugin"),
        "it uses import of 'another_plugin' (cell 1) now",
        id="import-that-nobody-reads",
    ),
    pytest.param(
        "fit",
        prepend("imports", "from __future__ import annotations\n"),
        "it uses import of '__future__.annotations' (cell 1) now",
        id="future",
    ),
    # -- parameters
    pytest.param(
        "load",
        replace_text("parameters", "lr = 0.1", "lr = 0.2"),
        "parameter lr 0.1 -> 0.2",
        id="parameter-through-derived-name",
    ),
    pytest.param(
        "load",
        replace_text("parameters", "lr * 2", "lr * 3"),
        "'total' (cell 2) changed",
        id="derived-name",
    ),
    pytest.param(
        "clean",
        replace_text("parameters", "depth = 3", "depth = 3.0"),
        "parameter depth 3 -> 3.0",
        id="type-of-parameter",
    ),
    pytest.param(
        "clean",
        replace_text("parameters", "depth = 3", "depth = True"),
        "parameter depth 3 -> True",
        id="bool-for-int",
    ),
    pytest.param(
        "fit",
        replace_text("parameters", "(1, 2)", "[1, 2]"),
        "parameter shape (1, 2) -> [1, 2]",
        id="tuple-to-list",
    ),
    pytest.param(
        "fit",
        replace_text("parameters", '"a"', '"b"'),
        "parameter name 'a' -> 'b'",
        id="text-parameter",
    ),
    pytest.param(
        "fit",
        append("parameters", "\nprint(unread)"),
        "cell 2 changed at line 7",
        id="effect-in-parameters-cell",
    ),
    # -- settings, names, ports
    pytest.param("load", tag("load", "image:x:1"), "setting image was set", id="image"),
    pytest.param("load", tag("load", "env:K:1"), "setting env:K was set", id="env"),
    pytest.param(
        "clean",
        retag("load", "step:start"),
        "it takes its inputs from other steps now",
        id="producer-renamed",
    ),
    pytest.param(
        "load",
        append("fit", "\nmark"),
        "it hands on 'mark' now",
        id="hands-on-more",
    ),
    pytest.param(
        "load",
        replace_text("fit", "model.fit(2)", "3"),
        "it no longer hands on 'model'",
        id="hands-on-less",
    ),
]
