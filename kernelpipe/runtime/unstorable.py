"""Which objects cannot be stored, and where inside a value one of them is."""

import io
import itertools
import reprlib
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_CONNECTION = ("open it again in the step that needs it, and hand on its address instead",)
_KINDS: Mapping[str, tuple[str, str]] = {
    "_io._IOBase": ("an open file", "open it in the step that needs it; hand on its path instead"),
    "tempfile._TemporaryFileWrapper": (
        "an open file",
        "open it in the step that needs it; hand on its path instead",
    ),
    "builtins.generator": ("a generator", "make it a list"),
    "builtins.async_generator": ("an async generator", "collect its items in a list"),
    "builtins.coroutine": ("a coroutine", "await it and hand on its result"),
    "builtins.frame": ("a stack frame", "hand on the facts that are needed from it"),
    "builtins.traceback": ("a traceback", "hand on its text: traceback.format_exc()"),
    "_thread.lock": ("a lock", "create it in the step that needs it"),
    "_thread.RLock": ("a lock", "create it in the step that needs it"),
    "_thread._local": ("thread-local storage", "create it in the step that needs it"),
    "threading.Condition": ("a condition variable", "create it in the step that needs it"),
    "threading.Semaphore": ("a semaphore", "create it in the step that needs it"),
    "threading.Event": ("an event of the threading module", "create it in the step that needs it"),
    "threading.Barrier": ("a barrier", "create it in the step that needs it"),
    "threading.Thread": ("a thread", "wait for it and hand on its result"),
    "queue.Queue": ("a queue", "hand on its items as a list"),
    "_queue.SimpleQueue": ("a queue", "hand on its items as a list"),
    "multiprocessing.process.BaseProcess": ("a process", "wait for it and hand on its result"),
    "multiprocessing.pool.Pool": ("a pool of processes", "create it in the step that needs it"),
    "subprocess.Popen": ("a process", "wait for it and hand on its output"),
    "concurrent.futures._base.Executor": ("an executor", "create it in the step that needs it"),
    "concurrent.futures._base.Future": ("a future", "hand on its result"),
    "asyncio.events.AbstractEventLoop": ("an event loop", "use the one of the step that needs it"),
    "_asyncio.Future": ("a task or future", "await it and hand on its result"),
    "_socket.socket": ("a socket", *_CONNECTION),
    "sqlite3.Connection": ("a database connection", *_CONNECTION),
    "sqlite3.Cursor": ("a database cursor", "fetch its rows: list(cursor)"),
    "sqlalchemy.engine.base.Engine": ("a database engine", *_CONNECTION),
    "sqlalchemy.engine.base.Connection": ("a database connection", *_CONNECTION),
    "sqlalchemy.orm.session.Session": ("a database session", *_CONNECTION),
    "psycopg2.extensions.connection": ("a database connection", *_CONNECTION),
    "duckdb.DuckDBPyConnection": ("a database connection", *_CONNECTION),
    "http.client.HTTPConnection": ("a connection", *_CONNECTION),
    "h5py._hl.base.HLObject": ("an open HDF5 file", "open it in the step that needs it"),
    "zipfile.ZipFile": ("an open archive", "open it in the step that needs it"),
    "tarfile.TarFile": ("an open archive", "open it in the step that needs it"),
    "mmap.mmap": ("a memory map", "open it in the step that needs it"),
    "tempfile.TemporaryDirectory": (
        "a temporary directory, which goes away with its step",
        "use a directory of your own, or do this in one step",
    ),
    "_csv.reader": ("a csv reader", "make it a list"),
    "_csv.writer": ("a csv writer", "open the file in the step that writes to it"),
    "weakref.ReferenceType": ("a weak reference", "hand on the object itself"),
    "weakref.ProxyType": ("a weak reference", "hand on the object itself"),
    "weakref.finalize": ("a finalizer", "create it in the step that needs it"),
    "_contextvars.ContextVar": ("a context variable", "create it in a setup cell"),
    "_contextvars.Context": ("a context", "hand on the values that it holds"),
    "tqdm.std.tqdm": ("a progress bar", "loop over it in one step; hand on what the loop makes"),
    "mlflow.tracking.fluent.ActiveRun": (
        "an active MLflow run",
        "hand on its run id: run.info.run_id",
    ),
    "pyspark.sql.session.SparkSession": (
        "a Spark session",
        "get it in the step that needs it: SparkSession.builder.getOrCreate()",
    ),
    "pyspark.sql.dataframe.DataFrame": ("a Spark frame", "write it to storage, or use toPandas()"),
}
_HINT = "make it in the step that needs it, or hand on a simpler value"


class UnstorableValueError(Exception):
    """A value that a later step needs cannot be stored.

    Attributes:
        name: The name that is handed on.
        path: The place inside, as an expression ("results[3].handle"); equal to ``name`` when it is
            the value itself.
        kind: What is there ("an open file").
        hint: What to do instead.
        step: The step that hands it on, None when unknown.
        cell: Zero-based index of the cell that last bound or changed the name, None when unknown.
    """

    def __init__(self, *, name: str, path: str, kind: str, hint: str) -> None:
        super().__init__(name, path, kind, hint)
        self.name = name
        self.path = path
        self.kind = kind
        self.hint = hint
        self.step: str | None = None
        self.cell: int | None = None

    def __str__(self) -> str:
        step = "" if self.step is None else f"step '{self.step}'"
        cell = "" if self.cell is None else f"cell {self.cell}"
        where = ", ".join(filter(None, (step, cell)))
        what = f"'{self.name}' cannot be stored: "
        if self.path == self.name:
            what += f"it is {self.kind}"
        else:
            what += f"{self.path} is {self.kind}"
        return f"{where + ': ' if where else ''}{what}\n  hint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_error, (type(self), self.__dict__))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]


def _rebuild_error(kind: type[UnstorableValueError], facts: dict[str, Any]) -> UnstorableValueError:
    error = kind(name=facts["name"], path=facts["path"], kind=facts["kind"], hint=facts["hint"])
    error.__dict__.update(facts)
    return error


class RefusedError(Exception):
    """Raised while pickling when an object of a refused kind turns up."""


def refusal(kind: type) -> tuple[str, str] | None:
    """Return (what objects of a type are, what to do instead) if they cannot be stored."""
    if io.StringIO in kind.__mro__ or io.BytesIO in kind.__mro__:
        return None
    for base in kind.__mro__:
        found = _KINDS.get(f"{base.__module__}.{base.__qualname__}")
        if found:
            return found
    return None


def explain(
    name: str, value: object, is_storable: Callable[[object], str | None]
) -> UnstorableValueError:
    """Return the error for a value that could not be stored.

    Args:
        name: The name that is handed on.
        value: Its value.
        is_storable: Returns why an object cannot be stored on its own, None if it can.
    """
    path, culprit = name, value
    reason = is_storable(value) or "it cannot be pickled together with the rest"
    seen = {id(value)}
    while refusal(type(culprit)) is None:
        for suffix, child in _children(culprit):
            if id(child) in seen or isinstance(child, str | bytes | int | float | type(None)):
                continue
            seen.add(id(child))
            inner = is_storable(child)
            if inner is not None:
                path, culprit, reason = path + suffix, child, inner
                break
        else:
            break
    kind, hint = refusal(type(culprit)) or _described(culprit, reason)
    return UnstorableValueError(name=name, path=path, kind=kind, hint=hint)


def _described(culprit: object, reason: str) -> tuple[str, str]:
    cls = type(culprit)
    return f"a {cls.__module__}.{cls.__qualname__} that cannot be pickled ({reason})", _HINT


def _children(value: object) -> Iterator[tuple[str, object]]:
    """Yield (suffix of the expression, object) for what a value is made of."""
    if isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield f"[{reprlib.repr(key)}]", item
        for key in list(value):
            yield f".keys()[{reprlib.repr(key)}]", key
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((f"{{{reprlib.repr(item)}}}", item) for item in value)
    yield from _attributes(value)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    else:
        yield from ((f".{name}", item) for name, item in list(_own_dict(value).items()))
        slots = (getattr(cls, "__slots__", ()) for cls in type(value).__mro__)
        for slot in itertools.chain.from_iterable((s,) if isinstance(s, str) else s for s in slots):
            if hasattr(value, slot) and slot not in {"__dict__", "__weakref__"}:
                yield f".{slot}", getattr(value, slot)
        for name in ("func", "args", "keywords", "__wrapped__"):  # functools.partial and the like
            if hasattr(type(value), name) and not isinstance(value, type):
                yield f".{name}", getattr(value, name)


def _own_dict(value: object) -> Mapping[str, object]:
    found = getattr(value, "__dict__", {})
    return found if isinstance(found, Mapping) else {}


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"'s variable {name}", cell.cell_contents
        except ValueError:
            continue
    for index, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{index}]", default
    yield from ((f".{name}", item) for name, item in function.__dict__.items())
