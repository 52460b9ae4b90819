"""Which attributes of the notebook's own objects only ever hold numbers and texts.

``self.calls += 1`` changes the object alone then, not what its other attributes hold.
"""

import ast

_ATOMIC_CALLS = frozenset("len int float str bool hash id ord".split())
BY_TEXT = frozenset("setattr vars __dict__ __setattr__ __setstate__".split())
"""Names by which code may store to attributes that it does not name."""
STORING = frozenset({ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Attribute, ast.ClassDef})
"""Nodes that may tell of attributes, besides names of `BY_TEXT`."""
ANY = "*"
"""Stands for any attribute: code may store by the attribute's text."""


def is_atomic(node: ast.expr | None) -> bool:
    """Tell whether an expression surely is a number, a text, True, False or None."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_atomic(node.operand)
    if isinstance(node, ast.BinOp):
        return is_atomic(node.left) and is_atomic(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _ATOMIC_CALLS
    return False


def stored_attributes(node: ast.AST, atomic: set[int]) -> tuple[set[str], set[str]]:
    """Return the attributes that ``node`` stores something atomic in, and those it may not.

    Args:
        node: Any node of a cell; its parents were asked about before.
        atomic: Identities of the targets that get something atomic, which this adds to.
    """
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        stored = [t for t in targets if isinstance(t, ast.Attribute)]
        if is_atomic(node.value):
            atomic.update(map(id, stored))
            return {target.attr for target in stored}, set()
    elif isinstance(node, ast.Attribute):
        if node.attr in BY_TEXT:
            return set(), {ANY}
        if isinstance(node.ctx, ast.Store) and id(node) not in atomic:
            return set(), {node.attr}
    elif isinstance(node, ast.Name) and node.id in BY_TEXT:
        return set(), {ANY}
    elif isinstance(node, ast.ClassDef):
        return _of_class(node)
    return set(), set()


def _of_class(node: ast.ClassDef) -> tuple[set[str], set[str]]:
    plain: set[str] = set()
    others: set[str] = set()
    for statement in node.body:
        if isinstance(statement, ast.Assign) and is_atomic(statement.value):
            plain |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            others.add(statement.name)
        else:
            names = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
            others |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return plain, others
