"""Which step each cell belongs to, and the settings of each step."""

from collections.abc import Mapping
from dataclasses import dataclass

from kernelpipe.analysis.rules import CONFLICTING_SETTINGS, HOMELESS, NO_STEPS, UNKNOWN_STEP
from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.model.settings import NO_SETTINGS, StepSettings
from kernelpipe.notebook.settings_tags import merge_settings

SETUP_ROLES = (CellRole.IMPORTS, CellRole.FUNCTIONS, CellRole.PARAMETERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCell:
    """A cell and its owner; ``step`` is None for setup. ``position`` counts from zero."""

    cell: Cell
    step: StepName | None
    position: int

    @property
    def is_test(self) -> bool:
        """Tell whether the cell is a test of its step."""
        return self.cell.role is CellRole.TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredStep:
    """What tags say of a step; ``after`` in tag order, with the cell that says so."""

    name: StepName
    after: tuple[tuple[StepName, Cell], ...]
    settings: StepSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All cells that take part, in notebook order, and the steps in order of appearance."""

    cells: tuple[PlacedCell, ...]
    steps: tuple[DeclaredStep, ...]
    diagnostics: tuple[Diagnostic, ...]

    def cells_of(self, step: StepName) -> list[PlacedCell]:
        """Return the cells of a step, tests among them."""
        return [placed for placed in self.cells if placed.step == step]

    def location_of(self, setting: str, step: StepName) -> Location:
        """Return the cell whose tag gives a step a setting, its first cell when a default does.

        Args:
            setting: Name of the attribute of ``StepSettings``.
            step: One of the steps.
        """
        cells = [placed.cell for placed in self.cells_of(step)]
        return next((c for c in cells if getattr(c.settings, setting)), cells[0]).location


def place_cells(notebook: Notebook, promoted: Mapping[int, StepName | None]) -> Placement:
    """Assign each cell to a step or to setup.

    Args:
        notebook: As read.
        promoted: Setup cells (by index) that must be a step's; None means the step above.
    """
    placed: list[PlacedCell] = []
    diagnostics: list[Diagnostic] = []
    current: StepName | None = None
    for cell in notebook.cells:
        if cell.role is CellRole.SKIP:
            continue
        if cell.index in promoted:
            current = step = promoted[cell.index] or current
        elif cell.role in SETUP_ROLES:
            step = None
        else:
            current = step = cell.step or current
            if step is None:
                diagnostics.append(_homeless(cell))
                continue
        placed.append(PlacedCell(cell=cell, step=step, position=len(placed)))
    steps, found = _declared(notebook, placed)
    return Placement(cells=tuple(placed), steps=steps, diagnostics=(*diagnostics, *found))


def _homeless(cell: Cell) -> Diagnostic:
    return HOMELESS.at(
        cell.location,
        f"this {cell.role.value} cell stands before the first step",
        "move it below a cell tagged 'step:NAME', or give it such a tag",
    )


def _declared(
    notebook: Notebook, placed: list[PlacedCell]
) -> tuple[tuple[DeclaredStep, ...], list[Diagnostic]]:
    after: dict[StepName, list[tuple[StepName, Cell]]] = {}
    settings: dict[StepName, StepSettings] = {}
    diagnostics: list[Diagnostic] = []
    for each in placed:
        if each.step is None:
            continue
        after.setdefault(each.step, []).extend((name, each.cell) for name in each.cell.after)
        if each.cell.settings is NO_SETTINGS:
            settings.setdefault(each.step, NO_SETTINGS)
            continue
        merged = merge_settings(settings.get(each.step, NO_SETTINGS), each.cell.settings)
        settings[each.step] = merged.settings
        diagnostics += [_conflict(each, name) for name in merged.conflicts]
    diagnostics += [
        _unknown_step(name, cell, list(after))
        for names in after.values()
        for name, cell in names
        if name not in after
    ]
    if not after:
        diagnostics.append(_no_steps(notebook))
    defaults = notebook.settings.step_defaults
    return tuple(
        DeclaredStep(
            name=name,
            after=tuple((n, c) for n, c in names if n in after and n != name),
            settings=merge_settings(defaults, settings[name]).settings,
        )
        for name, names in after.items()
    ), diagnostics


def _conflict(placed: PlacedCell, name: str) -> Diagnostic:
    setting = name.removesuffix("_s")
    return CONFLICTING_SETTINGS.at(
        placed.cell.location,
        f"step '{placed.step}' has two different values for '{setting}'",
        "keep one of the two tags",
    )


def _unknown_step(name: StepName, cell: Cell, known: list[StepName]) -> Diagnostic:
    return UNKNOWN_STEP.at(
        cell.location,
        f"'prev:{name}' names a step that does not exist",
        did_you_mean(name, known) or f"steps are: {', '.join(sorted(known)) or 'none'}",
    )


def _no_steps(notebook: Notebook) -> Diagnostic:
    return NO_STEPS.at(
        Location(path=notebook.path),
        "the notebook has no steps",
        "tag the first cell of each step 'step:NAME'; 'kernelpipe propose' finds steps",
    )
