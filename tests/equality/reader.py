"""Reads the small notebooks of the equality suite from text.

A file holds many cases. A case begins with ``# == NAME``, goes on with expectations, one
``# KEY: TEXT`` per line, and then its cells: ``# %% TAGS`` (separated by blanks, or a JSON list)
or ``# %% [markdown]`` before each. Expectations:

- ``expect``: what may come of it, separated by ``|``: ``equal`` (outputs equal the plain run's,
  cell by cell), ``refused CODE`` (an error whose code begins with CODE), ``fails TEXT`` (a step
  fails and says TEXT), ``same error`` (the plain run fails, and the pipeline at the same cell with
  the same error);
- ``edges``: data edges that must be there: ``a->b: x, y; b->c: z``;
- ``no edges``: names that must not cross: ``a->b: x``, or ``a->b`` for no data edge at all;
- ``parallel``: steps without a path between them: ``b, c; d, e``;
- ``ordered``: steps with a path between them: ``a->b; b->c``;
- ``files``: files that travel: ``b takes x.txt of a, y.txt of a; c takes x.txt of b``;
- ``no files``: steps that take none, at all or of one step: ``c, d of a``;
- ``kernel``: ``yes`` adds the case to those that run in real kernels, too;
- ``known``: why what is expected does not come of it yet; the test says when it does.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit

CASES = Path(__file__).with_name("cases")
KEYS = frozenset(
    {"expect", "edges", "no edges", "parallel", "ordered", "files", "no files", "kernel", "known"}
)

_CASE = re.compile(r"(?m)^# == ")
_CELL = re.compile(r"(?m)^# %%[ ]?")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One small notebook with what is expected of it.

    ``data`` and ``missing`` hold (producer, consumer, names); ``parallel`` and ``ordered`` pairs of
    steps.
    """

    name: str
    notebook: dict[str, Any]
    expect: tuple[str, ...]
    data: tuple[tuple[str, str, frozenset[str]], ...]
    missing: tuple[tuple[str, str, frozenset[str]], ...]
    parallel: tuple[tuple[str, str], ...]
    ordered: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str, str], ...]
    """(consumer, path, producer)."""
    no_files: tuple[tuple[str, str], ...]
    """(consumer, producer), or "" for any."""
    needs_kernel: bool
    known: str | None


def read_cases() -> list[Case]:
    """Return every case, by file and then in the file's order."""
    return [case for path in sorted(CASES.glob("*.cells")) for case in _read_file(path)]


def split_file(
    path: Path, known: Collection[str]
) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
    """Yield the name, the expectations (those in ``known``) and the notebook of each case."""
    _, *parts = _CASE.split(path.read_text(encoding="utf-8"))
    for part in parts:
        head, *cells = _CELL.split(part)
        title, _, rest = head.partition("\n")
        keys = dict(_expectations(title, rest, known))
        yield f"{path.stem}:{title.strip()}", keys, kit.notebook(*map(_cell, cells))


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the notebook in ``path``: its cells alone, in the same format."""
    head, *cells = _CELL.split(path.read_text(encoding="utf-8"))
    if head.strip():
        raise ValueError(f"{path}: code before its first cell: {head.strip()!r}")
    return kit.notebook(*map(_cell, cells))


def _read_file(path: Path) -> Iterator[Case]:
    for name, keys, notebook in split_file(path, KEYS):
        yield Case(
            name=name,
            notebook=notebook,
            expect=tuple(option.strip() for option in keys.get("expect", "equal").split("|")),
            data=tuple(_edges(keys.get("edges", ""))),
            missing=tuple(_edges(keys.get("no edges", ""))),
            parallel=tuple(_pairs(keys.get("parallel", ""), ",")),
            ordered=tuple(_pairs(keys.get("ordered", ""), "->")),
            files=tuple(_files(keys.get("files", ""))),
            no_files=tuple(_no_files(keys.get("no files", ""))),
            needs_kernel=keys.get("kernel") == "yes",
            known=keys.get("known"),
        )


def _expectations(title: str, text: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    for line in filter(None, text.splitlines()):
        key, colon, value = line.removeprefix("# ").partition(":")
        if key in known and colon:
            yield key, value.strip()
        elif not line.startswith("#"):
            raise ValueError(f"case {title.strip()!r}: code before its first cell: {line!r}")


def _cell(text: str) -> dict[str, Any]:
    header, _, source = text.partition("\n")
    header = header.strip()
    if header == "[markdown]":
        return kit.markdown(source.strip())
    tags = json.loads(header) if header.startswith("[") else header.split()
    return kit.code(source.strip("\n"), *tags)


def _edges(text: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    for part in filter(None, map(str.strip, text.split(";"))):
        steps, _, names = part.partition(":")
        producer, consumer = (step.strip() for step in steps.split("->"))
        yield producer, consumer, frozenset(n.strip() for n in names.split(",") if n.strip())


def _pairs(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, map(str.strip, text.split(";"))):
        first, second = (step.strip() for step in part.split(separator))
        yield first, second


def _files(text: str) -> Iterator[tuple[str, str, str]]:
    for part in filter(None, map(str.strip, text.split(";"))):
        consumer, _, found = part.partition(" takes ")
        for each in found.split(", "):
            path, _, producer = each.rpartition(" of ")
            yield consumer, path, producer


def _no_files(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, map(str.strip, text.split(","))):
        consumer, _, producer = part.partition(" of ")
        yield consumer, producer
