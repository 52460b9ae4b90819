"""Which statements only define something, so that they do not matter where nothing uses it."""

import ast
from collections.abc import Iterable, Iterator

from kernelpipe.analysis.source import nodes_of

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_HARMLESS_DECORATORS = frozenset(
    """
    abstractmethod asynccontextmanager cache cached_property classmethod contextmanager dataclass
    final lru_cache njit no_type_check overload override property runtime_checkable
    staticmethod total_ordering unique wraps setter getter deleter
    """.split()
)
"""They make something of what they decorate and leave everything else alone."""
_ACCESSORS = frozenset({"setter", "getter", "deleter"})
BUILTIN_DECORATORS = frozenset({"property", "staticmethod", "classmethod"})
DECORATOR_MODULES = frozenset(
    "abc contextlib dataclasses enum functools numba typing typing_extensions".split()
)
"""Where the others come from; a decorator of the notebook's own may do anything."""


def is_definition(statement: ast.stmt) -> bool:
    """Tell whether all that a statement does when it runs is to bind names."""
    match statement:
        case ast.Import():
            return True
        case ast.ImportFrom(module=module, names=names):
            # What comes from __future__ changes how all code after it is read.
            return module != "__future__" and all(alias.name != "*" for alias in names)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return _is_plain(statement)
        case ast.Assign(targets=targets, value=value):
            return all(map(_is_name, targets)) and not _runs_code(value)
        case ast.AnnAssign(target=ast.Name(), annotation=annotation, value=value):
            return not _runs_code(annotation) and (value is None or not _runs_code(value))
        case _:
            return type(statement).__name__ == "TypeAlias"  # new in Python 3.12


def eager_names(statement: ast.stmt) -> frozenset[str] | None:
    """Return the names that an import or a function without decorators reads when it is defined.

    None for other statements.
    """
    if isinstance(statement, ast.Import | ast.ImportFrom) and is_definition(statement):
        return frozenset()
    if not isinstance(statement, _FUNCTIONS) or statement.decorator_list:
        return None
    nodes = (node for part in _eager_parts(statement) for node in nodes_of(part))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def decorator_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return what has to be the function that its name promises for ``is_definition`` to hold.

    Args:
        nodes: All nodes of a statement.
    """
    decorators = [
        each
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for each in node.decorator_list
    ]
    return frozenset(filter(None, map(_decorator_name, decorators)))


def _decorator_name(decorator: ast.expr) -> str:
    match decorator:
        case ast.Call(func=function):
            return _decorator_name(function)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return "" if attribute in _ACCESSORS else name
        case ast.Name(id=name):
            return name
        case _:
            return ""


def _is_name(target: ast.expr) -> bool:
    match target:
        case ast.Name():
            return True
        case ast.Starred(value=value):
            return _is_name(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(map(_is_name, parts))
        case _:
            return False


def _is_plain(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    if not all(map(_is_harmless_decorator, statement.decorator_list)):
        return False
    if isinstance(statement, _FUNCTIONS):
        return not any(map(_runs_code, _eager_parts(statement)))
    # A keyword (metaclass=, table=) is given to code that runs now.
    if statement.keywords or any(map(_runs_code, statement.bases)):
        return False
    return all(map(_is_plain_member, statement.body))


def _is_plain_member(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.ImportFrom() | ast.Import():
            return False
        case _:
            return is_definition(statement)


def _eager_parts(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """Yield what is evaluated where the function is defined, decorators aside."""
    arguments = function.args
    yield from arguments.defaults
    yield from (default for default in arguments.kw_defaults if default is not None)
    yield from _annotations(
        [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    )
    if function.returns is not None:
        yield function.returns


def _annotations(arguments: Iterable[ast.arg]) -> Iterator[ast.expr]:
    return (each.annotation for each in arguments if each.annotation is not None)


def _is_harmless_decorator(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        values = [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
        return _is_harmless_decorator(decorator.func) and not any(map(_runs_code, values))
    match decorator:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name):
            return name in _HARMLESS_DECORATORS
        case _:
            return False


def _runs_code(expression: ast.expr) -> bool:
    """Tell whether evaluating an expression may call something; bodies of lambdas wait."""
    waiting: list[ast.AST] = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call | ast.Await | ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Lambda):
            defaults = node.args.kw_defaults
            waiting += [*node.args.defaults, *(d for d in defaults if d is not None)]
        else:
            waiting += ast.iter_child_nodes(node)
    return False
