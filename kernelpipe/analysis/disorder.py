"""Findings about orders that cannot be: cycles, tags against the data, steps in two pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kernelpipe.analysis.history import Event
from kernelpipe.analysis.linking import TwoVersions
from kernelpipe.analysis.order import find_cycle
from kernelpipe.analysis.order_rules import BRANCHES_CHANGE, ORDER_AGAINST_DATA, REOPENED
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.rules import AGAINST_ORDER, CYCLE, TWO_VERSIONS
from kernelpipe.analysis.subject import Subject
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell

Related = list[tuple[Location, str]]
_Pair = tuple[StepName, StepName]


def disorder(subject: Subject) -> Iterator[Diagnostic]:
    """Yield what is to be said of the order of steps and of their pieces."""
    for each in subject.links.two_versions:
        yield _two_versions(subject, each)
    yield from _cycles(subject)
    yield from _against_order(subject)
    yield from _branches(subject)


# -- cycles --------------------------------------------------------------------------------------
def _cycles(subject: Subject) -> Iterator[Diagnostic]:
    cycle = find_cycle([s.name for s in subject.placement.steps], subject.edges)
    if not cycle:
        return
    pairs = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    declared = {pair: cell for pair, cell in _declared(subject) if pair in pairs}
    tags = [pair for pair in pairs if not subject.names_between(*pair) and pair in declared]
    if tags and any(subject.names_between(*pair) for pair in pairs):
        yield _order_against_data(subject, pairs, {pair: declared[pair] for pair in tags})
        return
    again = _opened_again(subject, cycle)
    if again is not None and not tags:
        yield _reopened(subject, pairs, again)
        return
    last = [p for p in subject.placement.cells if p.step in cycle][-1]
    yield CYCLE.at(
        last.cell.location,
        f"steps wait for each other: {'; '.join(_reasons(subject, pairs))}",
        "give the later cells of a re-opened step a name of their own, or remove a 'prev:' tag",
        [
            (cell.location, f"'prev:{first}' orders '{second}' after '{first}'")
            for (first, second), cell in sorted(declared.items())
        ],
    )


def _declared(subject: Subject) -> Iterator[tuple[_Pair, Cell]]:
    for step in subject.placement.steps:
        for name, cell in step.after:
            yield (name, step.name), cell


def _reasons(subject: Subject, pairs: Sequence[_Pair]) -> list[str]:
    return [
        f"'{second}' after '{first}'" + (f" (for {', '.join(names)})" if names else "")
        for first, second in pairs
        for names in [subject.names_between(first, second)]
    ]


def _flow(subject: Subject, pair: _Pair) -> Related:
    """Return where the first step makes, and where the second reads, one name that flows."""
    first, second = pair
    for name in subject.names_between(first, second):
        for taken in subject.places.taken(second, name):
            if taken.made.placed.step == first:
                return [
                    (taken.made.location, f"step '{first}' makes '{name}' here"),
                    (taken.location, f"step '{second}' reads '{name}' here"),
                ]
    return []


def _order_against_data(
    subject: Subject, pairs: Sequence[_Pair], tags: Mapping[_Pair, Cell]
) -> Diagnostic:
    (first, second), cell = next(iter(tags.items()))
    others = [pair for pair in pairs if pair != (first, second)]
    flows = [place for pair in others for place in _flow(subject, pair)]
    here = flows.pop()[0] if flows else cell.location
    return ORDER_AGAINST_DATA.at(
        here,
        f"'prev:{first}' orders step '{second}' after step '{first}', which depends on it: "
        f"{'; '.join(_reasons(subject, others))}",
        f"remove the tag 'prev:{first}', or move the cells so that both agree",
        [
            *(
                (tagged.location, f"the tag 'prev:{name}' is on this cell")
                for (name, _), tagged in tags.items()
                if tagged.location != here
            ),
            *flows,
        ],
    )


def _opened_again(subject: Subject, cycle: Sequence[StepName]) -> PlacedCell | None:
    """Return the first cell with which a step of a cycle goes on after another of its steps."""
    last: StepName | None = None
    seen: set[StepName] = set()
    for placed in subject.placement.cells:
        if placed.step is None or placed.step not in cycle:
            continue
        if placed.step != last and placed.step in seen:
            return placed
        seen.add(placed.step)
        last = placed.step
    return None


def _reopened(subject: Subject, pairs: Sequence[_Pair], again: PlacedCell) -> Diagnostic:
    related = [place for pair in pairs for place in _flow(subject, pair)]
    here = [place for place, _ in related if place.cell_index == again.cell.index]
    return REOPENED.at(
        here[0] if here else again.cell.location,
        f"step '{again.step}' is re-opened here, after a step that depends on it: "
        f"{'; '.join(_reasons(subject, pairs))}",
        "give the later cells of the step a name of their own",
        [each for each in related if not here or each[0] != here[0]],
    )


# -- tags and pieces -----------------------------------------------------------------------------
def _against_order(subject: Subject) -> Iterable[Diagnostic]:
    position = {step.name: i for i, step in enumerate(subject.placement.steps)}
    for (name, step), cell in _declared(subject):
        if position[name] > position[step]:
            first = subject.cells_of[name][0].cell.location
            yield AGAINST_ORDER.at(
                cell.location,
                f"'prev:{name}' names a step that stands further down the notebook",
                "data still flows in notebook order; move the cells so that both agree",
                [(first, f"step '{name}' begins here")],
            )


def _two_versions(subject: Subject, each: TwoVersions) -> Diagnostic:
    related: Related = []
    place = each.placed.cell.location
    for taken in subject.places.taken(each.step, each.name):
        is_here = taken.placed.position == each.placed.position
        if is_here and place.line is None:
            place = taken.location
        if taken.placed.step == each.step:
            made = taken.made
            owner = f"step '{made.placed.step}'" if made.placed.step else "setup"
            done = "changes" if made.event is Event.CHANGE else "makes"
            for where, text in (
                (made.location, f"{owner} {done} '{each.name}' here"),
                (taken.location, f"step '{each.step}' reads '{each.name}' here"),
            ):
                if where != place and (where, text) not in related:
                    related.append((where, text))
    return TWO_VERSIONS.at(
        place,
        f"step '{each.step}' would need two versions of '{each.name}': "
        "its cells stand apart, and a cell between them changes it",
        "give the later cells a step of their own",
        related,
    )


# -- branches ------------------------------------------------------------------------------------
def _branches(subject: Subject) -> Iterator[Diagnostic]:
    declared: dict[StepName, set[StepName]] = {}
    for (first, second), _ in _declared(subject):
        declared.setdefault(second, set()).add(first)
    settings = {step.name: step.settings for step in subject.placement.steps}
    for edge in subject.edges:
        first, second = edge.producer, edge.consumer
        one, other = settings[first].when, settings[second].when
        if declared.get(first, set()) & declared.get(second, set()):
            if first in _declared_before(second, declared):
                continue
            why = "are tagged as branches"
        elif one is not None and other is not None and one != other:
            why = "run on different conditions"
        else:
            continue
        names = [n for n in edge.names if _both_change(subject, n, first, second)]
        if names and len(names) == len(edge.names):
            yield _branch(subject, names[0], first, second, why)


def _declared_before(step: StepName, declared: dict[StepName, set[StepName]]) -> set[StepName]:
    found: set[StepName] = set()
    stack = [step]
    while stack:
        for name in declared.get(stack.pop(), ()):
            if name not in found:
                found.add(name)
                stack.append(name)
    return found


def _both_change(subject: Subject, name: str, first: StepName, second: StepName) -> bool:
    """Tell whether two steps change ``name`` in place, and none of them binds it."""
    versions = subject.history.versions.get(name, [])
    events = {step: {v.event for v in versions if v.owner == step} for step in (first, second)}
    return not name.startswith("@") and all(found == {Event.CHANGE} for found in events.values())


def _branch(subject: Subject, name: str, first: StepName, second: StepName, why: str) -> Diagnostic:
    one = subject.places.last_made(name, first)
    other = subject.places.last_made(name, second)
    place = other.location if other is not None else subject.cells_of[second][0].cell.location
    return BRANCHES_CHANGE.at(
        place,
        f"steps '{first}' and '{second}' {why}, but both change '{name}': "
        f"'{second}' waits for '{first}' and works on what that has changed",
        f"let each work on a copy, or tag '{second}' with 'prev:{first}' if that is meant",
        [(one.location, f"step '{first}' changes '{name}' here")] if one is not None else (),
    )
