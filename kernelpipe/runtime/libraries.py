"""Pickles objects of libraries that need more of their library than their own module.

The functions that make them are named in value files, so their names and arguments are part of the
file format.
"""

import copyreg
import importlib
import pickle
import sys
import types
from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def reduce_module(pickler: Any, obj: types.ModuleType) -> Any:
    """Reduce a module with the submodules that the process has imported into it."""
    name = obj.__name__
    reduced = pickler.default(obj)
    if sys.modules.get(name) is not obj or "__path__" not in vars(obj):
        return reduced
    parts = sorted(other for other in list(sys.modules) if other.startswith(f"{name}."))
    return (imported_module, (name, [part for part in parts if _is_reached(obj, part)]))


def _is_reached(package: types.ModuleType, name: str) -> bool:
    """Tell whether a chain of attributes leads from ``package`` to the submodule ``name``."""
    found: Any = package
    for part in name.removeprefix(f"{package.__name__}.").split("."):
        found = vars(found).get(part)
        if not isinstance(found, types.ModuleType):
            return False
    return found is sys.modules[name]


def imported_module(name: str, parts: Iterable[str]) -> types.ModuleType:
    """Return a module with those of its submodules that can be imported here, too."""
    made = importlib.import_module(name)
    for part in parts:
        if part not in sys.modules:
            with suppress(Exception):  # code of any library; the user may not need this one
                importlib.import_module(part)
    return made


def reduce_figure(_pickler: Any, obj: Any) -> Any:
    """Reduce a figure so that it is shown as here, where pyplot may have loaded its backend."""
    reduced = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    backend = None if pyplot is None else pyplot._backend_mod  # noqa: SLF001 - not said elsewhere
    if reduced[0] is not copyreg.__newobj__ or backend is None:  # type: ignore[attr-defined]
        return reduced
    return (make_pyplot_figure, *reduced[1:])


def make_pyplot_figure(kind: Any, *args: Any) -> Any:
    """Return an empty figure, with the backend loaded that pyplot uses here.

    Only a loaded backend makes IPython show figures as images.
    """
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    if pyplot._backend_mod is None:  # noqa: SLF001 - not said elsewhere
        pyplot._get_backend_mod()  # noqa: SLF001 - what plt.figure calls
    return kind.__new__(kind, *args)


_MASKED = ("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray")
"""What numpy calls the class: subclasses keep what they are."""


def reduce_masked(_pickler: Any, obj: Any) -> Any:
    """Reduce a masked array so that others that show its data or its mask go on to do so."""
    kind = type(obj)
    if f"{kind.__module__}.{kind.__qualname__}" not in _MASKED:
        return NotImplemented
    numpy: Any = sys.modules["numpy"]
    return (make_masked, (obj.view(numpy.ndarray), dict(vars(obj))))


def make_masked(values: Any, state: dict[str, Any]) -> Any:
    """Return the masked array that shows ``values``; ``state`` are its attributes."""
    ma: Any = importlib.import_module("numpy.ma")
    made = values.view(ma.MaskedArray)
    vars(made).update(state)
    return made


def reduce_frame(_pickler: Any, obj: Any) -> Any:
    """Reduce a frame or series so that a name of its ``attrs`` goes on to be one."""
    is_alone = _references(obj) <= _references(types.SimpleNamespace(_attrs={}))
    reduced = NotImplemented if is_alone else obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if is_alone or not isinstance(reduced[2], dict):
        return reduced
    return (*reduced[:3], None, None, set_frame_state)


def _references(frame: Any) -> int:
    """Return how many times the ``attrs`` of a frame are referred to."""
    attrs = getattr(frame, "_attrs", None)
    return 0 if attrs is None else sys.getrefcount(attrs)


def set_frame_state(frame: Any, state: dict[str, Any]) -> None:
    """Restore a frame with the very dict that it has for its ``attrs``."""
    frame.__setstate__(state)
    object.__setattr__(frame, "_attrs", state["attrs"])
