"""Why one step comes after another, down to the lines."""

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kernelpipe.analysis.functions_between import through
from kernelpipe.analysis.heap import reach
from kernelpipe.analysis.history import Event
from kernelpipe.analysis.places import Made, Taken, naming
from kernelpipe.analysis.subject import Subject, who
from kernelpipe.analysis.verdicts import file_place
from kernelpipe.model.explanation import Explanation, Reason, ReasonKind, StepLink
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline, describe_path

_DONE = {
    Event.BIND: "makes",
    Event.MAYBE: "may make",
    Event.CHANGE: "changes",
    Event.DELETE: "deletes",
}


def _done(made: Made) -> str:
    if made.name.startswith("@"):
        return "sets" if made.event is Event.BIND else "changes"
    return _DONE[made.event]


def _uses(name: str) -> str:
    return f"{'works with' if name.startswith('@') else 'reads'} {_shown(name)}"


def _shown(name: str) -> str:
    return f"hidden state ({name[1:]})" if name.startswith("@") else f"'{name}'"


def _by(functions: Sequence[str]) -> str:
    return f", through {', '.join(functions)}" if functions else ""


def explain_order(
    subject: Subject, pipeline: Pipeline, first: StepName, second: StepName
) -> Explanation:
    """Return whether and why ``second`` comes after ``first``; both are steps of the pipeline."""
    following: dict[StepName, list[StepName]] = {}
    for edge in pipeline.edges:
        following.setdefault(edge.producer, []).append(edge.consumer)
    way = _shortest(following, first, second)
    back = _shortest(following, second, first) if not way else []
    chain = way or back
    return Explanation(
        first=first,
        second=second,
        is_reversed=bool(back),
        links=tuple(
            StepLink(
                producer=one,
                consumer=other,
                reasons=tuple(_Reasons(subject, pipeline, one, other).all()),
            )
            for one, other in pairwise(chain)
        ),
        between=_between(pipeline, following, chain[0], chain[-1]) if chain else (),
    )


def _shortest(
    following: dict[StepName, list[StepName]], first: StepName, last: StepName
) -> list[StepName]:
    """Return a shortest way, both ends included; empty if there is none."""
    ways = [[first]]
    seen = {first}
    for way in ways:  # grows
        for each in following.get(way[-1], ()):
            if each == last:
                return [*way, each]
            if each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []


def _between(
    pipeline: Pipeline, following: dict[StepName, list[StepName]], first: StepName, last: StepName
) -> tuple[StepName, ...]:
    before: dict[StepName, list[StepName]] = {}
    for producer, consumers in following.items():
        for consumer in consumers:
            before.setdefault(consumer, []).append(producer)
    found = _reached(following, first) & _reached(before, last)
    return tuple(s.name for s in pipeline.steps if s.name in found - {first, last})


def _reached(following: dict[StepName, list[StepName]], start: StepName) -> set[StepName]:
    seen: set[StepName] = set()
    stack = [start]
    while stack:
        for each in following.get(stack.pop(), ()):
            if each not in seen:
                seen.add(each)
                stack.append(each)
    return seen


class _Reasons:
    """Collects the reasons of one link."""

    def __init__(
        self, subject: Subject, pipeline: Pipeline, first: StepName, second: StepName
    ) -> None:
        self.subject = subject
        self.places = subject.places
        self.pipeline = pipeline
        self.first = first
        self.second = second

    def all(self) -> Iterator[Reason]:
        for name in self.subject.names_between(self.first, self.second):
            yield self._of_name(name)
        yield from self._of_files()
        yield from self._of_gate()
        yield from self._of_tags()

    # -- values ----------------------------------------------------------------------------------
    def _of_name(self, name: str) -> Reason:
        if self._is_unseen(name):
            return self._unseen(name)
        reads = list(self.places.taken(self.second, name))
        direct = [taken for taken in reads if taken.made.placed.step == self.first]
        if direct:
            naming_it = (taken for taken in direct if naming(taken.statement, name, ast.Load))
            return self._read(name, next(naming_it, direct[0]))
        shared = self._shared_with(name)
        makers = [
            self.places.last_made(name, self.first) or self._last_made_elsewhere(name),
            self.places.last_made(shared, self.first) if shared is not None else None,
        ]
        places = [self._made_at(made) for made in makers if made is not None]
        places += [(taken.location, self._reads_here(taken)) for taken in reads[:1]]
        if shared is not None:
            return Reason(
                kind=ReasonKind.SHARING,
                name=name,
                text=f"'{name}' may share an object with '{shared}', which is changed or compared "
                "later, so both come from one step",
                places=tuple(places),
            )
        return Reason(
            kind=ReasonKind.VALUE,
            name=name,
            text=f"step '{self.second}' hands '{name}' on, as it is or changed",
            places=tuple(places),
        )

    def _last_made_elsewhere(self, name: str) -> Made | None:
        """Return where another step, or setup, has made or changed a name last."""
        for version in reversed(self.places.history.versions.get(name, ())):
            if version.owner != self.second:
                return self.places.made(name, version)
        return None

    def _read(self, name: str, taken: Taken) -> Reason:
        way = through(self.places, taken.statement, name, is_change=False)
        places = [
            *self._bound_before(taken.made),
            self._made_at(taken.made),
            (taken.location, self._reads_here(taken, *way.labels)),
        ]
        if way.location is not None:
            places.append((way.location, f"{way.labels[-1]} {_uses(name)} here"))
        return Reason(
            kind=ReasonKind.STATE if name.startswith("@") else ReasonKind.VALUE,
            name=name,
            text=f"step '{self.second}' {_uses(name)}, which step '{self.first}' "
            f"{_done(taken.made)}",
            places=tuple(places),
            through=way.labels,
        )

    def _reads_here(self, taken: Taken, *functions: str) -> str:
        reader = who(taken.placed) if not taken.placed.is_test else "a test of it"
        return f"{reader} {_uses(taken.name)} here{_by(functions)}"

    def _made_at(self, made: Made) -> tuple[Location, str]:
        way = through(self.places, made.statement, made.name, is_change=True)
        text = f"{who(made.placed)} {_done(made)} {_shown(made.name)} here{_by(way.labels)}"
        return made.location, text

    def _bound_before(self, made: Made) -> Iterator[tuple[Location, str]]:
        """Yield where a name was bound that ``made`` only changes."""
        if made.event is Event.BIND or made.name.startswith("@"):
            return
        before = [
            version
            for version in self.places.history.versions[made.name]
            if version.event is Event.BIND and version.placed.position < made.number
        ]
        if before:
            yield self._made_at(self.places.made(made.name, before[-1]))

    def _is_unseen(self, name: str) -> bool:
        """Tell whether nothing binds visibly what the step takes."""
        history = self.subject.history
        source = self.subject.links.sources[self.second, name]
        return not name.startswith("@") and all(
            version.event is not Event.BIND
            and name not in history.facts[version.placed.position].bound
            for version in history.versions.get(name, ())[: source.version + 1]
        )

    def _unseen(self, name: str) -> Reason:
        cell = next(
            p for p in reversed(self.subject.history.unknown_binders) if p.step == self.first
        )
        place = self.subject.statement(cell, lambda effects: effects.is_opaque)
        return Reason(
            kind=ReasonKind.UNSEEN,
            name=name,
            text=f"step '{self.second}' reads '{name}', which nothing binds visibly, and step "
            f"'{self.first}' may bind any name",
            places=((place, f"step '{self.first}' may bind any name here"),),
        )

    def _shared_with(self, name: str) -> str | None:
        """Return another name that the step takes and that may share an object that matters."""
        start = self.subject.cells_of[self.second][0].position
        mine = self._live(name, start)
        for step, other in sorted(self.subject.links.sources):
            if step == self.second and other != name and mine & self._live(other, start):
                return other
        return None

    def _live(self, name: str, start: int) -> set[object]:
        version = self.subject.links.sources[self.second, name].version
        if version < 0 or name.startswith("@"):
            return set()
        value = self.subject.history.versions[name][version].value
        touched = self.subject.history.touched
        return {o for o in reach(value, kept=True) if o.has_identity or touched.get(o, -1) >= start}

    # -- files, gates, tags ----------------------------------------------------------------------
    def _of_files(self) -> Iterator[Reason]:
        for tie in self.subject.ties:
            if (tie.producer, tie.consumer) != (self.first, self.second):
                continue
            path = describe_path(tie.path) if tie.path else "a file whose path is not known"
            done = "reads what was written to" if tie.is_read else "touches"
            yield Reason(
                kind=ReasonKind.FILE,
                name=tie.path,
                text=f"step '{self.second}' {done} {path}",
                places=(
                    (self._file_at(self.first, tie.path), f"step '{self.first}' touches it here"),
                    (self._file_at(self.second, tie.path), f"step '{self.second}' touches it here"),
                ),
            )

    def _file_at(self, step: StepName, path: str | None) -> Location:
        cells = [p for p, _ in self.subject.history.files if p.step == step]
        return file_place(self.subject, cells or self.subject.cells_of[step], path)

    def _of_gate(self) -> Iterator[Reason]:
        step = next(s for s in self.pipeline.steps if s.name == self.second)
        for metric, reporter in step.gate.metrics if step.gate is not None else ():
            if step.gate is not None and reporter == self.first:
                yield Reason(
                    kind=ReasonKind.METRIC,
                    name=metric,
                    text=f"step '{self.second}' runs only when {step.gate.expression}, and step "
                    f"'{self.first}' reports '{metric}'",
                    places=(
                        (
                            self.subject.placement.location_of("when", self.second),
                            "the tag 'when:' is on this cell",
                        ),
                    ),
                )

    def _of_tags(self) -> Iterator[Reason]:
        for step in self.subject.placement.steps:
            for name, cell in step.after if step.name == self.second else ():
                if name == self.first:
                    yield Reason(
                        kind=ReasonKind.TAG,
                        name=None,
                        text=f"the tag 'prev:{name}' says so",
                        places=((cell.location, f"the tag 'prev:{name}' is on this cell"),),
                    )
