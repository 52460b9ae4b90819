"""What is to be said of magics that use what the shell keeps for itself."""

import ast
from collections.abc import Iterator
from dataclasses import replace

from kernelpipe.analysis.history import History
from kernelpipe.analysis.magic_rules import NOT_REPEATED, OF_ANOTHER_STEP
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.rules import HISTORY
from kernelpipe.analysis.source import Program, nodes_of
from kernelpipe.analysis.summaries import SessionUse
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_HINTS = {
    "directories": "name the directory",
    "connection": "connect in a cell tagged 'imports', or to a database in a file",
    "magic": "register it in a cell tagged 'imports', which every step runs",
}


def session_verdicts(
    placement: Placement, history: History, program: Program
) -> Iterator[Diagnostic]:
    """Yield where a step uses what another step's shell keeps."""
    made: dict[tuple[str, str], PlacedCell] = {}
    """Kind of state and its name -> the last cell that changed it."""
    for placed in placement.cells:
        facts = history.facts.get(placed.position)
        if facts is None:
            continue
        for use in facts.effects.session:
            key = (use.kind, use.text if use.kind == "magic" else "")
            if use.kind == "history":
                yield HISTORY.at(
                    _location(placed, use.line),
                    f"{_who(placed)} uses '{use.text}', which depends on the cells run before",
                    "leave it out, or tag its cell 'skip'",
                )
            elif use.kind == "configuration":
                yield from _not_repeated(placement, placed, use)
            elif use.is_change:
                made[key] = placed
            elif (maker := made.get(key)) is not None and maker.step not in (None, placed.step):
                yield _of_another_step(placed, use, maker)
        for name in _registered(program, placed):
            made["magic", name] = placed


def _not_repeated(
    placement: Placement, placed: PlacedCell, use: SessionUse
) -> Iterator[Diagnostic]:
    later = (p.step for p in placement.cells[placed.position :])
    step = next((name for name in later if name not in (None, placed.step)), None)
    if placed.step is not None and step is not None:
        yield NOT_REPEATED.at(
            _location(placed, use.line),
            f"step '{placed.step}' sets its session up with '{use.text}', "
            f"which cannot be repeated in step '{step}'",
            "put it into a cell tagged 'imports', or let it stand by itself, with its text in full",
        )


def _of_another_step(placed: PlacedCell, use: SessionUse, maker: PlacedCell) -> Diagnostic:
    text = f"%{use.text}" if use.kind == "magic" else use.text
    return OF_ANOTHER_STEP.at(
        _location(placed, use.line),
        f"{_who(placed)} uses '{text}', which needs what the session of step '{maker.step}' keeps",
        _HINTS[use.kind],
        [(_location(maker), "this cell made it")],
    )


def _location(placed: PlacedCell, line: int | None = None) -> Location:
    return replace(placed.cell.location, line=line, column=None if line is None else 0)


def _who(placed: PlacedCell) -> str:
    return f"step '{placed.step}'" if placed.step else "setup"


def _registered(program: Program, placed: PlacedCell) -> Iterator[str]:
    """Yield the magics that functions of a cell are registered as."""
    if not program.seen.own_magics:
        return
    tree = program.trees.get(placed.cell.index)
    for node in () if tree is None else nodes_of(tree):
        name = getattr(node, "name", None)
        if name in program.seen.own_magics and isinstance(node, _FUNCTIONS):
            yield str(name)
