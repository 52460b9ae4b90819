"""Functions, lambdas and classes: from their code to a summary."""

import ast
from collections.abc import Iterable

from kernelpipe.analysis.core import Core, Flow, Scope, ScopeKind
from kernelpipe.analysis.heap import ATOM_VALUE, Kind, Obj, Value, new
from kernelpipe.analysis.names import bound_names
from kernelpipe.analysis.source import kinds_in, nodes_of
from kernelpipe.analysis.summaries import Argument, ClassSummary, Effects, FunctionSummary

_TRANSPARENT = frozenset({"functools", "dataclasses", "contextlib", "typing", "abc", "enum"})
"""Libraries whose decorators add nothing to what a function or a class does and holds."""
_YIELDS = frozenset({ast.Yield, ast.YieldFrom})
_BINDINGS = frozenset({"builtins.staticmethod", "builtins.classmethod", "builtins.property"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Functions(Core):
    """Defines functions and classes."""

    def _Lambda(self, node: ast.Lambda) -> Value:
        return frozenset({self.define(node, "<lambda>")})

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = [self.evaluate(d) for d in node.decorator_list]
        self._annotations(node.args, node.returns)
        made = self.define(node, node.name)
        dotted = {o.dotted for decorator in decorators for o in decorator}
        if made.function is not None:
            made.function.is_cached = bool(dotted & {"functools.cache", "functools.lru_cache"})
            made.function.fills = "functools.cached_property" in dotted
            made.function.swallows = may_swallow(node)
            bindings = _BINDINGS & dotted
            made.function.binding = next(iter(bindings), None)
        value: Value = frozenset({made})
        for decorator in reversed(decorators):
            value = self._decorate(decorator, value)
        self.bind(node.name, value)

    def _AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._FunctionDef(node)

    def _decorate(self, decorator: Value, value: Value) -> Value:
        """Return the decorated function: what the decorator gives, and the function it holds."""
        roots = {(o.dotted or "").partition(".")[0] for o in decorator}
        if roots <= _TRANSPARENT:
            return value
        result = self.call(decorator, (Argument(value=value),), new(Kind.UNKNOWN))
        for o in result - value:
            if o.kind not in (Kind.IMMUTABLE, Kind.IMPORTED, Kind.MODULE):
                o.hold(value)
        library = all(o.kind is Kind.IMPORTED for o in decorator)
        return value if library else result | value

    def _annotations(self, arguments: ast.arguments, returns: ast.expr | None) -> None:
        for each in _all_arguments(arguments):
            self.evaluate(each.annotation)
        self.evaluate(returns)

    def define(self, node: _Function, name: str) -> Obj:
        """Return the object for a function; its body is summarised, its defaults evaluated now."""
        summary = self._signature(node, name)
        held = frozenset[Obj]().union(*summary.defaults.values())
        made = new(Kind.FUNCTION, held)
        made.function = summary
        first = made.serial
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        names = bound_names(body)
        scope = Scope(
            kind=ScopeKind.FUNCTION,
            parent=_without_cell(self.scope),
            own=(names.local | frozenset(summary.parameters)) - names.declared_nonlocal,
            declared_global=names.declared_global,
            flow=Flow(bound={n: frozenset({o}) for n, o in summary.parameters.items()}),
        )
        scope.everything.update(scope.flow.bound)
        kinds = kinds_in(node)
        if ast.Nonlocal in kinds:
            scope.cells = {
                name: new(Kind.UNKNOWN)
                for inner in nodes_of(node)
                if isinstance(inner, ast.Nonlocal)
                for name in inner.names
                if name in scope.own
            }
        inner = type(self)(self.world, scope, summary.effects)
        inner.bases = self.bases
        inner.imported = self.imported if self.in_function else self._cell_scope().flow.bound
        if self.scope.kind == ScopeKind.CLASS and summary.positional:
            inner.me = frozenset({summary.parameters[summary.positional[0]]})
        else:
            inner.me = self.me
        inner.used = self.used
        if isinstance(node, ast.Lambda):
            summary.result |= inner.evaluate(node.body)
        else:
            inner.execute(node.body)
            summary.result |= inner.returned
            summary.is_generator = not kinds.isdisjoint(_YIELDS) and _is_generator(node)
        summary.serials = range(first + 1, _next_serial())
        self._capture(made, inner.captures)
        return made

    def _capture(self, made: Obj, captures: list[tuple[Scope, str]]) -> None:
        for scope, name in captures:
            made.hold(scope.everything.get(name, ()))
            if name in scope.cells:
                made.hold((scope.cells[name],))
        self.captures.extend(captures)

    def _signature(self, node: _Function, name: str) -> FunctionSummary:
        arguments = node.args
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        given = [self.evaluate(d) for d in arguments.defaults]
        defaults = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
        for keyword, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                defaults[keyword.arg] = self.evaluate(default)
        return FunctionSummary(
            name=name,
            positional=positional,
            keyword_only=[a.arg for a in arguments.kwonlyargs],
            vararg=arguments.vararg.arg if arguments.vararg else None,
            kwarg=arguments.kwarg.arg if arguments.kwarg else None,
            parameters={
                a.arg: new(Kind.UNKNOWN, symbol=("parameter", a.arg))
                for a in _all_arguments(arguments)
            },
            defaults=defaults,
            effects=Effects(),
        )

    def _ClassDef(self, node: ast.ClassDef) -> None:
        decorators = [self.evaluate(d) for d in node.decorator_list]
        bases = tuple(self.evaluate(b) for b in node.bases)
        held = [self.evaluate(k.value) for k in node.keywords]
        names = bound_names(node.body)
        scope = Scope(
            kind=ScopeKind.CLASS,
            parent=self.scope,
            declared_global=names.declared_global,
        )
        outer, self.scope = self.scope, scope
        outer_bases, self.bases = self.bases, bases
        self.execute(node.body)
        self.scope, self.bases = outer, outer_bases
        made = new(Kind.CLASS, frozenset[Obj]().union(*bases, *held, *scope.everything.values()))
        made.klass = ClassSummary(
            name=node.name,
            methods=dict(scope.everything),
            bases=bases,
            is_plain=not node.keywords and all(map(_is_dataclass, node.decorator_list)),
            arguments=_arguments(node),
        )
        value: Value = frozenset({made})
        for decorator in reversed(decorators):
            self._decorate(decorator, value)
        self.bind(node.name, value or ATOM_VALUE)


def _is_dataclass(decorator: ast.expr) -> bool:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(node) in ("dataclass", "dataclasses.dataclass")


def _arguments(node: ast.ClassDef) -> tuple[str, ...] | None:
    """Return the fields of a dataclass that its ``__init__`` takes, None if it is none."""
    if not any(map(_is_dataclass, node.decorator_list)):
        return None
    return tuple(
        each.target.id
        for each in node.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and "ClassVar" not in ast.unparse(each.annotation)
    )


def _without_cell(scope: Scope) -> Scope | None:
    """Return ``scope`` if a function in it can see names of its own there, else None."""
    current: Scope | None = scope
    while current is not None and current.kind == ScopeKind.CLASS:
        current = current.parent
    return None if current is None or current.kind == ScopeKind.CELL else _cut(current)


def _cut(scope: Scope) -> Scope:
    """Return a view of ``scope`` whose outermost parent is no cell."""
    parent = _without_cell(scope.parent) if scope.parent is not None else None
    if parent is scope.parent:
        return scope
    return Scope(
        kind=scope.kind,
        parent=parent,
        own=scope.own,
        declared_global=scope.declared_global,
        flow=scope.flow,
        everything=scope.everything,
        cells=scope.cells,
    )


def _all_arguments(arguments: ast.arguments) -> Iterable[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    for each in (arguments.vararg, arguments.kwarg):
        if each is not None:
            yield each


def _is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    stack: list[ast.AST] = list(node.body)
    while stack:
        each = stack.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(each))
    return False


def may_swallow(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function, used for a ``with`` statement, may swallow exceptions of its body.

    That is an ``__exit__`` that may return something true, or a generator that yields in a ``try``.
    """
    is_exit = node.name in ("__exit__", "__aexit__")
    if not is_exit and ast.Yield not in kinds_in(node):
        return False
    for each in ast.walk(node):
        if is_exit and isinstance(each, ast.Return):
            value = each.value
            if value is not None and not (isinstance(value, ast.Constant) and not value.value):
                return True
        tried = each.body if isinstance(each, ast.Try) and each.handlers else []
        if any(isinstance(n, ast.Yield) for part in tried for n in ast.walk(part)):
            return True
    return False


def _next_serial() -> int:
    return new(Kind.UNKNOWN).serial
