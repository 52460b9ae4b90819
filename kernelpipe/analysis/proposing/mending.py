"""Changes a plan until the analysis has nothing against it; at worst one step is left."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kernelpipe.analysis.pipeline import build_pipeline
from kernelpipe.analysis.proposing.plans import Plan
from kernelpipe.analysis.rules import SETUP_JOINS_STEP, SETUP_RUNS_ONCE
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Notebook
from kernelpipe.model.pipeline import Pipeline

Names = Mapping[int, StepName]

_NOT_SETUP: Final = frozenset({SETUP_JOINS_STEP.code, SETUP_RUNS_ONCE.code})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """Why a plan was changed; ``steps`` were two and are one, or are empty if setup became code."""

    steps: tuple[StepName, ...]
    cell_index: int | None
    """The cell that is no setup."""
    because: Diagnostic


@dataclass(slots=True, kw_only=True)
class Mender:
    """Tries plans for one notebook; ``name`` gives the steps of a plan their names."""

    notebook: Notebook
    name: Callable[[Plan], Names]
    mended: list[Mended] = field(default_factory=list)
    _own: frozenset[tuple[str, int | None]] | None = None

    def mend(self, plan: Plan) -> Plan:
        """Return the plan nearest to ``plan`` that the analysis accepts.

        What is wrong with the notebook however it is cut, stays wrong.
        """
        while True:
            wrong = self._wrong(plan)
            if not wrong:
                return plan
            ways = list(self._ways(plan, wrong[0]))
            if not ways:
                return plan
            best = min(ways, key=lambda way: len(self._wrong(way)))
            self.mended.append(self._told(plan, best, wrong[0]))
            plan = best

    def _wrong(self, plan: Plan) -> list[Diagnostic]:
        """Return what the cutting is to blame for, in notebook order."""
        found = self._built(plan).diagnostics
        demoted = [d for d in found if d.code in _NOT_SETUP and d.location.cell_index in plan.roles]
        errors = [d for d in found if d.severity is Severity.ERROR]
        if errors and self._own is None:
            self._own = self._wrong_anyway(plan)
        known = self._own or frozenset()
        return demoted or [d for d in errors if _key(d) not in known]

    def _wrong_anyway(self, plan: Plan) -> frozenset[tuple[str, int | None]]:
        """Return what is wrong where all cells are one step."""
        first = min((cell.index for cell in self.notebook.cells if plan.is_code(cell)), default=0)
        whole = self._built(Plan(roles={}, starts=(first,)))
        return frozenset(_key(d) for d in whole.errors())

    def _built(self, plan: Plan) -> Pipeline:
        return build_pipeline(plan.applied(self.notebook, self.name(plan)))

    def _ways(self, plan: Plan, wrong: Diagnostic) -> Iterator[Plan]:
        """Yield the plans that may be rid of what is wrong, each with one step or role less."""
        index = wrong.location.cell_index
        if index in plan.roles and index is not None:
            yield plan.without_role(index)
            return
        starts = plan.starts
        if len(starts) > 1:
            at = starts.index(plan.start_of(index)) if index is not None else len(starts) - 1
            yield from (plan.merged(start) for start in starts[max(1, at) : at + 2])
        elif plan.roles:
            yield plan.without_role(max(plan.roles))

    def _told(self, plan: Plan, better: Plan, because: Diagnostic) -> Mended:
        names = self.name(plan)
        gone = next((each for each in plan.roles if each not in better.roles), None)
        if gone is not None:
            return Mended(steps=(), cell_index=gone, because=because)
        start = next(each for each in plan.starts if each not in better.starts)
        above = plan.starts[plan.starts.index(start) - 1]
        return Mended(steps=(names[above], names[start]), cell_index=None, because=because)


def _key(diagnostic: Diagnostic) -> tuple[str, int | None]:
    return diagnostic.code, diagnostic.location.cell_index
