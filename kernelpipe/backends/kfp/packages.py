"""What a step's pod needs: pinned distributions, and the user's own modules as source."""

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kernelpipe.backends.kfp.distributions import Installed
from kernelpipe.backends.kfp.imports import Import, import_location, step_imports
from kernelpipe.backends.kfp.installation import installed, remember
from kernelpipe.backends.kfp.local_modules import (
    LocalModule,
    find_local_module,
    find_namespace,
    imports_of,
)
from kernelpipe.backends.kfp.pins import Pin
from kernelpipe.backends.kfp.required import Required
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import EdgeKind, Pipeline, Step

TOOLS: Final = ("ipykernel", "nbclient", "nbconvert")
"""What a pod uses, if it can have it, to run a step as a notebook and to render it."""

_NOT_INSTALLED: Final = frozenset({"__main__", "kernelpipe_runtime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Needs of one step, sorted.

    ``pins`` are what its code imports; ``needed`` are these and all that they need; ``tools`` is
    what running and rendering a notebook takes besides.
    """

    pins: tuple[Pin, ...]
    needed: tuple[Pin, ...]
    tools: tuple[Pin, ...]
    modules: tuple[LocalModule, ...]


@dataclass(slots=True)
class _Found:
    """What the imports of one step lead to; problems are (module, message, hint)."""

    names: set[str] = field(default_factory=set)
    modules: dict[str, LocalModule] = field(default_factory=dict)
    problems: dict[str, tuple[str, str, str]] = field(default_factory=dict)


def resolve_packages(
    pipeline: Pipeline, modules: Mapping[StepName, tuple[str, ...]], images: frozenset[StepName]
) -> tuple[dict[StepName, Packages], tuple[Diagnostic, ...]]:
    """Return what each step's pod needs, and what can't be provided.

    A step also needs what the steps need from which it receives values, directly or not: to read
    a value takes the packages of its type.

    Args:
        pipeline: Its path tells where the user's own modules are.
        modules: Step name -> full dotted names of the modules that it imports.
        images: Steps with an image of the user's choice: it may hold what can't be pinned.
    """
    here = installed()
    directory = Path(pipeline.path).parent
    resolved: dict[tuple[Import, ...], _Found] = {}  # many steps import the same
    found: dict[StepName, _Found] = {}
    required = Required.of(pipeline, here)
    diagnostics = list(required.diagnostics(pipeline, images))
    for step in pipeline.steps:
        imports = _imports(step, modules[step.name])
        if imports not in resolved:
            resolved[imports] = _resolve(imports, directory, here)
        own = resolved[imports]
        if needed := required.names_for(step):
            own = replace(own, names=own.names | needed)
        found[step.name] = own
        diagnostics += _diagnostics(step, own, pipeline.path, here, has_image=step.name in images)
    needs: dict[StepName, Packages] = {}
    without_modules: dict[frozenset[str], Packages] = {}
    for name, (names, local) in _reaching(pipeline, found).items():
        key = frozenset(names)
        if key not in without_modules:
            without_modules[key] = _packages(sorted(names), here)
        needs[name] = without_modules[key]
        if local:
            needs[name] = replace(needs[name], modules=tuple(local[each] for each in sorted(local)))
    remember(here)
    return needs, tuple(diagnostics)


def _packages(names: Sequence[str], here: Installed) -> Packages:
    """Return what steps need that import the distributions ``names``."""
    needed = here.closure(names)
    return Packages(
        pins=tuple(each for name in names if (each := here.pin(name)) is not None),
        needed=needed,
        tools=tuple(each for each in here.closure(TOOLS) if each not in needed),
        modules=(),
    )


def _imports(step: Step, modules: Iterable[str]) -> tuple[Import, ...]:
    """Return the step's imports; what its cells import in a ``try`` is optional."""
    seen = {each.module: each.is_optional for each in step_imports(step)}
    named = {module: seen.get(module, False) for module in modules}
    tops = {module.partition(".")[0] for module in named}
    further = {
        module: True for module in seen if module not in named and module.partition(".")[0] in tops
    }
    both = named | further
    return tuple(Import(module=module, is_optional=both[module]) for module in sorted(both))


def _reaching(
    pipeline: Pipeline, found: Mapping[StepName, _Found]
) -> dict[StepName, tuple[set[str], dict[str, LocalModule]]]:
    """Return step -> packages and modules of the step itself and of all whose values reach it."""
    reaching = {name: (set(own.names), dict(own.modules)) for name, own in found.items()}
    producers: dict[StepName, list[StepName]] = {}
    for edge in pipeline.edges:
        if edge.kind is EdgeKind.DATA:
            producers.setdefault(edge.consumer, []).append(edge.producer)
    for step in pipeline.steps:  # an order to run: producers come first
        names, local = reaching[step.name]
        for producer in producers.get(step.name, ()):
            names |= reaching[producer][0]
            local |= reaching[producer][1]
    return reaching


def _resolve(imports: Iterable[Import], directory: Path, here: Installed) -> _Found:
    found = _Found()
    queue = list(imports)
    seen: set[Import] = set()
    while queue:
        each = queue.pop()
        if each in seen:
            continue
        seen.add(each)
        top = each.module.partition(".")[0]
        local = find_local_module(top, directory)
        if local is None and (top in sys.stdlib_module_names or top in _NOT_INSTALLED):
            continue
        owners = () if local else here.holding(each.module)
        local = local or (None if owners else find_namespace(top, directory))
        if local is not None:
            queue += _enter(local, each, found)
        elif owners:
            found.names.update(owners)
        elif not each.is_optional:
            found.problems[top] = _unresolved(each.module, here)
    return found


def _enter(local: LocalModule, each: Import, found: _Found) -> tuple[Import, ...]:
    if local.is_native:
        found.problems[local.name] = (
            each.module,
            f"imports '{local.name}', which is compiled ('{local.path.name}')",
            "build it as a package in an index or in the step's image",
        )
        return ()
    found.modules[local.name] = local
    try:
        return imports_of(local, each.module)
    except (SyntaxError, ValueError) as error:
        found.problems[local.name] = (
            each.module,
            f"imports '{local.name}' from beside the notebook, which is not Python: {error}",
            f"correct '{local.path.name}'",
        )
        return ()


def _unresolved(module: str, here: Installed) -> tuple[str, str, str]:
    top = module.partition(".")[0]
    origin = _origin(top)
    if origin is None:
        return (
            module,
            f"imports '{module}', which is not installed here",
            f"install the package that has '{top}', or put '{top}.py' beside the notebook",
        )
    owner = here.editable_source(origin)
    if owner is not None:
        return module, _from_elsewhere(module, owner), _INDEX_HINT
    return (
        module,
        f"imports '{module}' from '{origin}', which belongs to no installed package",
        f"put '{top}' beside the notebook, or make it a package in an index",
    )


_INDEX_HINT: Final = (
    "publish it to a package index and install it from there, put its source beside the notebook, "
    "or give the step an image that has it (tag 'image:...')"
)


def _from_elsewhere(module: str, owner: Pin) -> str:
    return (
        f"imports '{module}' from '{owner.name}', which was installed from '{owner.direct_url}' "
        "and can't be pinned from an index"
    )


def _origin(top: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return Path(places[0]).resolve() if places else None


def _diagnostics(
    step: Step, found: _Found, path: str, here: Installed, *, has_image: bool
) -> list[Diagnostic]:
    severity = Severity.WARNING if has_image else Severity.ERROR
    problems = [("KP402", *problem) for _, problem in sorted(found.problems.items())]
    for name in sorted(found.names):
        owner = here.pin(name)
        if owner is not None and owner.direct_url is not None:
            module = next((m for m in step.modules if name in here.holding(m)), name)
            problems.append(("KP403", module, _from_elsewhere(module, owner), _INDEX_HINT))
    return [
        Diagnostic(
            code=code,
            severity=severity,
            message=f"step '{step.name}' {message}",
            location=import_location(step, module, path),
            hint=hint,
        )
        for code, module, message, hint in problems
    ]
