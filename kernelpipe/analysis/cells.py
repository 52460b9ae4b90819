"""From one cell, and what is known before it, to what it reads, binds, changes and touches."""

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from kernelpipe.analysis.calls import Calls
from kernelpipe.analysis.core import GlobalRead, Scope, ScopeKind, World
from kernelpipe.analysis.expressions import Expressions
from kernelpipe.analysis.functions import Functions
from kernelpipe.analysis.heap import Value
from kernelpipe.analysis.magics import Magics
from kernelpipe.analysis.statements import Statements
from kernelpipe.analysis.summaries import Effects

IPYTHON_NAMES = frozenset(
    "get_ipython display exit quit In Out _ __ ___ _i _ii _iii _ih _oh _dh __name__ __doc__ "
    "__builtins__ __builtin__ __package__ __spec__ __loader__ __annotations__ __session__ "
    "__file__".split()
)
BUILTINS = frozenset(dir(builtins)) | IPYTHON_NAMES


class Interpreter(Magics, Statements, Functions, Calls, Expressions):
    """Executes code on abstract values."""


@dataclass(slots=True, kw_only=True)
class CellFacts:
    """What one cell does to the notebook's names; ``bound`` holds what they may be after it."""

    reads: dict[str, GlobalRead]
    bound: dict[str, Value]
    definite: frozenset[str]
    deleted: frozenset[str]
    maybe_deleted: frozenset[str]
    effects: Effects
    configuration: tuple[str, ...]
    binds_unknown: bool


def execute_cell(body: Iterable[ast.stmt], world: World, *, may_raise: bool = False) -> CellFacts:
    """Execute a parsed cell on abstract values.

    Args:
        body: The statements of the cell.
        world: What is known before it.
        may_raise: The notebook goes on where the cell raises, so each statement may not run.
    """
    scope = Scope(kind=ScopeKind.CELL)
    effects = Effects()
    interpreter = Interpreter(world, scope, effects)
    if may_raise:
        interpreter.execute_maybe(body)
    else:
        interpreter.execute(body)
    flow = scope.flow
    return CellFacts(
        reads=interpreter.global_reads,
        bound=dict(flow.bound),
        definite=frozenset(flow.definite),
        deleted=frozenset(flow.deleted),
        maybe_deleted=frozenset(flow.maybe_deleted - flow.deleted),
        effects=effects,
        configuration=tuple(interpreter.configuration),
        binds_unknown=interpreter.binds_unknown or effects.is_opaque,
    )
