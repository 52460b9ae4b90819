"""Code that asks a class for its subclasses, of which a step has only those that it takes."""

from collections.abc import Iterable, Iterator

from kernelpipe.analysis.heap import Kind, Obj
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.rules import SUBCLASSES
from kernelpipe.analysis.subject import Subject
from kernelpipe.model.diagnostic import Diagnostic


def missing_subclasses(subject: Subject) -> Iterable[Diagnostic]:
    """Yield an error for each cell that lists subclasses, where another step made some before."""
    for placed in subject.placement.cells:
        facts = subject.history.facts.get(placed.position)
        if facts is None or not facts.effects.lists_classes or placed.step is None:
            continue
        made = next(_classes_before(subject, placed), None)
        if made is not None:
            maker, name = made
            yield SUBCLASSES.at(
                subject.statement(placed, lambda effects: effects.lists_classes, "__subclasses__"),
                f"step '{placed.step}' asks for subclasses, and '{name}' of step '{maker.step}' "
                "may not be among them",
                "define the classes in a cell tagged 'functions', which every step runs",
                [(maker.cell.location, f"step '{maker.step}' defines '{name}' here")],
            )


def _classes_before(subject: Subject, placed: PlacedCell) -> Iterator[tuple[PlacedCell, str]]:
    """Yield the cells of other steps above ``placed`` that make classes with bases, and these."""
    for other in subject.placement.cells:
        facts = subject.history.facts.get(other.position)
        if facts is None or other.position >= placed.position:
            continue
        if other.step not in (None, placed.step):
            for name, value in sorted(facts.bound.items()):
                if any(map(_is_subclass, value)):
                    yield other, name


def _is_subclass(o: Obj) -> bool:
    return o.kind is Kind.CLASS and o.klass is not None and bool(o.klass.bases)
