"""Cuts a notebook without steps into steps."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe.analysis.proposing.crossings import Crossings, find_crossings
from kernelpipe.analysis.proposing.cutting import cheapest_cuts
from kernelpipe.analysis.proposing.mending import Mended, Mender
from kernelpipe.analysis.proposing.naming import (
    comment_of,
    free_name,
    is_about_setup,
    name_of_code,
    name_of_text,
)
from kernelpipe.analysis.proposing.plans import Plan
from kernelpipe.analysis.proposing.sections import find_sections, without_title
from kernelpipe.analysis.proposing.setup_cells import find_setup
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole, Notebook
from kernelpipe.notebook.headings import LOWEST, Heading

_WORTH_CUTTING: Final = 3
"""Cells of which one step would be no proposal, unless nothing else is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedStep:
    """A step: ``cells`` are the indexes of its code cells, ``heading`` is what named it, if any."""

    name: StepName
    cells: tuple[int, ...]
    heading: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """How a notebook could be cut.

    ``roles`` are those that cells get that had none (index -> role). ``mended`` says why the steps
    are fewer than headings and values suggest.
    """

    steps: tuple[ProposedStep, ...]
    roles: Mapping[int, CellRole]
    mended: tuple[Mended, ...]


def propose_steps(
    notebook: Notebook,
    headings: Sequence[Heading],
    *,
    untagged: frozenset[int],
    count: int | None = None,
) -> Proposal:
    """Return steps for a notebook; each cell keeps its place, so nothing is computed otherwise.

    What the analysis has against a cut is undone by merging the steps on its sides.

    Args:
        notebook: Without steps, at least one code cell that is not skipped. Cells that no tag
            gives a role have the role STEP.
        headings: Those of its text cells, in notebook order.
        untagged: Indexes of the cells that may become setup.
        count: How many steps there should be; None for as many as suit the notebook.
    """
    return _Proposer(notebook, headings, untagged).propose(count)


class _Proposer:
    def __init__(
        self, notebook: Notebook, headings: Sequence[Heading], untagged: frozenset[int]
    ) -> None:
        self.notebook = notebook
        first = min(cell.index for cell in notebook.cells)
        self.headings = without_title(headings, first)
        self.crossings: Crossings = find_crossings(notebook)
        self.trees: Mapping[int, ast.Module] = self.crossings.program.trees
        free = [cell for cell in notebook.cells if cell.index in untagged]
        self.setup = find_setup(free, self.crossings)
        self._named: dict[tuple[int, ...], tuple[str, str | None]] = {}

    def propose(self, count: int | None) -> Proposal:
        plan = self._useful(self._cut(count))
        mender = Mender(notebook=self.notebook, name=self._names)
        plan = mender.mend(plan)
        names = self._names(plan)
        groups = plan.groups(self.notebook.cells)
        return Proposal(
            steps=tuple(
                ProposedStep(
                    name=names[start],
                    cells=tuple(cell.index for cell in cells),
                    heading=self._name_and_source(plan, start, cells)[1],
                )
                for start, cells in groups.items()
            ),
            roles=plan.roles,
            mended=tuple(mender.mended),
        )

    def _cut(self, count: int | None) -> Plan:
        plan = Plan(roles=self.setup, starts=())
        cells = [cell for cell in self.notebook.cells if plan.is_of_step(cell)]
        if not cells:  # definitions alone: the last is a step
            return plan.without_role(max(plan.roles))
        sections = find_sections(cells, self.trees, self.headings)
        taken = {
            cell.index: [each for each in found if each.maker not in self.setup]
            for cell in cells
            if (found := self.crossings.taken.get(cell.index))
        }
        units, usual = sections.units, sections.usual
        wanted = count or sections.count
        starts = cheapest_cuts(units, taken, usual=usual, count=wanted)
        if count is None and len(starts) == 1 and len(units) >= _WORTH_CUTTING:
            starts = cheapest_cuts(units, taken, usual=usual, count=2)
        return Plan(roles=self.setup, starts=tuple(starts))

    def _useful(self, plan: Plan) -> Plan:
        """Return the plan without setup between steps that one step alone uses."""
        for index, role in plan.roles.items():
            if role is CellRole.FUNCTIONS and index > plan.starts[0]:
                users = {plan.start_of(user) for user in self.crossings.users(index)}
                if users <= {plan.start_of(index)}:
                    plan = plan.without_role(index)
        return plan

    # -- names -----------------------------------------------------------------------------------
    def _names(self, plan: Plan) -> dict[int, StepName]:
        names: dict[int, StepName] = {}
        for start, cells in plan.groups(self.notebook.cells).items():
            name, _ = self._name_and_source(plan, start, cells)
            names[start] = StepName(free_name(name, names.values()))
        return names

    def _name_and_source(
        self, plan: Plan, start: int, cells: Sequence[Cell]
    ) -> tuple[str, str | None]:
        """Return a step's name, and the heading or comment that it comes from, if any."""
        key = start, cells[-1].index, len(plan.roles)
        if key not in self._named:
            self._named[key] = self._find_name(plan, start, cells)
        return self._named[key]

    def _find_name(self, plan: Plan, start: int, cells: Sequence[Cell]) -> tuple[str, str | None]:
        for text in self._titles(plan, start, cells):
            name = name_of_text(text)
            if name is not None:
                return name, text
        trees = [tree for cell in cells if (tree := self.trees.get(cell.index)) is not None]
        return name_of_code(trees, self._handed_on(cells)), None

    def _titles(self, plan: Plan, start: int, cells: Sequence[Cell]) -> list[str]:
        """Return what may name a step, the best first.

        A heading right above it comes before a comment, that before a heading with setup in
        between, that before the only heading inside. A heading over the whole step says more than
        one over its first cells only.
        """
        code = [cell for cell in self.notebook.cells if cell.index < start]
        inside = [each for each in self.headings if start < each.cell_index < cells[-1].index]
        highest = min((each.level for each in inside), default=LOWEST + 1)
        near = self._best_above(start, max((c.index for c in code), default=-1), highest)
        before = max((c.index for c in code if plan.is_of_step(c)), default=-1)
        far = self._best_above(start, before, highest)
        within = [each.text for each in inside if each.level == highest]
        found = [near, comment_of(cells[0].source), None if is_about_setup(far) else far]
        return [each for each in found if each is not None] + (within if len(within) == 1 else [])

    def _best_above(self, start: int, before: int, highest: int) -> str | None:
        """Return the heading between two cells that is over more than the headings inside."""
        above = [each for each in self.headings if before < each.cell_index < start][::-1]
        whole = [each for each in above if each.level < highest] or above[:1]
        return min(whole, key=lambda each: each.level).text if whole else None

    def _handed_on(self, cells: Sequence[Cell]) -> list[str]:
        """Return the names that other cells take from these, the most taken first."""
        own = {cell.index for cell in cells}
        counts: dict[str, int] = {}
        for user, taken in self.crossings.taken.items():
            for each in taken:
                if user not in own and each.maker in own:
                    counts[each.name] = counts.get(each.name, 0) + 1
        return sorted(counts, key=lambda name: (-counts[name], name))
