"""The tag grammar: a cell's tags to its role, its step and its settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.model.settings import NO_SETTINGS, StepSettings
from kernelpipe.notebook import rules, values
from kernelpipe.notebook.near_tags import near_tag
from kernelpipe.notebook.settings_tags import (
    SETTING_NAMES,
    Fault,
    merge_settings,
    parse_setting,
)
from kernelpipe.notebook.tag_names import EXIT_TAG, ORDER_NAMES, ROLE_TAGS, STEP_NAMES

_OF_ONE_STEP: Final = frozenset({"register"})
"""Settings that cannot be a default: what they name belongs to one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTags:
    """What the tags of one cell say.

    ``role`` is None when no tag gives one. ``foreign`` are the tags that are not ours, in order.
    ``speaking`` are those of ours that say something of a step: its order and its settings.
    """

    role: CellRole | None = None
    step: StepName | None = None
    after: tuple[StepName, ...] = ()
    settings: StepSettings = field(default_factory=StepSettings)
    is_continued: bool = False
    """A ``step:`` without a name: the cell belongs to the step above."""
    speaking: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def parse_tags(tags: Sequence[str], location: Location) -> CellTags:
    """Return what ``tags`` say; whatever is wrong with them is in the diagnostics.

    Args:
        tags: As the cell's metadata has them.
        location: The cell's.
    """
    found = _parsed(tuple(tags), _NOWHERE)
    return _parsed.__wrapped__(tuple(tags), location) if found.diagnostics else found


_NOWHERE: Final = Location(path="")


@lru_cache(maxsize=4096)
def _parsed(tags: tuple[str, ...], location: Location) -> CellTags:
    parser = _Parser(location)
    seen: set[str] = set()
    for tag in tags:
        if tag in seen:
            parser.report(rules.REPEATED, f"the tag '{tag}' stands here more than once")
            continue
        seen.add(tag)
        parser.read(tag)
    return parser.result()


def parse_step_defaults(
    tags: Sequence[str], location: Location
) -> tuple[StepSettings, tuple[Diagnostic, ...]]:
    """Return the settings that ``tags`` of a notebook's metadata give to all steps."""
    settings = NO_SETTINGS
    diagnostics: list[Diagnostic] = []
    for tag in tags:
        name, colon, value = tag.partition(":")
        if not colon or name not in SETTING_NAMES or name in _OF_ONE_STEP:
            hint = near_tag(tag)
            diagnostics.append(
                rules.STEP_DEFAULT.at(
                    location,
                    f"'{tag}' is no setting that steps can have by default",
                    f"did you mean '{hint}'?" if hint else None,
                )
            )
            continue
        found = parse_setting(name, value)
        if isinstance(found, Fault):
            diagnostics.append(_fault(found, tag, location, "step default"))
            continue
        merged = merge_settings(settings, found)
        settings = merged.settings
        diagnostics += [
            rules.TWO_VALUES.at(
                location, f"step default '{tag}': '{name}' is set before, otherwise"
            )
            for name in merged.conflicts
        ]
    return settings, tuple(diagnostics)


def _fault(fault: Fault, tag: str, location: Location, kind: str) -> Diagnostic:
    return fault.rule.at(location, f"{kind} '{tag}': {fault.message}", fault.hint)


class _Parser:
    """Reads the tags of one cell, one by one."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._roles: dict[CellRole, str] = {}
        self._steps: dict[StepName, str] = {}
        self._after: list[StepName] = []
        self._settings = NO_SETTINGS
        self._is_continued = False
        self._has_step_tag = False
        self._speaking: list[str] = []
        self._foreign: list[str] = []
        self._diagnostics: list[Diagnostic] = []

    def report(self, rule: rules.Rule, message: str, hint: str | None = None) -> None:
        """Add a finding about the cell."""
        self._diagnostics.append(rule.at(self._location, message, hint))

    def read(self, tag: str) -> None:
        """Take in one tag."""
        if tag in ROLE_TAGS:
            self._roles.setdefault(ROLE_TAGS[tag], tag)
            return
        if tag == EXIT_TAG:
            self._set(tag, StepSettings(on_exit=True))
            return
        name, colon, value = tag.partition(":")
        if not colon or not self._read_named(tag, name, value):
            self._read_other(tag)

    def _read_named(self, tag: str, name: str, value: str) -> bool:
        """Take in ``name:value``; return False if the name is none of ours."""
        if name in STEP_NAMES:
            self._read_step(tag, name, value)
        elif name in ORDER_NAMES:
            self._read_order(tag, name, value)
        elif name in SETTING_NAMES:
            found = parse_setting(name, value)
            if isinstance(found, Fault):
                self._diagnostics.append(_fault(found, tag, self._location, "tag"))
            else:
                self._set(tag, found)
        elif name in ROLE_TAGS or name == EXIT_TAG:
            self.report(
                rules.UNEXPECTED_VALUE,
                f"tag '{tag}': '{name}' takes no value",
                f"write '{name}'",
            )
        elif name == "notebook":
            self.report(
                rules.COMPOSITION,
                f"tag '{tag}': a step that is another notebook is not supported yet",
                "copy that notebook's cells into this one and tag them 'step:NAME', or tag this "
                "cell 'skip'",
            )
        else:
            return False
        return True

    def _read_step(self, tag: str, name: str, value: str) -> None:
        self._has_step_tag = True
        if not value:
            self._is_continued = True
        elif values.STEP_NAME.fullmatch(value):
            self._steps.setdefault(StepName(value), tag)
        else:
            near = values.step_name_like(value)
            self.report(
                rules.STEP_NAME,
                f"tag '{tag}': '{value}' is no step name",
                f"did you mean '{name}:{near}'?" if near else "letters, digits, '_' and '-'",
            )

    def _read_order(self, tag: str, name: str, value: str) -> None:
        self._speaking.append(tag)
        if values.STEP_NAME.fullmatch(value):
            if StepName(value) not in self._after:
                self._after.append(StepName(value))
        elif not value.strip():
            self.report(
                rules.MISSING_VALUE,
                f"tag '{tag}': there is nothing after the colon",
                f"write {name}:STEP",
            )
        else:
            names = [part for part in map(values.step_name_like, value.split(",")) if part]
            nearest = " and ".join(f"'{name}:{part}'" for part in names)
            self.report(
                rules.PREV_NAME,
                f"tag '{tag}': '{value}' is no step name",
                f"did you mean {nearest}?" if nearest else None,
            )

    def _set(self, tag: str, settings: StepSettings) -> None:
        self._speaking.append(tag)
        merged = merge_settings(self._settings, settings)
        self._settings = merged.settings
        for name in merged.conflicts:
            self.report(
                rules.TWO_VALUES,
                f"tag '{tag}': another tag of this cell sets '{name}' otherwise",
                "keep one of them",
            )

    def _read_other(self, tag: str) -> None:
        self._foreign.append(tag)
        near = near_tag(tag)
        if near is not None:
            self.report(
                rules.MISSPELT if ":" in tag else rules.LIKELY_TYPO,
                f"the tag '{tag}' is none of kernelpipe's, so it has no effect",
                f"did you mean '{near}'?",
            )

    def result(self) -> CellTags:
        """Return what all tags say together."""
        role = self._role()
        if role is CellRole.SKIP:
            return CellTags(
                role=role, foreign=tuple(self._foreign), diagnostics=tuple(self._diagnostics)
            )
        step = next(iter(self._steps), None)
        if len(self._steps) > 1:
            tags = "' and '".join(self._steps.values())
            self.report(rules.TWO_STEPS, f"the tags '{tags}' name two steps", "keep one of them")
        return CellTags(
            role=role,
            step=step,
            after=tuple(self._after),
            settings=self._settings,
            is_continued=self._is_continued and step is None,
            speaking=tuple(self._speaking),
            foreign=tuple(self._foreign),
            diagnostics=tuple(self._diagnostics),
        )

    def _role(self) -> CellRole | None:
        """Return the one role that the tags give; ``skip`` is stronger than anything else."""
        if CellRole.SKIP in self._roles:
            said = [*self._speaking, *self._steps.values()]
            if said:
                listed = "', '".join(said)
                self.report(
                    rules.NO_EFFECT,
                    f"the cell is skipped, so its tags '{listed}' have no effect",
                    "remove them, or remove 'skip'",
                )
            return CellRole.SKIP
        roles = dict(self._roles)
        if set(roles) == {CellRole.IMPORTS, CellRole.FUNCTIONS}:
            return CellRole.FUNCTIONS  # both are setup, and what differs is only the word
        if len(roles) > 1:
            listed = "' and '".join(roles.values())
            self.report(
                rules.CONFLICTING_ROLES, f"the tags '{listed}' exclude each other", "keep one"
            )
        role = next(iter(roles), None)
        if role in _SETUP and self._has_step_tag:
            tag = roles[role]
            self.report(
                rules.CONFLICTING_ROLES,
                f"a cell tagged '{tag}' is setup of all steps and cannot be part of one, too",
                f"remove '{tag}' or the step's tag",
            )
        return role


_SETUP: Final = frozenset({CellRole.IMPORTS, CellRole.FUNCTIONS, CellRole.PARAMETERS})
