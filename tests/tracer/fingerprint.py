"""Fingerprints of values: two of one object differ if it, or what it holds, was changed in between.

Only what code can see counts: caches and the layout of a frame's blocks do not.
"""

import datetime as dt
import decimal
import fractions
import hashlib
import io
import pathlib
import re
import types
import warnings
from collections.abc import Callable, Iterable
from typing import Any

_ATOMS = (
    type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented), range,
    slice, dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal,
    fractions.Fraction, pathlib.PurePath, re.Pattern, property,
)  # fmt: skip
_CODE = (types.BuiltinFunctionType, types.ModuleType, types.MethodDescriptorType, types.CodeType)
_CACHES = frozenset(
    "_cache _item_cache _engine _has_sorted_indices _has_canonical_format "
    "__dict__ __weakref__".split()
)
_MAIN = "__main__"


def fingerprint(value: object) -> bytes:
    """Return 16 bytes for the state of ``value``; nothing of it is changed."""
    writer = _Writer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.add(value)
    return writer.digest()


class _Writer:
    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._numbers: dict[int, int] = {}
        self._alive: list[object] = []
        """Keeps what was made on the way, so that no two objects have one id."""

    def digest(self) -> bytes:
        return self._hash.digest()

    def _text(self, *parts: object) -> None:
        self._hash.update(("\0".join(map(str, parts)) + "\1").encode(errors="surrogatepass"))

    def _all(self, values: Iterable[object]) -> None:
        for each in values:
            self.add(each)
        self._text("end")

    def add(self, value: object) -> None:
        kind = type(value)
        if isinstance(value, _ATOMS) and kind.__module__ != _MAIN:
            self._text(kind.__name__, repr(value))
            return
        if isinstance(value, _CODE):
            self._text(kind.__name__, getattr(value, "__name__", ""))
            owner = getattr(value, "__self__", None)
            if owner is not None and not isinstance(owner, types.ModuleType | type):
                self.add(owner)
            return
        if id(value) in self._numbers:
            self._text("again", self._numbers[id(value)])
            return
        self._numbers[id(value)] = len(self._numbers)
        self._alive.append(value)
        self._text(kind.__module__, kind.__qualname__)
        if isinstance(value, type):
            self._class(value)
        else:
            self._object(value)

    def _class(self, value: type) -> None:
        self._text(value.__module__, value.__qualname__)
        if value.__module__ == _MAIN:
            self._namespace(_visible(vars(value)))

    def _object(self, value: Any) -> None:
        kind = type(value)
        own = [each for each in kind.__mro__ if each.__module__ == _MAIN]
        for each in own:
            self.add(each)
        handler = _library_handler(kind)
        if handler is not None:
            handler(self, value)
        elif isinstance(value, list | tuple | dict | set | frozenset):
            self._container(value)
            self._namespace(getattr(value, "__dict__", {}))
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self._all((value.__self__, value.__func__))
        elif isinstance(value, types.GeneratorType):
            self._generator(value)
        elif isinstance(value, io.IOBase):
            self._file(value)
        elif own:
            self._namespace(getattr(value, "__dict__", {}))
            self._slots(value)
        else:
            self._reduced(value)

    def _container(self, value: Any) -> None:
        if isinstance(value, dict):
            for key, held in dict.items(value):
                self._all((key, held))
        elif isinstance(value, set | frozenset):
            self._all(sorted(fingerprint(each) for each in value))
        else:
            self._all(list(value) if isinstance(value, tuple) else list.__iter__(value))
        self.add(getattr(value, "default_factory", None))
        self._text("end")

    def _namespace(self, held: Any) -> None:
        for key, each in dict(held).items():
            if key not in _CACHES:
                self._text(key)
                self.add(each)
        self._text("end")

    def _slots(self, value: object) -> None:
        for kind in type(value).__mro__:
            names = vars(kind).get("__slots__", ())
            for name in (names,) if isinstance(names, str) else tuple(names):
                if name not in _CACHES and hasattr(value, name):
                    self._text(name)
                    self.add(getattr(value, name))

    def _function(self, value: types.FunctionType) -> None:
        self._text(value.__module__, value.__qualname__)
        if value.__module__ != _MAIN:
            return
        for cell in value.__closure__ or ():
            try:
                self.add(cell.cell_contents)
            except ValueError:
                self._text("empty")
        self._all((value.__defaults__, value.__kwdefaults__, dict(value.__dict__)))

    def _generator(self, value: Any) -> None:
        frame = value.gi_frame
        self._text(None if frame is None else frame.f_lasti)
        if frame is not None:
            self._namespace(frame.f_locals)

    def _file(self, value: io.IOBase) -> None:
        if isinstance(value, io.StringIO | io.BytesIO) and not value.closed:
            self.add(value.getvalue())
        is_open = not value.closed
        self._text(is_open, value.tell() if is_open and value.seekable() else "")

    def _reduced(self, value: object) -> None:
        """Write what pickle would store of an object of a library."""
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - any class may forbid it in its own way
            self._namespace(getattr(value, "__dict__", {}))
            return
        if isinstance(reduced, str):
            self._text(reduced)
            return
        _, arguments, state, *rest = [*reduced, None, None][:5]
        self.add(arguments)
        for part in state if isinstance(state, tuple) else (state,):
            self._namespace(part) if isinstance(part, dict) else self.add(part)
        for iterator in rest:
            self._all(iterator if iterator is not None else ())

    # -- libraries -------------------------------------------------------------------------------
    def _array(self, value: Any) -> None:
        self._text(value.dtype, value.shape)
        if value.dtype.hasobject:
            self._all(value.ravel().tolist())
        else:
            self._hash.update(value.tobytes())

    def _frame(self, value: Any) -> None:
        self.add(value.index)
        self.add(value.columns)
        for number in range(value.shape[1]):
            self._column(value.iloc[:, number].array)
        self.add(dict(value.attrs))

    def _series(self, value: Any) -> None:
        self.add(value.index)
        self.add(value.name)
        self._column(value.array)
        self.add(dict(value.attrs))

    def _index(self, value: Any) -> None:
        self.add(list(value.names))
        if value.nlevels > 1:
            self._all(value.to_list())
        else:
            self._column(value.array)

    def _column(self, array: Any) -> None:
        self._text(array.dtype)
        if hasattr(array, "codes"):
            self.add(array.codes)
            self.add(array.categories)
        elif getattr(array.dtype, "kind", "O") in "biufcmM" and hasattr(array, "tobytes"):
            self._hash.update(array.tobytes())
        else:
            self.add(array.to_numpy())

    def _of_frame(self, value: Any) -> None:
        self.add(value.obj)

    def _scalar(self, value: Any) -> None:
        self._text(repr(value))

    def _search_tree(self, value: Any) -> None:
        """Write the points; how often they were asked for is nobody's business."""
        self._hash.update(bytes(value.data))

    def _database(self, value: Any) -> None:
        try:
            self._text(value.total_changes)
        except Exception as error:  # noqa: BLE001 - it is closed
            self._text(type(error).__name__)

    def _drawing(self, value: Any) -> None:
        for artist in value.findobj():
            kind, text = type(artist).__name__, getattr(artist, "_text", "")
            self._text(kind, artist.get_label(), artist.get_visible(), text)
            for name in ("get_xdata", "get_ydata", "get_xlim", "get_ylim"):
                if hasattr(artist, name):
                    self.add(getattr(artist, name)())


_Handler = Callable[[_Writer, Any], None]
_HANDLERS: dict[tuple[str, str], _Handler] = {
    ("numpy", "ndarray"): _Writer._array,
    ("numpy", "generic"): _Writer._scalar,
    ("pandas", "DataFrame"): _Writer._frame,
    ("pandas", "Series"): _Writer._series,
    ("pandas", "Index"): _Writer._index,
    ("pandas", "Timestamp"): _Writer._scalar,
    ("pandas", "Timedelta"): _Writer._scalar,
    ("pandas", "Period"): _Writer._scalar,
    ("pandas", "Interval"): _Writer._scalar,
    ("pandas", "BaseGroupBy"): _Writer._of_frame,
    ("pandas", "BaseWindow"): _Writer._of_frame,
    ("matplotlib", "Artist"): _Writer._drawing,
    ("sklearn", "BinaryTree64"): _Writer._search_tree,
    ("sklearn", "BinaryTree32"): _Writer._search_tree,
    ("sqlite3", "Connection"): _Writer._database,
}
"""(Top module, class) -> how values of the class and of those that inherit from it are written."""


def _library_handler(kind: type) -> _Handler | None:
    for each in kind.__mro__:
        found = _HANDLERS.get((each.__module__.partition(".")[0], each.__name__))
        if found is not None:
            return found
    return None


def _visible(namespace: Any) -> dict[str, object]:
    """Return what a class holds besides methods and what Python puts into each class."""
    skipped = (types.FunctionType, staticmethod, classmethod, types.GetSetDescriptorType)
    return {
        name: value
        for name, value in namespace.items()
        if not (name.startswith("__") and name.endswith("__"))
        and not isinstance(value, skipped)
        and not isinstance(value, types.MemberDescriptorType)
    }
