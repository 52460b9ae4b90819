"""Findings about tests: what they leave behind in the notebook, but not in the pipeline."""

from collections.abc import Collection, Iterator

from kernelpipe.analysis.heap import ATOMS, holders
from kernelpipe.analysis.history import Event, Read
from kernelpipe.analysis.order_rules import TEST_BINDS, TEST_CHANGES, TEST_RUNS_LATER
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.subject import Subject, who
from kernelpipe.analysis.summaries import Effects, StateUse
from kernelpipe.model.diagnostic import Diagnostic


def leaks_of_tests(subject: Subject) -> Iterator[Diagnostic]:
    """Yield what cells below a test would see of it in the notebook."""
    for placed in subject.placement.cells:
        if placed.is_test and placed.position in subject.history.facts:
            bound = dict(_bound(subject, placed))
            yield from bound.values()
            yield from _changed(subject, placed, bound.keys())
            yield from _runs_later(subject, placed)


def _bound(subject: Subject, placed: PlacedCell) -> Iterator[tuple[str, Diagnostic]]:
    facts = subject.history.facts[placed.position]
    for name in sorted(facts.bound.keys() | facts.deleted):
        read = _later_read(subject, placed, name)
        if read is None:
            continue
        rule = TEST_BINDS if name in facts.definite | facts.deleted else TEST_CHANGES
        verb = "deletes" if name in facts.deleted else "binds"
        yield (
            name,
            rule.at(
                subject.mention(placed, name, is_read=False),
                f"this test {verb} '{name}', which {who(read.placed)} reads in cell "
                f"{read.placed.cell.index}; in the pipeline tests hand nothing on",
                "use another name in the test, or make the cell a part of the step",
                [
                    (
                        subject.mention(read.placed, name, is_read=True),
                        f"{who(read.placed)} reads '{name}' as it was before the test",
                    )
                ],
            ),
        )


def _later_read(subject: Subject, placed: PlacedCell, name: str) -> Read | None:
    """Return the first read of a name in which the notebook would see what the test left."""
    versions = subject.history.versions.get(name, [])
    for read in subject.reads_of.get(name, ()):
        if read.placed.position <= placed.position or read.placed.is_test:
            continue
        version = read.version
        while version >= 0 and versions[version].placed.position > placed.position:
            if versions[version].event in (Event.BIND, Event.DELETE):
                return None
            version -= 1
        if version >= 0:
            return read
    return None


def _changed(subject: Subject, placed: PlacedCell, bound: Collection[str]) -> Iterator[Diagnostic]:
    """Yield the first change in place, and of hidden state, that is seen below a test."""
    effects = subject.history.facts[placed.position].effects
    changed = {o for o in effects.changed if o.kind not in ATOMS}
    around = holders(changed)
    for name in sorted(subject.reads_of.keys() - set(bound)) if changed else ():
        versions = subject.history.versions.get(name, ())
        before = [v for v in versions if v.placed.position < placed.position]
        if not before or around.isdisjoint(before[-1].value):
            continue
        read = _later_read(subject, placed, name)
        if read is not None:
            yield _change(subject, placed, f"'{name}' in place", read.placed, name)
            break
    for state in sorted({event.state for event in effects.states}):
        user = _later_user(subject, placed, state)
        if user is not None:
            yield _change(subject, placed, f"hidden state ({state[1:]})", user, "")
            break


def _later_user(subject: Subject, placed: PlacedCell, state: str) -> PlacedCell | None:
    """Return the first cell that works with hidden state as a test has left it."""
    uses = {
        e.use for e in subject.history.facts[placed.position].effects.states if e.state == state
    }
    if uses == {StateUse.DRAW} and not _is_set_before(subject, placed, state):
        return None
    for cell in subject.placement.cells[placed.position + 1 :]:
        facts = subject.history.facts.get(cell.position)
        for event in facts.effects.states if facts is not None and not cell.is_test else ():
            if event.state == state:
                return cell if event.use is not StateUse.SET else None
    return None


def _is_set_before(subject: Subject, placed: PlacedCell, state: str) -> bool:
    versions = subject.history.versions.get(state, ())
    return any(v.placed.position < placed.position for v in versions)


def _change(
    subject: Subject, placed: PlacedCell, what: str, reader: PlacedCell, name: str
) -> Diagnostic:
    return TEST_CHANGES.at(
        subject.statement(placed, _changes_something, name),
        f"this test changes {what}, which {who(reader)} would see in the notebook, but "
        "not in the pipeline",
        "let the test work on a copy, or make the cell a part of the step",
        [
            (
                subject.mention(reader, name, is_read=True),
                f"{who(reader)} works without the test's change",
            )
        ],
    )


def _changes_something(effects: Effects) -> bool:
    return bool(effects.states) or any(o.kind not in ATOMS for o in effects.changed)


def _runs_later(subject: Subject, placed: PlacedCell) -> Iterator[Diagnostic]:
    """Yield the first name that the test's own step makes anew below the test."""
    if placed.step is None or subject.cells_of[placed.step][-1].position == placed.position:
        return
    for name, read in subject.history.facts[placed.position].reads.items():
        for version in subject.history.versions.get(name, ()) if read.is_written else ():
            if version.owner == placed.step and version.placed.position > placed.position:
                yield TEST_RUNS_LATER.at(
                    subject.mention(placed, name, is_read=True),
                    f"this test reads '{name}', which cell {version.placed.cell.index} of its step "
                    "makes anew or changes before the test runs",
                    "give the cells below the test a step of their own",
                    [(subject.mention(version.placed, name, is_read=False), "that happens here")],
                )
                return
