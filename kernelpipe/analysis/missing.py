"""Findings about names that are not there where a cell reads them."""

from collections.abc import Iterable

from kernelpipe.analysis.cells import BUILTINS
from kernelpipe.analysis.history import Event, Read
from kernelpipe.analysis.names import bound_names, is_history
from kernelpipe.analysis.order_rules import DEFINED_IN_SKIPPED, READ_BEFORE_DEFINITION
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.places import first_mention, location_at
from kernelpipe.analysis.rules import DELETED, HISTORY, UNDEFINED
from kernelpipe.analysis.source import parse_cell
from kernelpipe.analysis.subject import Subject, who
from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location

_MOST_HINTS = 20
"""Names of one notebook for which a similar one is looked for, among all that it defines."""


def missing_names(subject: Subject) -> Iterable[Diagnostic]:
    """Yield what is to be said of reads that find nothing."""
    said = 0
    for read in subject.links.undefined:
        if is_history(read.name) and read.place.is_written:
            yield HISTORY.at(
                _place(read),
                f"{who(read.placed)} reads '{read.name}', which depends on the cells run before",
                "give the value a name where it is made, and use that name",
            )
        elif read.name not in BUILTINS and read.place.is_certain:
            said += 1
            yield _undefined(subject, read, is_hinted=said <= _MOST_HINTS)
    for read in subject.links.deleted:
        yield _deleted(subject, read)


def _place(read: Read) -> Location:
    name = read.name if read.place.is_written else None
    return location_at(read.placed, read.place.line, read.place.column, name)


def _undefined(subject: Subject, read: Read, *, is_hinted: bool) -> Diagnostic:
    name = read.name
    reads = f"{who(read.placed)} reads '{name}'"
    skipped = _skipped_definition(subject, name)
    later = _later_definition(subject, read)
    if skipped is not None and (later is None or skipped[0] < read.placed.cell.index):
        index, place = skipped
        return DEFINED_IN_SKIPPED.at(
            _place(read),
            f"{reads}, which only a skipped cell defines",
            f"remove the tag 'skip' from cell {index}, or define '{name}' in a cell that runs",
            [(place, f"'{name}' is defined here, in a cell tagged 'skip'")],
        )
    if later is not None and not later.is_test:
        return READ_BEFORE_DEFINITION.at(
            _place(read),
            f"{reads}, which cell {later.cell.index} ({who(later)}) defines only further down",
            "move that cell up, or this one down",
            [(subject.mention(later, name, is_read=False), f"'{name}' is defined here")],
        )
    related = []
    near = did_you_mean(name, subject.definers_of) if is_hinted else None
    hint = near or "define it in a cell above"
    if later is not None:
        hint = f"only the test in cell {later.cell.index} defines it; tests define nothing"
        related = [(subject.mention(later, name, is_read=False), "the test defines it here")]
    return UNDEFINED.at(_place(read), f"{reads}, which no earlier cell defines", hint, related)


def _later_definition(subject: Subject, read: Read) -> PlacedCell | None:
    """Return the first cell that defines a name, a test only if there is no other."""
    cells = subject.definers_of.get(read.name, ())
    return next((p for p in cells if not p.is_test), cells[0] if cells else None)


def _skipped_definition(subject: Subject, name: str) -> tuple[int, Location] | None:
    """Return index and place of the first skipped cell that defines a name."""
    for cell in subject.skipped:
        if name not in cell.source:
            continue
        tree = parse_cell(cell.source).tree
        if name in bound_names(tree.body).local:
            placed = PlacedCell(cell=cell, step=None, position=-1)
            return cell.index, first_mention(placed, tree, name, is_read=False)
    return None


def _deleted(subject: Subject, read: Read) -> Diagnostic:
    version = subject.history.versions[read.name][read.version]
    related = []
    if version.event is Event.DELETE:
        place = subject.mention(version.placed, read.name, is_read=False)
        related = [(place, f"{who(version.placed)} deletes '{read.name}' here")]
    return DELETED.at(
        _place(read),
        f"{who(read.placed)} reads '{read.name}', which was deleted before",
        "delete it after the last cell that reads it, or define it anew",
        related,
    )
