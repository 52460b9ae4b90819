"""The namespace of a traced notebook: a dict that sees each name that is read, bound or deleted."""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

_SHELLS = re.compile(r"__\w*|_(?:i{0,3}|_|i?\d+|[iod]h)|In|Out|exit|quit|open|get_ipython")
_MISSING = object()


@dataclass(kw_only=True)
class CellTrace:
    """What one cell did: name read -> (maker, last binder), which are indexes of traced cells.

    Only reads of what an earlier cell bound are there, a deletion among them; the maker is the cell
    that bound the name or changed its value in place last before this cell began. A name that the
    cell binds is not among ``changed``.
    """

    reads: dict[str, tuple[int, int]] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, names sorted."""
        return {
            "reads": [[name, *self.reads[name]] for name in sorted(self.reads)],
            "bound": sorted(self.bound),
            "deleted": sorted(self.deleted),
            "changed": sorted(self.changed),
        }


class Names(dict[str, Any]):
    """Globals and locals of the cells.

    CPython asks ``__getitem__`` and its like for each ``LOAD_NAME``, ``LOAD_GLOBAL``,
    ``STORE_NAME`` and ``DELETE_NAME`` since this is no plain dict. ``STORE_GLOBAL`` and
    ``DELETE_GLOBAL`` go past them: where code could not be rewritten (``tracer.rewriting``) they
    are found by comparing with what was known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_recording = False
        self.trace = CellTrace()
        self._cell = -1
        self._known: dict[str, object] = {}
        self._binder: dict[str, int] = {}
        self._maker: dict[str, int] = {}
        self._prints: dict[str, bytes] = {}

    # -- cells -----------------------------------------------------------------------------------
    def begin(self, cell: int) -> None:
        """Let what happens from now on be what ``cell`` does."""
        self._cell = cell
        self.trace = CellTrace()

    def end(self, fingerprint: Callable[[object], bytes]) -> CellTrace:
        """Return what the cell did; two fingerprints of a value differ if it was changed."""
        self._settle()
        before, self._prints = self._prints, {}
        for name, value in self._known.items():
            self._prints[name] = fingerprint(value)
            if self._binder[name] != self._cell and self._prints[name] != before[name]:
                self.trace.changed.add(name)
                self._maker[name] = self._cell
        return self.trace

    def _settle(self) -> None:
        """Record what went past this dict's methods."""
        self.is_recording = True
        for name in [*self, *self._known]:
            value = dict.get(self, name, _MISSING)
            if value is _MISSING:
                self._note_delete(name)
            elif self._known.get(name, _MISSING) is not value:
                self._note_bind(name, value)
        self.is_recording = False

    # -- what code does --------------------------------------------------------------------------
    def note_read(self, name: object) -> None:
        """Record that the running code has read ``name``, if it is one of the notebook's."""
        value = dict.get(self, name, _MISSING)
        if not self.is_recording or value is _MISSING or not is_own(name):
            return
        assert isinstance(name, str)
        if self._known.get(name, _MISSING) is not value:
            self._note_bind(name, value)
        elif self._binder[name] != self._cell:
            self.trace.reads.setdefault(name, (self._maker[name], self._binder[name]))

    def _note_bind(self, name: str, value: object) -> None:
        if self.is_recording and is_own(name):
            self._known[name] = value
            self._binder[name] = self._maker[name] = self._cell
            self.trace.bound.add(name)
            self.trace.deleted.discard(name)

    def _note_delete(self, name: object) -> None:
        if self.is_recording and name in self._known:
            assert isinstance(name, str)
            del self._known[name]
            self.trace.bound.discard(name)
            self.trace.deleted.add(name)

    # -- dict ------------------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Any:
        value = dict.__getitem__(self, name)
        self.note_read(name)
        return value

    def __contains__(self, name: object) -> bool:
        if self._is_asked_by_notebook():
            self.note_read(name)
        return dict.__contains__(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, as dict does."""
        if self._is_asked_by_notebook():
            self.note_read(name)
        return dict.get(self, name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self, name, value)
        self._note_bind(name, value)

    def __delitem__(self, name: str) -> None:
        self.note_read(name)
        dict.__delitem__(self, name)
        self._note_delete(name)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a name, as dict does."""
        self.note_read(name)
        value = dict.pop(self, name, *default)
        self._note_delete(name)
        return value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a value, binding it first where there is none, as dict does."""
        if not dict.__contains__(self, name):
            self[name] = default
        return self[name]

    def update(self, *given: Any, **named: Any) -> None:
        """Bind many names, as dict does; ``%timeit`` puts back all as they are."""
        is_notebook = self._is_asked_by_notebook()
        for name, value in dict(*given, **named).items():
            if is_notebook or dict.get(self, name, _MISSING) is not value:
                self[name] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # as dict does
        self.update(other)
        return self

    def _is_asked_by_notebook(self) -> bool:
        """Tell whether the caller of the method that asks is code of the notebook."""
        return sys._getframe(2).f_globals is self

    def note_reads(self, names: Iterable[str]) -> None:
        """Record that the running code has read ``names``."""
        for name in names:
            self.note_read(name)


def is_own(name: object) -> bool:
    """Tell whether ``name`` is the notebook's, not the shell's own or one of hidden state."""
    return isinstance(name, str) and name.isidentifier() and _SHELLS.fullmatch(name) is None
