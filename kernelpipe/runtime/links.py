"""What the pickles of values refer to: the loading namespace, and objects that setup defined.

The functions of this module are named in value files, so their names and arguments are part of the
file format.
"""

import dis
import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_NO_IDENTITY = frozenset(
    {
        *(type(None), bool, int, float, str, bytes, bytearray),
        *(tuple, list, dict, set, frozenset),
        types.ModuleType,
    }
)
"""Types whose objects pickle does not ask about, and modules, which travel by name anyway."""


@dataclass
class Links:
    """What belongs to one process's run of a step.

    Attributes:
        namespace: The user's global namespace.
        step: The step's name, which makes the ids of its classes; "" makes random ones.
        shared: Key ("number:name") -> the object that setup bound to the name, or the copy of
            another step's. They are held so that their ids stay theirs.
        keys: id of a shared object -> its key.
        originals: Key -> the attributes that a class had after setup.
        copies: Key -> pickle of the object by value; of the files loaded so far, for keys that
            this step's setup does not define.
        listed: Names that stand for the lists of what a loop's items gave, while that is loaded.
        late_reads: (Function, name) for each function loaded meanwhile that reads one of them.
    """

    namespace: dict[str, Any]
    step: str = ""
    shared: dict[str, Any] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    originals: dict[str, dict[str, Any]] = field(default_factory=dict)
    copies: dict[str, bytes] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    late_reads: list[tuple[str, str]] = field(default_factory=list)

    def register(self, shared: Mapping[str, int]) -> None:
        """Remember what setup bound to the names of ``shared``.

        Args:
            shared: Name -> number of the object among all that setup binds to the name, from one.
        """
        for name, number in sorted(shared.items()):
            if name in self.namespace and type(self.namespace[name]) not in _NO_IDENTITY:
                self.add(f"{number}:{name}", self.namespace[name])

    def add(self, key: str, value: object) -> None:
        """Remember ``value`` as the object that ``key`` stands for."""
        self.shared[key] = value
        self.keys.setdefault(id(value), key)
        if isinstance(value, type):
            self.originals[key] = dict(vars(value))
            for name, member in self.originals[key].items():
                if _is_defined_in(value, name, member):
                    self.add(f"{key}.{name}", member)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make pickles that are loaded meanwhile refer to this process's objects."""
        _active.append(self)
        try:
            yield
        finally:
            _active.pop()


def _is_defined_in(cls: type, name: str, member: object) -> bool:
    """Tell whether a class or function was defined in the body of a class."""
    return (
        isinstance(member, type | types.FunctionType)
        and member.__module__ == cls.__module__
        and member.__qualname__ == f"{cls.__qualname__}.{name}"
    )


_active: list[Links] = []
_loads: list[Callable[[bytes], Any]] = []


def set_loads(loads: Callable[[bytes], Any]) -> None:
    """Set the function that loads the copy of a shared object."""
    _loads[:] = [loads]


def main_namespace() -> dict[str, Any]:
    """Return the user's global namespace."""
    return _active[-1].namespace


class MainNamespace:
    """Stands in a pickle for the user's global namespace itself, the value of ``globals()``."""

    def __reduce__(self) -> tuple[Callable[[], dict[str, Any]], tuple[()]]:
        return (main_namespace, ())


def shared(key: str) -> Any:
    """Return this process's object for ``key``, else the copy that came with the value."""
    links = _active[-1]
    if key not in links.shared:
        copy = links.copies.pop(key, None)
        if copy is None:
            name = key.partition(":")[2]
            raise LookupError(f"setup defines no '{name}' here, and no copy came along")
        links.add(key, _loads[0](copy))
    return links.shared[key]


def changes(links: Links, value: object, key: str, *, is_listed: bool) -> dict[str, Any] | None:
    """Return how a shared object differs from what setup made it, None if it does not.

    Args:
        links: Where the object is registered.
        value: The object.
        key: Its key.
        is_listed: It is handed on by its own name, so that in-place changes count, too.
    """
    if isinstance(value, type):
        return _class_changes(value, links.originals[key], is_listed=is_listed)
    if isinstance(value, types.FunctionType) and is_listed:
        return _function_changes(value)
    return None


def _class_changes(
    cls: type, original: Mapping[str, Any], *, is_listed: bool
) -> dict[str, Any] | None:
    present = {name: value for name, value in vars(cls).items() if not _is_special(name)}
    changed = {
        name: value
        for name, value in present.items()
        if name not in original
        or original[name] is not value
        or (is_listed and _may_change(value) and not hasattr(cls, "_member_map_"))
    }
    gone = [name for name in original if name not in present and not _is_special(name)]
    return {"set": changed, "delete": gone} if changed or gone else None


def _function_changes(function: types.FunctionType) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if function.__dict__:
        found["dict"] = function.__dict__
    if any(map(_may_change, function.__defaults__ or ())):
        found["defaults"] = function.__defaults__
    if any(map(_may_change, (function.__kwdefaults__ or {}).values())):
        found["kwdefaults"] = function.__kwdefaults__
    cells = [cell_contents(cell) for cell in function.__closure__ or ()]
    if cells:
        found["cells"] = cells
    return found or None


def _is_special(name: str) -> bool:
    return (name.startswith("__") and name.endswith("__")) or name.startswith("_abc_")


_UNCHANGING = (
    *(type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
    *(staticmethod, classmethod, property, functools.cached_property),
    *(types.MemberDescriptorType, types.GetSetDescriptorType),
    *(type(None), bool, int, float, complex, str, bytes, range),
)


def _may_change(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(map(_may_change, value))
    return not isinstance(value, _UNCHANGING)


def apply_changes(value: Any, state: Mapping[str, Any]) -> None:
    """Make a shared object what it was in the step that handed it on."""
    if isinstance(value, type):
        for name in state["delete"]:
            if name in vars(value):
                delattr(value, name)
        for name, item in state["set"].items():
            setattr(value, name, item)
        return
    value.__dict__.update(state.get("dict", {}))
    value.__defaults__ = state.get("defaults", value.__defaults__)
    value.__kwdefaults__ = state.get("kwdefaults", value.__kwdefaults__)
    for cell, contents in zip(value.__closure__ or (), state.get("cells", ()), strict=False):
        fill_cell(cell, contents)


def cell_contents(cell: types.CellType) -> tuple[Any, ...]:
    """Return the contents of a cell of a closure as a 1-tuple, () when it is empty."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def empty_cell() -> types.CellType:
    """Return a new empty cell."""
    return types.CellType()


def fill_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    """Put ``contents`` (a 1-tuple, or () for nothing) into ``cell``."""
    if contents:
        cell.cell_contents = contents[0]


def make_function(
    code: types.CodeType, module: str | None, cells: tuple[types.CellType, ...] | None
) -> types.FunctionType:
    """Return a function whose globals are the user's (None) or those of ``module``."""
    namespace = main_namespace() if module is None else importlib.import_module(module).__dict__
    own = _active[-1]
    if module is None and own.listed and code.co_name not in _CONSTRUCTORS:
        read = sorted(own.listed & _globals_read(code))
        own.late_reads += [(code.co_qualname, name) for name in read]
    return types.FunctionType(code, namespace, code.co_name, None, cells)


_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__"})
"""Methods that have run when there is an instance, and that nobody calls on it again."""


def _globals_read(code: types.CodeType) -> set[str]:
    """Return the globals that a function's code reads, that of functions within it included."""
    found = {
        each.argval
        for each in dis.get_instructions(code)
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    return found.union(*map(_globals_read, inner))


_FUNCTION_ATTRIBUTES = (
    *("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "__type_params__"),
    *("__defaults__", "__kwdefaults__"),
)


def function_state(function: types.FunctionType) -> dict[str, Any]:
    """Return everything about a function that ``make_function`` does not set."""
    state: dict[str, Any] = {
        "attributes": {
            name: getattr(function, name)
            for name in _FUNCTION_ATTRIBUTES
            if hasattr(function, name)
        },
        "dict": function.__dict__,
    }
    if function.__closure__:
        state["cells"] = [(cell, cell_contents(cell)) for cell in function.__closure__]
    return state


def set_function_state(function: types.FunctionType, state: Mapping[str, Any]) -> None:
    """Complete a function that ``make_function`` made."""
    for name, value in state["attributes"].items():
        setattr(function, name, value)
    function.__dict__.update(state["dict"])
    for cell, contents in state.get("cells", ()):
        fill_cell(cell, contents)


def make_cached_function(function: Any, maxsize: int | None, typed: bool) -> Any:  # noqa: FBT001
    """Return ``function`` behind a new, empty ``functools.lru_cache``."""
    return functools.lru_cache(maxsize, typed)(function)


def make_cached_property(function: Any, name: str | None) -> Any:
    """Return a ``functools.cached_property`` that already knows its attribute's name."""
    made: functools.cached_property[Any] = functools.cached_property(function)
    made.attrname = name
    return made


def make_single_dispatch(implementations: Iterable[tuple[Any, Any]]) -> Any:
    """Return a ``functools.singledispatch`` function; the first of (type, function) is the base."""
    pairs = list(implementations)
    made = functools.singledispatch(dict(pairs)[object])
    for kind, function in pairs:
        made.register(kind, function)
    return made


def make_exception(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Return an exception without calling the constructor of a user's class."""
    made = kind.__new__(kind, *args)
    native = next(base for base in kind.__mro__ if "__init__" in vars(base) and _is_native(base))
    vars(native)["__init__"](made, *args)
    made.args = args
    return made


def _is_native(cls: type) -> bool:
    return not isinstance(vars(cls)["__init__"], types.FunctionType)


def exception_state(error: BaseException) -> tuple[Any, ...]:
    """Return what ``make_exception`` does not set; the traceback cannot be stored."""
    chain = (error.__cause__, error.__context__, error.__suppress_context__)
    return (error.__dict__, *chain)


def set_exception_state(error: BaseException, state: tuple[Any, ...]) -> None:
    """Complete an exception that ``make_exception`` made."""
    attributes, error.__cause__, error.__context__, error.__suppress_context__ = state
    error.__dict__.update(attributes)


def standard_stream(name: str) -> Any:
    """Return this process's ``sys.stdout`` or ``sys.stderr``."""
    return getattr(sys, name)


def dict_view(owner: dict[Any, Any], kind: str) -> Any:
    """Return ``owner.keys()``, ``owner.values()``, ``owner.items()`` or a read-only proxy of it."""
    return types.MappingProxyType(owner) if kind == "proxy" else getattr(owner, kind)()


def current_shell() -> Any:
    """Return the running IPython shell."""
    from IPython import get_ipython

    return get_ipython()


def set_enum_state(kind: Any, state: tuple[Any, dict[str, dict[str, Any]]]) -> None:
    """Complete an Enum class; its members get what their constructors had set."""
    import cloudpickle

    cloudpickle.cloudpickle._class_setstate(kind, state[0])  # noqa: SLF001 - made for its own use
    for name, attributes in state[1].items():
        vars(kind[name]).update(attributes)
