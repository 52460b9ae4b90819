"""Names that code binds, held against the standard library's symbol tables."""

import ast
import symtable
import textwrap
from pathlib import Path

import pytest

from kernelpipe.analysis.names import bound_names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import a.b", {"a"}, id="dotted import binds its root"),
        pytest.param("import a.b as c", {"c"}, id="import as"),
        pytest.param("from m import x as y, z", {"y", "z"}, id="from import"),
        pytest.param("a, (b, *c) = v", {"a", "b", "c"}, id="nested unpacking"),
        pytest.param("x[i] = o.a = 1", set(), id="stores into objects bind nothing"),
        pytest.param("[i for i in v if (w := i)]", {"w"}, id="walrus leaves a comprehension"),
        pytest.param("f = lambda p: (q := p)", {"f"}, id="walrus stays in a lambda"),
        pytest.param("def f(a=(d := 1)): b = 1", {"f", "d"}, id="default binds outside"),
        pytest.param("class C:\n    x = 1", {"C"}, id="class body is its own"),
        pytest.param("try: pass\nexcept E as e: pass", {"e"}, id="except name"),
        pytest.param("with o as (p, q): pass", {"p", "q"}, id="with targets"),
        pytest.param("for i, j in v: k = 1", {"i", "j", "k"}, id="for targets"),
        pytest.param("match v:\n  case {'a': b, **r}: pass", {"b", "r"}, id="mapping pattern"),
        pytest.param("match v:\n  case [x, *y] | (x as y): pass", {"x", "y"}, id="sequence"),
        pytest.param("global g\ng = 1", set(), id="declared global is not its own"),
        pytest.param("del x", {"x"}, id="deletion makes a name the scope's own"),
        pytest.param("n += 1", {"n"}, id="augmented assignment"),
        pytest.param("t: int", {"t"}, id="annotation"),
    ],
)
def test_bound_names__statement__gives_its_own_names(source: str, expected: set[str]) -> None:
    """Each way to bind a name is known, and what looks alike is not taken for one."""
    assert bound_names(ast.parse(source).body).local == expected


def test_bound_names__functions_of_the_standard_library__agree_with_symtable() -> None:
    """Python's own compiler and we agree on the local names of many real functions."""
    checked = 0
    for module in ("argparse", "ast", "dataclasses", "inspect", "textwrap", "typing", "shutil"):
        source = Path(__import__(module).__file__ or "").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and not getattr(node, "type_params", ()):
                text = textwrap.dedent(ast.get_source_segment(source, node) or "")
                inlined = _comprehension_targets(node)  # Python 3.12 lists them as locals
                ours, theirs = _ours(node) | inlined, _symtable_locals(text, node.name) | inlined
                assert ours == theirs, (module, node.name)
                checked += 1

    assert checked > 200


def _ours(node: ast.FunctionDef) -> set[str]:
    args = node.args
    listed = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    arguments = {a.arg for a in listed if a is not None}
    names = bound_names(node.body)
    return set((names.local | arguments) - names.declared_nonlocal)


def _comprehension_targets(node: ast.FunctionDef) -> set[str]:
    targets = [each.target for each in ast.walk(node) if isinstance(each, ast.comprehension)]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _symtable_locals(source: str, name: str) -> set[str]:
    table = symtable.symtable(source, "<test>", "exec")
    function = next(c for c in table.get_children() if c.get_name() == name)
    return {s.get_name() for s in function.get_symbols() if s.is_local()}
