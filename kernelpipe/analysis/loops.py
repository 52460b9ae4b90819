"""The loops of steps (``foreach:``): what they run over, and how the analysis sees them.

To the analysis a loop is a statement ``NAME = LIST[0]`` before the step's first cell: the step
reads the list and binds the variable, and nothing that was bound before reaches it.
"""

import ast
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernelpipe.analysis.heap import Obj, Value
from kernelpipe.analysis.history import Event, History
from kernelpipe.analysis.knowledge import GENERATORS
from kernelpipe.analysis.late_reads import LateRead, late_reads
from kernelpipe.analysis.linking import Links
from kernelpipe.analysis.names import bound_names, imported_names
from kernelpipe.analysis.parameters import parameters_of
from kernelpipe.analysis.placement import DeclaredStep, PlacedCell, Placement
from kernelpipe.analysis.rules import (
    LOOP_CHANGES,
    LOOP_DEFINITION,
    LOOP_FUNCTION,
    LOOP_IMPORT,
    LOOP_LIST,
    LOOP_MODEL,
    LOOP_VARIABLE,
)
from kernelpipe.analysis.source import Program, nodes_of
from kernelpipe.analysis.syntax import parse_python
from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.model.pipeline import Loop, Parameter, ParameterType
from kernelpipe.model.settings import Foreach

_MAGICS = frozenset({"run_cell_magic", "run_line_magic", "system", "getoutput"})
"""What IPython turns magics and shell commands into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loops:
    """The loops of a notebook that can be; ``diagnostics`` say what is wrong with the others."""

    by_step: Mapping[StepName, Loop]
    diagnostics: tuple[Diagnostic, ...]


def declare_loops(placement: Placement, program: Program) -> Loops:
    """Return the loops, and bind their variables in ``program``."""
    parameters = parameters_of(placement, program)
    by_step: dict[StepName, Loop] = {}
    diagnostics: list[Diagnostic] = []
    for step in placement.steps:
        foreach = step.settings.foreach
        if foreach is None:
            continue
        fault = _fault(placement, step, foreach, parameters, program)
        if step.settings.register is not None:
            diagnostics.append(_registers(placement, step))
        value = "None"  # so that nobody is told of the variable, too
        if fault is not None:
            diagnostics.append(fault)
        else:
            by_step[step.name] = Loop(variable=foreach.name, parameter=foreach.items)
            value = f"{foreach.items}[0]"
        first = placement.cells_of(step.name)[0].cell
        tree = program.trees.get(first.index)
        if tree is not None:
            bound = parse_python(f"{foreach.name} = {value}").body
            body = [*bound, *tree.body]  # a new tree: others use the cell's
            program.trees[first.index] = ast.Module(body=body, type_ignores=[])
            program.seen.rebound.add(foreach.name)
            program.seen.read.add(foreach.items)
    return Loops(by_step=by_step, diagnostics=tuple(diagnostics))


def loop_verdicts(
    loops: Mapping[StepName, Loop],
    placement: Placement,
    history: History,
    links: Links,
    program: Program,
) -> Iterator[Diagnostic]:
    """Yield what is to be said of loops once names are linked."""
    for step, loop in loops.items():
        cells = placement.cells_of(step)
        place = placement.location_of("foreach", step)
        who = _who_changes(step, loop.parameter, history, links)
        if who is not None:
            yield LOOP_LIST.at(
                place,
                f"step '{step}' runs for each item of '{loop.parameter}', which {who} changes",
                "how often a step runs must be known before the run: give the changed list"
                " another name",
            )
        imported: set[str] = set()
        for placed in cells:
            tree = program.trees.get(placed.cell.index)
            names = imported_names(tree) if tree is not None else set()
            imported |= names
            for name in sorted(names & links.outputs.get(step, {}).keys()):
                yield LOOP_IMPORT.at(
                    placed.cell.location,
                    f"step '{step}' imports '{name}' for each item, and later steps would see a"
                    " list of them",
                    "import it in a cell tagged 'imports'",
                )
        yield from _handed_on(step, cells, imported, history, links, program)
        for name in sorted(_names_taken(step, links)):
            events = {v.event for v in history.versions.get(name, ()) if v.owner == step}
            is_error = events == {Event.CHANGE} and name in links.outputs.get(step, {})
            if events and (name.startswith("@") or not is_error):  # see `loop_sharing`
                yield LOOP_CHANGES.at(place, *_carried(step, name, events))


def _handed_on(
    step: StepName,
    cells: Sequence[PlacedCell],
    imported: set[str],
    history: History,
    links: Links,
    program: Program,
) -> Iterator[Diagnostic]:
    """Yield what is to be said of the functions and classes in what a loop hands on."""
    own = {
        name
        for name, versions in history.versions.items()
        if any(version.owner == step for version in versions) and not name.startswith("@")
    }
    locations = {placed.cell.index: placed.cell.location for placed in cells}
    defined = _defined(cells, program)
    for name, cell in sorted(links.outputs.get(step, {}).items()):
        read = next(late_reads(_given(step, name, history, links), own - imported, history), None)
        if read is not None:
            yield LOOP_FUNCTION.at(
                locations[cell],
                f"step '{step}' hands on '{name}' with code that reads '{read.name}' when it is"
                f" called, and later steps see the list of all '{read.name}'",
                _how_to_bind(read, defined),
            )
        elif name in defined and not own & defined[name]:
            yield LOOP_DEFINITION.at(
                locations[cell],
                f"step '{step}' defines '{name}' for each item, and later steps see a list of them",
                "define it in a cell tagged 'functions'",
            )


def _given(step: StepName, name: str, history: History, links: Links) -> Value:
    """Return what a name may be where later steps take it from ``step``."""
    versions = {
        source.version
        for (_, taken), source in links.sources.items()
        if taken == name and source.producer == step and source.version >= 0
    }
    return frozenset[Obj]().union(*(history.versions[name][v].value for v in versions))


def _how_to_bind(read: LateRead, defined: Container[str]) -> str:
    name, function = read.name, read.function
    if name in defined:
        return f"define '{name}' in a cell tagged 'functions'"
    if function.name == "<lambda>":
        return f"bind it as a default argument: lambda ..., {name}={name}: ..."
    if function.positional[:1] == ["self"]:
        return f"keep it in the object: self.{name} = {name} in __init__"
    return f"bind it as a default argument: def {function.name}(..., {name}={name})"


def _defined(cells: Iterable[PlacedCell], program: Program) -> dict[str, set[str]]:
    """Return each function and class that cells define -> the names that its statement reads."""
    return {
        statement.name: {name for node in nodes_of(statement) for name in _names_read(node)}
        for placed in cells
        if (tree := program.trees.get(placed.cell.index)) is not None
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def _who_changes(step: StepName, items: str, history: History, links: Links) -> str | None:
    """Return what makes another list of a parameter before a step begins, None if nothing does."""
    source = links.sources.get((step, items))
    if source is not None:
        return f"step '{source.producer}'"
    version = links.setup_uses.get(step, {}).get(items)
    if version is None:
        return None
    for each in history.versions[items][: version + 1]:
        facts = history.facts[each.placed.position]
        is_changed = not each.value.isdisjoint(facts.effects.changed)
        if each.placed.cell.role is not CellRole.PARAMETERS or is_changed:
            return f"cell {each.placed.cell.index}"
    return None


def is_ordered(step: StepName, items: str, history: History) -> bool:
    """Tell whether the items of a loop over ``items`` write a file of one name for all of them."""
    return any(
        placed.step == step and use.is_write and use.path is not None and items not in use.given
        for placed, use in history.files
    )


def files_handed_on(step: StepName, items: str, history: History) -> tuple[str, ...]:
    """Return the files that an item may find as another one left them, sorted.

    A name that depends on the item is that of a file of its own.
    """
    uses = [(p, u) for p, u in history.files if p.step == step and items not in u.given]
    whole = {u.path: p.position for p, u in reversed(uses) if u.is_whole}
    written = {u.path for _, u in uses if u.is_write}
    return tuple(
        sorted(
            {
                use.path
                for placed, use in uses
                if use.path in written
                and use.path is not None
                and not use.is_write
                and whole.get(use.path, placed.position) >= placed.position
            }
        )
    )


def _names_taken(step: StepName, links: Links) -> set[str]:
    """Return what the first item of a step finds that was there before the step."""
    loaded = {name for each, name in links.sources if each == step}
    found = loaded | set(links.setup_uses.get(step, ()))
    # Of the other hidden state, what each item sets is the same for all of them most often.
    return {name for name in found if not name.startswith("@") or name in GENERATORS} | {"@cwd"}


def _carried(step: StepName, name: str, events: set[Event]) -> tuple[str, str]:
    """Return what is to be said of a name that an item would find as another one left it."""
    if name.startswith("@"):
        what = "the working directory" if name == "@cwd" else f"the random numbers of {name[1:]}"
        said = f"changes {what}: each item begins with that from before the step"
        hint = "set it in the step whatever it was before: os.chdir to an absolute path, or a seed"
        return f"step '{step}' {said}", hint
    if Event.BIND in events or Event.MAYBE in events:
        said = f"reads '{name}' and binds it anew: each item begins with that from before the step"
    else:
        said = f"changes '{name}' in place: each item changes a copy of its own"
    return f"step '{step}' {said}", "assign what one item gives to a name of its own"


def _statements(placement: Placement, program: Program) -> Iterator[ast.stmt]:
    """Yield the statements of the parameters cells."""
    for placed in placement.cells:
        if placed.cell.role is CellRole.PARAMETERS and placed.cell.index in program.trees:
            yield from program.trees[placed.cell.index].body


def _registers(placement: Placement, step: DeclaredStep) -> Diagnostic:
    return LOOP_MODEL.at(
        placement.location_of("foreach", step.name),
        f"step '{step.name}' registers a model, and makes one for each item",
        "choose one in a later step, and register it there",
    )


def _with_tuples(placement: Placement, program: Program) -> set[str]:
    """Return the names that parameters cells give a list or a tuple with tuples in it."""
    return {
        target.id
        for statement in _statements(placement, program)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and statement.value is not None
        and any(
            isinstance(node, ast.Tuple) and node is not statement.value
            for node in nodes_of(statement.value)
        )
        for target in nodes_of(statement)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
    }


def _fault(
    placement: Placement,
    step: DeclaredStep,
    foreach: Foreach,
    parameters: Mapping[str, Parameter],
    program: Program,
) -> Diagnostic | None:
    """Return what is wrong with a loop as far as one can tell before names are linked."""
    place = placement.location_of("foreach", step.name)
    lists = sorted(n for n, each in parameters.items() if each.type is ParameterType.LIST)
    if foreach.items in lists and foreach.items in _with_tuples(placement, program):
        return LOOP_LIST.at(
            place,
            f"step '{step.name}' runs for each item of '{foreach.items}', which has tuples in it:"
            " parameters are JSON, so that each would come as a list",
            "write the items as lists",
        )
    known = parameters.get(foreach.items)
    if known is None and foreach.items in bound_names(_statements(placement, program)).local:
        return LOOP_LIST.at(
            place,
            f"step '{step.name}' runs for each item of '{foreach.items}', which is no parameter:"
            " the parameters cell computes it",
            f"write the list as a literal: {foreach.items} = [...]",
        )
    if foreach.items not in lists:
        what = f"a parameter of type {known.type.value}" if known else "no parameter"
        return LOOP_LIST.at(
            place,
            f"step '{step.name}' runs for each item of '{foreach.items}', which is {what}",
            did_you_mean(foreach.items, lists)
            or (f"the lists are: {', '.join(lists)}" if lists else None)
            or f"assign a list to '{foreach.items}' in a cell tagged 'parameters'",
        )
    own = {p.cell.index for p in placement.cells if p.step in (None, step.name)}
    read = {
        name
        for index, tree in program.trees.items()
        if index in own
        for node in nodes_of(tree)
        for name in _names_read(node)
    }
    is_readable = own <= program.trees.keys()
    if foreach.name == foreach.items or (is_readable and foreach.name not in read):
        return LOOP_VARIABLE.at(
            place,
            f"step '{step.name}' runs for each '{foreach.name}', which it does not read",
            did_you_mean(foreach.name, read - {foreach.items})
            or f"every item would give the same: use '{foreach.name}' in the step",
        )
    return None


def _names_read(node: ast.AST) -> Iterable[str]:
    """Return the names that a node reads; a magic may read every word in its texts."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return (node.id,)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _MAGICS:
        texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
        return {word for text in texts for word in re.findall(r"\w+", str(text))}
    return ()
