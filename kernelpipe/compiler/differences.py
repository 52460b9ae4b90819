"""Says in the user's words what is no longer as it was when a result was stored."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest

from kernelpipe.compiler.conditions import Conditions, setup_order
from kernelpipe.compiler.fingerprints import SETUP, CodePart, Fingerprint, Statement

OTHER_VERSION = "stored by another version of kernelpipe"
_SHOWN_CHARACTERS = 40
_Pairs = Sequence[tuple[str, str]]
_Placed = tuple[CodePart, Statement]


def differences(old: Conditions, new: Conditions) -> tuple[str, ...]:
    """Return what differs, the most telling first; empty exactly if the keys are equal.

    Cells and lines are those of the new notebook. Cells are matched by what is in them, then by
    id, then by their order.
    """
    if old.format != new.format:
        return (OTHER_VERSION,)
    before, after = old.fingerprint, new.fingerprint
    found = list(_told(old, new))
    return tuple(dict.fromkeys(found or _shared(before, after)))


def _told(old: Conditions, new: Conditions) -> Iterator[str]:
    before, after = old.fingerprint, new.fingerprint
    yield from (
        *_own_code(_own(before), _own(after)),
        *_setup_code(before, after),
        *_changes(before.parameters, after.parameters, _parameter),
        *_changes(old.inputs, new.inputs, _input),
        *_changes(old.packages, new.packages, _package),
        *_python(old.python, new.python),
        *_changes(before.settings, after.settings, _setting),
        *_ports(before, after),
    )


# -- own cells ---------------------------------------------------------------------------------
def _own(known: Fingerprint) -> list[CodePart]:
    return [part for part in known.code if part.role != SETUP]


def _content(part: CodePart) -> tuple[object, ...]:
    return (part.role, part.may_raise, tuple(s.meaning for s in part.statements))


def _own_code(old: list[CodePart], new: list[CodePart]) -> Iterator[str]:
    pairs = _matched(old, new)
    partner = {id(part): before for before, part in pairs}
    for part in new:
        if id(part) not in partner:
            yield f"cell {part.cell_index} is new"
        elif _content(partner[id(part)]) != _content(part):
            yield _changed(partner[id(part)], part)
    matched = {id(before) for before, _ in pairs}
    for part in old:
        if id(part) not in matched:
            yield f"cell {part.cell_index} was removed"
    if len(pairs) == len(old) == len(new):
        places = [old.index(partner[id(part)]) for part in new]
        if places != sorted(places):
            yield "its cells are in another order"


def _matched(old: list[CodePart], new: list[CodePart]) -> list[tuple[CodePart, CodePart]]:
    """Return pairs of an old and a new cell that are the same cell."""
    pairs: list[tuple[CodePart, CodePart]] = []
    old_left, new_left = list(old), list(new)

    def pair_by(key: Callable[[CodePart], object]) -> None:
        for part in list(new_left):
            for before in old_left:
                if key(before) == key(part):
                    pairs.append((before, part))
                    old_left.remove(before)
                    new_left.remove(part)
                    break

    pair_by(lambda part: (part.cell_id, _content(part)))
    pair_by(_content)
    pair_by(lambda part: part.cell_id)
    remaining = list(zip(old_left, new_left, strict=False))
    return pairs + remaining


def _changed(before: CodePart, part: CodePart) -> str:
    cell = f"cell {part.cell_index}"
    if before.role != part.role:
        return f"{cell} is tagged {_tag(part)}, was {_tag(before)}"
    if before.may_raise != part.may_raise:
        return f"{cell} {'may' if part.may_raise else 'must not'} raise now"
    first = _first_difference(
        [s.digest for s in before.statements], [s.digest for s in part.statements]
    )
    if first is None:  # all that differs is what is shown
        first = _first_difference(
            [s.meaning for s in before.statements], [s.meaning for s in part.statements]
        )
    if first is None or first >= len(part.statements):
        return f"{cell} lost its end after line {part.statements[-1].line}"
    return f"{cell} changed at line {part.statements[first].line}"


def _first_difference(old: Sequence[str], new: Sequence[str]) -> int | None:
    """Return the first position at which two sequences differ, None if they are equal."""
    pairs = enumerate(zip_longest(old, new))
    return next((position for position, (one, other) in pairs if one != other), None)


def _tag(part: CodePart) -> str:
    return {"cell": "as a step"}.get(part.role, f"'{part.role}'")


# -- setup -------------------------------------------------------------------------------------
def _setup_code(before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    old, new = list(_setup(before)), list(_setup(after))
    gone = _without(old, [s.digest for _, s in new])
    come = _without(new, [s.digest for _, s in old])
    labels = Counter(s.label for _, s in gone if s.label)
    changed: list[str] = []
    used: list[str] = []
    for part, statement in come:
        if not statement.label:
            changed.append(f"cell {part.cell_index} changed at line {statement.line}")
        elif labels[statement.label] > 0:
            labels[statement.label] -= 1
            changed.append(f"{_named(part, statement)} changed")
        else:
            used.append(f"it uses {_named(part, statement)} now")
    told = [*changed, *_removed(gone, after), *used, *_no_longer_used(gone, labels)]
    if not told and setup_order(before.code) != setup_order(after.code):
        told.append(_order_or_display(old, new))
    yield from told


def _order_or_display(old: Sequence[_Placed], new: Sequence[_Placed]) -> str:
    """Return what differs between setup codes that hold the same statements."""
    shown = {s.meaning for _, s in old}
    for part, statement in new:
        if statement.meaning not in shown:
            return f"cell {part.cell_index} changed at line {statement.line}"
    cells = sorted({part.cell_index for part, _ in new})
    return f"the setup it uses is in another order ({_cells(cells)})"


def _removed(gone: Iterable[_Placed], after: Fingerprint) -> Iterator[str]:
    places = {part.cell_id: part.cell_index for part in after.code if part.role == SETUP}
    for part, statement in gone:
        if not statement.label:
            yield (
                f"cell {places[part.cell_id]} changed"
                if part.cell_id in places
                else f"cell {part.cell_index} was removed"
            )


def _no_longer_used(gone: Iterable[_Placed], labels: Counter[str]) -> Iterator[str]:
    for _, statement in gone:
        if statement.label and labels[statement.label] > 0:
            labels[statement.label] -= 1
            yield f"it no longer uses {_what(statement)}"


def _setup(known: Fingerprint) -> Iterator[_Placed]:
    return ((p, s) for p in known.code if p.role == SETUP for s in p.statements)


def _without(statements: Iterable[_Placed], digests: Iterable[str]) -> list[_Placed]:
    """Return ``statements`` without one for each of ``digests``."""
    known = Counter(digests)
    left = []
    for part, statement in statements:
        if known[statement.digest] > 0:
            known[statement.digest] -= 1
        else:
            left.append((part, statement))
    return left


def _named(part: CodePart, statement: Statement) -> str:
    return f"{_what(statement)} (cell {part.cell_index})"


def _what(statement: Statement) -> str:
    kind, _, name = statement.label.rpartition(" ")
    words = {"def": "function", "class": "class", "import": "import of"}
    return f"{words[kind]} '{name}'" if kind else f"'{name}'"


def _cells(indexes: Sequence[int]) -> str:
    return f"cell{'s' if len(indexes) > 1 else ''} {', '.join(map(str, indexes))}"


# -- all else ----------------------------------------------------------------------------------
def _changes(
    old: _Pairs, new: _Pairs, describe: Callable[[str, str | None, str | None], str]
) -> Iterator[str]:
    before, after = dict(old), dict(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield describe(name, before.get(name), after.get(name))


def _parameter(name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"it reads parameter {name} now"
    if new is None:
        return f"it no longer reads parameter {name}"
    return f"parameter {name} {_shortened(old)} -> {_shortened(new)}"


def _input(name: str, old: str | None, new: str | None) -> str:
    step, _, port = name.rpartition("/")
    if old is None:
        return f"it takes '{port}' from step '{step}' now"
    if new is None:
        return f"it no longer takes '{port}' from step '{step}'"
    return f"input '{port}' from step '{step}' changed"


def _package(name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"it uses {name} {new} now"
    if new is None:
        return f"it no longer uses {name} {old}"
    return f"{name} {old} -> {new}"


def _setting(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"setting {name} was {'set' if old is None else 'taken away'}"
    return f"setting {name} changed"


def _python(old: str, new: str) -> Iterator[str]:
    if old == new:
        return
    before, after = old.split(" "), new.split(" ")
    is_version_only = len(before) == len(after) > 1 and (before[0], before[2:]) == (
        after[0],
        after[2:],
    )
    if is_version_only and before[0] == "CPython":
        yield f"Python {before[1]} -> {after[1]}"
    else:
        yield f"Python {old} -> {new}"


def _ports(before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    if before.step != after.step:
        yield f"step '{before.step}' is called '{after.step}' now"
    yield from _names_changed(before.inputs, after.inputs, "takes", "no longer takes")
    yield from _names_changed(before.outputs, after.outputs, "hands on", "no longer hands on")
    if before.outputs != after.outputs and _all_names(before.outputs) == _all_names(after.outputs):
        yield "what it hands on is stored in other files"
    if before.metrics != after.metrics:
        yield f"its metrics are {_listed(after.metrics)} now"
    if before.removed != after.removed:
        yield f"setup's {_listed({*before.removed} ^ {*after.removed})} is deleted elsewhere now"


def _shared(before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    """Tell what follows from other changes, unless nothing else is to be told."""
    names = {*before.shared} ^ {*after.shared}
    if names:
        yield f"other steps now change setup's {_listed(names)}, or no longer do"


_PortNames = tuple[tuple[str, tuple[str, ...]], ...]


def _names_changed(old: _PortNames, new: _PortNames, gained: str, lost: str) -> Iterator[str]:
    before, after = _all_names(old), _all_names(new)
    if after - before:
        yield f"it {gained} {_listed(after - before)} now"
    if before - after:
        yield f"it {lost} {_listed(before - after)}"
    if old != new and before == after and gained == "takes":
        yield "it takes its inputs from other steps now"


def _all_names(ports: _PortNames) -> set[str]:
    return {name for _, names in ports for name in names}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "none"


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
