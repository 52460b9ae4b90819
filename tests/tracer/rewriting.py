"""Rewrites cells where CPython goes past the namespace: ``global``, class bodies and ``eval``.

The code means the same afterwards. A store to a declared global becomes ``NAMES["x"] = ...``; a
name in a class body becomes ``x if NOTE("x", locals()) else x``; the text that ``eval`` and
``exec`` get in a function goes through ``CODE(text, locals())``.
"""

import ast
from dataclasses import dataclass

NAMES, NOTE, CODE, LOCALS = "__traced_names__", "__traced_note__", "__traced_code__", "__locals__"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_MODULE, _CLASS, _FUNCTION = "module", "class", "function"


@dataclass(frozen=True)
class _Scope:
    kind: str
    declared: frozenset[str]
    """Declared global."""
    own: frozenset[str] = frozenset()
    """Local to a function."""


class Rewriter(ast.NodeTransformer):
    """An AST transformer for IPython's shell."""

    def __init__(self) -> None:
        self._scopes: list[_Scope] = []

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Rewrite a cell; IPython gives one more for each magic that runs Python."""
        return self._inside(_Scope(_MODULE, _declared(node.body)), node)

    visit_Interactive = visit_Expression = visit_Module  # type: ignore[assignment]  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Rewrite the body in the class's scope, the rest in the one around it."""
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.bases = [self.visit(each) for each in node.bases]
        node.keywords = [self.visit(each) for each in node.keywords]
        self._scopes.append(_Scope(_CLASS, _declared(node.body)))
        node.body = self._statements(node.body)
        self._scopes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Rewrite decorators, defaults and annotations around, the body inside."""
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        node.returns = self.visit(node.returns) if node.returns else None
        declared = _declared(node.body)
        own = _arguments(node.args) | _stored(node.body)
        self._scopes.append(_Scope(_FUNCTION, declared, own - declared))
        node.body = self._statements(node.body)
        self._scopes.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Rewrite defaults around, the body inside."""
        node.args = self.visit(node.args)
        self._scopes.append(_Scope(_FUNCTION, frozenset(), _arguments(node.args)))
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rewrite annotations."""
        return self.generic_visit(node)

    def _comprehension(self, node: ast.AST) -> ast.AST:
        first = node.generators[0]  # type: ignore[attr-defined]  # all four have them
        first.iter = self.visit(first.iter)
        kept, first.iter = first.iter, ast.Constant(value=())
        inside = self._inside(_Scope(_FUNCTION, frozenset(), _stored([node])), node)
        first.iter = kept
        return inside

    visit_ListComp = _comprehension  # noqa: N815 - as ast calls it
    visit_SetComp = _comprehension  # noqa: N815
    visit_DictComp = _comprehension  # noqa: N815
    visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        """Rewrite the value; the target must stay a name."""
        node.value = self.visit(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Let the texts be seen that are run in a function's namespace."""
        found = self.generic_visit(node)
        assert isinstance(found, ast.Call)
        is_run = isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")
        if is_run and len(found.args) == 1 and self._scopes[-1].kind != _MODULE:
            found.args = [_call(CODE, found.args[0], _call(LOCALS))]
        return found

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rewrite one name."""
        scope = self._scopes[-1]
        if not isinstance(node.ctx, ast.Load):
            if node.id not in scope.declared:
                return node
            names = ast.Name(id=NAMES, ctx=ast.Load())
            return ast.Subscript(value=names, slice=ast.Constant(value=node.id), ctx=node.ctx)
        hidden = any(node.id in each.own for each in self._scopes)
        if scope.kind != _CLASS or hidden or node.id in (LOCALS, NAMES, NOTE, CODE):
            return node
        test = _call(NOTE, ast.Constant(value=node.id), _call(LOCALS))
        return ast.IfExp(test=test, body=node, orelse=node)

    def _inside(self, scope: _Scope, node: ast.AST) -> ast.AST:
        self._scopes.append(scope)
        found = self.generic_visit(node)
        self._scopes.pop()
        return found

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [self.visit(each) for each in body]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])


def _declared(body: list[ast.stmt]) -> frozenset[str]:
    return frozenset(
        name for node in _own_nodes(body) if isinstance(node, ast.Global) for name in node.names
    )


def _stored(body: "list[ast.stmt] | list[ast.AST]") -> frozenset[str]:
    found = set()
    for node in _own_nodes(body):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return frozenset(found)


def _own_nodes(body: "list[ast.stmt] | list[ast.AST]") -> "list[ast.AST]":
    """Return the nodes of a scope, those of the functions and classes in it left out."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))
    return found


def _arguments(given: ast.arguments) -> frozenset[str]:
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [each for each in (given.vararg, given.kwarg) if each is not None]
    return frozenset(each.arg for each in every)
