"""From Python text to its syntax tree, and what one look at all trees tells."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from kernelpipe.notebook.transform import transform


def parse_python(text: str) -> ast.Module:
    """Parse Python in which ``await`` may stand outside of functions."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(text, "<cell>", "exec", flags, dont_inherit=True)
    if not isinstance(tree, ast.Module):
        raise TypeError(tree)
    return tree


def nodes_of(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield ``tree`` and all nodes below it, in no particular order; faster than ``ast.walk``."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                stack.append(value)
            elif isinstance(value, list):
                stack.extend(item for item in value if isinstance(item, ast.AST))


@dataclass(slots=True, eq=False, repr=False)
class Survey:
    """What names all cells together mention; scopes are not told apart."""

    rebound: set[str]
    """Bound by something else than an import."""
    methods: set[str]
    """Names of the methods of the notebook's classes."""
    read: set[str]


def survey(trees: Iterable[ast.Module]) -> Survey:
    """Look at all cells once."""
    found = Survey(set(), set(), set())
    for tree in trees:
        for node in nodes_of(tree):
            if isinstance(node, ast.Name):
                (found.read if isinstance(node.ctx, ast.Load) else found.rebound).add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.rebound.add(node.name)
            elif isinstance(node, ast.ClassDef):
                found.rebound.add(node.name)
                found.methods |= {
                    each.name
                    for each in node.body
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                }
            elif isinstance(node, ast.Global):
                found.rebound |= set(node.names)
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
                found.rebound |= {node.name} if node.name else set()
            elif isinstance(node, ast.MatchMapping) and node.rest:
                found.rebound.add(node.rest)
    return found


@dataclass(slots=True, eq=False, repr=False)
class Program:
    """The parsed code of a notebook: cell index -> tree; cells that do not parse are missing."""

    trees: dict[int, ast.Module]
    seen: Survey
    directory: str
    """Where the notebook lies."""


@lru_cache(maxsize=512)
def modules_in(source: str) -> frozenset[str]:
    """Return the dotted names of the modules that a cell imports, also inside functions."""
    if "import" not in source:
        return frozenset()
    text = transform(source)
    if text.error is not None:
        return frozenset()
    found: set[str] = set()
    for node in nodes_of(parse_python(text.text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return frozenset(found)
