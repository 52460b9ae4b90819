"""A proposal while it is made: where steps begin and which cells are setup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.notebook.tagged_cells import OF_A_STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to cut a notebook; all numbers are indexes of cells.

    ``roles`` are those that the proposal gives, ``starts`` the sorted first cells of the steps.
    """

    roles: Mapping[int, CellRole]
    starts: tuple[int, ...]

    def merged(self, start: int) -> "Plan":
        """Return the plan in which the step that begins at ``start`` goes on the one above."""
        return replace(self, starts=tuple(each for each in self.starts if each != start))

    def without_role(self, index: int) -> "Plan":
        """Return the plan in which a cell is no setup but belongs to a step."""
        roles = {each: role for each, role in self.roles.items() if each != index}
        starts = self.starts
        if not starts or index < starts[0]:
            starts = (index, *starts[1:])
        return Plan(roles=roles, starts=starts)

    def start_of(self, index: int) -> int:
        """Return where the step of a cell begins."""
        return max((s for s in self.starts if s <= index), default=self.starts[0])

    def groups(self, cells: Sequence[Cell]) -> dict[int, list[Cell]]:
        """Return the cells of each step by its start; setup and skipped cells are left out."""
        found: dict[int, list[Cell]] = {start: [] for start in self.starts}
        for cell in cells:
            if self.is_of_step(cell):
                found[self.start_of(cell.index)].append(cell)
        return found

    def is_code(self, cell: Cell) -> bool:
        """Tell whether a cell would belong to a step if the plan gave no roles."""
        return cell.role in OF_A_STEP

    def is_of_step(self, cell: Cell) -> bool:
        """Tell whether a cell belongs to a step."""
        return self.roles.get(cell.index, cell.role) in OF_A_STEP

    def applied(self, notebook: Notebook, names: Mapping[int, StepName] | None = None) -> Notebook:
        """Return the notebook as if its cells had the proposed tags.

        Args:
            notebook: Without steps.
            names: Start -> the step's name; None for stand-ins.
        """
        return replace(
            notebook,
            cells=tuple(self._with_place(cell, names or {}) for cell in notebook.cells),
        )

    def _with_place(self, cell: Cell, names: Mapping[int, StepName]) -> Cell:
        if not self.is_of_step(cell):
            return replace(cell, role=self.roles.get(cell.index, cell.role))
        start = self.start_of(cell.index)
        return replace(cell, step=names.get(start, StepName(f"s{start}")))
