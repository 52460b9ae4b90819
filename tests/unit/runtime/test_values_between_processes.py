"""Functions, classes and objects that one process stores and others load."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.runtime.hop_program import run_step

PROGRAM = Path(__file__).with_name("hop_program.py")
ROOT = Path(__file__).parents[3]


def two(
    source: str,
    outputs: list[str],
    show: str,
    *,
    setup: str = "",
    shared: dict[str, int] | None = None,
    then: str = "",
) -> dict[str, Any]:
    """Return a case: step A runs ``source``, step B loads ``outputs`` and evaluates ``show``."""
    return {
        "setup": setup,
        "shared": shared or {},
        "steps": {
            "A": {"source": source, "outputs": outputs},
            "B": {"inputs": {"A": outputs}, "source": then, "show": show},
        },
    }


BASE = """
class Base:
    registry = []
    def greet(self): return "base"
"""

CASES: dict[str, tuple[dict[str, Any], object]] = {
    "function_reads_globals_when_called": (
        two("k = 1\ndef f(): return k", ["f", "k"], "f()", then="k = 5"),
        5,
    ),
    "function_updates_globals": (
        two("n = 0\ndef f():\n  global n\n  n += 1", ["f", "n"], "n", then="f(); f()"),
        2,
    ),
    "function_keeps_everything": (
        two(
            "def f(a: int, b=[1], *, c={'d': 2}):\n  'doc'\n  return a, b, c\nf.note = 'n'",
            ["f"],
            "[f(0), f.__doc__, f.__name__, f.__module__, f.note, f.__kwdefaults__, "
            "f.__annotations__ == {'a': int}, f.__globals__ is globals()]",
        ),
        [[0, [1], {"d": 2}], "doc", "f", "__main__", "n", {"c": {"d": 2}}, True, True],
    ),
    "functions_recursive": (
        two("def fact(n): return 1 if n < 2 else n * fact(n - 1)", ["fact"], "fact(5)"),
        120,
    ),
    "functions_mutually_recursive": (
        two(
            "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n > 0 and even(n - 1)",
            ["even", "odd"],
            "[even(10), odd(7)]",
        ),
        [True, True],
    ),
    "closure_recursive": (
        two(
            "def make():\n  def go(n): return 0 if n == 0 else 1 + go(n - 1)\n  return go\n"
            "go = make()",
            ["go"],
            "go(4)",
        ),
        4,
    ),
    "closures_share_their_variable": (
        two(
            "def make():\n  n = 0\n  def inc():\n    nonlocal n\n    n += 1\n"
            "  def get(): return n\n  return inc, get\ninc, get = make()\ninc()",
            ["inc", "get"],
            "get()",
            then="inc(); inc()",
        ),
        3,
    ),
    "closure_with_empty_cell": (
        two(
            "def make():\n  def f(): return later\n  if False: later = 1\n  return f\nf = make()",
            ["f"],
            "f.__code__.co_freevars",
        ),
        ["later"],
    ),
    "lambda": (two("square = lambda x: x * x", ["square"], "square(3)"), 9),
    "partial": (
        two(
            "import functools\ndef f(a, b): return a - b\np = functools.partial(f, 10)",
            ["p", "f"],
            "[p(3), p.func is f]",
        ),
        [7, True],
    ),
    "lru_cache": (
        two(
            "import functools\n@functools.lru_cache(maxsize=7, typed=True)\ndef f(n): return n + 1",
            ["f"],
            "[f(1), f.cache_parameters(), f.__name__]",
        ),
        [2, {"maxsize": 7, "typed": True}, "f"],
    ),
    "lru_cache_recursive": (
        two(
            "import functools\n@functools.cache\ndef fib(n): return n if n < 2 else "
            "fib(n - 1) + fib(n - 2)",
            ["fib"],
            "fib(30)",
        ),
        832040,
    ),
    "singledispatch": (
        two(
            "import functools\n@functools.singledispatch\ndef f(x): return 'other'\n"
            "@f.register\ndef _(x: int): return 'int'\n@f.register(list)\n"
            "def _(x): return f(x[0])",
            ["f"],
            "[f(1), f('a'), f([2])]",
        ),
        ["int", "other", "int"],
    ),
    "generator_function": (
        two("def g():\n  yield 1\n  yield 2", ["g"], "list(g())"),
        [1, 2],
    ),
    "async_function": (
        two(
            "async def f(): return 4",
            ["f"],
            "__import__('asyncio').run(f())",
        ),
        4,
    ),
    "decorated_with_wraps": (
        two(
            "import functools\ndef twice(f):\n  @functools.wraps(f)\n  def g(*a): return f(f(*a))\n"
            "  return g\n@twice\ndef inc(x): return x + 1",
            ["inc"],
            "[inc(1), inc.__name__, inc.__wrapped__(1)]",
        ),
        [3, "inc", 2],
    ),
    "function_local_to_a_library": (
        two(
            "import functools, collections\n"
            "f = functools.cmp_to_key\nd = collections.defaultdict(lambda: [0])\nd['x'].append(1)",
            ["d"],
            "[d['x'], d['y']]",
        ),
        [[0, 1], [0]],
    ),
    "class_with_super_and_properties": (
        two(
            "class A:\n  def f(self): return 1\n"
            "class B(A):\n  def f(self): return super().f() + 1\n"
            "  @property\n  def p(self): return 3\n"
            "  @classmethod\n  def c(cls): return cls.__name__\n"
            "  @staticmethod\n  def s(): return 5\nb = B()",
            ["b"],
            "[b.f(), b.p, b.c(), b.s()]",
        ),
        [2, 3, "B", 5],
    ),
    "class_and_instance_belong_together": (
        two("class C: pass\nc = C()", ["C", "c"], "[type(c) is C, C.__module__]"),
        [True, "__main__"],
    ),
    "cached_property": (
        two(
            "import functools\nclass C:\n  @functools.cached_property\n  def p(self): return [1]\n"
            "c = C()",
            ["c"],
            "[c.p, c.p is c.p]",
        ),
        [[1], True],
    ),
    "dataclass_with_slots": (
        two(
            "import dataclasses\n@dataclasses.dataclass(slots=True, order=True)\nclass D:\n"
            "  x: int\n  y: list = dataclasses.field(default_factory=list)\nd = D(1)",
            ["D", "d"],
            "[repr(d), D(0) < d, dataclasses.asdict(d)]",
            then="import dataclasses",
        ),
        ["D(x=1, y=[])", True, {"x": 1, "y": []}],
    ),
    "enum_with_constructor": (
        two(
            "import enum\nclass P(enum.Enum):\n  E = (1, 2)\n  M = (3, 4)\n"
            "  def __init__(self, a, b): self.mass = a + b\n"
            "  def heavy(self): return self.mass > 5\n"
            "e = P.M",
            ["P", "e"],
            "[e is P.M, P.E.mass, P.M.heavy(), P((1, 2)).name, [m.name for m in P]]",
        ),
        [True, 3, True, "E", ["E", "M"]],
    ),
    "flag_and_int_enum": (
        two(
            "import enum\nclass F(enum.Flag):\n  A = 1\n  B = 2\nclass I(enum.IntEnum):\n  X = 4\n"
            "both = F.A | F.B; i = I.X",
            ["both", "i", "F"],
            "[F.A in both, both.value, i + 1, i.name]",
        ),
        [True, 3, 5, "X"],
    ),
    "abstract_class": (
        two(
            "import abc\nclass S(abc.ABC):\n  @abc.abstractmethod\n  def area(self): ...\n"
            "class Q(S):\n  def area(self): return 4\nq = Q()",
            ["S", "q"],
            "[q.area(), isinstance(q, S), bool(S.__abstractmethods__)]",
        ),
        [4, True, True],
    ),
    "metaclass": (
        two(
            "class M(type):\n  def shout(cls): return cls.__name__.upper()\n"
            "class C(metaclass=M): pass\nc = C()",
            ["c"],
            "type(c).shout()",
        ),
        "C",
    ),
    "named_tuples": (
        two(
            "import collections, typing\nP = collections.namedtuple('P', 'x y')\n"
            "class T(typing.NamedTuple):\n  a: int = 1\np, t = P(1, 2), T()",
            ["P", "p", "T", "t"],
            "[p.x, type(p) is P, t.a, isinstance(t, T)]",
        ),
        [1, True, 1, True],
    ),
    "typing_things": (
        two(
            "import typing\nU = typing.NewType('U', int)\nT = typing.TypeVar('T')\n"
            "class Box(typing.Generic[T]):\n  def __init__(self, v): self.v = v\nb = Box(1)",
            ["U", "T", "b"],
            "[U(3), U.__name__, T.__name__, b.v]",
        ),
        [3, "U", "T", 1],
    ),
    "exception_with_own_constructor": (
        two(
            "class E(Exception):\n  def __init__(self, *, code): super().__init__('m'); "
            "self.code = code\n"
            "try:\n  try: 1 / 0\n  except ZeroDivisionError as z: raise E(code=3) from z\n"
            "except E as caught: e = caught",
            ["e"],
            "[str(e), e.code, repr(e.__cause__), e.args]",
        ),
        ["m", 3, "ZeroDivisionError('division by zero')", ["m"]],
    ),
    "builtin_exceptions": (
        two(
            "errors = [OSError(2, 'no', 'f'), KeyError('k'),"
            " UnicodeDecodeError('u', b'x', 0, 1, 'r'), StopIteration(4)]",
            ["errors"],
            "[errors[0].filename, errors[1].args, errors[2].reason, errors[3].value]",
        ),
        ["f", ["k"], "r", 4],
    ),
    "sharing_is_kept": (
        two("a = b = []\nd = {'x': a}", ["a", "b", "d"], "[a is b, d['x'] is a]"),
        [True, True],
    ),
    "cycle": (two("a = []\na.append(a)", ["a"], "a[0] is a"), True),
    "dict_views_stay_live": (
        two(
            "import types\nd = {'a': 1}\nk, v, i = d.keys(), d.values(), d.items()\n"
            "p = types.MappingProxyType(d)",
            ["d", "k", "v", "i", "p"],
            "[list(k), list(v), len(i), p['b']]",
            then="d['b'] = 2",
        ),
        [["a", "b"], [1, 2], 2, 2],
    ),
    "ordered_dict_views": (
        two(
            "import collections\nd = collections.OrderedDict(a=1)\nk = d.keys()",
            ["d", "k"],
            "list(k)",
            then="d['b'] = 2",
        ),
        ["a", "b"],
    ),
    "memory_view_shows_its_object": (
        two("b = bytearray(b'abc')\nm = memoryview(b)", ["b", "m"], "m[0]", then="b[0] = 1"),
        1,
    ),
    "iterators_go_on": (
        two(
            "i = iter([1, 2, 3]); next(i)\nz = zip([1, 2], 'ab'); next(z)\ne = enumerate('ab')\n"
            "m = map(lambda x: x * 2, [1, 2])",
            ["i", "z", "e", "m"],
            "[list(i), list(z), list(e), list(m)]",
        ),
        [[2, 3], [[2, "b"]], [[0, "a"], [1, "b"]], [2, 4]],
    ),
    "modules_by_name": (
        two(
            "import os.path as osp, xml.dom as dom, json\nmods = {'j': json}",
            ["osp", "dom", "mods"],
            "[osp.__name__.endswith('path'), dom.__name__, mods['j'].dumps(1)]",
        ),
        [True, "xml.dom", "1"],
    ),
    "deeply_nested": (
        two(
            "x = []\nfor _ in range(3000): x = [x]",
            ["x"],
            "depth",
            then="depth = 0\nwhile x:\n  x = x[0]\n  depth += 1",
        ),
        3000,
    ),
    "function_keeps_its_source": (
        two(
            "import linecache\ntext = 'def f():\\n    return 1\\n'\n"
            "file = '/tmp/ipykernel_12345/678.py'\n"
            "linecache.cache[file] = (len(text), None, text.splitlines(True), file)\n"
            "exec(compile(text, file, 'exec'))",
            ["f"],
            "[inspect.getsource(f), f.__code__.co_filename]",
            then="import inspect",
        ),
        ["def f():\n    return 1\n", "kernelpipe/678.py"],
    ),
    "functions_of_modules_by_name": (
        two(
            "import fnmatch, types\nf = fnmatch._compile_pattern\nn = [types.SimpleNamespace]",
            ["f", "n"],
            "[f is fnmatch._compile_pattern, n[0] is types.SimpleNamespace]",
            then="import fnmatch, types",
        ),
        [True, True],
    ),
    "new_type_of_a_module": (
        two(
            "from kernelpipe.model.names import StepName as name",
            ["name"],
            "name is StepName",
            then="from kernelpipe.model.names import StepName",
        ),
        True,
    ),
    "read_only_view_of_a_class": (
        two("class C:\n  x = 1\nd = vars(C)", ["C", "d"], "[d['x'], type(d).__name__]"),
        [1, "mappingproxy"],
    ),
    "globals_itself": (two("g = globals()", ["g"], "g is globals()"), True),
    "standard_streams": (
        two(
            "import sys\nout = [sys.stdout, sys.stderr]",
            ["out"],
            "[out[0] is sys.stdout, out[1] is sys.stderr]",
            then="import sys",
        ),
        [True, True],
    ),
    "main_module": (
        two("import __main__ as m", ["m"], "m.__name__"),
        "__main__",
    ),
    "numpy_scalar_keeps_its_type": (
        two(
            "import numpy as np\nx = np.float64(0.1)\nn = np.int64(3)",
            ["x", "n"],
            "[type(x).__name__, type(n).__name__, float(x)]",
        ),
        ["float64", "int64", 0.1],
    ),
    "builtins_stay_as_they_are": (
        two("def f(): return len('ab')", ["f"], "[f(), type(__builtins__).__name__]"),
        [2, "dict"],
    ),
    "shared_class_isinstance": (
        two("b = Base()", ["b"], "isinstance(b, Base)", setup=BASE, shared={"Base": 1}),
        True,
    ),
    "shared_function_identity": (
        two(
            "table = {'f': f}",
            ["table"],
            "table['f'] is f",
            setup="def f(): return 1",
            shared={"f": 1},
        ),
        True,
    ),
    "shared_members_of_a_class": (
        two(
            "x = [Outer.Inner(), Outer.method, Outer().method]",
            ["x"],
            "[isinstance(x[0], Outer.Inner), x[1] is Outer.method, x[2](), "
            "x[2].__func__ is Outer.method]",
            setup="class Outer:\n  class Inner: pass\n  def method(self): return 5",
            shared={"Outer": 0},
        ),
        [True, True, 5, True],
    ),
    "shared_sentinel_identity": (
        two(
            "x = [MISSING]",
            ["x"],
            "x[0] is MISSING",
            setup="MISSING = object()",
            shared={"MISSING": 0},
        ),
        True,
    ),
    "shared_base_of_step_class": (
        two(
            "class Sub(Base):\n  def greet(self): return 'sub ' + super().greet()\ns = Sub()",
            ["s"],
            "[isinstance(s, Base), s.greet()]",
            setup=BASE,
            shared={"Base": 1},
        ),
        [True, "sub base"],
    ),
    "shared_class_changes_travel_with_its_name": (
        two(
            "Base.count = 3\nBase.registry.append('x')\nBase.greet = lambda self: 'new'",
            ["Base"],
            "[Base.count, Base.registry, first().greet(), Base is first]",
            setup=BASE + "first = Base",
            shared={"Base": 1},
        ),
        [3, ["x"], "new", True],
    ),
    "shared_class_loses_attributes": (
        two("del Base.greet", ["Base"], "hasattr(Base, 'greet')", setup=BASE, shared={"Base": 1}),
        False,
    ),
    "shared_function_state_travels_with_its_name": (
        two(
            "f(1); f.calls = 1; inc()",
            ["f", "inc"],
            "[f(2), f.calls, inc()]",
            setup="def f(x, seen=[], *, more={}):\n  seen.append(x)\n  more[x] = 1\n"
            "  return seen, more\n"
            "def make():\n  n = 0\n  def inc():\n    nonlocal n\n    n += 1\n    return n\n"
            "  return inc\ninc = make()",
            shared={"f": 1, "inc": 1},
        ),
        [[[1, 2], {"1": 1, "2": 1}], 1, 2],
    ),
    "shared_function_with_unchanging_defaults": (
        two(
            "",
            ["f"],
            "f()",
            setup="def f(a=(1, 2), b=frozenset()): return a",
            shared={"f": 1},
        ),
        [1, 2],
    ),
    "shared_class_loses_what_the_other_never_had": (
        {
            "steps": {
                "A": {
                    "setup": BASE + "Base.extra = 1",
                    "shared": {"Base": 1},
                    "source": "del Base.extra",
                    "outputs": ["Base"],
                },
                "B": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "inputs": {"A": ["Base"]},
                    "show": "hasattr(Base, 'extra')",
                },
            }
        },
        False,
    ),
    "shared_value_without_identity_is_left_alone": (
        two("y = x", ["y"], "y", setup="x = 5", shared={"x": 0, "gone": 0}),
        5,
    ),
    "shared_member_redefined_later": (
        {
            "steps": {
                "A": {
                    "setup": "class O:\n  class I:\n    def m(self): return type(self).__name__",
                    "shared": {"O": 1},
                    "source": "i = O.I(); o = O(); m = O.I.m",
                    "outputs": ["i", "o", "m"],
                },
                "B": {
                    "inputs": {"A": ["i", "o", "m"]},
                    "show": "[i.m(), isinstance(i, type(o).I), m(i)]",
                },
            }
        },
        ["I", True, "I"],
    ),
    "shared_name_redefined_later": (
        {
            "steps": {
                "A": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "source": "b = Base()",
                    "outputs": ["b"],
                },
                "B": {
                    "setup": BASE + "class Base: pass",
                    "shared": {"Base": 7},
                    "inputs": {"A": ["b"]},
                    "show": "[isinstance(b, Base), b.greet()]",
                },
            }
        },
        [False, "base"],
    ),
}

HOPS: dict[str, tuple[dict[str, Any], object]] = {
    "class_over_two_paths": (
        {
            "steps": {
                "A": {"source": "class C: pass\nc = C()", "outputs": ["C", "c"]},
                "B": {"inputs": {"A": ["C", "c"]}, "source": "b = C()", "outputs": ["b", "C"]},
                "C": {"inputs": {"A": ["C", "c"]}, "source": "x = c", "outputs": ["x"]},
                "D": {
                    "inputs": {"B": ["b", "C"], "C": ["x"]},
                    "show": "[isinstance(b, C), isinstance(x, C), type(b) is type(x)]",
                },
            }
        },
        [True, True, True],
    ),
    "setup_class_over_two_paths_to_a_step_without_it": (
        {
            "steps": {
                "B": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "source": "b = Base()",
                    "outputs": ["b"],
                },
                "C": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "source": "x = Base()",
                    "outputs": ["x"],
                },
                "D": {
                    "inputs": {"B": ["b"], "C": ["x"]},
                    "setup": "class Base: pass",
                    "shared": {"Base": 9},
                    "show": "[type(b) is type(x), isinstance(b, Base), b.greet()]",
                },
            }
        },
        [True, False, "base"],
    ),
    "enum_over_two_paths": (
        {
            "steps": {
                "A": {
                    "source": "import enum\nclass P(enum.Enum):\n  E = 1\ne = P.E",
                    "outputs": ["e", "P"],
                },
                "B": {"inputs": {"A": ["e"]}, "source": "b = e", "outputs": ["b"]},
                "C": {"inputs": {"A": ["P"]}, "source": "x = P(1)", "outputs": ["x"]},
                "D": {"inputs": {"B": ["b"], "C": ["x"]}, "show": "b is x"},
            }
        },
        True,
    ),
    "function_over_two_hops": (
        {
            "steps": {
                "A": {"source": "k = 2\ndef f(x): return x * k", "outputs": ["f", "k"]},
                "B": {"inputs": {"A": ["f", "k"]}, "source": "k = 3", "outputs": ["f", "k"]},
                "D": {"inputs": {"B": ["f", "k"]}, "show": "[f(2), f.__globals__ is globals()]"},
            }
        },
        [6, True],
    ),
    "copies_of_setup_objects_are_handed_on": (
        {
            "steps": {
                "A": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "source": "b = Base()",
                    "outputs": ["b"],
                },
                "B": {"inputs": {"A": ["b"]}, "outputs": ["b"]},
                "D": {
                    "setup": BASE,
                    "shared": {"Base": 1},
                    "inputs": {"B": ["b"]},
                    "show": "isinstance(b, Base)",
                },
            }
        },
        True,
    ),
}

EXPECTED = {name: expected for name, (_, expected) in (CASES | HOPS).items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Run every step of all cases, one process per step name, and return what the last showed."""
    directory = tmp_path_factory.mktemp("hops")
    cases = directory / "cases.json"
    content = [{"id": name, **case} for name, (case, _) in (CASES | HOPS).items()]
    cases.write_text(json.dumps(content))
    shown: dict[str, object] = {}
    for step in "ABCD":
        subprocess.run(
            [sys.executable, "-W", "error", str(PROGRAM), str(cases), step, str(directory)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        shown |= {
            name: value
            for name, value in json.loads((directory / f"results-{step}.json").read_text()).items()
            if value is not None
        }
    return shown


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_values__loaded_in_another_process__are_what_they_were(
    name: str, results: dict[str, object]
) -> None:
    """Each case shows in the loading process what it would show in the notebook."""
    assert results[name] == EXPECTED[name]


def forget_classes() -> None:
    """Make cloudpickle forget the classes that it knows, as in a new process."""
    tracker = pytest.importorskip("cloudpickle").cloudpickle
    tracker._DYNAMIC_CLASS_TRACKER_BY_ID.clear()
    tracker._DYNAMIC_CLASS_TRACKER_BY_CLASS.clear()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_values__loaded_in_the_process_that_stored_them__are_what_they_were(
    name: str, tmp_path: Path
) -> None:
    """Nothing depends on which process it is (compared as JSON, which has no tuples)."""
    case = {"id": name, **(CASES | HOPS)[name][0]}

    shown: object = None
    for step in case["steps"]:
        forget_classes()
        shown = run_step(case, step, tmp_path)

    assert json.loads(json.dumps(shown)) == EXPECTED[name]
