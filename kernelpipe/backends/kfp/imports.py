"""Where a cell imports a module, and what a Python file imports."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kernelpipe.model.location import Location
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import Step

_MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import of a module by a file.

    ``is_optional`` is set when the file goes on without the module.
    """

    module: str
    is_optional: bool


def cells_of(step: Step) -> Iterator[Cell]:
    """Yield the cells whose code a step runs, setup first."""
    yield from (setup.cell for setup in step.setup)
    yield from step.cells


def import_location(step: Step, module: str, path: str) -> Location:
    """Return the line that imports ``module`` in a step, or its first cell if none is found."""
    top = module.partition(".")[0]
    for name in (module, top):
        pattern = re.compile(
            rf"^\s*(?:from\s+{re.escape(name)}\b|import\s+.*\b{re.escape(name)}\b|%\w+\s+{re.escape(name)}\b)"
        )
        for cell in cells_of(step):
            for number, line in enumerate(cell.source.splitlines(), start=1):
                if pattern.match(line):
                    return Location(
                        path=path, cell_index=cell.index, cell_id=cell.id, line=number, column=0
                    )
    return step.cells[0].location if step.cells else Location(path=path)


def step_imports(step: Step) -> tuple[Import, ...]:
    """Return what a step's cells import, as `file_imports`; cells that do not parse give nothing.

    Lines with magics and shell commands are passed over.
    """
    found: dict[str, bool] = {}
    for cell in cells_of(step):
        if "import" not in cell.source:
            continue
        try:
            imports = file_imports(_MAGIC.sub(r"\1pass", cell.source), package="")
        except SyntaxError:
            continue
        for each in imports:
            found[each.module] = found.get(each.module, True) and each.is_optional
    return tuple(Import(module=name, is_optional=found[name]) for name in sorted(found))


@functools.lru_cache(maxsize=1024)  # setup is the same in each step
def file_imports(source: str | bytes, *, package: str) -> tuple[Import, ...]:
    """Return what a Python file imports, absolute, sorted, each module once.

    ``from a import b`` gives ``a`` and, as optional, ``a.b``. Imports for type checkers only are
    left out.

    Args:
        source: The file's text.
        package: Dotted name of the package that the file is in, '' at the top.

    Raises:
        SyntaxError: If it is no Python.
    """
    found: dict[str, bool] = {}
    for module, is_optional in _walk(ast.parse(source).body, package, is_optional=False):
        found[module] = found.get(module, True) and is_optional
    return tuple(Import(module=name, is_optional=found[name]) for name in sorted(found))


def _walk(
    body: Iterable[ast.AST], package: str, *, is_optional: bool
) -> Iterator[tuple[str, bool]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, is_optional) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            if module:
                yield module, is_optional
                yield from ((f"{module}.{alias.name}", True) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _walk(node.orelse, package, is_optional=is_optional)
        elif isinstance(node, ast.Try) and _catches_import_errors(node):
            yield from _walk(ast.iter_child_nodes(node), package, is_optional=True)
        else:
            yield from _walk(ast.iter_child_nodes(node), package, is_optional=is_optional)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".") if package else []
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _catches_import_errors(node: ast.Try) -> bool:
    return any(
        handler.type is None
        or any(
            isinstance(name, ast.Name) and name.id in _IMPORT_ERRORS
            for name in ast.walk(handler.type)
        )
        for handler in node.handlers
    )
