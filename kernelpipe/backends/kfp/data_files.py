"""Files beside the notebook that its code reads: enclosed in pods, or told beforehand."""

import ast
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from kernelpipe.backends.kfp.imports import cells_of, import_location
from kernelpipe.backends.kfp.local_modules import LocalModule, files_in, files_of
from kernelpipe.backends.kfp.packages import Packages
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import WORKING_DIRECTORY, FileRead, Pipeline, Step

ROOM_BYTES: Final = 32_000
"""What the files of one step may take in its pod's argument."""
_LARGEST_BYTES: Final = 1_000_000
"""Files above it are not even compressed to see whether there is room."""

DataFiles = Mapping[str, Path]
"""Paths relative to the notebook -> files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """The files that steps are given, and what is to be said of them and of the others."""

    files: Mapping[StepName, DataFiles]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A file or folder beside the notebook that a step reads; ``text`` says how."""

    path: str
    text: str
    location: Location
    is_sure: bool


def enclose(pipeline: Pipeline, packages: Mapping[StepName, Packages]) -> Enclosed:
    """Return what each step is given of the files that its code reads, as far as there is room.

    Of absolute paths nothing can be told: the image may have the file, or a volume.

    Returns:
        KP410, an info, for each file or folder that is enclosed; KP408 for each that is not, an
        error where the step would surely look for it.
    """
    directory = Path(pipeline.path).parent
    given: dict[StepName, DataFiles] = {}
    found: dict[str, Diagnostic] = {}
    for step in pipeline.steps:
        modules = packages[step.name].modules
        own = {name for module in modules for name, _ in files_of(module)}
        room = ROOM_BYTES
        files: dict[str, Path] = {}
        for wanted in _wanted(pipeline, step, modules):
            if wanted.path in own:
                continue
            fault, more = _fault(wanted, directory)
            size = _size(more[name] for name in more.keys() - files.keys() - own)
            if size > room:
                fault = "it takes more room than a pod has for files"
            if not fault:
                room -= size
                files |= more
            diagnostic = _left(wanted, fault) if fault else _enclosed(wanted)
            if _weight(diagnostic) > _weight(found.get(wanted.path)):
                found[wanted.path] = diagnostic
        given[step.name] = files
    return Enclosed(files=given, diagnostics=tuple(found.values()))


def _weight(diagnostic: Diagnostic | None) -> int:
    """Return how much a finding matters: of several on one file the first of these is told."""
    weights = {Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}
    return 0 if diagnostic is None else weights[diagnostic.severity]


def _wanted(pipeline: Pipeline, step: Step, modules: Sequence[LocalModule]) -> Iterator[_Wanted]:
    directory = Path(pipeline.path).parent
    cells = {cell.index for cell in cells_of(step)}
    reads: dict[str, list[FileRead]] = {}
    for read in pipeline.file_reads:
        is_here = not os.path.isabs(read.path) and os.path.exists(directory / read.path)  # noqa: PTH110, PTH117
        if read.location.cell_index in cells and is_here:
            reads.setdefault(read.path, []).append(read)
    for path, of_path in sorted(reads.items()):
        yield _Wanted(
            path=path,
            text=f"'{path}' is read from beside the notebook",
            location=of_path[0].location,
            is_sure=path != WORKING_DIRECTORY and any(each.is_sure for each in of_path),
        )
    for module in modules:
        for path in sorted(set() if module.is_package else set(_texts(module.path))):
            # Any text; `Path.is_file` raises on long ones.
            if not os.path.isabs(path) and os.path.isfile(directory / path):  # noqa: PTH113, PTH117
                yield _Wanted(
                    path=PurePath(path).as_posix(),
                    text=f"'{module.path.name}' names the file '{path}' beside it",
                    location=import_location(step, module.name, pipeline.path),
                    is_sure=False,
                )


def _fault(wanted: _Wanted, directory: Path) -> tuple[str, dict[str, Path]]:
    """Return why what is wanted cannot be enclosed, else "" and the files that it is."""
    pure = PurePath(wanted.path)
    if wanted.path == WORKING_DIRECTORY:
        return "no pod is given all that lies there", {}
    if pure.parts[0] == "..":
        return "no pod is given what is above the notebook's folder", {}
    if any(part.startswith(".") for part in pure.parts):
        return "no pod is given hidden files, which may hold secrets", {}
    path = directory / pure
    return "", dict(files_in(path, directory)) if path.is_dir() else {pure.as_posix(): path}


def _size(paths: Iterable[Path]) -> int:
    """Return how many bytes files take in an argument, roughly; too many where one is large."""
    total = 0
    for path in paths:
        if total > ROOM_BYTES or path.stat().st_size > _LARGEST_BYTES:
            return ROOM_BYTES + 1
        total += len(zlib.compress(path.read_bytes())) * 4 // 3
    return total


def _enclosed(wanted: _Wanted) -> Diagnostic:
    return Diagnostic(
        code="KP410",
        severity=Severity.INFO,
        message=f"{wanted.text}: the compiled file holds it as it is now",
        location=wanted.location,
        hint="compile again when it has changed",
    )


def _left(wanted: _Wanted, fault: str) -> Diagnostic:
    return Diagnostic(
        code="KP408",
        severity=Severity.ERROR if wanted.is_sure else Severity.WARNING,
        message=f"{wanted.text}, and {fault}",
        location=wanted.location,
        hint="read it from an address, or from an absolute path: on a volume (metadata 'mounts' or "
        "'workspace'), or in the step's image",
    )


def _texts(path: Path) -> Iterator[str]:
    """Yield the texts in a module's code."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # said elsewhere
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
