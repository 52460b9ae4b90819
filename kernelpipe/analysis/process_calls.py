"""Calls that change the process for all later code: logging, patches of libraries."""

from collections.abc import Iterable
from dataclasses import dataclass

from kernelpipe.analysis.core import Core
from kernelpipe.analysis.heap import Kind, Obj, find_method
from kernelpipe.analysis.knowledge import state_of
from kernelpipe.analysis.summaries import Argument, StateUse
from kernelpipe.analysis.texts import constant_of
from kernelpipe.analysis.unknown_calls import all_values

_STATE_READERS = frozenset("get keys items values copy index count create_decimal".split())
_LOGGING_SETTERS = frozenset(
    "setLevel addHandler removeHandler addFilter removeFilter setFormatter".split()
)
_PLAIN_HANDLERS = frozenset({"logging.StreamHandler", "logging.FileHandler", "logging.NullHandler"})
"""Handlers that ``kernelpipe.runtime.logging_state`` can make again."""
_PATCH = "unittest.mock.patch"
_MONKEY = "pytest.MonkeyPatch"
_MONKEYS = frozenset("setattr delattr setitem delitem setenv delenv syspath_prepend chdir".split())


class ProcessCalls(Core):
    """Records what calls change of the process."""

    def call_state_method(self, owner: str, method: str, arguments: tuple[Argument, ...]) -> bool:
        """Tell whether a method belongs to a library object that holds hidden state."""
        state = state_of(owner)
        if state == "@logging":
            if method in _LOGGING_SETTERS and owner != "logging":
                self.state_event(state, StateUse.CHANGE)
                self._set_logger_up(method, arguments)
            return owner != "logging"
        if state is not None and method not in _STATE_READERS:
            self.state_event(state, StateUse.CHANGE)
        return state is not None

    def _set_logger_up(self, method: str, arguments: tuple[Argument, ...]) -> None:
        """Account for a handler or a filter that cannot be made again in another step."""
        for o in all_values(arguments):
            if _is_lost(method, o):
                self.effects.foreign_stores.append("logging")

    def patch(self, o: Obj, name: str) -> None:
        """Account for a method of something that replaces parts of libraries until it is told."""
        dotted = o.dotted or ""
        if dotted.startswith(_PATCH):
            if name == "start":
                self.effects.foreign_stores.append(_target(o))
            elif (
                name == "stop" and not self.uncertain and _target(o) in self.effects.foreign_stores
            ):
                self.effects.foreign_stores.remove(_target(o))
        elif dotted == _MONKEY and name in _MONKEYS:
            self.effects.foreign_stores.append(dotted)


@dataclass(frozen=True, slots=True)
class Patched:
    """The constant of what ``unittest.mock.patch`` gives: what it replaces."""

    dotted: str


def patched(dotted: str, arguments: tuple[Argument, ...]) -> Patched | None:
    """Return what a call of ``unittest.mock.patch`` replaces, None for any other call."""
    if not dotted.startswith(_PATCH):
        return None
    first = arguments[0].value if arguments else frozenset()
    text = constant_of(first) if dotted == _PATCH else None
    names = sorted(o.dotted for o in first if o.dotted is not None)
    return Patched(text if isinstance(text, str) else names[0] if names else "a library")


def _target(o: Obj) -> str:
    return o.constant.dotted if isinstance(o.constant, Patched) else "a library"


def _is_lost(method: str, o: Obj) -> bool:
    """Tell whether a handler or a filter cannot be made again in another step."""
    if method == "addHandler":
        return o.dotted not in _PLAIN_HANDLERS and o.symbol is None
    return method == "addFilter" and _keeps_count(find_method(o, "filter") or (o,))


def _keeps_count(filters: Iterable[Obj]) -> bool:
    """Tell whether a filter may change something: of what it is, each step has a copy."""
    return any(
        o.kind in (Kind.FUNCTION, Kind.UNKNOWN)
        and (o.function is None or bool(o.function.effects.changed or o.function.effects.binds))
        for o in filters
    )
