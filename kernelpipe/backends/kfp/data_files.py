"""Warns of files beside the notebook that its code reads and that no pod is given."""

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from kernelpipe.backends.kfp.imports import import_location
from kernelpipe.backends.kfp.local_modules import LocalModule, files_of
from kernelpipe.backends.kfp.packages import Packages
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline


def warn_of_data_files(
    pipeline: Pipeline, packages: Mapping[StepName, Packages]
) -> tuple[Diagnostic, ...]:
    """Return a KP408 warning for each file that cells read, or that a module's code names.

    Of absolute paths nothing can be told: the image may have the file, or a volume.
    """
    directory = Path(pipeline.path).parent
    modules: dict[str, tuple[LocalModule, Location]] = {}
    for step in pipeline.steps:
        for module in packages[step.name].modules:
            place = import_location(step, module.name, pipeline.path)
            modules.setdefault(module.name, (module, place))
    given = {name for module, _ in modules.values() for name, _ in files_of(module)}

    def is_left(path: str) -> bool:
        pure = PurePath(path)  # any text; `Path.is_file` raises on long ones
        is_here = not pure.is_absolute() and os.path.isfile(directory / pure)  # noqa: PTH113
        return is_here and pure.as_posix() not in given

    found = [
        _warning(f"'{read.path}' is read from beside the notebook", read.location)
        for read in pipeline.file_reads
        if is_left(read.path)
    ]
    for module, place in modules.values():
        named = set() if module.is_package else set(_texts(module.path))
        found += [
            _warning(f"'{module.path.name}' names the file '{path}' beside it", place)
            for path in sorted(filter(is_left, named))
        ]
    return tuple(found)


def _warning(what: str, location: Location) -> Diagnostic:
    return Diagnostic(
        code="KP408",
        severity=Severity.WARNING,
        message=f"{what}, and no pod is given that file",
        location=location,
        hint="put it into a package beside the notebook (a directory with '__init__.py'), which "
        "travels as a whole, or read it from an absolute path: on a volume (metadata 'mounts'), or "
        "in the step's image",
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
