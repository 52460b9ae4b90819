"""Runs cells in an IPython shell and traces what each of them reads, binds and changes."""

import builtins
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tracer import rewriting
from tracer.fingerprint import fingerprint
from tracer.names import Names

JSON = dict[str, Any]


def trace_cells(cells: Sequence[JSON], make_shell: Callable[[Names], Any]) -> Iterator[JSON]:
    """Run ``cells``; yield the trace of each as JSON when it has run.

    Args:
        cells: Code cells as in a notebook's JSON; one tagged ``raises-exception`` may fail without
            ending the run. Readers and makers are indexes of this sequence.
        make_shell: Returns an IPython shell whose namespace is what it is given.
    """
    names = Names()
    shell = make_shell(names)
    shell.ast_transformers.append(rewriting.Rewriter())
    _record_runs(shell, names)
    _record_expansion(shell, names)
    _record_queries(names)
    with _builtins(names):
        for index, cell in enumerate(cells):
            names.begin(index)
            result = shell.run_cell(cell["source"], store_history=True)
            yield names.end(fingerprint).as_json()
            if not result.success and "raises-exception" not in cell["metadata"].get("tags", ()):
                return


def hide_unread(
    cells: Sequence[JSON],
    reads: Sequence[Sequence[str]],
    make_shell: Callable[[dict[str, Any]], Any],
) -> Iterator[None]:
    """Run ``cells`` so that each sees, of what earlier cells made, only the names in ``reads``.

    Yields after each cell. A read that is missing in ``reads`` shows as another output, most often
    as a NameError.
    """
    names: dict[str, Any] = {}
    shell = make_shell(names)
    own = set(names)
    for cell, read in zip(cells, reads, strict=True):
        kept = own | set(read)
        hidden = {
            name: names.pop(name)
            for name in list(names)
            if name not in kept and not name.startswith("_")
        }
        result = shell.run_cell(cell["source"], store_history=True)
        yield
        for name, value in hidden.items():
            names.setdefault(name, value)
        if not result.success and "raises-exception" not in cell["metadata"].get("tags", ()):
            return


def draw_nothing() -> None:
    """Let figures be shown as text: drawing them takes most of a notebook's time."""
    from IPython.core import pylabtools

    pylabtools.print_figure = lambda *_, **__: None


@contextmanager
def _builtins(names: Names) -> Iterator[None]:
    """Give rewritten code what it calls."""

    def note(name: str, local: Mapping[str, Any]) -> bool:
        if name not in local:
            names.note_read(name)
        return True

    def code(given: Any, local: Mapping[str, Any]) -> Any:
        found = given
        if isinstance(given, str | bytes):
            text = given.strip() if isinstance(given, str) else given
            try:
                found = compile(text, "<text>", "eval")
            except SyntaxError:
                found = compile(text, "<text>", "exec")
        names.note_reads(name for name in _names_in(found) if name not in local)
        return given

    given = {
        rewriting.NAMES: names,
        rewriting.NOTE: note,
        rewriting.CODE: code,
        rewriting.LOCALS: builtins.locals,
    }
    vars(builtins).update(given)
    try:
        yield
    finally:
        for name in given:
            delattr(builtins, name)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names_in(constant)


def _record_runs(shell: Any, names: Names) -> None:
    """Record only while code of a cell runs, not what the shell itself does in between."""
    run_code = shell.run_code

    async def recorded(*arguments: Any, **named: Any) -> Any:
        before, names.is_recording = names.is_recording, True
        try:
            return await run_code(*arguments, **named)
        finally:
            names.is_recording = before

    shell.run_code = recorded


def _record_expansion(shell: Any, names: Names) -> None:
    """See the names in ``{expression}`` and ``$name`` of magics and shell lines."""
    from IPython.utils.text import DollarFormatter

    expand = shell.var_expand

    def recorded(text: str, depth: int = 0, *formatter: Any) -> Any:
        local = sys._getframe(depth + 1).f_locals
        hidden = () if local is names else local
        try:
            fields = [field for _, field, _, _ in DollarFormatter().parse(text) if field]
        except ValueError:
            fields = []
        for field in fields:
            with suppress(SyntaxError):
                code = compile(field, "<field>", "eval")
                names.note_reads(name for name in _names_in(code) if name not in hidden)
        return expand(text, depth + 1, *formatter)

    shell.var_expand = recorded


def _record_queries(names: Names) -> None:
    """See the names in the texts that pandas evaluates."""
    from pandas.core.computation.scope import Scope

    resolve = Scope.resolve

    def recorded(self: Any, key: str, is_local: bool) -> Any:  # noqa: FBT001 - pandas's signature
        value = resolve(self, key, is_local)
        if dict.get(names, key, names) is value:
            names.note_read(key)
        return value

    Scope.resolve = recorded
