"""Classes of the notebook that one process stores and another loads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.runtime.hop_program import run_step
from unit.runtime.test_values_between_processes import PROGRAM, ROOT, forget_classes, two

META = """
class Meta(type):
  def __new__(mcs, name, bases, ns, **options):
    ns["tag"] = prefix + name
    return super().__new__(mcs, name, bases, ns)
  def __init__(cls, name, bases, ns, **options):
    made.append(name)
  def __setattr__(cls, name, value):
    raise TypeError("read only")
prefix, made = "x-", []
class A(metaclass=Meta, size=1): later = 1
"""
PLUGINS = """
class Plugin:
  def __init_subclass__(cls, *, key, **rest):
    super().__init_subclass__(**rest)
    seen.append(key)
seen = []
class Csv(Plugin, key="csv"): kind = 1
class Both(dict, Csv, key="both"): pass
"""
SLOTS = """
import weakref
class S:
  __slots__ = ("a", "_b", "__c")
  def __init__(self): self.a, self._b, self.__c = 1, 2, 3
  def c(self): return self.__c
class T(S):
  __slots__ = {"d": "its doc"}
class U(S): pass
class W(S):
  __slots__ = ("__weakref__", "__dict__")
class One:
  __slots__ = "only"
s, t, u, w, o = S(), T(), U(), W(), One()
t.d, u.free, w.free, o.only = 4, 5, 6, 7
"""

CASES: dict[str, tuple[dict[str, Any], object]] = {
    "metaclass_that_reads_globals": (
        two(META, ["A"], "[A.tag, A.later, type(A).__name__]"),
        ["x-A", 1, "Meta"],
    ),
    "metaclass_makes_more_classes": (
        two(META, ["A", "made"], "[B.tag, made]", then="prefix = 'y-'\nclass B(A): pass"),
        ["y-B", ["A", "B"]],
    ),
    "metaclass_of_abstract_classes": (
        two(
            "import abc\nclass M(abc.ABCMeta):\n"
            "  def __new__(mcs, name, bases, ns): ns[n] = 1; return abc.ABCMeta.__new__(mcs, name, "
            "bases, ns)\n"
            "  def register(cls, other): raise TypeError\n"
            "n = 'tag'\nclass S(metaclass=M):\n  @abc.abstractmethod\n  def f(self): ...\n"
            "class D(S):\n  def f(self): return 1\n"
            "abc.ABCMeta.register(S, int)",
            ["S", "D"],
            "[S.tag, D().f(), isinstance(1, S), sorted(S.__abstractmethods__), issubclass(D, S)]",
        ),
        [1, 1, True, ["f"], True],
    ),
    "init_subclass_does_not_run_again": (
        two(
            PLUGINS,
            ["Csv", "Both", "seen"],
            "[seen, Csv.kind, Both(a=1), [c.__name__ for c in Both.__mro__[:4]]]",
        ),
        [["csv", "both"], 1, {"a": 1}, ["Both", "dict", "Csv", "Plugin"]],
    ),
    "init_subclass_runs_for_new_classes": (
        two(PLUGINS, ["Csv", "seen"], "seen", then="class X(Csv, key='x'): pass"),
        ["csv", "both", "x"],
    ),
    "set_name_does_not_run_again": (
        two(
            "class D:\n  def __set_name__(self, owner, name): names.append(name)\nnames = []\n"
            "class C:\n  d = D()",
            ["C", "names"],
            "names",
        ),
        ["d"],
    ),
    "subclasses_are_there_once": (
        two("class P: pass\nclass C(P): pass\nc = C()", ["P", "C", "c"], "len(P.__subclasses__())"),
        1,
    ),
    "slots": (
        two(
            SLOTS,
            ["S", "T", "U", "W", "One", "s", "t", "u", "w", "o"],
            "[s.a, s._b, s.c(), hasattr(s, '__dict__'), t.d, t.c(), hasattr(t, '__dict__'), "
            "u.free, w.free, w.c(), __import__('weakref').ref(w)() is w, o.only, "
            "hasattr(o, '__dict__'), list(S.__slots__), T.__slots__, One.__slots__]",
        ),
        [
            *(1, 2, 3, False, 4, 3, False, 5, 6, 3, True, 7, False),
            *(["a", "_b", "__c"], {"d": "its doc"}, "only"),
        ],
    ),
    "slots_of_a_dataclass": (
        two(
            "import dataclasses\n@dataclasses.dataclass(slots=True, frozen=True)\n"
            "class P:\n  x: int\n  y: int = 2\n  def total(self): return self.x + self.y\np = P(1)",
            ["P", "p"],
            "[repr(p), p.total(), hasattr(p, '__dict__'), p == P(1)]",
        ),
        ["P(x=1, y=2)", 3, False, True],
    ),
    "qualified_name": (
        two("def f():\n  class In: pass\n  return In\nC = f()", ["C"], "repr(C)"),
        "<class '__main__.f.<locals>.In'>",
    ),
    "protocol_and_generic": (
        two(
            "import typing\nT = typing.TypeVar('T')\n"
            "@typing.runtime_checkable\nclass P(typing.Protocol):\n  def go(self): ...\n"
            "class Impl(P):\n  def go(self): return 1\n"
            "class Box(typing.Generic[T]):\n  def go(self): return 2\n"
            "class IntBox(Box[int]): pass",
            ["P", "Impl", "Box", "IntBox", "T"],
            "[isinstance(Impl(), P), isinstance(IntBox(), P), isinstance(1, P), Impl._is_protocol,"
            " P._is_protocol, IntBox.__orig_bases__ == (Box[int],), Box.__parameters__ == (T,)]",
        ),
        [True, True, False, False, True, True, True],
    ),
    "typed_dict_and_named_tuple": (
        two(
            "import typing\nclass D(typing.TypedDict, total=False):\n  a: int\n"
            "class N(typing.NamedTuple):\n  a: int = 1\nn = N(2)",
            ["D", "N", "n"],
            "[D.__total__, sorted(D.__optional_keys__), D(a=1), repr(n), n._replace(a=3).a]",
        ),
        [False, ["a"], {"a": 1}, "N(a=2)", 3],
    ),
    "hooks_of_a_library": (
        two(
            "import string\nclass T(string.Template):\n  delimiter = '%'\n  extra = 1",
            ["T"],
            "[T('%a').substitute(a=1), T.extra]",
        ),
        ["1", 1],
    ),
    "enum_with_an_alias": (
        two(
            "import enum\nclass E(enum.Enum):\n  A = 1\n  B = 1\n  C = 2\n"
            "class F(enum.Flag):\n  R = 1\n  W = 2\n  RW = 3",
            ["E", "F"],
            "[E['B'] is E.A, E.B is E.A, list(E.__members__), len(E), "
            "(F.R | F.W) is F.RW, F['RW'].name, len(F)]",
        ),
        [True, True, ["A", "B", "C"], 2, True, "RW", 2],
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Run both steps of all cases, a process for each step, and return what the second showed."""
    directory = tmp_path_factory.mktemp("classes")
    cases = directory / "cases.json"
    cases.write_text(json.dumps([{"id": name, **case} for name, (case, _) in CASES.items()]))
    for step in "AB":
        subprocess.run(
            [sys.executable, "-W", "error", str(PROGRAM), str(cases), step, str(directory)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    shown: dict[str, object] = json.loads((directory / "results-B.json").read_text())
    return shown


@pytest.mark.parametrize("name", sorted(CASES))
def test_classes__loaded_in_another_process__are_what_they_were(
    name: str, results: dict[str, object]
) -> None:
    """Each case shows in the loading process what it would show in the notebook."""
    assert results[name] == CASES[name][1]


@pytest.mark.parametrize("name", sorted(CASES))
def test_classes__loaded_in_the_process_that_stored_them__are_what_they_were(
    name: str, tmp_path: Path
) -> None:
    """Nothing depends on which process it is (compared as JSON, which has no tuples)."""
    case = {"id": name, **CASES[name][0]}

    shown: object = None
    for step in "AB":
        forget_classes()
        shown = run_step(case, step, tmp_path)

    assert json.loads(json.dumps(shown)) == CASES[name][1]
