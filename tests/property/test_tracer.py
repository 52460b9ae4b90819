"""Tests of the tracer that is the ground truth of the analysis: typed-out reads and changes."""

import itertools
from pathlib import Path

import kit
import pytest
from pipeline_in_process import ShellServer
from plain_run import JSON, first_difference
from tracer.ground_truth import GroundTruth, run_hiding, traced

CASES = [
    pytest.param("x = 1|print(x)", "1: x<0", "", id="a name"),
    pytest.param("x = 1|x = 2|print(x)", "2: x<1", "", id="the last binding"),
    pytest.param("x = 1|x = 2; print(x)", "", "", id="bound by the reader itself first"),
    pytest.param("x = 1|print(x); x = 2|x", "1: x<0; 2: x<1", "", id="read, then bound"),
    pytest.param("n = 1|n += 1|n", "1: n<0; 2: n<1", "", id="augmented assignment"),
    pytest.param("import math|math.pi", "1: math<0", "", id="a module"),
    pytest.param("g = 1\ndef f(): return g|f()", "1: f<0, g<0", "", id="through a function"),
    pytest.param(
        "def f(): return g|g = 1|f()", "2: f<0, g<1", "", id="a function before what it reads"
    ),
    pytest.param(
        "g = 1|h = lambda: g|def f(): return h()|f()", "3: f<2, g<0, h<1", "", id="two functions"
    ),
    pytest.param("g = 1\ndef f(): return g|k = f", "1: f<0", "", id="a function that nobody calls"),
    pytest.param("if True: x = 1\nelse: y = 2|x", "1: x<0", "", id="a branch"),
    pytest.param("x = 1|if False: print(x)", "", "", id="a branch that does not run"),
    pytest.param("xs = [1]|[x for x in xs]", "1: xs<0", "", id="a comprehension"),
    pytest.param("k = 2|[k * i for i in (1, 2)]", "1: k<0", "", id="inside a comprehension"),
    pytest.param(
        "n = 0\ndef up():\n    global n\n    n += 1|up()|n",
        "1: n<0, up<0; 2: n<1",
        "",
        id="a function that binds a global",
    ),
    pytest.param(
        "def put():\n    global n\n    n = 1|put()|n", "1: put<0; 2: n<1", "", id="store, no read"
    ),
    pytest.param(
        "n = 1\ndef put():\n    global n\n    n = 1|put()|n",
        "1: put<0; 2: n<1",
        "",
        id="a global bound to the very same object",
    ),
    pytest.param(
        "def put():\n    global f\n    def f(): pass|put()|f",
        "1: put<0; 2: f<1",
        "",
        id="a global function",
    ),
    pytest.param(
        "def put():\n    global m\n    import math as m\n    for m in [m]: pass|put()|m",
        "1: put<0; 2: m<1",
        "",
        id="a global import and loop",
    ),
    pytest.param("global n\nn = 1|n", "1: n<0", "", id="global at the top"),
    pytest.param(
        "n = 1\ndef end():\n    global n\n    del n|end()",
        "1: end<0, n<0",
        "",
        id="del of a global",
    ),
    pytest.param("x = 1|del x|x = 2|x", "1: x<0; 3: x<2", "", id="del"),
    pytest.param("k = 1|class A:\n    n = k|A.n", "1: k<0; 2: A<1", "", id="a class body"),
    pytest.param(
        "k = 1|class A:\n    k = 2\n    n = k|A", "2: A<1", "", id="a class body's own name"
    ),
    pytest.param(
        "k = 1|def f():\n    k = 2\n    class A:\n        n = k\n    return A|f()",
        "2: f<1",
        "",
        id="a class body in a function",
    ),
    pytest.param(
        "k = 1\nB = dict|class A(B):\n    def f(self, x=k): return k|A().f()",
        "1: B<0, k<0; 2: A<1, k<0",
        "",
        id="bases and defaults",
    ),
    pytest.param("t = int|class A:\n    x: t = 1", "1: t<0", "", id="an annotation"),
    pytest.param("x = 1|%time y = x|y", "1: x<0; 2: y<1", "", id="%time"),
    pytest.param("x = 1|%%time\ny = x|y", "1: x<0; 2: y<1", "", id="%%time"),
    pytest.param("x = 1|%%capture out\nprint(x)|out", "1: x<0; 2: out<1", "", id="%%capture"),
    pytest.param("x = 1\ny = 2|%timeit -n1 -r1 x|y", "1: x<0; 2: y<0", "", id="%timeit"),
    pytest.param("x = 1\ny = 2|!echo $x {y + 1}", "1: x<0, y<0", "", id="a shell line"),
    pytest.param("z = 1|x = !echo hi|x", "2: x<1", "", id="a shell line's result"),
    pytest.param(
        "v = 1|def f(v):\n    !echo {v}\nf(2)", "", "", id="a shell line sees the function's name"
    ),
    pytest.param("x = 1|eval('x')", "1: x<0", "", id="eval"),
    pytest.param("x = 1\ndef f(t): return eval(t)|f('x')", "1: f<0, x<0", "", id="eval inside"),
    pytest.param("x = 1\ndef f(x): return eval('x')|f(2)", "1: f<0", "", id="eval of a local"),
    pytest.param("x = 1|globals()['x']|globals().get('x')", "1: x<0; 2: x<0", "", id="globals"),
    pytest.param("globals()['x'] = 1|x", "1: x<0", "", id="bound through globals"),
    pytest.param(
        "import pandas as pd\ndf = pd.DataFrame({'a': [1]})\nk = 0|df.query('a > @k')|df.eval('a')",
        "1: df<0, k<0; 2: df<0",
        "",
        id="texts for pandas",
    ),
    pytest.param("from math import *|pi", "1: pi<0", "", id="a star"),
    pytest.param("x = 1|def f():\n    x = 2\n    return x\nf()", "", "", id="a local"),
    pytest.param("try: 1 / 0\nexcept ZeroDivisionError as e: x = str(e)|x", "1: x<0", "", id="try"),
    pytest.param("x = 1|try: x\nfinally: y = x|y", "1: x<0; 2: y<1", "", id="finally"),
    pytest.param("import asyncio|await asyncio.sleep(0)", "1: asyncio<0", "", id="top-level await"),
    pytest.param("x = [1]|x.append(2)|x", "1: x<0; 2: x<1(0)", "1: x", id="a change"),
    pytest.param("x = [1]\ny = x|y.append(2)|x", "1: y<0; 2: x<1(0)", "1: x, y", id="an alias"),
    pytest.param("x = [[1]]|x[0].append(2)", "1: x<0", "1: x", id="a change inside"),
    pytest.param(
        "x = [1]\nd = {'x': x}|d['x'].append(2)|x", "1: d<0; 2: x<1(0)", "1: d, x", id="a container"
    ),
    pytest.param("x = [2, 1]|sorted(x)|x", "1: x<0; 2: x<0", "", id="no change"),
    pytest.param("x = [1]|x = x + [2]|x", "1: x<0; 2: x<1", "", id="rebinding is no change"),
    pytest.param("x = [1]|x = x; x.append(1)|x", "1: x<0; 2: x<1", "", id="both"),
    pytest.param(
        "class A:\n    def __init__(self): self.n = 0\n    def up(self): self.n += 1\na = A()"
        "|a.up()|a.n",
        "1: a<0; 2: a<1(0)",
        "1: a",
        id="a method",
    ),
    pytest.param("class A:\n    n = 0|A.n += 1|A.n", "1: A<0; 2: A<1(0)", "1: A", id="a class"),
    pytest.param(
        "class A:\n    __slots__ = 'n'\na = A()|a.n = 1",
        "1: a<0",
        "1: a",
        id="an attribute in a slot",
    ),
    pytest.param("x = [1]\nf = lambda: x|f().append(2)", "1: f<0, x<0", "1: x", id="returned"),
    pytest.param(
        "def make():\n    held = []\n    return held.append\nput = make()|put(1)",
        "1: put<0",
        "1: put",
        id="a closure",
    ),
    pytest.param("def f(held=[]): held.append(1)|f()", "1: f<0", "1: f", id="a default argument"),
    pytest.param("g = (i for i in range(3))|next(g)", "1: g<0", "1: g", id="a generator"),
    pytest.param("i = iter([1, 2])|next(i)", "1: i<0", "1: i", id="an iterator"),
    pytest.param(
        "import itertools\nc = itertools.count()|next(c)", "1: c<0", "1: c", id="a counter"
    ),
    pytest.param("s = {3, 1}|s.add(2)|s.add(1)", "1: s<0; 2: s<1(0)", "1: s", id="a set"),
    pytest.param("d = {'a': 1}|d['a'] = 2", "1: d<0", "1: d", id="an item"),
    pytest.param(
        "import numpy as np\na = np.zeros(3)\nb = a[1:]|b[:] = 1|a",
        "1: b<0; 2: a<1(0)",
        "1: a, b",
        id="a view",
    ),
    pytest.param(
        "import pandas as pd\ndf = pd.DataFrame({'a': [1.0, None]})"
        "|df.dropna().mean()|df['b'] = 2|df.dropna(inplace=True)",
        "1: df<0; 2: df<0; 3: df<2(0)",
        "2: df; 3: df",
        id="a frame",
    ),
    pytest.param(
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 1], 'b': [2, 3]})\ng = df.groupby('a')"
        "|g.sum(); df.columns.get_loc('b'); df.loc[1]; g.groups; len(df.index)",
        "1: df<0, g<0",
        "",
        id="caches of pandas are no change",
    ),
    pytest.param(
        "from sklearn.linear_model import LinearRegression\nm = LinearRegression()"
        "|m.fit([[1], [2]], [1, 2])|m.predict([[3]])",
        "1: m<0; 2: m<1(0)",
        "1: m",
        id="a model",
    ),
    pytest.param(
        "import random\nr = random.Random(1)|r.random()", "1: r<0", "1: r", id="a random generator"
    ),
    pytest.param(
        "import numpy as np\nr = np.random.default_rng(1)|r.random()",
        "1: r<0",
        "1: r",
        id="a random generator of numpy",
    ),
    pytest.param("a = []\na.append(a)|a.append(1)", "1: a<0", "1: a", id="a cycle"),
    pytest.param(
        "from collections import deque\nq = deque([1])|q.rotate(); q.append(2)",
        "1: q<0",
        "1: q",
        id="a deque",
    ),
    pytest.param(
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()|ax.plot([1, 2])",
        "1: ax<0",
        "1: ax, fig",
        id="a plot",
    ),
    pytest.param("x = _ = 1|print(_, In, Out, __name__)|x", "2: x<0", "", id="the shell's names"),
]


def notebook_of(text: str) -> JSON:
    """Return the notebook whose cells are separated by ``|`` at no line's inside."""
    return kit.notebook(*(kit.code(source) for source in text.split("|")))


def described(truth: GroundTruth) -> tuple[str, str]:
    """Return reads as ``cell: name<maker(binder), ...; ...``, and changes as ``cell: name, ...``.

    The binder is left out where it is the maker.
    """
    reads, changes = [], []
    for cell, group in itertools.groupby(truth.reads, lambda read: read.cell):
        binders = ((r, "" if r.maker == r.binder else f"({r.binder})") for r in group)
        reads.append(f"{cell}: " + ", ".join(f"{r.name}<{r.maker}{b}" for r, b in binders))
    for cell, changed in itertools.groupby(sorted(truth.changes), lambda change: change[0]):
        changes.append(f"{cell}: " + ", ".join(name for _, name in changed))
    return "; ".join(reads), "; ".join(changes)


@pytest.mark.parametrize(("text", "reads", "changes"), CASES)
def test_traced__typed_out_case__sees_all_reads_and_changes(
    text: str, reads: str, changes: str, shell_server: ShellServer, tmp_path: Path
) -> None:
    """The tracer sees what is typed out, no more and no less."""
    assert described(traced(notebook_of(text), shell_server, tmp_path)) == (reads, changes)


def test_run_hiding__read_that_is_missing__shows(shell_server: ShellServer, tmp_path: Path) -> None:
    """A name that the truth lacks is not there for the cell; with all of them nothing differs."""
    notebook = notebook_of("x = 1\ndef f(): return x|f()|y = 2")
    truth = traced(notebook, shell_server, tmp_path)
    gap = GroundTruth(
        reads=tuple(read for read in truth.reads if read.name != "x"),
        changes=truth.changes,
        outputs=truth.outputs,
    )

    hiding = run_hiding(notebook, truth, shell_server, tmp_path)
    hiding_one_more = run_hiding(notebook, gap, shell_server, tmp_path)

    assert first_difference(truth.outputs, hiding) is None
    assert "NameError" in str(first_difference(truth.outputs, hiding_one_more))
