"""A notebook file's bytes to the JSON of notebook format 4.5, checked, every cell with an id."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kernelpipe.errors import NotebookReadError
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.notebook import rules

JSON = dict[str, Any]

FORMAT: Final = 4
MINOR: Final = 5
"""The newest format that is known: what comes out has this minor version or a newer one."""
_OLDEST: Final = 3
_CELL_TYPES: Final = frozenset({"code", "markdown", "raw"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SAVE_AGAIN: Final = "open the notebook in JupyterLab and save it"
_NO_NOTEBOOK: Final = "is this a notebook? JupyterLab saves them as .ipynb files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A notebook's JSON; nobody but the reader of the file holds it, so it may be changed."""

    content: JSON
    diagnostics: tuple[Diagnostic, ...]


def read_document(content: bytes, *, path: str) -> Document:
    """Return the notebook that the bytes of a file mean.

    Raises:
        NotebookReadError: If they are not a notebook that can be read.
    """
    text, diagnostics = _decode(content, path)
    found = _load(text, path)
    diagnostics += _check_format(found, path)
    if found["nbformat"] < FORMAT:
        found = _upgrade(found, path)
    _check_cells(found, path)
    diagnostics += _identify(found, path)
    found["nbformat_minor"] = max(MINOR, _minor(found))
    return Document(content=found, diagnostics=tuple(diagnostics))


def joined(source: object) -> str | None:
    """Return a source that is text or a list of texts as one text, None for anything else."""
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(part, str) for part in source):
        return "".join(source)
    return None


def _decode(content: bytes, path: str) -> tuple[str, list[Diagnostic]]:
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise NotebookReadError("the file is empty", path=path, hint=_NO_NOTEBOOK)
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding, "surrogatepass"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = rules.ENCODING.at(
            Location(path=path),
            f"line {line} of the file is not {encoding.upper()}; the file is read as Latin-1",
            "save the notebook as UTF-8",
        )
        return content.decode("latin-1"), [found]


def _load(text: str, path: str) -> JSON:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        is_page = text.lstrip()[:1] == "<"
        raise NotebookReadError(
            f"the file is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            path=path,
            hint="this is a web page; download the file itself"
            if is_page
            else "restore the file, or repair it in a text editor",
        ) from error
    except (ValueError, RecursionError) as error:
        raise NotebookReadError(f"the file's JSON cannot be read: {error}", path=path) from error
    if not isinstance(found, dict):
        kind = "a list" if isinstance(found, list) else "a single value"
        raise NotebookReadError(
            f"the file holds {kind}, which is no notebook", path=path, hint=_NO_NOTEBOOK
        )
    return found


def _check_format(found: JSON, path: str) -> list[Diagnostic]:
    version = _whole(found.get("nbformat"))
    if version is None and "cells" not in found and "worksheets" not in found:
        raise NotebookReadError("the file is JSON, but has no cells", path=path, hint=_NO_NOTEBOOK)
    if version is None:
        raise NotebookReadError(
            f"'nbformat' is {_shown(found.get('nbformat'))}, not a version number",
            path=path,
            hint=_SAVE_AGAIN,
        )
    if not _OLDEST <= version <= FORMAT:
        raise NotebookReadError(
            f"notebook format {version} cannot be read, only {_OLDEST} and {FORMAT}",
            path=path,
            hint=_SAVE_AGAIN,
        )
    found["nbformat"] = version
    if version == FORMAT and _minor(found) > MINOR:
        return [
            rules.NEWER_FORMAT.at(
                Location(path=path),
                f"notebook format {FORMAT}.{_minor(found)} is newer than {FORMAT}.{MINOR}, the "
                "newest that is known; what it adds is not seen",
            )
        ]
    return []


def _whole(value: object) -> int | None:
    """Return a whole number, which JSON may write as ``4.0``, None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    return None


def _minor(found: Mapping[str, Any]) -> int:
    return _whole(found.get("nbformat_minor")) or 0


def _upgrade(found: JSON, path: str) -> JSON:
    """Return a notebook of format 3 as one of format 4."""
    for cell in _old_cells(found):
        language = cell.get("language", "python")
        if cell.get("cell_type") == "code" and language != "python":
            raise NotebookReadError(
                f"the notebook's language is {_shown(language)}; kernelpipe runs Python notebooks",
                path=path,
            )
    import nbformat  # slow, and few notebooks are that old

    try:
        upgraded = nbformat.convert(nbformat.from_dict(found), FORMAT)
    except Exception as error:  # it fails as the broken part makes it fail
        raise NotebookReadError(
            f"the notebook of format 3 cannot be upgraded: {type(error).__name__}: {error}",
            path=path,
            hint=_SAVE_AGAIN,
        ) from error
    content: JSON = json.loads(json.dumps(upgraded))
    for cell in content["cells"]:
        cell.pop("id", None)  # a random one
    return content


def _old_cells(found: JSON) -> Iterator[JSON]:
    worksheets = found.get("worksheets")
    for sheet in worksheets if isinstance(worksheets, list) else []:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        yield from (c for c in (cells if isinstance(cells, list) else []) if isinstance(c, dict))


def _check_cells(found: JSON, path: str) -> None:
    cells = found.get("cells")
    if not isinstance(cells, list):
        raise NotebookReadError(
            "the notebook has no cells"
            if cells is None
            else f"'cells' is {_shown(cells)}, not a list",
            path=path,
            hint=_validation(found) or _NO_NOTEBOOK,
        )
    for index, cell in enumerate(cells):
        problem = _cell_problem(cell)
        if problem:
            raise NotebookReadError(f"cell {index} {problem}", path=path, hint=_validation(found))


def _cell_problem(cell: object) -> str | None:
    """Return why a cell cannot be read, None if it can."""
    if not isinstance(cell, dict):
        return f"is {_shown(cell)}, not a cell"
    kind = cell.get("cell_type")
    if not isinstance(kind, str) or kind not in _CELL_TYPES:
        return f"has the cell type {_shown(kind)}"
    if joined(cell.get("source")) is None:
        return f"has {_shown(cell.get('source'))} for its source, not text"
    return None


def _identify(found: JSON, path: str) -> list[Diagnostic]:
    """Give an id to each cell that has none of its own; the same file gets the same ids."""
    first: dict[str, int] = {}
    diagnostics: list[Diagnostic] = []
    without: list[tuple[int, JSON]] = []
    for index, cell in enumerate(found["cells"]):
        name = cell.get("id")
        if not isinstance(name, str) or not _ID.fullmatch(name):
            without.append((index, cell))
        elif name in first:
            without.append((index, cell))
            diagnostics.append(
                rules.DUPLICATE_ID.at(
                    Location(path=path, cell_index=index),
                    f"the cell has the id of cell {first[name]}, '{name}'",
                    _SAVE_AGAIN,
                )
            )
        else:
            first[name] = index
    for index, cell in without:
        name = f"cell-{index}"
        while name in first:
            name += "-"
        first[name] = index
        cell["id"] = name
    return diagnostics


def _validation(found: JSON) -> str | None:
    """Return what nbformat says is wrong, None if it finds nothing."""
    import nbformat  # slow

    said = None
    try:
        nbformat.validate(found, version=FORMAT, version_minor=min(MINOR, _minor(found)))
    except nbformat.ValidationError as error:
        said = f"nbformat says: {str(error).splitlines()[0]}"
    except Exception:  # noqa: BLE001  # it trips over what it should find
        said = None
    return said


def _shown(value: object) -> str:
    """Return a short text for a JSON value."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."  # noqa: PLR2004  # fits in a line
