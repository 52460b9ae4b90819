"""Tests of what a step uses of its setup: a table of setups, each with a change in it."""

from dataclasses import replace

import kit
import pytest

from kernelpipe.analysis import build_pipeline
from kernelpipe.compiler import Conditions, fingerprint, lower, result_key
from kernelpipe.notebook import parse_notebook

HIDDEN = "def used(): return 1\ndef unused(): return 2\n"
"""Setup of which a step surely uses ``used``."""

SMALL_SAME = [
    pytest.param(HIDDEN, "2", "3", "used()", id="unused"),
    pytest.param(HIDDEN, "2", "3", "'unused'", id="only-a-text"),
    pytest.param(HIDDEN, "2", "3", "import json\njson.loads('1')", id="loads-of-json"),
    pytest.param(HIDDEN, "2", "3", "import pickle\npickle.dumps(1)", id="pickles-only"),
    pytest.param(HIDDEN, "2", "3", "self = 1\nself.unused if 0 else 1", id="attribute"),
    pytest.param(HIDDEN, "2", "3", "%time used()", id="magic-that-names-another"),
    pytest.param(HIDDEN, "2", "3", "!ls", id="shell"),
    pytest.param(HIDDEN, "2", "3", "used(\n)\n", id="layout"),
    pytest.param(
        "import math\nX = 1\ndef f(): return X\n", "X = 1", "X = 2", "3", id="reader-unused"
    ),
    pytest.param("class A:\n    x = 1\n", "1", "2", "3", id="class-unused"),
    pytest.param("class A(Exception):\n    x = 1\n", "1", "2", "Exception", id="base-of-python"),
    pytest.param("a, (b, *c) = 1, (2, 3)\n", "3", "4", "5", id="unpacking-unused"),
    pytest.param("a: int = 1\n", "1", "2", "5", id="annotated-unused"),
    pytest.param("f = lambda: print(1)\n", "1", "2", "5", id="lambda-unused"),
    pytest.param(
        "import functools\n@functools.lru_cache(maxsize=1)\ndef f(): return 1\n",
        "return 1",
        "return 2",
        "5",
        id="cached-function-unused",
    ),
    pytest.param(
        "class A:\n    @property\n    def x(self): return 1\n"
        "    @x.setter\n    def x(self, v): pass\n",
        "return 1",
        "return 2",
        "5",
        id="property-unused",
    ),
    pytest.param(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    x: int = 1\n",
        "= 1",
        "= 2",
        "5",
        id="dataclass-unused",
    ),
    pytest.param("def f(x: int = 1) -> 'A': return 1\n", "= 1", "= 2", "5", id="signature-unused"),
    pytest.param("async def f(): return 1\n", "1", "2", "5", id="coroutine-unused"),
]

SMALL_CHANGED = [
    pytest.param(HIDDEN, "1", "3", "used()", id="used"),
    pytest.param(HIDDEN, "1", "3", "x = [used for _ in '1']", id="used-in-comprehension"),
    pytest.param(HIDDEN, "1", "3", "def g(x=used): pass", id="used-as-default"),
    pytest.param(HIDDEN, "1", "3", "f'{used()}'", id="used-in-f-string"),
    pytest.param(HIDDEN, "2", "3", "exec('unu' + 'sed()')", id="exec"),
    pytest.param(HIDDEN, "2", "3", "eval('1')", id="eval"),
    pytest.param(HIDDEN, "2", "3", "globals()['x'] = 1", id="globals"),
    pytest.param(HIDDEN, "2", "3", "print(locals())", id="locals"),
    pytest.param(HIDDEN, "2", "3", "vars()", id="vars"),
    pytest.param(HIDDEN, "2", "3", "import __main__", id="main-module"),
    pytest.param(HIDDEN, "2", "3", "from __main__ import x", id="from-main"),
    pytest.param(HIDDEN, "2", "3", "import sys\nsys.modules['x']", id="sys-modules"),
    pytest.param(HIDDEN, "2", "3", "from sys import modules", id="modules-of-sys"),
    pytest.param(HIDDEN, "2", "3", "import inspect\ninspect.currentframe()", id="frame"),
    pytest.param(HIDDEN, "2", "3", "from inspect import currentframe", id="from-inspect"),
    pytest.param(HIDDEN, "2", "3", "import importlib as i\ni.import_module('__main__')", id="main"),
    pytest.param(HIDDEN, "2", "3", "get_ipython().run_cell('x')", id="run-cell"),
    pytest.param(HIDDEN, "2", "3", "g = get_ipython\ng().ev('x')", id="shell-object"),
    pytest.param(HIDDEN, "2", "3", "get_ipython().run_line_magic('x', name)", id="text-not-known"),
    pytest.param(HIDDEN, "2", "3", "%run other.py", id="run-magic"),
    pytest.param(HIDDEN, "2", "3", "%who", id="who"),
    pytest.param(HIDDEN, "2", "3", "%%cython\nx", id="unknown-magic"),
    pytest.param(HIDDEN, "2", "3", "%%time\neval('1')", id="eval-in-magic"),
    pytest.param(HIDDEN, "2", "3", "%time unused()", id="time-magic"),
    pytest.param(HIDDEN, "2", "3", "%%capture out\nunused()", id="capture-magic"),
    pytest.param(HIDDEN, "2", "3", "!echo {unused()}", id="shell-with-name"),
    pytest.param(HIDDEN, "2", "3", "%%bash\necho $unused", id="bash-with-name"),
    pytest.param(HIDDEN, "2", "3", "from math import *", id="star-import"),
    pytest.param(HIDDEN, "2", "3", "import pickle\npickle.load(open('x', 'rb'))", id="unpickles"),
    pytest.param(HIDDEN, "2", "3", "import joblib as j\nj.load('x')", id="unpickles-by-alias"),
    pytest.param(HIDDEN, "2", "3", "from pickle import loads as l\nl(b'')", id="unpickles-by-name"),
    pytest.param(HIDDEN, "2", "3", "import pandas as pd\npd.read_pickle('x')", id="read-pickle"),
    pytest.param(HIDDEN, "2", "3", "from pandas import read_pickle", id="from-read-pickle"),
    pytest.param(HIDDEN, "2", "3", "import numpy as np\nnp.load('x', allow_pickle=True)", id="npy"),
    pytest.param("LIMIT = 1\n", "1", "2", "import a\na.d.query('x > @LIMIT')", id="query"),
    pytest.param("LIMIT = 1\n", "1", "2", "import a\na.eval('x > LIMIT')", id="eval-of-a-frame"),
    pytest.param(HIDDEN, "2", "3", "import a\na.ols('y ~ unused(x)')", id="formula"),
    pytest.param(HIDDEN, "2", "3", "def g(x: 'unused'): pass", id="annotation-as-text"),
    pytest.param(HIDDEN, "2", "3", "x: 'unused' = 1", id="annotated-as-text"),
    pytest.param(HIDDEN, "2", "3", "async def g() -> 'unused': pass", id="returns-as-text"),
    pytest.param(HIDDEN, "2", "3", "def g():\n    global unused\n    unused = 1", id="global"),
    pytest.param("X = 1\nX += 1\n", "+= 1", "+= 2", "3", id="augmented"),
    pytest.param("X = {}\nX['a'] = 1\n", "= 1", "= 2", "3", id="item"),
    pytest.param("import m\nm.x = 1\n", "= 1", "= 2", "3", id="attribute-set"),
    pytest.param("Y = 1\nX = Y\ndel X\n", "= 1", "= 2", "3", id="what-a-deletion-reads"),
    pytest.param("with open('x') as f: y = 1\n", "1", "2", "3", id="with"),
    pytest.param("try:\n    x = 1\nexcept E: pass\n", "1", "2", "3", id="try"),
    pytest.param("if True:\n    x = 1\n", "1", "2", "3", id="if"),
    pytest.param("x = [i for i in f(1)]\n", "1", "2", "3", id="call-in-comprehension"),
    pytest.param("f = lambda x=g(1): x\n", "1", "2", "3", id="call-in-default-of-lambda"),
    pytest.param("class A(metaclass=M):\n    x = 1\n", "1", "2", "3", id="metaclass"),
    pytest.param("class A(base(1)):\n    pass\n", "1", "2", "3", id="base-that-is-called"),
    pytest.param("class A:\n    import m\n    x = 1\n", "1", "2", "3", id="import-in-class"),
    pytest.param("class A:\n    for x in (1,): pass\n", "1", "2", "3", id="loop-in-class"),
    pytest.param("def f(x: t(1)): pass\n", "1", "2", "3", id="annotation-that-calls"),
    pytest.param("def f() -> t(1): pass\n", "1", "2", "3", id="return-annotation-that-calls"),
    pytest.param("def f(*a: t(1), **k: u): pass\n", "1", "2", "3", id="annotation-of-rest"),
    pytest.param("def f(*, a=t(1), b): pass\n", "1", "2", "3", id="default-of-keyword"),
    pytest.param("x: t(1) = 2\n", "1", "3", "3", id="annotation-of-name-that-calls"),
    pytest.param("@d(1)\ndef f(): pass\n", "1", "2", "3", id="decorator-unknown"),
    pytest.param("@d[1]\ndef f(): pass\n", "1", "2", "3", id="decorator-of-another-kind"),
    pytest.param(
        "from functools import wraps\n@wraps(g(1))\ndef f(): pass\n",
        "1",
        "2",
        "3",
        id="calls-in-it",
    ),
    pytest.param(
        "from mine import cache\n@cache\ndef f(): return 1\n", "1", "2", "3", id="own-cache"
    ),
    pytest.param(
        "def property(f): return f\nclass A:\n    @property\n    def x(s): return 1\n",
        "1",
        "2",
        "3",
        id="property-of-the-notebook",
    ),
    pytest.param("X = 1\nprint(1)\n", "print(1)", "print(2)", "X", id="print"),
    pytest.param("X = 1\nX\n", "\nX\n", "\nX;\n", "3", id="shown-in-setup"),
    pytest.param(
        "print(1); print(2)\n", "print(1); print(2)", "print(2); print(1)", "3", id="order"
    ),
    pytest.param("def f(): return g()\ndef g(): return 1\n", "1", "2", "f", id="closure"),
    pytest.param("A = 1\nB = A\nC = B\n", "A = 1", "A = 2", "C", id="chain"),
    pytest.param("x = 1\nx = 2\n", "1", "3", "x", id="first-of-two"),
    pytest.param("def f(x=1): return x\n", "1", "2", "f", id="default-of-used"),
    pytest.param("def f(): 'doc'\n", "doc", "other", "f", id="docstring-of-used"),
    pytest.param("class A: pass\nclass B(A):\n    x = 1\n", "1", "2", "A", id="subclass"),
    pytest.param(
        "def f(): return 1\ndef f(): return 2\n",
        "1\ndef f(): return 2",
        "2\ndef f(): return 1",
        "f",
        id="order-of-two-functions-of-one-name",
    ),
    pytest.param(
        "def g(): pass\ndef f(x=g): pass\n",
        "def g(): pass\ndef f(x=g): pass\n",
        "def f(x=g): pass\ndef g(): pass\n",
        "f",
        id="order-of-a-function-and-who-reads-it",
    ),
    pytest.param("ls -l\n", "-l", "- l", "3", id="magic-without-percent"),
    pytest.param("%config X.y = 1\n", "1", "2", "3", id="config-magic"),
]


def _small_key(setup: str, own: str) -> str:
    cells = {"s": kit.code(setup, "imports"), "a": kit.code(own, "step:a")}
    content = kit.encode(kit.notebook(*cells.values()))
    pipeline = build_pipeline(parse_notebook(content, path="nb.ipynb"))
    # Names that do not exist are errors of the notebook, which is not what is tested here.
    (task,) = lower(replace(pipeline, diagnostics=()))
    return result_key(Conditions(fingerprint=fingerprint(task, {})))


@pytest.mark.parametrize(("setup", "old", "new", "own"), SMALL_SAME)
def test_result_key__setup_that_the_step_does_not_use__does_not_count(
    setup: str, old: str, new: str, own: str
) -> None:
    """A definition that nothing used mentions is left out."""
    assert old in setup

    assert _small_key(setup, own) == _small_key(setup.replace(old, new), own)


@pytest.mark.parametrize(("setup", "old", "new", "own"), SMALL_CHANGED)
def test_result_key__setup_that_the_step_may_use__counts(
    setup: str, old: str, new: str, own: str
) -> None:
    """What runs in any case counts, and so does all that code out of sight may name."""
    assert old in setup

    assert _small_key(setup, own) != _small_key(setup.replace(old, new), own)


UNPICKLED = """\
import joblib
def helper(): return 1
class Model:
    def run(self): return helper()
"""


def _last_key(setup: str, *steps: str) -> str:
    cells = [kit.code(source, f"step:s{number}") for number, source in enumerate(steps)]
    content = kit.encode(kit.notebook(kit.code(setup, "imports"), *cells))
    task = lower(build_pipeline(parse_notebook(content, path="nb.ipynb")))[-1]
    return result_key(Conditions(fingerprint=fingerprint(task, {})))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("x = joblib.load('m')", "x.run()"), id="next-step"),
        pytest.param(("x = joblib.load('m')", "y = [x]", "y[0].run()"), id="step-after-that"),
    ],
)
def test_result_key__object_out_of_a_pickle_file__lets_all_of_setup_count(
    steps: tuple[str, ...],
) -> None:
    """Its class is the notebook's, and what the class calls is named nowhere else."""
    changed = UNPICKLED.replace("return 1", "return 2")

    assert _last_key(UNPICKLED, *steps) != _last_key(changed, *steps)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("x = joblib.load('m')", "1"), id="takes-nothing-from-it"),
        pytest.param(("x = 1\njoblib.dump(x, 'm')", "x"), id="only-pickled"),
        pytest.param(("from torch import nn\nx = 1", "x"), id="other-thing-of-such-a-module"),
    ],
)
def test_result_key__nothing_out_of_a_pickle_file__leaves_unused_setup_out(
    steps: tuple[str, ...],
) -> None:
    """Only what may hold such an object is suspicious."""
    changed = UNPICKLED.replace("return 1", "return 2")

    assert _last_key(UNPICKLED, *steps) == _last_key(changed, *steps)
