"""What magics and shell lines do, read from the calls that IPython's transformer makes of them."""

import ast
import re

from kernelpipe.analysis.file_calls import FileCalls
from kernelpipe.analysis.heap import ATOM_VALUE, Kind, Obj, Value, new
from kernelpipe.analysis.magic_calls import MagicCall, is_shell, parse_body, read_call
from kernelpipe.analysis.magic_facts import (
    CONFIGURATION,
    HARMLESS,
    HELP,
    LISTS_EVERYTHING,
    OF_HISTORY,
    PLAIN_LINE_MAGICS,
    PYTHON,
    SCRIPT_CELLS,
    SHELL_ALIASES,
    TEXT_CELLS,
    TIMED,
    WITHOUT_TRACE,
    split_options,
)
from kernelpipe.analysis.magic_texts import MagicTexts
from kernelpipe.analysis.names import bound_names, imported_names
from kernelpipe.analysis.run_files import find_script
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.stars import star_names
from kernelpipe.analysis.summaries import Argument, SessionUse, StateUse
from kernelpipe.model.pipeline import STORE

__all__ = ["PLAIN_LINE_MAGICS", "Magics"]

_OPTION_TARGET = re.compile(r"--(?:out|err|proc)[ =]([A-Za-z_]\w*)")
_ROOT_NAME = re.compile(r"([A-Za-z_]\w*)")
_MAX_SCRIPTS = 10
_CONNECTION = re.compile(r"\w+(\+\w+)?://(?P<rest>\S*)")
_CHANGES_DIRECTORY = frozenset({"cd", "pushd", "popd"})
_SHELL = "IPython.get_ipython()"
_RUNS_CODE = frozenset(
    "run_cell run_cell_async run_code run_ast_nodes ex ev push user_ns user_global_ns reset "
    "del_var drop_by_id safe_execfile safe_execfile_ipy safe_run_module run_line_magic "
    "run_cell_magic magic system getoutput".split()
)
"""Attributes of the shell through which code may do anything to the notebook's names."""
_PYLAB = ("np", "numpy", "plt", "matplotlib", "pylab", "mlab", "figsize", "display", "getfigs")


class Magics(MagicTexts, FileCalls):
    """Interprets the calls ``get_ipython().run_line_magic(...)`` and their like."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]  # the parts share it
        self.configuration: list[str] = []

    def magic_call(self, node: ast.Call) -> Value | None:
        """Interpret a call that IPython's transformer made; None when ``node`` is none."""
        call = read_call(node)
        if call is not None:
            self.place = (node.lineno, 0)
            return self._run(call)
        if is_shell(node) and "get_ipython" not in self.world.rebound:
            return frozenset({new(Kind.HANDLE, dotted=_SHELL)})
        if isinstance(node.func, ast.Attribute) and node.func.attr in _RUNS_CODE:
            self._note_shell(node.func.value)
        return None

    def attribute(self, base: Value, name: str) -> Value:
        """Return what attribute ``name`` of ``base`` may be; the shell's own lead to any name."""
        if name in _RUNS_CODE and any(o.dotted == _SHELL for o in base):
            self._unknown()
        return super().attribute(base, name)

    def _note_shell(self, owner: ast.expr) -> None:
        """Account for code that is run through ``owner`` if that is the shell."""
        known: Value = frozenset()
        if isinstance(owner, ast.Name):
            known = self.scope.flow.bound.get(owner.id) or self.world.names.get(owner.id, known)
        if is_shell(owner) or any(o.dotted == _SHELL for o in known):
            self._unknown()

    def _run(self, call: MagicCall) -> Value:
        if call.body is None and call.name in ("!", "!!"):
            self._shell(call.line)
            return ATOM_VALUE if call.name == "!" else frozenset({new(Kind.LIST)})
        aliases = self.world.aliases
        name = call.name
        for _ in range(len(aliases)):  # an alias of an alias
            name = aliases.get(name, name)
        if call.body is None:
            return self._line_magic(name, call.line, call.number)
        return self._cell_magic(name, call.line, call.body, call.number)

    # -- line magics -----------------------------------------------------------------------------
    def _line_magic(self, name: str, line: str, number: int) -> Value:
        if name in PYTHON:
            return self._python_line(name, line, number)
        if name in TIMED:
            return self._timed([split_options(line, TIMED[name])[1]], number - 1)
        special = getattr(self, f"_magic_{name}", None)
        if special is not None:
            result = special(line)
            return result if isinstance(result, frozenset) else ATOM_VALUE
        if name.startswith("!") or name in SHELL_ALIASES:
            self._shell(f"{name.removeprefix('!')} {line}")
        elif name in HELP:
            self._look_up(name, line)
        elif name in OF_HISTORY:
            self._session("history", f"%{name}")
        else:
            return self._plain_line(name, line)
        return ATOM_VALUE

    def _plain_line(self, name: str, line: str) -> Value:
        self._read_text(line)
        if name in CONFIGURATION:
            self._configure(name, line)
        elif name in LISTS_EVERYTHING:
            self.effects.is_opaque = True
        elif name not in HARMLESS:
            return self._own_magic(name, line, None)
        return frozenset({new(Kind.UNKNOWN)})

    def _python_line(self, name: str, line: str, number: int) -> Value:
        options, code = split_options(line, PYTHON[name])
        self._options_of(name, options)
        return self._python(code, number - 1) if code.strip() else ATOM_VALUE

    def _options_of(self, name: str, options: dict[str, str]) -> None:
        """Account for what options of a profiler's magic name: files, and functions to look at."""
        for letter in ("T", "D"):
            if name != "memit" and options.get(letter):
                self.file_use(options[letter].strip("\"'"), is_write=True)
        if name in ("lprun", "mprun") and options.get("f"):
            self._read_quietly_code(options["f"])

    def _configure(self, name: str, line: str) -> None:
        is_certain = not (self.uncertain or self.in_function)
        if is_certain and not self._mentioned(line):
            self.configuration.append(f"%{name} {line}".rstrip())
        elif name not in WITHOUT_TRACE and "autoreload" not in line:
            self._session("configuration", f"%{name} {line}".rstrip())

    def _look_up(self, name: str, line: str) -> None:
        """Read the object that help is asked for; a pattern may match any name."""
        root = _ROOT_NAME.match(line.strip().lstrip("%"))
        if name == "psearch" and (root is None or "*" in line.partition(".")[0]):
            self.effects.is_opaque = True
        elif root is not None and not line.lstrip().startswith("%"):
            self._read_quietly_code(root[1])

    def _magic_cd(self, line: str) -> None:
        self._read_text(line)
        words = [word for word in line.split() if word != "-q"]
        if words and words[0].startswith("-"):
            self._session("directories", f"%cd {words[0]}")
        self._file_in(" ".join(words))
        self._session("directories", "%cd", is_change=True)
        self.state_event("@cwd", StateUse.CHANGE)

    def _magic_pushd(self, line: str) -> None:
        self._read_text(line)
        self._file_in(line)
        self._session("directories", "%pushd", is_change=True)
        self.state_event("@cwd", StateUse.CHANGE)

    def _magic_popd(self, _line: str) -> None:
        self._session("directories", "%popd")
        self.state_event("@cwd", StateUse.CHANGE)

    def _file_in(self, line: str) -> None:
        """Record that the file or directory which a line names must be there."""
        path = line.strip().strip("\"'")
        self.file_use(path if path and not self._mentioned(line) else None, is_write=False)

    def _magic_load(self, line: str) -> None:
        self._read_text(line)
        self._file_in(split_options(line, "r:s:yn")[1])

    _magic_loadpy = _magic_load

    def _magic_dirs(self, _line: str) -> None:
        self._session("directories", "%dirs")

    def _magic_dhist(self, _line: str) -> None:
        self._session("directories", "%dhist")

    def _magic_env(self, line: str) -> None:
        self._read_text(line)
        if "=" in line or " " in line.strip():
            self.state_event("@environ", StateUse.CHANGE)

    _magic_set_env = _magic_env

    def _magic_dotenv(self, line: str) -> None:
        self._read_text(line)
        self.file_use(None, is_write=False)
        self.state_event("@environ", StateUse.CHANGE)

    def _magic_store(self, line: str) -> None:
        """Handle ``%store``: values in a store of IPython's, which is a folder of files."""
        self._read_text(line)
        options, rest = split_options(line, "drz")
        names = [word for word in rest.split() if word.isidentifier()]
        if "r" in options:
            self.file_use(f"{STORE}/{names[0]}" if names else STORE, is_write=False)
            for name in names:
                self.bind(name, frozenset({new(Kind.UNKNOWN)}))
            if not names:
                self._unknown()
        elif "d" in options or "z" in options:
            self.file_use(STORE, is_write=True)
        elif not names:
            self.file_use(STORE, is_write=False)
        elif ">" in rest:
            self._read_quietly_code(names[0])
            self.file_use(rest.rpartition(">")[2].strip() or None, is_write=True)
        else:
            for name in names:
                self._read_quietly_code(name)
                self.file_use(f"{STORE}/{name}", is_write=True)

    def _magic_run(self, line: str) -> None:
        self._read_text(line)
        options, rest = split_options(line, "nidN:l:rs:T:em:Gb:p")
        script = rest.split()[0].strip("\"'") if rest.split() else ""
        if "m" in options or not script or self._mentioned(line):
            self.file_use(None, is_write=False)
            self.file_use(None, is_write=True)
            self._unknown()
            return
        path = script if script.endswith((".py", ".ipy", ".ipynb")) else f"{script}.py"
        self.file_use(path, is_write=False)
        bodies = find_script(path, self.world.directory, self.world.written)
        if bodies is None or self.in_function or len(self.active) > _MAX_SCRIPTS:
            self.file_use(None, is_write=True)
            self._unknown()
            return
        place = self.place
        self.active.append(path)
        if "i" in options or not path.endswith(".py"):
            self._run_here(bodies)
        else:
            self._run_apart(bodies)
        self.active.pop()
        self.place = place

    def _run_here(self, bodies: tuple[ast.Module, ...]) -> None:
        for tree in bodies:
            self.execute(tree.body)

    def _run_apart(self, bodies: tuple[ast.Module, ...]) -> None:
        """Run a script that has a namespace of its own, from which the notebook gets copies.

        Its functions see that namespace. It is taken for the notebook's where nothing can make the
        two differ; else all that the script makes may share, and change, what is in it.
        """
        names = [bound_names(tree.body) for tree in bodies]
        bound = frozenset[str]().union(*(each.local for each in names))
        imported = frozenset[str]().union(*(imported_names(tree) for tree in bodies))
        sets_globals = any(isinstance(n, ast.Global) for tree in bodies for n in nodes_of(tree))
        if not sets_globals and self.world.rebound.isdisjoint(bound - imported):
            self._run_here(bodies)
            values = {n: self.scope.flow.bound.get(n, frozenset[Obj]()) for n in bound}
            kept = frozenset[Obj]().union(*values.values())
            for o in kept:
                if o.kind in (Kind.FUNCTION, Kind.CLASS):
                    o.hold(each for each in kept if each.kind not in (Kind.FUNCTION, Kind.CLASS))
            return
        self.file_use(None, is_write=True)
        space = new(Kind.UNKNOWN)
        for name in sorted(bound):
            self.bind(name, frozenset({new(Kind.UNKNOWN, {space})}))

    def _magic_pylab(self, line: str) -> None:
        self._configure("pylab", line)
        if "--no-import-all" in line:
            names: frozenset[str] | None = frozenset(_PYLAB)
        else:
            names = star_names("numpy", self.world.directory)
            others = star_names("matplotlib.pylab", self.world.directory)
            names = None if names is None or others is None else names | others | set(_PYLAB)
        if names is None:
            for name in _PYLAB:
                self.bind(name, frozenset({new(Kind.IMPORTED, dotted=f"pylab.{name}")}))
            self.binds_unknown = True
            return
        for name in sorted(names):
            self.bind(name, frozenset({new(Kind.IMPORTED, dotted=f"pylab.{name}")}))

    def _magic_sx(self, line: str) -> Value:
        self._shell(line)
        return frozenset({new(Kind.LIST)})

    _magic_system = _magic_sx

    def _magic_sc(self, line: str) -> None:
        name, _, command = split_options(line, "lv")[1].partition("=")
        self._shell(command)
        if name.strip().isidentifier():
            self.bind(name.strip(), frozenset({new(Kind.LIST)}))

    def _magic_xdel(self, line: str) -> None:
        self._forget(split_options(line, "n")[1].split())

    def _magic_reset(self, line: str) -> None:
        options, rest = split_options(line, "sf")
        rest = rest.replace("--aggressive", "").strip()
        if rest:  # in, out, dhist: what is remembered of the session, no name; array: some names
            self._session("history", f"%reset {rest}")
            self.effects.is_opaque = self.effects.is_opaque or "array" in rest
        elif "f" in options and not (self.uncertain or self.in_function):
            self._forget(set(self.world.names) | set(self.scope.flow.bound))
        else:
            self._unknown()

    def _magic_reset_selective(self, line: str) -> None:
        options, pattern = split_options(line, "f")
        known = set(self.world.names) | set(self.scope.flow.bound)
        try:
            found = {n for n in known if re.search(pattern.strip(), n)}
        except re.error:
            found = set()
        if "f" in options and not (self.uncertain or self.in_function):
            self._forget(found)
        else:
            self._unknown()

    def _forget(self, names: "set[str] | list[str]") -> None:
        for name in sorted(names):
            if name.isidentifier():
                self.load(name)
                self.delete(name)

    def _magic_sql(self, line: str) -> Value:
        """Handle ``%sql``: the extension keeps its connection, which later steps open again."""
        found = _CONNECTION.match(line.strip())
        if found is not None and not line[found.end() + 1 :].strip():
            in_memory = found["rest"].strip("/") in ("", ":memory:")
            if in_memory:
                self._session("connection", f"%sql {line.strip()}", is_change=True)
            self._configure("sql", line)
            return ATOM_VALUE
        self._session("connection", "%sql")
        return self._own_magic("sql", line, None)

    def _own_magic(self, name: str, line: str, body: str | None) -> Value:
        """Run a magic of the notebook's own, or one of which nothing is known."""
        self._session("magic", name)
        value = self.world.names.get(name, frozenset()) | self.scope.flow.bound.get(
            name, frozenset[Obj]()
        )
        self._read_text(body or "")
        if name in self.world.own_magics and any(o.function is not None for o in value):
            texts = (line,) if body is None else (line, body)
            given = tuple(
                Argument(value=frozenset({new(Kind.IMMUTABLE, constant=text)})) for text in texts
            )
            return self.call(self.load(name), given, new(Kind.UNKNOWN))
        if not name.startswith("%"):  # such a line stops the notebook
            for state in ("@environ", "@cwd", "@sys.path"):
                self.state_event(state, StateUse.CHANGE)
        self._unknown()
        return frozenset({new(Kind.UNKNOWN)})

    # -- cell magics -----------------------------------------------------------------------------
    def _cell_magic(self, name: str, line: str, body: str, number: int) -> Value:
        if name in PYTHON:
            self._python_line(name, line, number)
            return self._python(body, number)
        if name in TIMED:
            return self._timed([split_options(line, TIMED[name])[1], body], number - 1)
        if name == "capture":
            self._python(body, number)
            for word in line.split():
                if word.isidentifier():
                    self.bind(word, frozenset({new(Kind.UNKNOWN)}))
            return ATOM_VALUE
        self._read_text(line)
        if name in ("writefile", "file"):
            self._write_file(line)
        elif name in SCRIPT_CELLS:
            self._script(name, line, body)
        elif name not in TEXT_CELLS:
            if name == "sql":
                self._session("connection", "%%sql")
            return self._own_magic(name, line, body)
        return ATOM_VALUE

    def _write_file(self, line: str) -> None:
        words = self._expanded(line).split()
        path = words[-1].strip("\"'") if words else None
        is_whole = not {"-a", "--append"} & set(words)
        self.file_use(path, is_write=True, is_whole=is_whole, is_pattern=True)

    def _script(self, name: str, line: str, body: str) -> None:
        if name in ("sx", "system", "!"):
            self._read_text(body)
            self.shell_files(self._expanded(body))
        else:
            self.shell_files(body if name in ("bash", "sh") else None)
        for target in _OPTION_TARGET.findall(line):
            kind = Kind.HANDLE if re.search(rf"--proc[ =]{target}\b", line) else Kind.IMMUTABLE
            self.bind(target, frozenset({new(kind)}))

    # -- pieces ----------------------------------------------------------------------------------
    def _python(self, source: str, lines_before: int) -> Value:
        """Run ``source`` here, which has that many lines of its cell before it."""
        tree = parse_body(source, lines_before)
        if tree is None:
            self._unknown()
            return ATOM_VALUE
        *body, last = tree.body or [ast.Pass()]
        if isinstance(last, ast.Expr):
            self.execute(body)
            return self.evaluate(last.value) if self.scope.flow.is_live else ATOM_VALUE
        self.execute(tree.body)
        return ATOM_VALUE

    def _timed(self, sources: list[str], lines_before: int) -> Value:
        """Run code as ``%timeit`` does: in a function of its own, so it binds nothing."""
        before = self.scope.flow.copy()
        self.uncertain += 1
        for lines, source in enumerate(sources, start=lines_before):
            if source.strip():
                self._python(source, lines)
        self.uncertain -= 1
        self.scope.flow = before
        return frozenset({new(Kind.UNKNOWN)})

    def _shell(self, command: str) -> None:
        self._read_text(command)
        self.shell_files(self._expanded(command))

    def _session(self, kind: str, text: str, *, is_change: bool = False) -> None:
        """Record a use of what the shell keeps for itself."""
        use = SessionUse(kind=kind, text=text, line=self.place[0], is_change=is_change)
        self.effects.session.append(use)

    def _unknown(self) -> None:
        """Account for code that may do anything to the names of the notebook."""
        self.effects.is_opaque = True
        self.binds_unknown = True
