"""Tests of taking parameters cells apart."""

import pytest

from kernelpipe.compiler.derivations import Derivation, read_parameters_cell
from kernelpipe.model.pipeline import Parameter, ParameterType


def _parameters(*names: str) -> list[Parameter]:
    return [
        Parameter(name=name, type=ParameterType.ANY, default="null", is_nullable=True, cell_index=0)
        for name in names
    ]


def _derive(source: str, *names: str) -> tuple[Derivation, ...]:
    return read_parameters_cell(source, _parameters(*names)).derivations


def test_read_parameters_cell__only_literals__derives_nothing() -> None:
    """Literal assignments, comments and a docstring need not run again."""
    cell = read_parameters_cell(
        '"""Settings."""\nlr = 0.1  # rate\nnames: list[str] = ["a"]\nshape = (1, 2)\nx: int\npass',
        _parameters("lr", "names", "shape"),
    )

    assert cell.literals == (("lr", "0.1"), ("names", '["a"]'), ("shape", "(1, 2)"))
    assert cell.derivations == ()


def test_read_parameters_cell__tuple_default__is_told() -> None:
    """A default that is written as a tuple is known as one."""
    cell = read_parameters_cell("a = (1,)\nb = [1]", _parameters("a", "b"))

    assert cell.is_tuple("a")
    assert not cell.is_tuple("b")
    assert not cell.is_tuple("missing")


def test_read_parameters_cell__computed_value__is_a_derivation() -> None:
    """An assignment that reads a parameter comes with what it reads and binds."""
    assert _derive("lr = 0.1\ntotal = lr * 2", "lr") == (
        Derivation(source="total = lr * 2", reads=("lr",), binds=("total",)),
    )


def test_read_parameters_cell__unknown_literal__is_a_derivation() -> None:
    """A literal that is no parameter (analysis says so) runs with the rest."""
    assert _derive("_x = 1") == (Derivation(source="_x = 1", reads=(), binds=("_x",)),)


def test_read_parameters_cell__several_at_once__are_taken_apart() -> None:
    """Chained and tuple assignments define parameters, too; the computed rest is derived."""
    cell = read_parameters_cell(
        "a = b = 1\n(c, [d, *e]), f = (2, [3, *g()]), (4, 5)\nh, i = 6, run(a)\nj, k = z",
        _parameters("a", "b", "c", "f", "h"),
    )

    assert cell.literals == (("a", "1"), ("b", "1"), ("c", "2"), ("f", "(4, 5)"), ("h", "6"))
    assert [d.source for d in cell.derivations] == [
        "[d, *e] = [3, *g()]",
        "i = run(a)",
        "j, k = z",
    ]


def test_read_parameters_cell__name_assigned_otherwise_before__is_derived_there() -> None:
    """Only literal assignments of a parameter are literals."""
    cell = read_parameters_cell("n = f()\nn = {[]: 1}\nn = 3", _parameters("n"))

    assert cell.literals == (("n", "3"),)
    assert [d.source for d in cell.derivations] == ["n = f()", "n = {[]: 1}"]


def test_read_parameters_cell__in_place_change__resets_the_parameter() -> None:
    """A parameter that is changed starts again from its literal."""
    assert _derive("cols = []\nlr = 1\ncols.append(lr)", "cols", "lr") == (
        Derivation(
            source="cols.append(lr)",
            reads=("cols", "lr"),
            binds=("cols",),
            resets=(("cols", "[]"),),
        ),
    )


def test_read_parameters_cell__change_of_derived_object__runs_from_its_creation() -> None:
    """Statements from creation to last change are one derivation: running it twice is safe."""
    source = "base = 1\ncols = list(range(base))\nn = 3\nk = 2 + base\ncols.append(k)\nz = base"

    assert _derive(source, "base", "n") == (
        Derivation(
            source="cols = list(range(base))\nk = 2 + base\ncols.append(k)",
            reads=("base", "cols", "k", "list", "range"),
            binds=("cols", "k"),
        ),
        Derivation(source="z = base", reads=("base",), binds=("z",)),
    )


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        pytest.param("n += 1", True, id="augmented assignment"),
        pytest.param("n = n * 2", True, id="rebinding from itself"),
        pytest.param("n[0] = 1", True, id="item assignment"),
        pytest.param("del n[0]", True, id="item deletion"),
        pytest.param("n.x = 1", True, id="attribute assignment"),
        pytest.param("n.update(a=1)", True, id="method call"),
        pytest.param("n['a'].append(1)", True, id="method of an item"),
        pytest.param("m = n.copy()", True, id="method call in an expression"),
        pytest.param("shuffle(n)", True, id="passed to a call"),
        pytest.param("shuffle(x=n)", True, id="passed by keyword"),
        pytest.param("if debug:\n    n = 5", True, id="bound under a condition"),
        pytest.param("for n in range(3):\n    pass", True, id="loop variable"),
        pytest.param("print(n)", False, id="printed"),
        pytest.param("m = ','.join(n)", False, id="argument of a literal's method"),
        pytest.param("m = n", False, id="read"),
        pytest.param("m = len(n)", False, id="passed within an expression"),
    ],
)
def test_read_parameters_cell__statement__says_whether_it_changes(
    statement: str, *, changed: bool
) -> None:
    """What may change a parameter resets it first."""
    (derivation,) = _derive(f"n = [1]\n{statement}", "n")

    assert derivation.resets == ((("n", "[1]"),) if changed else ())


def test_read_parameters_cell__imported_module__is_not_changed_by_its_functions() -> None:
    """A call of a module's function does not tie statements together."""
    assert _derive("import os\nroot = 'a'\np = os.path.join(root)", "root") == (
        Derivation(source="import os", reads=(), binds=("os",)),
        Derivation(source="p = os.path.join(root)", reads=("os", "root"), binds=("p",)),
    )


@pytest.mark.parametrize(
    ("statement", "binds"),
    [
        pytest.param("import a.b, c as d", ("a", "d"), id="imports"),
        pytest.param("from a import b as c", ("c",), id="import from"),
        pytest.param("def f(x): return x", ("f",), id="function"),
        pytest.param("async def f(): pass", ("f",), id="async function"),
        pytest.param("class C: y = 1", ("C", "y"), id="class"),
        pytest.param("(a, *b), c = z", ("a", "b", "c"), id="unpacking"),
        pytest.param("try: pass\nexcept E as e: pass", ("e",), id="exception"),
        pytest.param("with z as (a, b): pass", ("a", "b"), id="with"),
        pytest.param(
            "match z:\n    case [a, *b]: pass\n    case {'k': c, **d}: pass",
            ("a", "b", "c", "d"),
            id="match",
        ),
        pytest.param("print(w := 1)", ("w",), id="walrus"),
        pytest.param("def f():\n    global g\n    g = 1", ("f", "g"), id="global"),
        pytest.param("del z", ("z",), id="deletion"),
    ],
)
def test_read_parameters_cell__binding_form__binds(statement: str, binds: tuple[str, ...]) -> None:
    """Every way of binding a name is seen."""
    (derivation,) = _derive(statement)

    assert derivation.binds == binds


def test_read_parameters_cell__decorated_function__keeps_its_decorators() -> None:
    """The source of a derivation is the whole statement."""
    (derivation,) = _derive("@wraps\n@cache\ndef f():\n    return lr")

    assert derivation.source == "@wraps\n@cache\ndef f():\n    return lr"


def test_read_parameters_cell__statements_on_one_line__are_apart() -> None:
    """A semicolon separates derivations; columns count bytes of text with umlauts, too."""
    sources = [d.source for d in _derive("ä = f('ö'); b = g('ü')")]

    assert sources == ["ä = f('ö')", "b = g('ü')"]


def test_read_parameters_cell__magic__is_translated() -> None:
    """IPython's syntax becomes Python that can run again."""
    (derivation,) = _derive("files = !ls")

    assert derivation.source == "files = get_ipython().getoutput('ls')"
    assert derivation.binds == ("files",)
