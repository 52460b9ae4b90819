"""Keeps what a step has made after each of its cells, so that it can go on from there.

In the directory of checkpoints, ``state.json`` says ``{"cells": how many of the step's cells ran,
"file": where the newest checkpoint is, "touched": as in result.json}``. That is a directory with
three value files: ``early`` (states that imports depend on), ``values`` (the user's names, the
variables of local modules, and what was touched), and ``late`` (all other states).
"""

import ast
import json
import re
import shutil
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import atomic_file, read_header
from .states import NAMES
from .unstorable import UnstorableValueError
from .values import dump_group, load_group

if TYPE_CHECKING:
    from .step import Step

_STATE = "state.json"
_EARLY = ("@cwd", "@environ", "@sys.path")
_LATE = tuple(name for name in NAMES if name not in _EARLY)
_MODULES, _TOUCHED = "%modules", "%touched"
_OF_IPYTHON = re.compile(r"_i+|_i\d+|_\d+|_oh|_dh|_ih|In|Out|__+|__warningregistry__")
_HISTORY = re.compile(r"(?<![\w.])(?:_i+|_i\d+|_\d+|_oh|_ih|In|Out|__|___|get_ipython)(?!\w)")
_MAGIC = re.compile(r"^\s*(?:\w+\s*=\s*)?(%%?)(\w+)", re.MULTILINE)
_HARMLESS_MAGICS = frozenset(
    {
        *("bash", "capture", "cd", "conda", "env", "file", "html", "javascript", "js", "latex"),
        *("ls", "markdown", "memit", "pinfo", "pip", "prun", "pwd", "script", "set_env", "sh"),
        *("svg", "system", "sx", "time", "timeit", "who", "whos", "writefile"),
    }
)
"""Magics that change nothing of the shell which is not kept."""


class NotKeptError(Exception):
    """The state of a step cannot be kept; the text says why, in the user's words."""


def keep(step: "Step", count: int) -> None:
    """Keep the state of the step after the first ``count`` of its cells, if that can be done."""
    place = Path(step.call["checkpoints"])
    cells = step.document["cells"]
    try:
        _check(step, cells[:count], cells[count:])
        _keep(step, place, count)
    except (NotKeptError, UnstorableValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        index = cells[count - 1]["index"]
        step.result["notes"].append(f"nothing was kept after cell {index}: {reason}")


def _keep(step: "Step", place: Path, count: int) -> None:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = place / f"after-{count}"
    draft = place / f".after-{count}"
    for old in (target, draft):
        shutil.rmtree(old, ignore_errors=True)
    draft.mkdir()
    try:
        _dump(step, _EARLY, {}, draft / "early")
        _dump(step, _LATE, {}, draft / "late")
        values = user_values(step)
        values[_MODULES] = [(module, _variables(module)) for module in _local_modules(step)]
        touched = None if step.recording is None else step.recording.summary(step.document)
        values[_TOUCHED] = None if step.recording is None else json.dumps(step.recording.facts())
        _dump(step, tuple(values), values, draft / "values")
        draft.replace(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    with atomic_file(place / _STATE) as file:
        file.write(json.dumps({"cells": count, "file": target.name, "touched": touched}).encode())
    for old in place.glob("after-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def _dump(step: "Step", names: Sequence[str], values: dict[str, Any], path: Path) -> None:
    dump_group(names, values, path, links=step.links, baseline=step.baseline)


def restore(step: "Step", path: Path) -> None:
    """Put in force what :func:`keep` has kept in the directory ``path``; setup has run again.

    Raises:
        ValueFileError: If it is damaged or does not load.
        OSError: If it cannot be read.
    """
    namespace = step.links.namespace
    found: dict[str, Any] = {}
    load_group(path / "early", _EARLY, found, links=step.links)
    names = read_header(path / "values")["names"]
    load_group(path / "values", names, found, links=step.links)
    facts = found.pop(_TOUCHED)
    for module, variables in found.pop(_MODULES):
        for name in _variables(module).keys() - variables.keys():
            delattr(module, name)
        vars(module).update(variables)
    for name in user_values(step).keys() - found.keys():
        del namespace[name]
    namespace.update(found)
    load_group(path / "late", _LATE, {}, links=step.links)
    if step.recording is not None and facts is not None:
        step.recording.take_over(json.loads(facts))


def user_values(step: "Step") -> dict[str, Any]:
    """Return what the user's names are bound to: neither IPython's, nor there from the start."""
    hook = sys.displayhook
    return {
        name: value
        for name, value in step.links.namespace.items()
        if not _OF_IPYTHON.fullmatch(name)
        and not (name in step.before and step.before[name] is value)
        and not (name == "_" and getattr(hook, "_", None) is value)
    }


def _local_modules(step: "Step") -> Iterator[types.ModuleType]:
    """Yield the modules that are neither installed nor ours."""
    if step.recording is None:
        return
    for name, module in sorted(sys.modules.items()):
        is_module = isinstance(module, types.ModuleType) and module.__name__ == name
        if is_module and step.recording.is_local(module):
            yield module


def _variables(module: types.ModuleType) -> dict[str, Any]:
    """Return what the code of the module or of the notebook may have changed in it."""
    kinds = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)
    return {
        name: value
        for name, value in vars(module).items()
        if not (name.startswith("__") and name.endswith("__")) and not isinstance(value, kinds)
    }


def _check(
    step: "Step", ran: Sequence[Mapping[str, Any]], rest: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse what would make a step that goes on differ from one that was not stopped."""
    for cell in ran:
        for magic in _MAGIC.finditer(cell["source"]):
            if magic[2] not in _HARMLESS_MAGICS:
                raise NotKeptError(f"cell {cell['index']} uses {magic[1]}{magic[2]}")
        if changed := _changed_library(cell["source"], step.links.namespace):
            raise NotKeptError(f"cell {cell['index']} changes '{changed}'")
    hook = sys.displayhook
    for cell in (*rest, *step.document.get("tests", ())):
        if found := _HISTORY.search(cell["source"]):
            raise NotKeptError(f"cell {cell['index']} uses '{found[0]}'")
        if hasattr(hook, "_") and _reads_last_output(cell["source"]):
            raise NotKeptError(f"cell {cell['index']} uses '_', the output of a cell before it")


def _changed_library(source: str, namespace: Mapping[str, Any]) -> str | None:
    """Return the attribute of a module, or of a class that is not the notebook's, that is set."""
    for node in _nodes(source):
        if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
            continue
        root: ast.expr = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        value = namespace.get(root.id) if isinstance(root, ast.Name) else None
        is_class = isinstance(value, type) and value.__module__ != "__main__"
        if is_class or isinstance(value, types.ModuleType):
            return ast.unparse(node)
    return None


def _reads_last_output(source: str) -> bool:
    """Tell whether ``_`` is read where the cell has not bound it."""
    uses = [node for node in _nodes(source) if isinstance(node, ast.Name) and node.id == "_"]
    stores = [node.lineno for node in uses if not isinstance(node.ctx, ast.Load)]
    first = min(stores, default=sys.maxsize)
    return any(isinstance(node.ctx, ast.Load) and node.lineno < first for node in uses)


def _nodes(source: str) -> Iterator[ast.AST]:
    lines = [
        "" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.splitlines()
    ]
    try:
        yield from ast.walk(ast.parse("\n".join(lines)))
    except (SyntaxError, ValueError):
        return
