"""The state of an abstract execution of a cell or of a function body, and access to names."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from kernelpipe.analysis.heap import (
    ANYTHING,
    ATOM_VALUE,
    CONTAINERS,
    NOTHING,
    Kind,
    Obj,
    Value,
    find_method,
    new,
    part_of,
    reach,
    with_base,
)
from kernelpipe.analysis.knowledge import state_of
from kernelpipe.analysis.points import Points
from kernelpipe.analysis.recursion import Recursion
from kernelpipe.analysis.scopes import Flow, GlobalRead, Scope, ScopeKind
from kernelpipe.analysis.summaries import (
    Argument,
    DeferredCall,
    Effects,
    FileUse,
    FunctionSummary,
    StateEvent,
    StateUse,
)
from kernelpipe.analysis.texts import file_of, given_of


@dataclass(slots=True)
class World:
    """What is true of the notebook at the start of the cell that is being looked at.

    ``rebound`` are the names that something else than an import binds anywhere in the notebook;
    ``methods`` are the method names of the notebook's own classes.
    """

    rebound: frozenset[str]
    methods: frozenset[str]
    builtins: frozenset[str]
    directory: str
    """Where the notebook lies: local modules are found there."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name of a magic or command -> the magic that ``%alias_magic`` makes it, or "!command"."""
    own_magics: frozenset[str] = frozenset()
    """Magics that the notebook's functions are registered as."""
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path -> the texts that ``%%writefile`` cells write to it."""
    mentioned: frozenset[str] = frozenset()
    """Names that any cell reads."""
    own_modules: Mapping[str, object] = field(default_factory=dict)
    """Dotted name that the notebook imports -> the ``OwnModule`` that it comes from."""
    plain_attributes: frozenset[str] = frozenset()
    """Attributes of the notebook's own objects that hold nothing but numbers and texts."""
    names: dict[str, Value] = field(default_factory=dict)
    seeded: set[str] = field(default_factory=set)
    symbols: dict[str, Obj] = field(default_factory=dict)
    named: dict[Obj, set[str]] = field(default_factory=dict)
    """Object -> the names that may be bound to it; what ``names`` says, the other way round."""

    def classes_with(self, method: str) -> Value:
        """Return the notebook's classes that there are now and that define ``method``."""
        values = frozenset[Obj]().union(*self.names.values())
        return frozenset(
            o
            for o in values
            if o.kind is Kind.CLASS and o.klass is not None and method in o.klass.methods
        )

    def symbol(self, name: str) -> Obj:
        """Return the object that stands for global ``name`` in function summaries.

        Symbols are not counted among the objects that a cell makes.
        """
        if name not in self.symbols:
            serial = -1 - len(self.symbols)
            self.symbols[name] = Obj(Kind.UNKNOWN, symbol=("global", name), serial=serial)
        return self.symbols[name]

    def bind(self, name: str, value: Value | None) -> None:
        """Let ``name`` be ``value``, or unbound where that is None."""
        for o in self.names.get(name, NOTHING):
            self.named[o].discard(name)
        if value is None:
            self.names.pop(name, None)
            return
        for o in value:
            self.named.setdefault(o, set()).add(name)
        self.names[name] = value

    def names_of(self, objects: Iterable[Obj]) -> set[str]:
        """Return the names that may be bound to one of ``objects``."""
        return set().union(*(self.named.get(o, ()) for o in objects))


class Core(Points):
    """Names and effects, shared by the parts of the interpreter."""

    def __init__(self, world: World, scope: Scope, effects: Effects) -> None:
        self.world = world
        self.scope = scope
        self.effects = effects
        self.global_reads: dict[str, GlobalRead] = {}
        self.uncertain = 0
        self.used: set[Obj] = set()
        self.active: list[object] = []
        self.recursions: dict[FunctionSummary, Recursion] = {}
        """Functions that are being applied and call themselves."""
        self.binds_unknown = False
        self.returned: set[Obj] = set()
        self.place = (1, 0)
        self.is_bare = False
        """The value of the expression that is being evaluated is not used."""
        self.budget = 5000
        self.sites: list[object] = []
        """The code of the calls that are being applied, outermost first."""
        self.instances: dict[tuple[object, ...], Obj] = {}
        """Where in the code an instance was made -> the object that stands for all made there."""
        self.captures: list[tuple[Scope, str]] = []
        self.bases: tuple[Value, ...] = ()
        """Of the class whose body or method this is."""
        self.me: Value = NOTHING
        """The first parameter of the method that this is."""
        self.imported: dict[str, Value] = {}
        """Of a function: what its cell has bound above it."""

    @contextmanager
    def at(self, site: object) -> Iterator[None]:
        """Apply a call meanwhile whose code is ``site``."""
        self.sites.append(site)
        yield
        self.sites.pop()

    def put_off(
        self, callee: Value, method: str | None, arguments: tuple[Argument, ...], result: Obj
    ) -> None:
        """Leave a call to where the function is used; see ``DeferredCall``."""
        site = tuple(self.sites)
        call = DeferredCall(
            callee=callee, method=method, arguments=arguments, result=result, site=site
        )
        self.effects.calls.append(call)

    # -- effects -------------------------------------------------------------------------------
    @property
    def in_function(self) -> bool:
        """Tell whether a function body is summarised, not a cell executed."""
        scope: Scope | None = self.scope
        while scope is not None:
            if scope.kind == ScopeKind.CELL:
                return False
            scope = scope.parent
        return True

    def classes_with(self, method: str) -> Value:
        """Return the notebook's classes that there are now and that define ``method``."""
        bound = frozenset[Obj]().union(*self._cell_scope().flow.bound.values())
        here = frozenset(
            o for o in bound if o.kind is Kind.CLASS and o.klass and method in o.klass.methods
        )
        return here | self.world.classes_with(method)

    def change(self, value: Iterable[Obj], *, deep: bool) -> None:
        """Record that objects may be changed in place.

        Args:
            value: The objects.
            deep: What they hold may be changed, too.
        """
        for o in value:
            if o.kind in (Kind.IMMUTABLE, Kind.MODULE, Kind.IMPORTED):
                self.change_in_module(o)
                continue
            for whole in o.wholes:
                self.change_in_module(whole)
            changed = reach((o,)) if deep or o.is_part else with_base(o)
            for each in changed:
                each.is_open = each.is_open or deep
                below = (deep or o.is_part) and each.symbol is not None
                self.effects.changed[each] = self.effects.changed.get(each, False) or below

    def filled_later(self, value: Value) -> Value:
        """Return the containers in ``value`` that a call may fill which is put off."""
        if not self.in_function:
            return NOTHING
        calls = self.effects.calls
        given = (o for c in calls for v in (c.callee, *(a.value for a in c.arguments)) for o in v)
        return frozenset(o for o in reach(value) & reach(given) if o.kind in CONTAINERS)

    def state_event(self, state: str, use: StateUse) -> None:
        """Record a use of hidden state."""
        self.effects.states.append(StateEvent(state=state, use=use))

    def changes_state(self, dotted: str | None) -> bool:
        """Tell whether the library object ``dotted`` holds hidden state, and record its change."""
        state = state_of(dotted)
        if state is not None:
            self.state_event(state, StateUse.CHANGE)
        return state is not None

    def file_use(
        self, path: object, *, is_write: bool, is_whole: bool = False, is_pattern: bool = False
    ) -> None:
        """Record that a file may be read or written.

        Args:
            path: A text, a ``texts.Beginning`` of one, or None: any file.
            is_write: It may be written.
            is_whole: If it is written, nothing is left of what was there.
            is_pattern: ``path`` may have the characters of a file name pattern.
        """
        where = file_of(path, is_pattern=is_pattern)
        if where != "":
            is_certain = not self.uncertain and not self.in_function and isinstance(path, str)
            use = FileUse(
                path=where,
                is_write=is_write,
                is_whole=is_whole and is_certain,
                given=given_of(path),
            )
            written = replace(use, is_write=True, is_whole=True)
            if is_write or not isinstance(path, str) or written not in self.effects.files:
                self.effects.files.add(use)  # else it reads what is its own

    def note_import(self, module: str, *, is_reload: bool = False) -> None:
        """Record that the file of a module may be read, were it one beside the notebook."""
        path = module.lstrip(".").replace(".", "/") + ".py"
        use = FileUse(path=path, is_write=False, is_import=True, is_reload=is_reload)
        self.effects.files.add(use)

    def is_seeded(self, state: str) -> bool:
        """Tell whether a random generator was given a seed before this point."""
        return state in self.world.seeded or any(
            event.state == state and event.use is StateUse.SET for event in self.effects.states
        )

    # -- names ---------------------------------------------------------------------------------
    def load(self, name: str, node: ast.AST | None = None) -> Value:
        """Return what ``name`` may be here, and record the read if it is a global."""
        scope: Scope | None = self.scope
        inner_function = False
        while scope is not None and scope.kind != ScopeKind.CELL:
            found = self._in_scope(scope, name, inner_function=inner_function)
            if found is not None:
                if inner_function:
                    self.captures.append((scope, name))
                return found
            if name in scope.declared_global:
                break
            inner_function = inner_function or scope.kind == ScopeKind.FUNCTION
            scope = scope.parent
        return self.load_global(name, node)

    @staticmethod
    def _in_scope(scope: Scope, name: str, *, inner_function: bool) -> Value | None:
        if scope.kind == ScopeKind.CLASS:
            return None if inner_function else scope.flow.bound.get(name)
        if name not in scope.own or name in scope.declared_global:
            return None
        if inner_function:
            return scope.everything.get(name, NOTHING)
        return scope.flow.bound.get(name, scope.everything.get(name, NOTHING))

    def load_global(self, name: str, node: ast.AST | None = None) -> Value:
        """Return what global ``name`` may be, and record the read."""
        if self.in_function:
            self.effects.reads.add(name)
            known = self.world.names.get(name) or self.imported.get(name)
            if name not in self.world.rebound and known is not None and _is_library(known):
                return known
            if known is None and self._is_builtin(name):
                return frozenset({builtin(name)})
            return frozenset({self.world.symbol(name)})
        flow = self._cell_scope().flow
        value = flow.bound.get(name, NOTHING)
        if name in flow.definite:
            return value
        if name in flow.deleted or self._is_unbound_builtin(name, flow):
            self._note_read(name, node, is_certain=name in flow.deleted)
            return value | frozenset({builtin(name)})
        self._note_read(name, node, is_certain=name not in flow.bound)
        value |= self.world.names.get(name, NOTHING)
        return value or part_of(frozenset(self.effects.hidden))

    def namespace(self, given: Value = NOTHING) -> Value:
        """Return what stands for the namespace, in which code may read and bind any name."""
        self.effects.is_opaque = self.effects.reads_unseen = True
        made = new(Kind.UNKNOWN, given)
        self.effects.hidden.add(made)
        return frozenset({made})

    def anything(self) -> Value:
        """Return what any global may be."""
        if self.in_function:
            return frozenset({self.world.symbol(ANYTHING)})
        held = (*self.world.names.values(), *self._cell_scope().flow.bound.values())
        data = (o for value in held for o in value if o.kind is not Kind.MODULE)
        return frozenset({new(Kind.UNKNOWN), *data})

    def _is_builtin(self, name: str) -> bool:
        return name in self.world.builtins and name not in self.world.rebound

    def _is_unbound_builtin(self, name: str, flow: Flow) -> bool:
        return (
            name in self.world.builtins and name not in flow.bound and name not in self.world.names
        )

    def _note_read(self, name: str, node: ast.AST | None, *, is_certain: bool = True) -> None:
        line = getattr(node, "lineno", self.place[0])
        column = getattr(node, "col_offset", self.place[1])
        certain = is_certain and not self.uncertain and node is not None
        known = self.global_reads.get(name)
        written = node is not None or bool(known and known.is_written)
        if known is None or (certain and not known.is_certain) or written != known.is_written:
            self.global_reads[name] = GlobalRead(
                line=line, column=column, is_certain=certain, is_written=written
            )

    def _cell_scope(self) -> Scope:
        scope = self.scope
        while scope.parent is not None and scope.kind != ScopeKind.CELL:
            scope = scope.parent
        return scope

    def bind(self, name: str, value: Value) -> None:
        """Bind ``name`` in the scope that it belongs to."""
        scope = self._owner(name)
        if scope is None:
            self.effects.binds[name] = self.effects.binds.get(name, NOTHING) | value
            return
        if scope.kind == ScopeKind.CELL and "__del__" in self.world.methods:
            self._release(name, scope.flow)
        if scope is not self.scope and name in scope.cells:
            self.captures.append((scope, name))
            scope.cells[name].hold(value)
            self.change((scope.cells[name],), deep=False)
        scope.flow.bound[name] = value
        scope.flow.definite.add(name)
        scope.flow.deleted.discard(name)
        scope.everything[name] = scope.everything.get(name, NOTHING) | value

    def _release(self, name: str, flow: Flow) -> None:
        """Account for what ``name`` is no more: an object may be destroyed, which runs code."""
        old = flow.bound.get(name, self.world.names.get(name, NOTHING))
        if any(find_method(o, "__del__") for o in reach(old) if o.kind is Kind.INSTANCE):
            if name not in flow.bound:
                self._note_read(name, None)
            self.use(old)

    def bind_global(self, name: str, value: Value) -> None:
        """Bind a global from anywhere."""
        if self.in_function:
            self.effects.binds[name] = self.effects.binds.get(name, NOTHING) | value
        else:
            scope = self._cell_scope()
            scope.flow.bound[name] = value
            scope.flow.definite.add(name)
            scope.flow.deleted.discard(name)

    def bind_maybe(self, name: str, value: Value) -> None:
        """Record that a global may be bound, by code that may not run."""
        flow = self._cell_scope().flow
        flow.bound[name] = flow.bound.get(name, self.world.names.get(name, NOTHING)) | value

    def delete(self, name: str) -> None:
        """Remove ``name`` from the scope that it belongs to."""
        scope = self._owner(name)
        if scope is None:
            self.effects.deletes.add(name)
            return
        if scope.kind == ScopeKind.CELL and name not in scope.flow.definite:
            self._note_read(name, None)
        scope.flow.bound.pop(name, None)
        scope.flow.definite.discard(name)
        scope.flow.deleted.add(name)

    def _owner(self, name: str) -> Scope | None:
        """Return the scope that binds ``name``, None for a global seen from a function."""
        scope: Scope | None = self.scope
        while scope is not None and scope.kind == ScopeKind.COMPREHENSION and name not in scope.own:
            scope = scope.parent
        if scope is not None and scope.kind == ScopeKind.FUNCTION and name not in scope.own:
            if name in scope.declared_global:
                return None if self.in_function else self._cell_scope()
            outer = scope.parent
            while outer is not None:
                if outer.kind == ScopeKind.FUNCTION and name in outer.own:
                    return outer
                outer = outer.parent
        if scope is not None and scope.kind == ScopeKind.CLASS and name in scope.declared_global:
            return None if self.in_function else self._cell_scope()
        return scope


def builtin(name: str) -> Obj:
    """Return the object for the builtin ``name``."""
    return new(Kind.IMPORTED, dotted=f"builtins.{name}")


def _is_library(value: Value) -> bool:
    return bool(value) and all(o.kind in (Kind.MODULE, Kind.IMPORTED) for o in value)


__all__ = [
    "ANYTHING",
    "ATOM_VALUE",
    "Core",
    "Flow",
    "GlobalRead",
    "Scope",
    "ScopeKind",
    "World",
    "builtin",
]
