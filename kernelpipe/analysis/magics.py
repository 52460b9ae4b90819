"""What magics and shell lines do, read from the calls that IPython's transformer makes of them."""

import ast
import re
from string import Formatter

from kernelpipe.analysis.file_calls import FileCalls
from kernelpipe.analysis.heap import ATOM_VALUE, Kind, Value, new
from kernelpipe.analysis.source import parse_python
from kernelpipe.analysis.summaries import StateUse
from kernelpipe.analysis.texts import constant_of, given_of
from kernelpipe.notebook.transform import transform

_PYTHON_MAGICS = frozenset("time prun memit mprun lprun debug pdb".split())
_TIMEIT = frozenset({"timeit"})
_CONFIGURATION = frozenset(
    "matplotlib config load_ext reload_ext autoreload pylab precision colors xmode gui "
    "autosave alias rehashx doctest_mode".split()
)
_HARMLESS = frozenset(
    "pinfo pinfo2 pdoc pdef psource pfile psearch history hist lsmagic magic pwd ls ll "
    "conda pip mamba uv logstart logstop logon logoff notebook page quickref recall tb "
    "unload_ext pycat cat man more less clear pprint automagic".split()
)
PLAIN_LINE_MAGICS = _CONFIGURATION | _HARMLESS
"""Magics whose line holds no Python."""
_TEXT_CELLS = frozenset("html javascript js latex markdown svg HTML".split())
_SCRIPT_CELLS = frozenset(
    "bash sh script perl ruby python python2 python3 pypy cmd system sx".split()
)
_LISTS_EVERYTHING = frozenset("who whos who_ls reset reset_selective xdel".split())
_DOLLAR = re.compile(r"\$(?!\$)([A-Za-z_]\w*)")
_OPTION_TARGET = re.compile(r"--(?:out|err|proc)[ =]([A-Za-z_]\w*)")


_EXPANDED = re.compile(r"\{([A-Za-z_]\w*)\}|\$(?!\$)\{?([A-Za-z_]\w*)\}?")
_FIELD = re.compile(r"\{[^{}]*\}")


class Magics(FileCalls):
    """Interprets the calls ``get_ipython().run_line_magic(...)`` and their like."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]  # the parts share it
        self.configuration: list[str] = []

    def magic_call(self, node: ast.Call) -> Value | None:
        """Interpret a call that IPython's transformer made; None when ``node`` is none."""
        function = node.func
        if not (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Call)
            and isinstance(function.value.func, ast.Name)
            and function.value.func.id == "get_ipython"
        ):
            return None
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if len(texts) != len(node.args) or not all(isinstance(t, str) for t in texts):
            return None
        given = [str(t) for t in texts]
        self.place = (node.lineno, 0)
        if function.attr == "run_line_magic" and len(given) >= 2:  # noqa: PLR2004
            return self._line_magic(given[0], given[1], node.lineno)
        if function.attr == "run_cell_magic" and len(given) == 3:  # noqa: PLR2004
            return self._cell_magic(given[0], given[1], given[2], node.lineno)
        if function.attr in ("system", "getoutput"):
            self._shell(given[0])
            return frozenset({new(Kind.LIST)}) if function.attr == "getoutput" else ATOM_VALUE
        return None

    # -- line magics -----------------------------------------------------------------------------
    def _line_magic(self, name: str, line: str, number: int) -> Value:
        if name in _PYTHON_MAGICS:
            return self._python(_after_options(line), number - 1)
        if name in _TIMEIT:
            return self._timed(_after_options(line), number - 1)
        if name in ("env", "set_env", "cd", "store", "run"):
            return self._stateful(name, line)
        self._read_text(line)
        if name in _CONFIGURATION:
            self.configuration.append(f"%{name} {line}".rstrip())
        elif name in ("sx", "system"):
            self._shell(line)
            return frozenset({new(Kind.LIST)})
        elif name in _LISTS_EVERYTHING:
            self.effects.is_opaque = True
        elif name == "capture" or name not in _HARMLESS:
            self._unknown()
        return frozenset({new(Kind.UNKNOWN)})

    def _stateful(self, name: str, line: str) -> Value:
        self._read_text(line)
        if name == "cd":
            self.state_event("@cwd", StateUse.CHANGE)
        elif name in ("env", "set_env"):
            if "=" in line or " " in line.strip():
                self.state_event("@environ", StateUse.CHANGE)
        elif name == "store":
            self.file_use(None, is_write=True)
            for word in line.split():
                if word.isidentifier():
                    self.use(self.load(word))
            if line.lstrip().startswith("-r") or not line.strip():
                self._unknown()
        else:
            self.file_use(None, is_write=True)
            self._unknown()
        return ATOM_VALUE

    # -- cell magics -----------------------------------------------------------------------------
    def _cell_magic(self, name: str, line: str, body: str, number: int) -> Value:
        if name in _PYTHON_MAGICS:
            return self._python(body, number)
        if name in _TIMEIT:
            self._timed(_after_options(line), number - 1)
            return self._timed(body, number)
        if name == "capture":
            self._python(body, number)
            for word in line.split():
                if word.isidentifier():
                    self.bind(word, frozenset({new(Kind.UNKNOWN)}))
            return ATOM_VALUE
        self._read_text(line)
        if name in ("writefile", "file"):
            words = self._expanded(line).split()
            path = words[-1] if words else None
            is_whole = not {"-a", "--append"} & set(words)
            self.file_use(path, is_write=True, is_whole=is_whole, is_pattern=True)
        elif name in _SCRIPT_CELLS:
            self.shell_files(body if name in ("bash", "sh", "system", "sx") else None)
            for target in _OPTION_TARGET.findall(line):
                self.bind(target, ATOM_VALUE)
        elif name not in _TEXT_CELLS:
            self._read_text(body)
            self._unknown()
        return ATOM_VALUE

    # -- pieces ----------------------------------------------------------------------------------
    def _python(self, source: str, offset: int) -> Value:
        """Run ``source`` here; its first line is line ``offset`` + 1 of the cell."""
        text = transform(source)
        if text.error is not None:
            self._unknown()
            return ATOM_VALUE
        tree = parse_python(text.text)
        ast.increment_lineno(tree, offset)
        self.execute(tree.body)
        last = tree.body[-1] if tree.body else None
        return self.evaluate(last.value) if isinstance(last, ast.Expr) else ATOM_VALUE

    def _timed(self, source: str, offset: int) -> Value:
        """Run ``source`` as ``%timeit`` does: in a function of its own, so it binds nothing."""
        before = self.scope.flow.copy()
        self.uncertain += 1
        self._python(source, offset)
        self.uncertain -= 1
        self.scope.flow = before
        return ATOM_VALUE

    def _shell(self, command: str) -> None:
        self._read_text(command)
        self.shell_files(self._expanded(command))

    def _read_text(self, text: str) -> None:
        """Read the names in ``{expression}`` and ``$name``, as IPython expands them."""
        self.uncertain += 1
        for name in _DOLLAR.findall(text):
            if self._exists(name):
                self.use(self.load(name))
        for expression in _fields(text):
            tree = _parsed(expression)
            if tree is not None and all(
                self._exists(n.id) for n in ast.walk(tree) if isinstance(n, ast.Name)
            ):
                self.evaluate(tree)
        self.uncertain -= 1

    def _expanded(self, text: str) -> str:
        """Return ``text`` with the texts that IPython puts into it, "*" for unknown ones."""

        def found(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            known = constant_of(self.load(name)) if self._exists(name) else None
            return known if isinstance(known, str) and not given_of(known) else "*"

        return _FIELD.sub("*", _EXPANDED.sub(found, text))

    def _exists(self, name: str) -> bool:
        return (
            name in self.world.names
            or name in self.scope.flow.bound
            or name in self.world.builtins
            or self.in_function
        )

    def _unknown(self) -> None:
        """Account for code that may do anything to the names of the notebook."""
        self.effects.is_opaque = True
        self.binds_unknown = True


def _after_options(line: str) -> str:
    """Return ``line`` without leading options such as ``-n 10``."""
    words = line.split(" ")
    index = 0
    while index < len(words) and words[index].startswith("-"):
        takes_value = len(words[index]) == 2 and words[index][1] in "nrpslTD"  # noqa: PLR2004
        index += 2 if takes_value else 1
    return " ".join(words[index:])


def _fields(text: str) -> list[str]:
    try:
        return [field for _, field, _, _ in Formatter().parse(text) if field]
    except ValueError:
        return []


def _parsed(expression: str) -> ast.expr | None:
    try:
        return ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        return None
