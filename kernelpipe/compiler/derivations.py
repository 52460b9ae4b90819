"""Find what a parameters cell computes from its parameters, so that it can be computed again."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kernelpipe.model.pipeline import Parameter
from kernelpipe.notebook import transform

_HARMLESS_CALLS = frozenset({"print", "display", "len", "isinstance", "type", "repr", "str"})
_CONTAINERS = ast.List | ast.Dict | ast.Set | ast.Tuple
_MAYBE = ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar | ast.With | ast.Match
"""Statements that may leave a name as it was; what they bind depends on what was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Statements of a parameters cell that run again together when what they read was set.

    ``reads`` and ``binds`` are sorted names; a statement that changes an object reads and binds
    its name. ``resets`` are (parameter, source of its literal), for parameters that the
    statements change: unless given, they start again from their default.
    """

    source: str
    reads: tuple[str, ...]
    binds: tuple[str, ...]
    resets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersCell:
    """A parameters cell, taken apart.

    ``literals`` is (parameter, the literal expression as written) in order of appearance;
    ``derivations`` is everything else, in order.
    """

    literals: tuple[tuple[str, str], ...]
    derivations: tuple[Derivation, ...]

    def is_tuple(self, name: str) -> bool:
        """Tell whether the default of parameter ``name`` is written as a tuple."""
        text = dict(self.literals).get(name)
        return text is not None and isinstance(ast.parse(text, mode="eval").body, ast.Tuple)


@dataclass(frozen=True, slots=True)
class _Statement:
    """One top-level statement with the names that it reads and binds.

    ``changes`` are names whose value afterwards depends on their value before.
    """

    source: str
    reads: frozenset[str]
    binds: frozenset[str]
    changes: frozenset[str]
    is_import: bool


def read_parameters_cell(source: str, parameters: Iterable[Parameter]) -> ParametersCell:
    """Take a parameters cell apart.

    Args:
        source: The cell's source; valid Python once IPython's syntax is translated.
        parameters: The parameters that this cell defines.

    Returns:
        Its literals and, for all other statements, what to run again when a parameter was set.
        Statements between the creation of an object and its last in-place change are one
        derivation, so that running it again starts from a fresh object.
    """
    names = {parameter.name for parameter in parameters}
    text, tree = parse_cell(source)
    literals: list[tuple[str, str]] = []
    fixed = {"get_ipython"}
    rest: list[_Statement] = []
    for statement in tree.body:
        leaves = named_assignments(statement)
        constant = [leaf for leaf in leaves if _is_literal(leaf, names)]
        for target, value in constant:
            literals.append((_name(target), ast.get_source_segment(text, value) or ""))
            if not isinstance(value, _CONTAINERS):
                fixed.add(_name(target))
        if not constant:
            rest += [] if _is_inert(statement) else [_describe(statement, text, fixed)]
            continue
        for target, value in leaves:
            if (target, value) not in constant:
                source = f"{ast.unparse(target)} = {ast.unparse(value)}"
                rest.append(_describe(ast.parse(source).body[0], source, fixed))
    return ParametersCell(literals=tuple(literals), derivations=_group(rest, tuple(literals)))


def parse_cell(source: str) -> tuple[str, ast.Module]:
    """Return a cell's source as Python text, and its tree."""
    try:
        return source, ast.parse(source)
    except SyntaxError:
        text = transform(source).text
        return text, ast.parse(text)


def named_assignments(statement: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """Return (target, value) for each assignment in the statement, with tuples taken apart."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            return [pair for target in targets for pair in _pairs(target, value)]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
        case _:
            return []


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
        and not any(isinstance(part, ast.Starred) for part in target.elts + value.elts)
    ):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, other)
    else:
        yield target, value


def _is_literal(assignment: tuple[ast.expr, ast.expr], names: set[str]) -> bool:
    target, value = assignment
    if _name(target) not in names:
        return False
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _name(target: ast.expr) -> str:
    return target.id if isinstance(target, ast.Name) else ""


def _is_inert(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None) | ast.Pass():
            return True
        case _:
            return False


def _describe(statement: ast.stmt, text: str, fixed: set[str]) -> _Statement:
    """Describe one statement; objects named in ``fixed`` cannot be changed in place."""
    reads: set[str] = set()
    binds: set[str] = set()
    changes: set[str] = set()
    for node in ast.walk(statement):
        binds.update(_bound(node))
        changes.update(_changed(node))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads.add(node.id)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            reads.add(node.target.id)
    if isinstance(statement, ast.Expr):
        changes.update(_passed_on(statement.value))
    rebinds = binds if isinstance(statement, _MAYBE) else binds & reads
    return _Statement(
        source=_statement_source(statement, text),
        reads=frozenset(reads),
        binds=frozenset(binds),
        changes=frozenset(changes - fixed | rebinds),
        is_import=isinstance(statement, ast.Import | ast.ImportFrom),
    )


def _statement_source(statement: ast.stmt, text: str) -> str:
    decorators = getattr(statement, "decorator_list", [])
    segment = ast.get_source_segment(text, statement) or ""
    if not decorators:
        return segment
    lines = text.splitlines()[decorators[0].lineno - 1 : statement.lineno - 1]
    return "\n".join([*lines, segment])


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]
        case _:
            pass


def _changed(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute() as target):
            yield from _root(target)
        case (
            ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del())
        ):
            yield from _root(node)
        case _:
            pass


def _passed_on(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Call(func=func, args=arguments, keywords=keywords) if not (
            isinstance(func, ast.Name) and func.id in _HARMLESS_CALLS
        ):
            for argument in [*arguments, *(keyword.value for keyword in keywords)]:
                if isinstance(argument, ast.Name):
                    yield argument.id
        case _:
            pass


def _root(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _group(
    statements: Sequence[_Statement], literals: tuple[tuple[str, str], ...]
) -> tuple[Derivation, ...]:
    imported = {name for s in statements if s.is_import for name in s.binds}
    first_bound: dict[str, int] = {}
    spans = [(i, i) for i in range(len(statements))]
    for i, statement in enumerate(statements):
        spans.extend((first_bound.get(name, i), i) for name in statement.changes - imported)
        for name in statement.binds | (statement.changes & dict(literals).keys()):
            first_bound.setdefault(name, i)
    return tuple(
        _derivation(statements[start : end + 1], imported, literals) for start, end in _merge(spans)
    )


def _merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans (first and last index, both included) with overlapping ones united."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _derivation(
    statements: Sequence[_Statement],
    imported: set[str],
    literals: tuple[tuple[str, str], ...],
) -> Derivation:
    changed = {name for s in statements for name in s.changes} - imported
    reads = {name for s in statements for name in s.reads | s.changes}
    binds = {name for s in statements for name in s.binds} | changed
    last_literals = dict(literals)
    return Derivation(
        source="\n".join(s.source for s in statements),
        reads=tuple(sorted(reads)),
        binds=tuple(sorted(binds)),
        resets=tuple((name, last_literals[name]) for name in sorted(changed & set(last_literals))),
    )
