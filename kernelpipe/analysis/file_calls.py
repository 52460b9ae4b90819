"""Calls that touch files: which ones, and what is done to them."""

from collections.abc import Iterable

from kernelpipe.analysis.expressions import constant_text
from kernelpipe.analysis.file_knowledge import (
    Access,
    FileArgument,
    access_of_path,
    files_of_function,
    files_of_method,
)
from kernelpipe.analysis.heap import Kind, Obj, Value
from kernelpipe.analysis.shell_files import shell_uses
from kernelpipe.analysis.summaries import Argument
from kernelpipe.analysis.texts import Beginning, concatenated, constant_of, constants_of
from kernelpipe.analysis.unknown_calls import UnknownCalls, all_values

_BUFFERS = frozenset({"io.StringIO", "io.BytesIO", "io.TextIOWrapper", "sys.stdout", "sys.stderr"})
_COMMANDS = frozenset(
    "os.system os.popen subprocess.run subprocess.call subprocess.check_call "
    "subprocess.check_output subprocess.Popen subprocess.getoutput "
    "subprocess.getstatusoutput".split()
)
_PATTERNS = frozenset({"glob.glob", "glob.iglob"})
_RENAMED = FileArgument(access=Access.UPDATE, position=0, keywords=("target",))


class FileCalls(UnknownCalls):
    """Records what calls do to files."""

    def library_files(self, dotted: str, arguments: tuple[Argument, ...]) -> None:
        """Record what calling the library function ``dotted`` does to files."""
        if dotted in _COMMANDS or dotted.startswith(("os.spawn", "os.exec")):
            self.shell_files(_command(arguments))
            return
        if dotted == "importlib.reload":
            for o in all_values(arguments):
                if o.kind is Kind.MODULE and o.dotted is not None:
                    self.note_import(o.dotted, is_reload=True)
        for argument in files_of_function(dotted):
            self._file_argument(argument, arguments, is_pattern=dotted in _PATTERNS)
        self._connections(all_values(arguments))

    def connection(self, dotted: str, arguments: tuple[Argument, ...], made: Value) -> None:
        """Let a connection to a database remember the file that it leads to."""
        for argument in files_of_function(dotted):
            where = _given(argument, arguments)
            for o in made:
                if o.kind is Kind.HANDLE and where is not None:
                    o.constant = constant_of(where)

    def method_files(self, o: Obj, name: str, arguments: tuple[Argument, ...]) -> None:
        """Record what calling method ``name`` of ``o``, no object of the notebook's, does."""
        self._connections({o, *all_values(arguments)})
        own = access_of_path(name)
        if o.kind is Kind.IMMUTABLE:
            plain = [a for a in arguments if a.keyword is None]
            is_path = own is not None and (name != "replace" or len(plain) == 1)
            if is_path and own is not None:
                self._touch(frozenset({o}), own)
            if is_path and name in ("rename", "replace"):
                self._file_argument(_RENAMED, arguments)
            if name == "open":
                self._open(frozenset({o}), arguments, mode_index=0)
            return
        if own is not None and o.kind is Kind.UNKNOWN and name not in ("rename", "replace"):
            self._touch(frozenset({o}), own)
        if o.kind not in (Kind.LIST, Kind.DICT, Kind.SET, Kind.TUPLE, Kind.RANDOM):
            for argument in files_of_method(name):
                self._file_argument(argument, arguments)

    def shell_files(self, command: str | None) -> None:
        """Record what a shell's command does to files, any file when it is not known."""
        if command is None:
            self.file_use(None, is_write=False)
            self.file_use(None, is_write=True)
            return
        for use in shell_uses(command):
            self.file_use(use.path, is_write=use.is_write, is_pattern=True)

    def touches_open_path(self, dotted: str, arguments: tuple[Argument, ...]) -> bool:
        """Tell whether a function touches a file that a parameter of the code around it names."""
        return any(
            o.symbol is not None or (o.is_part and any(w.symbol for w in o.wholes))
            for argument in files_of_function(dotted)
            for o in _given(argument, arguments) or ()
        )

    # -- pieces ----------------------------------------------------------------------------------
    def _connections(self, values: Iterable[Obj]) -> None:
        for o in values:
            if o.kind is Kind.HANDLE and isinstance(o.constant, str | Beginning):
                self.file_use(o.constant, is_write=True)

    def _file_argument(
        self, argument: FileArgument, arguments: tuple[Argument, ...], *, is_pattern: bool = False
    ) -> None:
        where = _given(argument, arguments)
        if where is None:
            if argument.default is not None:
                self._record(argument.default, argument.access)
        elif argument.access is Access.OPEN:
            self._open(where, arguments, mode_index=argument.position + 1)
        else:
            is_update = any(
                a.keyword in ("mode", "append") and constant_text(a.value) != "w" for a in arguments
            )
            is_write = argument.access is Access.WRITE
            access = Access.UPDATE if is_update and is_write else argument.access
            self._touch(where, access, suffix=argument.suffix, is_pattern=is_pattern)

    def _touch(
        self, where: Value, access: Access, *, suffix: str = "", is_pattern: bool = False
    ) -> None:
        if where and all(_is_no_path(o) for o in where):
            return
        found = constants_of(where)
        for constant in found:
            text = constant
            if isinstance(text, str) and suffix and not text.endswith(suffix):
                text = concatenated((text, suffix))
            is_only = len(found) == 1
            kept = Access.UPDATE if access is Access.WRITE and not is_only else access
            self._record(text, kept, is_pattern=is_pattern)

    def _record(self, text: object, access: Access, *, is_pattern: bool = False) -> None:
        if access is Access.BESIDE:
            if isinstance(text, str) and "." in text.rpartition("/")[2]:
                access = Access.UPDATE
            elif isinstance(text, str):
                text = Beginning(text)
        self.file_use(
            text,
            is_write=access is not Access.READ,
            is_whole=access is Access.WRITE,
            is_pattern=is_pattern,
        )

    def _open(self, where: Value, arguments: tuple[Argument, ...], *, mode_index: int) -> None:
        """Record what opening a file may do to it, from its mode."""
        named = [a for a in arguments if a.keyword == "mode"]
        given = named or [a for a in arguments if a.keyword is None][mode_index : mode_index + 1]
        mode = constant_text(given[0].value) if given else "r"
        if mode is None:
            self._touch(where, Access.UPDATE)
            self._touch(where, Access.READ)
            return
        if set(mode) & set("w"):
            self._touch(where, Access.WRITE)
        elif set(mode) & set("ax+"):
            self._touch(where, Access.UPDATE)
        if set(mode) & set("r+") and "w" not in mode:
            self._touch(where, Access.READ)


def _given(argument: FileArgument, arguments: tuple[Argument, ...]) -> Value | None:
    """Return what a call gives for ``argument``, None if it does not."""
    if any(a.is_starred for a in arguments):
        return frozenset()
    plain = [a for a in arguments if a.keyword is None]
    if argument.position < len(plain):
        return plain[argument.position].value
    return next((a.value for a in arguments if a.keyword in argument.keywords), None)


def _command(arguments: tuple[Argument, ...]) -> str | None:
    """Return the command that is given to a shell or as a list of words, None if not known."""
    if not arguments:
        return None
    value = arguments[0].value
    text = constant_of(value)
    if isinstance(text, str):
        return str(text)
    if len(value) == 1:
        (o,) = value
        words = [constant_text(item) for item in o.items or ()]
        if o.items and None not in words:
            return " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in words)
    return None


def _is_no_path(o: Obj) -> bool:
    return o.kind in (Kind.FILE, Kind.HANDLE) or o.dotted in _BUFFERS
