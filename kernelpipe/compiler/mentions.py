"""Which names a statement mentions, in code and in texts that are run as code."""

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernelpipe.analysis.magics import PLAIN_LINE_MAGICS
from kernelpipe.analysis.names import imported_as
from kernelpipe.analysis.source import nodes_of

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_QUERY_NAME = re.compile(r"@([^\W\d]\w*)")
_CODE_TAKERS = frozenset("eval query evaluate timeit repeat runctx sql".split())
"""Methods and functions that look up names of the caller in a text."""
_SEES_ALL = frozenset(
    "exec eval globals locals vars dir compile breakpoint get_ipython In Out".split()
)
_SEES_ALL_ATTRIBUTES = frozenset(
    "f_globals f_locals f_back __globals__ _getframe currentframe user_ns".split()
)
_PICKLE_MODULES = frozenset("pickle _pickle cPickle joblib dill cloudpickle torch shelve".split())
_LOADERS = frozenset("load loads Unpickler open".split())
"""What in such a module makes objects of the notebook's classes without naming them."""
_KNOWN_MAGICS = PLAIN_LINE_MAGICS | frozenset(
    """
    time timeit prun memit mprun lprun capture env set_env cd sx system html HTML javascript js
    latex markdown svg bash sh script perl ruby python python2 python3 pypy cmd writefile file
    """.split()
)
"""Magics that see no more of the notebook's names than their text mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What a statement mentions; scopes are not told apart, so that it is rather too much.

    ``is_hidden`` says that it may use any name, ``is_unpickling`` that it makes objects out of a
    file that may name anything. ``loaders`` are names on which ``load`` or its
    like is called, ``pickle_modules`` and ``pickle_loaders`` are names bound to a module that
    unpickles, or to its loading functions.
    """

    names: frozenset[str] = frozenset()
    is_hidden: bool = False
    is_unpickling: bool = False
    loaders: frozenset[str] = frozenset()
    pickle_modules: frozenset[str] = frozenset()
    pickle_loaders: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Collected:
    names: set[str] = field(default_factory=set)
    is_hidden: bool = False
    is_unpickling: bool = False
    loaders: set[str] = field(default_factory=set)
    pickle_modules: set[str] = field(default_factory=set)
    pickle_loaders: set[str] = field(default_factory=set)
    plain_shells: set[int] = field(default_factory=set)
    """ids of ``get_ipython`` nodes that belong to magics whose text tells all."""


def mentions_of(nodes: Sequence[ast.AST]) -> Mentions:
    """Return what the statement that has ``nodes`` mentions, the bodies of functions included."""
    found = _Collected()
    for node in nodes:
        if isinstance(node, ast.Call):
            _look_at_call(node, found)
    for node in nodes:
        _look_at(node, found)
    return Mentions(
        names=frozenset(found.names),
        is_hidden=found.is_hidden,
        is_unpickling=found.is_unpickling,
        loaders=frozenset(found.loaders),
        pickle_modules=frozenset(found.pickle_modules),
        pickle_loaders=frozenset(found.pickle_loaders),
    )


def may_use_any_name(mentions: Collection[Mentions]) -> bool:
    """Tell whether code that mentions this may use names that it does not mention."""
    return any(each.is_hidden for each in mentions) or may_unpickle(mentions)


def may_unpickle(mentions: Collection[Mentions]) -> bool:
    """Tell whether code that mentions this may make objects of classes that it does not mention."""
    if any(each.is_unpickling for each in mentions):
        return True
    pickling = [each for each in mentions if each.pickle_modules]
    loaders = {name for each in mentions for name in each.loaders} if pickling else set()
    names = {name for each in mentions for name in each.names} if pickling else set()
    return any(
        not each.pickle_modules.isdisjoint(loaders) or not each.pickle_loaders.isdisjoint(names)
        for each in pickling
    )


def _look_at(node: ast.AST, found: _Collected) -> None:
    look: Any = _LOOKS.get(type(node))
    if look is not None:
        look(node, found)


def _look_at_name(node: ast.Name, found: _Collected) -> None:
    found.names.add(node.id)
    if node.id in _SEES_ALL and id(node) not in found.plain_shells:
        found.is_hidden = True


def _look_at_constant(node: ast.Constant, found: _Collected) -> None:
    text = node.value
    if isinstance(text, str):
        if "@" in text:
            found.names.update(_QUERY_NAME.findall(text))
        if "~" in text:  # a formula
            found.names.update(_IDENTIFIER.findall(text))


def _look_at_declaration(node: ast.Global | ast.Nonlocal, found: _Collected) -> None:
    found.names.update(node.names)


def _look_at_annotation(node: ast.arg | ast.AnnAssign, found: _Collected) -> None:
    if node.annotation is not None:
        found.names.update(_names_in_texts(node.annotation))


def _look_at_function(node: ast.FunctionDef | ast.AsyncFunctionDef, found: _Collected) -> None:
    if node.returns is not None:
        found.names.update(_names_in_texts(node.returns))


def _look_at_keyword(node: ast.keyword, found: _Collected) -> None:
    if node.arg == "allow_pickle":
        is_off = isinstance(node.value, ast.Constant) and not node.value.value
        found.is_unpickling = found.is_unpickling or not is_off


def _look_at_attribute(node: ast.Attribute, found: _Collected) -> None:
    attribute = node.attr
    if attribute in _SEES_ALL_ATTRIBUTES:
        found.is_hidden = True
    if attribute == "read_pickle":
        found.is_unpickling = True
    root = _root(node)
    if root is None:
        return
    if (root, attribute) in {("sys", "modules"), ("inspect", "stack")}:
        found.is_hidden = True
    if attribute in _LOADERS:
        found.loaders.add(root)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _look_at_import(node: ast.Import, found: _Collected) -> None:
    for alias in node.names:
        if alias.name == "__main__":
            found.is_hidden = True
        if alias.name.partition(".")[0] in _PICKLE_MODULES:
            found.pickle_modules.add(imported_as(alias))


def _look_at_import_from(node: ast.ImportFrom, found: _Collected) -> None:
    module = (node.module or "").partition(".")[0]
    for alias in node.names:
        if alias.name == "*" or module == "__main__":
            found.is_hidden = True
        if module in _PICKLE_MODULES:
            found.pickle_modules.add(imported_as(alias))
            if alias.name in _LOADERS:
                found.pickle_loaders.add(imported_as(alias))
        if (module, alias.name) in {("sys", "modules"), ("inspect", "stack")}:
            found.is_hidden = True
        if alias.name in _SEES_ALL_ATTRIBUTES:
            found.is_hidden = True
        if alias.name == "read_pickle":
            found.is_unpickling = True


def _look_at_call(node: ast.Call, found: _Collected) -> None:
    function = node.func
    name = getattr(function, "attr", getattr(function, "id", None))
    if name in _CODE_TAKERS:
        for part in [*node.args, *(keyword.value for keyword in node.keywords)]:
            found.names.update(_names_in_texts(part))
    if name in {"import_module", "__import__"} and "__main__" in _texts(node):
        found.is_hidden = True
    match function:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython") as shell)):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if _is_plain_magic(function.attr, node, texts):
                found.plain_shells.add(id(shell))
                found.names.update(n for text in texts for n in _IDENTIFIER.findall(str(text)))
                found.is_hidden = found.is_hidden or not found.names.isdisjoint(_SEES_ALL)
        case _:
            pass


def _is_plain_magic(method: str, node: ast.Call, texts: Sequence[object]) -> bool:
    """Tell whether the text of a call that IPython made of a magic mentions all that it uses."""
    if node.keywords or len(texts) < len(node.args):
        return False
    if method in {"system", "getoutput"}:
        return True
    is_magic = method in {"run_line_magic", "run_cell_magic"}
    return is_magic and bool(texts) and texts[0] in _KNOWN_MAGICS


def _texts(node: ast.AST) -> Iterator[str]:
    return (n.value for n in nodes_of(node) if isinstance(n, ast.Constant) and type(n.value) is str)


def _names_in_texts(node: ast.AST) -> Iterator[str]:
    return (name for text in _texts(node) for name in _IDENTIFIER.findall(text))


_LOOKS: dict[type[ast.AST], Any] = {
    ast.Name: _look_at_name,
    ast.Attribute: _look_at_attribute,
    ast.Constant: _look_at_constant,
    ast.Global: _look_at_declaration,
    ast.Nonlocal: _look_at_declaration,
    ast.Import: _look_at_import,
    ast.ImportFrom: _look_at_import_from,
    ast.arg: _look_at_annotation,
    ast.AnnAssign: _look_at_annotation,
    ast.FunctionDef: _look_at_function,
    ast.AsyncFunctionDef: _look_at_function,
    ast.keyword: _look_at_keyword,
}
"""Kind of node -> function of (node, collected); typed no closer, as each takes its own kind."""
