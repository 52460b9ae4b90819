"""The calls that IPython's transformer makes of magics and shell lines, read from syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from kernelpipe.analysis.magic_facts import WRAPPERS
from kernelpipe.analysis.syntax import is_too_deep, parse_python
from kernelpipe.notebook.transform import transform

_TEXTS = {
    "run_line_magic": 2,
    "run_cell_magic": 3,
    "system": 1,
    "getoutput": 1,
    "magic": 1,
}
"""Method of the shell -> how many texts it is called with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagicCall:
    """A magic or a shell line; ``name`` is "!" for ``!command`` and "!!" where lines come back.

    ``body`` is None for what stands in a line; ``number`` is the one-based line in its cell.
    """

    name: str
    line: str
    body: str | None
    number: int


def is_shell(node: ast.expr) -> bool:
    """Tell whether an expression is ``get_ipython()``."""
    return (
        isinstance(node, ast.Call)
        and not node.args
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def read_call(node: ast.Call) -> MagicCall | None:
    """Return the magic that a call runs, None if it is none or its texts are not known."""
    function = node.func
    if not isinstance(function, ast.Attribute) or not is_shell(function.value):
        return None
    given = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
    if len(given) != len(node.args) or len(given) < _TEXTS.get(function.attr, len(given) + 1):
        return None
    if function.attr == "magic":
        name, _, line = given[0].lstrip("%").partition(" ")
        return MagicCall(name=name, line=line.strip(), body=None, number=node.lineno)
    if function.attr in ("system", "getoutput"):
        name = "!" if function.attr == "system" else "!!"
        return MagicCall(name=name, line=given[0], body=None, number=node.lineno)
    body = given[2] if function.attr == "run_cell_magic" else None
    return MagicCall(name=given[0], line=given[1], body=body, number=node.lineno)


def bodies_in(tree: ast.Module) -> Iterator[ast.Module]:
    """Yield the Python in the bodies of a cell's ``%%time`` and the like, parsed."""
    for statement in tree.body:
        node = statement.value if isinstance(statement, ast.Expr) else None
        call = read_call(node) if isinstance(node, ast.Call) else None
        inner = None if call is None else body_of(call)
        if inner is not None:
            yield inner
            yield from bodies_in(inner)


def body_of(call: MagicCall) -> ast.Module | None:
    """Return the Python that a magic runs in the notebook's namespace, None if it has none."""
    is_python = call.body is not None and call.name in WRAPPERS
    return parse_body(call.body or "", call.number) if is_python else None


@lru_cache(maxsize=256)
def parse_body(source: str, lines_before: int) -> ast.Module | None:
    """Return the syntax tree of Python as a cell may hold it, None if it is none.

    The tree is kept for later calls, so it must not be changed.

    Args:
        source: The Python.
        lines_before: How many lines of the cell stand before it; nodes have the cell's lines.
    """
    text = transform("\n" * lines_before + source)
    tree = None if text.error is not None else parse_python(text.text)
    return None if tree is None or is_too_deep(tree, text.text) else tree
