"""From Python text to its syntax tree."""

import ast


def parse_python(text: str) -> ast.Module:
    """Parse Python in which ``await`` may stand outside of functions."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(text, "<cell>", "exec", flags, dont_inherit=True)
    if not isinstance(tree, ast.Module):
        raise TypeError(tree)
    return tree
