"""Calls of builtins and of libraries, by what is known about them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from kernelpipe.analysis.attributes import tainted
from kernelpipe.analysis.cell_objects import OBJECTS, held_by_made, is_for_objects
from kernelpipe.analysis.expressions import constant_text
from kernelpipe.analysis.fields import FIELDS
from kernelpipe.analysis.figure_calls import figure_use
from kernelpipe.analysis.file_calls import FileCalls
from kernelpipe.analysis.heap import (
    ATOM,
    ATOM_ITEMS,
    ATOM_VALUE,
    DRAWN,
    GROWING,
    NOTHING,
    TRUE,
    VIEWS,
    Kind,
    Obj,
    Value,
    class_of,
    dataset_items,
    deep_copy,
    is_dataset,
    new,
    pair,
    part_of,
)
from kernelpipe.analysis.knowledge import (
    CHANGED_KEYWORDS,
    CONTAINER_BUILTINS,
    DUMPERS,
    IMMUTABLE_BUILTINS,
    LOADERS,
    MAPPING,
    OPAQUE_BUILTINS,
    PARTIAL,
    SHARING_BUILTINS,
    CallFacts,
    Result,
    fills_library,
    library_call,
    sets_library_up,
)
from kernelpipe.analysis.known_methods import (
    changes_first,
    is_method_of_type,
    is_pure_type_method,
    shuffles,
)
from kernelpipe.analysis.process_calls import ProcessCalls, patched
from kernelpipe.analysis.summaries import Argument, StateUse
from kernelpipe.analysis.texts import attribute_of, constant_of, path_of
from kernelpipe.analysis.unknown_calls import (
    CALLS,
    all_values,
    has_keyword,
    has_random_state,
)

_QUERY_NAME = re.compile(r"@?\b([A-Za-z_]\w*)")
_SELECT = re.compile(r"\s*(SELECT|VALUES)\b", re.IGNORECASE)
_DRAWING_LISTS = frozenset({"random.choices", "random.sample"})
_PATH_MAKERS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "os.path.join"})
_PLACES = {"os.getcwd": ".", "pathlib.Path.cwd": ".", "pathlib.Path.home": "~"}
_PATH_KEEPERS = frozenset(
    f"os.path.{name}" for name in ("abspath", "realpath", "normpath", "expanduser")
) | {"os.fspath"}
_ATOM_MAKERS = frozenset(f"builtins.{name}" for name in ("int", "float", "str", "bool"))
_TAINT = new(Kind.IMMUTABLE)
_TAINT.is_tainted = True


class LibraryCalls(FileCalls, ProcessCalls):
    """Calls functions that are not the notebook's."""

    def call_library(self, dotted: str, arguments: tuple[Argument, ...]) -> Value:
        """Call the library function ``dotted``, a builtin among them."""
        root, _, name = dotted.partition(".")
        if dotted in MAPPING:
            self._call_mapped(arguments)
        if root == "builtins" and "." not in name:
            return self._call_builtin(name, arguments)
        owner, _, method = dotted.rpartition(".")
        if is_method_of_type(owner, method, arguments):
            return self.call_method(arguments[0].value, method, arguments[1:], new(Kind.UNKNOWN))
        if dotted in ("decimal.getcontext", "logging.getLogger"):
            return frozenset({new(Kind.IMPORTED, dotted=dotted)})
        if self.call_state_method(owner, method, arguments):
            return ATOM_VALUE
        self.library_files(dotted, arguments)
        facts = copying(library_call(dotted), dotted, arguments)
        plain = [a for a in arguments if a.keyword is None]
        if sets_library_up(dotted) or fills_library(dotted, len(plain)):
            self.effects.foreign_stores.append(dotted)
        if (figure := figure_use(dotted, arguments)) is not None:
            self.effects.figures.append(figure)
        if facts is None:
            return self.call_unknown((), arguments)
        if dotted in ("pandas.eval", "numexpr.evaluate"):
            self.read_query(arguments)
        self._library_effects(facts, arguments, is_query=_is_query(dotted, arguments))
        made = self._library_result(dotted, facts, arguments)
        self.connection(dotted, arguments, made)
        self._name_definitions(dotted, made)
        return made

    def _name_definitions(self, dotted: str, made: Value) -> None:
        """Account for files that name functions and classes of the notebook."""
        if dotted in LOADERS or dotted in DUMPERS:
            definitions = self.load_definitions()
            for o in made if dotted in LOADERS else ():
                o.hold(definitions, is_certain=False)

    def _library_effects(
        self, facts: CallFacts, arguments: tuple[Argument, ...], *, is_query: bool
    ) -> None:
        values = all_values(arguments)
        self.consume(o for o in values if o.kind is not Kind.HANDLE or not is_query)
        self.change_out(arguments)
        for argument in _changed_arguments(facts, arguments):
            self.change(argument.value, deep=False)
            for o in argument.value:
                o.hold(values)
        for argument in arguments:
            if (argument.keyword or "").startswith("overwrite_"):
                self.change(values, deep=False)
        if facts.state:
            use = StateUse.SET if facts.sets_state_anew and arguments else StateUse.CHANGE
            self.state_event(facts.state, use)
        if facts.draws_from and not has_random_state(arguments):
            self.draw(facts.draws_from)

    def _library_result(
        self, dotted: str, facts: CallFacts, arguments: tuple[Argument, ...]
    ) -> Value:
        values = all_values(arguments)
        if dotted.endswith(".train_test_split"):
            return tainted(_split(arguments), [values])
        if dotted in ("copy.deepcopy", "sklearn.base.clone") and not self.in_function:
            return deep_copy(values)
        if facts.kind is Kind.IMMUTABLE:
            text = _path_text(dotted, arguments)
            known = text is not None
            value = frozenset({new(Kind.IMMUTABLE, constant=text)}) if known else ATOM_VALUE
        elif dotted in _DRAWING_LISTS:
            value = frozenset({new(Kind.LIST, self.part(values))})
        elif facts.result is Result.SHARES:
            held = values
            if facts.kind in VIEWS:
                held = held_by_made(dotted, values, arguments, is_new=False)
            value = part_of(values) | frozenset({_holding(facts.kind, held)})
        else:
            value = frozenset({_make(dotted, facts, arguments)})
            for o in value if facts.kind in VIEWS else ():
                o.hold(self.filled_later(values))
        unseeded = facts.draws_from and not self.is_seeded(facts.draws_from)
        if facts.kind is Kind.RANDOM:
            unseeded = not arguments
        if facts.is_tainted or (unseeded and not has_random_state(arguments)):
            return tainted(value, [frozenset({_TAINT})])
        return tainted(value, [values])

    def _call_builtin(self, name: str, arguments: tuple[Argument, ...]) -> Value:
        values = all_values(arguments)
        self.consume(values)
        special = self._item_by_builtin(name, arguments)
        if special is None:
            special = self._call_special_builtin(name, arguments)
        if special is not None:
            return special
        if name in CONTAINER_BUILTINS:
            return tainted(frozenset({self._make_container(name, arguments)}), [values])
        if name in SHARING_BUILTINS:
            return values | part_of(values)
        if name[:1].isupper():
            return frozenset({new(Kind.UNKNOWN, values)})
        if name in IMMUTABLE_BUILTINS:
            text = constant_of(arguments[0].value) if name == "str" and arguments else None
            known = text is not None
            value = frozenset({new(Kind.IMMUTABLE, constant=text)}) if known else ATOM_VALUE
            return tainted(value, [values])
        return self.call_unknown((), arguments)

    def _item_by_builtin(self, name: str, arguments: tuple[Argument, ...]) -> Value | None:
        """Return what ``next``, ``min`` and ``max`` take from what is known of their argument."""
        given = [a.value for a in arguments if a.keyword is None]
        if name not in ("next", "min", "max") or any(a.is_starred for a in arguments) or not given:
            return None
        if name == "next":
            if not all(map(_is_stream, given[0])):
                return None
            found = frozenset[Obj]().union(self.elements(given[0]), *given[1:])
        else:
            found = self.elements(given[0]) if len(given) == 1 else frozenset[Obj]().union(*given)
        return tainted(found | _given(arguments, "default"), given)

    def _make_container(self, name: str, arguments: tuple[Argument, ...]) -> Obj:
        values = all_values(arguments)
        kind = CONTAINER_BUILTINS[name]
        if name in ("map", "filter") and arguments:
            return self._make_mapped(name, arguments)
        if name in ("zip", "enumerate") and not any(a.is_starred for a in arguments):
            given = [self.elements(a.value) for a in arguments if a.keyword is None]
            items = (ATOM_VALUE, *given[:1]) if name == "enumerate" else given
            made = new(kind, values)
            made.items = (pair(*items),)
            return made
        data = frozenset(o for o in values if not o.function)
        parts = part_of(data) if name == "dict" else self.elements(data)
        made = new(kind, (o for o in parts if o is not ATOM))
        made.has_plain_keys = name == "dict" and all(
            a.keyword is not None or all(o.has_plain_keys for o in a.value) for a in arguments
        )
        if name == "iter":
            has_sentinel = bool(arguments[1:]) or any(a.is_starred for a in arguments)
            made.constant = CALLS if has_sentinel else None
            made.hold(values)
        return made

    def _make_mapped(self, name: str, arguments: tuple[Argument, ...]) -> Obj:
        """Make an iterator that calls its first argument, later on; what it gives is known now."""
        others = [self.elements(a.value) for a in arguments[1:]]
        given = frozenset[Obj]().union(*others)
        made = new(CONTAINER_BUILTINS[name], all_values(arguments))
        made.constant = CALLS if _is_bound(arguments) else None
        results = given
        if name == "map":
            bound = tuple(Argument(value=value) for value in others)
            results = self.call(arguments[0].value, bound, new(Kind.UNKNOWN)) | NOTHING
        made.items = (results,)
        made.hold(results)
        return made

    def _call_mapped(self, arguments: tuple[Argument, ...]) -> None:
        """Account for a library function that is given to ``map`` and its like with its data."""
        others = part_of(all_values(arguments[1:])) | all_values(arguments[1:])
        for o in all_values(arguments[:1]):
            if o.kind is not Kind.IMPORTED or o.dotted is None:
                continue
            owner, _, method = o.dotted.rpartition(".")
            facts = library_call(o.dotted)
            if owner == "builtins":
                continue
            if facts is None and not is_pure_type_method(owner, method):
                self.call_unknown(others, ())
            elif changes_first(owner, method) or (facts is not None and facts.changes):
                self.change(others, deep=False)

    def _call_special_builtin(self, name: str, arguments: tuple[Argument, ...]) -> Value | None:
        """Call a builtin that does more than return something."""
        values = all_values(arguments)
        if name in ("exec", "eval") or name in OPAQUE_BUILTINS:
            return self._call_opaque(name, arguments)
        if name in ("setattr", "delattr", "next"):
            return self._call_on_object(arguments)
        if name == "open":
            self.library_files("builtins.open", arguments)
            return frozenset({new(Kind.FILE)})
        if name in ("super", "type") and len(arguments) <= 1:
            return _class_of(values) if name == "type" else self.me or ATOM_VALUE
        if name == "print":
            self.change(_given(arguments, "file"), deep=False)
        self.effects.shows |= name in ("print", "display")
        self.effects.identity |= values if name == "id" else set()
        if has_keyword(arguments, "display_id"):
            return frozenset({new(Kind.HANDLE)})
        return _sentinel() if name == "object" else _typed_in(name)

    def _call_on_object(self, arguments: tuple[Argument, ...]) -> Value:
        """Call a builtin that calls a method of its first argument."""
        for o in all_values(arguments):
            if o.kind in (Kind.MODULE, Kind.IMPORTED):
                self.effects.foreign_stores.append(o.dotted or "")
        return self.call_unknown((), arguments)

    def _call_opaque(self, name: str, arguments: tuple[Argument, ...]) -> Value:
        """Call a builtin that may read and bind any name."""
        if name in ("vars", "dir") and arguments:
            parts = part_of(all_values(arguments))
            return parts if name == "vars" else frozenset({new(Kind.LIST)})
        if name in ("exec", "eval") and len(arguments) == 1:
            is_value = name == "eval" and not self.is_bare
            return self.run_text(arguments[0].value, is_value=is_value)
        return self.namespace(all_values(arguments))

    def run_text(self, value: Value, *, is_value: bool = False) -> Value:
        """Run code that is given as a text, if the text is known.

        An expression of which the value is asked is taken to do nothing but to read; what it gives
        may be any object of the notebook.
        """
        text = constant_text(value)
        try:
            tree = ast.parse(text) if text is not None and not self.in_function else None
        except SyntaxError:
            tree = None
        if tree is None and is_value:
            self.effects.reads_everything = True
            return self.anything()
        if tree is None:
            return self.namespace()
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


def _make(dotted: str, facts: CallFacts, arguments: tuple[Argument, ...]) -> Obj:
    """Return the new object that a library function gives."""
    values = all_values(arguments)
    held = values if facts.result is Result.CONTAINS else NOTHING
    if facts.kind is Kind.FIGURE:
        held = frozenset(v for v in values if v.kind in DRAWN)
    if facts.kind in VIEWS:
        held = held_by_made(dotted, held, arguments, is_new=facts.result is Result.FRESH)
    made = _holding(facts.kind, held, keeps_functions=_is_constructor(dotted))
    made.dotted = dotted
    if is_dataset(made):
        made.items = dataset_items(is_pair=has_keyword(arguments, "return_X_y"))
        made.hold(frozenset[Obj]().union(*made.items))
    is_seeded = has_random_state(arguments) or not shuffles(dotted, arguments)
    made.constant = patched(dotted, arguments) or ("random_state" if is_seeded else None)
    if facts.kind is Kind.ARRAY and is_for_objects(arguments):
        made.constant = OBJECTS
    if dotted == GROWING and values and all(o.dotted in _ATOM_MAKERS for o in arguments[0].value):
        made.constant = ATOM_ITEMS
    if dotted in (PARTIAL, *FIELDS) and not any(a.is_starred for a in arguments):
        is_partial = dotted == PARTIAL
        made.items = tuple(a.value for a in arguments if a.keyword is None or not is_partial)
    return made


def _is_query(dotted: str, arguments: tuple[Argument, ...]) -> bool:
    """Tell whether a call asks a database for rows, and leaves it and its connection alone."""
    given = [a for a in arguments if a.keyword in (None, "sql")]
    text = constant_text(given[0].value) if given and not given[0].is_starred else None
    return dotted.startswith("pandas.read_sql") and bool(_SELECT.match(text or ""))


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


def _changed_arguments(facts: CallFacts, arguments: tuple[Argument, ...]) -> Iterator[Argument]:
    """Yield the arguments that a call changes: by their places, and by the names they may have."""
    for index, argument in enumerate(arguments):
        if argument.keyword is None:
            is_changed = index in facts.changes or (argument.is_starred and bool(facts.changes))
        else:
            is_changed = bool(facts.changes) and argument.keyword in CHANGED_KEYWORDS
        if is_changed:
            yield argument


def copying(
    facts: CallFacts | None, dotted: str, arguments: tuple[Argument, ...]
) -> CallFacts | None:
    """Return the facts of a call of numpy that may be told to copy, or not to."""
    if facts is None or not dotted.startswith("numpy."):
        return facts
    if any(a.keyword == "copy" and a.value != TRUE for a in arguments):
        return replace(facts, result=Result.SHARES)
    if dotted == "numpy.nan_to_num" and not any(a.keyword is None for a in arguments[1:]):
        return replace(facts, changes=(), result=Result.FRESH)
    return facts


def _given(arguments: tuple[Argument, ...], keyword: str) -> Value:
    """Return what is given for ``keyword``."""
    return all_values(tuple(a for a in arguments if a.keyword == keyword))


def _is_bound(arguments: tuple[Argument, ...]) -> bool:
    """Tell whether the first argument may be a method of an object, as ``rows.append`` is."""
    return bool(arguments) and any(o.is_part for o in arguments[0].value)


def _class_of(values: Value) -> Value:
    """Return the class of each object, as a part of it where it is not known."""
    found: set[Obj] = set()
    for o in values:
        found |= class_of(o)
    return frozenset(found) or ATOM_VALUE


def _is_constructor(dotted: str) -> bool:
    return dotted == PARTIAL or dotted.rpartition(".")[2][:1].isupper()


def _is_stream(o: Obj) -> bool:
    """Tell whether ``next`` does nothing but to use up one element of ``o``."""
    return o.kind in (Kind.ITERATOR, Kind.GENERATOR) and o.constant is not CALLS


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
