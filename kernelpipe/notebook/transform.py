"""Turns a cell into Python: magics, shell lines, help and prompts, with line numbers kept."""

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from kernelpipe.notebook.ipython_syntax import LineTransformers, line_transformers
from kernelpipe.notebook.magic_names import LINE_MAGICS

_MAX_ROUNDS = 500
"""As IPython has it: more special lines than that in one cell are an error there, too."""

_PROMPT = re.compile(r"^(?:\[nav\] ?|\[ins\] ?| )?In \[\d+\]: |^\s*\.{3,}:", re.MULTILINE)
_FIRST_WORD = re.compile(r"\s*([\w.*]+)")
_WORDS = re.compile(r"\s*([\w.*]+)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonError:
    """Why a cell is not Python; ``line`` is one-based and ``column`` zero-based, None if unknown.

    Both count in the cell's source.
    """

    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonText:
    """A cell as Python; if ``error`` is set then ``text`` is the source as far as it was turned.

    A statement in line N of the cell is in line N of ``text``. A cell magic is one call of
    ``get_ipython().run_cell_magic`` in the line of its ``%%``. ``await`` may stand outside of
    functions.
    """

    text: str
    error: PythonError | None = None
    automagic: str | None = None
    """What IPython runs instead when nothing binds the cell's first word: a one-line cell that
    begins with a magic's name (``ls``, ``pwd``) is that magic. None for all other cells."""


def transform(source: str) -> PythonText:
    """Return the Python that IPython makes of a cell.

    Args:
        source: The cell's source with newline characters as line ends.
    """
    if ">>>" not in source and not _PROMPT.search(source):
        error = _compile_error(source)
        if error is None:
            return PythonText(text=source, automagic=_automagic(source))
    half = _half_character(source)
    if half is not None:
        return PythonText(text=source, error=half)
    try:
        text = _transform_special(source, line_transformers())
    except SyntaxError as caught:
        return PythonText(text=source, error=_syntax_error(caught, source))
    except (ValueError, IndexError, RuntimeError, RecursionError, AssertionError) as caught:
        return PythonText(
            text=source, error=PythonError(message=f"IPython cannot read it: {caught}")
        )
    return _checked(text, source)


def _checked(text: str, source: str) -> PythonText:
    error = _compile_error(text)
    if error is None:
        return PythonText(text=text, automagic=_automagic(source))
    call = _automagic(source)
    if call is not None:
        return PythonText(text=call)
    return PythonText(text=text, error=error)


def _automagic(source: str) -> str | None:
    """Return the call of the magic that a one-line cell begins with, in its own line."""
    lines = source.splitlines()
    blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if len(lines) != blank + 1:
        return None
    first = _FIRST_WORD.match(lines[blank])
    if first is None or first[1] not in LINE_MAGICS:
        return None
    found = _WORDS.fullmatch(lines[blank])
    if found is None or found[2].startswith(("=", ",")):
        return None
    return "\n" * blank + f"get_ipython().run_line_magic({found[1]!r}, {found[2]!r})\n"


def _compile_error(text: str) -> PythonError | None:
    """Return why ``text`` does not compile, None if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as caught:
        return _syntax_error(caught, text)
    except ValueError as caught:  # half a character; in the first Pythons 3.11 a null byte, too
        return PythonError(message=str(caught))
    except (RecursionError, MemoryError, OverflowError):
        return PythonError(message="it is nested too deeply for Python's parser")
    return None


def _half_character(source: str) -> PythonError | None:
    """Return where ``source`` has half of a UTF-16 pair, None if it has none."""
    try:
        source.encode()
    except UnicodeEncodeError as caught:
        line = source.count("\n", 0, caught.start) + 1
        return PythonError(message="a character that no file can hold", line=line)
    return None


def _syntax_error(error: SyntaxError, text: str) -> PythonError:
    """Return the facts of ``error``, its line within ``text``."""
    lines = text.count("\n") + 1
    line = None if error.lineno is None else max(1, min(error.lineno, lines))
    column = None if line is None or not error.offset else error.offset - 1
    return PythonError(message=error.msg or "invalid syntax", line=line, column=column)


def _transform_special(source: str, transformers: LineTransformers) -> str:
    """Apply IPython's transformations one by one, putting back each line that one takes away."""
    lines = (source if source.endswith("\n") else source + "\n").splitlines(keepends=True)
    before = len(lines)
    for transform_lines in transformers.cleanup_transforms:
        lines = cast("Callable[[list[str]], list[str]]", transform_lines)(lines)
    leading = "\n" * (before - len(lines))
    for transform_lines in transformers.line_transforms:
        lines = cast("Callable[[list[str]], list[str]]", transform_lines)(lines)
    missing = [0] * len(lines)
    for _ in range(_MAX_ROUNDS):
        try:
            is_changed, changed = transformers.do_one_token_transform(lines)
        except SyntaxError as error:
            line = error.lineno or 1
            error.lineno = line + len(leading) + sum(missing[: line - 1])
            raise
        if not is_changed:
            break
        missing = _follow(lines, changed, missing)
        lines = changed
    else:
        raise RuntimeError(f"more than {_MAX_ROUNDS} lines with IPython syntax")
    return leading + "".join(
        line + "\n" * count for line, count in zip(lines, missing, strict=True)
    )


def _follow(old: list[str], new: list[str], missing: list[int]) -> list[int]:
    """Return how many lines are missing after each line of ``new``.

    A transformation replaces one run of lines by one line; ``missing`` is for ``old``.
    """
    same = 0
    while same < len(new) and new[same] == old[same]:
        same += 1
    same = min(same, len(new) - 1)
    end = same + 1 + len(old) - len(new)
    joined = sum(missing[same:end]) + len(old) - len(new)
    return [*missing[:same], joined, *missing[end:]]
