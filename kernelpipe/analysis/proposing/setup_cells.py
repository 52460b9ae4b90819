"""Which cells of an untagged notebook are setup: imports, functions, parameters."""

import ast
from collections.abc import Sequence
from typing import Final

from kernelpipe.analysis.names import bound_names, imported_names
from kernelpipe.analysis.parameters import find_parameters
from kernelpipe.analysis.proposing.crossings import Crossings
from kernelpipe.analysis.source import nodes_of
from kernelpipe.model.notebook import Cell, CellRole

_PLAIN_MAGICS: Final = frozenset(
    "matplotlib config load_ext reload_ext autoreload pylab precision colors xmode pip conda "
    "mamba uv".split()
)
_CONFIGURING: Final = frozenset(
    "set set_theme set_style set_context set_palette set_option filterwarnings simplefilter use "
    "set_printoptions basicConfig set_matplotlib_formats reset_option reset_defaults rc rcdefaults "
    "set_config seed manual_seed disable_warnings".split()
)
"""Functions of modules that a notebook calls with constants at its top, for their effect alone."""
_HANDLES: Final = frozenset({"color_palette", "getLogger", "get_cmap", "mpl_palette"})
_COMPUTING: Final = frozenset(
    "abs bool dict enumerate float frozenset int len list max min range reversed round set sorted "
    "str sum tuple zip".split()
)
_INSTALLING: Final = ("pip ", "pip3 ", "conda ", "mamba ", "uv pip ", "python -m pip ")
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def find_setup(cells: Sequence[Cell], crossings: Crossings) -> dict[int, CellRole]:
    """Return the roles that cells without a role of their own may have: index -> role.

    Whether setup that stands between steps is right there, the analysis of the result tells.

    Args:
        cells: Code cells in notebook order, those with tags of ours left out.
        crossings: How they hang together.
    """
    found: dict[int, CellRole] = {}
    modules: set[str] = set()
    for cell in cells:
        tree = crossings.program.trees.get(cell.index)
        if tree is None or not tree.body:
            continue
        modules |= imported_names(tree)
        known = modules | {s.name for s in tree.body if isinstance(s, _DEFINITIONS)}
        if not _is_lasting(tree, crossings):
            continue
        if _imports(tree, known):
            found[cell.index] = CellRole.IMPORTS
        elif _defines(tree, known):
            found[cell.index] = CellRole.FUNCTIONS
    parameters = _parameters(cells, crossings, found)
    return found if parameters is None else found | {parameters: CellRole.PARAMETERS}


def _bound_by(tree: ast.Module) -> set[str]:
    """Return the names that a cell's own statements bind, imports aside."""
    statements = [s for s in tree.body if not isinstance(s, ast.Import | ast.ImportFrom)]
    return set(bound_names(statements).local)


def _parameters(
    cells: Sequence[Cell], crossings: Crossings, setup: dict[int, CellRole]
) -> int | None:
    """Return the first cell of constants, if nothing but setup stands above it."""
    for cell in cells:
        tree = crossings.program.trees.get(cell.index)
        if tree is None:
            return None
        if cell.index in setup or not tree.body:
            continue
        is_plain = all(_is_constant(each) for each in tree.body)
        if is_plain and find_parameters(cell, tree) and _is_lasting(tree, crossings):
            return cell.index
        return None
    return None


def _is_lasting(tree: ast.Module, crossings: Crossings) -> bool:
    """Tell whether nothing else binds or changes what a cell binds."""
    return all(crossings.is_made_once(name) for name in _bound_by(tree))


def _defines(tree: ast.Module, modules: set[str]) -> bool:
    """Tell whether a cell defines functions or classes, and beside them constants at most."""
    return any(isinstance(each, _DEFINITIONS) for each in tree.body) and all(
        isinstance(each, _DEFINITIONS) or _is_import(each, modules) or _is_constant(each)
        for each in tree.body
    )


def _imports(tree: ast.Module, modules: set[str]) -> bool:
    """Tell whether a cell imports or configures, and beside that has constants at most."""
    are_imports = [_is_import(each, modules) for each in tree.body]
    return any(are_imports) and all(
        is_import or _is_constant(each)
        for is_import, each in zip(are_imports, tree.body, strict=True)
    )


def _is_constant(statement: ast.stmt) -> bool:
    """Tell whether a statement gives names what is made of constants and names alone.

    Empty containers are there to be filled, so they are no constants.
    """
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        value = statement.value
        is_empty = isinstance(value, ast.Dict) and not value.keys
        is_empty = is_empty or (isinstance(value, ast.List | ast.Tuple) and not value.elts)
        return not is_empty and not any(_is_active(each) for each in nodes_of(value))
    return _is_text(statement)


def _is_active(node: ast.AST) -> bool:
    """Tell whether a node of an expression may do more than compute with constants."""
    if isinstance(node, ast.Call):
        return not isinstance(node.func, ast.Name) or node.func.id not in _COMPUTING
    return isinstance(node, ast.Lambda | ast.Await | ast.Attribute | ast.NamedExpr)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_import(statement: ast.stmt, modules: set[str]) -> bool:
    """Tell whether a statement imports, or configures what is imported."""
    if isinstance(statement, ast.Import | ast.ImportFrom) or _is_text(statement):
        return True
    if isinstance(statement, ast.Try):
        parts = [*statement.body, *statement.orelse, *statement.finalbody]
        parts += [each for handler in statement.handlers for each in handler.body]
        return all(
            isinstance(each, ast.Pass) or _is_constant(each) or _is_import(each, modules)
            for each in parts
        )
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        return _is_plain_magic(call) or (
            isinstance(call.func, ast.Attribute)
            and (call.func.attr in _CONFIGURING or _is_settings(call.func))
            and _root(call.func) in modules
            and all(_is_literal(each, modules) for each in _arguments(call))
        )
    if not isinstance(statement, ast.Assign):
        return False
    if all(_root(each) in modules for each in statement.targets):
        return _is_literal(statement.value, modules)
    return _is_handle(statement.value, modules) and all(
        isinstance(each, ast.Name) for each in statement.targets
    )


def _is_handle(value: ast.expr, modules: set[str]) -> bool:
    """Tell whether a value is what a library hands out for settings: a logger, a palette."""
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in _HANDLES
        and _root(value.func) in modules
        and all(_is_literal(each, modules) for each in _arguments(value))
    )


def _is_settings(function: ast.Attribute) -> bool:
    """Tell whether a function is ``rcParams.update``."""
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", None)
    return function.attr == "update" and name == "rcParams"


def _is_plain_magic(call: ast.Call) -> bool:
    """Tell whether a call is a magic or a shell line that configures or installs."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Call):
        return False
    called = function.value.func
    if not isinstance(called, ast.Name) or called.id != "get_ipython":
        return False
    texts = [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
    if not texts or any(c in text for text in texts for c in "{$"):
        return False
    if function.attr == "run_line_magic":
        return texts[0] in _PLAIN_MAGICS
    return function.attr == "system" and texts[0].strip().startswith(_INSTALLING)


def _root(node: ast.expr) -> str | None:
    """Return the name at the root of ``name.attribute[item]``, None for a name alone."""
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return None
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _is_literal(node: ast.expr, modules: set[str]) -> bool:
    """Tell whether an expression has only constants, names of what is known, and lambdas."""
    nodes = list(nodes_of(node))
    own = {each.arg for each in nodes if isinstance(each, ast.arg)}
    hidden = {
        part
        for each in nodes
        if isinstance(each, ast.Lambda)
        for part in nodes_of(each.body)
        if isinstance(part, ast.Call)
    }
    return all(
        (not isinstance(each, ast.Call) or each in hidden)
        and not isinstance(each, ast.Yield | ast.Await | ast.NamedExpr)
        and not (isinstance(each, ast.Name) and each.id not in modules | own)
        for each in nodes
    )
