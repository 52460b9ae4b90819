"""Finds the statements of setup that a step's result depends on."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kernelpipe.compiler.definitions import BUILTIN_DECORATORS, DECORATOR_MODULES
from kernelpipe.compiler.mentions import may_use_any_name
from kernelpipe.compiler.statements import SetupUnit, Unit, setup_units_of
from kernelpipe.runtime.notebook import python_text

_IMPORTS = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a step uses of its setup.

    ``positions`` are those of statements in ``Setup.units``; ``names`` are all names that count as
    used.
    """

    positions: frozenset[int]
    names: frozenset[str]


@lru_cache(maxsize=64)
def setup_of(cells: tuple[tuple[str, frozenset[str]], ...]) -> "Setup":
    """Return a step's setup; steps of a notebook share most of theirs.

    Args:
        cells: The source of each setup cell, with the parameters that it gives their defaults.
    """
    return Setup(cells)


class Setup:
    """The statements of setup, without the defaults of parameters.

    Attributes:
        units: (position of the cell, statement), in order.
        defaults: Parameter -> Python expression of its default, as far as these are left out:
            the parameter's value counts, wherever it comes from.
        free: Positions of statements whose order among neighbours in this set means nothing.
        busy: Positions of cells with statements that do more than to define something.
    """

    def __init__(self, cells: tuple[tuple[str, frozenset[str]], ...]) -> None:
        found = [
            (i, unit) for i, (source, _) in enumerate(cells) for unit in setup_units_of(source)
        ]
        times = Counter(name for _, unit in found for name in unit.binds)
        self.units: list[tuple[int, SetupUnit]] = []
        self.defaults: dict[str, str] = {}
        for cell, unit in found:
            name, text = _literal(unit.unit.syntax) or ("", "")
            if name in cells[cell][1] and times[name] == 1:
                self.defaults[name] = text
            else:
                self.units.append((cell, unit))
        self._bound = frozenset(times)
        self._trusted = _trusted_decorators(unit for _, unit in self.units)
        self._effects = [i for i, (_, unit) in enumerate(self.units) if self._has_effect(unit)]
        self._mentioned = mentioned(unit.unit for _, unit in self.units)
        self._wanted_by = dict(self._triggers())
        self.busy = {self.units[i][0] for i in self._effects}
        self.free = {
            i
            for i, (_, unit) in enumerate(self.units)
            if unit.eager is not None
            and all(times[name] == 1 for name in unit.binds)
            and unit.eager.isdisjoint(times)
        }

    def used_by(self, own: Sequence[Unit], names: Iterable[str]) -> Used:
        """Return what of setup counts for a step.

        A statement that only defines something counts where what it binds is used; every other
        statement always counts, with all that it mentions.

        Args:
            own: The statements of the step's own cells and tests.
            names: Names that the step uses besides those that its code mentions.
        """
        wanted = mentioned(own) | set(names)
        read_anywhere = wanted | self._mentioned
        used: set[int] = set()
        waiting = [*self._effects, *self._imports_for_effect(read_anywhere)]
        self._want(wanted, waiting)
        while True:
            while waiting:
                position = waiting.pop()
                if position not in used:
                    used.add(position)
                    unit = self.units[position][1]
                    more = (unit.unit.mentions.names | unit.binds) - wanted
                    wanted |= more
                    self._want(more, waiting)
            if len(used) == len(self.units) or not self._is_hidden(own, used):
                return Used(positions=frozenset(used), names=frozenset(wanted))
            # Code that is not there to be read may use anything.
            waiting.extend(range(len(self.units)))

    def may_read(self, own: Sequence[Unit], name: str) -> bool:
        """Tell whether a step, or anything in its setup, may read a name.

        Args:
            own: The statements of the step's own cells and tests.
            name: Of a parameter; the statement that gives it its default does not count.
        """
        is_mentioned = name in self._mentioned or name in mentioned(own)
        return is_mentioned or self._is_hidden(own, range(len(self.units)))

    def _want(self, names: Iterable[str], waiting: list[int]) -> None:
        for name in names:
            waiting.extend(self._wanted_by.get(name, ()))

    def _triggers(self) -> Iterator[tuple[str, list[int]]]:
        """Yield name -> positions of the statements that count where the name is used."""
        found: dict[str, list[int]] = {}
        for position, (_, unit) in enumerate(self.units):
            names = set(unit.binds)
            if isinstance(unit.unit.syntax, ast.ClassDef):
                # A subclass can be found through its base (__subclasses__, __init_subclass__).
                names |= self._bound & set().union(*map(_roots, unit.unit.syntax.bases))
            for name in names:
                found.setdefault(name, []).append(position)
        yield from found.items()

    def _has_effect(self, unit: SetupUnit) -> bool:
        return not unit.is_definition or not unit.decorators <= self._trusted

    def _imports_for_effect(self, read_anywhere: set[str]) -> Iterator[int]:
        """Yield the imports that nobody reads: they are there for what importing does.

        Lowering leaves out the imports that only other steps use.
        """
        for position, (_, unit) in enumerate(self.units):
            if isinstance(unit.unit.syntax, _IMPORTS) and unit.binds.isdisjoint(read_anywhere):
                yield position

    def _is_hidden(self, own: Sequence[Unit], used: Iterable[int]) -> bool:
        return may_use_any_name(
            [u.mentions for u in (*own, *(self.units[i][1].unit for i in used))]
        )


def mentioned(units: Iterable[Unit]) -> set[str]:
    """Return all names that statements mention."""
    return {name for unit in units for name in unit.mentions.names}


def _literal(statement: ast.stmt) -> tuple[str, str] | None:
    """Return the name and the value, as Python, that a statement assigns; None for others."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            try:
                return name, python_text(ast.literal_eval(value))
            except (ValueError, TypeError, MemoryError, RecursionError):
                return None
        case _:
            return None


def _trusted_decorators(setup: Iterable[SetupUnit]) -> frozenset[str]:
    """Return the names of decorators that surely are what they seem to be."""
    trusted, others = set(BUILTIN_DECORATORS), set[str]()
    for unit in setup:
        syntax = unit.unit.syntax
        is_trusted = isinstance(syntax, _IMPORTS) and _modules(syntax) <= DECORATOR_MODULES
        (trusted if is_trusted else others).update(unit.binds)
    return frozenset(trusted - others)


def _modules(syntax: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(syntax, ast.ImportFrom):
        return {syntax.module or ""}
    return {alias.name for alias in syntax.names}


def _roots(base: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(base) if isinstance(node, ast.Name)}
