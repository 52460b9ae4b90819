"""Advice: large values that need not be stored, and outputs that came from another order."""

import ast
from collections.abc import Iterable, Iterator, Sequence

from kernelpipe.analysis.heap import Kind
from kernelpipe.analysis.history import Event, Version
from kernelpipe.analysis.order_rules import LARGE_VALUE, OTHER_ORDER
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.analysis.source import nodes_of
from kernelpipe.analysis.subject import Subject
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole

_LARGE = frozenset({Kind.FRAME, Kind.ARRAY})
_SUMMARIES = frozenset(
    "all any argmax argmin corr count cov describe first idxmax idxmin item kurt last max mean "
    "median min mode nunique prod product quantile score sem skew std sum var".split()
)
"""Methods of tables and arrays that give little, however much there is."""
_FEW = frozenset("bool float int len max min round str sum".split())


def advice(subject: Subject) -> Iterator[Diagnostic]:
    """Yield what would be better otherwise, though the pipeline is right."""
    yield from _large_values(subject)
    yield from _other_order(subject)


# -- large values --------------------------------------------------------------------------------
def _large_values(subject: Subject) -> Iterator[Diagnostic]:
    sources = subject.links.sources
    takers: dict[tuple[StepName, str], set[StepName]] = {}
    for (step, name), source in sources.items():
        takers.setdefault((source.producer, name), set()).add(step)
    for (step, name), source in subject.sources:
        versions = subject.history.versions.get(name, [])
        if source.version < 0 or takers[source.producer, name] != {step}:
            continue
        version = versions[source.version]
        if _is_large(version) and not _is_small(subject, name, version):
            found = _cut_nearby(subject, step, name, source.producer)
            if found is not None:
                yield found


def _is_large(version: Version) -> bool:
    kinds = {o.kind for o in version.stored}
    return bool(kinds) and kinds <= _LARGE


def _cut_nearby(
    subject: Subject, step: StepName, name: str, producer: StepName
) -> Diagnostic | None:
    """Return advice if the first cells of ``step`` are all that need ``name``.

    They must follow the producer's last cell, need nothing but what it has, and leave only little
    for the cells below them.
    """
    own = subject.cells_of[step]
    above = subject.placement.cells[own[0].position - 1]
    if above.step != producer or any(p.cell.role is not CellRole.STEP for p in own):
        return None
    if subject.producers_of[step] != {producer}:
        return None
    using = [number for number, placed in enumerate(own) if _uses(subject, placed, name)]
    if not using or using[-1] == len(own) - 1:
        return None
    moved = own[: using[-1] + 1]
    handed = _handed_down(subject, moved)
    if moved[-1].position - moved[0].position != using[-1] or not handed:
        return None
    last = moved[-1].cell.index
    small = ", ".join(f"'{each}'" for each in handed)
    made = subject.history.versions[name][subject.links.sources[step, name].version].placed
    return LARGE_VALUE.at(
        subject.mention(own[using[0]], name, is_read=True),
        f"'{name}' is stored for step '{step}', whose cells below cell {last} need only {small}",
        f"let step '{producer}' end with cell {last}: move its tags 'step:{step}' to the next cell",
        [(subject.mention(made, name, is_read=False), f"step '{producer}' makes '{name}' here")],
    )


def _uses(subject: Subject, placed: PlacedCell, name: str) -> bool:
    facts = subject.history.facts.get(placed.position)
    return facts is None or name in facts.reads or name in facts.bound or facts.binds_unknown


def _handed_down(subject: Subject, moved: Sequence[PlacedCell]) -> list[str]:
    """Return what cells below ``moved`` read of what these make; nothing if some of it is large."""
    last = moved[-1].position
    places = {p.position for p in moved}
    touched = {name for p in moved for name in _touched(subject, p)}
    found: set[str] = set()
    for name in sorted(touched):
        for read in subject.reads_of.get(name, ()):
            if read.placed.position <= last or read.version < 0:
                continue
            version = subject.history.versions[name][read.version]
            if version.placed.position in places:
                if version.event is not Event.BIND or not _is_small(subject, name, version):
                    return []
                found.add(name)
    return sorted(found)


def _touched(subject: Subject, placed: PlacedCell) -> Iterable[str]:
    """Return the names of which a cell may make a version."""
    facts = subject.history.facts.get(placed.position)
    if facts is None:  # it is not valid Python
        return ()
    return subject.history.versions if facts.effects.changed else facts.bound


def _is_small(subject: Subject, name: str, version: Version) -> bool:
    """Tell whether a name is surely bound to little: a number, a text, or a summary of data."""
    if version.stored and all(o.kind is Kind.IMMUTABLE for o in version.stored):
        return True
    tree = subject.tree(version.placed)
    values = [
        node.value
        for node in (nodes_of(tree) if tree is not None else ())
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    ]
    return bool(values) and all(_is_summary(subject, value) for value in values)


def _is_summary(subject: Subject, node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        value = subject.history.names.get(node.id)
        return bool(value) and all(o.kind is Kind.IMMUTABLE for o in value or ())
    if isinstance(node, ast.BinOp):
        return _is_summary(subject, node.left) and _is_summary(subject, node.right)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id in _FEW
        return isinstance(node.func, ast.Attribute) and node.func.attr in _SUMMARIES
    return False


# -- numbers of cells ----------------------------------------------------------------------------
def _other_order(subject: Subject) -> Iterator[Diagnostic]:
    """Yield the first cell that was run before the latest run of a cell that it depends on."""
    for read in subject.history.reads:
        count = read.placed.cell.execution_count
        if read.version < 0 or count is None or not read.place.is_written:
            continue
        versions = subject.history.versions[read.name]
        maker = versions[read.version].placed
        made = maker.cell.execution_count
        if made is None or made <= count or maker.position >= read.placed.position:
            continue
        yield OTHER_ORDER.at(
            subject.mention(read.placed, read.name, is_read=True),
            f"the outputs in the notebook came from another order: cell {read.placed.cell.index} "
            f"(run as [{count}]) reads '{read.name}', which cell {maker.cell.index} made "
            f"later (as [{made}])",
            "run all cells from top to bottom before you compare outputs",
            [
                (
                    subject.mention(maker, read.name, is_read=False),
                    f"'{read.name}' is made here, as [{made}]",
                )
            ],
        )
        return
