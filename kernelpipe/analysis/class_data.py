"""Whether the methods of a class change what the class itself holds, told from its code alone."""

import ast

from kernelpipe.analysis.known_methods import is_pure_method

_STORES = (ast.Store, ast.Del)


def changes_class_data(tree: ast.Module, name: str) -> bool:
    """Tell whether methods of class ``name`` change data of the class through their objects.

    That is ``self.rows.append(x)`` where the class, and no method, makes ``rows``, or
    ``type(self).count += 1``.
    """
    return any(
        isinstance(node, ast.ClassDef) and node.name == name and _changes(node)
        for node in tree.body
    )


def _changes(node: ast.ClassDef) -> bool:
    inside = [each for method in node.body for each in ast.walk(method)]
    stored = {n.attr for n in inside if isinstance(n, ast.Attribute) and isinstance(n.ctx, _STORES)}
    shared = _made_by(node) - stored
    return any(_stores_on_class(each) or _changes_one(each, shared) for each in inside)


def _made_by(node: ast.ClassDef) -> set[str]:
    """Return the attributes that the body of a class makes and that may be changed in place."""
    return {
        target.id
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and statement.value is not None
        and not isinstance(statement.value, ast.Constant)
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
        if isinstance(target, ast.Name)
    }


def _stores_on_class(node: ast.AST) -> bool:
    """Tell whether ``node`` is an attribute of ``type(x)`` or ``x.__class__`` that is stored."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, _STORES):
        return False
    owner = node.value
    if isinstance(owner, ast.Call):
        return isinstance(owner.func, ast.Name) and owner.func.id == "type"
    return isinstance(owner, ast.Attribute) and owner.attr == "__class__"


def _changes_one(node: ast.AST, shared: set[str]) -> bool:
    """Tell whether ``node`` stores into, or calls a method of, one of the attributes ``shared``."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, _STORES):
        return _is_one(node.value, shared)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _is_one(node.func.value, shared) and not is_pure_method(node.func.attr)
    return False


def _is_one(node: ast.expr, shared: set[str]) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in shared
