"""Changes to what the tags say of steps: their order, their settings, their names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.names import StepName
from kernelpipe.model.settings import StepSettings
from kernelpipe.notebook import values
from kernelpipe.notebook.settings_tags import SETTING_NAMES, Fault, parse_setting
from kernelpipe.notebook.tag_names import EXIT_TAG
from kernelpipe.notebook.tag_rewriting import head_of
from kernelpipe.notebook.tagged_cells import Kind, Place, TaggedCell, kind_of, place_tagged

_KEYED: Final[Mapping[str, int]] = {"limit": 0, "env": 0, "label": 0, "annotation": 0, "secret": 2}
"""Settings that a step can have several of: name -> which part of the value tells them apart."""
_GPU: Final = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOrder:
    """Make the steps of cells start after the steps ``after``, and after no others by tags."""

    ids: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSetting:
    """Give the steps of cells a setting.

    ``name`` is a tag's name, for what a step can have several of also ``env:NAME``; ``value`` is
    what stands behind the colon, None removes the setting. ``on-exit`` takes the value ``on``.
    """

    ids: tuple[str, ...]
    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameStep:
    """Give a step another name, wherever tags name it."""

    step: str
    to: str


def step_name(text: str) -> StepName:
    """Return ``text`` as a step's name.

    Raises:
        UsageError: If it is none.
    """
    if values.STEP_NAME.fullmatch(text):
        return StepName(text)
    near = values.step_name_like(text)
    raise UsageError(
        f"'{text}' is no step name: letters, digits, '_' and '-', "
        "beginning with a letter or '_'" if text.strip() else "a step needs a name",
        hint=f"did you mean '{near}'?" if near else None,
    )  # fmt: skip


def set_order(cells: Sequence[TaggedCell], edit: SetOrder) -> list[TaggedCell]:
    """Return all cells, with the order of the steps that the edit chooses."""
    places = place_tagged(cells)
    known = {place.step for place in places.values() if place.step is not None}
    edited = list(cells)
    for step in _steps_of(edit.ids, places):
        for name in edit.after:
            if name == step:
                raise UsageError(f"step '{step}' cannot come after itself")
            if name not in known:
                raise UsageError(
                    f"there is no step '{name}'",
                    hint=did_you_mean(name, known) or f"steps are: {', '.join(sorted(known))}",
                )
        edited = _ordered(edited, step, edit.after, places)
    return edited


def _ordered(
    cells: Sequence[TaggedCell], step: StepName, after: Iterable[str], places: Mapping[str, Place]
) -> list[TaggedCell]:
    wanted = tuple(dict.fromkeys(after))
    kept: set[str] = set()
    edited: list[TaggedCell] = []
    for cell in cells:
        if not _is_in(cell, step, places):
            edited.append(cell)
            continue
        gone = {tag for tag in cell.texts(Kind.ORDER) if _value(tag) not in wanted}
        kept |= {_value(tag) for tag in cell.texts(Kind.ORDER)} & {*wanted}
        edited.append(_without(cell, gone))
    missing = [f"prev:{name}" for name in wanted if name not in kept]
    return _with_tags(edited, head_of(step, places), missing)


def set_setting(cells: Sequence[TaggedCell], edit: SetSetting) -> list[TaggedCell]:
    """Return all cells, with the setting of the steps that the edit chooses."""
    name, _, key = edit.name.partition(":")
    if name not in {*SETTING_NAMES, EXIT_TAG} or (key and name not in _KEYED):
        raise UsageError(
            f"'{edit.name}' is no setting of a step",
            hint=did_you_mean(name, {*SETTING_NAMES, EXIT_TAG}),
        )
    places = place_tagged(cells)
    value = edit.value if edit.value is None or not key else _with_key(name, key, edit.value)
    wanted = None if value is None else _setting_tag(name, value)
    edited = list(cells)
    for step in _steps_of(edit.ids, places):
        edited = _set(edited, step, _Setting.of(name, key, wanted), places)
    return edited


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What an edit asks for: ``tag`` is None where it takes the setting away."""

    name: str
    key: str
    tag: str | None

    @classmethod
    def of(cls, name: str, key: str, tag: str | None) -> "_Setting":
        if tag is not None and not key:
            key = _key_of(tag)
        return cls(name=name, key=key, tag=tag)

    def is_about(self, tag: str) -> bool:
        """Tell whether ``tag`` sets the same thing, in any spelling."""
        name, _, _ = tag.partition(":")
        if self.name in _KEYED:
            return name == self.name and (not self.key or _key_of(tag) == self.key)
        return name == self.name or bool(_fields(tag) & _fields_of(self.name))


def _set(
    cells: Sequence[TaggedCell], step: StepName, setting: _Setting, places: Mapping[str, Place]
) -> list[TaggedCell]:
    """Return the cells with the setting at the step's head and nowhere else in it."""
    mine = [cell for cell in cells if _is_in(cell, step, places)]
    old = [tag for cell in mine for tag in cell.texts(Kind.SETTING) if setting.is_about(tag)]
    if setting.tag is None and not old:
        raise UsageError(
            f"no tag of step '{step}' sets '{setting.name}'",
            hint="what holds for all steps stands under 'step_defaults' in the notebook's metadata",
        )
    new = None if setting.tag is None else _keeping_type(setting.tag, old)
    if new is not None and len(old) == 1 and _parsed(old[0]) == _parsed(new):
        return list(cells)
    edited = [_without(cell, {*old}) if _is_in(cell, step, places) else cell for cell in cells]
    return _with_tags(edited, head_of(step, places), [] if new is None else [new])


def _keeping_type(tag: str, old: Iterable[str]) -> str:
    """Return ``gpu:N`` as the limit of another maker's GPUs where that was set before."""
    types = [settings.gpu_type for settings in map(_parsed, old) if settings and settings.gpu_type]
    if tag.partition(":")[0] == "gpu" and types and types[0] != _GPU:
        return f"limit:{types[0]}:{_value(tag)}"
    return tag


def _setting_tag(name: str, value: str) -> str:
    """Return the tag that sets ``name`` to ``value``, if the grammar allows it."""
    if name == EXIT_TAG:
        if value != "on":
            raise UsageError(f"'{EXIT_TAG}' takes no value but 'on'")
        return EXIT_TAG
    value = value.strip()
    found = parse_setting(name, value)
    if isinstance(found, Fault):
        raise UsageError(f"{name}: {found.message}", hint=found.hint)
    if "," in value:
        raise UsageError(
            f"{name}: '{value}' has a comma, which Jupyter allows in no tag",
            hint="write it without a comma",
        )
    return f"{name}:{value}"


def _with_key(name: str, key: str, value: str) -> str:
    return f"{value}:{key}" if _KEYED[name] else f"{key}:{value}"


def _key_of(tag: str) -> str:
    """Return what tells apart settings of which a step can have several, "" for others."""
    name, _, value = tag.partition(":")
    if name not in _KEYED:
        return ""
    if name == "limit":
        return value.rpartition(":")[0]
    return [*value.split(":"), "", ""][_KEYED[name]]


def _parsed(tag: str) -> StepSettings | None:
    """Return what a tag sets, None for nothing that is valid."""
    if tag == EXIT_TAG:
        return StepSettings(on_exit=True)
    name, _, value = tag.partition(":")
    found = parse_setting(name, value)
    return None if isinstance(found, Fault) else found


def _fields(tag: str) -> set[str]:
    found = _parsed(tag)
    return set(found.names_set()) if found else set()


def _fields_of(name: str) -> set[str]:
    """Return the settings that a tag of another name can set, too."""
    return {name} if name in {"cpu", "memory", "gpu"} else set()


def rename_step(cells: Sequence[TaggedCell], edit: RenameStep) -> list[TaggedCell]:
    """Return all cells, with the step's new name in their tags."""
    known = {found for cell in cells for tag in cell.texts(Kind.STEP) if (found := _value(tag))}
    if edit.step not in known:
        raise UsageError(f"there is no step '{edit.step}'", hint=did_you_mean(edit.step, known))
    new = step_name(edit.to)
    if new != edit.step and new in known:
        raise UsageError(
            f"there is a step '{new}' already",
            hint=f"to put the cells of '{edit.step}' into it, choose them and give them that step",
        )
    return [
        cell
        if new == edit.step
        else replace(cell, tags=tuple(_renamed(tag, edit.step, new) for tag in cell.tags))
        for cell in cells
    ]


def _renamed(tag: object, step: str, new: StepName) -> object:
    kind = kind_of(tag)
    if kind not in {Kind.STEP, Kind.ORDER} or _value(str(tag)) != step:
        return tag
    return f"step:{new}" if kind is Kind.STEP else f"prev:{new}"


def _steps_of(ids: Iterable[str], places: Mapping[str, Place]) -> list[StepName]:
    """Return the steps that cells belong to, each once."""
    found = dict.fromkeys(
        place.step for name in ids if (place := places.get(name)) and place.step is not None
    )
    if not found:
        raise UsageError(
            "the cell belongs to no step; order and settings are of steps",
            hint="give the cell a step first",
        )
    return [step for step in found if step is not None]


def _is_in(cell: TaggedCell, step: StepName, places: Mapping[str, Place]) -> bool:
    place = places.get(cell.id)
    return place is not None and place.step == step


def _without(cell: TaggedCell, gone: set[str]) -> TaggedCell:
    return replace(cell, tags=tuple(tag for tag in cell.tags if tag not in gone))


def _with_tags(
    cells: Iterable[TaggedCell], name: str | None, tags: Sequence[str]
) -> list[TaggedCell]:
    return [cell.with_tags(*tags) if cell.id == name else cell for cell in cells]


def _value(tag: str) -> str:
    return tag.partition(":")[2]
