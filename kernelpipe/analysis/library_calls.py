"""Calls of builtins and of libraries, by what is known about them."""

import ast
import re

from kernelpipe.analysis.expressions import constant_text, tainted
from kernelpipe.analysis.file_calls import FileCalls
from kernelpipe.analysis.heap import ATOM, ATOM_VALUE, NOTHING, Kind, Obj, Value, new, part_of
from kernelpipe.analysis.knowledge import (
    CONTAINER_BUILTINS,
    IMMUTABLE_BUILTINS,
    OPAQUE_BUILTINS,
    SHARING_BUILTINS,
    STATE_OBJECTS,
    CallFacts,
    Result,
    library_call,
    sets_library_up,
)
from kernelpipe.analysis.summaries import Argument, StateUse
from kernelpipe.analysis.texts import attribute_of, constant_of, path_of
from kernelpipe.analysis.unknown_calls import CONSUMED, all_values, has_keyword

_QUERY_NAME = re.compile(r"@?\b([A-Za-z_]\w*)")
_STATE_READERS = frozenset("get keys items values copy index count create_decimal".split())
_LOGGING_SETTERS = frozenset(
    "setLevel addHandler removeHandler addFilter removeFilter setFormatter".split()
)
_PATH_MAKERS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "os.path.join"})
_PLACES = {"os.getcwd": ".", "pathlib.Path.cwd": ".", "pathlib.Path.home": "~"}
_PATH_KEEPERS = frozenset(
    f"os.path.{name}" for name in ("abspath", "realpath", "normpath", "expanduser")
) | {"os.fspath"}
_TAINT = new(Kind.IMMUTABLE)
_TAINT.is_tainted = True


class LibraryCalls(FileCalls):
    """Calls functions that are not the notebook's."""

    def call_library(self, dotted: str, arguments: tuple[Argument, ...]) -> Value:
        """Call the library function ``dotted``, a builtin among them."""
        root, _, name = dotted.partition(".")
        if root == "builtins":
            return self._call_builtin(name, arguments)
        owner, _, method = dotted.rpartition(".")
        if dotted in ("decimal.getcontext", "logging.getLogger"):
            return frozenset({new(Kind.IMPORTED, dotted=dotted)})
        if self._call_state_method(owner, method):
            return ATOM_VALUE
        self.library_files(dotted, arguments)
        facts = library_call(dotted)
        if sets_library_up(dotted):
            self.effects.foreign_stores.append(dotted)
        if facts is None:
            return self.call_unknown((), arguments)
        if dotted in ("pandas.eval", "numexpr.evaluate"):
            self.read_query(arguments)
        self._library_effects(facts, arguments)
        made = self._library_result(dotted, facts, arguments)
        self.connection(dotted, arguments, made)
        return made

    def _call_state_method(self, owner: str, method: str) -> bool:
        """Tell whether a method belongs to a library object that holds hidden state."""
        state = _state_of(owner)
        if state == "@logging":
            if method in _LOGGING_SETTERS and owner != "logging":
                self.state_event(state, StateUse.CHANGE)
            return owner != "logging"
        if state is not None and method not in _STATE_READERS:
            self.state_event(state, StateUse.CHANGE)
        return state is not None

    def _library_effects(self, facts: CallFacts, arguments: tuple[Argument, ...]) -> None:
        values = all_values(arguments)
        self.change((a for a in values if a.kind in CONSUMED), deep=False)
        self.change_out(arguments)
        for index in facts.changes:
            if index < len(arguments):
                self.change(arguments[index].value, deep=False)
                for o in arguments[index].value:
                    o.hold(values)
        for argument in arguments:
            if (argument.keyword or "").startswith("overwrite_"):
                self.change(values, deep=False)
        if facts.state:
            use = StateUse.SET if facts.sets_state_anew and arguments else StateUse.CHANGE
            self.state_event(facts.state, use)
        if facts.draws_from and not has_keyword(arguments, "random_state"):
            self.draw(facts.draws_from)

    def _library_result(
        self, dotted: str, facts: CallFacts, arguments: tuple[Argument, ...]
    ) -> Value:
        values = all_values(arguments)
        if dotted.endswith(".train_test_split"):
            return tainted(_split(arguments), [values])
        if facts.kind is Kind.IMMUTABLE:
            text = _path_text(dotted, arguments)
            known = text is not None
            value = frozenset({new(Kind.IMMUTABLE, constant=text)}) if known else ATOM_VALUE
        elif facts.result is Result.SHARES:
            value = part_of(values) | frozenset({_holding(facts.kind, values)})
        else:
            held = values if facts.result is Result.CONTAINS else NOTHING
            made = _holding(facts.kind, held, keeps_functions=_is_constructor(dotted))
            made.dotted = dotted
            made.constant = "random_state" if has_keyword(arguments, "random_state") else None
            value = frozenset({made})
        unseeded = facts.draws_from and not self.is_seeded(facts.draws_from)
        if facts.kind is Kind.RANDOM:
            unseeded = not arguments
        if facts.is_tainted or (unseeded and not has_keyword(arguments, "random_state")):
            return tainted(value, [frozenset({_TAINT})])
        return tainted(value, [values])

    def _call_builtin(self, name: str, arguments: tuple[Argument, ...]) -> Value:
        values = all_values(arguments)
        self.change((a for a in values if a.kind in CONSUMED), deep=False)
        special = self._call_special_builtin(name, arguments)
        if special is not None:
            return special
        if name in CONTAINER_BUILTINS:
            held = frozenset(o for o in part_of(values) if o is not ATOM)
            functions = frozenset(v for v in values if v.function)
            kind = CONTAINER_BUILTINS[name]
            o = _holding(kind, held | functions, keeps_functions=name != "sorted")
            return tainted(frozenset({o}), [values])
        if name in SHARING_BUILTINS:
            return values | part_of(values)
        if name in IMMUTABLE_BUILTINS or name[:1].isupper():
            text = constant_of(arguments[0].value) if name == "str" and arguments else None
            known = text is not None
            value = frozenset({new(Kind.IMMUTABLE, constant=text)}) if known else ATOM_VALUE
            return tainted(value, [values])
        return self.call_unknown((), arguments)

    def _call_special_builtin(self, name: str, arguments: tuple[Argument, ...]) -> Value | None:
        """Call a builtin that does more than return something."""
        values = all_values(arguments)
        if name in ("exec", "eval") and len(arguments) == 1:
            return self.run_text(arguments[0].value)
        if name in ("exec", "eval") or name in OPAQUE_BUILTINS:
            self.effects.is_opaque = self.effects.reads_unseen = True
            return frozenset({new(Kind.UNKNOWN, values)})
        if name in ("setattr", "delattr", "next"):
            for o in values:
                if o.kind in (Kind.MODULE, Kind.IMPORTED):
                    self.effects.foreign_stores.append(o.dotted or "")
            return self.call_unknown((), arguments)
        if name == "open":
            self.library_files("builtins.open", arguments)
            return frozenset({new(Kind.FILE)})
        self.effects.shows |= name in ("print", "display")
        self.effects.identity |= values if name == "id" else set()
        if has_keyword(arguments, "display_id"):
            return frozenset({new(Kind.HANDLE)})
        return _sentinel() if name == "object" else _typed_in(name)

    def run_text(self, value: Value) -> Value:
        """Run code that is given as a text, if the text is known."""
        text = constant_text(value)
        try:
            tree = ast.parse(text) if text is not None and not self.in_function else None
        except SyntaxError:
            tree = None
        if tree is None:
            self.effects.is_opaque = self.effects.reads_unseen = True
            return frozenset({new(Kind.UNKNOWN)})
        for node in ast.walk(tree):
            if isinstance(node, ast.expr | ast.stmt):
                node.lineno, node.col_offset = self.place
        *body, last = tree.body or [ast.Pass()]
        if isinstance(last, ast.Expr):
            self.execute(body)
            return self.evaluate(last.value)
        self.execute(tree.body)
        return ATOM_VALUE

    def read_query(self, arguments: tuple[Argument, ...]) -> None:
        """Read the names of the notebook that a pandas expression mentions."""
        text = constant_text(arguments[0].value) if arguments else None
        if text is None:
            self.effects.reads_everything = True
            return
        self.uncertain += 1
        for name in _QUERY_NAME.findall(text):
            if self.in_function or name in self.world.names or name in self.scope.flow.bound:
                self.use(self.load(name))
        self.uncertain -= 1

    def draw(self, state: str) -> None:
        """Record that a random generator gives its next values."""
        self.state_event(state, StateUse.DRAW)


def _holding(kind: Kind, values: Value, *, keeps_functions: bool = False) -> Obj:
    """Return a new object made of ``values``; what functions are for is to be called, most often.

    Args:
        kind: Of the object.
        values: What it may hold.
        keeps_functions: It surely holds the functions among them, too.
    """
    functions = frozenset(v for v in values if v.function and not keeps_functions)
    made = new(kind, values - functions)
    made.hold(functions, is_certain=False)
    return made


def _is_constructor(dotted: str) -> bool:
    return dotted == "functools.partial" or dotted.rpartition(".")[2][:1].isupper()


def _sentinel() -> Value:
    """Return what ``object()`` gives: something that is known by its identity alone."""
    made = new(Kind.UNKNOWN)
    made.has_identity = True
    return frozenset({made})


def _typed_in(name: str) -> Value | None:
    return tainted(ATOM_VALUE, [frozenset({_TAINT})]) if name == "input" else None


def _split(arguments: tuple[Argument, ...]) -> Value:
    """Return what ``train_test_split`` gives: two new parts of each positional argument."""
    o = new(Kind.LIST)
    items: list[Value] = []
    for argument in arguments:
        if argument.keyword is None:
            kinds = {v.kind for v in argument.value}
            kind = kinds.pop() if kinds in ({Kind.FRAME}, {Kind.ARRAY}, {Kind.LIST}) else None
            items += [frozenset({new(kind or Kind.UNKNOWN)}) for _ in range(2)]
    o.items = tuple(items)
    o.hold(frozenset[Obj]().union(*items))
    return frozenset({o})


def _state_of(dotted: str) -> str | None:
    for prefix, state in STATE_OBJECTS.items():
        if dotted == prefix or dotted.startswith(prefix + "."):
            return state
    return None


def _path_text(dotted: str, arguments: tuple[Argument, ...]) -> object:
    """Return the path that a library function makes, a ``texts.Beginning``, or None."""
    if dotted in _PLACES or any(a.is_starred for a in arguments):
        return _PLACES.get(dotted)
    parts = [constant_of(a.value) for a in arguments]
    if dotted in _PATH_MAKERS:
        return path_of(parts)
    if dotted in _PATH_KEEPERS and len(parts) == 1:
        return parts[0]
    if dotted in ("os.path.dirname", "os.path.basename") and len(parts) == 1:
        return attribute_of(parts[0], "parent" if dotted.endswith("dirname") else "name")
    return None
