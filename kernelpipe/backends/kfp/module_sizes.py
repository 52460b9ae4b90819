"""Leaves out modules that no pod could be given, before anything of them is read."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kernelpipe.backends.kfp.local_modules import LocalModule, files_of
from kernelpipe.backends.kfp.packages import Packages
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline

LIMIT_BYTES: Final = 4_000_000
"""What cannot be packed into the argument of a pod; packing it would take seconds, too."""


def leave_out_large(
    pipeline: Pipeline, packages: Mapping[StepName, Packages]
) -> tuple[dict[StepName, Packages], tuple[Diagnostic, ...]]:
    """Return what steps need without modules that are too large, and a KP404 error for each."""
    kept: dict[StepName, Packages] = {}
    found: list[Diagnostic] = []
    for step in pipeline.steps:
        needs = kept[step.name] = packages[step.name]
        if not needs.modules:
            continue
        sizes = {module.name: _size(module) for module in needs.modules}
        large = {name for name, size in sizes.items() if size > LIMIT_BYTES}
        small = tuple(each for each in needs.modules if each.name not in large)
        kept[step.name] = replace(needs, modules=small)
        found += [
            Diagnostic(
                code="KP404",
                severity=Severity.ERROR,
                message=f"step '{step.name}': the module '{name}' beside the notebook takes "
                f"{sizes[name] / 1e6:.1f} MB, more than one pod can be given",
                location=step.cells[0].location if step.cells else Location(path=pipeline.path),
                hint="move data out of it, or install it as a package in the step's image",
            )
            for name in sorted(large)
        ]
    return kept, tuple(found)


def _size(module: LocalModule) -> int:
    return sum(path.stat().st_size for _, path in files_of(module))
