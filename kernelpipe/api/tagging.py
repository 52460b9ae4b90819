"""Changes to tags as JSON: what the side panel asks for and what it is answered."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from kernelpipe.errors import UsageError
from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.step_edits import RenameStep, SetOrder, SetSetting
from kernelpipe.notebook.tag_edits import SetRole, SetStep, TagEdit, edit_tags
from kernelpipe.notebook.tagged_cells import TaggedCell

JsonObject = dict[str, Any]


def edited_tags(cells: object, edit: object) -> JsonObject:
    """Return the tags of the cells that an edit changes.

    Args:
        cells: The cells of a notebook in order, ``[{"id", "cell_type", "tags"}]``.
        edit: ``{"kind": "step", "ids", "step"}``, ``{"kind": "role", "ids", "role"}``,
            ``{"kind": "order", "ids", "after"}``, ``{"kind": "setting", "ids", "name", "value"}``
            or ``{"kind": "rename", "step", "to"}``; null takes away.

    Returns:
        ``{"cells": [{"id", "tags"}]}`` in notebook order, without those that stay as they are.

    Raises:
        UsageError: If the edit cannot be done or either has another shape.
    """
    before = _cells(cells)
    changed = edit_tags(before, _edit(edit))
    odd = {cell["id"] for cell in _objects(cells) if not isinstance(cell.get("tags", []), list)}
    indexes = {cell.id: index for index, cell in enumerate(before)}
    for cell in changed:
        index = indexes[cell.id]
        if cell.id in odd or not _is_whole(json.dumps(before[index].tags, ensure_ascii=False)):
            raise UsageError(
                f"the tags of cell {index} are damaged, so they cannot be changed",
                hint="mend the cell's metadata in the property inspector",
            )
    return {"cells": [{"id": cell.id, "tags": list(cell.tags)} for cell in changed]}


def _objects(cells: object) -> list[JsonObject]:
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise UsageError("'cells' must be a list of objects")
    return cells


def _cells(cells: object) -> tuple[TaggedCell, ...]:
    found: list[TaggedCell] = []
    for cell in _objects(cells):
        name, kind, tags = cell.get("id"), cell.get("cell_type"), cell.get("tags", [])
        if not isinstance(name, str) or not isinstance(kind, str):
            raise UsageError("each of 'cells' must have the texts 'id' and 'cell_type'")
        tags = tuple(tags) if isinstance(tags, list) else ()
        found.append(TaggedCell(id=name, cell_type=kind, tags=tags))
    if len({cell.id for cell in found}) < len(found):
        raise UsageError("two cells have the same id", hint="save the notebook and open it again")
    return tuple(found)


def _edit(edit: object) -> TagEdit:
    kind = edit.get("kind") if isinstance(edit, dict) else None
    if not isinstance(edit, dict) or not isinstance(kind, str) or kind not in _EDITS:
        raise UsageError(f"'edit' must be an object with a 'kind': {', '.join(sorted(_EDITS))}")
    return _EDITS[kind](edit)


def _text(edit: Mapping[str, Any], name: str) -> str:
    found = edit.get(name)
    if not isinstance(found, str) or not _is_whole(found):
        raise UsageError(f"'edit.{name}' must be a text")
    return found


def _optional(edit: Mapping[str, Any], name: str) -> str | None:
    return None if edit.get(name) is None else _text(edit, name)


def _texts(edit: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = edit.get(name)
    if not isinstance(found, list):
        raise UsageError(f"'edit.{name}' must be a list of texts")
    if not all(isinstance(each, str) and _is_whole(each) for each in found):
        raise UsageError(f"'edit.{name}' must be a list of texts")
    return tuple(found)


def _is_whole(text: str) -> bool:
    """Tell whether a text holds no half of a character, which no answer could carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _role(edit: Mapping[str, Any]) -> CellRole | None:
    text = _optional(edit, "role")
    roles = {role.value: role for role in CellRole if role is not CellRole.STEP}
    if text is not None and text not in roles:
        raise UsageError(f"'{text}' is no role; roles are: {', '.join(sorted(roles))}")
    return None if text is None else roles[text]


_EDITS: Final[Mapping[str, Callable[[Mapping[str, Any]], TagEdit]]] = {
    "step": lambda edit: SetStep(ids=_texts(edit, "ids"), step=_optional(edit, "step")),
    "role": lambda edit: SetRole(ids=_texts(edit, "ids"), role=_role(edit)),
    "order": lambda edit: SetOrder(ids=_texts(edit, "ids"), after=_texts(edit, "after")),
    "setting": lambda edit: SetSetting(
        ids=_texts(edit, "ids"), name=_text(edit, "name"), value=_optional(edit, "value")
    ),
    "rename": lambda edit: RenameStep(step=_text(edit, "step"), to=_text(edit, "to")),
}
"""Kind -> how its edits are read."""
