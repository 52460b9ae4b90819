"""From Python text to its syntax tree, and what one look at all trees tells."""

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from kernelpipe.analysis.magic_calls import MagicCall, bodies_in, body_of, read_call
from kernelpipe.analysis.plain_attributes import ANY, BY_TEXT, STORING, stored_attributes
from kernelpipe.analysis.syntax import is_too_deep, parse_python
from kernelpipe.notebook.transform import PythonError, PythonText, transform

_NO_NODES = frozenset(
    "ctx id attr arg kind type_comment conversion module level asname simple lineno tag "
    "kwd_attrs".split()
)
"""Fields that hold no nodes, or those of :class:`ast.expr_context`, which all names share."""


class _FieldsWithNodes(dict[type[ast.AST], tuple[str, ...]]):
    """Kind of node -> its fields that may hold nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
        return self[kind]


_FIELDS = _FieldsWithNodes({ast.Constant: (), ast.Global: (), ast.Nonlocal: ()})


def nodes_of(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield ``tree`` and all nodes below it, in no particular order; faster than ``ast.walk``.

    Whether a name is loaded or stored is no node of its own here.
    """
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack += children_of(node)


def children_of(node: ast.AST) -> list[ast.AST]:
    """Return the nodes just below ``node``; faster than ``ast.iter_child_nodes``."""
    found: list[ast.AST] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if type(value) is list:
            found += value if None not in value else filter(None, value)
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def kinds_in(tree: ast.AST) -> set[type[ast.AST]]:
    """Return the kinds of ``tree`` and of all nodes below it."""
    return set(map(type, nodes_of(tree)))


@dataclass(slots=True, eq=False, repr=False)
class Survey:
    """What names all cells together mention; scopes are not told apart."""

    rebound: set[str]
    """Bound by something else than an import."""
    methods: set[str]
    """Names of the methods of the notebook's classes."""
    read: set[str]
    aliases: dict[str, str] = field(default_factory=dict)
    """Name -> the magic that it is another name of, or "!command"."""
    own_magics: set[str] = field(default_factory=set)
    """Names of functions that are registered as magics."""
    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Normal path -> the texts that cells write to it."""
    plain: set[str] = field(default_factory=set)
    """Attributes in which numbers and texts are stored."""
    others: set[str] = field(default_factory=set)
    """Attributes in which anything else may be stored."""
    imported: set[str] = field(default_factory=set)
    """Dotted names of modules, and of what is taken from them."""


def _survey(tree: ast.Module) -> Survey:
    """Look at a cell once."""
    found = Survey(set(), set(), set())
    atomic: set[int] = set()
    for node in nodes_of(tree):
        if type(node) in STORING or (isinstance(node, ast.Name) and node.id in BY_TEXT):
            plain, others = stored_attributes(node, atomic)
            found.plain |= plain
            found.others |= others
        if isinstance(node, ast.Name):
            (found.read if isinstance(node.ctx, ast.Load) else found.rebound).add(node.id)
        elif type(node) in _BINDING:
            _survey_binding(node, found)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.imported.update(imports_of(node))
        elif isinstance(node, ast.Call):
            call = read_call(node)
            if call is not None:
                _survey_magic(call, found)
    return found


def imports_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted names that an import asks for, also those that may be no modules."""
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.Import):
        return names
    return [f"{'.' * node.level}{node.module or ''}.{name}" for name in names]


def _survey_magic(call: MagicCall, found: Survey) -> None:
    """Add what a magic tells: another name of one, the text of a file, or Python in its body."""
    words = call.line.split()
    inner = body_of(call)
    if inner is not None:
        _add(_survey(inner), found)
    elif call.name == "alias" and len(words) > 1:
        found.aliases[words[0]] = f"!{words[1]}"
    elif call.name == "alias_magic":
        names = [word.lstrip("%") for word in words if not word.startswith("-")]
        found.aliases |= {names[0]: names[1]} if len(names) > 1 else {}
    elif call.name in ("writefile", "file") and call.body is not None and words:
        _add_text(found.written, posixpath.normpath(words[-1].strip("\"'")), (call.body,))


def _add(part: Survey, whole: Survey) -> None:
    whole.rebound |= part.rebound
    whole.methods |= part.methods
    whole.read |= part.read
    whole.aliases |= part.aliases
    whole.own_magics |= part.own_magics
    whole.plain |= part.plain
    whole.others |= part.others
    whole.imported |= part.imported
    for path, texts in part.written.items():
        _add_text(whole.written, path, texts)


def _add_text(written: dict[str, tuple[str, ...]], path: str, texts: tuple[str, ...]) -> None:
    written[path] = (*written.get(path, ()), *texts)


_BINDING = frozenset(
    {
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Global,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.MatchMapping,
    }
)
"""What else than names and imports binds names."""


def _survey_binding(node: ast.AST, found: Survey) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        found.rebound.add(node.name)
        if any("register_" in ast.unparse(each) for each in node.decorator_list):
            found.own_magics.add(node.name)
    elif isinstance(node, ast.ClassDef):
        found.rebound.add(node.name)
        found.methods |= {
            each.name
            for each in node.body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    elif isinstance(node, ast.Global):
        found.rebound |= set(node.names)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        found.rebound |= {node.name} if node.name else set()
    elif isinstance(node, ast.MatchMapping) and node.rest:
        found.rebound.add(node.rest)


def survey(cells: Iterable["ParsedCell"]) -> Survey:
    """Return what all cells mention."""
    every = tuple(cells)
    found = Survey(set(), set(), set())
    for start in range(0, len(every), _CHUNK):
        _add(_survey_chunk(every[start : start + _CHUNK]), found)
    return found


_CHUNK = 50


@lru_cache(maxsize=256)
def _survey_chunk(cells: "tuple[ParsedCell, ...]") -> Survey:
    """Return what some cells mention; most are the same the next time."""
    found = Survey(set(), set(), set())
    for cell in cells:
        _add(cell.seen, found)
    return found


@dataclass(slots=True, eq=False, repr=False)
class ParsedCell:
    """The code of a cell: what IPython makes of it, and its tree, which nobody changes.

    The tree of a cell that does not parse is empty.
    """

    text: PythonText
    tree: ast.Module
    seen: Survey
    _modules: frozenset[str] | None = None

    @property
    def modules(self) -> frozenset[str]:
        """The dotted names of the modules that it imports, also inside functions."""
        if self._modules is None:
            trees = (self.tree, *bodies_in(self.tree))
            self._modules = frozenset(name for tree in trees for name in _modules_in(tree))
        return self._modules


@lru_cache(maxsize=2048)
def parse_cell(source: str) -> ParsedCell:
    """Return the code of a cell as its user wrote it."""
    text = transform(source)
    tree = ast.Module(body=[], type_ignores=[]) if text.error else parse_python(text.text)
    if is_too_deep(tree, text.text):
        text = PythonText(text=source, error=PythonError(message="it is nested too deeply"))
        tree = ast.Module(body=[], type_ignores=[])
    return ParsedCell(text=text, tree=tree, seen=_survey(tree))


def _modules_in(tree: ast.Module) -> Iterator[str]:
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def modules_in(source: str) -> frozenset[str]:
    """Return the dotted names of the modules that a cell imports, also inside functions."""
    return parse_cell(source).modules


@dataclass(slots=True, eq=False, repr=False)
class Program:
    """The parsed code of a notebook: cell index -> tree; cells that do not parse are missing."""

    trees: dict[int, ast.Module]
    seen: Survey
    directory: str
    """Where the notebook lies."""


def plain_attributes(seen: Survey) -> frozenset[str]:
    """Return the attributes that hold nothing but numbers and texts anywhere in the notebook."""
    return frozenset() if ANY in seen.others else frozenset(seen.plain - seen.others)
