"""Hides modules that were imported beforehand until the step's own code imports them.

A step sees in ``sys.modules`` what its own imports loaded, and nothing else; the warnings filters
and environment variables that a module sets when it is imported are set at that moment, too.
"""

import builtins
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder
from types import FrameType, ModuleType
from typing import Any, Self

_Filter = tuple[Any, ...]


class Effect:
    """What the import of one module did to warnings filters and environment variables."""

    def __init__(
        self, module: str, filters: list[_Filter], variables: dict[str, str | None]
    ) -> None:
        self.module = module
        self._filters = filters
        self._variables = variables

    def apply(self) -> None:
        """Do it again."""
        filters: Any = warnings.filters
        for entry in reversed(self._filters):
            if entry in filters:
                filters.remove(entry)
            filters.insert(0, entry)
        _note_new_filters()
        for name, text in self._variables.items():
            if text is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = text


class Recorder:
    """Notes which modules import which, and what each does, while it is used as a context manager.

    ``problem`` says what cannot be done again later, None if there is no such thing.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._first = set(sys.modules)
        self._edges: dict[str, set[str]] = {}
        self._effects: list[Effect] = []
        self._base = self._filters, self._variables = _settings()
        self._raw = _raw_variables()
        self._import = builtins.__import__
        self._import_module = importlib.import_module

    def __enter__(self) -> Self:
        builtins.__import__ = self._recorded_import
        importlib.import_module = self._recorded_import_module
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import
        importlib.import_module = self._import_module

    def hide(self) -> "Hidden":
        """Take the modules that were imported meanwhile out of sight, and their effects back."""
        modules = {name: found for name, found in sys.modules.items() if name not in self._first}
        for name in modules:
            del sys.modules[name]
        first, variables = self._base
        filters: Any = warnings.filters
        filters[:] = first
        _note_new_filters()
        for name in set(os.environ) - set(variables):
            del os.environ[name]
        os.environ.update(variables)
        # multiprocessing gives the main module a second name.
        self._edges.setdefault("multiprocessing", set()).add("__mp_main__")
        hidden = Hidden(modules, self._edges, self._effects)
        if modules:
            sys.meta_path.insert(0, hidden)
        return hidden

    def _recorded_import(
        self,
        name: str,
        globals: Any = None,  # noqa: A002 - as the function that it replaces
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        def imported() -> ModuleType:
            return self._import(name, globals, locals, fromlist, level)

        def names(found: ModuleType) -> Iterable[str]:
            full = found.__name__ if level or fromlist else name
            return [full, *(f"{full}.{item}" for item in fromlist or ())]

        return self._record(sys._getframe(1), imported, names)  # noqa: SLF001

    def _recorded_import_module(self, name: str, package: str | None = None) -> ModuleType:
        return self._record(
            sys._getframe(1),  # noqa: SLF001
            lambda: self._import_module(name, package),
            lambda found: [found.__name__],
        )

    def _record(
        self,
        frame: FrameType | None,
        imported: Callable[[], ModuleType],
        names: Callable[[ModuleType], Iterable[str]],
    ) -> ModuleType:
        """Import, and note what was asked for, by whom, what came with it and what it did."""
        while frame is not None and not _is_module_body(frame):
            frame = frame.f_back
        importer = "" if frame is None else frame.f_globals["__name__"]
        self._note_effects(importer)
        count = len(sys.modules)
        found = imported()
        full, *others = names(found)
        asked = {full, *(name for name in others if name in sys.modules)}
        self._edges.setdefault(importer, set()).update(asked)
        if len(sys.modules) > count:
            new = list(sys.modules)[count:]
            # Extension modules import without a frame of their own.
            for name in filter(_is_extension, asked.intersection(new)):
                self._edges.setdefault(name, set()).update(new)
            self._note_effects(full)
        return found

    def _note_effects(self, module: str) -> None:
        filters, variables = self._filters, self._variables
        if warnings.filters == filters and _raw_variables() == self._raw:
            return
        self._raw = _raw_variables()
        self._filters, self._variables = _settings()
        added = _added(filters, self._filters)
        if added is None:
            self.problem = "its import removes warnings filters"
            return
        changed: dict[str, str | None] = {
            name: text for name, text in self._variables.items() if variables.get(name) != text
        }
        changed.update(dict.fromkeys(set(variables) - set(self._variables)))
        self._effects.append(Effect(module, added, changed))


class Hidden:
    """Finds the hidden modules when they are imported; part of ``sys.meta_path``."""

    def __init__(
        self, modules: dict[str, ModuleType], edges: dict[str, set[str]], effects: list[Effect]
    ) -> None:
        self.modules = modules
        self._edges = edges
        self._effects = effects

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return how to load a hidden module; None if it is not hidden."""
        del target
        module = self.modules.get(name)
        if module is None:
            return None
        known: Any = module.__spec__
        if path is None and known is not None and known.has_location:
            found = PathFinder.find_spec(name)
            if found is None or found.origin != known.origin:
                return None  # another module has that name now
        spec = ModuleSpec(name, self, origin=known and known.origin)  # type: ignore[arg-type]  # as duck
        spec.submodule_search_locations = known and known.submodule_search_locations
        spec.loader_state = known
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module that was imported beforehand."""
        return self.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Bring to light, with the module, what its import brings along."""
        spec: Any = module.__spec__
        module.__spec__ = spec.loader_state
        revealed = self._closure(spec.name)
        for name in [name for name in self.modules if name in revealed]:
            sys.modules.setdefault(name, self.modules.pop(name))
        for effect in [effect for effect in self._effects if effect.module in revealed]:
            effect.apply()
            self._effects.remove(effect)
        if not self.modules:
            sys.meta_path.remove(self)

    def _closure(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in found or current not in self.modules:
                continue
            found.add(current)
            waiting.extend(self._edges.get(current, ()))
            waiting.append(current.rpartition(".")[0])
        return found


def _is_module_body(frame: FrameType) -> bool:
    """Tell whether a frame executes a module: code that one executes itself is not one."""
    if frame.f_code.co_name != "<module>":
        return False
    module = sys.modules.get(frame.f_globals.get("__name__", ""))
    return module is not None and vars(module) is frame.f_globals


def _is_extension(name: str) -> bool:
    spec: Any = getattr(sys.modules[name], "__spec__", None)
    return isinstance(getattr(spec, "loader", None), ExtensionFileLoader)


def _raw_variables() -> dict[Any, Any]:
    """Return a copy of what is behind ``os.environ``: hundred times as fast as itself."""
    environment: Any = os.environ
    return dict(environment._data)  # noqa: SLF001 - see above


def _settings() -> tuple[list[_Filter], dict[str, str]]:
    return list(warnings.filters), dict(os.environ)


def _added(old: list[_Filter], new: list[_Filter]) -> list[_Filter] | None:
    """Return the filters that were put before the old ones, None if something else happened."""
    for count in range(len(new) + 1):
        added = new[:count]
        if new[count:] == [entry for entry in old if entry not in added]:
            return added
    return None


def _note_new_filters() -> None:
    mutated = getattr(warnings, "_filters_mutated", None)
    if mutated is not None:
        mutated()
