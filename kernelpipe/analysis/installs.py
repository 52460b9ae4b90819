"""Takes what installs packages out of cells, so that it is done once and not in each step."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from kernelpipe.analysis.install_commands import (
    INSTALLERS,
    MENTIONS,
    Install,
    read_install,
    split_words,
    without_installs,
)
from kernelpipe.analysis.magic_calls import MagicCall, parse_body, read_call
from kernelpipe.analysis.magic_facts import WRAPPERS
from kernelpipe.analysis.syntax import has_other_line_ends

_SHELLS = frozenset({"bash", "sh", "system", "sx", "!"})
_RUNNERS = frozenset(
    "run call check_call check_output Popen system getoutput getstatusoutput main".split()
)
_BANG = re.compile(r"!!?|%+(?:sx|system)\s")
_NOTHING = re.compile(r"(?:\s*true\s*(?:;|&&|\|\||\Z))+")
_INSTALLER = re.compile(rf"%?\b(?:{'|'.join(sorted(INSTALLERS))})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstall:
    """A command that installs; ``line`` is one-based in its cell.

    ``is_optional``: it stands where it may not run. ``is_left``: it is still in the cell.
    """

    install: Install
    line: int
    is_optional: bool
    is_left: bool = False


@lru_cache(maxsize=4096)
def take_installs(source: str) -> tuple[str, tuple[FoundInstall, ...]]:
    """Return a cell without what installs packages, and that; lines keep their numbers."""
    if not MENTIONS.search(source) or has_other_line_ends(source):
        return source, ()
    tree = parse_body(source, 0)
    if tree is None:
        return source, ()
    taker = _Taker(source)
    taker.visit(tree.body, is_optional=False)
    return "\n".join(taker.lines), tuple(taker.found)


class _Taker:
    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.found: list[FoundInstall] = []

    def visit(self, body: Iterable[ast.stmt], *, is_optional: bool) -> None:
        for statement in body:
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Call):
                self._call(value, statement, is_optional=is_optional)
            elif isinstance(statement, ast.With):
                self.visit(statement.body, is_optional=is_optional)
            elif isinstance(statement, ast.Try):
                self._try(statement, is_optional=is_optional)
            else:
                for inner in _bodies(statement):
                    self.visit(inner, is_optional=True)

    def _try(self, node: ast.Try, *, is_optional: bool) -> None:
        """Look into a ``try``: what stands where an import fails is needed if it does."""
        imports = any(isinstance(s, ast.Import | ast.ImportFrom) for s in node.body)
        for body in (node.body, node.orelse, node.finalbody):
            self.visit(body, is_optional=is_optional)
        for handler in node.handlers:
            self.visit(handler.body, is_optional=is_optional or not imports)

    def _call(self, node: ast.Call, statement: ast.stmt, *, is_optional: bool) -> None:
        call = read_call(node)
        is_alone = isinstance(statement, ast.Expr)
        if call is None:
            self._python(node, is_alone=is_alone, is_optional=is_optional)
        elif call.body is not None:
            self._cell(call, call.body, is_optional=is_optional)
        elif call.name in INSTALLERS:
            install = read_install([call.name, *split_words(call.line)])
            if install is not None:
                self._note(install, call.number, is_optional=is_optional)
                self._replace(call.number, _INSTALLER, "pass" if is_alone else "None")
        elif call.name in _SHELLS or call.name == "!!":
            command, found = without_installs(call.line)
            for install in found:
                self._note(install, call.number, is_optional=is_optional)
            if found and is_alone and _NOTHING.fullmatch(command):
                self._replace(call.number, _BANG, "pass")
            elif found:
                self._replace(call.number, _BANG, None, command)

    def _cell(self, call: MagicCall, body: str, *, is_optional: bool) -> None:
        if call.name in WRAPPERS:
            tree = parse_body(body, call.number)
            self.visit(tree.body if tree is not None else (), is_optional=is_optional)
        elif call.name in _SHELLS and "<<" not in body:
            for number in range(call.number, len(self.lines)):
                command, found = without_installs(self.lines[number])
                if found and not self.lines[number].rstrip().endswith("\\"):
                    self.lines[number] = command
                    for install in found:
                        self._note(install, number + 1, is_optional=is_optional)

    def _python(self, node: ast.Call, *, is_alone: bool, is_optional: bool) -> None:
        install = _called_install(node)
        if install is None:
            return
        is_known = not any("{" in word for word in install.requirements)
        is_left = not (is_alone and is_known and install.problem is None)
        self.found.append(
            FoundInstall(
                install=install, line=node.lineno, is_optional=is_optional, is_left=is_left
            )
        )
        if not is_left:
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before = self.lines[first].encode()[: node.col_offset].decode()
            after = self.lines[last].encode()[node.end_col_offset or 0 :].decode()
            self.lines[first : last + 1] = [""] * (last - first + 1)
            self.lines[first] = f"{before}pass{after}"

    def _note(self, install: Install, line: int, *, is_optional: bool) -> None:
        self.found.append(FoundInstall(install=install, line=line, is_optional=is_optional))

    def _replace(
        self, number: int, pattern: re.Pattern[str], word: str | None, command: str = ""
    ) -> None:
        """Put ``word``, or what marks a command and ``command``, where the pattern begins."""
        index = number - 1
        found = pattern.search(self.lines[index])
        if found is None:
            return
        last = index
        while self.lines[last].endswith("\\") and last + 1 < len(self.lines):
            last += 1
        before = self.lines[index][: found.start()]
        self.lines[index : last + 1] = [""] * (last - index + 1)
        self.lines[index] = before + (word if word is not None else found[0] + command)


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


def _called_install(node: ast.Call) -> Install | None:
    """Return what ``subprocess.run([sys.executable, "-m", "pip", ...])`` and its like install."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name not in _RUNNERS or not node.args:
        return None
    given = node.args[0]
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return read_install(split_words(given.value))
    if not isinstance(given, ast.List | ast.Tuple):
        return None
    words = [
        str(each.value) if isinstance(each, ast.Constant) else "{}" if index else "python"
        for index, each in enumerate(given.elts)
    ]
    if name == "main":
        words = ["pip", *words]
    return read_install(words)
