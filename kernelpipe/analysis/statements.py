"""What statements do: binding, branching, looping, importing."""

import ast
from collections.abc import Callable, Iterable
from typing import cast

from kernelpipe.analysis.core import Core, Flow, ScopeKind
from kernelpipe.analysis.heap import (
    ATOM_VALUE,
    NOTHING,
    VIEWS,
    Kind,
    Obj,
    Value,
    find_method,
    new,
    part_of,
)
from kernelpipe.analysis.names import imported_as
from kernelpipe.analysis.operators import OPERATORS
from kernelpipe.analysis.stars import star_names

_SWALLOWING = frozenset(
    "contextlib.suppress contextlib.ExitStack pytest.raises pytest.warns".split()
)


class Statements(Core):
    """Executes statements on the abstract state."""

    def execute(self, body: Iterable[ast.stmt]) -> None:
        """Run statements one after the other, until the flow ends."""
        for node in body:
            if not self._flow.is_live:
                return
            visit = cast(
                "Callable[[ast.stmt], None] | None", getattr(self, f"_{type(node).__name__}", None)
            )
            if visit is not None:
                visit(node)

    # -- the flow of the scope that statements run in --------------------------------------------
    @property
    def _flow(self) -> Flow:
        return self.scope.flow

    @_flow.setter
    def _flow(self, flow: Flow) -> None:
        self.scope.flow = flow

    def _branch(self, body: Iterable[ast.stmt], *, is_certain: bool = False) -> Flow:
        """Run ``body`` from the present state; return the state after it, keep the present one."""
        before = self._flow.copy()
        self.uncertain += not is_certain
        self.execute(body)
        self.uncertain -= not is_certain
        after, self._flow = self._flow, before
        return after

    def _join(self, flows: list[Flow]) -> None:
        joined = flows[0].copy()
        for flow in flows[1:]:
            joined.merge(flow)
        names = set().union(*(f.bound for f in flows)) - joined.definite
        self._flow = joined
        self._note_maybe(names)

    def _note_maybe(self, names: Iterable[str]) -> None:
        """Keep the old value of names that may have been bound: it is read, in a way."""
        if self.scope.kind == ScopeKind.CELL:
            for name in names:
                self._flow.bound[name] = self._flow.bound.get(name, NOTHING) | self.world.names.get(
                    name, NOTHING
                )

    def execute_maybe(self, body: Iterable[ast.stmt]) -> None:
        """Run statements of which any may be the last one to run."""
        for node in body:
            self._join([self._flow.copy(), _live(self._branch([node]))])

    # -- simple statements -----------------------------------------------------------------------
    def _Expr(self, node: ast.Expr) -> None:
        name = node.value.func if isinstance(node.value, ast.Call) else None
        self.is_bare = isinstance(name, ast.Name) and name.id == "eval"
        self.evaluate(node.value)
        self.is_bare = False

    def _Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        if self.scope.kind != ScopeKind.FUNCTION:
            self.evaluate(node.annotation)
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def _AugAssign(self, node: ast.AugAssign) -> None:
        load = ast.copy_location(_as_load(node.target), node.target)
        old = self.evaluate(load)
        value = self.evaluate(node.value)
        if old and all(self.changes_state(o.dotted) for o in old):
            return
        self.change(old, deep=False)
        own = self.operate(f"__i{OPERATORS[type(node.op)]}__", old, value)
        for o in old:
            if o.kind is not Kind.IMMUTABLE:
                o.items = None
                if isinstance(node.op, ast.Add | ast.BitOr) and o.kind not in VIEWS:
                    o.hold(part_of(value))
        kept = frozenset(o for o in old if o.kind is not Kind.IMMUTABLE)
        self.assign(node.target, kept | own | self.combine(old, value, node.op))

    def _Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._delete_target(target)

    def _delete_target(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.use(self.load(target.id, target))
            self.delete(target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._delete_target(each)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            if isinstance(target, ast.Subscript):
                self.evaluate(target.slice)
            self.assign(target, ATOM_VALUE)

    def _Return(self, node: ast.Return) -> None:
        self.returned |= self.evaluate(node.value)
        self._flow.is_live = False

    def _Raise(self, node: ast.Raise) -> None:
        self.evaluate(node.exc)
        self.evaluate(node.cause)
        self._flow.is_live = False

    def _Break(self, _node: ast.Break) -> None:
        self._leave_loop()

    def _Continue(self, _node: ast.Continue) -> None:
        self._leave_loop()

    def _leave_loop(self) -> None:
        self._loop_exits[-1].append(self._flow.copy())
        self._flow.is_live = False

    def _Assert(self, node: ast.Assert) -> None:
        self.evaluate(node.test)
        self.uncertain += 1
        self.evaluate(node.msg)
        self.uncertain -= 1

    # -- imports ---------------------------------------------------------------------------------
    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = imported_as(alias)
            self.note_import(alias.name)
            dotted = alias.name if alias.asname else name
            self.bind(name, self.import_value(Kind.MODULE, dotted))

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self._import_star(module)
                continue
            name = imported_as(alias)
            self.note_import(module)
            self.bind(name, self.import_value(Kind.IMPORTED, f"{module}.{alias.name}"))

    def _import_star(self, module: str) -> None:
        self.note_import(module)
        names = star_names(module, self.world.directory, self.world.written)
        if names is None:
            self.binds_unknown = True
            return
        for name in sorted(names):
            self.bind(name, self.import_value(Kind.IMPORTED, f"{module}.{name}"))

    # -- compound statements ---------------------------------------------------------------------
    def _If(self, node: ast.If) -> None:
        self.evaluate(node.test)
        self._join([self._branch(node.body), self._branch(node.orelse)])

    @property
    def _loop_exits(self) -> list[list[Flow]]:
        if not hasattr(self, "_exits"):
            self._exits: list[list[Flow]] = []
        return self._exits

    def _loop(
        self, body: list[ast.stmt], orelse: list[ast.stmt], start: Callable[[], object]
    ) -> None:
        """Run a loop's body twice, so that what one round leaves is seen by the next."""
        before = self._flow.copy()
        flows = [before]
        for _ in range(2):
            self._loop_exits.append([])
            self.uncertain += 1
            start()
            self.execute(body)
            self.uncertain -= 1
            flows += [self._flow.copy(), *self._loop_exits.pop()]
            self._join([f.copy() for f in flows])
        self._flow.is_live = True
        if orelse:
            self._join([self._flow.copy(), self._branch(orelse)])

    def _For(self, node: ast.For | ast.AsyncFor) -> None:
        value = self.evaluate(node.iter)
        self._loop(node.body, node.orelse, lambda: self.assign(node.target, self.elements(value)))

    def _AsyncFor(self, node: ast.AsyncFor) -> None:
        self._For(node)

    def _While(self, node: ast.While) -> None:
        self.evaluate(node.test)
        self._loop(node.body, node.orelse, lambda: self.evaluate(node.test))

    def _With(self, node: ast.With | ast.AsyncWith) -> None:
        swallows = False
        for item in node.items:
            value = self.evaluate(item.context_expr)
            held = value | part_of(frozenset(o for o in value if o.kind is not Kind.FILE))
            swallows = swallows or any(map(_swallows, value))
            if item.optional_vars is not None:
                self.assign(item.optional_vars, held)
        if swallows:
            self.execute_maybe(node.body)
        else:
            self.execute(node.body)

    def _AsyncWith(self, node: ast.AsyncWith) -> None:
        self._With(node)

    def _Try(self, node: ast.Try) -> None:
        before = self._flow.copy()
        body = self._branch([*node.body, *node.orelse], is_certain=not node.handlers)
        broken = before.copy()
        broken.merge(_live(body))
        broken.definite &= before.definite
        flows = [body]
        self.uncertain += 1
        for handler in node.handlers:
            self._flow = broken.copy()
            self._note_maybe(set(broken.bound) - broken.definite)
            flows.append(self._handle(handler))
        self.uncertain -= 1
        self._join(flows)
        if node.finalbody:
            is_live = self._flow.is_live
            self._flow.is_live = True
            self.execute(node.finalbody)
            self._flow.is_live = self._flow.is_live and is_live

    def _TryStar(self, node: ast.TryStar) -> None:
        self._Try(node)  # type: ignore[arg-type]  # the two have the same fields

    def _handle(self, handler: ast.ExceptHandler) -> Flow:
        self.evaluate(handler.type)
        if handler.name:
            self.bind(handler.name, frozenset({new(Kind.UNKNOWN)}))
        self.execute(handler.body)
        if handler.name and self._flow.is_live:
            self.delete(handler.name)
        return self._flow.copy()

    def _Match(self, node: ast.Match) -> None:
        subject = self.evaluate(node.subject)
        flows = []
        has_default = False
        for case in node.cases:
            before = self._flow.copy()
            self.uncertain += 1
            self._pattern(case.pattern, subject)
            self.evaluate(case.guard)
            self.execute(case.body)
            self.uncertain -= 1
            flows.append(self._flow)
            self._flow = before
            is_open = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            has_default = has_default or (is_open and case.guard is None)
        if not has_default:
            flows.append(self._flow.copy())
        self._join(flows)

    def _pattern(self, pattern: ast.AST, subject: Value) -> None:
        for node in ast.walk(pattern):
            if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                self.bind(node.name, subject | part_of(subject))
            elif isinstance(node, ast.MatchMapping) and node.rest:
                self.bind(node.rest, frozenset({new(Kind.DICT, part_of(subject))}))
            elif isinstance(node, ast.MatchValue):
                self.evaluate(node.value)
            elif isinstance(node, ast.MatchClass):
                self.evaluate(node.cls)


def _swallows(o: Obj) -> bool:
    """Tell whether leaving the context ``o`` may swallow an exception."""
    if o.dotted in _SWALLOWING:
        return True
    ends = find_method(o, "__exit__") or NOTHING
    return any(each.function is not None and each.function.swallows for each in (o, *ends))


def _as_load(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Name):
        return ast.Name(id=node.id, ctx=ast.Load())
    if isinstance(node, ast.Attribute):
        return ast.Attribute(value=node.value, attr=node.attr, ctx=ast.Load())
    if isinstance(node, ast.Subscript):
        return ast.Subscript(value=node.value, slice=node.slice, ctx=ast.Load())
    return node


def _live(flow: Flow) -> Flow:
    copy = flow.copy()
    copy.is_live = True
    return copy
