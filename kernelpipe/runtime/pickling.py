"""Pickles and unpickles the values of a group: cloudpickle, with notebooks' own needs.

What differs from cloudpickle: functions of the notebook use the loading kernel's global namespace;
what setup defines travels by name; closures keep sharing their variables; what cannot be stored
faithfully is refused.
"""

import functools
import gc
import importlib
import io
import linecache
import pickle
import re
import sys
import threading
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from . import arrays, classes, libraries, links, set_order, unstorable

IN_BAND_BYTES = 2048
"""Buffers up to this size stay inside the pickle."""
_STACK_BYTES = 1 << 29
_DEEP = 1_000_000
"""Levels of nesting, each of which takes less than a kilobyte of stack."""
_RECIPES = "\0sets"
"""Stands behind the values in a pickle; loading it puts sets in order."""
_KERNEL_FILE = re.compile(r".*[/\\]ipykernel_\d+[/\\]")
_PACKAGES = ("kernelpipe.runtime.", "kernelpipe_runtime.")

Reduced = Any
"""What ``reducer_override`` returns: a tuple, a string or NotImplemented."""
Action = Callable[[Any, Any], Reduced]


class Pickled(typing.NamedTuple):
    """A pickle with its out-of-band buffers.

    ``copies`` are by-value pickles of the shared objects in it, by key; ``sources`` is the text of
    the cells whose functions are in it, by file name.
    """

    stream: memoryview
    buffers: list[pickle.PickleBuffer]
    copies: dict[str, bytes]
    sources: dict[str, str]


@functools.cache
def import_cloudpickle() -> Any:
    """Return the installed cloudpickle, else the copy beside this package."""
    try:
        import cloudpickle
    except ImportError:
        beside = str(Path(__file__).parent.parent)
        sys.path.append(beside)
        try:
            cloudpickle = importlib.import_module("cloudpickle")
        finally:
            sys.path.remove(beside)
    return cloudpickle


@functools.cache
def _pickler_class() -> Any:
    base = import_cloudpickle().Pickler

    class ValuePickler(base):  # type: ignore[misc,valid-type]  # cloudpickle has no types
        """A cloudpickle pickler that asks this module first."""

        def __init__(self, file: BinaryIO, session: "_Session", buffer_callback: Any) -> None:
            super().__init__(file, protocol=5, buffer_callback=buffer_callback)
            self.session = session

        def reducer_override(self, obj: Any) -> Reduced:
            kind = type(obj)
            session = self.session
            if id(obj) in session.keys:
                return session.reduce_shared(obj)
            try:
                action = session.actions[kind]
            except KeyError:
                action = session.actions[kind] = _action_for(kind)
            return NotImplemented if action is None else action(self, obj)

        def default(self, obj: Any) -> Reduced:
            """Reduce as cloudpickle does."""
            return super().reducer_override(obj)

    return ValuePickler


class _Session:
    """What one pickling needs to know."""

    actions: typing.ClassVar[dict[type, Action | None]] = {}

    def __init__(self, own: links.Links, listed: set[int], via_root: set[int]) -> None:
        self.links = own
        self.keys = own.keys
        self.listed = listed
        self.views = arrays.Views(via_root)
        self.used: set[str] = set()
        self.bare_cells: set[int] = set()
        self.sources: dict[str, str] = {}

    def reduce_shared(self, obj: Any) -> Reduced:
        """Reduce an object that setup defined to its key."""
        key = self.keys[id(obj)]
        self.used.add(key)
        state = links.changes(self.links, obj, key, is_listed=id(obj) in self.listed)
        if state is None:
            return (links.shared, (key,))
        return (links.shared, (key,), state, None, None, links.apply_changes)


def dump(values: dict[str, Any], own: links.Links) -> Pickled:
    """Pickle the values of a group together.

    Args:
        values: Name -> value.
        own: This process's shared objects and namespace.

    Raises:
        UnstorableValueError: If a value cannot be stored; names the place in it.
    """
    content = {
        name: links.MainNamespace() if value is own.namespace else value
        for name, value in values.items()
    }
    content = set_order.freeze(content)
    recipes = set_order.recipes(content.values())
    if recipes:
        content = {**content, _RECIPES: recipes}
    listed = {id(value) for value in values.values()}
    try:
        with _quietly():
            return _dump_deep(content, own, listed)
    except Exception as error:
        for name, value in values.items():
            reason = _why_not(value, own)
            if reason is not None:
                check = functools.partial(_why_not, own=own)
                raise unstorable.explain(name, value, check) from error
        raise


def _dump_deep(content: dict[str, Any], own: links.Links, listed: set[int]) -> Pickled:
    """Pickle, in a thread with a big stack if the values are nested more deeply than usual."""
    try:
        return _dump(content, own, listed)
    except pickle.PicklingError as error:
        if not isinstance(error.__cause__, RecursionError):
            raise
    limit, stack = sys.getrecursionlimit(), threading.stack_size(_STACK_BYTES)
    try:
        sys.setrecursionlimit(_DEEP)
        with futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(_dump, content, own, listed).result()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(stack)


def _dump(content: dict[str, Any], own: links.Links, listed: set[int]) -> Pickled:
    session = _Session(own, listed, set())
    stream, buffers = _run(content, session)
    roots = session.views.shared_roots()
    if roots:
        # Only now is it known which arrays overlap: once more, with these as views.
        session = _Session(own, listed, roots)
        stream, buffers = _run(content, session)
    copies = _copies(session.used, own)
    return Pickled(stream.getbuffer(), buffers, copies, session.sources)


def _run(content: object, session: _Session) -> tuple[io.BytesIO, list[pickle.PickleBuffer]]:
    stream = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes <= IN_BAND_BYTES:
            return True
        buffers.append(buffer)
        return False

    _pickler_class()(stream, session, keep).dump(content)
    return stream, buffers


def _copies(keys: set[str], own: links.Links) -> dict[str, bytes]:
    """Return by-value pickles of shared objects and of all that these use in turn.

    A loader whose setup has redefined the name uses them. An object that cannot be pickled by
    value travels by name only.
    """
    found: dict[str, bytes] = {}
    waiting = sorted(keys)
    seen = set(waiting)
    while waiting:
        key = waiting.pop(0)
        value = own.shared[key]
        session = _Session(own, set(), set())
        session.keys = {
            each: k for each, k in own.keys.items() if k != key and not k.startswith(f"{key}.")
        }
        stream = io.BytesIO()
        try:
            _pickler_class()(stream, session, None).dump(value)
        except Exception:  # noqa: BLE001, S112 - user code may raise anything; the key is enough
            continue
        found[key] = stream.getvalue()
        waiting += sorted(session.used - seen)
        seen |= session.used
    return found


def _why_not(value: object, own: links.Links) -> str | None:
    """Return why an object cannot be pickled, None if it can."""
    if value is own.namespace:
        return None
    try:
        with _quietly():
            _pickler_class()(_Nowhere(), _Session(own, set(), set()), lambda _: False).dump(value)
    except Exception as error:  # noqa: BLE001 - user code may raise anything
        return f"{type(error).__name__}: {error}"
    return None


class _Nowhere:
    """A file that forgets what is written to it."""

    def write(self, content: Any) -> int:
        """Return the length of ``content``."""
        return len(content)


@contextmanager
def _quietly() -> Iterator[None]:
    """Turn the collector off, and make references to the user's module by name fail.

    Objects of the user's module exist in the step that made them only, so a pickle must not refer
    to them by name; cloudpickle pickles them by value.
    """
    main = sys.modules["__main__"]
    was_on = gc.isenabled()
    gc.disable()
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if was_on:
            gc.enable()


class ValueUnpickler(pickle.Unpickler):
    """An unpickler that knows this package under each of its names."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the object that a pickle names."""
        for prefix in _PACKAGES:
            if module.startswith(prefix):
                return super().find_class(f"{__package__}.{module.removeprefix(prefix)}", name)
        return super().find_class(module, name)


def load(file: Any, buffers: Sequence[memoryview]) -> dict[str, Any]:
    """Unpickle what ``dump`` pickled, inside ``Links.active``.

    Args:
        file: Stands at the start of the pickle.
        buffers: The out-of-band buffers, in order.
    """
    import_cloudpickle()
    was_on = gc.isenabled()
    gc.disable()
    try:
        values: dict[str, Any] = ValueUnpickler(file, buffers=buffers).load()
    finally:
        if was_on:
            gc.enable()
    values.pop(_RECIPES, None)
    return values


def loads(content: bytes) -> Any:
    """Unpickle bytes without out-of-band buffers."""
    return ValueUnpickler(io.BytesIO(content)).load()


links.set_loads(loads)


def _action_for(kind: type) -> Action | None:
    """Return how objects of a type are reduced; None leaves them to cloudpickle."""
    if issubclass(kind, type):
        return classes.reduce
    if kind in _EXACT:
        return _EXACT[kind]
    if issubclass(kind, BaseException):
        return _reduce_exception if kind.__reduce__ is BaseException.__reduce__ else None
    return _action_by_name(kind)


def _action_by_name(kind: type) -> Action | None:
    """Return how objects of types are reduced that are not imported here."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    if f"{kind.__module__}.{kind.__qualname__}" == "numpy.ndarray":
        return _reduce_array
    for base, action in _BY_BASE.items():
        if base in names:
            return action
    if unstorable.refusal(kind):
        return _reduce_stream if "_io._IOBase" in names else _refuse
    return None


def _refuse(_pickler: Any, obj: Any) -> Reduced:
    found = unstorable.refusal(type(obj))
    raise unstorable.RefusedError(found[0] if found else type(obj).__name__)


def _reduce_stream(pickler: Any, obj: Any) -> Reduced:
    for name in ("stdout", "stderr"):
        if obj is getattr(sys, name):
            return (links.standard_stream, (name,))
    return _refuse(pickler, obj)


def _reduce_shell(_pickler: Any, _obj: Any) -> Reduced:
    return (links.current_shell, ())


def _reduce_function(pickler: Any, obj: Any) -> Reduced:
    function: types.FunctionType = obj
    if _is_single_dispatch(function):
        registry = dict(function.registry)  # type: ignore[attr-defined]
        return (links.make_single_dispatch, (list(registry.items()),))
    if _is_importable(function) and function.__module__ != "__main__":
        return NotImplemented
    module = _module_of(function, pickler.session.links)
    if module is NotImplemented:
        return pickler.default(obj)
    cells = function.__closure__
    pickler.session.bare_cells.update(map(id, cells or ()))
    state = links.function_state(function)
    args = (function.__code__, module, cells)
    return (links.make_function, args, state, None, None, links.set_function_state)


def _is_single_dispatch(function: types.FunctionType) -> bool:
    return (
        function.__code__.co_qualname == "singledispatch.<locals>.wrapper"
        and function.__globals__ is vars(functools)
    )


def _module_of(function: types.FunctionType, own: links.Links) -> Any:
    """Return None for the user's namespace, a module's name, or NotImplemented."""
    if function.__globals__ is own.namespace:
        return None
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    is_its_own = module is not None and vars(module) is function.__globals__
    return name if is_its_own and name != "__main__" else NotImplemented


def _reduce_code(pickler: Any, obj: types.CodeType) -> Reduced:
    """Reduce code with a file name that does not depend on the process, and keep its source."""
    file = _KERNEL_FILE.sub("kernelpipe/", obj.co_filename)
    entry = linecache.cache.get(obj.co_filename, ())
    if len(entry) > 1 and entry[1] is None:  # typed in, not read from a file
        pickler.session.sources[file] = "".join(entry[2])
    code = obj if file == obj.co_filename else obj.replace(co_filename=file)
    return import_cloudpickle().cloudpickle._code_reduce(code)  # noqa: SLF001 - its only way


def add_sources(sources: Mapping[str, str]) -> None:
    """Make tracebacks and ``inspect`` find the source of functions from other steps."""
    for file, text in sources.items():
        lines = text.splitlines(keepends=True)
        linecache.cache.setdefault(file, (len(text), None, lines, file))


def _reduce_cell(pickler: Any, obj: types.CellType) -> Reduced:
    if id(obj) in pickler.session.bare_cells:
        return (links.empty_cell, ())  # the state of the function fills it
    contents = links.cell_contents(obj)
    return (links.empty_cell, (), contents, None, None, links.fill_cell)


def _reduce_cached_function(_pickler: Any, obj: Any) -> Reduced:
    if _is_importable(obj):
        return NotImplemented
    given = obj.cache_parameters()
    return (links.make_cached_function, (obj.__wrapped__, given["maxsize"], given["typed"]))


def _reduce_cached_property(_pickler: Any, obj: Any) -> Reduced:
    return (links.make_cached_property, (obj.func, obj.attrname))


def _reduce_new_type(_pickler: Any, obj: Any) -> Reduced:
    if _is_importable(obj):
        return NotImplemented
    return (typing.NewType, (obj.__name__, obj.__supertype__), dict(vars(obj)))


def _is_importable(obj: Any) -> bool:
    found: Any = sys.modules.get(obj.__module__)
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


def _reduce_exception(_pickler: Any, obj: BaseException) -> Reduced:
    state = links.exception_state(obj)
    args = (type(obj), obj.args)
    return (links.make_exception, args, state, None, None, links.set_exception_state)


def _reduce_view(_pickler: Any, obj: Any) -> Reduced:
    (owner, *_) = gc.get_referents(obj)
    if type(obj) is types.MappingProxyType:
        if type(owner) is not dict or "__module__" in owner:
            return NotImplemented
        return (links.dict_view, (owner, "proxy"))
    return (links.dict_view, (owner, type(obj).__name__.partition("_")[2]))


def _reduce_memory(_pickler: Any, obj: memoryview) -> Reduced:
    if obj.obj is not None and memoryview(obj.obj) == obj:
        return (memoryview, (obj.obj,))
    raise unstorable.RefusedError("a part of a memory view")


def _reduce_array(pickler: Any, obj: Any) -> Reduced:
    return arrays.reduce(obj, pickler.session.views)


def _note_block(pickler: Any, obj: Any) -> Reduced:
    pickler.session.views.note_block(obj.values)
    return NotImplemented


def _note_series(pickler: Any, obj: Any) -> Reduced:
    """Note the memory of a series: its manager pickles the array, not the block."""
    pickler.session.views.note_block(obj.blocks[0].values)
    return NotImplemented


_BY_BASE: dict[str, Action] = {
    "pandas._libs.internals.Block": _note_block,
    "pandas.core.internals.managers.SingleBlockManager": _note_series,
    "numpy.ma.MaskedArray": libraries.reduce_masked,
    "numpy.ma.core.MaskedArray": libraries.reduce_masked,
    "pandas.core.generic.NDFrame": libraries.reduce_frame,
    "matplotlib.figure.Figure": libraries.reduce_figure,
    "IPython.core.interactiveshell.InteractiveShell": _reduce_shell,
}
_EXACT: dict[type, Action] = {
    types.FunctionType: _reduce_function,
    types.ModuleType: libraries.reduce_module,
    types.CellType: _reduce_cell,
    types.CodeType: _reduce_code,
    functools._lru_cache_wrapper: _reduce_cached_function,  # noqa: SLF001
    functools.cached_property: _reduce_cached_property,
    typing.NewType: _reduce_new_type,
    types.MappingProxyType: _reduce_view,
    memoryview: _reduce_memory,
    type({}.keys()): _reduce_view,
    type({}.values()): _reduce_view,
    type({}.items()): _reduce_view,
    type(OrderedDict().keys()): _reduce_view,
    type(OrderedDict().values()): _reduce_view,
    type(OrderedDict().items()): _reduce_view,
}
