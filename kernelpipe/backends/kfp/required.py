"""What a notebook installs itself, as needs of its steps' pods."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from kernelpipe.backends.kfp.distributions import Installed
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline, Step
from kernelpipe.model.requirement import Requirement

_INDEX_VARIABLES: Final = {
    "-i": "PIP_INDEX_URL",
    "--index-url": "PIP_INDEX_URL",
    "--extra-index-url": "PIP_EXTRA_INDEX_URL",
    "-f": "PIP_FIND_LINKS",
    "--find-links": "PIP_FIND_LINKS",
}
"""Options that say where packages come from -> the variable that tells a pod's pip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """The requirements of a notebook: those that are installed here, and those that are not."""

    present: tuple[tuple[Requirement, str], ...]
    missing: tuple[Requirement, ...]

    @classmethod
    def of(cls, pipeline: Pipeline, here: Installed) -> "Required":
        """Return what of the requirements ``here`` has."""
        present: list[tuple[Requirement, str]] = []
        missing: list[Requirement] = []
        for each in pipeline.requirements:
            pin = here.pin(each.name) if each.name is not None else None
            if pin is not None:
                present.append((each, pin.name))
            elif not each.is_optional and ";" not in each.text:
                missing.append(each)
        return cls(present=tuple(present), missing=tuple(missing))

    def names_for(self, step: Step) -> set[str]:
        """Return the distributions that are installed when a step begins, or in it.

        What the notebook installs is there for the cells below, whether or not they import it:
        pandas uses engines that nobody names.
        """
        last = max((cell.index for cell in step.cells), default=-1)
        return {
            name
            for each, name in self.present
            if each.step is None or (each.location.cell_index or 0) <= last
        }

    def diagnostics(self, pipeline: Pipeline, images: frozenset[StepName]) -> Iterator[Diagnostic]:
        """Yield what pods will not have as the notebook asks for it (KP413)."""
        has_images = bool(pipeline.steps) and all(s.name in images for s in pipeline.steps)
        for each in self.missing:
            yield Diagnostic(
                code="KP413",
                severity=Severity.WARNING if has_images else Severity.ERROR,
                message=f"'{each.text}' is not installed here, so pods cannot be given a version",
                location=each.location,
                hint=f"pip install '{each.text}', then compile again",
            )
        said = {
            item.key for settings in (s.settings for s in pipeline.steps) for item in settings.env
        }
        for option, value, location in _sources(pipeline):
            variable = _INDEX_VARIABLES[option]
            if variable not in said:
                said.add(variable)
                yield Diagnostic(
                    code="KP413",
                    severity=Severity.WARNING,
                    message=f"'{option} {value}' is not known to pods, which use pip's own index",
                    location=replace(location),
                    hint=f"tag the steps 'env:{variable}:{value}'",
                )


def _sources(pipeline: Pipeline) -> Iterator[tuple[str, str, Location]]:
    for each in pipeline.requirements:
        words = each.options
        for option, value in pairwise(words):
            if option in _INDEX_VARIABLES:
                yield option, value, each.location
