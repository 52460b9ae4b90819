"""What a notebook installs."""

from dataclasses import dataclass

from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a cell installs, in pip's words.

    ``text`` is all of it ("pandas[excel]>=2", "git+https://..."); ``name`` is None where only pip
    can tell what it is. ``options`` are pip's, as words, for all that it needs. ``is_optional``
    is set when the cell may do without; ``is_upgrade`` when it asks for the newest that there is.
    """

    text: str
    name: str | None
    options: tuple[str, ...] = ()
    is_optional: bool = False
    is_upgrade: bool = False
    is_conda: bool = False
    """Conda's packages may have other names than pip's."""
    location: Location
    step: StepName | None
    """The step of the cell, None for setup."""
