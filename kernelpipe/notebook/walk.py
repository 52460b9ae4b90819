"""What the tags of the cells above mean for a cell that has none."""

from dataclasses import dataclass
from typing import Final

from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.tags import CellTags

SETUP_ROLES: Final = frozenset({CellRole.IMPORTS, CellRole.FUNCTIONS, CellRole.PARAMETERS})
_INJECTED: Final = "injected-parameters"
"""What papermill tags the cell with that it adds: its values are parameters that may be given anew,
and gates and loops ask for them before anything runs."""


@dataclass(slots=True)
class Walk:
    """Goes through the code cells in notebook order."""

    above: CellRole = CellRole.IMPORTS
    """The role that an untagged cell takes over; STEP once a step has begun."""
    has_step: bool = False

    def enter(self, tags: CellTags) -> CellRole:
        """Return the role of the next cell and remember what it means for those below."""
        if tags.role is CellRole.SKIP:
            return tags.role
        is_tagged = bool(tags.step) or tags.is_continued
        role = tags.role or (CellRole.STEP if is_tagged else self.above)
        if tags.role is None and role in SETUP_ROLES and _INJECTED in tags.foreign:
            role = CellRole.PARAMETERS
        if tags.step:
            self.has_step = True
        if role is CellRole.PARAMETERS:
            self.above = CellRole.IMPORTS
        elif role in SETUP_ROLES:
            self.above = role
        elif self.has_step:
            self.above = CellRole.STEP
        return role
