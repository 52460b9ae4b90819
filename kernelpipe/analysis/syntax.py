"""From Python text to its syntax tree, and how deep that may be."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEEPEST = 1000
"""Levels of a syntax tree that are looked at; a sum of as many terms is as deep."""
_FRAMES = 12
"""Calls that go down one level, at most."""


class _Visits(dict[type[ast.AST], str]):
    """Kind of node -> the name of the method that looks at it."""

    def __missing__(self, kind: type[ast.AST]) -> str:
        self[kind] = f"_{kind.__name__}"
        return self[kind]


VISITS = _Visits()
"""For classes with a method for each kind of node, as ``ast.NodeVisitor`` has them."""


def parse_python(text: str) -> ast.Module:
    """Parse Python in which ``await`` may stand outside of functions."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(text, "<cell>", "exec", flags, dont_inherit=True)
    if not isinstance(tree, ast.Module):
        raise TypeError(tree)
    return tree


def is_too_deep(tree: ast.AST, text: str) -> bool:
    """Tell whether a tree has more than `DEEPEST` levels; ``text`` is what it was made of."""
    if len(text) < DEEPEST:
        return False
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [inner for node in level for inner in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let functions call themselves as often as the deepest tree needs."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST * _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def has_other_line_ends(source: str) -> bool:
    """Tell whether IPython, which splits as ``str.splitlines``, counts other lines than Python."""
    return len(f"{source}.".splitlines()) != source.count("\n") + 1
