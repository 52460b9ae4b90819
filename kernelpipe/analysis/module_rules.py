"""Findings about modules beside the notebook, which each step imports anew."""

from collections.abc import Iterator
from functools import partial

from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.rules import LIBRARY_CHANGED
from kernelpipe.analysis.subject import Subject
from kernelpipe.analysis.summaries import Effects
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName


def module_changes(subject: Subject) -> list[Diagnostic]:
    """Return what is to be said of modules that change after a cell has imported them."""
    return [*_changed(subject), *_rewritten(subject)]


def _changed(subject: Subject) -> Iterator[Diagnostic]:
    """Yield what one step changes in a module beside the notebook and another reads there."""
    changers: dict[str, list[PlacedCell]] = {}
    reported: set[tuple[StepName, str]] = set()
    for placed in subject.placement.cells:
        facts = subject.history.facts.get(placed.position)
        if facts is None or not facts.effects.module_reads:
            continue
        for name in sorted(facts.effects.module_reads if placed.step is not None else ()):
            changer = next((c for c in changers.get(name, ()) if c.step != placed.step), None)
            if changer is None or changer.step is None or (changer.step, name) in reported:
                continue
            reported.add((changer.step, name))
            module, _, last = name.rpartition(".")
            yield LIBRARY_CHANGED.at(
                subject.statement(changer, partial(_changes_module, name), last),
                f"step '{changer.step}' changes '{last}' of the module '{module}', "
                f"which step '{placed.step}' would not see: each step imports it anew",
                "keep it in a variable of the notebook that functions are given and return, "
                "or do both in one step",
                [(subject.statement(placed, partial(_reads_module, name)), "it is used here")],
            )
        if placed.step is not None and not placed.is_test:
            for name in facts.effects.module_changes:
                changers.setdefault(name, []).append(placed)


def _changes_module(name: str, effects: Effects) -> bool:
    return name in effects.module_changes


def _reads_module(name: str, effects: Effects) -> bool:
    return name in effects.module_reads


def _rewritten(subject: Subject) -> Iterator[Diagnostic]:
    """Yield modules whose file a step writes anew, which the notebook goes on using as it was."""
    written = {
        use.path
        for _, use in subject.history.files
        if use.is_write and use.path is not None and use.path.endswith(".py")
    }
    if any(
        "autoreload" in line for f in subject.history.facts.values() for line in f.configuration
    ):
        return
    for path in sorted(written):
        found = _stale_use(subject, path)
        if found is not None:
            writer, user = found
            yield LIBRARY_CHANGED.at(
                subject.statement(writer, partial(_writes, path)),
                f"step '{writer.step}' writes '{path}' anew, and step '{user.step}' would import "
                "it so; in the notebook the module stays as it was imported before",
                "write it under another name, or load it again: importlib.reload(module)",
                [(subject.statement(user, partial(_uses_file, path)), "it is used here")],
            )


def _stale_use(subject: Subject, path: str) -> tuple[PlacedCell, PlacedCell] | None:
    """Return who writes a module's file after it was imported, and the first other user of it."""
    is_imported = False
    writer: PlacedCell | None = None
    for placed in subject.placement.cells:
        facts = subject.history.facts.get(placed.position)
        if facts is None:
            continue
        if any(use.is_reload and use.path == path for use in facts.effects.files):
            writer = None
        if _uses_file(path, facts.effects):
            if writer is not None and placed.step not in (None, writer.step):
                return writer, placed
            is_imported = True
        if is_imported and placed.step is not None and _writes(path, facts.effects):
            writer = placed
    return None


def _writes(path: str, effects: Effects) -> bool:
    return any(use.is_write and use.path == path for use in effects.files)


def _uses_file(path: str, effects: Effects) -> bool:
    """Tell whether code imports a module or reads one of its names."""
    module = path.removesuffix(".py").replace("/", ".")
    return any(use.is_import and use.path == path for use in effects.files) or any(
        name.startswith(f"{module}.") for name in effects.module_reads
    )
