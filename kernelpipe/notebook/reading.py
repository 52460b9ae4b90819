"""Reads a notebook file into the model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Final

from kernelpipe.errors import NotebookReadError
from kernelpipe.model.diagnostic import Diagnostic, in_notebook_order
from kernelpipe.model.location import Location
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.notebook import rules
from kernelpipe.notebook.document import JSON, joined, read_document
from kernelpipe.notebook.metadata import OWN_KEY, parse_cell_metadata, parse_metadata
from kernelpipe.notebook.settings_tags import merge_settings
from kernelpipe.notebook.tags import CellTags, parse_tags
from kernelpipe.notebook.walk import SETUP_ROLES, Walk

_PYTHON: Final = ("python", "ipython", "pypy", "xpython")
_OTHER_KERNELS: Final = re.compile(
    r"(?:ir|xr|julia|bash|zsh|javascript|jslab|deno|scala|almond|apache_toree|sos|xcpp|xeus-cling"
    r"|clojure|ruby|iruby|octave|matlab|sas|stata|rust|evcxr|gophernotes|gonb|kotlin|i?java"
    r"|i?haskell|\.net-[a-z]+|sagemath|xsqlite|maple|perl)(?:[-_. ]?[0-9][0-9.]*)?",
    re.IGNORECASE,
)
"""Kernels that tell their language by their name alone; any other may be a Python environment."""


def read_notebook(path: Path) -> Notebook:
    """Return the notebook at ``path``.

    Raises:
        NotebookReadError: If it cannot be read, is no notebook, or is not a Python notebook.
    """
    return parse_notebook(read_content(path), path=str(path))


def read_content(path: Path) -> bytes:
    """Return the bytes of the file at ``path``.

    Raises:
        NotebookReadError: If there is no such file or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotebookReadError(
            "there is no such file", path=str(path), hint=_similar_file(path)
        ) from error
    except IsADirectoryError as error:
        raise NotebookReadError(
            "this is a folder, not a notebook", path=str(path), hint=_a_notebook_in(path)
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise NotebookReadError(
            f"the file cannot be read: {reason or error}", path=str(path)
        ) from error


def parse_notebook(content: bytes, *, path: str) -> Notebook:
    """Return the notebook that the bytes of a file mean.

    Args:
        content: Of format 3 or 4; UTF-8, or UTF-16 or UTF-32 with or without a byte order mark.
        path: Used in messages and, where metadata gives no name, to name the pipeline.

    Raises:
        NotebookReadError: If they are no notebook, or not a Python notebook.
    """
    document = read_document(content, path=path)
    reader = _CellReader(path=path, diagnostics=list(document.diagnostics))
    metadata = reader.mapping(document.content, Location(path=path), "the notebook")
    kernel_name = _check_language(metadata, path)
    settings, found = parse_metadata(metadata, path=path)
    for index, cell in enumerate(document.content["cells"]):
        reader.read(index, cell)
    return Notebook(
        path=path,
        name=settings.name or PurePath(path).stem,
        kernel_name=kernel_name,
        cells=tuple(reader.cells),
        settings=settings,
        diagnostics=in_notebook_order((*reader.diagnostics, *found)),
    )


def _similar_file(path: Path) -> str | None:
    """Return a hint with the notebook beside ``path`` that has nearly its name."""
    import difflib  # noqa: PLC0415  # only for a path that does not exist

    try:
        names = sorted(each.name for each in path.parent.glob("*.ipynb"))
    except (OSError, ValueError):
        return None
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean '{path.with_name(near[0])}'?" if near else None


def _a_notebook_in(path: Path) -> str | None:
    try:
        names = sorted(path.glob("*.ipynb"))
    except OSError:
        return None
    return f"name a notebook, for example '{names[0]}'" if names else "name an .ipynb file"


def _check_language(metadata: Mapping[str, Any], path: str) -> str | None:
    """Return the kernel's name; refuse a notebook of another language than Python."""
    kernel = metadata.get("kernelspec")
    kernel = kernel if isinstance(kernel, dict) else {}
    about = metadata.get("language_info")
    about = about if isinstance(about, dict) else {}
    name = kernel.get("name")
    name = name if isinstance(name, str) and name else None
    language = next(
        (text for text in (kernel.get("language"), about.get("name")) if _is_text(text)), None
    )
    if language is None and name is not None and _OTHER_KERNELS.fullmatch(name):
        language = name
    if language is not None and not language.lower().startswith(_PYTHON):
        raise NotebookReadError(
            f"the notebook's language is '{language}'; kernelpipe runs Python notebooks",
            path=path,
            hint="choose a Python kernel for it in JupyterLab"
            if name is None
            else f"its kernel is '{name}'; choose a Python kernel for it in JupyterLab",
        )
    return name


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


@dataclass(slots=True)
class _CellReader:
    """Reads cells in notebook order: what an untagged cell is depends on those above."""

    path: str
    diagnostics: list[Diagnostic]
    cells: list[Cell] = field(default_factory=list)
    walk: Walk = field(default_factory=Walk)

    def read(self, index: int, cell: JSON) -> None:
        """Take in one cell of any type."""
        location = Location(path=self.path, cell_index=index, cell_id=cell["id"])
        metadata = self.mapping(cell, location, "the cell")
        tags = self._with_settings(
            parse_tags(self._tags(metadata, location), location), metadata, location
        )
        if cell["cell_type"] != "code":
            self._check_text_cell(tags, location, cell["cell_type"])
            return
        self.diagnostics += tags.diagnostics
        source = self._source(cell, location)
        count = cell.get("execution_count")
        self.cells.append(
            Cell(
                index=index,
                id=cell["id"],
                source=source,
                location=location,
                role=self._place(tags, location),
                step=tags.step,
                after=tags.after,
                settings=tags.settings,
                may_raise="raises-exception" in tags.foreign,
                execution_count=count if type(count) is int else None,
            )
        )

    def mapping(self, owner: JSON, location: Location, what: str) -> JSON:
        """Return the metadata of a cell or of the notebook; odd ones are reported and left out."""
        metadata = owner.get("metadata")
        if isinstance(metadata, dict):
            return metadata
        if metadata is not None:
            self._odd(location, f"{what}'s metadata is not a mapping; it is not read")
        return {}

    def _odd(self, location: Location, message: str) -> None:
        self.diagnostics.append(rules.ODD_METADATA.at(location, message))

    def _tags(self, metadata: JSON, location: Location) -> list[str]:
        tags = metadata.get("tags")
        if tags is None:
            return []
        if not isinstance(tags, list):
            self.diagnostics.append(
                rules.ODD_METADATA.at(
                    location,
                    "the cell's tags are not a list; they are not read",
                    f'did you mean the list ["{tags}"]?' if isinstance(tags, str) else None,
                )
            )
            return []
        if not all(isinstance(tag, str) for tag in tags):
            self._odd(location, "a tag of the cell is not text; it is not read")
        return [tag for tag in tags if isinstance(tag, str)]

    def _with_settings(self, tags: CellTags, metadata: JSON, location: Location) -> CellTags:
        """Return what the tags say together with the settings in the cell's metadata."""
        found, diagnostics = parse_cell_metadata(metadata, location)
        if tags.role is CellRole.SKIP or not (diagnostics or found.names_set()):
            return tags
        merged = merge_settings(tags.settings, found)
        return replace(
            tags,
            settings=merged.settings,
            speaking=(*tags.speaking, f"metadata.{OWN_KEY}"),
            diagnostics=(
                *tags.diagnostics,
                *diagnostics,
                *(
                    rules.TWO_VALUES.at(
                        location,
                        f"metadata '{OWN_KEY}': a tag of this cell sets '{name}' otherwise",
                        "keep one of them",
                    )
                    for name in merged.conflicts
                ),
            ),
        )

    def _source(self, cell: JSON, location: Location) -> str:
        source = (joined(cell["source"]) or "").replace("\r\n", "\n").replace("\r", "\n")
        try:
            source.encode()
        except UnicodeEncodeError as error:
            line = source.count("\n", 0, error.start) + 1
            column = error.start - (source.rfind("\n", 0, error.start) + 1)
            self.diagnostics.append(
                rules.HALF_CHARACTER.at(
                    replace(location, line=line, column=column),
                    "the cell holds half a character, so no kernel can run it",
                    "delete the character and type it again",
                )
            )
            return source.encode("utf-8", "replace").decode()
        return source

    def _check_text_cell(self, tags: CellTags, location: Location, kind: str) -> None:
        """Report tags of ours on a cell that does not run."""
        said = [*tags.speaking, *([f"step:{tags.step}"] if tags.step else [])]
        if tags.role not in {None, CellRole.SKIP}:
            said.append(tags.role.value if tags.role else "")
        if said:
            listed = "', '".join(said)
            self.diagnostics.append(
                rules.NO_EFFECT.at(
                    location,
                    f"this is a {kind} cell, so '{listed}' has no effect",
                    "tag the code cell instead",
                )
            )

    def _place(self, tags: CellTags, location: Location) -> CellRole:
        """Return the cell's role, with what its tags say in vain."""
        role = self.walk.enter(tags)
        if role is CellRole.SKIP:
            return role
        if tags.is_continued and not self.walk.has_step:
            self._homeless(location, "the tag 'step:' means the step above, but there is none")
        elif tags.speaking and role in SETUP_ROLES:
            self._without_step(tags, location, role)
        return role

    def _without_step(self, tags: CellTags, location: Location, role: CellRole) -> None:
        listed = "', '".join(tags.speaking)
        if tags.role is None and not self.walk.has_step:
            self._homeless(location, f"'{listed}' speaks of a step, but no step has begun")
            return
        self.diagnostics.append(
            rules.NO_EFFECT.at(
                location,
                f"the cell is setup ('{role.value}'), so '{listed}' has no effect",
                "tag a cell of a step, or use 'step_defaults' in the notebook's metadata",
            )
        )

    def _homeless(self, location: Location, message: str) -> None:
        self.diagnostics.append(
            rules.NO_STEP_ABOVE.at(location, message, "tag the cell 'step:NAME'")
        )
