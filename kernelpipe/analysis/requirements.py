"""What a notebook installs: its requirements, and what is to be said of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kernelpipe.analysis.install_commands import (
    Install,
    read_install,
    requirement_name,
    split_words,
)
from kernelpipe.analysis.installs import FoundInstall, take_installs
from kernelpipe.analysis.magic_rules import INSTALL_PROBLEM, INSTALLS_BY_CODE
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.model.requirement import Requirement

_MAX_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Installs:
    """What the cells of a notebook install, and the cells without it.

    ``requirements`` are in notebook order; their ``step`` is not known yet.
    """

    cells: tuple[Cell, ...]
    requirements: tuple[Requirement, ...]
    diagnostics: tuple[Diagnostic, ...]

    def placed(self, steps: Mapping[int, StepName | None]) -> tuple[Requirement, ...]:
        """Return the requirements with the steps of their cells."""
        return tuple(
            replace(each, step=steps[each.location.cell_index or 0])
            for each in self.requirements
            if each.location.cell_index in steps
        )


def find_installs(cells: Iterable[Cell], directory: str) -> Installs:
    """Return what cells install; ``directory`` is where the notebook lies."""
    kept: list[Cell] = []
    requirements: list[Requirement] = []
    said: list[Diagnostic] = []
    for cell in cells:
        source, found = (cell.source, ()) if _is_idle(cell) else take_installs(cell.source)
        kept.append(replace(cell, source=source) if found else cell)
        for each in found:
            location = replace(cell.location, line=each.line, column=0)
            more, problem = _requirements(each, location, directory)
            if problem is None:
                requirements += more
            else:
                said.append(_problem(each, problem, location))
    return Installs(cells=tuple(kept), requirements=tuple(requirements), diagnostics=tuple(said))


def _is_idle(cell: Cell) -> bool:
    return cell.role is CellRole.SKIP


def _problem(found: FoundInstall, problem: str, location: Location) -> Diagnostic:
    if found.is_optional or found.is_left:
        return INSTALLS_BY_CODE.at(
            location,
            f"this may change what is installed ({problem}), in each step that runs it",
            "install it by hand before the run, and take the line out",
        )
    return INSTALL_PROBLEM.at(
        location,
        f"this line changes what is installed, and cannot be done once for all steps: {problem}",
        "do it by hand before the run, and take the line out",
    )


def _requirements(
    found: FoundInstall, location: Location, directory: str
) -> tuple[list[Requirement], str | None]:
    """Return the requirements of one command, or why they cannot be told."""
    install = found.install
    texts = [*install.requirements]
    options = [*install.options]
    problem = install.problem
    queue = [Path(directory, name) for name in install.files]
    for number, path in enumerate(queue):
        try:
            lines = list(_lines_of(path))
        except (OSError, ValueError):
            problem = problem or f"there is no file '{path.name}' beside the notebook"
            continue
        for line in lines:
            more = read_install(["pip", "install", *split_words(line)])
            if more is not None and number < _MAX_FILES:
                texts += more.requirements
                options += _beside(more, path.parent)
                queue += [path.parent / name for name in more.files]
    if any(mark in text for text in texts + list(install.files) for mark in "{$"):
        problem = "what it installs is only known when it runs"
    if problem is not None:
        return [], problem
    return [
        Requirement(
            text=text,
            name=requirement_name(text),
            options=tuple(options),
            is_optional=found.is_optional,
            is_upgrade=install.is_upgrade,
            is_conda=install.is_conda,
            location=location,
            step=None,
        )
        for text in texts
    ], None


def _beside(install: Install, folder: Path) -> Iterator[str]:
    """Yield the options of a line in a requirements file; its files lie beside it."""
    previous = ""
    for word in install.options:
        yield str(folder / word) if previous in ("-c", "--constraint") else word
        previous = word


def _lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a requirements file as words of a command."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        bare = line.split(" #", maxsplit=1)[0].split(" --hash", maxsplit=1)[0].strip()
        if not bare or bare.startswith("#"):
            continue
        yield bare if bare.startswith("-") else "'" + bare.replace("'", '"') + "'"
