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
